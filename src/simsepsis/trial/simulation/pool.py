"""Patients with their courses under every treatment: the finite population that trials draw from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ExperimentError
from simsepsis.study.published import open_study
from simsepsis.threads import one_thread
from simsepsis.trial.endpoints import compare_pairs
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.condition import Condition
from simsepsis.trial.protocol.other_designs import VARIANTS
from simsepsis.trial.protocol.sections import Allocation, Words
from simsepsis.trial.protocol.testing import Looks, Test
from simsepsis.trial.simulation.outcomes import categories, coded, died
from simsepsis.world.candidates import Candidates, Course, Draws
from simsepsis.world.changes import changed_scenario
from simsepsis.world.contrast import CONTRASTS, LARGEST_LOG_HAZARD_RATIO, Risks

HOURS = 24.0
LEAST = 500
"""Patients below whom a part of a pool stands for nobody."""

ICUS_ALIKE = "cluster_means"
"""Analysis that is about the average ICU, not the average patient."""

FOLD = 5.0
"""Hazards of death are scaled at most so much to meet a control risk: with more it is another population."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """A finite population whose rates are the truth of the trials that draw from it."""

    icu: IntArray  # (n,) sorted
    first: IntArray  # (k + 1,) row of the first patient of each ICU, and n
    rates: FloatArray  # (k,) share of each ICU in the recruitment
    severity: FloatArray  # (n,) latent, on day 1, in SDs
    columns: dict[str, NDArray[Any]]  # (n,) of day 1, as recorded
    courses: tuple[Course, ...]  # under control, each arm and open-label treatment
    arms: int
    eligible_share: float  # of the screened
    log_hazard_ratio: float  # coefficient that makes the planned effect
    hazard_factor: float  # on the hazards of death, for the stated control risk

    @property
    def size(self) -> int:
        """Number of patients."""
        return int(self.icu.size)

    @property
    def weights(self) -> FloatArray:
        """(n,) probability of each patient to be the next one randomized."""
        return patient_weights(self.icu, self.rates)

    def null(self) -> Pool:
        """Return the same patients in a world where no treatment does anything."""
        same = (self.courses[0],) * len(self.courses)
        return replace(self, courses=same, log_hazard_ratio=0.0)

    def among(self, condition: Condition) -> Pool:
        """Return the patients of whom a condition holds, in the same world."""
        rows = np.flatnonzero(condition.holds(self.columns))
        if rows.size < LEAST:
            raise ExperimentError(
                f"'{condition.text}' holds for {rows.size} of {self.size} patients; use a wider condition or "
                "a larger run.pool"
            )
        icu = self.icu[rows]
        equal = bool(np.unique(self.rates[self.rates > 0.0]).size == 1)
        return replace(
            self,
            icu=icu,
            first=np.searchsorted(icu, np.arange(self.first.size)),
            rates=_rates(icu, "equal" if equal else "registry", self.rates.size),
            severity=self.severity[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
            courses=tuple(course.subset(rows) for course in self.courses),
            eligible_share=self.eligible_share * rows.size / self.size,
        )


def patient_weights(icu: IntArray, rates: FloatArray) -> FloatArray:
    """Return the (n,) probabilities of patients whose ICUs recruit at given rates."""
    counts = np.bincount(icu, minlength=rates.size)
    return np.asarray((rates / np.maximum(counts, 1))[icu])


def _rates(icu: IntArray, sizes: str, number: int = 0) -> FloatArray:
    counts = np.bincount(icu, minlength=number).astype(np.float64)
    shares = counts if sizes == "registry" else (counts > 0).astype(np.float64)
    return np.asarray(shares / shares.sum())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _World:
    """Candidates, what a protocol asks of them, and the factor on their hazards of death."""

    protocol: TrialProtocol
    candidates: Candidates
    hazard_factor: float = 1.0

    def course(self, treatment: int | None, log_hazard_ratio: float) -> Course:
        """Return everybody's course under a treatment, None for control."""
        return self.candidates.course(
            treatment,
            log_hazard_ratio=log_hazard_ratio,
            delay=self.protocol.population.hour / HOURS,
            hazard_factor=self.hazard_factor,
            support_ratio=self.protocol.effect.support_hazard_ratio,
            discharge_ratio=self.protocol.effect.discharge_hazard_ratio,
        )

    def weights(self, eligible: BoolArray) -> FloatArray:
        """Return the weights of the patients in what is planned: as recruited, or with ICUs alike."""
        icu, alike = self.candidates.icu[eligible], self.protocol.test.analysis == ICUS_ALIKE
        return patient_weights(icu, _rates(icu, "equal" if alike else self.protocol.sites.sizes))


