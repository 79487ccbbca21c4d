"""The compared numbers in the layout of printed tables: variables as rows, arms and phases as columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from simsepsis.show.outline import outline
from simsepsis.show.plots.positions import mended
from simsepsis.show.table import ABOVE, BELOW, INSIDE, NOT_COMPARED, Compared, Label, Part, Table
from simsepsis.study.layout import ARMS
from simsepsis.study.published import Study
from simsepsis.words.labels import Wording
from simsepsis.words.numbers import of_statistic

if TYPE_CHECKING:
    from pandas import DataFrame


class Column(NamedTuple):
    """One column of a printed table: its heading, and where its numbers are found."""

    title: str
    phase: str
    arm: str
    kind: str


_CONTRASTS = (
    ("smd_percent", "SD (%)", ("smd_percent",)),
    ("ratio", "Ratio (95% CI)", ("odds_ratio", "hazard_ratio")),
    ("p_value", "p value", ("p_value",)),
)
"""Kind of a column that compares the arms, its heading, and the statistics that make one."""


def _columns(rows: DataFrame, phase: str, study: Study) -> Iterator[Column]:
    """Yield the columns of a phase that have numbers: everybody, both arms, comparisons."""
    heads = {"": "All"} | {arm: study.layout.heads.get(arm, arm.capitalize()) for arm in ARMS}
    there = set(rows["arm"])
    yield from (Column(head, phase, arm, "summary") for arm, head in heads.items() if arm in there)
    found = set(rows.loc[rows["arm"] == "contrast", "statistic"])
    for kind, head, statistics in _CONTRASTS:
        if found & set(statistics):
            odds = "Odds ratio (95% CI)" if kind == "ratio" and "hazard_ratio" not in found else head
            yield Column(odds, phase, "contrast", kind)


_PHASE_GROUPS = {"before": "Before matching", "after": "After matching", "": ""}
_PHASE_NOTES = {"before": ", before matching", "after": ", after matching", "": ""}

# What a column of this kind is made of: the statistics, and the signs around them.
_COMPOSITIONS: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "summary": (
        (("median", "q1", "q3"), ("", " (", "–", ")")),
        (("count", "percent"), ("", " (", ")")),
        (("count",), ("", "")),
        (("percent",), ("", "%")),
        (("q3",), ("", "")),
    ),
    "ratio": (
        (("odds_ratio", "ci_low", "ci_high"), ("", " (", "–", ")")),
        (("hazard_ratio", "ci_low", "ci_high"), ("HR ", " (", "–", ")")),
    ),
    "smd_percent": ((("smd_percent",), ("", "")),),
    "p_value": ((("p_value",), ("", "")),),
}

Number = Mapping[str, Any]
Numbers = Mapping[tuple[str, str, str, str], dict[str, Number]]
Row = tuple[Label | Compared, ...]


def lay_out(comparison: DataFrame, study: Study) -> tuple[Table, ...]:
    """Return every table of a study that has rows in the comparison, as it was printed."""
    named = study.layout.tables
    found = list(dict.fromkeys(comparison["table"]))
    order = [*(name for name in named if name in found), *(name for name in found if name not in named)]
    return tuple(_lay_out(name, comparison.loc[comparison["table"] == name], study) for name in order)


def _lay_out(name: str, rows: DataFrame, study: Study) -> Table:
    numbers: dict[tuple[str, str, str, str], dict[str, Number]] = {}
    for row in rows.to_dict("records"):
        place = (row["variable"], row["level"], row["phase"], row["arm"])
        numbers.setdefault(place, {})[row["statistic"]] = row
    # Numbers of everybody stand in no phase, so that the phase belongs to the row.
    phases = [phase for phase in _PHASE_GROUPS if (rows["phase"] == phase).any()]
    by_phase = (rows["arm"] == "").any()
    parts = [rows] if by_phase else [rows.loc[rows["phase"] == phase] for phase in phases]
    columns = tuple(
        column for part, phase in zip(parts, phases, strict=False) for column in _columns(part, phase, study)
    )
    lines = (_lines_by_phase if by_phase else _lines)(columns, numbers, study.wording)
    compared = mended(rows).dropna(subset=["printed", "low", "high"])
    counted = compared.loc[compared["repeats"] == ""] if "repeats" in compared else compared
    repeated = len(compared) - len(counted)
    return Table(
        name=name,
        title=study.layout.titles.get(name, study.layout.label(name)),
        groups=() if by_phase else _groups(columns),
        heads=("Variable", *(column.title for column in columns)),
        rows=tuple(lines),
        note=f"{counted['inside'].astype(bool).sum()} of {len(counted)} numbers inside"
        + (f" ({repeated} more stood in earlier tables)" if repeated else ""),
        style="compared",
    )


def _groups(columns: tuple[Column, ...]) -> tuple[tuple[str, int], ...]:
    phases = [column.phase for column in columns]
    if len(set(phases)) < 2:
        return ()
    return tuple((_PHASE_GROUPS[phase], phases.count(phase)) for phase in dict.fromkeys(phases))


def _lines(columns: tuple[Column, ...], numbers: Numbers, words: Wording) -> Iterable[Row]:
    for line in outline(((place[0], place[1]) for place in numbers), words):
        if line.key is None:
            yield (Label(line.label, line.depth),)
            continue
        cells = (_cell(numbers.get((*line.key, c.phase, c.arm), {}), c.kind) for c in columns)
        yield Label(_with_unit(line.label, words.unit(line.key[0])), line.depth), *cells


def _lines_by_phase(columns: tuple[Column, ...], numbers: Numbers, words: Wording) -> Iterable[Row]:
    """Yield rows with full labels and no headings: a text has no blocks."""
    for variable, level, phase in dict.fromkeys(place[:3] for place in numbers):
        cells = (_cell(numbers.get((variable, level, phase, c.arm), {}), c.kind) for c in columns)
        yield Label(words.row(variable, level) + _PHASE_NOTES[phase], 0), *cells


def _with_unit(label: str, unit: str) -> str:
    # Points, and units that the heading already names, say nothing more in the row.
    return f"{label} ({unit})" if unit not in ("", "points", "units", "days") else label


def _cell(found: Mapping[str, Number], kind: str) -> Compared:
    for statistics, signs in _COMPOSITIONS[kind]:
        if all(name in found for name in statistics):
            chosen = [found[name] for name in statistics]
            return Compared(
                printed=tuple(_printed(chosen, signs)),
                simulated=_composed([_simulated(number) for number in chosen], signs),
                interval=_intervals([_interval(number) for number in chosen]),
                corrected=tuple(_corrected(number) for number in chosen if _is_misprint(number)),
            )
    return Compared()


def _printed(numbers: list[Number], signs: tuple[str, ...]) -> Iterable[Part]:
    *before, last = signs
    unit = last if last == "%" else ""
    for sign, number in zip(before, numbers, strict=True):
        if sign:
            yield Part(sign)
        yield Part(_printed_text(number) + unit, _mark(number))
    if last and not unit:
        yield Part(last)


def _printed_text(number: Number) -> str:
    text = number.get("text")
    said = text if isinstance(text, str) and text else of_statistic(number["printed"], number["statistic"])
    return f"{said}†" if _is_misprint(number) else said


def _is_misprint(number: Number) -> bool:
    return not math.isnan(number.get("corrected", math.nan))


def _corrected(number: Number) -> str:
    return of_statistic(number["corrected"], number["statistic"])


def _mark(number: Number) -> str:
    if any(math.isnan(number[name]) for name in ("printed", "low", "high")):
        return NOT_COMPARED
    misprint = _is_misprint(number)
    if bool(number["inside_corrected"] if misprint else number["inside"]):
        return INSIDE
    return ABOVE if number["corrected" if misprint else "printed"] > number["simulated"] else BELOW


def _simulated(number: Number) -> str:
    return of_statistic(number["simulated"], number["statistic"])


def _interval(number: Number) -> str:
    if math.isnan(number["low"]) or math.isnan(number["high"]):
        return ""
    return "–".join(of_statistic(number[name], number["statistic"]) for name in ("low", "high"))


def _composed(texts: list[str], signs: tuple[str, ...]) -> str:
    if all(text == "–" for text in texts):
        return "–"
    return "".join(part for pair in zip(signs, [*texts, ""], strict=True) for part in pair)


def _intervals(texts: list[str]) -> tuple[str, ...]:
    first, *others = texts
    pieces = [first, *(f"{text};" for text in others)]
    if others:
        pieces[1] = f"({pieces[1]}"
        pieces[-1] = f"{pieces[-1].removesuffix(';')})"
    return tuple(pieces) if any(texts) else ()
