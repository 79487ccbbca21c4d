"""Audit of inference: tests and odds ratios from counts, p values from confidence limits."""

from __future__ import annotations

import math
from collections.abc import Iterator

from simsepsis.study.arithmetic import (
    TwoByTwo,
    one_sided_p,
    two_sided_p,
    wald_odds_ratio,
    wald_p,
    wald_p_range,
)
from simsepsis.study.finding import MISPRINT, NO_CAUSE, ONE_SIDED, UNEXPLAINED, Finding
from simsepsis.study.layout import ARMS, Key
from simsepsis.study.printed import Cell, Printed

RATIOS = ("odds_ratio", "hazard_ratio", "risk_ratio")
DIFFERENCES = ("risk_difference", "mean_difference")


def check_tests(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield p values of 2 × 2 tables that none of the usual tests gives, or only a one-sided one."""
    for key, cell in cells.items():
        table = _two_by_two(cells, key) if key.statistic == "p_value" else None
        if table is None:
            continue
        tests = two_sided_p(table)
        if not any(cell.admits(p) for p in tests.values()):
            yield _wrong_test(key, cell, table, tests)


def _two_by_two(cells: Printed, key: Key) -> TwoByTwo | None:
    """Return the 2 × 2 table of a row, or None where its counts are not printed or have no variation."""
    arms = [key._replace(statistic="count", arm=arm) for arm in ARMS]
    sizes = [cells.arm_size(arm) for arm in arms]
    if not all(arm in cells for arm in arms) or None in sizes:
        return None
    events, total = (cells[arms[0]].value, cells[arms[1]].value), (sizes[0] or 0.0, sizes[1] or 0.0)
    return TwoByTwo(events=events, total=total) if 0 < sum(events) < sum(total) else None


def _wrong_test(key: Key, cell: Cell, table: TwoByTwo, tests: dict[str, float]) -> Finding:
    one_sided = one_sided_p(table)
    listed = ", ".join(f"{name} {p:.4f}" for name, p in tests.items())
    counts = " against ".join(f"{e:.0f}/{n:.0f}" for e, n in zip(table.events, table.total, strict=True))
    if cell.admits(one_sided):
        return Finding(
            key=key,
            cell=cell,
            verdict=ONE_SIDED,
            arithmetic=f"{counts} gives, two-sided, {listed}",
            cause=f"Fisher's one-sided p, which SPSS prints beside the two-sided one, is {one_sided:.4f}",
            recomputed=tests["chi-square"],
        )
    return Finding(
        key=key,
        cell=cell,
        verdict=UNEXPLAINED,
        arithmetic=f"{counts} gives {listed}, Fisher, one-sided {one_sided:.4f}",
        recomputed=tests["chi-square"],
    )


def check_odds_ratios(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield crude odds ratios and Wald limits that the counts of their row do not give."""
    for key in cells:
        table = _two_by_two(cells, key) if key.statistic == "odds_ratio" else None
        if table is None:
            continue
        counts = " against ".join(f"{e:.0f}/{n:.0f}" for e, n in zip(table.events, table.total, strict=True))
        for statistic, value in wald_odds_ratio(table).items():
            own = key._replace(statistic=statistic)
            if own in cells and not cells[own].admits(value):
                yield Finding(
                    key=own,
                    cell=cells[own],
                    verdict=MISPRINT,
                    arithmetic=f"{counts} gives {value:.4f}",
                    recomputed=value,
                    corrected=value,
                )


def check_intervals(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield ratios off the middle of their limits (log scale), and p values that the limits exclude.

    Ratio and limits are three numbers tied by one equation; where they agree, a p value that does not
    is the odd one out. Where the row's counts are printed, they are the stricter judge.
    """
    for key, cell in cells.items():
        if key.statistic not in RATIOS or _two_by_two(cells, key) is not None:
            continue
        low, high, p = (cells.get(key._replace(statistic=name)) for name in ("ci_low", "ci_high", "p_value"))
        if low is None or high is None:
            continue
        middle = tuple((_positive(a) * b) ** 0.5 for a, b in ((low.low, high.low), (low.high, high.high)))
        if not cell.admits(*middle):
            yield _off_middle(key, cell, low, high)
        elif p is not None and not p.admits(*wald_p_range(_ends(cell), _ends(low), _ends(high))):
            yield _wrong_wald_p(cells, key, low, high)


def check_difference_intervals(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield differences off the middle of their limits, and p values that the limits exclude."""
    for key, cell in cells.items():
        low, high, p = (cells.get(key._replace(statistic=name)) for name in ("ci_low", "ci_high", "p_value"))
        if key.statistic not in DIFFERENCES or low is None or high is None:
            continue
        if not cell.admits((low.low + high.low) / 2, (low.high + high.high) / 2):
            middle = (low.value + high.value) / 2
            yield Finding(
                key=key,
                cell=cell,
                verdict=UNEXPLAINED,
                arithmetic=f"the middle of its limits is ({low.text} + {high.text}) / 2 = {middle:.4f}",
                cause="the difference or one of its limits is wrong",
                recomputed=middle,
            )
            continue
        # The ratio whose logarithm the difference is has the same p value.
        unit = max(abs(one.value) for one in (cell, low, high)) or 1.0
        ends = [(math.exp(one.low / unit), math.exp(one.high / unit)) for one in (cell, low, high)]
        least, greatest = wald_p_range(*ends)
        if p is not None and not p.admits(least, greatest):
            words = f"{cell.text} ({low.text} to {high.text}) gives p from {least:.4f} to {greatest:.4f}"
            p_key = key._replace(statistic="p_value")
            yield Finding(key=p_key, cell=p, verdict=UNEXPLAINED, arithmetic=words)


def _positive(number: float) -> float:
    return max(number, 1e-12)


def _ends(cell: Cell) -> tuple[float, float]:
    return _positive(cell.low), _positive(cell.high)


def _off_middle(key: Key, cell: Cell, low: Cell, high: Cell) -> Finding:
    middle = (low.value * high.value) ** 0.5
    return Finding(
        key=key,
        cell=cell,
        verdict=UNEXPLAINED,
        arithmetic=f"the middle of its limits is √({low.text} × {high.text}) = {middle:.4f}",
        cause="the ratio or one of its limits is wrong",
        recomputed=middle,
    )


def _wrong_wald_p(cells: Printed, ratio: Key, low: Cell, high: Cell) -> Finding:
    key = ratio._replace(statistic="p_value")
    cell, estimate = cells[key], cells[ratio]
    value = wald_p(estimate.value, low.value, high.value)
    least, greatest = wald_p_range(_ends(estimate), _ends(low), _ends(high))
    return Finding(
        key=key,
        cell=cell,
        verdict=MISPRINT,
        arithmetic=(
            f"{estimate.text} ({low.text}-{high.text}), whose ratio is the middle of its limits, "
            f"gives p = {value:.4f}, and rounding allows {least:.4f} to {greatest:.4f}"
        ),
        cause=_from_sister(cells, key),
        recomputed=value,
        corrected=value,
    )


def _from_sister(cells: Printed, key: Key) -> str:
    """Return the cause in words if the same row of the sister table prints the same p value."""
    tables = cells.layout.sisters
    for sister in (key._replace(table=name) for name in tables if key.table in tables and name != key.table):
        if sister in cells and cells[sister].text == cells[key].text:
            return f"the same number stands in the same row of the sister table, {cells.where(sister)}"
    return NO_CAUSE
