r"""What a study would print, as a function of the world: a quadratic surface on discriminant axes.

Shapes: worlds w, replicates n in each, results d, axes k, settings p, terms q of the surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import ExperimentError
from simsepsis.performance.goodness_of_fit import VARIES, shrinkage

RIDGES = (1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Penalties of the surface that are tried, per world."""
MOST_AXES = 24
KNOWN = 0.5
"""Share of the replicates that must have a result for it to be used."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """A quadratic ridge regression on the settings' working scale.

    Attributes
    ----------
    coefficients
        (q, k).
    inverse
        (q, q): of the penalized moments.
    residual
        (k,): variance around the surface.
    r2
        (k,): leave-one-out R².
    """

    coefficients: FloatArray
    inverse: FloatArray
    residual: FloatArray
    r2: FloatArray

    def at(self, points: FloatArray) -> FloatArray:
        """Return the surface at some points (m, p) of the working scale, (m, k)."""
        return np.asarray(terms(points) @ self.coefficients)

    def leverage(self, points: FloatArray) -> FloatArray:
        """Return by how much of the residual variance the surface is uncertain at some points, (m,)."""
        rows = terms(points)
        return np.asarray(np.einsum("mq,qr,mr->m", rows, self.inverse, rows, optimize=True))


def terms(points: FloatArray) -> FloatArray:
    """Return 1, the settings, their squares and products, (m, q)."""
    left, right = np.triu_indices(points.shape[1])
    return np.column_stack([np.ones(len(points)), points, points[:, left] * points[:, right]])


def fit_surface(points: FloatArray, values: FloatArray) -> Surface:
    r"""Return the surface through values (w, k) at points (w, p), its penalty chosen by leaving one out.

    Notes
    -----
    With the hat matrix :math:`H = \Phi(\Phi'\Phi + \lambda w P)^{-1}\Phi'` the error of a world that was left
    out is :math:`(y - \hat y) / (1 - h)`. The constant has no penalty, slopes a tenth of that of products.

    References
    ----------
    Hoerl AE, Kennard RW. Technometrics 1970;12:55. Allen DM. Technometrics 1974;16:125.
    """
    rows, p = terms(points), points.shape[1]
    penalty = np.concatenate([[1e-9], np.full(p, 0.1), np.ones(rows.shape[1] - p - 1)]) * len(rows)
    best: tuple[float, FloatArray, FloatArray, FloatArray] = (np.inf, rows, rows, values)
    for ridge in RIDGES:
        inverse = np.asarray(np.linalg.inv(rows.T @ rows + np.diag(ridge * penalty)), np.float64)
        hat = rows @ inverse @ rows.T
        left_out = (values - hat @ values) / (1.0 - np.diagonal(hat))[:, None]
        score = float((left_out**2).mean())
        if score < best[0]:
            best = (score, inverse, hat, left_out)
    _, inverse, hat, left_out = best
    coefficients = inverse @ (rows.T @ values)
    free = max(1.0, len(rows) - 2.0 * float(np.trace(hat)) + float((hat**2).sum()))
    residual = ((values - rows @ coefficients) ** 2).sum(axis=0) / free
    around = values - values.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = 1.0 - (left_out**2).sum(axis=0) / (around**2).sum(axis=0)
    return Surface(coefficients=coefficients, inverse=inverse, residual=residual, r2=np.asarray(r2))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Emulator:
    """What is printed in a world, with its sampling error and that of the surface.

    Attributes
    ----------
    used
        (all results,): which of them vary and are known.
    center, scale
        (d,): their mean over worlds, and their standard deviation within a world.
    factor
        (d, d): lower triangular root of their covariance within a world.
    axes
        (d, k): the directions, in results made independent of unit variance, in which worlds differ by more
        than chance.
    surface
        From a world to its place on the axes.
    noise
        Variance of a world's place on an axis by chance: one over its replicates.
    freedom
        Degrees of freedom of the covariance.
    """

    used: BoolArray
    center: FloatArray
    scale: FloatArray
    factor: FloatArray
    axes: FloatArray
    surface: Surface
    noise: float
    freedom: float

    def standard(self, results: FloatArray) -> FloatArray:
        """Return results (…, all) as independent deviates of unit variance in a world, (…, d)."""
        gaps = results[..., self.used] - self.center
        flat = gaps.reshape(-1, gaps.shape[-1])
        deviates = scipy.linalg.solve_triangular(self.factor, flat.T, lower=True).T
        return np.asarray(deviates.reshape(gaps.shape))

    @property
    def lack(self) -> FloatArray:
        """Return the variance of true places around the surface, (k,)."""
        return np.maximum(self.surface.residual - self.noise, 0.0)

    def predict(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return places on the axes (m, k) and the variances of the emulator's error there."""
        leverage = self.surface.leverage(points)[:, None]
        return self.surface.at(points), self.lack + self.surface.residual * leverage

    @property
    def r2(self) -> float:
        """Return the leave-one-out R² over all axes, each by its share of what worlds differ in."""
        total = (self.surface.coefficients[1:] ** 2).sum(axis=0)
        return float(np.average(self.surface.r2, weights=np.maximum(total, 1e-12)))


