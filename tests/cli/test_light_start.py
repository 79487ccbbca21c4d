"""Commands that only tell open no library that computes or draws."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("matplotlib", "numba", "pandas", "pyarrow", "scipy", "statsmodels")


def opened(tmp_path, line: str) -> set[str]:
    """Return the heavy libraries that a command line has opened when it ends."""
    program = (
        "import sys\n"
        "from simsepsis.cli import main\n"
        f"sys.argv = ['simsepsis', *{line!r}.split()]\n"
        "try:\n    main()\n"
        "finally:\n    print('opened', *sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    names = done.stdout.splitlines()[-1].split()
    assert names[0] == "opened", done.stderr
    return {name for name in HEAVY if name in names}


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "analyze --help",
        "list scenarios",
        "list experiments",
        "list trials",
        "lst scenarios",
        "list scenario",
        "analyze absent.csv",
        "analyze cohort.docx",
        "analyze cohort.csv --seed few",
    ],
)
def test_a_command_that_computes_nothing_opens_no_heavy_library(tmp_path, line):
    assert opened(tmp_path, line) == set()


def test_a_run_and_its_workers_open_no_statistics_that_only_inference_needs():
    program = "import sys; import simsepsis.experiment; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_plan_by_formulas_opens_no_room_that_only_simulated_trials_need():
    rooms = ("simsepsis.performance", "simsepsis.analysis.logistic", "simsepsis.analysis.gee", "joblib")
    program = f"import sys; import simsepsis.show.pages.trial; print(set({rooms}) & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_drawing_is_not_opened_before_the_patients_were_found_right(tmp_path):
    (tmp_path / "cohort.csv").write_text("a,b\n1,2\n")
    found = opened(tmp_path, "analyze cohort.csv")
    assert "pandas" in found
    assert "matplotlib" not in found
