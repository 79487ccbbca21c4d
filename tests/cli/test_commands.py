"""Real commands in a temporary folder: what they write.

They run in the tests' process; the examples of their help and the closed pipes start the program itself.
The slow test compares the files of one and two workers, figures as well; the fast share of that compares
tables, record and the numbers of every figure, in ``tests/unit/test_reproduction.py``.
"""

import json

import pandas as pd
import pytest

from simsepsis.analysis.cohort_file import read_cohort
from simsepsis.analysis.thesis_analysis import analyze


def test_audit_writes_and_tells_its_findings(simsepsis, tmp_path):
    result = simsepsis("audit", "--out", "here")
    assert result.returncode == 0
    findings = pd.read_csv(tmp_path / "here" / "audit.csv")
    for text in ("23 / 960", "431 / 960", "12 / 653"):
        assert text in "".join(findings["arithmetic"]), text
    thrombomodulin = findings[(findings["table"] == "table6") & (findings["variable"] == "thrombomodulin")]
    assert list(thrombomodulin["statistic"]) == ["p_value"]
    assert f"{len(findings)} findings" in result.stdout


def test_generate_then_analyze(simsepsis, tmp_path):
    made = simsepsis("generate", "thesis", "--seed", 3, "-o", "c.csv", "--oracle", "o.parquet")
    assert made.returncode == 0, made.stderr
    registry, oracle = pd.read_csv(tmp_path / "c.csv"), pd.read_parquet(tmp_path / "o.parquet")
    assert len(registry) == len(oracle) == 3195
    assert set(registry) & set(oracle) == {"patient_id"}
    done = simsepsis("analyze", "c.csv", "--out", "a")
    assert done.returncode == 0, done.stderr
    assert {
        "matched_pairs.csv",
        "estimates.csv",
        "tables/table1.csv",
        "figures/love.png",
        "report.html",
    } <= files_of(tmp_path / "a")
    estimates = pd.read_csv(tmp_path / "a" / "estimates.csv")
    assert {"crude", "psm", "psm_gee", "psm_cox"} <= set(estimates["method"])


def test_a_parquet_cohort_gives_the_same_estimates(simsepsis, tmp_path):
    estimates = []
    for suffix in ("csv", "parquet"):
        assert simsepsis("generate", "thesis", "--n", 900, "-o", f"c.{suffix}").returncode == 0
        cohort = read_cohort(tmp_path / f"c.{suffix}")
        estimates.append(analyze(cohort).estimates.drop(columns="seconds"))
    pd.testing.assert_frame_equal(*estimates)


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_reproduce_writes_all_it_promises_and_readings_in_a_folder_of_their_own(simsepsis, tmp_path):
    """The plain reproduction is what README shows; the readings must not take its place."""
    plain = tmp_path / "reproduction" / "reproduction.json"
    plain.parent.mkdir()
    plain.write_text("plain")
    result = simsepsis("reproduce", "--replicates", 2, "--jobs", 1, "--readings")
    assert result.returncode == 0, result.stderr
    assert plain.read_text() == "plain"
    assert files_of(plain.parent) == {"reproduction.json"}
    folder = tmp_path / "reproduction-readings"
    tables = {f"tables/table{k}.csv" for k in range(1, 7)} | {"tables/text.csv", "tables/readings.csv"}
    promised = tables | {"report.html", "reproduction.json", "figures/survival.png"}
    assert promised <= files_of(folder)
    record = json.loads((folder / "reproduction.json").read_text())
    assert record["seed"] == 20260101
    assert "printed numbers lie in their 95% simulation interval" in result.stdout
    header = (folder / "tables" / "table1.csv").read_text().splitlines()[0]
    assert header.startswith("variable,level,statistic,phase,arm,printed,simulated,low,high,inside")


@pytest.mark.slow
def test_reproduce_writes_the_same_for_any_number_of_workers(simsepsis, tmp_path):
    for jobs in (1, 2):
        result = simsepsis("reproduce", "--replicates", 4, "--jobs", jobs, "--out", f"r{jobs}")
        assert result.returncode == 0, result.stderr
    for name in files_of(tmp_path / "r1") - {"reproduction.json", "report.html"}:
        assert (tmp_path / "r1" / name).read_bytes() == (tmp_path / "r2" / name).read_bytes(), name


def test_list_names_the_scenarios(simsepsis):
    result = simsepsis("list", "scenarios")
    assert result.returncode == 0
    assert "thesis" in result.stdout


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("experiments", "null"),
        ("methods", "psm_gee_sofa"),
        ("estimands", "rd_hospital_death_att"),
        ("measures", "coverage"),
        ("trials", "trial-ivigg-high-dose"),
    ],
)
def test_list_names_the_rest(simsepsis, what, name):
    result = simsepsis("list", what)
    assert result.returncode == 0
    assert name in result.stdout


COMMANDS = (
    "audit",
    "reproduce",
    "analyze",
    "generate",
    "describe",
    "calibrate",
    "list",
    "run",
    "summarize",
    "figures",
    "report",
    "replay",
    "verify",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(simsepsis, command):
    result = simsepsis(command, "--help")
    assert result.returncode == 0
    assert f"Example: simsepsis {command}" in result.stdout
