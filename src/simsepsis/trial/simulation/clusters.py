"""Trials that randomize ICUs: to one arm, to both in turn, or to treatment from a step on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri, stdtr

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.streams import Streams
from simsepsis.trial.cluster import stepped_wedge_schedule
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.adjusted import CONTRASTS
from simsepsis.trial.simulation.draw import Drawn, drawn_sites, followed, patients_of
from simsepsis.trial.simulation.setting import Setting
from simsepsis.world.sites import allocate

SMALL_SAMPLE = "kauermann_carroll"
"""Correction of the sandwich for few ICUs; with t on ICUs − columns degrees of freedom (Li P, Redden DT. Stat
Med 2015;34:281)."""

NOBODY: FloatArray = np.zeros(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clustered:
    """The patients of one trial of ICUs."""

    drawn: Drawn
    period: IntArray
    schedule: IntArray


def schedule_of(setting: Setting, rng: np.random.Generator) -> IntArray:
    """Return which ICU treats in which period, shape (ICUs, periods), ICUs in random order."""
    allocation, number = setting.protocol.allocation, setting.protocol.sites.number
    order = rng.permutation(number)
    treats = (order < number // 2).astype(np.int64)
    if allocation.unit == "parallel_cluster":
        return treats[:, None]
    if allocation.unit == "cluster_crossover":
        return np.column_stack([treats, 1 - treats])
    steps = int(allocation.steps or 0)
    wedge = stepped_wedge_schedule(steps).astype(np.int64)
    return np.asarray(wedge[order * steps // number])


def draw_clusters(setting: Setting, draw: Streams) -> Clustered:
    """Return the patients of one trial of ICUs."""
    pool, sites = setting.pool, setting.protocol.sites
    periods = setting.protocol.allocation.periods
    rng = draw("sites")
    everywhere = np.flatnonzero(pool.rates > 0.0)
    chosen = drawn_sites(pool, sites.number, rng) if sites.sampled else everywhere
    schedule = schedule_of(setting, draw("randomization"))
    size = np.maximum(allocate(pool.rates[chosen], setting.n_total // periods), 1)
    like = np.repeat(chosen[:, None], periods, axis=1)
    # In another period an ICU has the patients of another one with probability 1 − √cac, which makes the
    # ratio of the two correlations cac and leaves the correlation within a period alone.
    changed = rng.random(like.shape) >= np.sqrt(setting.protocol.allocation.cac)
    like = np.where(changed, rng.choice(everywhere, size=like.shape), like)
    site = np.repeat(np.tile(np.arange(chosen.size), periods), np.tile(size, periods))
    period = np.repeat(np.arange(periods), size.sum())
    uniform, wanted, there = draw("recruitment").random(site.size), *setting.icc
    if wanted <= there:
        # The pool's ICUs are more alike within than they should be: single patients come from others.
        stray = rng.random(site.size) >= np.sqrt(wanted / there)
        origin = np.where(stray, rng.choice(everywhere, size=site.size), like[site, period])
        patient = patients_of(pool, origin, uniform)
    else:
        risk = _spread_risks(setting, like, changed, rng)
        dies = rng.random(site.size) < risk[site, period]
        patient = _fated(setting, like[site, period], dies, uniform)
    drawn = followed(setting, patient, site, schedule[site, period], draw)
    return Clustered(drawn=drawn, period=period, schedule=schedule)


def _spread_risks(
    setting: Setting, like: IntArray, changed: BoolArray, rng: np.random.Generator
) -> FloatArray:
    """Return control risks of ICUs and periods, (ICUs, periods), that differ by as much more as is stated."""
    wanted, there = setting.icc
    _, deaths, size = _by_fate(setting)
    risk = np.clip(deaths / np.maximum(size, 1), 1e-6, 1.0 - 1e-6)[like]
    # A beta distribution adds share·p(1 − p) to the variance between ICUs and leaves their mean alone.
    share = (wanted - there) / (1.0 - there)
    total = 1.0 / share - 1.0
    kept = rng.beta(risk[:, :1] * total, (1.0 - risk[:, :1]) * total)
    return np.where(changed, rng.beta(risk * total, (1.0 - risk) * total), kept)


def _fated(setting: Setting, icu: IntArray, dies: BoolArray, uniform: FloatArray) -> IntArray:
    """Return (n,) patients of given ICUs who die, or live, under control as asked; others where none do."""
    order, deaths, size = _by_fate(setting)
    dead, alive = deaths[icu], size[icu] - deaths[icu]
    dies = (dies | (alive == 0)) & (dead > 0)
    place = np.where(dies, alive + uniform * dead, uniform * alive).astype(np.int64)
    return np.asarray(order[setting.pool.first[icu] + place])


@lru_cache(maxsize=2)
def _by_fate(setting: Setting) -> tuple[IntArray, IntArray, IntArray]:
    """Return rows of the pool, each ICU's living before its dead, and deaths and patients of ICUs."""
    pool = setting.pool
    deaths = np.bincount(pool.icu, setting.dead[0], minlength=pool.first.size - 1).astype(np.int64)
    return np.lexsort((setting.dead[0], pool.icu)), deaths, np.diff(pool.first)


