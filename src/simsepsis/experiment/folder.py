"""The run folder: plan, settled worlds, rows, truths, performance; and whether it is this plan's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from simsepsis.errors import ExperimentError, did_you_mean
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.plan import Plan, load_plan, plan_toml
from simsepsis.files import table_bytes, write_files
from simsepsis.replication import Batch, Part, Scan, read_rows, scan_parts
from simsepsis.scenario import load_scenario, scenario_toml

PLAN, TRUTH, ESTIMATES, CELLS = "plan.toml", "truth.parquet", "estimates", "cells"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """Where a run is kept.

    Attributes
    ----------
    path
        The folder.
    plan
        What was planned; its replicates are those that count.
    cells
        The worlds, settled.
    """

    path: Path
    plan: Plan
    cells: tuple[Cell, ...]

    @property
    def run(self) -> str:
        """Return what marks the parts of this run."""
        return run_mark(self.plan)

    def scan(self) -> Scan:
        """Return the parts of this run; what is damaged or foreign is moved away."""
        keys, methods = {cell.key for cell in self.cells}, set(self.plan.run.methods)

        def belongs(batch: Batch) -> bool:
            return batch.run == self.run and batch.cell in keys and methods.issuperset(batch.methods)

        return scan_parts(self.path / ESTIMATES, belongs)

    def rows(
        self,
        cell: int | None = None,
        parts: Iterable[Part] | None = None,
        keep: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    ) -> pd.DataFrame:
        """Return the stored estimate rows of the planned replicates, in a fixed order.

        Parameters
        ----------
        cell
            Key of a cell; None: of all cells.
        parts
            Parts that were scanned before; None: scan now.
        keep
            From the rows of a part to those that are wanted.
        """
        found = self.scan().parts if parts is None else parts
        wanted = [part for part in found if cell is None or part.batch.cell == cell]
        last = self.plan.run.replicates

        def planned(rows: pd.DataFrame) -> pd.DataFrame:
            rows = rows[rows["replicate"] < last]
            return rows if keep is None else keep(rows)

        return read_rows(wanted, planned)

    def judged(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the estimands that the plan judges."""
        names = {name for name in rows["estimand"].unique() if self.plan.judged(name)}
        return rows[rows["estimand"].isin(names)]

    def truth(self) -> pd.DataFrame:
        """Return the stored truths.

        Raises
        ------
        ExperimentError
            If they are missing or damaged.
        """
        found = stored_truth(self.path)
        if found is None:
            raise ExperimentError(f"{self.path / TRUTH}: missing or damaged; `simsepsis run` makes it again")
        return found

    def cell(self, name_or_key: str | int) -> Cell:
        """Return a cell by its name or key.

        Parameters
        ----------
        name_or_key
            As in the columns ``scenario`` and ``cell``.

        Raises
        ------
        ExperimentError
            If there is none.
        """
        for cell in self.cells:
            if str(name_or_key) in (cell.name, str(cell.key)):
                return cell
        names = [cell.name for cell in self.cells]
        near = did_you_mean(str(name_or_key), names) or f"; it has {', '.join(names[:8])}"
        raise ExperimentError(f"{self.path}: there is no cell '{name_or_key}'{near}")


def run_mark(plan: Plan) -> str:
    """Return what all parts of a run carry: what decides its numbers beside world, replicate and method."""
    return f"{plan.name}, seed {plan.run.seed}"


def open_run(path: Path | str) -> RunFolder:
    """Return the run that a folder holds.

    Parameters
    ----------
    path
        A folder that `run_experiment` made.

    Raises
    ------
    ExperimentError
        If it is none.
    """
    path = Path(path)
    if not (path / PLAN).is_file():
        raise ExperimentError(f"{path}: is no run folder, since it has no {PLAN}; give the --out of a run")
    return RunFolder(path=path, plan=load_plan(path / PLAN), cells=tuple(stored_cells(path)))


def stored_cells(path: Path) -> Iterator[Cell]:
    """Yield the settled worlds that a run folder holds."""
    for file in sorted((path / CELLS).glob("*.toml")):
        scenario = load_scenario(file)
        yield Cell(key=int(file.stem, 16), name=scenario.label, scenario=scenario)


def write_cells(path: Path, cells: Iterable[Cell]) -> None:
    """Write settled worlds, so that a later run, replay or check uses the same bits."""
    contents = {f"{CELLS}/{cell.key:08x}.toml": scenario_toml(cell.scenario).encode() for cell in cells}
    write_files(path, contents)


def write_plan(path: Path, plan: Plan) -> None:
    """Write the plan as it is run."""
    write_files(path, {PLAN: plan_toml(plan).encode()})


def stored_truth(path: Path) -> pd.DataFrame | None:
    """Return the truths that a run folder holds; None if there are none, or they cannot be read."""
    try:
        return pd.read_parquet(path / TRUTH)
    except (OSError, ValueError, pa.ArrowException):
        return None


def write_truth(path: Path, truth: pd.DataFrame) -> None:
    """Write the truths."""
    write_files(path, {TRUTH: table_bytes(Path(TRUTH), truth)})


def check_same(path: Path, plan: Plan, cells: Iterable[Cell]) -> None:
    """Raise unless a folder is free for a plan or holds a run that the plan goes on with.

    A plan may go on with a run of the same name and seed that has no world and no method that the plan
    lacks; replicates, cells, methods, estimands, claims and words may have been added.

    Parameters
    ----------
    path
        The folder; it need not exist.
    plan, cells
        What shall be run.

    Raises
    ------
    ExperimentError
        If the folder holds another run; the message says what differs.
    """
    if not (path / PLAN).is_file():
        if any((path / ESTIMATES).glob("*")):
            raise ExperimentError(f"{path}: has estimates but no {PLAN}; name another folder")
        return
    found = next(_differences(open_run(path), plan, {cell.key for cell in cells}), None)
    if found is not None:
        raise ExperimentError(f"{path}: holds another run: {found}; name another folder")


def _differences(old: RunFolder, new: Plan, keys: set[int]) -> Iterator[str]:
    """Yield what of a stored run a plan does not go on with."""
    pairs = {
        "name": (old.plan.name, new.name),
        "run.seed": (old.plan.run.seed, new.run.seed),
        "run.truth_population": (old.plan.run.truth_population, new.run.truth_population),
    }
    for what, (there, here) in pairs.items():
        if there != here:
            yield f"{what} is {there!r} there and {here!r} in the plan"
    for method in old.plan.run.methods:
        if method not in new.run.methods:
            yield f"method '{method}' is there and not in the plan"
    for cell in old.cells:
        if cell.key not in keys:
            yield f"the world '{cell.name}' is there and not in the plan"
