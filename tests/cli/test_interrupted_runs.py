"""Runs that are stopped from outside by real signals, and go on.

Every case is a process of its own, with its workers. The fast share has one of each kind: Ctrl-C, a closed
terminal, nohup, a killed worker, a kill of the whole run, and two runs that want one folder; the slow
tests have the other signals, two and ten kills, and three runs.
"""

import contextlib
import os
import pty
import random
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from simsepsis.experiment import open_run, run_experiment

EACH = 120
"""Replicates of each cell: so many that a run outlives its first batches."""
BOTH = 2 * EACH
PROGRAM = str(Path(sys.executable).with_name("simsepsis"))
FIGURE = '\n[[figures]]\nkind = "zip"\n'
"""One figure, where a plan without figures has eight: what ends a run draws it."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, quick_plan_text):
    """Return the folder of a plan and a run of it that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    plan = quick_plan_text(("replicates = 6\n", f"replicates = {EACH}\n")) + FIGURE
    (folder / "go.toml").write_text(plan)
    run_experiment(folder / "go.toml", folder / "out", jobs=1)
    return folder


def begin(folder: Path, out: Path, jobs: int = 2) -> subprocess.Popen:
    """Start a run in a session of its own, as a terminal does."""
    arguments = [PROGRAM, "run", "go.toml", "--jobs", str(jobs), "--out", str(out)]
    return subprocess.Popen(
        arguments,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_parts(process: subprocess.Popen, out: Path, n: int) -> None:
    deadline = time.monotonic() + 120
    while len(list((out / "estimates").glob("[0-9a-f]*.parquet"))) < n and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def last_line(told: str) -> str:
    """Return the sentence that ends what a run says on stderr; before it there is progress only."""
    *progress, sentence = told.strip().splitlines()
    assert all(line.startswith("Replicates: ") for line in progress), told
    return sentence


def assert_same_tables(one: Path, other: Path) -> None:
    rows = [open_run(folder).rows().drop(columns="seconds") for folder in (one, other)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    for name in ("performance.csv", "accept.csv", "plan.toml"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.parametrize(
    "stop",
    [
        signal.SIGINT,
        *(pytest.param(stop, marks=pytest.mark.slow) for stop in (signal.SIGHUP, signal.SIGTERM)),
    ],
)
def test_ctrl_c_ends_with_what_to_type_and_that_goes_on(undisturbed, tmp_path, stop):
    out = tmp_path / "out"
    process = begin(undisturbed, out)
    wait_for_parts(process, out, 2)
    os.killpg(process.pid, stop)
    printed, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed == ""
    sentence = last_line(told)
    assert "interrupted; every finished batch is kept in" in sentence
    command = shlex.split(sentence.split("`")[1])
    assert command == ["simsepsis", *process.args[1:]]
    stored = open_run(out).rows().groupby(["cell", "replicate"]).ngroups
    assert 2 <= stored < BOTH
    assert run_experiment(undisturbed / "go.toml", out, jobs=1).computed == BOTH - stored
    assert_same_tables(out, undisturbed / "out")


def test_a_run_under_nohup_outlives_its_terminal(undisturbed, tmp_path):
    out = tmp_path / "out"
    command = ["nohup", PROGRAM, "run", "go.toml", "--jobs", "1", "--out", str(out)]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=undisturbed, start_new_session=True, **quiet) as process:
        wait_for_parts(process, out, 2)
        os.killpg(process.pid, signal.SIGHUP)
        printed, told = process.communicate(timeout=120)
    assert process.returncode == 0
    assert f"The report is {out}/report.html".encode() in printed
    for unwanted in (b"\x1b", b"Traceback"):
        assert unwanted not in printed + told
    assert_same_tables(out, undisturbed / "out")


def test_a_terminal_that_is_closed_ends_its_run_and_all_its_workers(undisturbed, tmp_path):
    out, (main, terminal) = tmp_path / "out", pty.openpty()
    command = [PROGRAM, "run", "go.toml", "--jobs", "2", "--out", str(out)]
    take = "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    # Who runs the tests under nohup hands down that a closed terminal is ignored.
    take += "signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    own = [sys.executable, "-c", f"{take}os.execv(sys.argv[1], sys.argv[1:])", *command]
    ends = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    process = subprocess.Popen(own, cwd=undisturbed, start_new_session=True, **ends)
    os.close(terminal)
    threading.Thread(target=read_to_the_end, args=(main,), daemon=True).start()
    wait_for_parts(process, out, 2)
    workers = workers_of(process)
    os.close(main)
    assert process.wait(timeout=60) == 130
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert run_experiment(undisturbed / "go.toml", out, jobs=1).computed < BOTH
    assert_same_tables(out, undisturbed / "out")


def read_to_the_end(handle: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(handle, 1024):
            pass


def workers_of(process: subprocess.Popen) -> list[int]:
    """Return the processes that a run has started to work for it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {child: Path(f"/proc/{child}/cmdline").read_text() for child in children}
    return [int(child) for child, command in commands.items() if "popen_loky" in command]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_a_worker_killed_by_the_system_is_one_sentence_and_costs_no_stored_row(
    undisturbed, tmp_path, simsepsis_in
):
    out = tmp_path / "out"
    process = begin(undisturbed, out)
    wait_for_parts(process, out, 2)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    sentence = last_line(told)
    assert "a worker process was killed" in sentence
    assert "run again to go on" in sentence
    stored = open_run(out).rows().groupby(["cell", "replicate"]).ngroups
    assert 2 <= stored < BOTH
    done = simsepsis_in(undisturbed)(*process.args[1:-4], "--jobs", "1", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert f"{BOTH - stored} replicates computed" in done.stdout
    assert_same_tables(out, undisturbed / "out")


def killed_at_random_moments(undisturbed: Path, out: Path, jobs: Sequence[int], seed: int) -> None:
    """Kill a run again and again, each time a little further on, and let the last one end."""
    moments, kills = random.Random(seed), len(jobs)
    for number, workers in enumerate(jobs):
        process = begin(undisturbed, out, jobs=workers)
        wait_for_parts(process, out, number * 60 // kills // 4 + 1)
        time.sleep(moments.uniform(0.0, 0.2))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        before = {path.name for path in (out / "estimates").glob("[0-9a-f]*.parquet")}
        # Whatever stood under its final name is whole: nothing of it is set aside.
        assert {part.path.name for part in open_run(out).scan().parts} == before
        assert not (out / "manifest.json").exists()
    run_experiment(undisturbed / "go.toml", out, jobs=1)
    assert not (out / "set-aside").exists()
    assert_same_tables(out, undisturbed / "out")


@pytest.mark.parametrize(
    "jobs", [(2,), *(pytest.param(jobs, marks=pytest.mark.slow) for jobs in ((2, 1), (2,) * 10))], ids=len
)
def test_a_run_that_was_killed_ends_with_the_same_bits(undisturbed, tmp_path, jobs):
    killed_at_random_moments(undisturbed, tmp_path / "out", jobs=jobs, seed=len(jobs))


def test_a_run_to_a_target_shows_what_was_done_and_stops_at_the_most(undisturbed, tmp_path, simsepsis):
    ends = ["--until-mcse", "coverage=0.001,bias=0.5", "--max-replicates", "9", "--jobs", "1", "--out", "out"]
    done = simsepsis("run", undisturbed / "go.toml", *ends)
    assert done.returncode == 0, done.stderr
    assert "9 replicates, the most allowed, leave the error of coverage" in done.stdout
    assert set(pd.read_csv(tmp_path / "out" / "performance.csv")["n_sim"]) == {9}
    report = (tmp_path / "out" / "report.html").read_text()
    assert "at most 9" in report
    assert ": 9." in report


@pytest.mark.parametrize("number", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_of_runs_that_begin_in_one_new_folder_one_wins_and_the_others_say_so(undisturbed, tmp_path, number):
    out = tmp_path / "new" / "out"
    runs = [begin(undisturbed, out, jobs=1) for _ in range(number)]
    told = [process.communicate(timeout=240) for process in runs]
    codes = sorted(process.returncode for process in runs)
    assert codes[0] == 0
    for process, (_, stderr) in zip(runs, told, strict=True):
        if process.returncode:
            assert process.returncode == 2
            assert f"{out}: another process is at work there; wait until it has ended" in last_line(stderr)
    assert codes[-1] == 2
    assert not (out / "set-aside").exists()
    assert_same_tables(out, undisturbed / "out")
