"""What the stored rows of a run say: performance, autopsy, ladder, failures, contrasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.experiment.cells import Cell, cells_of, worlds
from simsepsis.experiment.claims import overall
from simsepsis.experiment.plan import Plan
from simsepsis.experiment.requests import AnswerChoice, hashable
from simsepsis.experiment.stopping import Look
from simsepsis.experiment.store import RunFolder
from simsepsis.performance import (
    LADDERS,
    Rung,
    Settings,
    autopsy_of,
    failures_of,
    kinds_of_reasons,
    ladder_of,
    summarize_study,
)
from simsepsis.replication import Part

BY_SERIES = ("performance", "autopsy", "informative")
TOLD = (*BY_SERIES, "ladder")
"""Tables that are made of each share of the estimands."""


@dataclass(slots=True, kw_only=True)
class Count:
    """What of one cell was counted.

    Attributes
    ----------
    cell, scenario
        Key and name.
    wanted
        Replicates that the plan asks for.
    replicates, rows, failures
        Replicates with a judged row, these rows, and those without an estimate.
    method_seconds
        Time that the methods took.
    enough
        Whether the replicates are those that the plan asks for.
    note
        What the plan asked for and the cell has not reached, in a sentence.
    """

    cell: int
    scenario: str
    wanted: int
    replicates: int = 0
    rows: int = 0
    failures: int = 0
    method_seconds: float = 0.0
    enough: bool = False
    note: str = ""

    def record(self) -> dict[str, object]:
        """Return what the manifest says of the cell."""
        return {name: value for name, value in asdict(self).items() if name not in ("note", "wanted")}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellSummary:
    """What the rows of one cell say.

    Attributes
    ----------
    count
        What there is.
    performance, autopsy, informative, ladder
        As of `summarize`, `coverage_autopsy`, `informative_failures` and `ladder`.
    reasons
        ``method, failure, failure_kind, rows``: why rows have no estimate.
    """

    count: Count
    performance: pd.DataFrame
    autopsy: pd.DataFrame
    informative: pd.DataFrame
    ladder: pd.DataFrame
    reasons: pd.DataFrame


@dataclass(slots=True, kw_only=True)
class Counting:
    """What is counted while rows go by.

    Attributes
    ----------
    methods
        Of the plan.
    seconds
        What each method took in each replicate, shape (methods, replicates); rows of one fit repeat its
        seconds, so the most is taken.
    """

    methods: Sequence[str]
    seconds: FloatArray
    rows: int = 0
    failures: int = 0
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def see(self, rows: pd.DataFrame) -> None:
        """Count rows."""
        self.rows += len(rows)
        failed = rows.loc[~rows["converged"], ["method", "failure", "failure_kind"]].astype(str)
        self.failures += len(failed)
        self.reasons.update(failed.itertuples(index=False, name=None))
        place = pd.Index(self.methods).get_indexer(rows["method"].astype(str))
        np.fmax.at(self.seconds, (place, rows["replicate"].to_numpy()), rows["seconds"].to_numpy())


def summarize_cell(folder: RunFolder, cell: Cell, parts: tuple[Part, ...]) -> CellSummary | None:
    """Return what the rows of a cell say; memory is that of one outcome on one scale.

    Returns
    -------
    CellSummary or None
        None where no judged row is stored.
    """
    run, look = folder.plan.run, folder.last_look(cell.key, parts)
    below = look.replicates if look is not None and look.enough else run.most_replicates
    seen = Counting(methods=run.methods, seconds=np.full((len(run.methods), below), np.nan))
    told = _told(folder, cell, parts, below, seen)
    # Where no method had what it needs there is nothing to tell beside the reasons in the rows.
    if not seen.rows or told["performance"].empty:
        return None
    reasons = [(*key, rows) for key, rows in sorted(seen.reasons.items())]
    return CellSummary(
        count=_count(cell, seen, look, below),
        reasons=pd.DataFrame(reasons, columns=["method", "failure", "failure_kind", "rows"]),
        **told,
    )


def _told(
    folder: RunFolder, cell: Cell, parts: tuple[Part, ...], below: int, seen: Counting
) -> dict[str, pd.DataFrame]:
    """Return the tables that are made of each share of the estimands, joined."""
    truth, settings = folder.truth(), Settings(reference=folder.plan.run.reference)
    ladders = {**LADDERS, **contrasts_of(folder.plan.answers)}
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in TOLD}
    for grid in folder.grids(cell.key, parts, below, columns=("seconds", "failure"), see=seen.see):
        study = grid.study(truth, settings)
        found["performance"].append(summarize_study(study))
        found["autopsy"].append(autopsy_of(study))
        found["informative"].append(failures_of(study))
        found["ladder"].append(ladder_of(grid, truth, ladders=ladders))
        # The next share comes in its place.
        del study, grid
    tables = {name: joined(own) for name, own in found.items()}
    by_series = {
        name: tables[name].sort_values(["estimand", "method"], kind="stable", ignore_index=True)
        for name in BY_SERIES
        if len(tables[name])
    }
    return tables | by_series


def _count(cell: Cell, seen: Counting, look: Look | None, below: int) -> Count:
    """Say what there is, and whether it is what the plan asks for."""
    replicates = int(np.count_nonzero(~np.isnan(seen.seconds).all(axis=0)))
    count = Count(
        cell=cell.key,
        scenario=cell.name,
        wanted=below,
        replicates=replicates,
        rows=seen.rows,
        failures=seen.failures,
        method_seconds=round(float(np.nansum(seen.seconds)), 3),
        enough=replicates == below,
    )
    if look is not None and not look.enough and count.enough:
        count.note = (
            f"cell '{count.scenario}': {count.replicates} replicates, the most allowed, leave the error of "
            f"{look.worst} at {look.excess:.3g} times its target; raise max_replicates, or truth_population "
            "if it is the truth's"
        )
    return count


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables of the same columns as one; those without rows have no say in the types."""
    filled = [table for table in tables if len(table)] or list(tables[:1])
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


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


PROGRESS_COLUMNS = ("cell", "scenario", "replicates", "wanted", "rows", "failures")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A run of an experiment, as far as it has come.

    Attributes
    ----------
    folder
        Plan, worlds and stored rows.
    performance
        One row per series and measure.
    verdicts
        What the numbers say to each claim, per series.
    cells
        What the stored rows of each cell say, of those that have any, in the order of the keys.
    computed
        Replicates that this call computed.
    failures
        Rows without an estimate, among all stored rows that the plan judges.
    seconds
        Wall time of this call.
    notes
        What was found damaged or foreign, in sentences.
    """

    folder: RunFolder
    performance: pd.DataFrame
    verdicts: pd.DataFrame
    cells: tuple[CellSummary, ...] = ()
    computed: int = 0
    failures: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> dict[str, str]:
        """Return the verdict of each claim: pass, fail or inconclusive."""
        return overall(self.verdicts)

    @property
    def unfinished(self) -> int:
        """Return how many worlds lack replicates that the plan asks for."""
        finished = sum(cell.count.enough for cell in self.cells)
        return len(self.folder.cells) + len(self.folder.lost) - finished


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
