"""Performance of the stored rows, cell by cell and a few estimands at a time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.errors import ExperimentError
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.folder import JUDGED_COLUMNS, RunFolder
from simsepsis.experiment.stopping import Look
from simsepsis.performance import PERFORMANCE_COLUMNS, summarize
from simsepsis.replication import Part, read_rows


@dataclass(slots=True, kw_only=True)
class Count:
    """What of one cell was counted.

    Attributes
    ----------
    cell, scenario
        Key and name.
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
    replicates: int = 0
    rows: int = 0
    failures: int = 0
    method_seconds: float = 0.0
    enough: bool = False
    note: str = ""

    def record(self) -> dict[str, object]:
        """Return what the manifest says of the cell."""
        return {name: value for name, value in asdict(self).items() if name != "note"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summary:
    """Performance of all cells, and what it rests on."""

    performance: pd.DataFrame
    counts: tuple[Count, ...] = field(default=())


def summarize_rows(folder: RunFolder, parts: tuple[Part, ...]) -> Summary:
    """Return the performance of what is stored; memory depends on the rows of one estimand of one cell.

    Parameters
    ----------
    folder
        The run.
    parts
        Its parts.

    Raises
    ------
    ExperimentError
        If no judged row is stored.
    """
    truth, tables, counts = folder.truth(), [], []
    for cell in folder.cells:
        own = tuple(part for part in parts if part.batch.cell == cell.key)
        found, count = _of_cell(folder, cell, own, truth)
        tables += found
        counts += [count] if count.rows else []
    if not tables:
        raise ExperimentError(f"{folder.path}: no replicate is stored yet; run the experiment first")
    performance = pd.concat(tables, ignore_index=True).sort_values("cell", kind="stable", ignore_index=True)
    return Summary(performance=performance, counts=tuple(counts))


def _of_cell(
    folder: RunFolder, cell: Cell, parts: tuple[Part, ...], truth: pd.DataFrame
) -> tuple[list[pd.DataFrame], Count]:
    run, look = folder.plan.run, folder.last_look(cell.key, parts)
    below = look.replicates if look is not None and look.enough else run.most_replicates
    count = Count(cell=cell.key, scenario=cell.name)
    tables, seconds = [], np.full((len(run.methods), below), np.nan)
    for estimands in folder.shares(below):
        rows = read_rows(
            parts, below=below, columns=(*JUDGED_COLUMNS, "seconds"), wanted={"estimand": estimands}
        )
        if len(rows):
            reference = run.reference if run.reference in set(rows["method"]) else None
            table = summarize(rows, truth, reference=reference)
            tables.append(table[list(PERFORMANCE_COLUMNS)])
            _add(count, rows, seconds, run.methods)
        # The next share comes in its place.
        del rows
    count.replicates = int(np.count_nonzero(~np.isnan(seconds).all(axis=0)))
    count.method_seconds = round(float(np.nansum(seconds)), 3)
    _judge(count, look, below)
    return tables, count


def _add(count: Count, rows: pd.DataFrame, seconds: FloatArray, methods: tuple[str, ...]) -> None:
    """Count rows; those of one fit repeat its seconds, so of a method and replicate the most is taken."""
    count.rows += len(rows)
    count.failures += int((~rows["converged"]).sum())
    place = rows["method"].cat.rename_categories({name: row for row, name in enumerate(methods)})
    where = (place.astype(np.int64).to_numpy(), rows["replicate"].to_numpy())
    np.fmax.at(seconds, where, rows["seconds"].to_numpy())


def _judge(count: Count, look: Look | None, below: int) -> None:
    """Say whether the cell has what the plan asks for."""
    count.enough = count.replicates == below
    if look is not None and not look.enough and count.enough:
        count.note = (
            f"cell '{count.scenario}': {count.replicates} replicates, the most allowed, leave the error of "
            f"{look.worst} at {look.excess:.3g} times its target; raise max_replicates, or truth_population "
            "if it is the truth's"
        )
