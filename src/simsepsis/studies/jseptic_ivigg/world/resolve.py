"""From what a scenario asks for to coefficients: treated margins, timing, effect, crude mortality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import cast

import numpy as np
from scipy.optimize import brentq, least_squares

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import ConvergenceError, ScenarioError
from simsepsis.streams import stream, streams
from simsepsis.studies.jseptic_ivigg.world.calibration.assumed import declared_mechanisms, load_assumptions
from simsepsis.studies.jseptic_ivigg.world.calibration.population import (
    Population,
    draw_population,
    treated_population,
    untreated_course,
)
from simsepsis.studies.jseptic_ivigg.world.calibration.roster import effects_anew
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import ARMS, load_targets
from simsepsis.studies.jseptic_ivigg.world.calibration.tilt import (
    TiltStart,
    treatment_mark,
    treatment_section,
)
from simsepsis.studies.jseptic_ivigg.world.course import Exits, run_course
from simsepsis.studies.jseptic_ivigg.world.effect import Effect
from simsepsis.studies.jseptic_ivigg.world.icus import assign_icus
from simsepsis.studies.jseptic_ivigg.world.oracle import potential_of
from simsepsis.studies.jseptic_ivigg.world.prepared import World, build_world, with_scenario
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.simulate import (
    day_if_treated,
    exits_if_treated,
    simulate,
    treat,
)
from simsepsis.threads import one_thread
from simsepsis.world.contrast import CONTRASTS, LARGEST_LOG_HAZARD_RATIO, Risks
from simsepsis.world.section import Section

POPULATION_SEED = 0
REGISTRIES = 30
"""Registries on which effects are solved: a risk ratio is then known to 0.4%."""

STEP = 0.02
"""Length of the steps for slopes of mortality by log hazards: some fifty deaths of those simulated."""

NEAR_ENOUGH = 0.01
"""Standard errors of a printed mortality that count as none: two deaths of those simulated."""

LOWEST_DECAYS, HIGHEST_DECAYS = (-3.0, -1.5, -0.5), (8.0, 5.0, 3.0)
"""Ends of the search for the decay, the farthest first: at an extreme one the margins may be out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A request and what the solved coefficients give in the population they were solved on.

    Attributes
    ----------
    what
        The request in words.
    asked, value, mcse
        What was asked for, what is reached, and its Monte Carlo standard error.
    """

    what: str
    asked: float
    value: float
    mcse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A scenario in which nothing is left to solve, and how well each request is met."""

    scenario: Scenario
    reached: tuple[Reached, ...]


def _with_treatment(scenario: Scenario, **changes: object) -> Scenario:
    return scenario.model_copy(update={"treatment": scenario.treatment.model_copy(update=changes)})


def _late_share(population: Population, scenario: Scenario, exits: Exits, start: TiltStart) -> float:
    """Return the share of starts that come after 48 hours."""
    treated = treated_population(population, scenario, exits, start)
    hazard = np.exp(treated.log_hazard)
    late = np.exp(-hazard * treated.exposed[:, 1]) - np.exp(-hazard * treated.exposed[:, -1])
    return float(late.sum() / treated.probability.sum())


def _end(gap: Callable[[float], float], ends: tuple[float, ...]) -> tuple[float, float]:
    """Return the first end at which the margins can be met, and the gap there."""
    *nearer, nearest = ends
    for decay in nearer:
        try:
            return decay, gap(decay)
        except ConvergenceError:
            continue
    return nearest, gap(nearest)


def _solve_timing(population: Population, scenario: Scenario) -> tuple[Scenario, tuple[Reached, ...]]:
    """Return the scenario with the decay at which the asked share of starts is late."""
    asked = scenario.treatment.late_share
    if asked is None:
        return scenario, ()
    start, (_, exits) = TiltStart(), untreated_course(population, scenario)

    def gap(decay: float) -> float:
        return _late_share(population, _with_treatment(scenario, decay=decay), exits, start) - asked

    (low, most), (high, least) = (_end(gap, ends) for ends in (LOWEST_DECAYS, HIGHEST_DECAYS))
    most, least = most + asked, least + asked
    if not least < asked < most:
        raise ScenarioError(
            f"treatment.late_share = {asked}: not reachable; between {least:.2f} and {most:.2f} is"
        )
    decay = float(brentq(gap, low, high, xtol=1e-5))
    reached = Reached(
        what="share of starts after 48 hours",
        asked=asked,
        value=gap(decay) + asked,
        mcse=float(np.sqrt(asked * (1 - asked) / (population.tilt.share * population.tilt.X.shape[0]))),
    )
    return _with_treatment(scenario, decay=decay, late_share=None), (reached,)


