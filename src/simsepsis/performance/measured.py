"""The performance table: every measure of every series of replicates, with its Monte Carlo standard error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.performance.estimate_rows import KEYS, Settings
from simsepsis.performance.grid import Block, Judged, Truth, lay_out
from simsepsis.performance.measures import MEASURES, Measure

PERFORMANCE_COLUMNS = (*KEYS, "measure", "value", "mcse", "n_used", "n_sim")
"""Columns of the performance table, in order."""


def summarize(
    estimates: pd.DataFrame,
    truth: Truth,
    *,
    reference: str | None = None,
    alpha: float = 0.05,
    null: float = 0.0,
    mcse: Literal["robust", "normal"] = "robust",
    limits_alpha: float = 0.05,
    measures: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Estimate every performance measure of every method, with its Monte Carlo standard error.

    Parameters
    ----------
    estimates
        One row per cell, scenario, method, estimand and replicate, failures included, in any order. Needed:
        `replicate`, `method`, `estimand`, `estimate`; used where present: `cell`, `scenario`, `std_error`,
        `ci_low`, `ci_high`, `p_value`, `df`, `converged`.
    truth
        A frame with `estimand`, `value`, perhaps `mcse`, and whichever of `cell`, `scenario` and `method`
        the truth differs by; or a dict estimand → value or (value, MCSE), for all cells.
    reference
        Method that `relative_precision` is measured against, in the same replicates; without one that
        measure is NaN.
    alpha
        Level of the test; intervals have level 1 − alpha.
    null
        Value under the null hypothesis.
    mcse
        ``robust``: sandwich MCSEs of `empirical_se`, `relative_error_model_se` and `relative_precision`;
        ``normal``: those that hold for normal estimates.
    limits_alpha
        One minus the level of the limits in `estimates`. Where it is not `alpha` they are not used.
    measures
        Names of `MEASURES`; None for all.

    Returns
    -------
    DataFrame
        `PERFORMANCE_COLUMNS`, sorted by cell, scenario, estimand and method. `n_sim` is the number of rows
        of the series, `n_used` the replicates that the measure rests on. What cannot be said is NaN: a
        method that always failed has no coverage, not a coverage of 0.

    Raises
    ------
    DataError
        If a column or truth is missing, a number is impossible, or a series has a replicate twice.
    UsageError
        If a level, the reference, `mcse` or a measure is unknown.

    Notes
    -----
    A replicate is a failure when `converged` is false or its estimate is not finite; rows whose
    `failure_kind` is ``not available`` were never attempted and count nowhere. Measures are case-wise:
    an estimate without a standard error counts in bias but not in coverage. Limits and p values are the
    rows' own; missing limits are made from the standard error by the t distribution with `df`, or the normal
    distribution without; where there is no p value, or `null` is not 0, the test is whether the limits
    exclude the null value. The truth's MCSE is added in quadrature to that of every measure that uses the
    truth, times the measure's derivative by the truth; for coverage and non-coverage, half their difference
    between θ + MCSE(θ) and θ − MCSE(θ).

    References
    ----------
    Morris TP, White IR, Crowther MJ. Stat Med 2019;38:2074.
    """
    chosen = _chosen(measures)
    if mcse not in ("robust", "normal"):
        raise UsageError(f"mcse = '{mcse}': give 'robust' or 'normal'")
    settings = Settings(
        alpha=alpha, limits_alpha=limits_alpha, null=null, reference=reference, robust=mcse == "robust"
    )
    return _summarized(lay_out(estimates, truth, settings), chosen)


def performance_of(judged: Judged, measures: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the performance table of series that are laid out already."""
    return _summarized(judged, _chosen(measures))


def _summarized(judged: Judged, chosen: Sequence[Measure]) -> pd.DataFrame:
    series, numbers = judged.collect(lambda block: _measured(block, chosen))
    value, mcse, n_used = numbers.reshape(-1, 3).T
    table = series.loc[series.index.repeat(len(chosen))].reset_index(drop=True)
    table["measure"] = np.tile(np.array([measure.name for measure in chosen], dtype=object), len(series))
    table = table.assign(value=value, mcse=mcse, n_used=n_used.astype(np.int64))
    return table[list(PERFORMANCE_COLUMNS)]


def _chosen(names: Sequence[str] | None) -> list[Measure]:
    """Return the measures wanted, in the order of `MEASURES`."""
    for name in names or ():
        if name not in MEASURES:
            raise UsageError(
                f"measure '{name}' is unknown{did_you_mean(name, MEASURES)}; known are {', '.join(MEASURES)}"
            )
    return [measure for name, measure in MEASURES.items() if names is None or name in names]


def _measured(block: Block, chosen: Sequence[Measure]) -> FloatArray:
    """Return value, MCSE and number of replicates of each measure, shape (3·measures, s)."""
    return np.concatenate([np.asarray(measure.of(block), dtype=np.float64) for measure in chosen])
