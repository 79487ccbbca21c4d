"""Whether a folder holds a run that can be trusted, and one that a plan may go on with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from simsepsis.errors import ExperimentError, ScenarioError
from simsepsis.experiment.cells import Cell, cells_of
from simsepsis.experiment.folder import ESTIMATES, RunFolder
from simsepsis.experiment.plan import Plan, load_plan
from simsepsis.experiment.seal import Seal, seal_of
from simsepsis.experiment.sealed_files import (
    PLAN,
    VERSION,
    bytes_of,
    run_mark,
    seals_of,
    stored_cells,
    version_of,
)
from simsepsis.replication import scan_parts


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
