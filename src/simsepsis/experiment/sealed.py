"""Plan, settled worlds and truths of a run folder: sealed when written, trusted only as they were written."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from simsepsis.errors import ExperimentError
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.plan import Plan, plan_toml
from simsepsis.files import write_files
from simsepsis.replication import set_aside
from simsepsis.world.files import load_scenario
from simsepsis.world.write import scenario_toml

SEAL = re.compile(rb'simsepsis seal (\["[^\n]*?"\]) ([0-9a-f]{16})')
BLANK = "0" * 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a file says of itself: its place in the run folder, the mark of its run, whether it is whole."""

    place: str
    mark: str
    whole: bool


def open_seal(place: str, mark: str) -> str:
    """Return the text of a seal that `close_seal` closes; it holds ASCII on one line only."""
    return f"simsepsis seal {json.dumps([place, mark])} {BLANK}"


def close_seal(content: bytes) -> bytes:
    """Return a file that has one open seal with the checksum of all its bytes filled in."""
    (found,) = SEAL.finditer(content)
    return content[: found.start(2)] + _checksum(content) + content[found.end(2) :]


def seal_of(content: bytes) -> Seal | None:
    """Return the seal of a file; None where it has none that can be read."""
    found = SEAL.search(content)
    if found is None:
        return None
    try:
        place, mark = json.loads(found[1])
    except ValueError:
        return None
    blank = content[: found.start(2)] + BLANK.encode() + content[found.end(2) :]
    return Seal(place=str(place), mark=str(mark), whole=found[2] == _checksum(blank))


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest()[:16].encode()


PLAN, TRUTH, CELLS = "plan.toml", "truth.parquet", "cells"
CELL_FILE = re.compile(r"[0-9a-f]{8}\.toml")
VERSION = ", simsepsis "
"""What stands before the version at the end of a mark."""


def run_mark(plan: Plan, made_by: str | None = None) -> str:
    """Return what all files of a run carry: what decides its numbers beside world, replicate and method."""
    run = plan.run
    limit = "none" if run.method_seconds is None else repr(run.method_seconds)
    said = f"{plan.name}, seed {run.seed}, truth_population {run.truth_population}, method_seconds {limit}"
    return f"{said}{VERSION}{made_by or version('simsepsis')}"


def version_of(mark: str) -> str:
    """Return the version of simsepsis in a mark."""
    return mark.rpartition(VERSION)[2]


def mending(path: Path) -> str:
    """Return what mends a run folder whose plan is whole."""
    return f"type `simsepsis run {path / PLAN} --out {path}` to have it made again"


def write_plan(path: Path, plan: Plan) -> None:
    """Write the plan as it is run."""
    write_files(path, {PLAN: _sealed_text(PLAN, plan_toml(plan), run_mark(plan))})


def write_cells(path: Path, cells: Iterable[Cell], mark: str) -> None:
    """Write settled worlds, so that a later run, replay or check uses the same bits."""
    texts = {f"{CELLS}/{cell.key:08x}.toml": scenario_toml(cell.scenario) for cell in cells}
    write_files(path, {place: _sealed_text(place, text, mark) for place, text in texts.items()})


def _sealed_text(place: str, text: str, mark: str) -> bytes:
    return close_seal(f"# {open_seal(place, mark)}\n{text}".encode())


def write_truth(path: Path, truth: pd.DataFrame, mark: str) -> None:
    """Write the truths."""
    table = pa.Table.from_pandas(truth, preserve_index=False)
    seal = {b"simsepsis.seal": open_seal(TRUTH, mark).encode()}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **seal}), buffer)
    write_files(path, {TRUTH: close_seal(buffer.getvalue())})


def stored_cells(path: Path, mark: str, *, trusted: bool = False) -> Iterator[Cell]:
    """Yield the settled worlds that a run folder holds."""
    for place in _cell_places(path):
        if trusted and _distrust(bytes_of(path / place), place, mark):
            continue
        _trusted(path, place, mark)
        scenario = load_scenario(path / place)
        yield Cell(key=int(Path(place).stem, 16), name=scenario.label, scenario=scenario)


def stored_truth(path: Path, mark: str) -> pd.DataFrame | None:
    """Return the truths that a run folder holds; None where there are none."""
    if not (path / TRUTH).exists():
        return None
    return pd.read_parquet(io.BytesIO(_trusted(path, TRUTH, mark)))


def mend_sealed(path: Path, mark: str) -> Iterator[str]:
    """Move worlds and truths that cannot be trusted out of the way, and yield a sentence on each."""
    for place in [*_cell_places(path), *([TRUTH] if (path / TRUTH).exists() else [])]:
        reason = _distrust(bytes_of(path / place), place, mark)
        if reason:
            yield f"{set_aside(path / place, path, reason)} and made again"


def seals_of(path: Path) -> Iterator[Seal]:
    """Yield the whole seals of the worlds and truths of a folder."""
    for place in [*_cell_places(path), TRUTH]:
        seal = seal_of(bytes_of(path / place))
        if seal is not None and seal.whole:
            yield seal


def bytes_of(path: Path) -> bytes:
    """Return the content of a file; nothing where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _trusted(path: Path, place: str, mark: str) -> bytes:
    """Return the content of a file that is what was written for this place by this run."""
    content = bytes_of(path / place)
    reason = _distrust(content, place, mark)
    if reason:
        raise ExperimentError(f"{path / place}: {reason}; {mending(path)}")
    return content


def _distrust(content: bytes, place: str, mark: str) -> str:
    """Return why a file cannot be trusted; empty where it can."""
    seal = seal_of(content)
    if seal is None or not seal.whole:
        return "is damaged"
    if seal.place != place:
        return f"is a copy of {seal.place}"
    return "" if seal.mark == mark else f"belongs to another run ({seal.mark})"


def _cell_places(path: Path) -> list[str]:
    """Return the files of worlds; what is called otherwise is none of the run's."""
    names = sorted(file.name for file in (path / CELLS).glob("*.toml"))
    return [f"{CELLS}/{name}" for name in names if CELL_FILE.fullmatch(name)]
