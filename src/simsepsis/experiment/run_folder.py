"""The run folder: its plan, worlds, truths and rows; whether it can be trusted, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from simsepsis.errors import ExperimentError, ScenarioError, did_you_mean
from simsepsis.estimand import Estimand
from simsepsis.experiment.cells import Cell, cells_of
from simsepsis.experiment.plan import Plan, load_plan
from simsepsis.experiment.sealed import (
    PLAN,
    TRUTH,
    VERSION,
    Seal,
    bytes_of,
    mending,
    run_mark,
    seal_of,
    seals_of,
    stored_cells,
    stored_truth,
    version_of,
)
from simsepsis.experiment.stopping import Look, look_at, looks
from simsepsis.performance import Grid, Settings, empty_grid, performance_of
from simsepsis.replication import Part, Scan, Wanted, missing_replicates, read_rows, scan_parts

ESTIMATES = "estimates"

JUDGED_COLUMNS = (
    "scenario",
    "estimate",
    "std_error",
    "ci_low",
    "ci_high",
    "p_value",
    "converged",
    "failure_kind",
)
"""Columns that performance is made of, beside the keys."""

PARTS = 8
"""Parts that are read at a time: few enough for memory, several for speed."""

LARGEST_GRID = 500_000
"""Estimates that are held at a time, unless those of one outcome and scale alone are more."""


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
    mark
        What its files carry; empty: that of the plan and this version.
    notes
        What was found changed or lost, in sentences.
    """

    path: Path
    plan: Plan
    cells: tuple[Cell, ...]
    mark: str = ""
    notes: tuple[str, ...] = ()

    @property
    def run(self) -> str:
        """Return what marks the files of this run."""
        return self.mark or run_mark(self.plan)

    def scan(self, *, mend: bool = False) -> Scan:
        """Return the parts of this run.

        Parts of a world that the folder has lost stay where they are, for when it is settled again.
        """
        keys = {cell.key for cell in self.cells}
        scan = scan_parts(self.path / ESTIMATES, lambda batch: batch.run == self.run, move=mend)
        if scan.set_aside and not mend:
            raise ExperimentError(f"{self.path / ESTIMATES}: {scan.set_aside[0]}; {mending(self.path)}")
        return replace(scan, parts=tuple(part for part in scan.parts if part.batch.cell in keys))

    def rows(
        self,
        cell: int | None = None,
        parts: Iterable[Part] | None = None,
        *,
        columns: Iterable[str] | None = None,
        wanted: Wanted | None = None,
    ) -> pd.DataFrame:
        """Return the stored estimate rows of the replicates and methods that count, in a fixed order."""
        found = tuple(self.scan().parts if parts is None else parts)
        wanted = {"method": self.plan.run.methods, **(wanted or {})}
        keys = [one.key for one in self.cells] if cell is None else [cell]
        tables = [
            read_rows(
                [part for part in found if part.batch.cell == key],
                below=self.counted(key, found),
                columns=columns,
                wanted=wanted,
            )
            for key in sorted(keys)
        ]
        filled = [table for table in tables if len(table)] or tables[:1]
        return filled[0] if len(filled) == 1 else pd.concat(filled, ignore_index=True)

    def counted(self, cell: int, parts: Iterable[Part]) -> int:
        """Return the number of the first replicate of a cell that no longer counts."""
        look = self.last_look(cell, tuple(parts))
        return look.replicates if look is not None and look.enough else self.plan.run.most_replicates

    def last_look(self, cell: int, parts: tuple[Part, ...], after: Look | None = None) -> Look | None:
        """Return the first look at a cell that found replicates enough, else the last one there can be."""
        run = self.plan.run
        if not run.until_mcse or (after is not None and after.enough):
            return after
        lacking = missing_replicates(parts, cell, run.methods, run.most_replicates)
        have = next((first for first, _, _ in lacking), run.most_replicates)
        due = [n for n in looks(run.most_replicates) if (after.replicates if after else 0) < n <= have]
        if not due:
            return after
        found = [Look(replicates=number, excess=0.0) for number in due]
        truth, settings, targets = self.truth(), Settings(reference=run.reference), run.until_mcse
        for grid in self.grids(cell, parts, have):
            tables = [
                performance_of(grid.first(number).judged(truth, settings), list(targets)) for number in due
            ]
            seen = [look_at(table, number, targets) for table, number in zip(tables, due, strict=True)]
            found = [max(pair, key=lambda look: look.excess) for pair in zip(found, seen, strict=True)]
        return next((look for look in found if look.enough), found[-1])

    def grids(
        self,
        cell: int,
        parts: Iterable[Part],
        below: int,
        *,
        columns: Iterable[str] = (),
        see: Callable[[pd.DataFrame], None] = lambda _: None,
    ) -> Iterator[Grid]:
        """Yield the judged estimates of a cell, some outcomes and scales at a time, read part by part."""
        own, name = [part for part in parts if part.batch.cell == cell], self.cell(cell).name
        for pairs in self.shares(below):
            grid = empty_grid(cell, name, pairs, below)
            estimands = {estimand for _, estimand in pairs}
            for some in (own[place : place + PARTS] for place in range(0, len(own), PARTS)):
                rows = read_rows(
                    some, below=below, columns=(*JUDGED_COLUMNS, *columns), wanted={"estimand": estimands}
                )
                if len(rows):
                    see(rows[grid.place(rows)])
            if grid.attempted.any():
                yield grid
            # Otherwise two would be held while the next one fills.
            del grid

    def shares(self, replicates: int) -> Iterator[tuple[tuple[str, str], ...]]:
        """Yield methods with judged estimands, together those of one stem, up to about `LARGEST_GRID`."""
        by_stem: dict[str, list[tuple[str, str]]] = {}
        for method, name in self.plan.judged_series:
            by_stem.setdefault(Estimand.parse(name).stem, []).append((method, name))
        share: list[tuple[str, str]] = []
        for stem in sorted(by_stem):
            if share and (len(share) + len(by_stem[stem])) * replicates > LARGEST_GRID:
                yield tuple(share)
                share = []
            share += by_stem[stem]
        yield tuple(share)

    @property
    def judged(self) -> tuple[str, ...]:
        """Return the estimands that the plan judges, sorted."""
        return tuple(sorted({name for _, name in self.plan.judged_series}))

    def truth(self) -> pd.DataFrame:
        """Return the stored truths."""
        found = stored_truth(self.path, self.run)
        if found is None:
            raise ExperimentError(f"{self.path / TRUTH}: is missing; {mending(self.path)}")
        return found

    @property
    def lost(self) -> tuple[str, ...]:
        """Return the names of worlds that have truths, and are no longer there."""
        keys, truth = [cell.key for cell in self.cells], self.truth()
        return tuple(sorted(set(truth.loc[~truth["cell"].isin(keys), "scenario"])))

    def cell(self, name_or_key: str | int) -> Cell:
        """Return a cell by its name or key."""
        for cell in self.cells:
            if str(name_or_key) in (cell.name, str(cell.key)):
                return cell
        names = [cell.name for cell in self.cells]
        near = did_you_mean(str(name_or_key), names) or f"; it has {', '.join(names[:8])}"
        raise ExperimentError(f"{self.path}: there is no cell '{name_or_key}'{near}")