def _settled(
    state: Callable[[_World, float], NDArray[Any]],
    world: _World,
    known: dict[float, NDArray[Any]],
) -> Callable[[float], NDArray[Any]]:
    """Return the function from a log hazard ratio to everybody's state under it, some of them known."""
    # Whoever is in the same state at two values is in it between them, and is not simulated there again.
    plain = replace(world, candidates=replace(world.candidates, columns={}))

    def at(value: float) -> NDArray[Any]:
        if value in known:
            return known[value]
        below = max((x for x in known if x < value), default=None)
        above = min((x for x in known if x > value), default=None)
        if below is None or above is None:
            found = state(plain, value)
        else:
            found = known[below].copy()
            unsettled = np.flatnonzero(found != known[above])
            if unsettled.size:
                part = replace(plain, candidates=plain.candidates.subset(unsettled))
                found[unsettled] = state(part, value)
        known[value] = found
        return found

    return at


def _solve_control(world: _World) -> _World:
    """Return the world whose control risk is the stated one."""
    asked = world.protocol.endpoint.control_risk
    if asked is None:
        return world

    def state(part: _World, log_factor: float) -> NDArray[np.int8]:
        course = replace(part, hazard_factor=float(np.exp(log_factor))).course(None, 0.0)
        return died(course, world.protocol.outcome) + 2 * course.eligible.astype(np.int8)

    settled = _settled(state, world, {})

    def risk(log_factor: float) -> float:
        found = settled(log_factor)
        eligible = found > 1
        return float((found % 2 == 1)[eligible] @ world.weights(eligible))

    limit = float(np.log(FOLD))
    ends = risk(-limit), risk(limit)
    if not ends[0] < asked < ends[1]:
        raise ExperimentError(
            f"{world.protocol.name}: endpoint.control_risk = {asked:g} is not one that this population can "
            f"have; between {ends[0]:.3f} and {ends[1]:.3f} it can, or change the population"
        )
    found = float(brentq(lambda value: risk(value) - asked, -limit, limit, xtol=1e-5))
    return replace(world, hazard_factor=float(np.exp(found)))


def _measure(world: _World, control: Course) -> Callable[[NDArray[Any]], float]:
    """Return the function from everybody's state under treatment to the planned effect's measure."""
    scale, weights = str(world.protocol.effect.scale), world.weights(control.eligible)
    untreated = _state(world, control)
    if scale in CONTRASTS:
        return lambda treated: CONTRASTS[scale](Risks(treated=treated, untreated=untreated, weights=weights))[
            0
        ]
    number = categories(world.protocol.outcome)

    def shares(codes: NDArray[Any]) -> FloatArray:
        return np.bincount(codes, weights=weights, minlength=number).astype(np.float64)

    return lambda treated: float(getattr(compare_pairs(shares(untreated), shares(treated)), scale))


def _state(world: _World, course: Course) -> NDArray[Any]:
    """Return what the planned effect is measured on: whether patients die, or their categories."""
    on_risks = str(world.protocol.effect.scale) in CONTRASTS
    return (died if on_risks else coded)(course, world.protocol.outcome)


