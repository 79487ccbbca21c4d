"""The run folder: its plan, worlds, truths and rows, and how far its cells have come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from simsepsis.analysis.methods import METHODS
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.errors import ExperimentError, did_you_mean
from simsepsis.estimand import Estimand
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.plan import Plan
from simsepsis.experiment.sealed_files import TRUTH, mending, run_mark, stored_truth
from simsepsis.experiment.stopping import Look, look_at, looks
from simsepsis.performance import Grid, Settings, empty_grid, summarize_study
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

        Parameters
        ----------
        mend
            Whether what is damaged or foreign is moved away, to be computed again.

        Raises
        ------
        ExperimentError
            If a part is damaged or foreign, and is not moved away.
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
        """Return the stored estimate rows of the replicates and methods that count, in a fixed order.

        Parameters
        ----------
        cell
            Key of a cell; None: of all cells.
        parts
            Parts that were scanned before; None: scan now.
        columns, wanted
            As in `simsepsis.replication.read_rows`.
        """
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
        """Return the number of the first replicate of a cell that no longer counts.

        Parameters
        ----------
        cell
            Key of the cell.
        parts
            Parts of the run.
        """
        look = self.last_look(cell, tuple(parts))
        return look.replicates if look is not None and look.enough else self.plan.run.most_replicates

    def last_look(self, cell: int, parts: tuple[Part, ...], after: Look | None = None) -> Look | None:
        """Return the first look at a cell that found replicates enough, otherwise the last one there can be.

        Parameters
        ----------
        cell
            Key of the cell.
        parts
            Parts of the run.
        after
            A look from before, which need not be repeated.

        Returns
        -------
        Look or None
            None where the plan has no target, or the cell too few replicates for a look.
        """
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
                summarize_study(grid.first(number).study(truth, settings), list(targets)) for number in due
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
        """Yield the judged estimates of a cell, some outcomes and scales at a time, read part by part.

        Parameters
        ----------
        cell
            Key of the cell.
        parts
            Parts of the run.
        below
            Number of the first replicate that is left out.
        columns
            What `see` needs beside the keys and `JUDGED_COLUMNS`.
        see
            Called with each part's rows, each row once.

        Yields
        ------
        Grid
            At least one estimate is in it. The next one comes in its place.
        """
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
        """Yield methods with judged estimands, together those of one stem, up to about `LARGEST_GRID`.

        Parameters
        ----------
        replicates
            Replicates that each has.
        """
        by_stem: dict[str, list[tuple[str, str]]] = {}
        for method in self.plan.run.methods:
            for name in METHODS[method].estimands_of(THESIS_SPEC):
                if self.plan.judged(name):
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
        methods = (METHODS[name] for name in self.plan.run.methods)
        given = {name for method in methods for name in method.estimands_of(THESIS_SPEC)}
        return tuple(sorted(name for name in given if self.plan.judged(name)))

    def truth(self) -> pd.DataFrame:
        """Return the stored truths.

        Raises
        ------
        ExperimentError
            If they are missing or damaged.
        """
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
