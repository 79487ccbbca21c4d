"""Two arms compared from counts, for many trials at once.

Counts have shape (…, strata, 2, categories), control first. z is positive where treated patients do better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simsepsis.arrays import FloatArray
from simsepsis.trial.designs.noninferiority import farrington_manning
from simsepsis.trial.effect import Effect

Counts = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """Results of many trials; arrays of one shape, NaN where there is none."""

    z: FloatArray
    estimate: FloatArray
    std_error: FloatArray


def compare(counts: Counts, scale: str, margin: Effect | None = None) -> Compared:
    """Return test and estimate of each trial."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "hazard_ratio":
            found = Compared(**compare_times(counts))
        elif margin is not None and counts.shape[-3] == 1:
            found = replace(_deaths(counts, scale), z=_not_inferior(counts, margin))
        else:
            found = (_ranked if scale in ("win_ratio", "probability_index") else _deaths)(counts, scale)
    # A ratio of which one side is 0 has no estimate, though it may have a test.
    told = np.isfinite(found.estimate) & np.isfinite(found.std_error)
    return Compared(
        z=found.z,
        estimate=np.where(told, found.estimate, np.nan),
        std_error=np.where(told, found.std_error, np.nan),
    )


def _deaths(counts: Counts, scale: str) -> Compared:
    control, treated = counts[..., 0, :].sum(axis=-1), counts[..., 1, :].sum(axis=-1)
    dead = counts[..., 0, 1].astype(np.float64), counts[..., 1, 1].astype(np.float64)
    arms = Arms(
        control=control.astype(np.float64), treated=treated.astype(np.float64), dead0=dead[0], dead1=dead[1]
    )
    estimate, std_error = SCALES[scale](arms)
    return Compared(z=_cochran_mantel_haenszel(arms), estimate=estimate, std_error=std_error)


def _not_inferior(counts: Counts, margin: Effect) -> FloatArray:
    arms = counts[..., 0, :, :].astype(np.float64)
    n, dead = arms.sum(axis=-1), arms[..., 1]
    return farrington_manning(n[..., 0], dead[..., 0], n[..., 1], dead[..., 1], margin)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arms:
    """Patients and deaths of both arms by stratum, arrays (…, strata)."""

    control: FloatArray
    treated: FloatArray
    dead0: FloatArray
    dead1: FloatArray

    @property
    def n(self) -> FloatArray:
        """Patients of both arms; 1 where there are none, so that nothing is divided by 0."""
        return np.maximum(self.control + self.treated, 1.0)


def _cochran_mantel_haenszel(arms: Arms) -> FloatArray:
    n, dead = arms.n, arms.dead0 + arms.dead1
    excess = dead * arms.treated / n - arms.dead1
    spread = arms.control * arms.treated * dead * (n - dead) / (n * n * np.maximum(n - 1.0, 1.0))
    return np.asarray(excess.sum(axis=-1) / np.sqrt(spread.sum(axis=-1)))


def _risk_difference(arms: Arms) -> tuple[FloatArray, FloatArray]:
    """Mantel–Haenszel risk difference with the variance of Sato (Biometrics 1989;45:1323)."""
    n0, n1, d0, d1, n = arms.control, arms.treated, arms.dead0, arms.dead1, arms.n
    weight = (n0 * n1 / n).sum(axis=-1)
    estimate = ((d1 * n0 - d0 * n1) / n).sum(axis=-1) / weight
    first = (n1 * n1 * d0 - n0 * n0 * d1 + n1 * n0 * (n0 - n1) / 2.0) / (n * n)
    second = (d1 * (n0 - d0) + d0 * (n1 - d1)) / (2.0 * n)
    variance = (estimate * first.sum(axis=-1) + second.sum(axis=-1)) / (weight * weight)
    return estimate, np.sqrt(variance)


def _log_risk_ratio(arms: Arms) -> tuple[FloatArray, FloatArray]:
    """Mantel–Haenszel risk ratio (Greenland S, Robins JM. Biometrics 1985;41:55)."""
    n0, n1, d0, d1, n = arms.control, arms.treated, arms.dead0, arms.dead1, arms.n
    top, bottom = (d1 * n0 / n).sum(axis=-1), (d0 * n1 / n).sum(axis=-1)
    spread = (((d0 + d1) * n0 * n1 - d0 * d1 * n) / (n * n)).sum(axis=-1)
    return np.log(top / bottom), np.sqrt(spread / (top * bottom))


def _log_odds_ratio(arms: Arms) -> tuple[FloatArray, FloatArray]:
    """Mantel–Haenszel odds ratio (Robins J, Breslow N, Greenland S. Biometrics 1986;42:311)."""
    n0, n1, d0, d1, n = arms.control, arms.treated, arms.dead0, arms.dead1, arms.n
    r, s = d1 * (n0 - d0) / n, d0 * (n1 - d1) / n
    p, q = (d1 + n0 - d0) / n, (d0 + n1 - d1) / n
    up, down = r.sum(axis=-1), s.sum(axis=-1)
    variance = (
        (p * r).sum(axis=-1) / (2.0 * up * up)
        + (p * s + q * r).sum(axis=-1) / (2.0 * up * down)
        + (q * s).sum(axis=-1) / (2.0 * down * down)
    )
    return np.log(up / down), np.sqrt(variance)


SCALES: dict[str, Callable[[Arms], tuple[FloatArray, FloatArray]]] = {
    "risk_difference": _risk_difference,
    "risk_ratio": _log_risk_ratio,
    "odds_ratio": _log_odds_ratio,
}
"""Scale → common effect over strata, treated against control, and its standard error."""