def open_run(path: Path | str) -> RunFolder:
    """Return the run that a folder holds.

    Parameters
    ----------
    path
        A folder that `run_experiment` made.

    Raises
    ------
    ExperimentError
        If it is none, or its plan or a world cannot be trusted.
    """
    path = Path(path)
    if not (path / PLAN).is_file():
        if not any((path / ESTIMATES).glob("*.parquet")):
            raise ExperimentError(
                f"{path}: is no run folder, since it has no {PLAN}; give the --out of a run"
            )
        raise ExperimentError(f"{path}: has lost its {PLAN}; {_writing_again(path)}")
    plan, seal = _stored_plan(path), seal_of(bytes_of(path / PLAN))
    if seal is None:
        raise ExperimentError(_unsealed(path))
    cells = tuple(stored_cells(path, seal.mark))
    return RunFolder(
        path=path, plan=plan, cells=cells, mark=seal.mark, notes=_changes(path, plan, seal, cells)
    )


def _stored_plan(path: Path) -> Plan:
    try:
        return load_plan(path / PLAN)
    except ExperimentError as error:
        if _is_whole(seal_of(bytes_of(path / PLAN))):
            raise
        raise ExperimentError(f"{path / PLAN}: is empty or damaged; {_writing_again(path)}") from error


def _is_whole(seal: Seal | None) -> bool:
    """Return whether a seal is that of a plan in which not a bit has changed."""
    return seal is not None and seal.whole and seal.place == PLAN


