"""How many replicates a second the main process of a run can take in from its workers.

    python benchmarks/intake.py            # of `null`, whose replicates have the most rows
    python benchmarks/intake.py timing

A run of a few replicates is made; then what the main process does for each batch is done a hundred times:
hand out the work, take the answer in, store it with a disk's promise, count it, say how it stands.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

from simsepsis.experiment import open_run, run_experiment
from simsepsis.experiment.replicates import Done, counted, tally_of, work_of
from simsepsis.replication import part_content, read_rows, store_part

REPLICATES = 36
"""Replicates of a batch, as a worker that does seven in a second has it."""

TIMES = 100


def main() -> None:
    """Print what each step of a batch costs, and the replicates per second that follow."""
    name = sys.argv[1] if len(sys.argv) > 1 else "null"
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        run_experiment(name, out=out, replicates=REPLICATES)
        costs = {what: timed(step) for what, step in steps(out, Path(place)).items()}
    print(f"{name}: milliseconds per batch of {REPLICATES} replicates, processor and wall")
    for what, (processor, wall) in costs.items():
        print(f"  {what:28} {1000 * processor:7.2f} {1000 * wall:7.2f}")
    for what, own in zip(("processor", "wall"), zip(*costs.values(), strict=True), strict=True):
        print(f"replicates per second of {what} time: {REPLICATES / sum(own):,.0f}")


def steps(out: Path, place: Path) -> dict[str, Callable[[], object]]:
    """Return what the main process does for each batch."""
    folder = open_run(out)
    cell, tally = folder.cells[0], tally_of(folder)
    own = {series: value for series, value in tally.truth.items() if series[0] == cell.key}
    work = work_of(folder, cell, 0, REPLICATES - 1, folder.plan.run.methods, own)
    rows = read_rows([part for part in folder.scan().parts if part.batch.cell == cell.key])
    content, counts = part_content(work.batch, rows), counted(rows, own)
    answer = pickle.dumps(Done(batch=work.batch, content=content, counts=counts, seconds=5.0))
    return {
        "hand out the work": lambda: pickle.dumps(work),
        "take the answer in": lambda: pickle.loads(answer),
        "store it": lambda: store_part(place, work.batch, content),
        "count it": lambda: tally.add(counts, REPLICATES),
        "say how it stands": lambda: tally.standing(10**6),
    }


def timed(step: Callable[[], object]) -> tuple[float, float]:
    """Return seconds of the processor and of the clock for one call."""
    processor, wall = process_time(), perf_counter()
    for _ in range(TIMES):
        step()
    return (process_time() - processor) / TIMES, (perf_counter() - wall) / TIMES


if __name__ == "__main__":
    main()
