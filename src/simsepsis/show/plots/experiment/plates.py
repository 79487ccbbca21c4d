"""The figures of an experiment with their words: those of its plan, or those that any plan can have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from simsepsis.experiment.requests import FigureChoice
from simsepsis.experiment.selection import numeric, other_keys, restriction, wanted_estimand
from simsepsis.performance import MEASURES
from simsepsis.performance.text import (
    ENOUGH,
    estimand_text,
    factor_and_unit,
    few_rows,
    plain_text,
    rows_text,
)
from simsepsis.show.figure import Plate
from simsepsis.show.plots.experiment import (
    autopsy,
    curves,
    forest_of_methods,
    heat_map,
    ladder,
    lollipop,
    nested_loop,
    zip_plot,
)
from simsepsis.show.plots.experiment.curves import axis_name, default_levels
from simsepsis.show.plots.experiment.marks import reference_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simsepsis.experiment import Findings

MOST_NAMED = 6
"""Numbers of few rows that a caption names."""
LIMITS = "Lines and bands: 95% Monte Carlo limits."


class Drawing(NamedTuple):
    """How a kind of figure is made.

    Attributes
    ----------
    rows, plot
        Its numbers and its drawing.
    title, reading
        What it shows, and how to read it; with `_words` in their places.
    named
        Columns that name a number beside the others.
    """

    rows: Callable[[FigureChoice, Findings], pd.DataFrame]
    plot: Callable[[pd.DataFrame, FigureChoice, str], Figure]
    title: str
    reading: str
    named: tuple[str, ...]


def _curve(rows: pd.DataFrame, choice: FigureChoice, note: str) -> Figure:
    return curves.plot_curves(rows, x=axis_name(str(choice.x)), levels=_levels(rows, choice), note=note)


def _heat(rows: pd.DataFrame, choice: FigureChoice, note: str) -> Figure:
    names = {"x": axis_name(str(choice.x)), "y": axis_name(str(choice.y))}
    return heat_map.plot_heat_map(rows, **names, levels=_levels(rows, choice), note=note)


def _levels(rows: pd.DataFrame, choice: FigureChoice) -> tuple[float, ...]:
    """Return the levels to be marked, in the unit of print."""
    measure = rows["measure"].iloc[0]
    factor, _ = factor_and_unit(measure, rows["estimand"].iloc[0])
    return tuple(factor * level for level in choice.levels or default_levels(measure))


_CURVE = Drawing(
    curves.curve_rows,
    _curve,
    "{measure} along {x}",
    "Each line is named at its right end; ribbons are 95% Monte Carlo limits{line}{levels}{rings}.",
    named=("line", "panel", "x"),
)
DRAWINGS: dict[str, Drawing] = {
    "zip": Drawing(
        zip_plot.zip_rows,
        lambda rows, choice, note: zip_plot.plot_zip(rows, note=note),
        "Confidence intervals by rank",
        "Each line is the confidence interval of one replicate, the furthest from the truth (upright line) "
        "on top, dark where it misses it; dots are estimates. Dashed: nominal coverage; shaded: the Monte "
        f"Carlo limits of the observed one, from all replicates. Of more than {zip_plot.MOST_INTERVALS} "
        f"replicates every k-th by rank is drawn; of more than {zip_plot.MOST_PANELS} series an even choice.",
        named=("panel",),
    ),
    "lollipop": Drawing(
        lollipop.lollipop_rows,
        lambda rows, choice, note: lollipop.plot_lollipop(rows, note=note),
        "{measure} of each method",
        f"{{stems}}{LIMITS} Of more than {lollipop.MOST_ROWS} cells an even choice is drawn.",
        named=("panel", "label"),
    ),
    "nested_loop": Drawing(
        nested_loop.loop_rows,
        lambda rows, choice, note: nested_loop.plot_nested_loop(rows, note=note),
        "{measure} over all cells",
        "One step per cell, settings below from the outermost loop to the innermost{line}{rings}. " + LIMITS,
        named=("method", "scenario"),
    ),
    "heat_map": Drawing(
        heat_map.heat_rows,
        _heat,
        "{measure} over {x} and {y}",
        "The darker a box, the further from {shade}. Contours run where straight lines between the boxes' "
        "middles reach a level. Of more than "
        f"{heat_map.MOST_PANELS} panels an even choice is drawn.",
        named=("panel", "x", "y"),
    ),
    "curve": _CURVE,
    "power_curve": _CURVE,
    "coverage_curve": _CURVE,
    "autopsy": Drawing(
        autopsy.autopsy_bars,
        lambda rows, choice, note: autopsy.plot_autopsy(rows, note=note),
        "What makes coverage what it is",
        "Bars: the change of coverage that bias alone and a wrong standard error alone would make, and what "
        "neither explains. Circle: observed less nominal coverage, with 95% Monte Carlo limits; at the right "
        f"the observed coverage. Of more than {autopsy.MOST_ROWS} series the furthest from nominal.",
        named=("label",),
    ),
    "forest_of_methods": Drawing(
        forest_of_methods.forest_rows,
        lambda rows, choice, note: forest_of_methods.plot_forest_of_methods(rows, note=note),
        "Estimates beside the truth",
        "The range is mean ± 1.96 empirical standard errors: how far one registry's estimate may lie from "
        f"the mean. Of more than {forest_of_methods.MOST_CELLS} cells an even choice is drawn.",
        named=("label", "group"),
    ),
    "ladder": Drawing(
        ladder.stair_rows,
        lambda rows, choice, note: ladder.plot_stairs(rows, note=note),
        "From the truth to the estimate",
        "Each bar begins where the one above ends; hatched bars point down. All are from the same "
        "replicates, so that noise which methods share cancels. Each ladder is shown in the cell where its "
        f"estimate is the furthest from the truth. {LIMITS}",
        named=("panel",),
    ),
}
"""Kind of figure → how it is made."""


def draw_findings(findings: Findings, *, version: str) -> tuple[Plate, ...]:
    """Draw the figures of an experiment.

    Parameters
    ----------
    findings
        As returned by `simsepsis.experiment.examine_run`.
    version
        Of simsepsis, for the captions.

    Returns
    -------
    tuple
        In the order of the plan. A figure without any number is left out.
    """
    choices = findings.plan.figures or default_figures(findings)
    note = note_of(findings, version)
    plates = (
        plate_of(choice, name, findings, note)
        for choice, name in zip(choices, file_names(choices), strict=True)
    )
    return tuple(plate for plate in plates if plate is not None)


def note_of(findings: Findings, version: str) -> str:
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


def plate_of(choice: FigureChoice, name: str, findings: Findings, note: str) -> Plate | None:
    """Return one figure with its words; None where there is no number to show.

    Parameters
    ----------
    choice, findings
        What is asked, of which run.
    name
        File name without suffix.
    note
        As of `note_of`.
    """
    drawing = DRAWINGS[choice.kind]
    rows = drawing.rows(choice, findings)
    numbers = [column for column in ("value", "mean", "observed", "estimate") if column in rows.columns]
    if not len(rows) or not rows[numbers].notna().any(axis=None):
        return None
    what = estimand_text(wanted_estimand(choice, findings.plan))
    words = _words(rows, choice)
    title = choice.title or f"{drawing.title.format(**words)}: {what}"
    where, few = restriction(choice, findings), _few_rows(rows, drawing.named, words, name)
    return Plate(
        name=name,
        title=title,
        caption=f"{what[:1].upper()}{what[1:]}{where}. {drawing.reading.format(**words)} {few}{note}",
        alt=f"{title}. {len(rows)} numbers, which {name}.csv holds.",
        figure=drawing.plot(rows, choice, note),
        data=rows,
    )


def _words(rows: pd.DataFrame, choice: FigureChoice) -> dict[str, str]:
    """Return what takes its place in titles and in how to read a figure."""
    measure, estimand = choice.measure or choice.about.measure, str(rows["estimand"].iloc[0])
    against = reference_text(measure, estimand) if measure else ""
    levels = choice.levels or default_levels(str(measure))
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


def default_figures(findings: Findings) -> tuple[FigureChoice, ...]:
    """Return what is drawn where a plan asks for no figures.

    Parameters
    ----------
    findings
        The run.
    """
    return tuple(FigureChoice.model_validate(item) for item in _defaults(findings))


def _defaults(findings: Findings) -> Iterator[dict[str, object]]:
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