def solve_treatment(
    population: Population, scenario: Scenario, exits: Exits, start: TiltStart | None = None
) -> Scenario:
    """Return the scenario with the treated margins of Table 1 solved and marked as such."""
    start = TiltStart() if start is None else start
    treated_population(population, scenario, exits, start)
    section = treatment_section(population.tilt, start.required())
    normal = scenario.unmeasured.kind == "normal"
    if normal:
        section["numbers"]["u"] = [float(np.log(scenario.unmeasured.or_treatment))]
    solved = _with_treatment(scenario, **section)
    return _with_treatment(solved, solved_for=treatment_mark(solved))


def _solve_margins(scenario: Scenario) -> tuple[Scenario, tuple[Reached, ...]]:
    unsolved = scenario.treatment.late_share is not None or scenario.unmeasured.crude != "free"
    if scenario.treatment.solved_for == treatment_mark(scenario) and not unsolved:
        return scenario, ()
    population = draw_population(scenario, load_targets(), POPULATION_SEED)
    try:
        timed, reached = _solve_timing(population, scenario)
        _, exits = untreated_course(population, timed)
        solved = solve_treatment(population, timed, exits)
        if scenario.unmeasured.crude != "free":
            solved, held = _hold_crude(population, solved)
            reached += held
    except ConvergenceError as error:
        raise ScenarioError(f"scenario '{scenario.name}': {error}") from error
    return solved, reached


# --- the ICUs drawn anew ---------------------------------------------------------------------------


def _draw_icus_anew(scenario: Scenario) -> Scenario:
    """Return the scenario with the random effects of its ICUs that it asks for."""
    anew = scenario.icus.anew
    if anew is None:
        return scenario
    assumed = load_assumptions(declared_mechanisms(scenario.fitted_after_looking))["between_icus"]
    rng = stream(anew.seed, "icus")
    roster = effects_anew(scenario.icus.roster, load_targets(), assumed | anew.sd, rng)
    icus = scenario.icus.model_copy(update={"roster": roster, "anew": None})
    return scenario.model_copy(update={"icus": icus})


# --- crude mortality held -------------------------------------------------------------------------


Place = tuple[str, ...]
INTERCEPTS: tuple[Place, ...] = (("course", "icu_death", "intercept"), ("course", "ward_death", "intercept"))
WARD_CARE: Place = ("course", "ward_death", "care")
EFFECT: Place = ("effect", "log_hazard_ratio")
HELD: dict[str, tuple[Place, ...]] = {
    "held": (*INTERCEPTS, WARD_CARE, EFFECT),
    "held_by_care": (*INTERCEPTS, WARD_CARE, ("course", "icu_death", "care")),
    "held_by_intercepts": INTERCEPTS,
}
"""What is solved so that the four mortalities of Table 3 stay, by how they are held."""
REMEDIES = {
    "held": "a weaker confounder can be held",
    "held_by_care": "a weaker effect can be held",
    "held_by_intercepts": 'a weaker effect can be held, or give crude = "held_by_care"',
}
FIRST_EFFECT = -0.1
"""Where the search for an effect begins."""


def _with(section: Section, place: Place, value: float) -> Section:
    """Return a section with the value at a place below it replaced."""
    name, *rest = place
    inner = _with(getattr(section, name), tuple(rest), value) if rest else value
    return section.model_copy(update={name: inner})


def _held(scenario: Scenario, values: FloatArray) -> Scenario:
    """Return the scenario with what holds crude mortality replaced."""
    for place, value in zip(HELD[scenario.unmeasured.crude], values, strict=True):
        scenario = cast("Scenario", _with(scenario, place, float(value)))
    return scenario


