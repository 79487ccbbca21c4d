"""Whom to randomize: patients at high risk, patients in whom treatment does more, or everybody."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.from_protocol import planned_size
from simsepsis.trial.simulation.pool import Pool, build_pool
from simsepsis.trial.simulation.screen import screen
from simsepsis.trial.simulation.setting import UNSIZED, prepare
from simsepsis.trial.simulation.simulate import Progress, simulate_trials
from simsepsis.trial.simulation.truth import risks

INTERACTIONS = (1.0, 1.5, 2.0)
"""Factors on the log hazard ratio in the patients of the modifiers."""

UNKNOWN = ("n_randomized", "power", "power_mcse", "screened", "months")


def enrichment_map(
    protocol: TrialProtocol,
    *,
    populations: Mapping[str, str] | None = None,
    interactions: Sequence[float] | None = None,
    modifiers: Sequence[str] | None = None,
    replicates: int = 2_000,
    jobs: int = -1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Size and duration of the trial over whom it randomizes (prognostic) × in whom it works (predictive).

    In each world the planned effect is the average over all patients; restricting the population then
    changes risk and effect as they are in that world, not by assumption.

    Parameters
    ----------
    protocol
        The trial; its population condition and its number of patients are replaced.
    populations
        Name → condition on what is known before randomization; None for those that the study offers.
    interactions
        Factor on the log hazard ratio in each world; None for 1, 1.5 and 2, or 1 without modifiers.
    modifiers
        In which patients the factor holds, keys of ``effect.modifier``; None for those that the study offers.
    replicates
        Simulated trials of each cell.
    jobs, progress
        As in `simulate_trials`.

    Returns
    -------
    DataFrame
        One row per cell: interaction, population, where, share (of the screened), p_control, p_treated,
        risk_ratio (all three as randomized), n_randomized (formula), power, power_mcse (simulated with these
        patients), screened, months (to the end, mean), failure. A cell without a trial says why.
    """
    modifiers = protocol.offer.modifiers if modifiers is None else modifiers
    everybody = protocol.changed({"population.where": "all", "n_total": None})
    rows = []
    for factor in _factors(protocol) if interactions is None else interactions:
        world = dict.fromkeys((f"effect.modifier.{name}" for name in modifiers), factor)
        told = everybody.changed({"world.set": dict(everybody.world.set) | world})
        pool = build_pool(told)
        rows += [
            {"interaction": factor, "population": name, "where": where}
            | _cell(told, pool, where, replicates, jobs, progress)
            for name, where in (_parts(protocol) if populations is None else populations).items()
        ]
    return pd.DataFrame(rows)


def enrichment_cells(protocol: TrialProtocol) -> int:
    """Return how many cells the study's own map has; none where ICUs are randomized or it knows no parts."""
    if protocol.allocation.clustered or protocol.margin or not protocol.offer.populations:
        return 0
    return len(_parts(protocol)) * len(_factors(protocol))


def _parts(protocol: TrialProtocol) -> dict[str, str]:
    return {"all": "all"} | {name: part.where for name, part in protocol.offer.populations.items()}


def _factors(protocol: TrialProtocol) -> tuple[float, ...]:
    return INTERACTIONS if protocol.offer.modifiers else INTERACTIONS[:1]


def _cell(
    protocol: TrialProtocol,
    everybody: Pool,
    where: str,
    replicates: int,
    jobs: int,
    progress: Progress | None,
) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(("share", "p_control", "p_treated", "risk_ratio"), math.nan)
    try:
        condition = protocol.parsed(where)
        pool = everybody.among(condition) if condition.groups else everybody
        control, treated = risks(prepare(protocol, pool, UNSIZED))[[0, protocol.effect_arm + 1]].tolist()
        row = {
            "share": pool.eligible_share,
            "p_control": control,
            "p_treated": treated,
            "risk_ratio": treated / control,
        }
        return row | _trial(protocol, pool, replicates, jobs, progress) | {"failure": ""}
    except (UsageError, ExperimentError) as error:
        return row | dict.fromkeys(UNKNOWN, math.nan) | {"failure": str(error)}


def _trial(
    protocol: TrialProtocol, pool: Pool, replicates: int, jobs: int, progress: Progress | None
) -> dict[str, object]:
    total = planned_size(protocol, screen(protocol, pool, as_found=True)).n_randomized
    found = simulate_trials(
        protocol, replicates=replicates, jobs=jobs, n_total=total, pool=pool, progress=progress
    )
    power, mcse = found.measure("rejection")
    return {
        "n_randomized": total,
        "power": power,
        "power_mcse": mcse,
        "screened": found.measure("expected_n")[0] / (pool.eligible_share * protocol.sites.consent),
        "months": found.measure("expected_months")[0],
    }
