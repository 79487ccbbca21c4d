"""Separation in binary regression: which rows and columns have no finite maximum-likelihood estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.fit import Fit, spread
from simsepsis.analysis.rank import combination_of, independent_columns
from simsepsis.arrays import BoolArray, FloatArray, IntArray

_ZERO = 1e-7
_TRACE = 1e-100
_STILL = 1e-2
_FEW = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reduction:
    """The part of a binary regression that has a finite solution.

    Attributes
    ----------
    rows
        Rows whose fitted probability stays between 0 and 1, shape (n,); all of them without separation.
    columns
        Linearly independent columns on those rows, shape (q,).
    repeated
        Columns that repeat earlier ones on *all* rows.
    direction
        Direction of separation over all columns, shape (p,); None without separation.
    """

    rows: BoolArray
    columns: IntArray
    repeated: tuple[int, ...]
    direction: FloatArray | None = None


def whole(X: FloatArray, columns: IntArray) -> Reduction:
    """Return the reduction that keeps every row and the given independent columns."""
    kept = np.zeros(X.shape[1], np.bool_)
    kept[columns] = True
    repeated = tuple(np.flatnonzero(~kept).tolist())
    return Reduction(rows=np.ones(X.shape[0], np.bool_), columns=columns, repeated=repeated)


def reduce_separated(
    X: FloatArray,
    y: FloatArray,
    so_far: Reduction,
    *,
    heading: FloatArray | None = None,
    thorough: bool = True,
) -> Reduction | None:
    """Take the separated rows out of a binary regression.

    Rows are separated when some linear combination of the columns is ≥ 0 on every case, ≤ 0 on every
    non-case, and not zero on these rows. Along that combination the likelihood rises for ever: the fitted
    probabilities of these rows go to 0 or 1 and the estimates of the rest go to their values without them.

    References
    ----------
    Albert A, Anderson JA. Biometrika 1984;71:1. Konis K. DPhil thesis, Oxford 2007 (R: `detectseparation`).
    """
    signed = np.where(y > 0, 1.0, -1.0)[:, None] * X
    untouched = so_far.columns.size == X.shape[1] and bool(so_far.rows.all())
    active = signed if untouched else part_of(signed, so_far.rows, so_far.columns)
    found = _by_single_columns(active)
    if found is None and heading is not None:
        found = _by_heading(active, heading)
    if found is None and thorough:
        found = _by_linear_programme(active)
    if found is None:
        return None
    later = np.zeros(X.shape[1])
    later[so_far.columns] = found
    margins = signed @ later
    rows = so_far.rows & (np.abs(margins) <= _ZERO)
    direction = later if so_far.direction is None else _lexicographic(signed, so_far, later)
    kept = _kept(part_of(X, rows, so_far.columns)) if rows.any() else np.empty(0, np.int64)
    columns = so_far.columns[kept]
    return Reduction(
        rows=rows, columns=columns.astype(np.int64), repeated=so_far.repeated, direction=direction
    )


def _kept(X: FloatArray) -> IntArray:
    """Return the independent columns; one whose numbers were in other rows, but for traces, is none."""
    return independent_columns(np.where(np.abs(X).max(axis=0) < _TRACE, 0.0, X))


def part_of(X: FloatArray, rows: BoolArray, columns: IntArray) -> FloatArray:
    """Return some rows and columns of a matrix; where columns lie together, they are taken one by one."""
    if not X.flags.f_contiguous:
        return X[np.ix_(rows, columns)]
    return X.T.take(columns, axis=0).take(np.flatnonzero(rows), axis=1).T


def _by_single_columns(signed: FloatArray) -> FloatArray | None:
    """Find the columns that separate on their own, such as a rare treatment without a single event."""
    low, high = signed.min(axis=0), signed.max(axis=0)
    direction = np.where(low >= 0, 1.0, 0.0) - np.where(high <= 0, 1.0, 0.0)
    scale = np.maximum(np.abs(low), np.abs(high))
    direction = np.divide(direction, scale, out=np.zeros_like(direction), where=scale > 0)
    return direction if direction.any() else None


def _by_linear_programme(signed: FloatArray) -> FloatArray | None:
    """Maximize the sum of the margins over the box |d| ≤ 1 with no margin negative."""
    from scipy.optimize import linprog  # rarely needed, and slow to open

    scale = _divisor(np.abs(signed).max(axis=0))
    scaled = signed / scale
    answer = linprog(
        -scaled.sum(axis=0), A_ub=-scaled, b_ub=np.zeros(len(scaled)), bounds=(-1, 1), method="highs"
    )
    if answer.x is None:
        return None
    return _proven(scaled, answer.x, scale)


def _by_heading(signed: FloatArray, heading: FloatArray) -> FloatArray | None:
    """Make a separating combination of few columns exact, from the step with which Newton's method left.

    Far out, a step moves the separated rows by about 1 and no others, so that it almost is the combination.
    Setting the columns that it leaves alone to 0, and the rows that it leaves alone to margin 0, makes it
    exact; whether it then separates is proved as for the linear programme, which is a hundred times dearer.
    """
    scale = np.abs(signed).max(axis=0)
    size, margins = np.abs(heading) * scale, signed @ heading
    moved, columns = margins > _STILL * margins.max(), np.flatnonzero(size > _STILL * size.max())
    if not 1 < columns.size <= _FEW or not 0 < moved.sum() < moved.size:
        return None
    *others, last = columns
    rest = signed[np.ix_(~moved, columns)] / scale[columns]
    weights, *_ = np.linalg.lstsq(rest[:, :-1], rest[:, -1], rcond=None)
    direction = np.zeros(scale.size)
    direction[others], direction[last] = -weights, 1.0
    direction *= np.sign(heading[last]) / np.abs(direction).max()
    return _proven(signed / _divisor(scale), direction, scale)


def _divisor(scale: FloatArray) -> FloatArray:
    """Return the scale of each column, 1 for a column of zeros, which separates nothing in any unit."""
    return np.where(scale > 0, scale, 1.0)


def _proven(scaled: FloatArray, found: FloatArray, scale: FloatArray) -> FloatArray | None:
    """Return a combination of scaled columns for the columns themselves; None unless it separates."""
    direction = np.where(np.abs(found) > _ZERO, found, 0.0)
    margins = scaled @ direction
    separates = bool(margins.min() >= -_ZERO and margins.max() > _ZERO * 100)
    return direction / _divisor(scale) if separates else None


def _lexicographic(signed: FloatArray, so_far: Reduction, later: FloatArray) -> FloatArray:
    """Add a later direction to an earlier one that must stay dominant on the rows it had separated."""
    earlier = so_far.direction
    assert earlier is not None
    gone = ~so_far.rows
    pull = float(np.abs(signed[gone] @ later).max())
    return earlier * (1 + 2 * pull / float((signed[gone] @ earlier).min())) + later


def _unidentified(X: FloatArray, reduction: Reduction) -> BoolArray:
    """Columns whose coefficients the remaining rows do not determine, shape (p,)."""
    width = X.shape[1]
    unidentified = np.ones(width, np.bool_)
    unidentified[reduction.columns] = False
    lost = unidentified.copy()
    lost[list(reduction.repeated)] = False
    others = np.flatnonzero(lost)
    others = others[X[:, others][reduction.rows].any(axis=0)]
    if reduction.columns.size and others.size:
        rest = X[reduction.rows]
        weights = combination_of(rest[:, reduction.columns], rest[:, others])
        entangled = (np.abs(weights) > _ZERO).any(axis=1)
        unidentified[reduction.columns[entangled]] = True
    return unidentified


def reduced_fit(
    X: FloatArray,
    reduction: Reduction,
    params: FloatArray,
    covariance: FloatArray,
    *,
    iterations: int,
    failure: str | None = None,
    correlation: float | None = None,
    log_likelihood: float | None = None,
) -> Fit:
    """Report a regression that was solved on its reduction.

    Returns
    -------
    Fit
        Separated columns get ±inf and a NaN standard error; a column that only the separated rows could
        have told about gets NaN; the others get their limits.
    """
    width = X.shape[1]
    full, errors, matrix = spread(reduction.columns, width, params, covariance)
    finite_part = None if reduction.direction is None else np.nan_to_num(full)
    if reduction.direction is not None:
        lost = _unidentified(X, reduction)
        endless = reduction.direction != 0
        full[lost] = np.nan
        full[endless] = np.copysign(np.inf, reduction.direction[endless])
        errors[lost] = np.nan
        matrix[lost, :] = np.nan
        matrix[:, lost] = np.nan
        if not reduction.rows.any():
            full[:] = np.nan
    reasons = [reason for reason in (_separation_message(reduction, failure is None), failure) if reason]
    return Fit(
        params=full,
        std_errors=errors,
        covariance=matrix,
        converged=not reasons,
        iterations=iterations,
        correlation=correlation,
        log_likelihood=log_likelihood,
        dropped=reduction.repeated,
        failure="; ".join(reasons) or None,
        direction=reduction.direction,
        finite_part=finite_part,
    )


def _separation_message(reduction: Reduction, solved: bool) -> str | None:
    """Say which columns separate how many rows, and whether the others have estimates."""
    if reduction.direction is None:
        return None
    if not reduction.rows.any():
        return "perfect separation: the columns predict every outcome, so no coefficient is finite"
    names = ", ".join(str(j) for j in np.flatnonzero(reduction.direction))
    message = (
        f"separation: columns {names} predict the outcome of {int((~reduction.rows).sum())} rows exactly, "
        "so these coefficients are infinite"
    )
    return f"{message}; the others are at their limits" if solved else message