def _where_held(scenario: Scenario) -> FloatArray:
    """Return where the search for the values of `_held` begins."""
    return np.array(
        [
            FIRST_EFFECT if place == EFFECT else reduce(getattr, place, scenario)
            for place in HELD[scenario.unmeasured.crude]
        ]
    )


def _crude_gaps(population: Population, scenario: Scenario, start: TiltStart) -> FloatArray:
    """Return the crude mortalities' distance from Table 3 in its SEs: ICU and hospital, IVIgG first."""
    fate, exits = untreated_course(population, scenario)
    world = with_scenario(population.world, solve_treatment(population, scenario, exits, start))
    simulated = treat(world, population.patients, fate, exits, streams(POPULATION_SEED))
    treated = potential_of(exits_if_treated(world, simulated, day_if_treated(simulated)))
    targets, p = population.targets, simulated.propensity
    gaps = []
    for endpoint in ("icu_death", "hospital_death"):
        for arm, potential, weight in zip(ARMS, (treated, potential_of(exits)), (p, 1.0 - p), strict=True):
            printed = targets.proportion(endpoint, "", arm)
            error = np.sqrt(printed * (1.0 - printed) / targets.size[arm])
            gaps.append((np.average(potential.event[endpoint], weights=weight) - printed) / error)
    return np.array(gaps)


