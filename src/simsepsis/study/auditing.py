"""The audit: every printed number set against those that it must agree with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from simsepsis.study.count_checks import check_counts, check_flow, check_parts
from simsepsis.study.finding import Finding, frame_of, repaired
from simsepsis.study.inference_checks import (
    check_difference_intervals,
    check_intervals,
    check_odds_ratios,
    check_tests,
)
from simsepsis.study.layout import Key
from simsepsis.study.mean_checks import check_mean_differences, check_whole_numbers
from simsepsis.study.printed import Printed
from simsepsis.study.row_checks import check_attainable, check_differences, check_quartiles, check_repeats

Check = Callable[[Printed, Printed], Iterator[Finding]]
"""From the numbers as printed, and with the counts and percentages corrected, to what does not fit."""

CHECKS: tuple[Check, ...] = (
    check_flow,
    check_parts,
    check_differences,
    check_quartiles,
    check_attainable,
    check_whole_numbers,
    check_mean_differences,
    check_tests,
    check_odds_ratios,
    check_intervals,
    check_difference_intervals,
    check_repeats,
)


def audit_printed(printed: Printed) -> pd.DataFrame:
    """Return every printed number that does not fit the other printed numbers.

    A number is found wanting only where no unrounded number behind it, and no unrounded numbers
    behind those that it is set against, could make them agree.

    Returns
    -------
    DataFrame
        One row per finding, in the order of print; columns `finding.FINDING_COLUMNS`: the key,
        `where` in words, `printed` (text), `recomputed` and `corrected` (NaN where no single number
        follows, or nothing is proven), `verdict`, `arithmetic`, `cause`, and `explain`, one line.
    """
    of_counts = tuple(check_counts(printed))
    mended = repaired(printed, of_counts)
    others = (finding for check in CHECKS for finding in check(printed, mended))
    order = {key: place for place, key in enumerate(printed)}
    return frame_of(sorted((*of_counts, *others), key=lambda finding: order[finding.key]), printed)


def corrections(findings: pd.DataFrame) -> dict[Key, float]:
    """Return the value of every number that an audit proves to be a misprint, or to follow from one."""
    proven = findings[findings["corrected"].notna()]
    keys = proven[list(Key._fields)].itertuples(index=False, name=None)
    return {Key(*key): float(value) for key, value in zip(keys, proven["corrected"], strict=True)}
