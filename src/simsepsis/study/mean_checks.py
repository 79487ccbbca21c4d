"""Audit of means: those of whole numbers, standardized differences and tests of means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simsepsis.study.arithmetic import (
    Interval,
    attainable_spread,
    attainable_sums,
    smd_of_means_range,
    t_test_range,
)
from simsepsis.study.finding import UNEXPLAINED, Finding
from simsepsis.study.layout import ARMS, Key
from simsepsis.study.printed import Cell, Printed

_CAUSE = "a misprint, or fewer patients with a value than printed"


class Row(NamedTuple):
    """Means, standard deviations and sizes of both arms, treated first."""

    means: tuple[Interval, Interval]
    sds: tuple[Interval, Interval]
    sizes: tuple[float, float]
    words: str


def check_whole_numbers(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield means and standard deviations that whole numbers cannot have (GRIM, GRIMMER)."""
    for key, cell in cells.items():
        total = cells.arm_size(key)
        points = key.variable in cells.variables and cells.variables[key.variable].kind == "ordinal"
        if key.statistic != "mean" or not points or total is None or total < 2:
            continue
        sums, sd = attainable_sums((cell.low, cell.high), int(total)), key._replace(statistic="sd")
        if not sums:
            yield _no_mean(key, cell, int(total))
        elif sd in cells and not attainable_spread(sums, _ends(cells[sd]), int(total)):
            words = f"no {total:.0f} whole numbers with a mean of {cell.text} have it (GRIMMER)"
            yield Finding(key=sd, cell=cells[sd], verdict=UNEXPLAINED, arithmetic=words, cause=_CAUSE)


def _no_mean(key: Key, cell: Cell, total: int) -> Finding:
    below = int(cell.value * total // 1)
    nearest = " and ".join(f"{one} / {total} = {one / total:.4f}" for one in (below, below + 1))
    words = f"no {total} whole numbers have this mean: {nearest} (GRIM)"
    return Finding(key=key, cell=cell, verdict=UNEXPLAINED, arithmetic=words, cause=_CAUSE)


def _ends(cell: Cell) -> Interval:
    return max(cell.low, 0.0), cell.high


def check_mean_differences(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield standardized differences and p values that the means and deviations of their row do not give."""
    for key, cell in cells.items():
        row = _row(cells, key) if key.statistic in ("smd_percent", "p_value") else None
        if row is None:
            continue
        smd = key.statistic == "smd_percent"
        low, high = smd_of_means_range(*row[:2]) if smd else t_test_range(*row[:3])
        if not cell.admits(low, high):
            test = "" if smd else " by Student's and Welch's test"
            digits = 1 if smd else 4
            words = f"{row.words} give {low:.{digits}f} to {high:.{digits}f}{test}"
            cause = "" if smd else "another test than of means, or a misprint"
            yield Finding(key=key, cell=cell, verdict=UNEXPLAINED, arithmetic=words, cause=cause or _CAUSE)


def _row(cells: Printed, key: Key) -> Row | None:
    """Return means, deviations and sizes of a row, None where one of them is not printed."""
    arms = [key._replace(arm=arm) for arm in ARMS]
    means, sds = ([cells.get(arm._replace(statistic=name)) for arm in arms] for name in ("mean", "sd"))
    sizes = [cells.arm_size(arm) for arm in arms]
    if None in (*means, *sds, *sizes) or min(size or 0 for size in sizes) < 2:
        return None
    pairs = [(mean, sd) for mean, sd in zip(means, sds, strict=True) if mean and sd]
    words = " and ".join(f"{mean.text} ± {sd.text}" for mean, sd in pairs)
    (first, second), (spread, other) = (
        [(mean.low, mean.high) for mean, _ in pairs],
        [_ends(sd) for _, sd in pairs],
    )
    return Row((first, second), (spread, other), (float(sizes[0] or 0), float(sizes[1] or 0)), words)
