"""Other trials on the same patients: analyses, endpoints, doses, populations, trials that have been held."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from simsepsis.arrays import FloatArray
from simsepsis.errors import ExperimentError, UsageError
from simsepsis.streams import streams
from simsepsis.trial.effect import effect_between
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.other_designs import VARIANTS
from simsepsis.trial.protocol.sections import Arm
from simsepsis.trial.simulation.batch import BATCH
from simsepsis.trial.simulation.draw import draw_trial, tally
from simsepsis.trial.simulation.from_protocol import planned_size, screen
from simsepsis.trial.simulation.outcomes import died
from simsepsis.trial.simulation.pool import Pool, build_pool
from simsepsis.trial.simulation.precision import variance_left
from simsepsis.trial.simulation.setting import prepare, unsized
from simsepsis.trial.simulation.simulate import Progress, TrialSimulation, simulate_trials
from simsepsis.trial.simulation.truth import risks
from simsepsis.trial.sizing.size import PlannedSize, plan_size
from simsepsis.world.changes import changed_scenario

MOST_TRIALS = 2_000
"""Simulated trials of what is neither the plan nor its formula's: paired differences need no more."""
MOST_IN_A_CELL = 500
"""Simulated trials of every population and interaction, which confirm the formula to about a point."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """A trial with its patients, on whom others are simulated."""

    protocol: TrialProtocol
    size: PlannedSize
    pool: Pool
    jobs: int = -1
    progress: Progress | None = None
    store: Path | None = None

    def simulated(
        self,
        told: TrialProtocol,
        number: int,
        total: int | None = None,
        pool: Pool | None = None,
        *,
        null: bool = False,
    ) -> TrialSimulation:
        """Return trials of another protocol: of the same number of patients, from the same, unless told."""
        return simulate_trials(
            told,
            replicates=number,
            jobs=self.jobs,
            null=null,
            n_total=total or self.size.n_randomized,
            pool=pool or self.pool,
            store=self.store,
            progress=self.progress,
        )


PLAIN: dict[str, Any] = {"test.analysis": "unadjusted", "allocation.method": "simple"}
"""The trial that the formula is for: patients randomized by coin and compared without strata."""
OTHERS = {"stratified": "strata", "adjusted": "covariates"}
"""Analysis → what it needs of the test."""


def analyses_table(bench: Bench, trials: TrialSimulation) -> pd.DataFrame:
    """Return the power of the same patients by several analyses, of which the plan's has been simulated."""
    if not _compares(bench.protocol):
        return pd.DataFrame()
    rows = [_analysis_row(bench, bench.protocol, trials, planned=True)]
    for told, number in _others(bench.protocol):
        rows.append(_analysis_row(bench, told, bench.simulated(told, number), planned=False))
    return pd.DataFrame(rows)


def _compares(protocol: TrialProtocol) -> bool:
    return len(protocol.arms) == 1 and not protocol.allocation.clustered and protocol.outcome.binary


def _others(protocol: TrialProtocol) -> Iterator[tuple[TrialProtocol, int]]:
    """Yield the trial by each other analysis, and how often it is simulated."""
    possible = [name for name, needed in OTHERS.items() if getattr(protocol.test, needed)]
    for changes in (PLAIN, *({"test.analysis": name} for name in possible)):
        told = protocol.changed(changes)
        if told == protocol or (changes != PLAIN and told.test.analysis == protocol.test.analysis):
            continue
        yield told, protocol.run.trials if changes == PLAIN else min(protocol.run.trials, MOST_TRIALS)


def _analysis_row(
    bench: Bench, protocol: TrialProtocol, trials: TrialSimulation, *, planned: bool
) -> dict[str, object]:
    power, mcse = trials.measure("rejection")
    left = variance_left(prepare(protocol, bench.pool, bench.size.n_randomized))
    ignored = protocol.test.analysis == "unadjusted" and protocol.allocation.method != "simple"
    return {
        "planned": planned,
        "analysis": protocol.test.analysis,
        "method": protocol.allocation.method,
        "variance_left": left,
        "power_formula": math.nan if ignored else power_with(bench.size, left),
        "power": power,
        "mcse": mcse,
        "n_sim": trials.trials["trial"].nunique(),
    }


