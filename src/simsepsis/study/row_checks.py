"""Audit of the rows: standardized differences, quartiles, attainable percentages, numbers printed twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from simsepsis.study.arithmetic import Interval, attainable_counts, smd_percent, smd_percent_range
from simsepsis.study.finding import FOLLOWS, MISPRINT, NO_CAUSE, UNEXPLAINED, Finding
from simsepsis.study.layout import ARMS, Key
from simsepsis.study.printed import Cell, Printed


def check_differences(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield standardized differences that no proportions behind the percentages can give.

    The proportions are those of the (corrected) percentages, each anywhere within its rounding, since
    studies compute them from the rounded percentages.
    """
    for key, cell in cells.items():
        arms = [key._replace(statistic="percent", arm=arm) for arm in ARMS]
        if key.statistic != "smd_percent" or not all(arm in cells for arm in arms):
            continue
        shares = itertools.product(*(_possible_shares(repaired, arm) for arm in arms))
        if not any(cell.admits(*smd_percent_range(*pair)) for pair in shares):
            yield _wrong_difference(cells, repaired, key, arms)


def _possible_shares(cells: Printed, arm: Key) -> Iterator[Interval]:
    """Yield the proportions behind a printed percentage, and those behind the percentage of its count."""
    half = 0.5 * 10.0 ** -cells[arm].decimals
    percents = [cells[arm].value]
    count, total = cells.get(arm._replace(statistic="count")), cells.arm_size(arm)
    if count is not None and total:
        percents.append(round(100 * count.value / total, cells[arm].decimals))
    yield from (((percent - half) / 100, (percent + half) / 100) for percent in dict.fromkeys(percents))


def _difference_range(cells: Printed, arms: list[Key]) -> Interval:
    first, second = ((cells[arm].low / 100, cells[arm].high / 100) for arm in arms)
    return smd_percent_range(first, second)


def _wrong_difference(cells: Printed, repaired: Printed, key: Key, arms: list[Key]) -> Finding:
    """Return the finding; it follows from a misprint where the uncorrected percentages give it."""
    cell = cells[key]
    shares, words = _shares(repaired, arms)
    right = smd_percent(*shares)
    low, high = _difference_range(repaired, arms)
    follows = cell.admits(*_difference_range(cells, arms))
    wrong = [cells[arm].text for arm in arms if cells[arm] != repaired[arm]]
    cause = f"computed from the misprinted {' and '.join(wrong)}%" if follows else _copied(cells, key)
    return Finding(
        key=key,
        cell=cell,
        verdict=FOLLOWS if follows else MISPRINT,
        arithmetic=f"{words} give {right:.2f}, and rounding allows {low:.1f} to {high:.1f}",
        cause=cause,
        recomputed=right,
        corrected=right,
    )


def _shares(cells: Printed, arms: list[Key]) -> tuple[tuple[float, float], str]:
    """Return the proportions of both arms, from the counts where printed, and how they were had."""
    shares, words = [], []
    for arm in arms:
        count, total = cells.get(arm._replace(statistic="count")), cells.arm_size(arm)
        if count is None or not total:
            shares.append(cells[arm].value / 100)
            words.append(f"{cells[arm].text}%")
        else:
            shares.append(count.value / total)
            words.append(f"{count.text} / {total:.0f}")
    return (shares[0], shares[1]), " and ".join(words)


def _copied(cells: Printed, key: Key) -> str:
    """Return the cause in words if the row above prints the same number in the same column."""
    column = [
        other
        for other in cells
        if (other.table, other.statistic, other.phase, other.arm)
        == (key.table, key.statistic, key.phase, key.arm)
    ]
    place = column.index(key)
    if place and cells[column[place - 1]].text == cells[key].text:
        return f"the same number stands in the row above, {cells.where(column[place - 1])}"
    return NO_CAUSE


def check_quartiles(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield medians that do not lie between their quartiles."""
    for key, cell in cells.items():
        ends = [key._replace(statistic=statistic) for statistic in ("q1", "q3")]
        if key.statistic != "median" or not all(end in cells for end in ends):
            continue
        low, high = (cells[end] for end in ends)
        if not low.value <= cell.value <= high.value:
            yield Finding(
                key=key,
                cell=cell,
                verdict=UNEXPLAINED,
                arithmetic=f"it must lie between the quartiles {low.text} and {high.text}",
            )


def check_attainable(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield percentages, printed without their count, that no whole number of patients can give."""
    for key, cell in cells.items():
        total = _denominator(cells, key)
        if total is None or attainable_counts((cell.low, cell.high), total):
            continue
        below = int(cell.value * total / 100)
        nearest = [(count, 100 * count / total) for count in (below, below + 1)]
        words = " and ".join(f"{count} / {total:.0f} = {share:.2f}%" for count, share in nearest)
        yield Finding(
            key=key,
            cell=cell,
            verdict=UNEXPLAINED,
            arithmetic=f"no whole number of {total:.0f} patients gives it: {words}",
            cause=_cut_off(cell, nearest[1]),
        )


def _denominator(cells: Printed, key: Key) -> float | None:
    """Return of how many patients a percentage without a count is: the layout says so, or its column."""
    if key.statistic != "percent" or key._replace(statistic="count") in cells:
        return None
    of = cells.layout.denominators.get(key.level)
    if of is not None:
        return cells[of].value if of in cells else None
    return cells.arm_size(key) if key.arm and key.level not in cells.layout.levels else None


def _cut_off(cell: Cell, above: tuple[int, float]) -> str:
    """Return the cause in words: digits dropped instead of rounded, or another denominator."""
    scale = 10**cell.decimals
    if int(above[1] * scale) == round(cell.value * scale):
        return (
            f"{above[0]} patients, the digits cut off instead of rounded, or another denominator than printed"
        )
    return "another denominator than printed"


def check_repeats(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield numbers of the text and of later tables that differ from where they first stand."""
    for key, original in cells.originals().items():
        if not cells[key].admits(cells[original].low, cells[original].high):
            yield Finding(
                key=key,
                cell=cells[key],
                verdict=UNEXPLAINED,
                arithmetic=f"{cells.where(original)} reads {cells[original].text}",
                cause="the same number is printed twice with two values",
                recomputed=cells[original].value,
            )