def _solve_effect(world: _World, control: Course, responses: FloatArray) -> float:
    """Return the log hazard ratio at which the planned effect holds in the arm that it is stated for."""
    planned, arm = world.protocol.planned, world.protocol.effect_arm
    if planned.coefficient == 0.0:
        return 0.0
    measure, effect = _measure(world, control), world.protocol.effect
    alone = effect.support_hazard_ratio == effect.discharge_hazard_ratio == 1.0
    known = {0.0: _state(world, control)} if alone else {}
    settled = _settled(lambda part, found: _state(part, part.course(arm, found)), world, known)

    def value(log_hazard_ratio: float) -> float:
        return measure(settled(log_hazard_ratio))

    scale = float(np.mean(responses[arm]))
    if scale <= 0.0:
        raise ExperimentError(
            f"{world.protocol.name}: arm '{world.protocol.arms[arm].name}' gets a dose at which the world's "
            f"{world.candidates.response} has no effect; raise it"
        )
    limit = LARGEST_LOG_HAZARD_RATIO / scale
    ends = sorted((value(-limit), value(limit)))
    if not ends[0] < planned.value < ends[1]:
        raise ExperimentError(
            f"{world.protocol.name}: effect.value = {planned.value:g}: no hazard ratio gives a "
            f"{planned.name} of {planned.value:g}; between {ends[0]:.3f} and {ends[1]:.3f} is reachable"
        )
    return float(brentq(lambda found: value(found) - planned.value, -limit, limit, xtol=1e-5 / scale))


@one_thread()
def build_pool(protocol: TrialProtocol) -> Pool:
    """Return the finite population of a protocol, from the protocol's seed."""
    return _pool(_of_population(protocol))


def _of_population(protocol: TrialProtocol) -> TrialProtocol:
    """Return a protocol without all that its population does not depend on."""
    # The hazards of death are scaled to the stated control risk, and the hazard ratio is solved for the
    # planned effect, both exactly in this population, with common random numbers: on the average patient,
    # or on the average ICU where the analysis counts every ICU alike.
    test = Test(analysis=ICUS_ALIKE) if protocol.test.analysis == ICUS_ALIKE else Test()
    told = {"label": "", "question": "", "test": test, "looks": Looks(), "priors": (), "n_total": None}
    told |= {"words": Words(), "published": (), **dict.fromkeys(VARIANTS)}
    return protocol.model_copy(update=told | {"allocation": Allocation()})


def null_pool(protocol: TrialProtocol, pool: Pool) -> Pool:
    """Return the population under the null hypothesis: no effect, or one as bad as the margin."""
    if protocol.effect.margin is None:
        return pool.null()
    worst = protocol.effect.model_copy(update={"value": protocol.effect.margin, "margin": None})
    return build_pool(protocol.model_copy(update={"effect": worst}))


@lru_cache(maxsize=4)
def _pool(protocol: TrialProtocol) -> Pool:
    """Return the population of a protocol from which all that it does not depend on has been taken."""
    candidates = draw_candidates(protocol)
    world, control = _under_control(protocol, candidates)
    coefficient, chosen = _solve_effect(world, control, candidates.log_hazard_ratio), world.candidates
    treated = range(len(chosen.log_hazard_ratio))
    return Pool(
        icu=chosen.icu,
        first=np.searchsorted(chosen.icu, np.arange(int(chosen.icu[-1]) + 2)),
        rates=_rates(chosen.icu, protocol.sites.sizes),
        severity=chosen.severity,
        columns=chosen.columns,
        courses=(control, *(world.course(treatment, coefficient) for treatment in treated)),
        arms=len(protocol.arms),
        eligible_share=chosen.icu.size / candidates.screened,
        log_hazard_ratio=coefficient,
        hazard_factor=world.hazard_factor,
    )


def _under_control(protocol: TrialProtocol, candidates: Candidates) -> tuple[_World, Course]:
    """Return the world of the eligible, at the stated control risk, and their course without treatment."""
    everybody = _solve_control(_World(protocol=protocol, candidates=candidates))
    untreated = everybody.course(None, 0.0)
    rows = np.flatnonzero(untreated.eligible)
    return replace(everybody, candidates=candidates.subset(rows)), untreated.subset(rows)


