"""A disk that is full or may not be written, for real: small file systems of their own."""

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from simsepsis.errors import OutputError
from simsepsis.experiment import open_run, run_experiment
from simsepsis.files import write_files


def mount(*arguments) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path):
    """Return the folder of a file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def undisturbed(quick_plan, tmp_path):
    """Return a plan and the folder of a finished run of it."""
    plan = quick_plan(("[0.0, 1.0]", "[0.0]"), ("replicates = 6", "replicates = 12"))
    run_experiment(plan, tmp_path / "undisturbed", jobs=1)
    return plan, tmp_path / "undisturbed"


def assert_goes_on(plan: Path, out: Path, undisturbed: Path, stored: int) -> None:
    """Rows stored before the fault are there, and the run ends as if nothing had happened."""
    assert run_experiment(plan, out, jobs=1).computed == 12 - stored
    one, other = (open_run(folder).rows().drop(columns="seconds") for folder in (out, undisturbed))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert (out / "performance.csv").read_bytes() == (undisturbed / "performance.csv").read_bytes()


def stored_replicates(out: Path) -> int:
    return open_run(out).rows()["replicate"].nunique()


def test_a_full_disk_is_one_sentence_and_costs_no_stored_row(disk, undisturbed):
    plan, reference = undisturbed
    out, filler = disk / "out", disk / "filler"
    run_experiment(plan, out, jobs=1, replicates=3)
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - 24_000))
    with pytest.raises(OutputError, match=r"cannot be written .no space left on device.; ") as caught:
        run_experiment(plan, out, jobs=1)
    assert "\n" not in str(caught.value)
    assert list((out / "estimates").glob(".draft-*")) == []
    filler.unlink()
    stored = stored_replicates(out)
    assert stored >= 3
    assert_goes_on(plan, out, reference, stored)


def test_a_table_that_finds_no_room_replaces_nothing_and_says_what_helps(disk):
    write_files(disk, {"a.csv": b"old"})
    with pytest.raises(OutputError, match=r"no space left on device.; make room there; nothing was replaced"):
        write_files(disk, {"a.csv": b"new", "b.csv": bytes(2_000_000)})
    assert (disk / "a.csv").read_bytes() == b"old"
    assert [path.name for path in disk.iterdir()] == ["a.csv"]


def test_a_folder_that_may_not_be_written_is_one_sentence_before_anything_is_computed(disk, undisturbed):
    plan, reference = undisturbed
    out = disk / "out"
    run_experiment(plan, out, jobs=1, replicates=3)
    mount("-o", "remount,ro", disk)
    with pytest.raises(OutputError, match=r"out: cannot be written .read-only file system.; name a folder"):
        run_experiment(plan, out, jobs=1)
    mount("-o", "remount,rw", disk)
    assert_goes_on(plan, out, reference, 3)


def test_a_folder_that_becomes_read_only_meanwhile_keeps_what_it_has(disk, undisturbed):
    plan, reference = undisturbed
    out = disk / "out"

    def lock(standing) -> None:
        if standing.done == 1:
            mount("-o", "remount,ro", disk)

    with pytest.raises(
        OutputError, match=r"estimates/.*\.parquet: cannot be written .*rows stored before are"
    ):
        run_experiment(plan, out, jobs=1, progress=lock)
    mount("-o", "remount,rw", disk)
    assert_goes_on(plan, out, reference, 1)
