"""What the stored rows of a run say: performance, autopsy, ladder, failures, contrasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from time import perf_counter

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.errors import ExperimentError
from simsepsis.experiment.cells import Cell, cells_of, worlds
from simsepsis.experiment.claims import overall, verdicts_of
from simsepsis.experiment.plan import Plan
from simsepsis.experiment.requests import AnswerChoice, hashable
from simsepsis.experiment.run_folder import RunFolder
from simsepsis.experiment.sealed import mending
from simsepsis.experiment.stopping import Look
from simsepsis.performance import (
    Rung,
    Settings,
    autopsy_of,
    failures_of,
    kinds_of_reasons,
    ladder_of,
    ladders_of,
    performance_of,
)
from simsepsis.replication import Part

BY_SERIES = ("performance", "autopsy", "informative")
TOLD = (*BY_SERIES, "ladder")
"""Tables that are made of each share of the estimands."""


@dataclass(slots=True, kw_only=True)
class Count:
    """What of one cell was counted; `wanted`: replicates of the plan; `note`: what was not reached."""

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
    """What the rows of one cell say: the tables of `simsepsis.performance`, and why rows have no estimate."""

    count: Count
    performance: pd.DataFrame
    autopsy: pd.DataFrame
    informative: pd.DataFrame
    ladder: pd.DataFrame
    reasons: pd.DataFrame


@dataclass(slots=True, kw_only=True)
class Counting:
    """What is counted while rows go by; `seconds`: (methods, replicates), of rows of one fit the most."""

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
    """Return what the rows of a cell say; memory is that of one outcome on one scale."""
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
    ladders = {**ladders_of(folder.plan.run.analysis.later), **contrasts_of(folder.plan.answers)}
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in TOLD}
    for grid in folder.grids(cell.key, parts, below, columns=("seconds", "failure"), see=seen.see):
        cells = grid.judged(truth, settings)
        found["performance"].append(performance_of(cells))
        found["autopsy"].append(autopsy_of(cells))
        found["informative"].append(failures_of(cells))
        found["ladder"].append(ladder_of(grid, truth, ladders=ladders))
        # The next share comes in its place.
        del cells, grid
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
    """A run of an experiment as far as it has come, with all that its figures, answers and report show.

    Attributes
    ----------
    folder
        Plan, worlds and stored rows.
    settings
        ``cell, scenario`` and one column per key that differs between the cells, in the order of the plan.
    truth
        Truths of the judged estimands.
    progress
        ``cell, scenario, replicates, wanted, rows, failures``: what is stored of each cell, and of how many
        replicates.
    performance, verdicts
        One row per series and measure; what the numbers say to each claim, per series.
    autopsy, informative
        As of `coverage_autopsy` and `informative_failures`.
    ladder
        As of `simsepsis.performance.ladder`; with the contrasts that the plan asks for, under their names.
    reasons
        As of `kinds_of_reasons`: why rows have no estimate.
    counts
        What was counted of each cell that has stored rows, in the order of the keys.
    computed, seconds
        Replicates that this call computed, and its wall time.
    notes
        What was found damaged or foreign, in sentences.
    """

    folder: RunFolder
    settings: pd.DataFrame
    truth: pd.DataFrame
    progress: pd.DataFrame
    performance: pd.DataFrame
    verdicts: pd.DataFrame
    autopsy: pd.DataFrame
    informative: pd.DataFrame
    ladder: pd.DataFrame
    reasons: pd.DataFrame
    counts: tuple[Count, ...] = ()
    computed: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def plan(self) -> Plan:
        """Return the plan."""
        return self.folder.plan

    @property
    def accepted(self) -> dict[str, str]:
        """Return the verdict of each claim: pass, fail or inconclusive."""
        return overall(self.verdicts)

    @property
    def failures(self) -> int:
        """Return the rows without an estimate, among all stored rows that the plan judges."""
        return sum(count.failures for count in self.counts)

    @property
    def unfinished(self) -> int:
        """Return how many worlds lack replicates that the plan asks for."""
        finished = sum(count.enough for count in self.counts)
        return len(self.folder.cells) + len(self.folder.lost) - finished

    @property
    def complete(self) -> bool:
        """Return whether every planned replicate of every cell that is there is stored."""
        return bool((self.progress["replicates"] >= self.progress["wanted"]).all())

    @property
    def replicates(self) -> tuple[int, int]:
        """Return the fewest and the most replicates of a cell."""
        return int(self.progress["replicates"].min()), int(self.progress["replicates"].max())


def summarize_stored(
    folder: RunFolder, parts: tuple[Part, ...], *, computed: int, notes: Sequence[str], begin: float
) -> Run:
    """Return what the stored rows of a run say."""
    every = [summarize_cell(folder, cell, parts) for cell in sorted(folder.cells, key=attrgetter("key"))]
    told = {cell.count.cell: cell for cell in every if cell is not None}
    if not told:
        raise ExperimentError(f"{folder.path}: no replicate is stored yet; {mending(folder.path)}")
    settings, truth, counts = cell_settings(folder), folder.truth(), [cell.count for cell in told.values()]
    performance = joined([cell.performance for cell in told.values()])
    shown = [told[key] for key in settings["cell"] if key in told]
    return Run(
        folder=folder,
        settings=settings,
        truth=truth[[folder.plan.judged(name) for name in truth["estimand"]]],
        progress=_progress(settings, {count.cell: count for count in counts}, folder.plan),
        performance=performance,
        verdicts=verdicts_of(folder.plan.claims, performance),
        autopsy=joined([cell.autopsy for cell in shown]),
        informative=joined([cell.informative for cell in shown]),
        ladder=joined([cell.ladder for cell in shown]),
        reasons=_counted(shown),
        counts=tuple(counts),
        computed=computed,
        seconds=perf_counter() - begin,
        notes=(*folder.notes, *notes, *(count.note for count in counts if count.note)),
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
    """Return the cells of a run in the order of the plan, with what differs between them."""
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