def power_with(size: PlannedSize, left: float) -> float:
    """Return the power of planned patients by an analysis that leaves a part of the variance."""
    return size.with_total(size.n_randomized * size.assumptions.sparse / left).power


def endpoint_tournament(bench: Bench, endpoints: Sequence[str] | None = None) -> pd.DataFrame:
    """Compare endpoints by power on the same trials: the same patients, arms and departures."""
    protocol = bench.protocol
    if protocol.allocation.clustered or protocol.margin:
        return pd.DataFrame()
    number = min(protocol.run.trials, MOST_TRIALS)
    compared = tuple(protocol.offer.outcomes if endpoints is None else endpoints)
    names = dict.fromkeys((protocol.endpoint.name, *compared))
    found = {name: bench.simulated(with_endpoint(protocol, name), number) for name in names}
    own = found[protocol.endpoint.name]
    rows = pd.DataFrame([_endpoint_row(name, found[name], own) for name in compared])
    z_alpha, power = bench.size.assumptions.level.z, own.measure("rejection")[0]
    return rows.assign(
        n_ratio=[_n_ratio(z_alpha, power, float(other)) for other in rows["power"]], n_sim=number
    )


def with_endpoint(protocol: TrialProtocol, name: str) -> TrialProtocol:
    """Return the protocol with another endpoint, which takes the effect as it is in the world."""
    if name == protocol.endpoint.name:
        return protocol
    endpoint: dict[str, object] = {"name": name}
    outcome, aim = protocol.offer.outcomes[name], protocol.effect.aim
    if outcome.kind == "time":
        endpoint["horizon"] = protocol.endpoint.horizon or outcome.day
    # Only the side of the effect matters: the population, and with it the effect, is given.
    value = 0.9 if aim == "benefit" else 1.1
    effect = {"scale": "odds_ratio", "value": value, "arm": protocol.effect.arm, "aim": aim}
    changes: dict[str, object] = {"endpoint": endpoint, "effect": effect, **dict.fromkeys(VARIANTS)}
    if protocol.test.analysis == "adjusted" and not outcome.binary:
        # An adjusted analysis is one of deaths.
        changes["test.analysis"] = "unadjusted"
    return protocol.changed(changes)


def _rejections(simulation: TrialSimulation) -> FloatArray:
    arm = simulation.protocol.arms[simulation.protocol.effect_arm].name
    trials = simulation.trials
    return np.asarray(trials.loc[trials["arm"] == arm, "rejected"], dtype=np.float64)


def _endpoint_row(name: str, simulation: TrialSimulation, own: TrialSimulation) -> dict[str, object]:
    from simsepsis.performance.mcse import mean_of

    power, mcse = simulation.measure("rejection")
    gap = mean_of(_rejections(simulation) - _rejections(own))
    truth = simulation.truth[simulation.truth["measure"] != "risk"].iloc[simulation.protocol.effect_arm]
    return {
        "endpoint": name,
        "n_total": simulation.n_total,
        "power": power,
        "power_mcse": mcse,
        "difference": float(gap.value),
        "difference_mcse": float(gap.mcse),
        "expected_n": simulation.measure("expected_n")[0],
        "expected_months": simulation.measure("expected_months")[0],
        "scale": simulation.protocol.scale,
        "effect_scale": truth["measure"],
        "effect": float(truth["value"]),
    }


def _n_ratio(z_alpha: float, own: float, other: float) -> float:
    """Return patients for the same power over those of the own endpoint; NaN where a power is 0 or 1."""
    if not (0.0 < own < 1.0 and 0.0 < other < 1.0):
        return math.nan
    drift = z_alpha + float(ndtri(other))
    return ((z_alpha + float(ndtri(own))) / drift) ** 2 if drift > 0 else math.nan


