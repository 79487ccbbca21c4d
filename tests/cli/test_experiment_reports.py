"""A small experiment from the command line: its figures, its answer in words, its report."""

import re

import pandas as pd
import pytest

SHOWN = """
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


def files_of(*stems):
    """Return the files of figures."""
    return {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg", "csv")} | {"written.json"}


@pytest.fixture
def plan(plan_file):
    """Return the path of the small plan with figures and answers."""
    path = plan_file()
    path.write_text(path.read_text() + SHOWN)
    return path


def test_a_run_ends_with_figures_answer_and_report_makes_them_again_goes_on_and_verifies(
    simsepsis, plan, tmp_path
):
    result = simsepsis("run", plan, "--jobs", 1, "--out", "r")
    assert result.returncode == 0, result.stderr
    settling, truths, end = result.stderr.splitlines()
    assert settling == "Replicates: settling 2 worlds"
    assert truths == "Replicates: computing the truths of 2 worlds"
    assert re.match(
        r"Replicates: 12 of 12, in 0:\d\d:\d\d, [\d.]+/s, 0 failed rows, worst MCSE of coverage 0", end
    )
    folder = tmp_path / "r"
    assert "• How far off: The bias of the risk difference of hospital death goes from " in result.stdout
    assert "On the same replicates the bias of crude" in result.stdout
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == files_of("zip", "by-severity")
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

    goes_on = simsepsis("run", plan, "--jobs", 1, "--out", "r")
    assert goes_on.returncode == 0, goes_on.stderr
    assert "0 replicates computed" in goes_on.stdout
    assert simsepsis("verify", "r", "--fraction", 1).returncode == 0
    columns = {"cell", "scenario", "method", "estimand", "measure", "value", "mcse", "n_used", "n_sim"}
    assert columns <= set(pd.read_csv(folder / "performance.csv"))

    text = (folder / "plan.toml").read_text()
    (folder / "plan.toml").write_text(text.replace("replicates = 6", "replicates = 8"))
    figures = simsepsis("figures", "r")
    assert figures.returncode == 0, figures.stderr
    assert "Unfinished: 6 of 8 planned replicates per cell" in figures.stdout
    assert "2 figures with their numbers are in" in figures.stdout


@pytest.mark.slow
def test_figures_that_are_no_longer_asked_for_go_and_what_others_put_there_stays(simsepsis, plan, tmp_path):
    assert simsepsis("run", plan, "--jobs", 1, "--out", "r", "--replicates", 2).returncode == 0
    place = tmp_path / "r" / "figures"
    (place / "mine.svg").write_text("mine")
    (place / "by-severity.csv").write_text("looked through and changed")
    text = (tmp_path / "r" / "plan.toml").read_text()
    (tmp_path / "r" / "plan.toml").write_text(text.replace('name = "by-severity"', 'name = "renamed"'))
    for command in ("figures", "report"):
        redrawn = simsepsis(command, "r")
        assert redrawn.returncode == 0, redrawn.stderr
        names = {path.name for path in place.iterdir()}
        assert names == files_of("zip", "renamed") | {"mine.svg", "by-severity.csv"}


@pytest.mark.slow
def test_a_run_that_has_not_begun_all_cells_can_be_looked_at(simsepsis, plan, tmp_path):
    assert simsepsis("run", plan, "--jobs", 1, "--out", "r", "--replicates", 2).returncode == 0
    parts = sorted((tmp_path / "r" / "estimates").iterdir())
    last = parts[-1].name.partition("-")[0]
    for part in parts:
        if part.name.startswith(last):
            part.unlink()
    result = simsepsis("report", "r")
    assert result.returncode == 0, result.stderr
    assert "Unfinished: 0 to 2 of 2 planned replicates per cell are stored" in result.stdout


def test_a_folder_that_is_no_run_is_refused_in_one_sentence(simsepsis, tmp_path):
    result = simsepsis("figures", tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "is no run folder" in result.stderr
