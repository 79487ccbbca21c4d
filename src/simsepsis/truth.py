"""The truth of every estimand, by potential outcomes, each with its Monte Carlo standard error."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from simsepsis.analysis.data import complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.matched import match_on_score
from simsepsis.analysis.spec import AnalysisSpec, default_spec
from simsepsis.analysis.survival import fit_cox
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import UsageError
from simsepsis.estimand import POLICIES, POPULATIONS, Estimand, outcome_words
from simsepsis.records import Registry
from simsepsis.streams import stream
from simsepsis.study.published import Study, open_study
from simsepsis.threads import one_thread
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.contrast import Risks, log_odds_ratio, log_risk_ratio, risk_difference
from simsepsis.world.potential import Outcomes, Potential, join_outcomes
from simsepsis.world.scenario import Scenario

CONTRASTS = {"rd": risk_difference, "log_rr": log_risk_ratio, "log_or": log_odds_ratio}
"""Scale → contrast of two risks."""


def known_estimands(study: str | None = None) -> dict[str, str]:
    """Return name → meaning of what `true_estimands` knows of a study; odds ratios are marginal ones."""
    opened = open_study(study)
    spec = opened.spec
    found = [Estimand(scale, name) for name in _events(opened) for scale in _scales(spec)]
    if spec.survival_event is not None:
        horizon = f"{spec.rmst_horizon:g}"
        dated = f"{spec.survival_event}_{horizon}"
        found += [Estimand("log_shr", dated), Estimand("cid", dated), Estimand("rmst", horizon)]
    found += [Estimand("md", name) for name in spec.numeric_outcomes]
    return {
        one.of(population).name: f"{one.label()}, {whose}"
        for population, whose in POPULATIONS.items()
        for one in found
        if not one.of(population).is_conditional and (population not in POLICIES or opened.has_starts)
    }


def _events(study: Study) -> tuple[str, ...]:
    """Return the outcomes that happen or not: those of the study's tables, and those that are analysed."""
    spec, variables = study.spec, study.variables
    printed = (name for name in variables.of_group("outcome") if variables[name].role == "outcome")
    own = (spec.survival_event,) if spec.survival_event is not None else ()
    return tuple(dict.fromkeys((*printed, *spec.outcomes, *own)))


def _scales(spec: AnalysisSpec) -> tuple[str, ...]:
    return (*CONTRASTS, "log_hr") if spec.survival_event is not None else tuple(CONTRASTS)


def estimands_by_experiment(study: str | None = None) -> dict[str, str]:
    """Return name → meaning of what depends on the method, so that only a run of it knows the truth."""
    return {
        Estimand(scale, name, population).name: f"{words} of {outcome_words(name)}"
        for name in _events(open_study(study))
        for scale, population, words in (
            (
                "log_or",
                "twin",
                "conditional log odds ratio, as the same method finds it where a coin treats,",
            ),
            (
                "log_hr",
                "twin",
                "conditional log hazard ratio, as the same method finds it where a coin treats,",
            ),
            (
                "log_or_ratio",
                "matched",
                "log ratio of a subgroup's odds ratio to that of the others, matched,",
            ),
        )
    }


TRUTH_COLUMNS = ("estimand", "value", "mcse", "population")


def _alive_time(potential: Potential) -> FloatArray:
    """Return the time alive to the horizon; who leaves alive is taken to live on."""
    return np.minimum(potential.lifetime, potential.horizon)


