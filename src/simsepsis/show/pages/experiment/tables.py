"""The tables of an experiment's page as ready texts, every number with its Monte Carlo standard error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from simsepsis.estimand import Estimand
from simsepsis.experiment.answers.components import component_words
from simsepsis.performance import MEASURES
from simsepsis.performance.error_ladder import LADDERS
from simsepsis.performance.text import bare_text, estimand_text, factor_and_unit, measured_text, rows_text
from simsepsis.show.plots.experiment.forest_of_methods import axis_of
from simsepsis.show.table import Table

if TYPE_CHECKING:
    from simsepsis.experiment import Run

MAIN = (
    "bias",
    "empirical_se",
    "relative_error_model_se",
    "rmse",
    "coverage",
    "rejection",
    "convergence",
)
"""Measures of the page's table; all are in performance.csv."""

BOUNDS = (
    "convergence",
    "coverage",
    "coverage_worst_case",
    "coverage_best_case",
    "rejection",
    "rejection_failure_as_no",
    "rejection_failure_as_yes",
)
"""Measures that say what failures may hide."""

MOST_SERIES = 12
"""Series of one claim that the page shows, those that fail first; all are in accept.csv."""

Row = tuple[str, ...]


def claims_table(findings: Run) -> Table:
    """Return each claim with its verdict, and the series that it was judged by."""
    rows: list[Row] = []
    for words, verdict in findings.accepted.items():
        rows.append((f"{words}: {verdict}",))
        own = findings.verdicts[findings.verdicts["claim"] == words]
        weight = own["verdict"].map({"fail": 0, "inconclusive": 1, "pass": 2})
        shown = own.loc[weight.sort_values(kind="stable").index[:MOST_SERIES]]
        rows += [_claim_row(row) for _, row in shown.iterrows()]
        if len(own) > len(shown):
            rows.append((f"and {len(own) - len(shown)} more series, in accept.csv", "", "", "", ""))
    heads = ("Series", "Measure", "Value", "95% Monte Carlo limits", "Verdict")
    return Table(title="Claims declared beforehand", heads=heads, rows=tuple(rows))


def _claim_row(row: pd.Series) -> Row:
    if not row["method"]:
        return ("no series is meant", str(row["measure"]), "–", "–", str(row["verdict"]))
    value, low, high = (
        bare_text(row["measure"], row["estimand"], row[name]) for name in ("value", "low", "high")
    )
    few = rows_text(row["n_used"], row["n_sim"])
    value += f" ({few})" if few else ""
    series = f"{row['method']}, {row['estimand']}, {row['scenario']}"
    return (series, MEASURES[row["measure"]].label, value, f"{low} to {high}", str(row["verdict"]))


def progress_table(findings: Run) -> Table:
    """Return how many replicates of each cell are done."""
    counts = ("wanted", "replicates", "rows", "failures")
    rows = tuple(
        (str(row["scenario"]), *(f"{row[name]:,}" for name in counts))
        for _, row in findings.progress.iterrows()
    )
    heads = ("Cell", "Replicates wanted", "Replicates done", "Rows", "Rows without an estimate")
    return Table(title="Planned and run", heads=heads, rows=rows)


def truth_table(findings: Run) -> Table:
    """Return the truths of each cell, methods that share one in one line."""
    rows: list[Row] = []
    for cell in findings.settings["cell"]:
        own = findings.truth[findings.truth["cell"] == cell]
        rows += _headed(str(own["scenario"].iloc[0]) if len(own) else "", list(_truths(own)))
    heads = ("Estimand", "Methods", "Truth", "Patients simulated")
    return Table(title="True values", heads=heads, rows=tuple(rows))


def _truths(own: pd.DataFrame) -> Iterator[Row]:
    keys = ["estimand", "value", "mcse", "population"]
    for (estimand, value, mcse, population), part in own.groupby(keys, sort=False, dropna=False):
        text = measured_text("bias", str(estimand), value, mcse)
        patients = f"{population:,}" if population else "none needed" if mcse == 0 else "–"
        yield str(estimand), ", ".join(part["method"]), text, patients


def performance_table(findings: Run) -> Table:
    """Return the main measures of each cell, estimand and method."""
    return _measures_table(findings, findings.performance, MAIN, "Performance")


def bounds_table(findings: Run) -> Table:
    """Return what failures may hide, for the series that have any."""
    table = findings.performance
    failed = table.loc[(table["measure"] == "convergence") & (table["value"] < 1.0), _KEYS]
    own = table.merge(failed, on=_KEYS, how="inner")
    return _measures_table(findings, own, BOUNDS, "Series with failures, and what these may hide")


_KEYS = ["cell", "method", "estimand"]
_MEASURED = ("measure", "estimand", "value", "mcse", "n_used", "n_sim")


def _measures_table(findings: Run, table: pd.DataFrame, measures: Sequence[str], title: str) -> Table:
    chosen = table[table["measure"].isin(measures)]
    texts = [
        _without_unit(measured_text(*row), str(row[1]))
        for row in chosen[list(_MEASURED)].itertuples(index=False, name=None)
    ]
    wide = chosen.assign(text=texts).pivot(index=_KEYS, columns="measure", values="text")
    order = {name: place for place, name in enumerate(findings.plan.run.methods)}
    rows: list[Row] = []
    for cell, scenario in zip(findings.settings["cell"], findings.settings["scenario"], strict=True):
        if cell in wide.index.get_level_values("cell"):
            own = wide.loc[cell].reset_index()
            own = own.assign(
                place=own["method"].map(order), stem=[Estimand.parse(name).stem for name in own["estimand"]]
            )
            for stem, part in own.sort_values("place", kind="stable").groupby("stem"):
                lines = [
                    (f"{row['method']} {_whose(row['estimand'])}", *(row[name] for name in measures))
                    for _, row in part.iterrows()
                ]
                rows += _headed(f"{scenario}: {axis_of(str(stem))}", lines)
    heads = ("Method", *(MEASURES[name].short for name in measures))
    return Table(title=title, heads=heads, rows=tuple(rows))


