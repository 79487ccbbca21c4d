"""Other designs of the same trial: adaptive, borrowing controls, of ordered categories, followed longer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.trial.adaptive import calibrate_adaptive, simulate_adaptive
from simsepsis.trial.borrowing import borrowing_power
from simsepsis.trial.designs.follow_up import REFERENCES
from simsepsis.trial.effect import effect_between
from simsepsis.trial.ordinal import design_ordinal, rank_estimands, shifted
from simsepsis.trial.planning.companions import Bench
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.other_designs import Borrowing
from simsepsis.trial.simulation.pool import Pool, build_pool
from simsepsis.trial.simulation.setting import unsized
from simsepsis.trial.simulation.truth import risks

MOST_TRIALS = 1_000
"""Simulated adaptive trials under each truth, and at each step of the search for a threshold."""
MOST_BORROWING = 5_000
"""Patients of an arm whose every number of events can still be gone through."""
AROUND = (-0.1, -0.05, 0.0, 0.05, 0.1)
"""Control risks at which borrowing is told, less the plan's."""


def adaptive_risks(protocol: TrialProtocol, pool: Pool | None = None) -> tuple[float, ...]:
    """Return the risks of a protocol's arms as randomized in its world, control first."""
    return tuple(risks(unsized(protocol, pool or build_pool(protocol))).tolist())


def adaptive_table(bench: Bench) -> pd.DataFrame:
    """Return the operating characteristics of the adaptive trial without effect and as planned."""
    protocol, asked = bench.protocol, bench.protocol.adaptive
    if asked is None:
        return pd.DataFrame()
    true = asked.risks or adaptive_risks(protocol, bench.pool)
    design, seed, number = asked.design, protocol.run.seed, min(protocol.run.trials, MOST_TRIALS)
    if asked.superiority is None:
        design, _, _ = calibrate_adaptive(
            design, true[0], len(true), target=asked.error, trials=number, seed=seed
        )
    rows = []
    for truth, arms in (("null", (true[0],) * len(true)), ("planned", true)):
        # Other random numbers than those of the search, whose error would be the best of many.
        found = simulate_adaptive(design, arms, trials=number, seed=seed + 1).characteristics()
        rows += [
            {"truth": truth, "measure": name, "value": value, "mcse": mcse, "n_sim": number}
            for name, (value, mcse) in found.items()
        ]
    return pd.DataFrame(rows).assign(superiority=design.superiority)


def borrowing_table(bench: Bench) -> pd.DataFrame:
    """Return type I error and power with borrowed controls, by control risk and by measured bias."""
    asked = bench.protocol.borrowing
    if asked is None:
        return pd.DataFrame()
    given, prior = bench.size.assumptions, asked.prior
    known = [round(arm * (1.0 - given.loss)) for arm in bench.size.arms]
    patients = asked.controls or known[0], asked.treated or known[1]
    if max(patients) > MOST_BORROWING:
        raise UsageError(
            f"borrowing: {patients[0]:,} controls and {patients[1]:,} treated are too many for exact errors; "
            f"state borrowing.controls and borrowing.treated of at most {MOST_BORROWING:,}"
        )
    rows = pd.DataFrame(list(_rates(asked, given.p_control)), columns=["world", "p_control"])

    def claimed(odds_ratio: float) -> FloatArray:
        better = not asked.higher_is_better
        options = {"odds_ratio": odds_ratio, "threshold": asked.threshold, "lower_is_better": better}
        return borrowing_power(prior, *patients, rows["p_control"], **options)  # type: ignore[arg-type]

    # What the plan's treatment does to an event that is to be avoided says nothing of one to be sought.
    planned = effect_between(given.p_control, given.p_treated, "odds_ratio").value
    power = np.full(len(rows), np.nan) if asked.higher_is_better else claimed(planned)
    told = {"controls": patients[0], "treated": patients[1], "borrowed": round(prior.effective_patients)}
    return rows.assign(type_one=claimed(1.0), power=power, **told)


def _rates(asked: Borrowing, p_control: float) -> Iterator[tuple[str, float]]:
    """Yield true control risks, those of worlds whose registry is biased by name."""
    usual = tuple(risk for risk in p_control + np.array(AROUND) if 0.0 < risk < 1.0)
    yield from (("", float(risk)) for risk in asked.rates or usual)
    if asked.bias is not None:
        for world, (off, _) in asked.bias.measured.worlds.items():
            yield world, float(expit(logit(asked.prior.mean) - off))


def ordinal_table(bench: Bench) -> pd.DataFrame:
    """Return the patients for ordered categories, and the true value of every estimand of theirs."""
    asked, given = bench.protocol.ordinal, bench.size.assumptions
    if asked is None:
        return pd.DataFrame()
    level = {"alpha": given.alpha, "sides": given.sides, "power": given.power, "ratio": given.ratio}
    design = design_ordinal(asked.control, asked.odds_ratio, **level)  # type: ignore[arg-type]
    values = {"n_total": design.n_total, "n_known": design.rounded().n_total, "power": design.rounded().power}
    values |= rank_estimands(asked.control, shifted(asked.control, asked.odds_ratio))
    return pd.DataFrame({"measure": list(values), "value": list(values.values())})


def follow_up_table(bench: Bench) -> pd.DataFrame:
    """Return patients and events with everybody followed to the trial's end, by both formulas."""
    asked, given = bench.protocol.follow_up, bench.size.assumptions
    if asked is None:
        return pd.DataFrame()
    designs = {
        name: asked.design(name, given.alpha, given.sides, given.power, given.ratio) for name in REFERENCES
    }
    return pd.DataFrame(
        [
            {"formula": name, "reference": one.reference, "n_total": one.n_total, "events": one.events}
            for name, one in designs.items()
        ]
    )


BY_FORMULA = {"borrowing": borrowing_table, "ordinal": ordinal_table, "follow_up": follow_up_table}
"""Tables that need no simulated trial."""
