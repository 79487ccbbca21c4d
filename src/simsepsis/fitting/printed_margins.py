"""What printed columns of both arms say of a covariate: its margin in everybody, and how the arms differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri

from simsepsis.arrays import FloatArray
from simsepsis.fitting.printed_cells import Arm, Row
from simsepsis.study.variables import Variable
from simsepsis.world.fitted.profile import NODES, Column
from simsepsis.world.fitted.tabulated import basis

PROBABILITIES = (np.arange(2000) + 0.5) / 2000
"""At which the quantiles of an arm are known."""

Z = ndtri(PROBABILITIES)
UPPER_QUARTILE = float(ndtri(0.75))
SYMMETRIC = 2.0
"""SDs between a mean and a limit from which a symmetric distribution has room."""

NEAR = 4.0
"""SDs between a mean and the other limit within which that limit shapes the distribution too."""

SKEWED = 1.25
"""Ratio of the upper to the lower half of the interquartile range from which a number is skewed."""

BEYOND_CHANCE = 1.96
OUTLIERS = float(np.log(1.3))
"""Log ratio of two SDs from which single patients far out make it, who tell nothing of the others."""

ASKEW = 0.1
"""SDs between mean and median from which a number is skewed."""

ROUNDS = 40
BENDS = (0.1, 0.5, 0.9)
"""Quantiles at which the score bends along a number whose spread differs between the arms."""

Family = Callable[[float, float], FloatArray]
"""From mean and SD to quantiles at the `PROBABILITIES`."""

Quartiles = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrintedColumn:
    """A covariate as its printed columns make it.

    Attributes
    ----------
    column
        Its margin in both arms together.
    gap
        (terms,) mean of each term of its basis in the treated less that in the controls.
    within
        (terms,) share of the treated among those who have a level; NaN for a number.
    lean
        (normal variables,) how far the treated are above the controls in what is seen of each, in SD.
    seen
        (normal variables,) correlation of that with the normal variable itself: 1 for a number.
    """

    column: Column
    gap: FloatArray
    within: FloatArray
    lean: FloatArray
    seen: FloatArray


def column_of(variable: Variable, treated: Row, control: Row) -> PrintedColumn:
    """Return a covariate from its two printed columns."""
    if treated.shares is not None and control.shares is not None:
        made = _binary if variable.kind == "binary" else _category
        return made(variable, treated.shares, control.shares, treated.arm, control.arm)
    return _number(variable, treated, control)


def _pooled(treated: FloatArray, control: FloatArray, arms: tuple[Arm, Arm]) -> tuple[FloatArray, ...]:
    """Return shares of both arms and of everybody; nobody in an arm counts as half a patient."""
    least = [np.maximum(shares, 0.5 / arm.size) for shares, arm in zip((treated, control), arms, strict=True)]
    both = [np.where(treated + control > 0.0, shares, 0.0) for shares in least]
    first, second = (shares / shares.sum() for shares in both)
    sizes = np.array([arm.size for arm in arms])
    return first, second, (first * sizes[0] + second * sizes[1]) / sizes.sum()


def _binary(
    variable: Variable, treated: FloatArray, control: FloatArray, one: Arm, other: Arm
) -> PrintedColumn:
    first, second, shares = _pooled(treated, control, (one, other))
    gap = float(first[1] - second[1])
    spread = float(np.sqrt(shares[0] * shares[1])) or 1.0
    return PrintedColumn(
        column=Column(kind="binary", values=(0.0, 1.0), shares=tuple(map(float, shares))),
        gap=np.array([gap]),
        within=_within(first, second, (one, other))[1:],
        lean=np.array([gap / spread]),
        seen=_seen(shares[1:]),
    )


def _within(first: FloatArray, second: FloatArray, arms: tuple[Arm, Arm]) -> FloatArray:
    """Return the share of the treated among those with each level."""
    treated, control = first * arms[0].size, second * arms[1].size
    return np.asarray(treated / np.maximum(treated + control, 1e-12))


def _seen(shares: FloatArray) -> FloatArray:
    """Return the correlation of whether a normal variable is beyond a limit with the variable itself."""
    beyond = np.clip(shares, 1e-4, 1.0 - 1e-4)
    height = np.exp(-(ndtri(beyond) ** 2) / 2.0) / np.sqrt(2.0 * np.pi)
    return np.asarray(height / np.sqrt(beyond * (1.0 - beyond)))


def _category(
    variable: Variable, treated: FloatArray, control: FloatArray, one: Arm, other: Arm
) -> PrintedColumn:
    first, second, shares = _pooled(treated, control, (one, other))
    order = np.argsort(-shares, kind="stable")
    first, second, shares = first[order], second[order], shares[order]
    column = Column(
        kind="category",
        values=tuple(map(float, order)),
        shares=tuple(map(float, shares)),
        levels=tuple(variable.level_names[place] for place in order),
    )
    # A level is taken where its normal variable is low, by those who have none of the levels before.
    left = np.array([1.0 - np.concatenate([[0.0], np.cumsum(one)[:-1]]) for one in (first, second, shares)])
    taken = np.array([first, second, shares])[:, :-1] / np.maximum(left[:, :-1], 1e-9)
    deciding = np.sqrt(left[2, :-1])
    spread = np.sqrt(np.maximum(taken[2] * (1.0 - taken[2]), 1e-4))
    return PrintedColumn(
        column=column,
        gap=(first - second)[1:],
        within=_within(first, second, (one, other))[1:],
        lean=np.asarray(deciding * (taken[1] - taken[0]) / spread),
        seen=_seen(taken[2]) * deciding,
    )


def _number(variable: Variable, treated: Row, control: Row) -> PrintedColumn:
    arms = [_quantiles(variable, treated, control), _quantiles(variable, control, treated)]
    sizes = np.array([treated.arm.size, control.arm.size], dtype=float)
    values = np.concatenate(arms)
    weights = np.repeat(sizes / sizes.sum(), PROBABILITIES.size) / PROBABILITIES.size
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order]) - weights[order] / 2.0
    quantiles = np.interp(ndtr(NODES), below, values[order])
    mean = float(weights @ values)
    spread = float(np.sqrt(weights @ (values - mean) ** 2)) or 1.0
    column = Column(
        kind="number",
        values=tuple(map(float, quantiles)),
        decimals=0 if variable.kind == "ordinal" else None,
        center=mean,
        spread=spread,
        fill=mean,
    )
    column = column.model_copy(update={"knots": _knots(arms, sizes, column)})
    means = [basis(column, arm).mean(axis=1) for arm in arms]
    gap = np.asarray(means[0] - means[1])
    return PrintedColumn(
        column=column, gap=gap, within=np.full(gap.size, np.nan), lean=gap[:1], seen=np.ones(1)
    )


def _knots(arms: list[FloatArray], sizes: FloatArray, column: Column) -> tuple[float, ...]:
    r"""Return where the score bends, so that both arms keep their SD; nowhere if a line does that.

    A line does where the number is symmetric and the SDs differ by chance only; the variance of a log SD is
    :math:`(\kappa - 1) / 4n` with the kurtosis κ.
    """
    spreads = np.array([arm.std() for arm in arms])
    if spreads.min() <= 0.0:
        return ()
    kurtosis = np.array([np.mean((arm - arm.mean()) ** 4) for arm in arms]) / spreads**4
    apart = abs(float(np.log(spreads[0] / spreads[1])))
    by_chance = BEYOND_CHANCE * float(np.sqrt(((kurtosis - 1.0) / (4.0 * sizes)).sum()))
    skewed = abs(column.center - column.values[NODES.size // 2]) > ASKEW * column.spread
    knots = np.interp(ndtri(BENDS), NODES, column.values)
    bends = (skewed or apart > by_chance) and apart < OUTLIERS
    return tuple(map(float, knots)) if bends and np.diff(knots).min() > 1e-3 * np.ptp(knots) else ()


def _quantiles(variable: Variable, row: Row, other: Row) -> FloatArray:
    """Return the quantiles of one arm at the `PROBABILITIES`."""
    low = -np.inf if variable.low is None else variable.low
    high = np.inf if variable.high is None else variable.high
    if row.quartiles is not None:
        return np.clip(_through_quartiles(row.quartiles, other.quartiles or row.quartiles), low, high)
    assert row.mean is not None
    assert row.sd is not None
    return _exact(_family(row.mean, row.sd, low, high), row.mean, row.sd, low, high)


def _through_quartiles(quartiles: Quartiles, other: Quartiles) -> FloatArray:
    """Return quantiles of two half normals that meet at the median, on the log scale where it is skewed.

    Beyond a quartile that is the median, as where most have 0, an arm goes on as the other one does.
    """
    low, median, high = quartiles
    skewed = low > 0.0 and high - median > SKEWED * (median - low)
    q1, q2, q3 = np.log(quartiles) if skewed else np.array(quartiles)
    halves = np.array([q2 - q1, q3 - q2]) / UPPER_QUARTILE
    found = np.asarray(q2 + Z * np.where(Z < 0.0, *halves))
    found = np.asarray(np.exp(found) if skewed else found)
    beyond = np.maximum(np.abs(Z) - UPPER_QUARTILE, 0.0) / UPPER_QUARTILE
    for side, half, others in ((-1.0, halves[0], other[1] - other[0]), (1.0, halves[1], other[2] - other[1])):
        if half == 0.0:
            found = found + np.where(side * Z > 0.0, side * beyond * others, 0.0)
    return found


def _family(mean: float, sd: float, low: float, high: float) -> Family:
    """Return the distributions that the room between mean and limits leaves: normal, lognormal or beta."""
    below, above = (mean - low) / sd, (high - mean) / sd
    if min(below, above) >= SYMMETRIC:
        return lambda m, s: m + s * Z
    if max(below, above) < NEAR:
        return lambda m, s: _beta(m, s, low, high)
    if below < above:
        return lambda m, s: low + _lognormal(m - low, s)
    return lambda m, s: high - _lognormal(high - m, s)[::-1]


def _lognormal(mean: float, sd: float) -> FloatArray:
    mean = max(mean, 1e-9 + 1e-3 * sd)
    variance = np.log1p((sd / mean) ** 2)
    return np.asarray(np.exp(np.log(mean) - variance / 2.0 + np.sqrt(variance) * Z))


def _beta(mean: float, sd: float, low: float, high: float) -> FloatArray:
    width = high - low
    share = float(np.clip((mean - low) / width, 1e-3, 1.0 - 1e-3))
    size = max(share * (1.0 - share) * (width / sd) ** 2 - 1.0, 1e-2)
    return np.asarray(low + width * betaincinv(share * size, (1.0 - share) * size, PROBABILITIES))


def _exact(family: Family, mean: float, sd: float, low: float, high: float) -> FloatArray:
    """Return quantiles within the limits with just this mean and, where it can be, this SD."""
    m, s = mean, sd
    quantiles = np.clip(family(m, s), low, high)
    for _ in range(ROUNDS):
        m += mean - float(quantiles.mean())
        s *= float(np.clip(sd / max(float(quantiles.std()), 1e-12), 0.8, 1.25))
        quantiles = np.clip(family(m, s), low, high)
    return quantiles
