"""Ordered categories under proportional odds: size, common odds ratio, and what else it amounts to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit, ndtri

from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError, UsageError
from simsepsis.trial.designs.design import Design, Signal, fixed_design
from simsepsis.trial.effect import Effect
from simsepsis.trial.endpoints import category_probabilities, compare_pairs
from simsepsis.trial.inputs import Level, positive, probability

SCORING_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionalOdds:
    """Ordered categories, worst first, compared by the score test of proportional odds."""

    control: tuple[float, ...]
    ratio: float
    name: str = "ordinal"

    def signal(self, effect: Effect) -> Signal:
        """Return what one patient tells of an odds ratio; positive where treated patients do better."""
        control = np.array(self.control)
        treated = shifted(control, effect.value)
        mean = (control + self.ratio * treated) / (1.0 + self.ratio)
        told = (1.0 - float(np.sum(mean**3))) * self.ratio / (1.0 + self.ratio) ** 2 / 3.0
        return Signal(delta=math.log(effect.value), sd_null=told**-0.5, sd_true=told**-0.5)

    def event_probability(self, effect: Effect) -> None:
        """Return nothing: categories are no events."""
        return None


def shifted(control: ArrayLike, odds_ratio: float) -> FloatArray:
    """Return the categories, worst first, of patients whose odds of each better part are multiplied."""
    worse = np.cumsum(category_probabilities(control, "control"))[:-1]
    cumulative = expit(logit(worse) - math.log(positive(odds_ratio, "odds_ratio")))
    return np.diff(np.concatenate([[0.0], cumulative, [1.0]]))


def design_ordinal(
    control: ArrayLike,
    odds_ratio: float,
    *,
    alpha: float = 0.05,
    sides: int = 2,
    power: float = 0.9,
    ratio: float = 1.0,
) -> Design:
    """Sample size for ordered categories under proportional odds.

    Parameters
    ----------
    control
        Probabilities of the categories under control, worst first; shape (k,).
    odds_ratio
        Odds of being in a better category, treated against control; above 1 is benefit.
    alpha, sides, power, ratio
        As in `design_two_proportions`.

    Returns
    -------
    Design
        `n_total` is not rounded.

    Notes
    -----
    N = 3(r + 1)²(z_α + z_β)²/[r(ln OR)²(1 − Σ p̄³)], p̄ the mean of both arms. R: ``Hmisc::posamsize``.

    References
    ----------
    Whitehead J. Stat Med 1993;12:2257.

    Examples
    --------
    >>> round(design_ordinal([0.1, 0.2, 0.5, 0.2], 2.5, power=0.8).n_total, 1)
    130.8
    """
    shares = category_probabilities(control, "control")
    return fixed_design(
        ProportionalOdds(control=tuple(shares.tolist()), ratio=positive(ratio, "ratio")),
        Effect(value=odds_ratio, scale="odds_ratio"),
        Level(alpha=alpha, sides=sides),
        power,
        ratio=ratio,
        formula="whitehead",
        reference="Whitehead J. Stat Med 1993;12:2257",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOddsRatio:
    """The common odds ratio of a better category with its interval, and the standard error of its log."""

    estimate: float
    ci_low: float
    ci_high: float
    std_error: float


def common_odds_ratio(control: ArrayLike, treated: ArrayLike, *, level: float = 0.95) -> CommonOddsRatio:
    """Return the common odds ratio of two arms under proportional odds, by maximum likelihood.

    Parameters
    ----------
    control, treated
        Patients in each category, worst first; shape (k,).
    level
        Of the interval, by Wald.

    Raises
    ------
    UsageError
        When the counts are none of two arms over the same categories.

    Notes
    -----
    Fisher scoring on the thresholds and the log odds ratio. R: ``MASS::polr``.

    References
    ----------
    McCullagh P. J R Stat Soc B 1980;42:109.

    Examples
    --------
    >>> found = common_odds_ratio([58, 121, 24, 60, 33, 8, 102, 115], [34, 95, 28, 58, 38, 14, 117, 157])
    >>> [round(value, 3) for value in (found.estimate, found.ci_low, found.ci_high)]
    [1.536, 1.24, 1.901]
    """
    counts = np.array([control, treated], np.float64)
    if counts.ndim != 2 or counts.shape[1] < 2 or np.any(counts < 0) or np.any(counts.sum(axis=1) == 0):
        raise UsageError("control and treated are no counts over the same categories; give patients of each")
    counts = counts[:, counts.sum(axis=0) > 0]
    cut = logit(np.cumsum(counts.sum(axis=0))[:-1] / counts.sum())
    found, information = np.append(cut, 0.0), np.eye(cut.size + 1)
    for _ in range(SCORING_STEPS):
        score, information = _scoring(counts, found)
        step = np.linalg.solve(information, score)
        found = found + step
        if np.max(np.abs(step)) < 1e-10:
            break
    else:
        raise ConvergenceError("the proportional odds of these counts have no finite maximum; check them")
    error = math.sqrt(float(np.linalg.inv(information)[-1, -1]))
    half = float(ndtri(0.5 + 0.5 * probability(level, "level"))) * error
    log_ratio = float(found[-1])
    estimate, low, high = (math.exp(log_ratio + off) for off in (0.0, -half, half))
    return CommonOddsRatio(estimate=estimate, ci_low=low, ci_high=high, std_error=error)


def _scoring(counts: FloatArray, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return score and expected information of thresholds and log odds ratio."""
    cut, log_ratio = parameters[:-1], parameters[-1]
    score, information = np.zeros(parameters.size), np.zeros((parameters.size, parameters.size))
    for arm, own in enumerate(counts):
        below = expit(cut - arm * log_ratio)
        shares = np.diff(np.concatenate([[0.0], below, [1.0]]))
        slope = below * (1.0 - below)
        rising = np.column_stack([np.diag(slope), -arm * slope])
        edge = np.zeros((1, parameters.size))
        jacobian = np.diff(np.concatenate([edge, rising, edge]), axis=0)
        score += (own / shares) @ jacobian
        information += own.sum() * (jacobian.T / shares) @ jacobian
    return score, information


def rank_estimands(control: ArrayLike, treated: ArrayLike) -> dict[str, float]:
    """Return the true value of every estimand of ordered categories."""
    left, right = category_probabilities(control, "control"), category_probabilities(treated, "treated")
    pairs = compare_pairs(left, right)
    return {
        "odds_ratio": common_odds_ratio(left, right).estimate,
        "win_ratio": pairs.win_ratio,
        "win_odds": pairs.probability_index / (1.0 - pairs.probability_index),
        "probability_index": pairs.probability_index,
        "net_benefit": pairs.win - pairs.loss,
        "mean_difference": float(np.arange(left.size) @ (right - left)),
    }