def dose_arms(bench: Bench) -> pd.DataFrame:
    """Return what the assumed dose–response makes of other doses, and the patients that each would need."""
    protocol = bench.protocol
    world = changed_scenario(
        protocol.world.base, protocol.world.set, place=protocol.name, label=protocol.label
    )
    doses = protocol.offer.doses
    if doses is None or not world.dose_matters or len(protocol.arms) > 1 or protocol.support_alone:
        return pd.DataFrame()
    others = tuple(
        Arm.model_validate({"name": f"{dose:g} {doses.unit}", doses.key: dose}) for dose in doses.values
    )
    own = protocol.arms[0].model_copy(update={"name": "planned dose"})
    effect = protocol.effect.model_copy(update={"arm": None})
    there = build_pool(protocol.model_copy(update={"arms": (*others, own), "effect": effect}))
    deaths = [died(course, protocol.outcome) for course in there.courses[: 1 + len(others)]]
    control, *treated = (float(there.weights @ dead) for dead in deaths)
    rows = zip(doses.values, treated, strict=True)
    return pd.DataFrame([{"dose": dose, **_sized(bench.size, control, risk)} for dose, risk in rows])


def _sized(size: PlannedSize, control: float, treated: float) -> dict[str, object]:
    """Return the patients that two risks need, all else as planned."""
    row: dict[str, object] = {"p_control": control, "p_treated": treated, "risk_ratio": treated / control}
    planned = size.assumptions.effect
    try:
        effect = effect_between(control, treated, planned.name, horizon=planned.horizon)
        changed = replace(size.assumptions, p_control=control, effect=effect)
        needed = plan_size(changed).n_randomized
        power = plan_size(changed, n_randomized=size.n_randomized).power
    except UsageError as error:
        return row | {"n_randomized": math.nan, "power": math.nan, "failure": str(error)}
    return row | {"n_randomized": needed, "power": power, "failure": ""}


INTERACTIONS = (1.0, 1.5, 2.0)
"""Factors on the log hazard ratio in the patients of the modifiers."""
UNKNOWN = ("n_randomized", "power", "power_mcse", "screened", "months")


