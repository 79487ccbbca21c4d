"""Whether failing is informative: do the other methods' estimates differ where a method failed?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from simsepsis.analysis.ranks import mann_whitney
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.performance.mcse import centre, mean_of
from simsepsis.performance.measures import median_bias
from simsepsis.performance.rows import KEYS, Settings
from simsepsis.performance.study import Block, Study, lay_out

FAILURE_COLUMNS = (
    *KEYS,
    "other",
    "n_failed",
    "n_succeeded",
    "difference",
    "mcse",
    "listwise_shift",
    "p_location",
    "p_spread",
    "informative",
)
"""Columns of `informative_failures`, in order."""


class Association(NamedTuple):
    """How other methods' estimates go with one method's failures; arrays of shape (k,), one per method."""

    n_failed: IntArray
    n_succeeded: IntArray
    difference: FloatArray
    mcse: FloatArray
    listwise_shift: FloatArray
    p_location: FloatArray
    p_spread: FloatArray


def informative_failures(estimates: pd.DataFrame, *, alpha: float = 0.05) -> pd.DataFrame:
    """Test for each method that failed whether its failures go with the other methods' estimates.

    Parameters
    ----------
    estimates
        As for `summarize`.
    alpha
        Level of the flag `informative`, for all comparisons of one method, cell and estimand together.

    Returns
    -------
    DataFrame
        One row per method that failed at least once and other method of the cell and estimand:
        `n_failed`, `n_succeeded`: replicates with the other's estimate where the method failed, and where it
        did not; `difference`: the other's mean where it failed minus where it did not, with `mcse`;
        `listwise_shift`: what leaving out (or redrawing) the failed replicates would add to the other's
        bias; `p_location`, `p_spread`: Mann–Whitney tests of the other's estimates and of their distances
        from their median; `informative`: whether either is below alpha by Bonferroni. NaN where one group is
        empty.

    Raises
    ------
    DataError
        As `summarize`.

    Notes
    -----
    Were failing unrelated to the data, the replicates that failed would be a random sample of all. When they
    are not, the case-wise measures of the method describe other replicates than those of its rivals; compare
    `coverage_worst_case` and its companions before comparing the methods.
    """
    return failures_of(lay_out(estimates, None, Settings()), alpha)


def failures_of(study: Study, alpha: float = 0.05) -> pd.DataFrame:
    """Return `informative_failures` of series that are laid out already.

    Parameters
    ----------
    study
        As of `simsepsis.performance.study.lay_out`.
    alpha
        As of `informative_failures`.
    """
    parts = {
        study.layout.rank[part.start + series]: _compared(study.series.iloc[part], block, series, alpha)
        for part, block in study.blocks()
        for series in _worth_comparing(block)
    }
    if not parts:
        return pd.DataFrame(columns=list(FAILURE_COLUMNS))
    return pd.concat([parts[rank] for rank in sorted(parts)], ignore_index=True)


def association(failed: BoolArray, others: FloatArray) -> Association:
    """Compare other methods' estimates where a method failed with those where it did not.

    Parameters
    ----------
    failed
        Shape (r,).
    others
        Estimates of the k other methods in the same replicates, shape (k, r); NaN where there is none.
    """
    bad, good = (mean_of(np.where(side, others, np.nan)) for side in (failed, ~failed))
    spread = np.abs(others - median_bias(others, 0.0).value[:, None])
    return Association(
        n_failed=bad.n_used,
        n_succeeded=good.n_used,
        difference=bad.value - good.value,
        mcse=np.hypot(bad.mcse, good.mcse),
        listwise_shift=good.value - centre(others).mean,
        p_location=mann_whitney(others.T, failed),
        p_spread=mann_whitney(spread.T, failed),
    )


def _failed(block: Block) -> BoolArray:
    return block.attempted & np.isnan(block.estimate)


def _worth_comparing(block: Block) -> list[int]:
    """Return the series with a failure whose family has other methods."""
    alone = np.bincount(block.family)[block.family] < 2
    return np.flatnonzero(_failed(block).any(axis=-1) & ~alone).tolist()


def _compared(series: pd.DataFrame, block: Block, method: int, alpha: float) -> pd.DataFrame:
    """Return the rows of one method that failed: one for each other method of its family."""
    others = np.flatnonzero((block.family == block.family[method]) & (np.arange(len(series)) != method))
    run = block.attempted[method]
    found = association(_failed(block)[method][run], block.estimate[others][:, run])
    level = alpha / (2 * others.size)
    rows: dict[str, object] = {name: [series[name].iloc[method]] * others.size for name in KEYS}
    rows |= {"other": series["method"].iloc[others].tolist(), **found._asdict()}
    rows["informative"] = (found.p_location < level) | (found.p_spread < level)
    return pd.DataFrame(rows, columns=list(FAILURE_COLUMNS))
