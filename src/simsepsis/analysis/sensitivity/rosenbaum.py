"""Rosenbaum bounds: how far hidden bias may drive treatment within pairs before a test loses its result."""

from __future__ import annotations

import math

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import finite_vector
from simsepsis.analysis.numeric import finite_number, whole_number
from simsepsis.analysis.ranks import average_ranks
from simsepsis.errors import UsageError


def rosenbaum_p_value(b: int, c: int, gamma: float) -> float:
    """Greatest one-sided p value of McNemar's exact test under hidden bias Γ.

    Parameters
    ----------
    b, c
        Discordant pairs for and against the direction that is tested.
    gamma
        Γ ≥ 1: two patients of a pair may differ by this factor in their odds of treatment.

    Returns
    -------
    float
        P(X ≥ b) for X binomial with b + c trials and probability Γ/(1 + Γ), the observed point included.

    Raises
    ------
    UsageError
        If a count is negative or no whole number, or Γ is below 1.

    References
    ----------
    Rosenbaum PR. Observational Studies, 2nd ed., 2002, section 4.3.2.
    """
    (pro, contra), share = _pairs(b, c), _bound(gamma)[0]
    # Of 0 and more there is no beta distribution, and older versions of scipy say so.
    return float(scipy.special.betainc(pro, contra + 1, share)) if pro else 1.0


def rosenbaum_gamma(b: int, c: int, alpha: float = 0.05) -> float:
    """Greatest hidden bias Γ under which McNemar's exact one-sided test stays at or below a level.

    Parameters
    ----------
    b, c
        Discordant pairs for and against the direction that is tested.
    alpha
        Level.

    Returns
    -------
    float
        1 where the test is not significant even without hidden bias, and without any discordant pair.

    Raises
    ------
    UsageError
        If a count is negative or no whole number, or the level is outside (0, 1).

    Notes
    -----
    P(X ≥ b) = I_p(b, c + 1), so that p and Γ = p/(1 − p) are a quantile of a beta distribution. R's
    ``rbounds::binarysens`` leaves the observed point out, P(X > b), and claims more than holds.
    """
    pro, contra = _pairs(b, c)
    level = finite_number(alpha, "alpha", above=0.0, below=1.0)
    if pro == 0:
        return 1.0
    share = float(scipy.special.betaincinv(pro, contra + 1, level))
    # 1 − p, which would be 0 where thousands of pairs all point one way
    rest = float(scipy.special.betainccinv(contra + 1, pro, level))
    return max(1.0, share / rest)


def wilcoxon_p_value(differences: ArrayLike, gamma: float) -> float:
    """Greatest one-sided p value of Wilcoxon's signed-rank test under hidden bias Γ (normal approximation).

    Parameters
    ----------
    differences
        Treated minus control of each pair, (n,), signed so that the direction tested is positive; zeros are
        left out, ties share their mean rank.
    gamma
        Γ ≥ 1.

    Raises
    ------
    DataError
        If a difference is no number, missing or infinite.
    UsageError
        If Γ is below 1 or every difference is 0.

    Notes
    -----
    z = (T − p⁺Σr)/√(Σr²·p⁺(1 − p⁺)), with p⁺ = Γ/(1 + Γ) and r the ranks. R: ``rbounds::psens``.

    References
    ----------
    Rosenbaum PR. Observational Studies, 2nd ed., 2002, section 4.3.3.
    """
    positive, total, squares = _signed_ranks(differences)
    share, rest = _bound(gamma)
    z = (rest * total - (total - positive)) / math.sqrt(squares * share * rest)
    return float(scipy.special.ndtr(-z))


def wilcoxon_gamma(differences: ArrayLike, alpha: float = 0.05) -> float:
    """Greatest hidden bias Γ under which Wilcoxon's signed-rank test stays at or below a level.

    Parameters
    ----------
    differences
        As in `wilcoxon_p_value`.
    alpha
        Level, at most 0.5.

    Returns
    -------
    float
        1 where the test is not significant even without hidden bias; inf where every difference is positive
        and the level 0.5, which no bias exceeds.

    Raises
    ------
    DataError
        If a difference is no number, missing or infinite.
    UsageError
        If the level is outside (0, 0.5] or every difference is 0.

    Notes
    -----
    The smaller root p⁺ of (T − p⁺Σr)² = z²·Σr²·p⁺(1 − p⁺).
    """
    level = finite_number(alpha, "alpha", above=0.0, most=0.5)
    positive, total, squares = _signed_ranks(differences)
    spread = float(scipy.special.ndtri(level)) ** 2 * squares
    square, middle = total**2 + spread, 2.0 * positive * total + spread
    root = math.sqrt(max(middle**2 - 4.0 * square * positive**2, 0.0))
    share = (middle - root) / (2.0 * square)
    return max(1.0, share / (1.0 - share)) if share < 1.0 else math.inf


def _signed_ranks(differences: ArrayLike) -> tuple[float, float, float]:
    """Return the sum of ranks of positive differences, of all ranks and of their squares."""
    values = finite_vector(differences, "differences")
    values = values[values != 0]
    if values.size == 0:
        raise UsageError("every difference is 0; there is nothing to rank")
    ranks = average_ranks(np.abs(values))
    return float(ranks[values > 0].sum()), float(ranks.sum()), float(ranks @ ranks)


def _bound(gamma: object) -> tuple[float, float]:
    """Return the largest probability of treatment p⁺ = Γ/(1 + Γ) within a pair, and 1 − p⁺."""
    hidden = finite_number(gamma, "gamma", least=1.0)
    return hidden / (1.0 + hidden), 1.0 / (1.0 + hidden)


def _pairs(b: object, c: object) -> tuple[int, int]:
    return whole_number(b, "b"), whole_number(c, "c")
