"""Audit of counts: percentages, sums of categories, the flow of patients, parts and wholes."""

from __future__ import annotations

from collections.abc import Iterator

from simsepsis.study.finding import MISPRINT, NO_CAUSE, UNEXPLAINED, Finding
from simsepsis.study.layout import ARMS, Key
from simsepsis.study.printed import Cell, Printed


def check_counts(cells: Printed) -> Iterator[Finding]:
    """Yield percentages that are not their count's, and categories that do not sum to n.

    Where both happen in one column the sum tells which is wrong: counts that sum to n are right, and
    a single count that explains the excess *and* then fits its percentage is wrong.
    """
    for group in _columns_of_counts(cells):
        misfits = [key for key in group if not _fits(cells, key)]
        excess = _excess(cells, group)
        if excess and len(misfits) == 1 and _fits(cells, misfits[0], cells[misfits[0]].value - excess):
            yield _wrong_count(cells, group, misfits[0], excess)
            continue
        if excess:
            yield _wrong_sum(cells, group, excess)
        for key in misfits:
            yield _wrong_percent(cells, key, sums_right=excess == 0)


def _columns_of_counts(cells: Printed) -> Iterator[list[Key]]:
    """Yield the counts that share a variable, phase and arm: the levels of a category, or one count."""
    groups: dict[tuple[str, ...], list[Key]] = {}
    for key in cells:
        if key.statistic == "count" and key.arm:
            groups.setdefault((key.table, key.variable, key.phase, key.arm), []).append(key)
    for (_, variable, _, _), keys in groups.items():
        yield from [keys] if _is_category(cells, variable) else ([key] for key in keys)


def _is_category(cells: Printed, variable: str) -> bool:
    return variable in cells.variables and cells.variables[variable].kind == "category"


def _fits(cells: Printed, key: Key, count: float | None = None) -> bool:
    """Tell whether a count and its percentage agree; True where either or n is not printed."""
    percent, total = cells.get(key._replace(statistic="percent")), cells.arm_size(key)
    if percent is None or not total:
        return True
    return percent.admits(100 * (cells[key].value if count is None else count) / total)


def _excess(cells: Printed, group: list[Key]) -> float | None:
    """Return by how much the levels sum to more than n; None where they need not sum to n."""
    total = cells.arm_size(group[0])
    complete = {key.level for key in group} == set(_levels(cells, group[0]))
    if total is None or not complete:
        return None
    return sum(cells[key].value for key in group) - total


def _levels(cells: Printed, key: Key) -> tuple[str, ...]:
    return cells.variables[key.variable].level_names if _is_category(cells, key.variable) else ()


def _sum_in_words(cells: Printed, group: list[Key]) -> str:
    counts = [cells[key].value for key in group]
    total = cells.arm_size(group[0]) or 0.0
    return f"{' + '.join(f'{count:.0f}' for count in counts)} = {sum(counts):.0f}, not {total:.0f}"


def _wrong_count(cells: Printed, group: list[Key], key: Key, excess: float) -> Finding:
    cell, percent = cells[key], cells[key._replace(statistic="percent")]
    right, total = cell.value - excess, cells.arm_size(key) or 1.0
    arithmetic = (
        f"the levels sum to {_sum_in_words(cells, group)}, and {cell.text} / {total:.0f} = "
        f"{100 * cell.value / total:.2f}%, not {percent.text}%; {right:.0f} mends both "
        f"({right:.0f} / {total:.0f} = {100 * right / total:.2f}%)"
    )
    differing = sum(a != b for a, b in zip(cell.text, f"{right:.0f}", strict=False))
    same_length = len(cell.text) == len(f"{right:.0f}")
    cause = "one digit is wrong" if same_length and differing == 1 else NO_CAUSE
    return Finding(
        key=key,
        cell=cell,
        verdict=MISPRINT,
        arithmetic=arithmetic,
        cause=cause,
        recomputed=right,
        corrected=right,
    )


def _wrong_sum(cells: Printed, group: list[Key], excess: float) -> Finding:
    return Finding(
        key=group[0],
        cell=cells[group[0]],
        verdict=UNEXPLAINED,
        arithmetic=f"the levels of this variable sum to {_sum_in_words(cells, group)}",
        cause=f"one or more levels are wrong by {excess:+.0f} in all",
    )


def _wrong_percent(cells: Printed, key: Key, *, sums_right: bool) -> Finding:
    """Return the finding of a percentage; it is proven where the count is confirmed by another number."""
    percent_key = key._replace(statistic="percent")
    cell, count, total = cells[percent_key], cells[key], cells.arm_size(key) or 1.0
    right = 100 * count.value / total
    row_cause = _row_percentage(cells, key, cell)
    proven = sums_right or bool(row_cause)
    confirmed = " and the levels' counts sum to n" if sums_right else ""
    return Finding(
        key=percent_key,
        cell=cell,
        verdict=MISPRINT if proven else UNEXPLAINED,
        arithmetic=f"{count.text} / {total:.0f} = {right:.2f}%{confirmed}",
        cause=row_cause or _digits_of_count(count, cell) or NO_CAUSE,
        recomputed=right,
        corrected=right if proven else None,
    )


def _row_percentage(cells: Printed, key: Key, percent: Cell) -> str:
    """Return the cause in words if the percentage is the arm's share of the row, otherwise nothing."""
    other = cells.get(key._replace(arm=ARMS.other(key.arm)))
    if other is None or not other.value:
        return ""
    row = cells[key].value + other.value
    share = 100 * cells[key].value / row
    if not percent.admits(share):
        return ""
    sum_in_words = f"{cells[key].text} / {row:.0f} = {share:.2f}%"
    return f"a row percentage stands where a column percentage belongs ({sum_in_words})"


def _digits_of_count(count: Cell, percent: Cell) -> str:
    same = count.text == percent.text.replace(".", "").lstrip("0")
    return f"the digits of the count {count.text}, with a point between them" if same else ""


def check_flow(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield numbers of patients that contradict each other on the way from registry to matched pairs."""
    for key, parts in cells.layout.sums:
        if key in cells and all(part in cells for part in parts):
            yield from _unequal(cells, key, parts)
    for part, whole in cells.layout.within:
        if part in cells and whole in cells and cells[part].value > cells[whole].value:
            yield _too_many(cells, part, whole)


def _unequal(cells: Printed, key: Key, parts: tuple[Key, ...]) -> Iterator[Finding]:
    total = sum(cells[part].value for part in parts)
    if cells[key].value != total:
        words = " + ".join(f"{cells[part].text} ({cells.where(part)})" for part in parts)
        yield Finding(
            key=key,
            cell=cells[key],
            verdict=UNEXPLAINED,
            arithmetic=f"it must be {words} = {total:.0f}",
            recomputed=total,
        )


def check_parts(cells: Printed, repaired: Printed) -> Iterator[Finding]:
    """Yield counts above those of which they are a part: before matching, or of a wider event."""
    wider = cells.layout.parts
    for key, cell in repaired.items():
        if key.statistic != "count" or not key.arm:
            continue
        for whole in (key._replace(phase="before"), key._replace(variable=wider.get(key.variable, ""))):
            if whole != key and whole in repaired and cell.value > repaired[whole].value:
                yield _too_many(repaired, key, whole)


def _too_many(cells: Printed, part: Key, whole: Key) -> Finding:
    return Finding(
        key=part,
        cell=cells[part],
        verdict=UNEXPLAINED,
        arithmetic=f"it is a part of the {cells[whole].text} of: {cells.where(whole)}",
    )