def _writing_again(path: Path) -> str:
    return (
        f"type `simsepsis run PLAN --out {path}` with the plan that the run was begun with, which writes it "
        "again and keeps every stored row"
    )


def _unsealed(path: Path) -> str:
    return (
        f"{path}: its {PLAN} has no seal, as in runs of an older simsepsis, whose files cannot be checked; "
        f"make such a run anew in another folder, and if only this file was replaced, {_writing_again(path)}"
    )


def _changes(path: Path, plan: Plan, seal: Seal, cells: tuple[Cell, ...]) -> tuple[str, ...]:
    """Return a note if the plan was changed in what decides no row; refuse where it decides one."""
    if _is_whole(seal):
        return ()
    said = f"{path / PLAN}: was changed or damaged after the run had written it"
    same = seal.place == PLAN and run_mark(plan, version_of(seal.mark)) == seal.mark
    if not same or not {cell.key for cell in cells} <= _keys(plan):
        raise ExperimentError(f"{said}; {_writing_again(path)}")
    return (f"{said}; unless you changed it yourself, {_writing_again(path)}",)


def _keys(plan: Plan) -> set[int]:
    """Return the keys of the worlds that a plan asks for; none where they cannot be read."""
    try:
        return {cell.key for cell in cells_of(plan)}
    except (ExperimentError, ScenarioError):
        return set()


def check_same(path: Path, plan: Plan, cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return notes, or raise unless a folder is free for a plan or holds a run that the plan goes on with.

    A plan may go on with a run of the same name and seed that has no world and no method that the plan
    lacks; replicates, cells, methods, estimands, claims and words may have been added. Where the stored plan
    is lost or damaged, the marks of the other files say whose they are.
    """
    seal = seal_of(bytes_of(path / PLAN))
    whole = _is_whole(seal)
    notes = () if whole else _check_marks(path, plan)
    mark = seal.mark if seal is not None and whole else run_mark(plan)
    _check_version(path, mark)
    old = load_plan(path / PLAN) if whole else plan
    found = next(_differences(old, stored_cells(path, mark, trusted=True), plan, cells), None)
    if found is not None:
        raise ExperimentError(f"{path}: holds another run: {found}; name another folder")
    return notes


def _check_marks(path: Path, plan: Plan) -> tuple[str, ...]:
    """Check a folder whose plan cannot be trusted by what its other files say of themselves."""
    parts = scan_parts(path / ESTIMATES, lambda _: True, move=False).parts
    marks = {part.batch.run for part in parts} | {seal.mark for seal in seals_of(path)}
    there = (path / PLAN).is_file()
    if not marks and any((path / ESTIMATES).glob("*")):
        what = f"its {PLAN} is none of a run" if there else f"no {PLAN}"
        raise ExperimentError(f"{path}: has estimates but {what}; name another folder")
    for mark in sorted(marks - {run_mark(plan)}):
        if VERSION not in mark:
            raise ExperimentError(
                f"{path}: holds a run of an older simsepsis, whose files cannot be checked; name another "
                "folder to make it anew"
            )
        _check_version(path, mark)
        raise ExperimentError(f"{path}: holds another run ({mark}); name another folder")
    return (f"{PLAN} was {'changed or damaged' if there else 'lost'} and is written again",) if marks else ()


def _check_version(path: Path, mark: str) -> None:
    """Raise unless what is stored was computed by this version."""
    there, here = version_of(mark), version("simsepsis")
    if there != here:
        raise ExperimentError(
            f"{path}: was computed by simsepsis {there}, and this is {here}, whose numbers may differ; name "
            f"another folder, or install simsepsis {there} to go on"
        )


def _differences(old: Plan, stored: Iterable[Cell], new: Plan, cells: Iterable[Cell]) -> Iterator[str]:
    """Yield what of a stored run a plan does not go on with."""
    pairs = {
        "name": (old.name, new.name),
        "run.seed": (old.run.seed, new.run.seed),
        "run.truth_population": (old.run.truth_population, new.run.truth_population),
        "run.method_seconds": (old.run.method_seconds, new.run.method_seconds),
    }
    for what, (there, here) in pairs.items():
        if there != here:
            yield f"{what} is {there!r} there and {here!r} in the plan"
    for method in old.run.methods:
        if method not in new.run.methods:
            yield f"method '{method}' is there and not in the plan"
    keys = {cell.key for cell in cells}
    for cell in stored:
        if cell.key not in keys:
            yield f"the world '{cell.name}' is there and not in the plan"
