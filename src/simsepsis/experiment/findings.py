"""What the stored rows of a run say beside its performance: autopsy, ladder, failures, contrasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.experiment.cells import cells_of, worlds
from simsepsis.experiment.choices import hashable
from simsepsis.experiment.folder import RunFolder
from simsepsis.experiment.plan import Plan
from simsepsis.experiment.run import Run
from simsepsis.experiment.summary import CellSummary, Count, joined
from simsepsis.performance import kinds_of_reasons

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
        As of `kinds_of_reasons`: why rows have no estimate.
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
    """Return what the stored rows of a run say, as its summary has read them.

    Parameters
    ----------
    run
        As returned by `run_experiment` or `summarize_run`.
    """
    folder, settings, truth = run.folder, cell_settings(run.folder), run.folder.truth()
    told = {cell.count.cell: cell for cell in run.cells}
    cells = [told[key] for key in settings["cell"] if key in told]
    return Findings(
        run=run,
        settings=settings,
        truth=truth[[folder.plan.judged(name) for name in truth["estimand"]]],
        progress=_progress(settings, {key: cell.count for key, cell in told.items()}, folder.plan),
        reasons=_counted(cells),
        autopsy=joined([cell.autopsy for cell in cells]),
        informative=joined([cell.informative for cell in cells]),
        ladder=joined([cell.ladder for cell in cells]),
    )


def _progress(settings: pd.DataFrame, counts: Mapping[int, Count], plan: Plan) -> pd.DataFrame:
    """Return what is stored of each cell; nothing of those that have not begun."""
    found = [
        counts.get(cell, Count(cell=cell, scenario=scenario, wanted=plan.run.most_replicates))
        for cell, scenario in zip(settings["cell"], settings["scenario"], strict=True)
    ]
    rows = [[getattr(count, name) for name in PROGRESS_COLUMNS] for count in found]
    return pd.DataFrame(rows, columns=list(PROGRESS_COLUMNS))


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


def _counted(cells: Sequence[CellSummary]) -> pd.DataFrame:
    """Return how often each method failed for each kind of reason, the most frequent first."""
    return kinds_of_reasons(pd.concat([cell.reasons.assign(cell=cell.count.cell) for cell in cells]))
