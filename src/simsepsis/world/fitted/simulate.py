"""Patients of a learned world: covariates, treatment, and what becomes of them in either arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.streams import Streams
from simsepsis.world.fitted.covariates import Covariates, draw_covariates
from simsepsis.world.fitted.hidden import conditional_log_odds, draw_hidden, mean_of
from simsepsis.world.fitted.profile import NODES, Column, Later, Profile, Survival
from simsepsis.world.fitted.rows import draw_rows
from simsepsis.world.fitted.tabulated import tabulated

if TYPE_CHECKING:
    from simsepsis.world.fitted.scenario import FittedScenario


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roster:
    """The clusters of one registry.

    Attributes
    ----------
    shares
        (clusters,) of patients.
    effects
        (clusters, models) effect of each on each predictor.
    means
        (clusters, normal variables) means in each.
    fixed
        (clusters, columns) which value all patients of a cluster share, −1 for none.
    origin
        (clusters,) which of the source's clusters each is.
    """

    shares: FloatArray
    effects: FloatArray
    means: FloatArray
    fixed: IntArray
    origin: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Luck:
    """Random numbers of n patients that no arm changes.

    Attributes
    ----------
    treatment
        (n,) uniform.
    event, leaving
        (n,) unit exponential.
    later
        Column → (n,) uniform, standard normal for a number.
    absent
        Column → (n,) uniform, for whether it is missing.
    """

    treatment: FloatArray
    event: FloatArray
    leaving: FloatArray
    later: Mapping[str, FloatArray]
    absent: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """Patients before treatment does anything: (n,) each; `before`: what is drawn before it.

    `log_odds` are those of treatment, or the log hazard ratio of starting it where starts are in time.
    """

    covariates: Covariates
    hidden: FloatArray
    before: Mapping[str, FloatArray]
    log_odds: FloatArray
    luck: Luck


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fate:
    """What becomes of patients in one arm.

    Attributes
    ----------
    time, event
        (n,) follow-up and whether it ended with the event; None without survival.
    lifetime
        (n,) time to the event, infinite for who leaves alive.
    outcomes
        Outcome → (n,) 0/1, or the number.
    """

    time: FloatArray | None
    event: BoolArray | None
    lifetime: FloatArray
    outcomes: Mapping[str, FloatArray]


def roster_of(scenario: FittedScenario, rng: np.random.Generator) -> Roster:
    """Return the clusters of a registry: those of the cohort, or as many drawn from them."""
    profile = scenario.learned
    models, normals = len(profile.models), len(profile.correlation) + 1
    if profile.clusters is None:
        return Roster(
            shares=np.ones(1),
            effects=np.zeros((1, models)),
            means=np.zeros((1, normals)),
            fixed=np.full((1, len(profile.columns)), -1),
            origin=np.zeros(1, dtype=np.int64),
        )
    own = profile.clusters
    shares, means = np.array(own.shares), np.array(own.latents) * scenario.sites.spread
    effects = np.array([own.models.get(name, np.zeros(shares.size)) for name in profile.models]).T
    effects = effects * scenario.sites.spread
    nothing = np.full(shares.size, -1)
    fixed = np.array([own.constants.get(name, nothing) for name in profile.columns]).T
    chosen = np.arange(shares.size)
    number = scenario.sites.number or shares.size
    if scenario.sites.sampled or number != shares.size:
        chosen = (
            rng.choice(shares.size, number) if scenario.sites.sampled else np.arange(number) % shares.size
        )
        shares, fixed = shares[chosen] / shares[chosen].sum(), fixed[chosen]
        effects, means = effects[chosen], means[chosen]
    return Roster(
        shares=shares, effects=effects, means=means, fixed=np.ascontiguousarray(fixed), origin=chosen
    )


def place_patients(roster: Roster, n: int) -> IntArray:
    """Return the cluster of each of n patients, sorted; sizes are as equal to the shares as they can be."""
    ends = np.rint(np.cumsum(roster.shares) * n).astype(np.int64)
    ends[-1] = n
    return np.repeat(np.arange(ends.size), np.diff(ends, prepend=0))


def draw_people(scenario: FittedScenario, roster: Roster, cluster: IntArray, draw: Streams) -> People:
    """Return patients with all that precedes the treatment."""
    return people_with(scenario, _covariates(scenario, roster, cluster, draw("patients")), draw)


def people_with(scenario: FittedScenario, covariates: Covariates, draw: Streams) -> People:
    """Return patients of known covariates with all else that precedes the treatment."""
    profile, n = scenario.learned, covariates.cluster.size
    hidden = draw_hidden(scenario.unmeasured, n, draw("unmeasured"))
    luck = _luck(profile, n, draw)
    before: dict[str, FloatArray] = {}
    for name, later in profile.later.items():
        if later.role == "before":
            before[name] = draw_later(profile, later, covariates, 0.0, before, luck.later[name])
    return People(
        covariates=covariates,
        hidden=hidden,
        before=before,
        log_odds=_log_odds(scenario, covariates, before, hidden),
        luck=luck,
    )


def _covariates(
    scenario: FittedScenario, roster: Roster, cluster: IntArray, rng: np.random.Generator
) -> Covariates:
    profile, rows = scenario.learned, scenario.own_rows
    if rows is not None:
        return draw_rows(profile, rows, cluster, roster.effects, roster.origin, rng)
    return draw_covariates(
        profile,
        cluster,
        roster.effects,
        roster.means,
        roster.fixed,
        rng,
        missing=scenario.observation.missing,
    )


def _luck(profile: Profile, n: int, draw: Streams) -> Luck:
    course, scores, absent = draw("course"), draw("scores"), draw("observation")
    later = {
        name: scores.standard_normal(n) if one.column.kind == "number" else scores.random(n)
        for name, one in profile.later.items()
    }
    return Luck(
        treatment=draw("treatment").random(n),
        event=course.standard_exponential(n),
        leaving=course.standard_exponential(n),
        later=later,
        absent={name: absent.random(n) for name, one in profile.later.items() if one.column.missing > 0.0},
    )


def predictor(
    profile: Profile, name: str, covariates: Covariates, earlier: Mapping[str, FloatArray]
) -> FloatArray:
    """Return a model's predictor without the treatment, (n,)."""
    total: FloatArray = covariates.predictors[tabulated(profile).models.index(name)]
    for column, coefficient in profile.models[name].after.items():
        if column in earlier:
            total = total + coefficient * earlier[column]
    return total


