"""From what a learned world is asked for to coefficients: who is treated, the effect, crude outcomes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from simsepsis.arrays import FloatArray
from simsepsis.errors import ScenarioError
from simsepsis.streams import streams
from simsepsis.threads import one_thread
from simsepsis.world.contrast import CONTRASTS, LARGEST_LOG_HAZARD_RATIO, Contrast, Risks, risk_difference
from simsepsis.world.fitted.covariates import Covariates
from simsepsis.world.fitted.scenario import Effect, FittedScenario, Solved
from simsepsis.world.fitted.simulate import (
    People,
    draw_people,
    fate_of,
    people_with,
    place_patients,
    prognosis,
    roster_of,
    untreated_stay,
)
from simsepsis.world.fitted.starts import LARGEST, reach, starts_of

POPULATION = 100_000
"""Patients on whom worlds are solved: a risk is then known to 0.15 percentage points, a contrast better."""

POPULATION_SEED = 0
FARTHEST = 15.0
"""Largest absolute intercept that is tried."""

NAMES = CONTRASTS | {"mean_difference": risk_difference}


def solve_population(scenario: FittedScenario) -> People:
    """Return the patients on whom a world is solved."""
    draw = streams(POPULATION_SEED)
    roster = roster_of(scenario, draw("icus"))
    return draw_people(scenario, roster, place_patients(roster, POPULATION), draw)


def _of_covariates(scenario: FittedScenario, covariates: Covariates) -> People:
    """Return the patients on whom a world is solved, whose covariates another world with these has drawn."""
    return people_with(scenario, covariates, streams(POPULATION_SEED))


@lru_cache(maxsize=64)
def _resolved(scenario: FittedScenario) -> FittedScenario:
    scenario, covariates = _solve_treatment(scenario)
    if scenario.unmeasured.crude == "held":
        return _hold_crude(scenario, covariates)
    return _solve_effect(scenario, covariates)


@one_thread()
def resolve(scenario: FittedScenario) -> FittedScenario:
    """Return the world with nothing left to solve."""
    done = scenario.solved is not None and scenario.effect.measure is None
    if done and scenario.unmeasured.crude == "free":
        return scenario
    return _resolved(scenario)


def _solve_treatment(scenario: FittedScenario) -> tuple[FittedScenario, Covariates]:
    """Return the world with the share of the treated, and what confounding means, solved; and covariates."""
    bare = scenario.model_copy(update={"solved": None, "unmeasured": type(scenario.unmeasured)()})
    people = solve_population(bare)
    score, outlook = people.log_odds, prognosis(bare, people.covariates)
    variance = float(outlook.var())
    slope = float(np.cov(score, outlook)[0, 1]) / variance if variance > 1e-12 else 0.0
    knobs = scenario.treatment
    extra = (knobs.confounding - 1.0) * slope
    spread = (score - score.mean() + extra * (outlook - outlook.mean())) / knobs.overlap
    wanted = knobs.prevalence or scenario.learned.prevalence
    everybody = people
    if scenario.learned.start is not None:
        # With starts in time u moves both who is still there and who starts.
        everybody = _of_covariates(scenario.model_copy(update={"solved": None}), people.covariates)
        spread = spread + everybody.log_odds - score
    chance = _chance_of(scenario, everybody)

    def gap(intercept: float) -> float:
        return float(chance(intercept + spread).mean()) - wanted

    if gap(-FARTHEST) > 0.0 or gap(FARTHEST) < 0.0:
        raise ScenarioError(
            f"scenario '{scenario.name}': treatment: with this overlap and confounding no intercept treats "
            f"{wanted:.0%}; raise treatment.overlap"
        )
    solved = Solved(
        score_mean=float(score.mean()),
        prognosis_mean=float(outlook.mean()),
        prognosis_slope=slope,
        intercept=float(brentq(gap, -FARTHEST, FARTHEST, xtol=1e-8)),
    )
    _refuse_no_overlap(scenario, chance(solved.intercept + spread))
    return scenario.model_copy(update={"solved": solved}), people.covariates


def _chance_of(scenario: FittedScenario, people: People) -> Callable[[FloatArray], FloatArray]:
    """Return the function from the treatment's predictor to its probability."""
    start = scenario.learned.start
    if start is None:
        return lambda score: np.asarray(expit(score))
    limit = reach(start, untreated_stay(scenario, people), scenario.treatment.delay)
    return lambda score: np.asarray(-np.expm1(-np.exp(np.clip(score, -LARGEST, LARGEST)) * limit))


def _refuse_no_overlap(scenario: FittedScenario, chance: FloatArray) -> None:
    """Raise where nearly everybody's treatment is certain, so that there is nobody to compare with."""
    unsure = float(np.mean((chance > 0.001) & (chance < 0.999)))
    if unsure < 0.02:
        raise ScenarioError(
            f"scenario '{scenario.name}': treatment: only {unsure:.1%} of patients could be in either arm; "
            "raise treatment.overlap or lower treatment.confounding"
        )


