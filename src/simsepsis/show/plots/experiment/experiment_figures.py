"""The figures of an experiment with their words: those of its plan, or those that any plan can have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from simsepsis.experiment.requests import FigureChoice
from simsepsis.experiment.selection import numeric, other_keys, restriction, wanted_estimand
from simsepsis.performance import MEASURES
from simsepsis.performance.text import (
    ENOUGH,
    estimand_text,
    few_rows,
    plain_text,
    rows_text,
)
from simsepsis.show.figure import Figure
from simsepsis.show.plots.experiment import figure_kinds
from simsepsis.show.plots.experiment.marks import axis_name, default_levels, reference_text

if TYPE_CHECKING:
    from simsepsis.experiment import Run

MOST_NAMED = 6
"""Numbers of few rows that a caption names."""


def draw_findings(findings: Run, *, version: str) -> tuple[Figure, ...]:
    """Draw the figures of an experiment."""
    choices = findings.plan.figures or default_figures(findings)
    note = note_of(findings, version)
    figures = (
        figure_of(choice, name, findings, note)
        for choice, name in zip(choices, file_names(choices), strict=True)
    )
    return tuple(figure for figure in figures if figure is not None)


def note_of(findings: Run, version: str) -> str:
    """Return the line with experiment, replicates, seed and version."""
    fewest, most = findings.replicates
    each = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    unfinished = (
        "" if findings.complete else f" of {findings.plan.run.most_replicates:,} planned (unfinished)"
    )
    return (
        f"Experiment {findings.plan.name}, {each} replicates per cell{unfinished}, seed "
        f"{findings.plan.run.seed}, simsepsis {version}."
    )


def file_names(choices: tuple[FigureChoice, ...]) -> list[str]:
    """Return the file names of figures: their own, or their kind, numbered where it stands more than once."""
    kinds = Counter(choice.kind for choice in choices if choice.name is None)
    seen: Counter[str] = Counter()
    names = []
    for choice in choices:
        seen[choice.kind] += choice.name is None
        names.append(
            choice.name or (choice.kind if kinds[choice.kind] == 1 else f"{choice.kind}-{seen[choice.kind]}")
        )
    return names


def figure_of(choice: FigureChoice, name: str, findings: Run, note: str) -> Figure | None:
    """Return one figure with its words; None where there is no number to show."""
    kind = figure_kinds()[choice.kind]
    rows = kind.rows(choice, findings)
    numbers = [column for column in ("value", "mean", "observed", "estimate") if column in rows.columns]
    if not len(rows) or not rows[numbers].notna().any(axis=None):
        return None
    what = estimand_text(wanted_estimand(choice, findings.plan))
    words = _words(rows, choice)
    title = choice.title or f"{kind.title.format(**words)}: {what}"
    where, few = restriction(choice, findings), _few_rows(rows, kind.named, words, name)
    return Figure(
        name=name,
        title=title,
        caption=f"{what[:1].upper()}{what[1:]}{where}. {kind.reading.format(**words)} {few}{note}",
        alt=f"{title}. {len(rows)} numbers, which {name}.csv holds.",
        draw=lambda: kind.plot(rows, choice, note),
        data=rows,
    )


def _words(rows: pd.DataFrame, choice: FigureChoice) -> dict[str, str]:
    """Return what takes its place in titles and in how to read a figure."""
    measure, estimand = choice.measure or choice.about.measure, str(rows["estimand"].iloc[0])
    against = reference_text(measure, estimand) if measure else ""
    levels = choice.levels or (default_levels(measure) if measure else ())
    marked = ", ".join(plain_text(measure, estimand, level) for level in levels) if measure else ""
    return {
        "x": axis_name(str(choice.x)),
        "y": axis_name(str(choice.y)),
        "measure": MEASURES[measure].label.partition(" (")[0] if measure else "",
        "stems": f"Stems begin at {against}. " if against else "",
        "line": f"; the thin line is at {against}" if against else "",
        "shade": against or "0",
        "rings": "; ringed: numbers of few rows" if few_rows(rows).any() else "",
        "levels": f"; dashed: {marked}, looked for" if marked else "",
    }


def _few_rows(rows: pd.DataFrame, named: tuple[str, ...], words: dict[str, str], name: str) -> str:
    """Return which numbers rest on few of their rows; nothing where none does."""
    few = rows[few_rows(rows)].drop_duplicates([*named, "n_used", "n_sim"])
    if not len(few):
        return ""
    said = []
    for _, row in few.head(MOST_NAMED).iterrows():
        places = [f"{_lowered(words[key])} = {row[key]}" if key in ("x", "y") else row[key] for key in named]
        said.append(f"{', '.join(filter(None, places))} ({rows_text(row['n_used'], row['n_sim'])})")
    rest = f"; and {len(few) - len(said)} more, in {name}.csv" if len(few) > len(said) else ""
    return f"Numbers that fewer than {ENOUGH:.0%} of the rows have: {'; '.join(said)}{rest}. "


def _lowered(name: str) -> str:
    return name[:1].lower() + name[1:]


def default_figures(findings: Run) -> tuple[FigureChoice, ...]:
    """Return what is drawn where a plan asks for no figures."""
    return tuple(FigureChoice.model_validate(item) for item in _defaults(findings))


def _defaults(findings: Run) -> Iterator[dict[str, object]]:
    keys = other_keys(findings, findings.settings, ())
    numbers = [key for key in keys if numeric(findings.settings[key])]
    yield {"kind": "forest_of_methods"}
    for measure in ("bias", "coverage", "rejection"):
        yield {"kind": "lollipop", "measure": measure, "name": f"lollipop-{measure}"}
    if len(keys) > 1:
        yield {"kind": "nested_loop"}
    if len(numbers) > 1:
        yield {"kind": "heat_map", "x": numbers[0], "y": numbers[1]}
    elif len(numbers) == 1:
        yield {"kind": "power_curve", "x": numbers[0]}
        yield {"kind": "coverage_curve", "x": numbers[0]}
    yield {"kind": "autopsy"}
    yield {"kind": "zip"}
    yield {"kind": "ladder"}