def prognosis(scenario: FittedScenario, covariates: Covariates) -> FloatArray:
    """Return the predictor of the outcome that confounding is stated for, covariates only."""
    profile, outcome = scenario.learned, scenario.outcome
    name = "event" if outcome in profile.derived else profile.later[outcome].model
    return predictor(profile, name, covariates, {})


def _log_odds(
    scenario: FittedScenario, covariates: Covariates, before: Mapping[str, FloatArray], hidden: FloatArray
) -> FloatArray:
    """Return the log odds of treatment, as they were found where nothing was solved yet."""
    score = predictor(scenario.learned, "treatment", covariates, before)
    solved, knobs = scenario.solved, scenario.treatment
    if solved is not None:
        score = score - solved.score_mean
        if knobs.confounding != 1.0:
            extra = (knobs.confounding - 1.0) * solved.prognosis_slope
            score = score + extra * (prognosis(scenario, covariates) - solved.prognosis_mean)
        score = solved.intercept + score / knobs.overlap
    if scenario.learned.start is not None:
        slope = np.log(scenario.unmeasured.or_treatment)
        return np.asarray(score + slope * (hidden - mean_of(scenario.unmeasured)))
    return conditional_log_odds(score, hidden, scenario.unmeasured)


def fate_of(
    scenario: FittedScenario,
    people: People,
    given: float | FloatArray,
    begins: float | FloatArray = 0.0,
    *,
    leaving: float = 0.0,
) -> Fate:
    """Return what becomes of patients by treatment (1 or 0), its begin and what it does to leaving."""
    profile, survival = scenario.learned, scenario.learned.survival
    shift = _shift(scenario, people)
    ratio = _ratio(scenario, people)
    found: dict[str, FloatArray] = dict(people.before)
    outcomes: dict[str, FloatArray] = {}
    time = event = None
    lifetime = np.full(people.hidden.size, np.inf)
    if survival is not None:
        effect = _effect(scenario, "event", ratio, number=False)
        score = predictor(profile, "event", people.covariates, found) + shift
        leave = predictor(profile, "leaving", people.covariates, found)
        change = profile.models["leaving"].treatment if scenario.effect.as_found else 0.0
        cuts, luck = np.array(survival.cuts), people.luck
        dead = _reached(cuts, survival.hazards, luck.event, score, given * effect, begins)
        left = _reached(cuts, survival.leaving, luck.leaving, leave, given * change + leaving, begins)
        time, event, lifetime = _follow_up(survival, dead, np.minimum(left, cuts[-1]))
        found[survival.event] = event.astype(np.float64)
        for name, derived in profile.derived.items():
            happened = event if derived.day is None else event & (time <= derived.day)
            found[name] = outcomes[name] = happened.astype(np.float64)
    for name, later in profile.later.items():
        if later.role == "outcome":
            number = later.column.kind == "number"
            effect = _effect(scenario, later.model, ratio, number=number)
            add = shift + given * effect
            found[name] = draw_later(profile, later, people.covariates, add, found, people.luck.later[name])
            outcomes[name] = found[name]
    return Fate(time=time, event=event, lifetime=lifetime, outcomes=outcomes)


