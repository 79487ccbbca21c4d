"""What the stored rows of a cell say, read once: performance, autopsy, ladder, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.choices import AnswerChoice
from simsepsis.experiment.folder import RunFolder
from simsepsis.experiment.stopping import Look
from simsepsis.performance import (
    LADDERS,
    Rung,
    Settings,
    autopsy_of,
    failures_of,
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
        """Count rows.

        Parameters
        ----------
        rows
            Estimate rows with ``seconds`` and ``failure``, text as categories.
        """
        self.rows += len(rows)
        failed = rows.loc[~rows["converged"], ["method", "failure", "failure_kind"]].astype(str)
        self.failures += len(failed)
        self.reasons.update(failed.itertuples(index=False, name=None))
        place = pd.Index(self.methods).get_indexer(rows["method"].astype(str))
        np.fmax.at(self.seconds, (place, rows["replicate"].to_numpy()), rows["seconds"].to_numpy())


def summarize_cell(folder: RunFolder, cell: Cell, parts: tuple[Part, ...]) -> CellSummary | None:
    """Return what the rows of a cell say; memory is that of one outcome on one scale.

    Parameters
    ----------
    folder
        The run.
    cell
        The cell.
    parts
        Parts of the run.

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