def _rmst_difference(outcomes: Outcomes, weights: FloatArray) -> tuple[float, float]:
    means = Risks(
        treated=_alive_time(outcomes.treated), untreated=_alive_time(outcomes.untreated), weights=weights
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
    times = [_alive_time(arm) if competing else arm.time[endpoint] for arm in arms]
    events = [arm.lifetime <= arm.horizon if competing else arm.event[endpoint] for arm in arms]
    time = np.concatenate([follow_up[kept] for follow_up in times])
    event = np.concatenate([happened[kept] for happened in events])
    if not event.any():
        return float("nan"), float("nan")
    fit = fit_cox(
        np.repeat([1.0, 0.0], n)[:, None],
        time,
        event,
        weights=np.tile(weights[kept], 2),
        cluster=np.tile(np.arange(n), 2),
    )
    return float(fit.params[0]), float(fit.std_errors[0])


def _contrasts(
    outcomes: Outcomes, weights: FloatArray
) -> Iterator[tuple[Estimand, Callable[[], tuple[float, float]]]]:
    """Yield each estimand, of no population yet, and what computes its value and Monte Carlo error."""
    treated, untreated = outcomes.treated, outcomes.untreated
    for endpoint in treated.event:
        risks = Risks(treated=treated.event[endpoint], untreated=untreated.event[endpoint], weights=weights)
        for scale, contrast in CONTRASTS.items():
            yield Estimand(scale, endpoint), partial(contrast, risks)
        if endpoint in treated.time:
            yield Estimand("log_hr", endpoint), partial(_log_hazard_ratio, outcomes, endpoint, weights)
    event, horizon = treated.survival, f"{treated.horizon:g}"
    if event:
        hazards = partial(_log_hazard_ratio, outcomes, event, weights, competing=True)
        yield Estimand("log_shr", f"{event}_{horizon}"), hazards
        deaths = Risks(
            treated=treated.lifetime <= treated.horizon,
            untreated=untreated.lifetime <= untreated.horizon,
            weights=weights,
        )
        yield Estimand("cid", f"{event}_{horizon}"), partial(risk_difference, deaths)
        yield Estimand("rmst", horizon), partial(_rmst_difference, outcomes, weights)
    for name, numbers in treated.number.items():
        means = Risks(treated=numbers, untreated=untreated.number[name], weights=weights)
        yield Estimand("md", name), partial(risk_difference, means)


def truth_rows(
    outcomes: Outcomes, weights: FloatArray, population: str, wanted: Collection[str] | None = None
) -> Iterator[dict[str, object]]:
    """Yield the truths in the population that the weights make: of the estimands wanted, None for all."""
    size = int(np.count_nonzero(weights))
    for estimand, contrast in _contrasts(outcomes, weights):
        name = estimand.of(population).name
        if wanted is None or name in wanted:
            value, mcse = contrast()
            yield {"estimand": name, "value": value, "mcse": mcse, "population": size}


def _matched_treated(registry: Registry, spec: AnalysisSpec, rng: np.random.Generator) -> IntArray:
    """Return the rows of the registry that hold matched treated patients."""
    cohort, _ = complete_cases(encode_cohort(registry, spec), spec)
    matched = match_on_score(cohort, spec.score_columns, spec, rng)
    return matched.cohort.record[: matched.n_treated]


def matched_outcomes(
    scenario: Scenario, *, population: int, seed: int, spec: AnalysisSpec | None = None
) -> Outcomes:
    """Return the potential outcomes of the treated patients whom the matching keeps.

    Registries of the scenario's size are simulated and matched until `population` patients have been
    registered: what a matched analysis can at best estimate.
    """
    settled, spec = scenario.resolved(), spec or default_spec()
    parts: list[Outcomes] = []
    for replicate in range(max(1, round(population / settled.n))):
        cohort = generate_cohort(settled, seed=seed, replicate=replicate)
        if cohort.oracle is None:
            continue
        rows = _matched_treated(cohort.records, spec, stream(seed, "matching", replicate=replicate))
        parts.append(cohort.oracle.outcomes.subset(rows))
    return join_outcomes(parts)


def _as_randomized(in_all: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Yield what unadjusted analyses of a world randomized by coin converge to.

    Odds and hazard ratios of methods that adjust are conditional there, and no contrast of potential
    outcomes.
    """
    for row in in_all:
        twin = Estimand.parse(str(row["estimand"])).of("twin")
        if not twin.is_conditional:
            yield row | {"estimand": twin.name}


@lru_cache(maxsize=32)
def _truth(
    scenario: Scenario, population: int, seed: int, matched: bool, wanted: frozenset[str] | None
) -> pd.DataFrame:
    outcomes = scenario.potential_outcomes(population=population, seed=seed)
    everybody = np.ones_like(outcomes.propensity)
    chance = outcomes.propensity
    of_twins = None if wanted is None else wanted | {Estimand.parse(name).of("ate").name for name in wanted}
    in_all = list(truth_rows(outcomes, everybody, "ate", of_twins))
    rows = [*truth_rows(outcomes, chance, "att", wanted), *in_all, *_as_randomized(in_all)]
    rows += truth_rows(outcomes, chance * (1.0 - chance), "ato", wanted)
    for policy, compared in outcomes.under().items():
        rows += truth_rows(compared, everybody, policy, wanted)
    if matched:
        kept = matched_outcomes(scenario, population=population, seed=seed)
        rows += truth_rows(kept, np.ones_like(kept.propensity), "matched", wanted)
    table = pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))
    if wanted is None:
        return table
    for name in sorted(wanted.difference(table["estimand"])):
        raise UsageError(f"estimand '{name}': the world has no such truth")
    return table[table["estimand"].isin(wanted)].reset_index(drop=True)


@one_thread()
def true_estimands(
    scenario: Scenario,
    *,
    population: int = 500_000,
    seed: int,
    matched: bool = False,
    estimands: Collection[str] | None = None,
) -> pd.DataFrame:
    """Return the truth of every estimand with its Monte Carlo standard error.

    ``rd_*``, ``log_rr_*``, ``log_or_*`` and ``log_hr_*`` of each outcome that happens or not, ``log_shr_*``
    and ``rmst*_difference`` to the horizon, ``md_*`` of numbers; suffix ``_att``: in the treated (patients
    weighted by their probability e of treatment); ``_ate``: in everybody; ``_ato``: in the overlap (weighted
    by e(1 − e)); ``_twin``: in everybody, which is what the unadjusted analysis of a world randomized by coin
    converges to, odds and hazard ratios excepted: methods call the *conditional* ones so; ``_matched``: in
    the treated whom the study's matching keeps; ``_start_within_48h`` and ``_never``: of these policies in
    everybody, where treatment has a clock.

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
    estimands
        Names of those wanted; None for all. Hazard ratios take most of the time.

    Returns
    -------
    DataFrame
        ``estimand, value, mcse, population``; computed once per scenario, population and seed.

    Raises
    ------
    UsageError
        If the population is too small for a truth, or the world has no truth of a name.
    """
    if population < 100:
        raise UsageError(f"population = {population}: too few patients for a truth; give 100 or more")
    wanted = None if estimands is None else frozenset(estimands)
    return _truth(scenario, population, seed, matched, wanted).copy()
