"""Commands whose reader goes away, or whose terminal does: they do what they do, without a word of it.

Every case is a process of its own. The fast share has one command of each kind: one that only prints, one
that writes a file, one that reads a run, a run itself, refusals, a full disk, and a reader of one line.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer.main

from simsepsis.cli.app import app

PROGRAM = Path(sys.executable).with_name("simsepsis")
PLAN = """
question = "Does it go on?"

[ademp]
aims = "a"
data = "d"
estimands = "e"
methods = "m"
performance = "p"

[world]
base = "null"
set = { n = 240 }

[run]
methods = ["crude", "psm"]
estimands = ["rd_hospital_death"]
replicates = 4
seed = 5

[[figures]]
kind = "zip"
"""
LINES = {
    "": ((), None),
    "--help": (("--help",), None),
    "--version": (("--version",), None),
    "list": (("list", "methods"), None),
    "audit": (("audit", "--out", "a"), "a/audit.csv"),
    "generate": (("generate", "null", "--n", 400, "-o", "g.csv"), "g.csv"),
    "analyze": (("analyze", "c.csv", "--out", "an"), "an/report.html"),
    "describe": (("describe", "null", "--population", 2_000, "--out", "d"), "d/report.html"),
    "reproduce": (("reproduce", "--replicates", 1, "--jobs", 1, "--out", "r"), "r/report.html"),
    "run": (("run", "plan.toml", "--jobs", 1, "--out", "again"), "again/report.html"),
    "summarize": (("summarize", "run"), "run/performance.csv"),
    "figures": (("figures", "run"), "run/figures/written.json"),
    "report": (("report", "run"), "run/answer.md"),
    "replay": (("replay", "run", "--cell", "null", "--replicate", 1), "replay/estimates.csv"),
    "verify": (("verify", "run", "--fraction", 1, "--jobs", 1), None),
    "new": (("new", "drafted", "--from", "c.csv"), "drafted/analysis.toml"),
    "check": (("check", "mine"), None),
    "fit": (("fit", "mine"), "mine/fidelity/report.html"),
    "show-keys": (("show-keys", "spec"), None),
    "plan": (("plan", "trial-ivigg-high-dose", "--replicates", 0, "--out", "p"), "p/plan.json"),
}
"""Command → its arguments, and a file that must be there at its end."""
FAST = {"--help", "generate", "summarize"}
"""One of each kind, beside `list` with a reader of one line; the slow tests try the others."""
OTHERS = {
    "calibrate": (0, ("calibrate", "--check", "--patients", 2_000)),
    "infer": (2, ("infer", "plan.toml")),
}
"""Command → its status here, where a plan without priors is refused, and its arguments."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, simsepsis_in):
    folder = tmp_path_factory.mktemp("pipes")
    (folder / "plan.toml").write_text(PLAN)
    lines = (
        "run plan.toml --jobs 1 --out run",
        "generate null --n 400 -o c.csv",
        "new mine --from c.csv --treatment ivigg --outcome hospital_death",
    )
    for line in lines:
        assert simsepsis_in(folder)(*line.split()).returncode == 0
    return folder


def unread(folder, *arguments, errors=True):
    """Run a command whose output has no reader from the start; return its status and what it says of that."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            cwd=folder,
            stdout=writer,
            stderr=subprocess.PIPE if errors else writer,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    return done.returncode, done.stderr or ""


def test_every_command_is_tried():
    assert set(typer.main.get_command(app).commands) <= {*LINES, *OTHERS}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FAST else [pytest.mark.slow]) for name in LINES]
)
def test_a_command_without_a_reader_does_what_it_does(folder, name):
    arguments, file = LINES[name]
    status, errors = unread(folder, *arguments)
    assert status == 0, errors
    for word in ("Traceback", "BrokenPipe", "Errno", "Exception"):
        assert word not in errors
    assert file is None or (folder / file).is_file()


@pytest.mark.parametrize("name", ["infer", pytest.param("calibrate", marks=pytest.mark.slow)])
def test_the_status_stays_what_it_is(folder, name):
    status, arguments = OTHERS[name]
    found, errors = unread(folder, *arguments)
    assert found == status, errors
    assert "Pipe" not in errors


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("list", "methods"), marks=pytest.mark.slow),
        ("run", "plan.toml", "--jobs", "1", "--out", "e"),
    ],
)
def test_both_outputs_may_lose_their_reader(folder, arguments):
    assert unread(folder, *arguments, errors=False)[0] == 0


def test_a_refusal_without_a_reader_keeps_its_status(folder):
    assert unread(folder, "run", "nothing", errors=False)[0] == 2
    assert unread(folder, "list", "nothing", "--debug", errors=False)[0] == 1


def test_head_takes_one_line_and_nobody_complains(folder):
    line = f"'{PROGRAM}' list methods | head -1; echo ${{PIPESTATUS[@]}}"
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].strip() == "Methods"
    assert done.stdout.splitlines()[-1] == "0 0"
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_one_sentence(folder):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [PROGRAM, "list", "methods"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("simsepsis: the output cannot be written (No space left on device)")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_nohup_survives_the_end_of_the_terminal(folder):
    with open(folder / "nohup.log", "w") as log:
        going = subprocess.Popen(
            ["nohup", str(PROGRAM), "run", "plan.toml", "--jobs", "1", "--replicates", "40", "--out", "n"],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        while going.poll() is None and not (folder / "n" / "estimates").is_dir():
            time.sleep(0.05)
        going.send_signal(signal.SIGHUP)
        assert going.wait(timeout=240) == 0
    text = (folder / "nohup.log").read_text()
    assert "The report is n/report.html" in text
    assert "\x1b" not in text
    assert "Traceback" not in text