def complete(draws: FloatArray) -> FloatArray:
    """Return (w, n, d) results with a world's mean where an analysis gave nothing."""
    known = np.isfinite(draws)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    means = np.where(known, draws, 0.0).sum(axis=1, keepdims=True) / count
    everywhere = np.where(known.any(axis=1, keepdims=True), means, np.nan)
    overall = np.nan_to_num(np.nanmean(everywhere, axis=0, keepdims=True))
    return np.where(known, draws, np.where(np.isfinite(everywhere), everywhere, overall))


def usable(draws: FloatArray, observed: FloatArray) -> BoolArray:
    """Return which results are known in print and in most replicates, and vary within worlds, (all,)."""
    known = np.isfinite(draws).mean(axis=(0, 1)) >= KNOWN
    chosen = np.asarray(known & np.isfinite(observed), np.bool_)
    kept = complete(draws[:, :, chosen])
    differ = (np.abs(kept - np.median(kept, axis=1, keepdims=True)) > 1e-9).mean(axis=(0, 1))
    varies = chosen.copy()
    varies[chosen] = differ >= VARIES
    return varies


def fit_emulator(points: FloatArray, draws: FloatArray, rounding: FloatArray, used: BoolArray) -> Emulator:
    r"""Return the emulator of results (w, n, all) at points (w, p) of the working scale.

    Notes
    -----
    The covariance :math:`S` within worlds is pooled over them, its correlation shrunk as by Schäfer and
    Strimmer. In deviates :math:`L^{-1}(m_w - \bar m)`, :math:`S = LL'`, chance has variance :math:`1/n` in
    every direction, so that the principal components of the worlds' means beyond
    :math:`(1 + \sqrt{d/w})^2 / n` are those in which worlds differ: Fisher's discriminant axes. What is
    orthogonal to them does not tell worlds apart and costs the posterior nothing.

    References
    ----------
    Fisher RA. Ann Eugen 1936;7:179. Schäfer J, Strimmer K. Stat Appl Genet Mol Biol 2005;4:32.
    """
    kept = complete(draws[:, :, used])
    w, n, d = kept.shape
    if not d:
        raise ExperimentError("no printed result varies in these worlds; choose other blocks")
    means = kept.mean(axis=1)
    within = (kept - means[:, None]).reshape(-1, d)
    freedom = float(w * (n - 1))
    scale = np.sqrt((within**2).sum(axis=0) / freedom + rounding[used])
    standard = within / np.sqrt((within**2).mean(axis=0))
    weight = shrinkage(standard)
    correlation = (1.0 - weight) * (standard.T @ standard) / len(standard) + weight * np.eye(d)
    # Rounding blurs each result on its own.
    share = 1.0 - rounding[used] / scale**2
    root = np.sqrt(share)
    correlation = correlation * root[:, None] * root + np.diag(1.0 - share)
    factor = np.linalg.cholesky(correlation) * scale[:, None]
    center = means.mean(axis=0)
    deviates = scipy.linalg.solve_triangular(factor, (means - center).T, lower=True).T
    axes = _discriminants(deviates, 1.0 / n)
    surface = fit_surface(points, deviates @ axes)
    return Emulator(
        used=used,
        center=center,
        scale=scale,
        factor=factor,
        axes=axes,
        surface=surface,
        noise=1.0 / n,
        freedom=freedom,
    )


def _discriminants(deviates: FloatArray, noise: float) -> FloatArray:
    """Return the directions in which worlds differ by more than chance, (d, k)."""
    w, d = deviates.shape
    _, singular, rows = np.linalg.svd(deviates, full_matrices=False)
    edge = noise * (1.0 + np.sqrt(d / w)) ** 2
    many = int(np.clip((singular**2 / w > edge).sum(), 1, min(MOST_AXES, max(1, w // 4))))
    return np.asarray(rows[:many].T)