def _ratio(scenario: FittedScenario, people: People) -> float | FloatArray:
    """Return the log ratio of the treatment in each patient."""
    effect = scenario.effect
    if effect.modifier is None:
        return effect.log_ratio
    names = tabulated(scenario.learned).names
    modifier = effect.modifier
    if modifier.column not in names:
        from simsepsis.errors import ScenarioError, did_you_mean

        near = did_you_mean(modifier.column, names)
        raise ScenarioError(
            f"effect.modifier.column = '{modifier.column}' is no covariate of this world{near}"
        )
    values = people.covariates.values[names.index(modifier.column)]
    if modifier.at_least is not None:
        chosen = values >= modifier.at_least
    else:
        chosen = values == float(_level(scenario.learned.columns[modifier.column], str(modifier.level)))
    return effect.log_ratio * np.where(chosen, modifier.factor, 1.0)


def _level(column: Column, level: str) -> float:
    if level not in column.levels:
        from simsepsis.errors import ScenarioError

        raise ScenarioError(
            f"effect.modifier.level = '{level}' is no level of the column; it has "
            f"{', '.join(column.levels) or 'none'}"
        )
    return column.values[column.levels.index(level)]


def _effect(
    scenario: FittedScenario, model: str, ratio: float | FloatArray, *, number: bool
) -> float | FloatArray:
    """Return what the treatment adds to a predictor; a stated effect is one on events, or on a number."""
    if scenario.effect.as_found:
        return scenario.learned.models[model].treatment
    return ratio if number == (scenario.outcome in scenario.learned.numeric_outcomes) else 0.0


def untreated_stay(scenario: FittedScenario, people: People) -> FloatArray:
    """Return how long untreated patients are there, as it is and not as it is recorded; infinite for ever."""
    profile, survival = scenario.learned, scenario.learned.survival
    if survival is None:
        return np.full(people.hidden.size, np.inf)
    cuts, luck, covariates = np.array(survival.cuts), people.luck, people.covariates
    score = predictor(profile, "event", covariates, people.before) + _shift(scenario, people)
    leave = predictor(profile, "leaving", covariates, people.before)
    dead = _reached(cuts, survival.hazards, luck.event, score, 0.0, 0.0)
    left = _reached(cuts, survival.leaving, luck.leaving, leave, 0.0, 0.0)
    return np.asarray(np.minimum(np.minimum(dead, left), cuts[-1]))