def _contrast(
    scenario: FittedScenario, people: People, contrast: Contrast, population: str
) -> Callable[[float], tuple[float, float]]:
    """Return the function from a log ratio to the stated measure of the outcome, and its MCSE."""
    outcome, starts = scenario.outcome, starts_of(scenario, people)
    weights = starts.chance if population == "treated" else np.ones_like(people.hidden)
    untreated = fate_of(scenario, people, 0.0).outcomes[outcome]

    def at(log_ratio: float) -> tuple[float, float]:
        treated = fate_of(_with(scenario, log_ratio), people, 1.0, starts.begins).outcomes[outcome]
        return contrast(Risks(treated=treated, untreated=untreated, weights=weights))

    return at


def _with(scenario: FittedScenario, log_ratio: float) -> FittedScenario:
    effect = scenario.effect.model_copy(
        update={"log_ratio": log_ratio, "measure": None, "value": None, "as_found": False}
    )
    return scenario.model_copy(update={"effect": effect})


def _solve_effect(scenario: FittedScenario, covariates: Covariates) -> FittedScenario:
    """Return the world with the log ratio at which the stated effect holds."""
    effect = scenario.effect
    _ = scenario.outcome
    if effect.measure is None or effect.value is None:
        return scenario
    _check_measure(scenario, effect)
    people = _of_covariates(scenario, covariates)
    at = _contrast(scenario, people, NAMES[effect.measure], effect.population)
    ends = [_end(at, side) for side in (-LARGEST_LOG_HAZARD_RATIO, LARGEST_LOG_HAZARD_RATIO)]
    lowest, highest = sorted(at(end)[0] for end in ends)
    if not lowest < effect.value < highest:
        raise ScenarioError(
            f"scenario '{scenario.name}': effect.value = {effect.value:g}: no such "
            f"{effect.measure.replace('_', ' ')} of {scenario.outcome} is possible here; between "
            f"{lowest:.3g} and {highest:.3g} is"
        )
    found = brentq(
        lambda log_ratio: at(log_ratio)[0] - float(effect.value or 0.0),
        *ends,
        xtol=1e-5,
    )
    return _with(scenario, float(found))


def _end(at: Callable[[float], tuple[float, float]], side: float) -> float:
    """Return the farthest log ratio on a side at which the measure can be computed."""
    while not np.isfinite(at(side)[0]) and abs(side) > 0.1:
        side *= 0.9
    return side


def _check_measure(scenario: FittedScenario, effect: Effect) -> None:
    numeric = scenario.outcome in scenario.learned.numeric_outcomes
    if numeric != (effect.measure == "mean_difference"):
        fits = (
            '"mean_difference"'
            if numeric
            else '"risk_difference", "risk_ratio", "odds_ratio" or "hazard_ratio"'
        )
        what = "is a number" if numeric else "happens or not"
        raise ScenarioError(
            f"scenario '{scenario.name}': effect.measure = '{effect.measure}', but {scenario.outcome} "
            f"{what}; write {fits}"
        )


def _hold_crude(scenario: FittedScenario, covariates: Covariates) -> FittedScenario:
    """Return the world whose shift and effect, given u, leave the crude outcome of both arms as it was."""
    crude = scenario.learned.crude.get(scenario.outcome)
    if crude is None:
        raise ScenarioError(
            f"scenario '{scenario.name}': unmeasured.crude = 'held', but the profile does not say what the "
            f'{scenario.outcome} was; write crude = "free"'
        )
    free = scenario.unmeasured
    people, outcome = _of_covariates(scenario, covariates), scenario.outcome

    def control(shift: float) -> float:
        world = _shifted(_with(scenario, 0.0), shift)
        fate, chance = fate_of(world, people, 0.0), starts_of(world, people).chance
        return float(np.average(fate.outcomes[outcome], weights=1.0 - chance)) - crude[1]

    shift = _root(control, scenario, "control", crude[1])
    starts = starts_of(_shifted(_with(scenario, 0.0), shift), people)

    def treated(log_ratio: float) -> float:
        fate = fate_of(_shifted(_with(scenario, log_ratio), shift), people, 1.0, starts.begins)
        return float(np.average(fate.outcomes[outcome], weights=starts.chance)) - crude[0]

    found = _with(scenario, _root(treated, scenario, "treated", crude[0]))
    settled = _shifted(found, shift)
    return settled.model_copy(update={"unmeasured": free.model_copy(update={"crude": "free"})})


def _shifted(scenario: FittedScenario, shift: float) -> FittedScenario:
    assert scenario.solved is not None
    return scenario.model_copy(update={"solved": scenario.solved.model_copy(update={"shift": shift})})


def _root(gap: Callable[[float], float], scenario: FittedScenario, arm: str, wanted: float) -> float:
    ends = (-LARGEST_LOG_HAZARD_RATIO, LARGEST_LOG_HAZARD_RATIO)
    low, high = sorted(gap(end) for end in ends)
    if low > 0.0 or high < 0.0:
        raise ScenarioError(
            f"scenario '{scenario.name}': unmeasured: the crude {scenario.outcome} of the {arm} arm cannot "
            f"stay {wanted:.3g}; between {low + wanted:.3g} and {high + wanted:.3g} is possible with this "
            "confounder"
        )
    return float(brentq(gap, *ends, xtol=1e-5))