def enrichment_map(
    bench: Bench,
    *,
    populations: Mapping[str, str] | None = None,
    interactions: Sequence[float] | None = None,
    modifiers: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Size and duration of the trial over whom it randomizes (prognostic) × in whom it works (predictive)."""
    # In each world the planned effect is the average over all patients; restricting the population then
    # changes risk and effect as they are in that world, not by assumption.
    protocol = bench.protocol
    if populations is None and not enrichment_cells(protocol):
        return pd.DataFrame()
    modifiers = protocol.offer.modifiers if modifiers is None else modifiers
    everybody = protocol.changed({"population.where": "all", "n_total": None})
    rows = []
    for factor in _factors(protocol) if interactions is None else interactions:
        world = dict.fromkeys((f"effect.modifier.{name}" for name in modifiers), factor)
        told = everybody.changed({"world.set": dict(everybody.world.set) | world})
        pool = build_pool(told)
        rows += [
            {"interaction": factor, "population": name, "where": where} | _enriched(bench, told, pool, where)
            for name, where in (_populations(protocol) if populations is None else populations).items()
        ]
    return pd.DataFrame(rows).assign(n_sim=min(protocol.run.trials, MOST_IN_A_CELL))


def enrichment_cells(protocol: TrialProtocol) -> int:
    """Return how many cells the study's own map has; none where ICUs are randomized or it knows no parts."""
    if protocol.allocation.clustered or protocol.margin or not protocol.offer.populations:
        return 0
    return len(_populations(protocol)) * len(_factors(protocol))


def _populations(protocol: TrialProtocol) -> dict[str, str]:
    return {"all": "all"} | {name: part.where for name, part in protocol.offer.populations.items()}


def _factors(protocol: TrialProtocol) -> tuple[float, ...]:
    return INTERACTIONS if protocol.offer.modifiers else INTERACTIONS[:1]


def _enriched(bench: Bench, protocol: TrialProtocol, everybody: Pool, where: str) -> dict[str, object]:
    """Return the trial in a part of the patients, or why there is none."""
    row: dict[str, object] = dict.fromkeys(("share", "p_control", "p_treated", "risk_ratio"), math.nan)
    try:
        condition = protocol.parsed(where)
        pool = everybody.among(condition) if condition.groups else everybody
        control, treated = risks(unsized(protocol, pool))[[0, protocol.effect_arm + 1]].tolist()
        found = pool.eligible_share, control, treated, treated / control
        row = dict(zip(row, found, strict=True))
        total = planned_size(protocol, screen(protocol, pool, as_found=True)).n_randomized
        trials = bench.simulated(protocol, min(bench.protocol.run.trials, MOST_IN_A_CELL), total, pool)
    except (UsageError, ExperimentError) as error:
        return row | dict.fromkeys(UNKNOWN, math.nan) | {"failure": str(error)}
    power, mcse = trials.measure("rejection")
    return row | {
        "n_randomized": total,
        "power": power,
        "power_mcse": mcse,
        "screened": trials.measure("expected_n")[0] / (pool.eligible_share * protocol.sites.consent),
        "months": trials.measure("expected_months")[0],
        "failure": "",
    }


REPLAY_LIMITS = (0.05, 0.95)


def replay(bench: Bench) -> pd.DataFrame:
    """Set the results of a trial that has been held against simulated trials as it was planned."""
    rows = []
    for truth, population in (("none", bench.pool.null()), ("planned", bench.pool)):
        drawn = _results(bench, population) if bench.protocol.published else {}
        for told in bench.protocol.published:
            values = drawn[told.quantity]
            low, high = np.quantile(values, REPLAY_LIMITS)
            error = float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan
            rows.append(
                {
                    "quantity": told.quantity,
                    "truth": truth,
                    "published": told.value,
                    "simulated": float(values.mean()),
                    "mcse": error,
                    "low": float(low),
                    "high": float(high),
                    "inside": bool(low <= told.value <= high),
                    "n_sim": values.size,
                }
            )
    return pd.DataFrame(rows)


def replayed(protocol: TrialProtocol) -> dict[str, str]:
    """Return what published quantities begin with → the outcome that has them."""
    days = [outcome for outcome in protocol.offer.outcomes.values() if outcome.kind == "free_days"]
    return {"risk": days[0].after, "days": days[0].name} if days else {"risk": protocol.risk.name}


def _results(bench: Bench, pool: Pool) -> dict[str, FloatArray]:
    """Return the risks and mean days without support of both arms in each simulated trial."""
    protocol = bench.protocol
    arm, number = 1 + protocol.effect_arm, min(protocol.run.trials, MOST_TRIALS)
    told: dict[str, FloatArray] = {}
    plain = protocol.changed({"test.analysis": "unadjusted", "looks": {}})
    for name, endpoint in replayed(protocol).items():
        setting = prepare(with_endpoint(plain, endpoint), pool, bench.size.n_randomized)
        trials = (
            tally(setting, draw_trial(setting, streams(protocol.run.seed, replicate=replicate)))[-1]
            for replicate in _counted(number, bench.progress)
        )
        counts = np.array(list(trials)).sum(axis=1)
        means = (counts @ np.arange(counts.shape[-1])) / counts.sum(axis=-1)
        control, treated = means[:, 0], means[:, arm]
        told |= {
            f"{name}_control": control,
            f"{name}_treated": treated,
            f"{name}_difference": treated - control,
        }
    return told


def _counted(number: int, progress: Progress | None) -> Iterator[int]:
    """Yield the trials from 0, and tell progress of each batch of them."""
    for trial in range(number):
        yield trial
        if progress is not None and ((trial + 1) % BATCH == 0 or trial + 1 == number):
            progress(trial + 1, number)


def companion_trials(protocol: TrialProtocol) -> dict[str, int]:
    """Return how many trials each companion simulates."""
    few = min(protocol.run.trials, MOST_TRIALS)
    endpoints = 0 if protocol.allocation.clustered or protocol.margin else len(protocol.offer.outcomes)
    return {
        "analyses": sum(number for _, number in _others(protocol)) if _compares(protocol) else 0,
        "endpoints": endpoints * few,
        "enrichment": enrichment_cells(protocol) * min(protocol.run.trials, MOST_IN_A_CELL),
        "replay": 2 * len(replayed(protocol)) * bool(protocol.published) * few,
    }


COMPANIONS: dict[str, Callable[[Bench], pd.DataFrame]] = {
    "endpoints": endpoint_tournament,
    "doses": dose_arms,
    "enrichment": enrichment_map,
    "replay": replay,
}
"""Table → the function that makes it, without rows where it does not concern a protocol."""
