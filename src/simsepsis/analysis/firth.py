"""Logistic regression by Firth's penalized likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.special

from simsepsis.analysis.binomial import information, point_at, symmetric_inverse
from simsepsis.analysis.fit import Fit, failed_fit
from simsepsis.analysis.rank import independent_columns
from simsepsis.analysis.separation import reduced_fit, whole
from simsepsis.arrays import FloatArray

_HALVINGS = 20
_SWING = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Penalized:
    """Firth's penalized log likelihood at some coefficients, its score, and the information's factor."""

    value: float
    score: FloatArray
    factor: FloatArray


def fit_firth(X: FloatArray, y: FloatArray, weights: FloatArray, *, tolerance: float, most: int) -> Fit:
    """Climb the penalized log likelihood with the modified score of Firth.

    References
    ----------
    Firth D. Biometrika 1993;80:27. Heinze G, Schemper M. Stat Med 2002;21:2409.
    """
    kept = independent_columns(X)
    if kept.size == 0:
        return failed_fit(X.shape[1], "every column is zero", dropped=range(X.shape[1]))
    # an orthonormal basis: the penalized likelihood does not depend on it, rounding does
    basis, triangle = scipy.linalg.qr(X[:, kept], mode="economic")
    params = np.zeros(kept.size)
    here = _penalized(params, basis, y, weights)
    tolerance = tolerance * float(weights.mean())
    arrived = False
    iteration = 0
    while not arrived and iteration < most:
        iteration += 1
        step = scipy.linalg.cho_solve((here.factor, True), here.score, check_finite=False)
        if not (math.isfinite(here.value) and np.isfinite(step).all()):
            return failed_fit(X.shape[1], "the information became singular", iterations=iteration)
        arrived = bool(here.score @ step < tolerance)
        params, here = _penalized_step(params, step, here, basis, y, weights)
    if not arrived:
        reason = f"no convergence in {iteration} steps of the penalized likelihood"
        return failed_fit(X.shape[1], reason, iterations=iteration)
    back = scipy.linalg.solve_triangular(triangle, np.eye(kept.size))
    return reduced_fit(
        X,
        whole(X, kept),
        back @ params,
        back @ symmetric_inverse(here.factor) @ back.T,
        iterations=iteration,
        log_likelihood=here.value + float(np.log(np.abs(np.diag(triangle))).sum()),
    )


def _penalized_step(
    params: FloatArray,
    step: FloatArray,
    here: _Penalized,
    X: FloatArray,
    y: FloatArray,
    weights: FloatArray,
) -> tuple[FloatArray, _Penalized]:
    """Take a step, halved until the likelihood does not fall, and drawn back to the top if it went beyond.

    The information leaves out the curvature of the penalty, so that full steps may swing around the top.
    """
    floor = here.value - 1e-12 * abs(here.value)
    for _ in range(_HALVINGS):
        there = _penalized(params + step, X, y, weights)
        if there.value >= floor:
            break
        step = step / 2
    slope, beyond = float(here.score @ step), float(there.score @ step)
    if beyond < -_SWING * slope:
        step = step * slope / (slope - beyond)
        there = _penalized(params + step, X, y, weights)
    return params + step, there


def _penalized(params: FloatArray, X: FloatArray, y: FloatArray, weights: FloatArray) -> _Penalized:
    """Evaluate; the score is Σ [w(y − p) + h(½ − p)] x with h the leverages."""
    eta = X @ params
    here = point_at(eta, y, weights)
    factor, info = scipy.linalg.lapack.dpotrf(information(X, here.variance), lower=1, clean=1)
    if info != 0:
        return _Penalized(value=-np.inf, score=np.zeros_like(params), factor=factor)
    half = scipy.linalg.solve_triangular(factor, X.T, lower=True)
    leverage = here.variance * np.einsum("ij,ij->j", half, half)
    return _Penalized(
        value=here.value + float(np.log(np.diag(factor)).sum()),
        score=np.asarray((here.residual + leverage * (0.5 - scipy.special.expit(eta))) @ X),
        factor=factor,
    )
