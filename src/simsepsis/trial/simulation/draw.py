"""One trial: who comes, when, to which arm, what each patient gets, and whose outcome is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.streams import Streams
from simsepsis.trial.simulation.assignment import by_coin, minimized, permuted_blocks
from simsepsis.trial.simulation.outcomes import categories
from simsepsis.trial.simulation.pool import Pool
from simsepsis.trial.simulation.setting import Setting

DAYS_PER_MONTH = 365.25 / 12.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """The patients of one trial, in the order of their randomization."""

    patient: IntArray
    site: IntArray
    arm: IntArray
    course: IntArray
    observed: BoolArray
    month: FloatArray


def draw_trial(setting: Setting, draw: Streams) -> Drawn:
    """Return the patients of one trial, all that it may randomize."""
    patient, site = _recruited(setting, draw)
    arm = _assigned(setting, patient, site, draw("randomization"))
    return followed(setting, patient, site, arm, draw)


def followed(setting: Setting, patient: IntArray, site: IntArray, arm: IntArray, draw: Streams) -> Drawn:
    """Return patients with what they are given, whether their outcome is known, and when they came."""
    course = _given(setting, patient, arm, draw("departure"))
    observed = np.ones(patient.size, dtype=np.bool_)
    if setting.lost is not None:
        observed = draw("loss").random(patient.size) >= setting.lost[course, patient]
    gaps = draw("accrual").standard_exponential(patient.size)
    return Drawn(
        patient=patient,
        site=site,
        arm=arm,
        course=course,
        observed=observed,
        month=_months(setting, gaps),
    )


def _recruited(setting: Setting, draw: Streams) -> tuple[IntArray, IntArray]:
    """Return rows of the pool and ICUs of the trial, each patient as likely as its ICU recruits."""
    sites, pool, n = setting.protocol.sites, setting.pool, setting.n_total
    rng = draw("recruitment")
    if not sites.sampled and sites.sizes == "registry":
        patient = rng.integers(pool.size, size=n)
        return patient, pool.icu[patient]
    chosen = drawn_sites(pool, sites.number, draw("sites")) if sites.sampled else np.arange(pool.rates.size)
    shares = np.cumsum(pool.rates[chosen])
    site = np.searchsorted(shares[:-1] / shares[-1], rng.random(n), side="right")
    return patients_of(pool, chosen[site], rng.random(n)), site


def drawn_sites(pool: Pool, number: int, rng: np.random.Generator) -> IntArray:
    """Return (number,) ICUs drawn from those of a pool that have patients."""
    return rng.choice(np.flatnonzero(pool.rates > 0.0), size=number)


def patients_of(pool: Pool, icu: IntArray, uniform: FloatArray) -> IntArray:
    """Return (n,) rows of the pool, drawn with replacement from given ICUs."""
    first = pool.first[icu]
    return first + (uniform * (pool.first[icu + 1] - first)).astype(np.int64)


def _assigned(setting: Setting, patient: IntArray, site: IntArray, rng: np.random.Generator) -> IntArray:
    allocation, ratio, factors = setting.protocol.allocation, setting.ratio, setting.factors
    sites = setting.protocol.sites.number
    if allocation.method == "simple":
        return by_coin(ratio, rng.random(patient.size))
    if allocation.method == "blocks":
        block = np.round(allocation.block * ratio).astype(np.int64)
        strata = factors.strata(site, patient)
        return np.asarray(permuted_blocks(strata, factors.number(sites), block, rng.random(patient.size)))
    uniform = rng.random((2, patient.size))
    levels = factors.levels(site, patient)
    return np.asarray(minimized(levels, max(sites, 2), ratio, allocation.probability, uniform))


def _given(setting: Setting, patient: IntArray, arm: IntArray, rng: np.random.Generator) -> IntArray:
    """Return the course that each patient takes: that of the arm, unless they depart from it."""
    if setting.untreated is None and setting.open_label is None:
        return arm
    uniform, course = rng.random(patient.size), arm.copy()
    if setting.untreated is not None:
        course[(arm > 0) & (uniform < setting.untreated[patient])] = 0
    if setting.open_label is not None:
        course[(arm == 0) & (uniform < setting.open_label[patient])] = setting.pool.arms + 1
    return course


def _months(setting: Setting, gaps: FloatArray) -> FloatArray:
    """Return when patients are randomized: a Poisson process whose rate rises during the start-up."""
    full, startup = setting.per_month, setting.protocol.sites.startup_months
    expected = np.cumsum(gaps)
    steady = expected / full + 0.5 * startup
    if startup == 0.0:
        return steady
    rising = np.sqrt(2.0 * expected * startup / full)
    return np.where(expected < 0.5 * full * startup, rising, steady)


def tally(setting: Setting, drawn: Drawn) -> IntArray:
    """Return known outcomes by look, stratum, arm and category, cumulative over looks."""
    protocol = setting.protocol
    kinds, arms = categories(protocol.outcome), len(setting.ratio)
    strata = setting.strata.number(protocol.sites.number)
    look = np.searchsorted(setting.at_looks[:-1], np.arange(drawn.patient.size), side="right")
    key = look if strata == 1 else look * strata + setting.strata.strata(drawn.site, drawn.patient)
    key = (key * arms + drawn.arm) * kinds + setting.codes[drawn.course, drawn.patient]
    shape = (len(setting.at_looks), strata, arms, kinds)
    counts = np.bincount(key[drawn.observed], minlength=int(np.prod(shape))).reshape(shape)
    return np.asarray(np.cumsum(counts, axis=0))
