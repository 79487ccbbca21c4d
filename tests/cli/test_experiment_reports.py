"""A small experiment from the command line: its figures, its answer in words, its report."""

import re

import pytest

PLAN = """
question = "Does a small experiment work?"

[ademp]
aims = "a"
data = "d"
estimands = "e"
methods = "m"
performance = "p"

[world]
base = "null"
set = { n = 260 }

[vary]
"observation.by_severity" = [0.0, 1.0]

[run]
methods = ["crude", "psm"]
estimands = ["rd_hospital_death"]
replicates = 6
seed = 5

[[figures]]
kind = "zip"

[[figures]]
kind = "coverage_curve"
name = "by-severity"
x = "observation.by_severity"

[[answers]]
kind = "extremes"
title = "How far off"

[[answers]]
kind = "contrast"
methods = ["crude", "psm"]
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "little.toml"
    path.write_text(PLAN)
    return path


def test_a_run_ends_with_figures_answer_and_report_and_makes_them_again(simsepsis, plan, tmp_path):
    result = simsepsis("run", plan, "--jobs", 1, "--out", "r")
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "r"
    assert "• How far off: The bias of the risk difference of death in hospital goes from " in result.stdout
    assert "On the same replicates the bias of crude" in result.stdout
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {f"{stem}.{kind}" for stem in ("zip", "by-severity") for kind in ("png", "svg", "csv")}
    html = (folder / "report.html").read_text()
    assert html.count('<img src="data:image/svg+xml;base64,') == 2
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert "Does a small experiment work?" in html
    assert "How far off" in (folder / "answer.md").read_text()
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    before = {path: path.read_bytes() for path in files}
    shown = [
        path for path in before if path.parent.name == "figures" or path.name in ("report.html", "answer.md")
    ]
    for path in shown:
        path.unlink()
    again = simsepsis("report", "r")
    assert again.returncode == 0, again.stderr
    assert {path: path.read_bytes() for path in before} == before

    text = (folder / "plan.toml").read_text()
    (folder / "plan.toml").write_text(text.replace("replicates = 6", "replicates = 8"))
    figures = simsepsis("figures", "r")
    assert figures.returncode == 0, figures.stderr
    assert "Unfinished: 6 of 8 planned replicates per cell" in figures.stdout
    assert "2 figures with their numbers are in" in figures.stdout


def test_a_folder_that_is_no_run_is_refused_in_one_sentence(simsepsis, tmp_path):
    result = simsepsis("figures", tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "is no run folder" in result.stderr
