"""What the stored rows of a run say beside its performance: autopsy, ladder, failures, contrasts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.experiment.cells import cells_of, worlds
from simsepsis.experiment.choices import AnswerChoice, hashable
from simsepsis.experiment.folder import RunFolder
from simsepsis.experiment.plan import Plan
from simsepsis.experiment.run import Run
from simsepsis.performance import Rung, coverage_autopsy, informative_failures, ladder
from simsepsis.performance.ladder import LADDERS

PROGRESS_COLUMNS = ("cell", "scenario", "replicates", "wanted", "rows", "failures")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """A run with all that its figures, answers and report are made of.

    Attributes
    ----------
    run
        Plan, worlds, performance and verdicts.
    settings
        ``cell, scenario`` and one column per key that differs between the cells, in the order of the plan.
    truth
        Truths of the judged estimands.
    progress
        ``cell, scenario, replicates, wanted, rows, failures``: what is stored of each cell, and of how many
        replicates.
    reasons
        ``method, failure, rows, cells``: why rows have no estimate.
    autopsy, informative
        As of `coverage_autopsy` and `informative_failures`.
    ladder
        As of `simsepsis.performance.ladder`; with the contrasts that the plan asks for, under their names.
    """

    run: Run
    settings: pd.DataFrame
    truth: pd.DataFrame
    progress: pd.DataFrame
    reasons: pd.DataFrame
    autopsy: pd.DataFrame
    informative: pd.DataFrame
    ladder: pd.DataFrame

    @property
    def plan(self) -> Plan:
        """Return the plan."""
        return self.run.folder.plan

    @property
    def complete(self) -> bool:
        """Return whether every planned replicate of every cell is stored."""
        return bool((self.progress["replicates"] >= self.progress["wanted"]).all())

    @property
    def replicates(self) -> tuple[int, int]:
        """Return the fewest and the most replicates of a cell."""
        return int(self.progress["replicates"].min()), int(self.progress["replicates"].max())


def examine_run(run: Run) -> Findings:
    """Return what the stored rows of a run say, read cell by cell.

    Parameters
    ----------
    run
        As returned by `run_experiment` or `summarize_run`.
    """
    folder, settings = run.folder, cell_settings(run.folder)
    parts, truth = folder.scan().parts, folder.truth()
    ladders = {**LADDERS, **contrasts_of(folder.plan.answers)}
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in ("autopsy", "informative", "ladder")}
    progress, reasons = [], []
    for cell, scenario in zip(settings["cell"], settings["scenario"], strict=True):
        rows = folder.rows(cell, parts, wanted={"estimand": folder.judged})
        done, failed = rows["replicate"].nunique(), int((~rows["converged"]).sum())
        progress.append((cell, scenario, done, folder.counted(cell, parts), len(rows), failed))
        if len(rows):
            reasons.append(rows.loc[~rows["converged"], ["cell", "method", "failure"]])
            found["autopsy"].append(coverage_autopsy(rows, truth))
            found["informative"].append(informative_failures(rows))
            found["ladder"].append(ladder(rows, truth, ladders=ladders))
    return Findings(
        run=run,
        settings=settings,
        truth=truth[[folder.plan.judged(name) for name in truth["estimand"]]],
        progress=pd.DataFrame(progress, columns=list(PROGRESS_COLUMNS)),
        reasons=_counted(reasons),
        **{name: _joined(tables) for name, tables in found.items()},
    )


def cell_settings(folder: RunFolder) -> pd.DataFrame:
    """Return the cells of a run in the order of the plan, with what differs between them.

    Parameters
    ----------
    folder
        The run.

    Returns
    -------
    DataFrame
        ``cell, scenario`` and one column per varied key; missing where a listed cell does not set it.
    """
    plan = folder.plan
    keys = {cell.name: cell.key for cell in folder.cells}
    asked = worlds(plan)
    # A world stored under an older name is found by its key, which needs the scenario file.
    if not all(name in keys for name, _, _ in asked):
        keys |= {cell.name: cell.key for cell in cells_of(plan)}
    stored = {cell.key: cell.name for cell in folder.cells}
    rows = [
        {
            "cell": keys[name],
            "scenario": stored[keys[name]],
            **{key: hashable(changes.get(key)) for key in plan.settings},
        }
        for name, _, changes in asked
        if keys.get(name) in stored
    ]
    # Settings stay what the plan says: a column of numbers with a gap would turn whole ones into fractions.
    table = pd.DataFrame(rows, columns=["cell", "scenario", *plan.settings], dtype=object)
    return table.astype({"cell": np.int64})


def contrast_name(methods: tuple[str, ...]) -> str:
    """Return under which name the contrast of two methods stands among the ladders."""
    return f"{methods[0]} − {methods[1]}"


def contrasts_of(answers: Iterable[AnswerChoice]) -> dict[str, tuple[Rung, ...]]:
    """Return the contrasts that answers ask for, as ladders of two rungs, the second method first."""
    return {
        contrast_name(choice.methods): (
            Rung(method=choice.methods[1], adds=""),
            Rung(method=choice.methods[0], adds="difference"),
        )
        for choice in answers
        if choice.kind == "contrast"
    }


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return tables of the same columns as one; those without rows have no say in the types."""
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _counted(reasons: list[pd.DataFrame]) -> pd.DataFrame:
    """Return how often each method failed for each reason, the most frequent first."""
    columns = ["method", "failure", "rows", "cells"]
    if not any(len(part) for part in reasons):
        return pd.DataFrame(columns=columns)
    series = pd.concat(reasons).groupby(["method", "failure"], sort=False)["cell"]
    table = series.agg(rows="size", cells="nunique").reset_index()
    return table.sort_values("rows", ascending=False, kind="stable", ignore_index=True)[columns]
