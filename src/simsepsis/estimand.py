"""The truth of every estimand, by potential outcomes, each with its Monte Carlo standard error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from simsepsis.analysis.data import complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.matched import match_on_score
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.analysis.survival import fit_cox
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import UsageError
from simsepsis.records import Registry
from simsepsis.streams import stream
from simsepsis.studies.jseptic_ivigg.world.generate import blocks_of, generate_cohort
from simsepsis.studies.jseptic_ivigg.world.oracle import Potential, join_potentials, potential_of
from simsepsis.studies.jseptic_ivigg.world.resolve import resolve
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.simulate import day_if_treated, exits_if_treated, simulate
from simsepsis.threads import one_thread
from simsepsis.world.contrast import Risks, log_odds_ratio, log_risk_ratio, risk_difference

ENDPOINTS = ("icu_death", "hospital_death", "death_28d")
HORIZON_DAYS = 28.0

CONTRASTS = {"rd": risk_difference, "log_rr": log_risk_ratio, "log_or": log_odds_ratio}
"""Scale → contrast of two risks."""

SCALE_LABELS = {
    "rd": "risk difference",
    "log_rr": "log risk ratio",
    "log_or": "marginal log odds ratio",
    "log_hr": "log hazard ratio (Cox, actual follow-up)",
}
CONDITIONAL = ("log_or", "log_hr", "log_shr")
"""Scales on which methods that adjust have another effect in everybody than the marginal one."""

SUBDISTRIBUTION = f"log_shr_hospital_death_{HORIZON_DAYS:g}"
TRUTH_LABELS = {
    "att": "in patients given IVIgG",
    "ate": "in everybody",
    "ato": "in the overlap of the arms, patients weighted by e(1 − e)",
    "twin": "in everybody, as randomized by coin",
    "matched": "in the treated whom matching keeps",
}
ENDPOINT_LABELS = {
    "icu_death": "death in the ICU",
    "hospital_death": "death in hospital",
    "death_28d": "death by day 28",
}
ESTIMANDS: dict[str, str] = (
    {
        f"{scale}_{endpoint}_{suffix}": f"{scale_label} of {endpoint_label}, {truth_label}"
        for suffix, truth_label in TRUTH_LABELS.items()
        for endpoint, endpoint_label in ENDPOINT_LABELS.items()
        for scale, scale_label in SCALE_LABELS.items()
        if suffix != "twin" or scale not in CONDITIONAL
    }
    | {
        f"{SUBDISTRIBUTION}_{suffix}": f"log subdistribution hazard ratio of death by day 28, {label}"
        for suffix, label in TRUTH_LABELS.items()
        if suffix != "twin"
    }
    | {
        f"rmst28_difference_{suffix}": f"difference of mean days alive to day 28, {label}"
        for suffix, label in TRUTH_LABELS.items()
    }
)
"""Name → meaning of what `true_estimands` knows."""

BY_EXPERIMENT: dict[str, str] = {
    f"{name}_{endpoint}_{suffix}": f"{label} of {endpoint_label}"
    for endpoint, endpoint_label in ENDPOINT_LABELS.items()
    for name, suffix, label in (
        ("log_or", "twin", "conditional log odds ratio, as the same method finds it where a coin treats,"),
        ("log_hr", "twin", "conditional log hazard ratio, as the same method finds it where a coin treats,"),
        ("log_or_ratio", "matched", "log ratio of a subgroup's odds ratio to that of the others, matched,"),
    )
}
"""Name → meaning of what depends on the method, so that only a run of it knows the truth."""

TRUTH_COLUMNS = ("estimand", "value", "mcse", "population")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """Potential outcomes of a population.

    Attributes
    ----------
    treated, untreated
        How patients leave with IVIgG as given, or as it would have been given, and without.
    propensity
        (n,) probability of IVIgG.
    """

    treated: Potential
    untreated: Potential
    propensity: FloatArray


@one_thread()
def potential_outcomes(scenario: Scenario, *, population: int, seed: int) -> Outcomes:
    """Return the potential outcomes of a large population of the scenario.

    Parameters
    ----------
    scenario
        The world.
    population
        Number of patients.
    seed
        Seed of the population.
    """
    treated, untreated, propensity = [], [], []
    for world, icu, draw in blocks_of(resolve(scenario), seed=seed, n=population):
        block = simulate(world, icu, draw)
        treated.append(potential_of(exits_if_treated(world, block, day_if_treated(block))))
        untreated.append(potential_of(block.untreated))
        propensity.append(block.propensity)
    return Outcomes(
        treated=join_potentials(treated),
        untreated=join_potentials(untreated),
        propensity=np.concatenate(propensity),
    )


def _alive_days(potential: Potential) -> FloatArray:
    """Return days alive to the horizon; who leaves alive is taken to live on."""
    return np.where(potential.hospital_death, np.minimum(potential.hospital_time, HORIZON_DAYS), HORIZON_DAYS)


def _rmst_difference(outcomes: Outcomes, weights: FloatArray) -> tuple[float, float]:
    means = Risks(
        treated=_alive_days(outcomes.treated), untreated=_alive_days(outcomes.untreated), weights=weights
    )
    return risk_difference(means)


def _log_hazard_ratio(
    outcomes: Outcomes, endpoint: str, weights: FloatArray, *, competing: bool = False
) -> tuple[float, float]:
    """Return the log hazard ratio of a Cox model on both potential courses of the same patients.

    A patient who leaves alive is censored then; where leaving competes with death, at the horizon, which
    makes it the subdistribution hazard ratio (Fine JP, Gray RJ. JASA 1999;94:496).
    """
    kept = weights > 0.0
    n, arms = int(kept.sum()), (outcomes.treated, outcomes.untreated)
    follow_up = _alive_days if competing else partial(_follow_up, endpoint=endpoint)
    time = np.concatenate([follow_up(potential)[kept] for potential in arms])
    event = np.concatenate([getattr(potential, endpoint)[kept] for potential in arms])
    fit = fit_cox(
        np.repeat([1.0, 0.0], n)[:, None],
        time,
        event,
        weights=np.tile(weights[kept], 2),
        cluster=np.tile(np.arange(n), 2),
    )
    return float(fit.params[0]), float(fit.std_errors[0])


def _follow_up(potential: Potential, endpoint: str) -> FloatArray:
    if endpoint == "icu_death":
        return potential.icu_time
    if endpoint == "death_28d":
        return np.minimum(potential.hospital_time, HORIZON_DAYS)
    return potential.hospital_time


def truth_rows(outcomes: Outcomes, weights: FloatArray, suffix: str) -> Iterator[dict[str, object]]:
    """Yield the truth of every estimand in the population that the weights make.

    Parameters
    ----------
    outcomes
        Potential outcomes.
    weights
        (n,) propensities for the treated, ones for everybody, 0/1 for a matched set.
    suffix
        Which truth this is: ``att``, ``ate``, ``ato`` or ``matched``.
    """
    size = int(np.count_nonzero(weights))
    for endpoint in ENDPOINTS:
        risks = Risks(
            treated=getattr(outcomes.treated, endpoint),
            untreated=getattr(outcomes.untreated, endpoint),
            weights=weights,
        )
        for scale, contrast in CONTRASTS.items():
            yield _row(f"{scale}_{endpoint}_{suffix}", contrast(risks), size)
        yield _row(f"log_hr_{endpoint}_{suffix}", _log_hazard_ratio(outcomes, endpoint, weights), size)
    yield _row(
        f"{SUBDISTRIBUTION}_{suffix}",
        _log_hazard_ratio(outcomes, "death_28d", weights, competing=True),
        size,
    )
    yield _row(f"rmst28_difference_{suffix}", _rmst_difference(outcomes, weights), size)


def _row(estimand: str, value: tuple[float, float], population: int) -> dict[str, object]:
    return {"estimand": estimand, "value": value[0], "mcse": value[1], "population": population}


def _matched_treated(registry: Registry, spec: AnalysisSpec, rng: np.random.Generator) -> IntArray:
    """Return the rows of the registry that hold matched treated patients."""
    cohort, _ = complete_cases(encode_cohort(registry, spec), spec)
    matched = match_on_score(cohort, spec.score_columns, spec, rng)
    return matched.cohort.record[: matched.n_treated]


def matched_outcomes(
    scenario: Scenario, *, population: int, seed: int, spec: AnalysisSpec = THESIS_SPEC
) -> Outcomes:
    """Return the potential outcomes of the treated patients whom the thesis's matching keeps.

    Registries of the scenario's size are simulated and matched until `population` patients have been
    registered: what a matched analysis can at best estimate.

    Parameters
    ----------
    scenario
        The world.
    population
        Patients to register in all.
    seed
        Seed of the registries.
    spec
        The matching.
    """
    settled = resolve(scenario)
    parts: list[Outcomes] = []
    for replicate in range(max(1, round(population / settled.n))):
        cohort = generate_cohort(settled, seed=seed, replicate=replicate)
        if cohort.oracle is None:
            continue
        rows = _matched_treated(cohort.records, spec, stream(seed, "matching", replicate=replicate))
        parts.append(
            Outcomes(
                treated=cohort.oracle.treated.subset(rows),
                untreated=cohort.oracle.untreated.subset(rows),
                propensity=cohort.oracle.propensity[rows],
            )
        )
    return Outcomes(
        treated=join_potentials([part.treated for part in parts]),
        untreated=join_potentials([part.untreated for part in parts]),
        propensity=np.concatenate([part.propensity for part in parts]),
    )


def _as_randomized(in_all: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Yield what unadjusted analyses of a world randomized by coin converge to.

    Odds and hazard ratios of methods that adjust are conditional there, and no contrast of potential
    outcomes.
    """
    for row in in_all:
        name = str(row["estimand"])
        if not name.startswith(CONDITIONAL):
            yield row | {"estimand": name.removesuffix("ate") + "twin"}