@dataclass(slots=True)
class Slopes:
    """Slopes of a step function by differences at first, then corrected by what each move has shown.

    Broyden CG. Math Comp 1965;19:577.
    """

    function: Callable[[FloatArray], FloatArray]
    at: FloatArray | None = None
    known: FloatArray | None = None

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return the (outputs, values) slopes at some values."""
        here = self.function(values)
        if self.known is None or self.at is None:
            ahead = [self.function(values + STEP * axis) for axis in np.eye(values.size)]
            self.known = np.stack([(there - here) / STEP for there in ahead], axis=1)
        else:
            moved = values - self.at
            unforeseen = here - self.function(self.at) - self.known @ moved
            self.known = self.known + np.outer(unforeseen, moved) / (moved @ moved)
        self.at = values.copy()
        return self.known


def _hold_crude(population: Population, scenario: Scenario) -> tuple[Scenario, tuple[Reached, ...]]:
    """Return the scenario in which crude mortality of both arms is where it was printed."""
    start, first = TiltStart(), _where_held(scenario)
    known: dict[bytes, FloatArray] = {}

    def gaps_at(values: FloatArray) -> FloatArray:
        key = values.tobytes()
        if key not in known:
            known[key] = _crude_gaps(population, _held(scenario, values), start)
        return np.where(np.abs(known[key]) < NEAR_ENOUGH, 0.0, known[key])

    found = least_squares(
        gaps_at,
        first,
        jac=Slopes(gaps_at),
        x_scale=0.1,
        ftol=1e-2,
        max_nfev=20,
        bounds=(first - LARGEST_LOG_HAZARD_RATIO, first + LARGEST_LOG_HAZARD_RATIO),
    )
    gaps = np.abs(known[found.x.tobytes()])
    if gaps.max() > 1.0:
        raise ScenarioError(
            f"unmeasured: with an odds ratio of {scenario.unmeasured.or_treatment:.3g} and a hazard ratio of "
            f"{scenario.unmeasured.hr_death:.3g} crude mortality stays {gaps.max():.1f} standard errors from "
            f"Table 3; {REMEDIES[scenario.unmeasured.crude]}"
        )
    held = _held(scenario, found.x)
    solved = solve_treatment(population, held, untreated_course(population, held)[1], start)
    reached = Reached(
        what="largest gap of crude mortality in SEs", asked=0.0, value=float(gaps.max()), mcse=0.0
    )
    return solved, (reached,)


# --- the effect as stated -------------------------------------------------------------------------


def _contrast_at(world: World, effect: Effect) -> Callable[[float], tuple[float, float]]:
    """Return the function from a log hazard ratio to the stated measure and its MCSE.

    The larger the ratio, the sooner a patient dies, or the later where the dose turns the effect round: whose
    outcome is the same under a smaller and a larger ratio has it under all between, and is not asked again.
    """
    icu = assign_icus(world.roster, REGISTRIES * world.scenario.n)
    simulated = simulate(world, icu, streams(POPULATION_SEED))
    day, scale = day_if_treated(simulated), simulated.dosing.log_hazard_ratio
    weights = simulated.propensity if effect.population == "treated" else np.ones(day.size)
    untreated = potential_of(simulated.untreated).event[effect.endpoint]
    known: dict[float, BoolArray] = {}

    def event(log_hazard_ratio: float) -> BoolArray:
        below = max((ratio for ratio in known if ratio <= log_hazard_ratio), default=None)
        above = min((ratio for ratio in known if ratio >= log_hazard_ratio), default=None)
        if below is None or above is None:
            found, open_ = np.empty(day.size, dtype=bool), np.arange(day.size)
        else:
            found, open_ = known[below].copy(), np.flatnonzero(known[below] != known[above])
        exits = run_course(
            world.scenario.course,
            simulated.fate.subset(open_),
            start=day[open_],
            log_hazard_ratio=log_hazard_ratio * scale[open_],
        )
        found[open_] = potential_of(exits).event[effect.endpoint]
        known[log_hazard_ratio] = found
        return found

    def contrast(log_hazard_ratio: float) -> tuple[float, float]:
        risks = Risks(treated=event(log_hazard_ratio), untreated=untreated, weights=weights)
        return CONTRASTS[str(effect.measure)](risks)

    return contrast


def _solve_effect(scenario: Scenario) -> tuple[Scenario, tuple[Reached, ...]]:
    """Return the scenario with the log hazard ratio at which the stated effect holds."""
    effect = scenario.effect
    if effect.measure is None or effect.value is None:
        return scenario, ()
    unit = effect.model_copy(update={"log_hazard_ratio": 1.0, "measure": None, "value": None})
    world = build_world(scenario.model_copy(update={"effect": unit}))
    at_reference = world
    if scenario.dose.reference is not None:
        one = scenario.dose.regimens[0].model_copy(
            update={"share": 1.0, "grams": None, "grams_per_kg": scenario.dose.reference}
        )
        dose = scenario.dose.model_copy(update={"regimens": (one,)})
        at_reference = with_scenario(world, world.scenario.model_copy(update={"dose": dose}))
    contrast = _contrast_at(at_reference, effect)
    asked = effect.value
    ends = sorted(contrast(side)[0] for side in (-LARGEST_LOG_HAZARD_RATIO, LARGEST_LOG_HAZARD_RATIO))
    if not ends[0] < asked < ends[1]:
        raise ScenarioError(
            f"effect.value = {asked}: no hazard ratio gives a {effect.measure.replace('_', ' ')} of {asked} "
            f"for {effect.endpoint}; between {ends[0]:.3f} and {ends[1]:.3f} is reachable"
        )
    found = float(
        brentq(
            lambda log_hr: contrast(log_hr)[0] - asked,
            -LARGEST_LOG_HAZARD_RATIO,
            LARGEST_LOG_HAZARD_RATIO,
            xtol=1e-5,
        )
    )
    value, mcse = contrast(found)
    reached = Reached(
        what=f"{effect.measure} of {effect.endpoint} in {effect.population}",
        asked=asked,
        value=value,
        mcse=mcse,
    )
    solved = effect.model_copy(update={"log_hazard_ratio": found, "measure": None, "value": None})
    return scenario.model_copy(update={"effect": solved}), (reached,)


@lru_cache(maxsize=64)
def resolve_scenario(scenario: Scenario) -> Resolution:
    """Return the scenario with every request turned into coefficients, and how well each is met.

    In order: ICUs drawn anew, timing, the treated margins of Table 1 (with u, if there is one), crude
    mortality where it is held, the effect as stated. What was already solved is left alone, so that the
    thesis's own scenario comes back as it is.
    """
    solved, margins = _solve_margins(_draw_icus_anew(scenario))
    free = solved.unmeasured.model_copy(update={"crude": "free"})
    solved = solved.model_copy(update={"unmeasured": free})
    solved, effect = _solve_effect(solved)
    return Resolution(scenario=solved, reached=margins + effect)


@one_thread()
def resolve(scenario: Scenario) -> Scenario:
    """Return the scenario with nothing left to solve."""
    return resolve_scenario(scenario).scenario