def _whose(estimand: str) -> str:
    """Return the word that says whose truth an estimand is, in brackets; nothing where there is none."""
    population = Estimand.parse(estimand).population
    return f"[{population}]" if population else ""


def _without_unit(text: str, estimand: str) -> str:
    """Return a number in print without the unit that a heading already says."""
    return text.replace(factor_and_unit("bias", estimand)[1], "", 1)


def autopsy_table(findings: Run) -> Table:
    """Return observed coverage beside what bias and standard error alone would make of it."""
    rows: list[Row] = []
    for cell, scenario in zip(findings.settings["cell"], findings.settings["scenario"], strict=True):
        own = findings.autopsy[findings.autopsy["cell"] == cell]
        rows += _headed(str(scenario), [_autopsy_row(row) for _, row in own.iterrows()])
    heads = ("Method, estimand", "Observed", "Predicted", "Bias alone", "SE alone", "Neither", "Unexplained")
    return Table(title="Coverage autopsy", heads=heads, rows=tuple(rows))


def _autopsy_row(row: pd.Series) -> Row:
    predicted = measured_text("coverage", "", row["predicted"], row["predicted_mcse"])
    parts = [f"{100 * row[name]:.1f}%" for name in ("from_bias", "from_se", "nominal")]
    unexplained = measured_text("relative_bias", "", row["unexplained"], row["unexplained_mcse"])
    observed = measured_text("coverage", "", row["observed"], row["mcse"], row["n_used"], row["n_sim"])
    return (f"{row['method']}, {row['estimand']}", observed, predicted, *parts, unexplained)


def reasons_table(findings: Run) -> Table:
    """Return why methods failed, the most frequent reason first."""
    rows = tuple(
        (
            str(row["method"]),
            str(row["failure"]),
            str(row["failure_kind"]).capitalize(),
            f"{row['rows']:,}",
            str(row["cells"]),
        )
        for _, row in findings.reasons.iterrows()
    )
    heads = ("Method", "Reason", "Kind", "Rows", "Cells")
    return Table(title="Why there is no estimate", heads=heads, rows=rows)


def informative_table(findings: Run) -> Table:
    """Return the failures that go with other methods' estimates, so that leaving them out would mislead."""
    table = findings.informative
    flagged = table[table["informative"].astype(bool)] if len(table) else table
    rows = tuple(
        (
            f"{row['method']}, {row['estimand']}, {row['scenario']}",
            str(row["other"]),
            f"{row['n_failed']:,} of {row['n_failed'] + row['n_succeeded']:,}",
            measured_text("bias", row["estimand"], row["difference"], row["mcse"]),
        )
        for _, row in flagged.iterrows()
    )
    heads = (
        "Method that failed",
        "Other method",
        "Replicates",
        "Other's mean where it failed less elsewhere",
    )
    return Table(title="Informative failures", heads=heads, rows=rows)


def ladder_tables(findings: Run) -> tuple[Table, ...]:
    """Return one table per ladder and estimand, a line per cell, a column per component."""
    table = findings.ladder
    named = table[table["ladder"].isin(list(LADDERS))]
    return tuple(
        _ladder_table(str(name), str(stem), part)
        for (name, stem), part in named.groupby(["ladder", "estimand"], sort=False)
    )


def _ladder_table(name: str, stem: str, part: pd.DataFrame) -> Table:
    part = part.assign(
        head=[f"{component_words(row)} [{row['to_method']}]" for _, row in part.iterrows()],
        text=[
            measured_text("bias", stem, value, mcse)
            for value, mcse in zip(part["value"], part["mcse"], strict=True)
        ],
    )
    steps = part.drop_duplicates("head").sort_values("step", kind="stable")["head"].tolist()
    wide = part.pivot(index="scenario", columns="head", values="text").fillna("")
    used = part.groupby("scenario")[["n_used", "n_sim"]].first()
    rows = tuple(
        (str(cell), *(str(wide.loc[cell, head]) for head in steps), _of_replicates(*used.loc[cell]))
        for cell in dict.fromkeys(part["scenario"])
    )
    title = f"Ladder “{name}”: {estimand_text(stem)}"
    return Table(title=title, heads=("Cell", *steps, "Replicates"), rows=rows)


def _of_replicates(n_used: int, n_sim: int) -> str:
    return rows_text(n_used, n_sim).removesuffix(" rows") or f"{n_used:,}"


def methods_table(findings: Run) -> Table:
    """Return the methods of the plan in words."""
    run = findings.plan.run
    rows = tuple((name, run.method(name).label, run.method(name).std_error) for name in run.methods)
    return Table(title="Methods", heads=("Name", "What it does", "Standard error"), rows=rows)


def _headed(heading: str, lines: list[Row]) -> list[Row]:
    """Return lines under a heading; none where there are none."""
    return [(heading,), *lines] if lines else []
