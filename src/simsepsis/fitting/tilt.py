"""The score that printed columns of both arms imply: exponential tilting of a drawn population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, xlogy

from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError

RIDGE = 1e-6
TOLERANCE = 1e-6
STEPS = 60
SMALLEST_STEP = 1e-4
WIDEST = 4.0
"""SD of the log odds beyond which treatment is certain for most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tilt:
    """A score.

    Attributes
    ----------
    intercept, coefficients
        Number; (terms,).
    shrinkage
        Factor by which its spread is more than chance would make it.
    """

    intercept: float
    coefficients: FloatArray
    shrinkage: float


def tilted(
    X: FloatArray,
    gap: FloatArray,
    within: FloatArray,
    share: float,
    *,
    patients: float,
    offset: FloatArray | float = 0.0,
) -> Tilt:
    r"""Return the score at which the arms differ as printed.

    With π the share of the treated, the mean of term j in the treated, times π, is to be
    :math:`\pi(\bar x_j + (1-\pi) g_j)`, or :math:`w_j \bar x_j` for a level among whose patients the share
    :math:`w_j` is treated. The coefficients that give these :math:`t_j` maximize
    :math:`\beta' t - \overline{\log(1 + e^{x'\beta})}`, which is concave, as in a logistic regression
    (weights instead: Hainmueller J. Polit Anal 2012;20:25), so that Newton's method finds the one maximum.
    The control arm follows from everybody.
    """
    middle, spread = X.mean(axis=0), X.std(axis=0)
    scale = np.where(spread > 0.0, spread, 1.0)
    goal = np.where(np.isnan(within), share * (middle + (1.0 - share) * gap), within * middle)
    wanted = np.where(spread > 0.0, (goal - share * middle) / scale, 0.0)
    design = np.column_stack([np.ones(len(X)), (X - middle) / scale])
    beta, chance = _newton(design, np.concatenate([[share], wanted]), offset)
    gain = float((xlogy(chance, chance) + xlogy(1.0 - chance, 1.0 - chance)).mean())
    guess = expit(offset + intercept_for(offset, share)) if isinstance(offset, np.ndarray) else share
    known = chance if isinstance(offset, np.ndarray) else np.float64(share)
    gain -= float((xlogy(known, guess) + xlogy(1.0 - known, 1.0 - guess)).mean())
    statistic = 2.0 * patients * gain
    coefficients = beta[1:] / scale
    return Tilt(
        intercept=float(beta[0] - middle @ coefficients),
        coefficients=coefficients,
        shrinkage=float(np.clip((statistic - gap.size) / max(statistic, 1e-12), 0.0, 1.0)),
    )


def _newton(
    design: FloatArray, wanted: FloatArray, offset: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    n, terms = design.shape
    beta = np.zeros(terms)
    beta[0] = np.log(wanted[0] / (1.0 - wanted[0]))
    loss, chance, gap = _moments(design, beta, wanted, offset)
    for _ in range(STEPS):
        if np.abs(gap).max() < TOLERANCE or (design @ beta).std() > WIDEST:
            break
        curve = (design * (chance * (1.0 - chance))[:, None]).T @ design / n
        curve[np.diag_indices(terms)] += RIDGE
        step, size = cho_solve(cho_factor(curve), gap), 1.0
        trial = _moments(design, beta - step, wanted, offset)
        while trial[0] > loss and size > SMALLEST_STEP:
            size /= 2.0
            trial = _moments(design, beta - size * step, wanted, offset)
        beta = beta - size * step
        loss, chance, gap = trial
    if np.abs(gap).max() < TOLERANCE and (design @ beta).std() <= WIDEST:
        return beta, chance
    raise ConvergenceError(
        "no score gives both printed arms: covariates in which the arms differ so much must hang together "
        f"more than is assumed (the nearest score misses a mean by {np.abs(gap).max():.1g} SD); give "
        "a larger typical correlation"
    )


def _moments(
    design: FloatArray, beta: FloatArray, wanted: FloatArray, offset: FloatArray | float
) -> tuple[float, FloatArray, FloatArray]:
    """Return what is minimized, the probabilities, and its gradient."""
    score = design @ beta + offset
    chance = np.asarray(expit(score))
    loss = float(np.logaddexp(0.0, score).mean() - wanted @ beta)
    return loss, chance, design.T @ chance / len(design) - wanted


def intercept_for(score: FloatArray, share: float, weights: FloatArray | None = None) -> float:
    """Return what is to be added to log odds so that the mean probability is `share`."""
    add = float(np.log(share / (1.0 - share)) - np.average(score, weights=weights))
    for _ in range(STEPS):
        chance = expit(score + add)
        slope = float(np.average(chance * (1.0 - chance), weights=weights))
        step = (share - float(np.average(chance, weights=weights))) / max(slope, 1e-9)
        add += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-9:
            break
    return add