PROBE = 20_000
"""Patients among whom the eligible are counted, to know how many to draw."""


def draws_of(protocol: TrialProtocol) -> Draws:
    """Return whom a trial draws and what they may get: that of its arms, then that of open-label use."""
    arms = [arm.treatment for arm in protocol.arms]
    others = [protocol.open_label] if protocol.conduct.contamination.share > 0.0 else []
    return Draws(
        treatments=(*arms, *others), columns=tuple(protocol.offer.known), holds=protocol.condition.holds
    )


def draw_candidates(protocol: TrialProtocol) -> Candidates:
    """Return about as many eligible patients as the protocol's pool has, from the protocol's seed."""
    choice, sites, place = protocol.world, protocol.sites, protocol.name
    asked = changed_scenario(choice.base, choice.set, place=place, label=protocol.label)
    if open_study(asked.study).name != open_study(protocol.study).name:
        raise ExperimentError(
            f"{place}: world.base = '{choice.base}' is a world of study '{asked.study}', not of "
            f"'{protocol.study}'; write study = \"{asked.study}\", or another world"
        )
    world = asked.for_trial(sites=sites.number, sampled=sites.sampled, place=place)
    draws, seed = draws_of(protocol), protocol.run.seed
    share = 1.0
    if protocol.condition.groups:
        share = world.candidates(draws, seed=seed, n=PROBE).icu.size / PROBE
        if share < 0.01:
            raise ExperimentError(
                f"{place}: population.where = '{protocol.population.where}' holds for {share:.1%} of "
                "patients; a trial needs at least 1%"
            )
    return world.candidates(draws, seed=seed, n=math.ceil(protocol.run.pool / share))


REFERENCE = 200_000
"""Patients from whom the ICC of a world is taken, whatever the population that trials draw from."""


def icu_correlation(icu: IntArray, values: FloatArray, *, chance: bool = False) -> float:
    """Return the correlation ρ of two patients of one ICU, ICUs counted alike."""
    counts = np.bincount(icu)
    seen = counts > 1
    n = counts[seen]
    means = np.bincount(icu, weights=values)[seen] / n
    overall = float(means.mean())
    luck = 0.0 if chance else float((means * (1.0 - means) / (n - 1.0)).mean()) * (1.0 - 1.0 / n.size)
    return max(float(means.var()) - luck, 0.0) / (overall * (1.0 - overall))


def world_icc(protocol: TrialProtocol, pool: Pool) -> float:
    """Return the stated ICC, or that of the world under control: where ICUs are randomized, of one size."""
    if protocol.allocation.icc is not None:
        return protocol.allocation.icc
    if protocol.allocation.clustered and protocol.run.pool != REFERENCE:
        run = protocol.run.model_copy(update={"pool": REFERENCE})
        return _reference_icc(_of_population(protocol.model_copy(update={"run": run})))
    return icu_correlation(pool.icu, _deaths(protocol, pool.courses[0]))


@lru_cache(maxsize=4)
def _reference_icc(protocol: TrialProtocol) -> float:
    """Return the ICC of a population in which nobody is treated, whose effect need not be solved for that."""
    world, control = _under_control(protocol, draw_candidates(protocol))
    return icu_correlation(world.candidates.icu, _deaths(protocol, control))


def icc_drawn(protocol: TrialProtocol, pool: Pool) -> tuple[float, float]:
    """Return the ICC that trials of ICUs should have, and that of the pool as it is; parameters as above."""
    if not protocol.allocation.clustered:
        return 0.0, 0.0
    deaths = _deaths(protocol, pool.courses[0])
    return world_icc(protocol, pool), icu_correlation(pool.icu, deaths, chance=True)


def _deaths(protocol: TrialProtocol, control: Course) -> FloatArray:
    return died(control, protocol.outcome).astype(np.float64)
