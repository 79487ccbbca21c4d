"""The compared numbers in the layout of the thesis: variables as rows, arms and phases as columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from simsepsis.show.outline import outline
from simsepsis.show.plots.positions import mended
from simsepsis.show.study_words import THESIS_WORDING
from simsepsis.show.table import ABOVE, BELOW, INSIDE, NOT_COMPARED, Compared, Label, Part, Table
from simsepsis.words.numbers import of_statistic

if TYPE_CHECKING:
    from pandas import DataFrame


class Column(NamedTuple):
    """One column of a printed table: its heading, and where its numbers are found."""

    title: str
    phase: str
    arm: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """How one table of the thesis is laid out.

    Attributes
    ----------
    name
        Key of the table.
    title
        Caption, after the thesis.
    columns
        From left to right; columns of one phase stand together.
    by_phase
        The phase belongs to the row, not to the column.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    by_phase: bool = False


def _arms(phase: str, third: Column) -> tuple[Column, ...]:
    return (
        Column("IVIgG (+)", phase, "treated", "summary"),
        Column("IVIgG (−)", phase, "control", "summary"),
        third,
    )


def _both_phases(title: str, kind: str) -> tuple[Column, ...]:
    return tuple(
        column
        for phase in ("before", "after")
        for column in _arms(phase, Column(title, phase, "contrast", kind))
    )


_ODDS_RATIO = (
    Column("Odds ratio (95% CI)", "after", "contrast", "ratio"),
    Column("p value", "after", "contrast", "p_value"),
)
LAYOUTS = (
    TableLayout(
        name="table1",
        title="Table 1. ICU and patient characteristics before and after propensity score matching",
        columns=_both_phases("SD (%)", "smd_percent"),
    ),
    TableLayout(
        name="table2",
        title="Table 2. Other adjunctive treatments before and after propensity score matching",
        columns=_both_phases("p value", "p_value"),
    ),
    TableLayout(
        name="table3",
        title="Table 3. Mortality, duration of interventions and length of stay, before and after matching",
        columns=_both_phases("p value", "p_value"),
    ),
    TableLayout(
        name="table4",
        title="Table 4. ICU and in-hospital mortality of matched patients, unadjusted and adjusted",
        columns=(*_arms("after", _ODDS_RATIO[0]), _ODDS_RATIO[1]),
    ),
    TableLayout(
        name="table5",
        title="Table 5. Factors of ICU death, adjusted for the SOFA scores of days 3 and 7",
        columns=_ODDS_RATIO,
    ),
    TableLayout(
        name="table6",
        title="Table 6. Factors of in-hospital death, adjusted for the SOFA scores of days 3 and 7",
        columns=_ODDS_RATIO,
    ),
    TableLayout(
        name="text",
        title="Numbers in the thesis's text and Figure 1",
        columns=(
            Column("All", "", "", "summary"),
            Column("IVIgG (+)", "", "treated", "summary"),
            Column("IVIgG (−)", "", "control", "summary"),
            Column("Ratio (95% CI)", "", "contrast", "ratio"),
            Column("p value", "", "contrast", "p_value"),
        ),
        by_phase=True,
    ),
)

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


def lay_out(comparison: DataFrame) -> tuple[Table, ...]:
    """Return every table of the thesis that has rows in the comparison, in the thesis's layout."""
    tables = (_lay_out(layout, comparison.loc[comparison["table"] == layout.name]) for layout in LAYOUTS)
    return tuple(table for table in tables if table.rows)


def _lay_out(layout: TableLayout, rows: DataFrame) -> Table:
    numbers: dict[tuple[str, str, str, str], dict[str, Number]] = {}
    for row in rows.to_dict("records"):
        place = (row["variable"], row["level"], row["phase"], row["arm"])
        numbers.setdefault(place, {})[row["statistic"]] = row
    lines = _lines_by_phase(layout, numbers) if layout.by_phase else _lines(layout, numbers)
    compared = mended(rows).dropna(subset=["printed", "low", "high"])
    counted = compared.loc[compared["repeats"] == ""] if "repeats" in compared else compared
    repeated = len(compared) - len(counted)
    return Table(
        name=layout.name,
        title=layout.title,
        groups=_groups(layout),
        heads=("Variable", *(column.title for column in layout.columns)),
        rows=tuple(lines),
        note=f"{counted['inside'].astype(bool).sum()} of {len(counted)} numbers inside"
        + (f" ({repeated} more stood in earlier tables)" if repeated else ""),
        style="compared",
    )


def _groups(layout: TableLayout) -> tuple[tuple[str, int], ...]:
    phases = [column.phase for column in layout.columns]
    if len(set(phases)) < 2:
        return ()
    return tuple((_PHASE_GROUPS[phase], phases.count(phase)) for phase in dict.fromkeys(phases))


def _lines(layout: TableLayout, numbers: Numbers) -> Iterable[Row]:
    for line in outline((place[0], place[1]) for place in numbers):
        if line.key is None:
            yield (Label(line.label, line.depth),)
            continue
        cells = (_cell(numbers.get((*line.key, c.phase, c.arm), {}), c.kind) for c in layout.columns)
        yield Label(_with_unit(line.label, line.key), line.depth), *cells


def _lines_by_phase(layout: TableLayout, numbers: Numbers) -> Iterable[Row]:
    """Yield rows with full labels and no headings: a text has no blocks."""
    for variable, level, phase in dict.fromkeys(place[:3] for place in numbers):
        cells = (_cell(numbers.get((variable, level, phase, c.arm), {}), c.kind) for c in layout.columns)
        yield Label(THESIS_WORDING.row(variable, level) + _PHASE_NOTES[phase], 0), *cells


def _with_unit(label: str, key: tuple[str, str]) -> str:
    unit = THESIS_WORDING.unit(key[0])
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
