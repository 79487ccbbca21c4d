"""Memory of the process that summarizes a run hardly depends on the number of replicates."""

import subprocess
import sys

import numpy as np
import pytest

from simsepsis.experiment import open_run, run_experiment
from simsepsis.replication import Batch, write_part

PEAK = """
import resource, sys
from simsepsis.experiment import summarize_run
summarize_run(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
METHODS = (
    '["crude", "psm", "psm_gee", "psm_paired_se", "psm_gee_alone", "oracle_ps", "overlap_weights", '
    '"randomized_twin_crude", "randomized_twin_psm", "randomized_twin_psm_gee"]'
)


def peak(folder) -> float:
    """Return the most memory that a process needs for all that is said of a run, megabytes."""
    command = [sys.executable, "-c", PEAK, str(folder)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def grow(out, first: int, end: int) -> None:
    """Store the rows of the first replicate again and again, and plan for as many."""
    run = open_run(out)
    rows = run.rows(wanted={"replicate": (0,)})
    for number in range(first, end, 500):
        copies = rows.loc[np.tile(rows.index, 500)].reset_index(drop=True)
        copies["replicate"] = number + np.repeat(np.arange(500), len(rows))
        batch = Batch(
            run=run.run,
            cell=run.cells[0].key,
            first=number,
            last=number + 499,
            methods=run.plan.run.methods,
        )
        write_part(out / "estimates", batch, copies)
    text = (out / "plan.toml").read_text()
    planned = f"replicates = {run.plan.run.replicates}\n"
    assert planned in text
    (out / "plan.toml").write_text(text.replace(planned, f"replicates = {end}\n"))


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is the system's own")
@pytest.mark.slow
def test_ten_times_the_replicates_take_little_more_memory(plan_file, tmp_path):
    plan = plan_file(
        ("[0.0, 1.0]", "[0.0]"),
        ('["crude", "psm"]', METHODS),
        ('["rd_hospital_death"]', '["rd_hospital_death", "log_or_hospital_death", "log_or_icu_death"]'),
    )
    out = tmp_path / "out"
    run_experiment(plan, out, jobs=1, replicates=1)
    grow(out, 0, 1_000)
    few = peak(out)
    grow(out, 1_000, 10_000)
    # All judged rows of the cell at once would take 60 MB, and as much again while they are sorted.
    assert peak(out) - few < 70
