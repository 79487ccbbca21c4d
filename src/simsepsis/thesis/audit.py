"""The audit: every printed number set against those that it must agree with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from simsepsis.thesis.counts import check_counts, check_flow, check_parts
from simsepsis.thesis.finding import Finding, corrected_cells, frame_of
from simsepsis.thesis.inference import check_intervals, check_odds_ratios, check_tests
from simsepsis.thesis.margins import check_attainable, check_differences, check_quartiles, check_repeats
from simsepsis.thesis.printed import Cells, Key, cells_of, read_printed

Check = Callable[[Cells, Cells], Iterator[Finding]]
"""From the numbers as printed, and with the counts and percentages corrected, to what does not fit."""

CHECKS: tuple[Check, ...] = (
    check_flow,
    check_parts,
    check_differences,
    check_quartiles,
    check_attainable,
    check_tests,
    check_odds_ratios,
    check_intervals,
    check_repeats,
)


def audit_thesis() -> pd.DataFrame:
    """Return every printed number of the thesis that does not fit the other printed numbers.

    A number is found wanting only where no unrounded number behind it, and no unrounded numbers
    behind those that it is set against, could make them agree.

    Returns
    -------
    DataFrame
        One row per finding, in the order of the thesis; columns `finding.FINDING_COLUMNS`: the key,
        `where` in words, `printed` (text), `recomputed` and `corrected` (NaN where no single number
        follows, or nothing is proven), `verdict`, `arithmetic`, `cause`, and `explain`, one line.
    """
    return audit_printed(read_printed())


def audit_printed(printed: pd.DataFrame) -> pd.DataFrame:
    """Return the audit of any set of tables in the form of `read_printed`.

    Parameters
    ----------
    printed
        One row per number, with the columns `printed.PRINTED_COLUMNS`.
    """
    cells = cells_of(printed)
    of_counts = tuple(check_counts(cells))
    repaired = corrected_cells(cells, of_counts)
    others = (finding for check in CHECKS for finding in check(cells, repaired))
    order = {key: place for place, key in enumerate(cells)}
    return frame_of(sorted((*of_counts, *others), key=lambda finding: order[finding.key]))


def corrections(printed: pd.DataFrame) -> dict[Key, float]:
    """Return the value of every number that the audit proves to be a misprint, or to follow from one."""
    findings = audit_printed(printed)
    proven = findings[findings["corrected"].notna()]
    keys = proven[list(Key._fields)].itertuples(index=False, name=None)
    return {Key(*key): float(value) for key, value in zip(keys, proven["corrected"], strict=True)}