def _ranked(counts: Counts, scale: str) -> Compared:
    """Compare ordered categories, worst first, pair by pair within strata."""
    control, treated = counts[..., 0, :].astype(np.float64), counts[..., 1, :].astype(np.float64)
    n0, n1 = control.sum(axis=-1), treated.sum(axis=-1)
    n = n0 + n1
    weight = np.where(n > 0, n0 * n1 / (n + (1.0 if scale == "probability_index" else 0.0)), 0.0)
    weight = np.where((n0 > 0) & (n1 > 0), weight, 0.0)
    pairs = _Pairs(control=control, treated=treated, n0=np.maximum(n0, 1.0), n1=np.maximum(n1, 1.0))
    win, loss = (weight * pairs.wins).sum(axis=-1), (weight * pairs.losses).sum(axis=-1)
    total = weight.sum(axis=-1)
    if scale == "win_ratio":
        estimate = np.log(win / loss)
        spread = np.sqrt((weight**2 * pairs.variance(1.0 / win, 1.0 / loss)).sum(axis=-1))
        return Compared(z=estimate / spread, estimate=estimate, std_error=spread)
    estimate = 0.5 * (win - loss) / total
    halves = np.full_like(win, 0.5)
    spread = np.sqrt((weight**2 * pairs.variance(halves, halves)).sum(axis=-1)) / total
    null = np.sqrt((weight**2 * _null_variance(control + treated, n0, n1)).sum(axis=-1)) / total
    return Compared(z=estimate / null, estimate=estimate, std_error=spread)


def _null_variance(both: FloatArray, n0: FloatArray, n1: FloatArray) -> FloatArray:
    """Return the variance of the probability index without effect, with ties."""
    n = n0 + n1
    ties = (both**3 - both).sum(axis=-1) / np.maximum(n**3 - n, 1.0)
    variance = (n + 1.0) * (1.0 - ties) / (12.0 * np.maximum(n0 * n1, 1.0))
    return np.asarray(np.where(n0 * n1 > 0, variance, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """Counts of both arms by category, (…, strata, categories), and patients of each, (…, strata)."""

    control: FloatArray
    treated: FloatArray
    n0: FloatArray
    n1: FloatArray

    def _below(self, counts: FloatArray) -> FloatArray:
        return np.asarray(np.cumsum(counts, axis=-1) - counts)

    def _above(self, counts: FloatArray) -> FloatArray:
        return np.asarray(counts.sum(axis=-1, keepdims=True) - np.cumsum(counts, axis=-1))

    @property
    def wins(self) -> FloatArray:
        """Share of pairs that the treated patient wins."""
        return np.asarray((self.treated * self._below(self.control)).sum(axis=-1) / (self.n0 * self.n1))

    @property
    def losses(self) -> FloatArray:
        """Share of pairs that the control wins."""
        return np.asarray((self.control * self._below(self.treated)).sum(axis=-1) / (self.n0 * self.n1))

    def variance(self, gain: FloatArray, cost: FloatArray) -> FloatArray:
        """Return the variance by stratum of the mean over pairs of gain × win − cost × loss."""
        # Bebu I, Lachin JM. Biostatistics 2016;17:178: variance of the two projections of a U-statistic.
        up, down = gain[..., None, None], cost[..., None, None]
        of_treated = (up * self._below(self.control) - down * self._above(self.control)) / self.n0[..., None]
        of_control = (up * self._above(self.treated) - down * self._below(self.treated)) / self.n1[..., None]
        return _mean_variance(self.treated, of_treated, self.n1) + _mean_variance(
            self.control, of_control, self.n0
        )


def _mean_variance(counts: FloatArray, values: FloatArray, n: FloatArray) -> FloatArray:
    """Return the variance of the mean of values with counts; 0 where there is one value only."""
    mean = (counts * values).sum(axis=-1) / n
    square = (counts * values**2).sum(axis=-1) / n - mean**2
    return np.asarray(np.maximum(square, 0.0) / np.maximum(n - 1.0, 1.0))


NEWTON_STEPS = 8


def compare_times(counts: NDArray[np.int64] | NDArray[np.float64]) -> dict[str, FloatArray]:
    """Return stratified log-rank test, log hazard ratio and its standard error of each trial."""
    lived = counts.astype(np.float64)
    at_risk = np.cumsum(lived[..., ::-1], axis=-1)[..., ::-1][..., :-1]
    risk0, risk1 = at_risk[..., 0, :], at_risk[..., 1, :]
    dead, dead1 = lived[..., :-1].sum(axis=-2), lived[..., 1, :-1]
    n = np.maximum(risk0 + risk1, 1.0)
    excess = (dead * risk1 / n - dead1).sum(axis=(-2, -1))
    spread = dead * risk1 * risk0 * (n - dead) / (n * n * np.maximum(n - 1.0, 1.0))
    variance = spread.sum(axis=(-2, -1))
    start = -excess / variance
    estimate, information = _breslow(dead, dead1, risk0, risk1, start)
    return {"z": excess / np.sqrt(variance), "estimate": estimate, "std_error": 1.0 / np.sqrt(information)}


def _breslow(
    dead: FloatArray, dead1: FloatArray, risk0: FloatArray, risk1: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the maximum of the partial likelihood of one binary covariate, and the information there."""
    beta, information = start, np.ones_like(start)
    for _ in range(NEWTON_STEPS):
        hazard = risk1 * np.exp(beta)[..., None, None]
        share = np.where(hazard > 0.0, hazard / np.where(hazard > 0.0, risk0 + hazard, 1.0), 0.0)
        information = (dead * share * (1.0 - share)).sum(axis=(-2, -1))
        step = (dead1 - dead * share).sum(axis=(-2, -1)) / information
        beta = beta + step
        if not np.any(np.abs(step) > 1e-10):
            break
    return beta, information