def degrees_of_freedom(protocol: TrialProtocol) -> float:
    """Return the degrees of freedom of the test; infinite where patients are randomized."""
    if not protocol.allocation.clustered:
        return float("inf")
    columns = 1 + protocol.allocation.periods if protocol.test.analysis == "gee" else 2
    return float(protocol.sites.number - columns)


def compare_clusters(setting: Setting, trial: Clustered) -> tuple[float, float, float]:
    """Return z (positive for fewer deaths), effect and standard error of one trial of ICUs."""
    if setting.protocol.test.analysis == "gee":
        statistic, estimate, error = _by_gee(setting, trial)
    else:
        statistic, estimate, error = _by_means(setting, trial)
    return _normal(statistic, degrees_of_freedom(setting.protocol)), estimate, error


def _normal(t: float, df: float) -> float:
    """Return the normal quantile with the tail of t, from the nearer tail."""
    return float(-np.sign(t) * ndtri(stdtr(df, -abs(t)))) if np.isfinite(t) else float("nan")


def _by_means(setting: Setting, trial: Clustered) -> tuple[float, float, float]:
    """Compare means of ICUs, each counted alike; in a crossover within ICUs, and within periods."""
    drawn, periods = trial.drawn, trial.schedule.shape[1]
    place = drawn.site * periods + trial.period
    dead = setting.codes[drawn.course, drawn.patient]
    size = trial.schedule.size
    seen = np.bincount(place[drawn.observed], minlength=size)
    died = np.bincount(place[drawn.observed], dead[drawn.observed], minlength=size)
    means = np.where(seen > 0, died / np.maximum(seen, 1), np.nan).reshape(trial.schedule.shape)
    first = trial.schedule[:, 0] == 1
    if periods == 1:
        groups = [(means[first, 0], NOBODY), (NOBODY, means[~first, 0])]
    else:
        groups = [(means[first, 0], means[first, 1]), (means[~first, 1], means[~first, 0])]
    return _contrast(groups, setting.protocol.scale)


def _contrast(groups: list[tuple[FloatArray, FloatArray]], scale: str) -> tuple[float, float, float]:
    """Return t of the risk difference, effect and standard error from means of ICUs by sequence."""
    risks = [np.mean([np.nanmean(group[arm]) for group in groups if group[arm].size]) for arm in (0, 1)]
    shares = [sum(group[arm].size > 0 for group in groups) for arm in (0, 1)]

    def error(up: float, down: float) -> float:
        slopes = np.array([up, down]) / shares
        variance = 0.0
        for group in groups:
            parts = [slope * values for slope, values in zip(slopes, group, strict=True) if values.size]
            value = np.sum(parts, axis=0)
            value = value[~np.isnan(value)]
            variance += float(np.var(value, ddof=1)) / value.size
        return float(np.sqrt(variance))

    p1, p0 = np.array(risks[0]), np.array(risks[1])
    difference, *slopes = (float(part) for part in CONTRASTS["risk_difference"](p1, p0))
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, *own = (float(part) for part in CONTRASTS[scale](p1, p0))
        spread = error(*slopes)
        return -difference / spread if spread > 0.0 else float("nan"), estimate, error(*own)


def _by_gee(setting: Setting, trial: Clustered) -> tuple[float, float, float]:
    """Estimate the log odds ratio by GEE, periods as categories: exchangeable, or else independent."""
    from simsepsis.analysis.gee import fit_gee

    drawn, seen = trial.drawn, trial.drawn.observed
    periods = np.arange(1, trial.schedule.shape[1])
    treated = trial.schedule[drawn.site, trial.period][seen]
    times = trial.period[seen][:, None] == periods
    design = np.column_stack([np.ones(treated.size), treated, times]).astype(np.float64)
    dead = setting.codes[drawn.course, drawn.patient][seen].astype(np.float64)
    fit = fit_gee(design, dead, drawn.site[seen], covariance=SMALL_SAMPLE)
    if fit.failure is not None:
        # Few ICUs of very unequal size can have a negative correlation that no exchangeable matrix has.
        fit = fit_gee(design, dead, drawn.site[seen], correlation="independence", covariance=SMALL_SAMPLE)
    estimate, error = float(fit.params[1]), float(fit.std_errors[1])
    return -estimate / error, estimate, error
