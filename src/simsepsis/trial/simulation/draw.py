"""One trial: who comes, when, to which arm, what each patient gets, and whose outcome is known."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.streams import Streams
from simsepsis.trial.simulation.outcomes import Categories, categories
from simsepsis.trial.simulation.pool import Pool
from simsepsis.trial.simulation.setting import Setting


@numba.njit(cache=True)
def permuted_blocks(stratum: IntArray, strata: int, block: IntArray, uniform: FloatArray) -> IntArray:
    """Return arms (n,) in permuted blocks within strata."""
    left = np.zeros((strata, block.size), np.int64)
    arms = np.empty(stratum.size, np.int64)
    for i in range(stratum.size):
        mine = left[stratum[i]]
        if mine.sum() == 0:
            mine[:] = block
        # Drawing from what is left of the block is drawing one of its permutations.
        draw = uniform[i] * mine.sum()
        arm = 0
        while arm < block.size - 1 and draw >= mine[arm]:
            draw -= mine[arm]
            arm += 1
        mine[arm] -= 1
        arms[i] = arm
    return arms


@numba.njit(cache=True)
def minimized(
    level: IntArray, levels: int, ratio: FloatArray, probability: float, uniform: FloatArray
) -> IntArray:
    """Return arms (n,) by minimization with a biased coin."""
    # Pocock SJ, Simon R. Biometrics 1975;31:103.
    factors, n = level.shape
    arms = ratio.size
    seen = np.zeros((factors, levels, arms))
    chosen = np.empty(n, np.int64)
    for i in range(n):
        imbalance = np.zeros(arms)
        for arm in range(arms):
            for f in range(factors):
                low, high = np.inf, -np.inf
                for other in range(arms):
                    count = (seen[f, level[f, i], other] + (other == arm)) / ratio[other]
                    low, high = min(low, count), max(high, count)
                imbalance[arm] += high - low
        best = _one_of_the_least(imbalance, uniform[0, i])
        arm = best
        if uniform[1, i] >= probability:
            step = int((uniform[1, i] - probability) / (1.0 - probability) * (arms - 1))
            arm = (best + 1 + min(step, arms - 2)) % arms
        for f in range(factors):
            seen[f, level[f, i], arm] += 1.0
        chosen[i] = arm
    return chosen


@numba.njit(cache=True)
def _one_of_the_least(values: FloatArray, uniform: float) -> int:
    least = values.min()
    ties = np.flatnonzero(values <= least + 1e-9)
    return int(ties[min(int(uniform * ties.size), ties.size - 1)])


def by_coin(ratio: FloatArray, uniform: FloatArray) -> IntArray:
    """Return arms (n,) drawn independently."""
    edges = np.cumsum(ratio)[:-1] / ratio.sum()
    return np.searchsorted(edges, uniform, side="right")


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
        patient=patient, site=site, arm=arm, course=course, observed=observed, month=_months(setting, gaps)
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
    strata = setting.strata.number(setting.protocol.sites.number)
    place = 0 if strata == 1 else setting.strata.strata(drawn.site, drawn.patient)
    return _by_look(setting, drawn, setting.codes, (strata, categories(setting.protocol.outcome)), place)


def deaths(setting: Setting, drawn: Drawn) -> IntArray:
    """Return patients with a known outcome by look, arm and whether they died, cumulative over looks."""
    return _by_look(setting, drawn, setting.dead, (1, 2), 0)[:, 0]


def _by_look(
    setting: Setting, drawn: Drawn, codes: Categories, kinds: tuple[int, int], stratum: IntArray | int
) -> IntArray:
    """Return patients with a known outcome by look, stratum, arm and code; `kinds`: strata, and codes."""
    shape = (len(setting.at_looks), kinds[0], len(setting.ratio), kinds[1])
    look = np.searchsorted(setting.at_looks[:-1], np.arange(drawn.patient.size), side="right")
    key = (look * shape[1] + stratum) * shape[2] + drawn.arm
    key = key * shape[3] + codes[drawn.course, drawn.patient]
    counts = np.bincount(key[drawn.observed], minlength=int(np.prod(shape))).reshape(shape)
    return np.asarray(np.cumsum(counts, axis=0))