def _shift(scenario: FittedScenario, people: People) -> FloatArray:
    """Return what is added to every outcome's predictor: what was solved, and the hidden confounder."""
    solved, hidden = scenario.solved, scenario.unmeasured
    slope = float(np.log(hidden.hr_outcome))
    shift = 0.0 if solved is None else solved.shift
    return np.asarray(shift + slope * (people.hidden - mean_of(hidden)))


def _follow_up(
    survival: Survival, dead: FloatArray, left: FloatArray
) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Return time, whether it ended with the event, and the time to the event if nothing else ends it."""
    event = dead <= left
    time = recorded(np.where(event, dead, left), survival.rounding, survival.decimals)
    lifetime = np.where(event, time, np.inf) if survival.discharge else dead
    return time, event, lifetime


def recorded(time: FloatArray, rounding: str, decimals: int | None) -> FloatArray:
    """Return times as they are recorded."""
    if rounding == "up":
        return np.ceil(time)
    if rounding == "down":
        return np.floor(time)
    return time if decimals is None else np.round(time, decimals)


def _reached(
    cuts: FloatArray,
    hazards: Sequence[float],
    luck: FloatArray,
    score: FloatArray,
    change: float | FloatArray,
    begins: float | FloatArray,
) -> FloatArray:
    """Return when each patient's hazard is used up; `change` is added to the predictor from `begins` on."""
    own = np.array(hazards)
    if np.ndim(begins) == 0:
        return _inverse(cuts, own, luck * np.exp(-(score + change)))
    bears = luck * np.exp(-score)
    until = np.interp(begins, cuts, np.concatenate([[0.0], np.cumsum(own * np.diff(cuts))]))
    return _inverse(cuts, own, np.where(bears > until, until + (bears - until) * np.exp(-change), bears))


def _inverse(cuts: FloatArray, hazards: FloatArray, exposure: FloatArray) -> FloatArray:
    """Return when the cumulative hazard reaches what each patient bears; infinite if it does not."""
    cumulative = np.concatenate([[0.0], np.cumsum(hazards * np.diff(cuts))])
    return np.asarray(np.interp(exposure, cumulative, cuts, right=np.inf))


def draw_later(
    profile: Profile,
    later: Later,
    covariates: Covariates,
    add: float | FloatArray,
    earlier: Mapping[str, FloatArray],
    luck: FloatArray,
) -> FloatArray:
    """Return a column that is drawn after the covariates."""
    score = predictor(profile, later.model, covariates, earlier) + add
    if later.column.kind == "number":
        return quantiles(later.column, score + profile.models[later.model].residual * luck)
    happens = luck < expit(score)
    for name in later.within:
        happens = happens & (earlier[name] == 1.0)
    for name in later.implied_by:
        happens = happens | (earlier[name] == 1.0)
    return np.asarray(happens, dtype=np.float64)


def quantiles(column: Column, normal: FloatArray) -> FloatArray:
    """Return values of a number from its normal scores."""
    values = np.interp(normal, NODES, np.array(column.values))
    return np.asarray(values if column.decimals is None else np.round(values, column.decimals))


def record_later(
    scenario: FittedScenario, people: People, fate: Fate, given: FloatArray, *, until: str = ""
) -> dict[str, FloatArray]:
    """Return what is recorded after the outcomes, of the arm that each patient was in, up to a column."""
    profile, survival = scenario.learned, scenario.learned.survival
    found = dict(people.before) | dict(fate.outcomes)
    if survival is not None and fate.event is not None:
        found[survival.event] = fate.event.astype(np.float64)
    for name, later in profile.later.items():
        if until in found:
            break
        if later.role == "after":
            add = given * profile.models[later.model].treatment
            found[name] = draw_later(profile, later, people.covariates, add, found, people.luck.later[name])
    for name in people.luck.absent.keys() & found.keys():
        absent = people.luck.absent[name] < profile.later[name].column.missing
        found[name] = np.where(absent, np.nan, found[name])
    return found
