"""Failures: whether they go with the other methods' estimates, and their reasons by kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from simsepsis.analysis.ranks import mann_whitney
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.performance.estimate_rows import KEYS, Settings
from simsepsis.performance.grid import Block, Judged, lay_out
from simsepsis.performance.mcse import centre, mean_of
from simsepsis.performance.measures import median_bias

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


def failures_of(judged: Judged, alpha: float = 0.05) -> pd.DataFrame:
    """Return `informative_failures` of series that are laid out already."""
    parts = {
        block.keys.index[method]: _compared(block, method, alpha)
        for block in judged.failed()
        if len(block.keys) > 1
        for method in np.flatnonzero(_failed(block).any(axis=-1)).tolist()
    }
    ordered = [parts[place] for place in sorted(parts)]
    return pd.concat(ordered, ignore_index=True) if ordered else pd.DataFrame(columns=list(FAILURE_COLUMNS))


def association(failed: BoolArray, others: FloatArray) -> Association:
    """Compare other methods' estimates, (k, r), where a method failed, (r,), with those where it did not."""
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


def _compared(block: Block, method: int, alpha: float) -> pd.DataFrame:
    """Return the rows of one method that failed: one for each other method."""
    others, run = np.delete(np.arange(len(block.keys)), method), block.attempted[method]
    found = association(_failed(block)[method][run], block.estimate[others][:, run])
    level = alpha / (2 * others.size)
    rows: dict[str, object] = {name: [block.keys[name].iloc[method]] * others.size for name in KEYS}
    rows |= {"other": block.keys["method"].iloc[others].tolist(), **found._asdict()}
    rows["informative"] = (found.p_location < level) | (found.p_spread < level)
    return pd.DataFrame(rows, columns=list(FAILURE_COLUMNS))


_ONE = r"[+−-]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?"
NUMBERS = re.compile(
    # What stands in quotation marks is a name, and so is what letters touch: 'ICU 7', score_day3, 28-day.
    r"(?P<name>(?<!\w)(?P<quote>['\"]).*?(?P=quote)(?!\w))"
    rf"|(?<![\w.])(?P<numbers>{_ONE}(?:(?:, | and ){_ONE})*)(?![\w]|[-.,]\w)"
)
"""Names to be passed over, and numbers or lists of numbers."""

_PLACE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for a number; a NUL would not do, at which pandas ends a text when it groups."""


def kinds_of_reasons(reasons: pd.DataFrame) -> pd.DataFrame:
    """Return how often each method failed for each kind of reason, the most frequent first.

    Parameters
    ----------
    reasons
        ``cell, method, failure, rows``: how often each reason was given; perhaps ``failure_kind``, which is
        kept.

    Returns
    -------
    DataFrame
        ``method, failure, rows, cells``. Reasons of a method that differ in numbers only are one kind, in
        which ``3 of 12`` and ``4 of 13`` stand as ``3 to 4 of 12 to 13``; ``cells`` counts those that have
        any of them.
    """
    kind = [NUMBERS.sub(lambda hit: hit["name"] or _PLACE, words) for words in reasons["failure"]]
    groups = reasons.assign(kind=kind).groupby(["method", "kind"], sort=True)
    found = [
        {
            "method": method,
            "failure": _spoken(own["failure"].unique().tolist()),
            **({"failure_kind": own["failure_kind"].iloc[0]} if "failure_kind" in own else {}),
            "rows": own["rows"].sum(),
            "cells": own["cell"].nunique(),
        }
        for (method, _), own in groups
    ]
    columns = ["method", "failure", *(["failure_kind"] if "failure_kind" in reasons else []), "rows", "cells"]
    table = pd.DataFrame(found, columns=columns)
    return table.sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def _spoken(reasons: Sequence[str]) -> str:
    """Return reasons of one kind as one, each number that differs as the range from lowest to highest."""
    if len(reasons) == 1:
        return reasons[0]
    texts = [[hit["numbers"] for hit in NUMBERS.finditer(words) if hit["numbers"]] for words in reasons]
    ranges = iter([_range(place) for place in zip(*texts, strict=True)])
    return NUMBERS.sub(lambda hit: hit["name"] or next(ranges), reasons[0])


def _range(texts: Sequence[str]) -> str:
    """Return numbers in print as one where all are the same, or as the lowest and the highest."""
    if len(set(texts)) == 1:
        return texts[0]
    single = {number for text in texts for number in re.findall(_ONE, re.sub(", | and ", " ", text))}
    ordered = sorted(single, key=lambda text: float(text.replace(",", "").replace("−", "-")))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