@lru_cache(maxsize=32)
def _truth(scenario: Scenario, population: int, seed: int, matched: bool) -> pd.DataFrame:
    outcomes = potential_outcomes(scenario, population=population, seed=seed)
    everybody = np.ones_like(outcomes.propensity)
    chance = outcomes.propensity
    in_all = list(truth_rows(outcomes, everybody, "ate"))
    rows = [*truth_rows(outcomes, chance, "att"), *in_all, *_as_randomized(in_all)]
    rows += truth_rows(outcomes, chance * (1.0 - chance), "ato")
    if matched:
        kept = matched_outcomes(scenario, population=population, seed=seed)
        rows += truth_rows(kept, np.ones_like(kept.propensity), "matched")
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))


@one_thread()
def true_estimands(
    scenario: Scenario, *, population: int = 500_000, seed: int, matched: bool = False
) -> pd.DataFrame:
    """Return the truth of every estimand with its Monte Carlo standard error.

    ``rd_*``, ``log_rr_*``, ``log_or_*`` and ``log_hr_*`` of ICU death, hospital death and death by day 28,
    and ``rmst28_difference``; suffix ``_att``: in patients given IVIgG (weighted by their probability e of
    it); ``_ate``: in everybody; ``_ato``: in the overlap (weighted by e(1 − e)); ``_twin``: in everybody,
    which is what the unadjusted analysis of a world randomized by coin converges to, odds and hazard
    ratios excepted: methods call the *conditional* ones so; ``_matched``: in the treated whom the
    thesis's matching keeps.

    Parameters
    ----------
    scenario
        The world.
    population
        Patients whose potential outcomes are simulated.
    seed
        Seed of that population; not one of the seeds on which methods are tried.
    matched
        Whether to add the truths of the matched set, which takes as many matched registries as make up
        the population.

    Returns
    -------
    DataFrame
        ``estimand, value, mcse, population``; computed once per scenario, population and seed.

    Raises
    ------
    UsageError
        If the population is too small for a truth.
    """
    if population < 100:
        raise UsageError(f"population = {population}: too few patients for a truth; give 100 or more")
    return _truth(scenario, population, seed, matched).copy()
