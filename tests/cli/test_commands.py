"""Real commands in a temporary folder: what they write, and how they refuse."""

import json

import pandas as pd
import pytest

from simsepsis.analysis.data import read_cohort
from simsepsis.analysis.thesis_analysis import analyze


def sentence(result):
    """Return the one line on stderr of a refused command."""
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


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
    files = {str(p.relative_to(tmp_path / "a")) for p in (tmp_path / "a").rglob("*") if p.is_file()}
    assert {"matched_pairs.csv", "estimates.csv", "tables/table1.csv", "figures/love.png"} <= files
    estimates = pd.read_csv(tmp_path / "a" / "estimates.csv")
    assert {"crude", "psm", "psm_gee", "psm_cox"} <= set(estimates["method"])


def test_a_parquet_cohort_gives_the_same_estimates(simsepsis, tmp_path):
    estimates = []
    for suffix in ("csv", "parquet"):
        assert simsepsis("generate", "thesis", "--n", 900, "-o", f"c.{suffix}").returncode == 0
        cohort = read_cohort(tmp_path / f"c.{suffix}")
        estimates.append(analyze(cohort).estimates.drop(columns="seconds"))
    pd.testing.assert_frame_equal(*estimates)


def test_reproduce_writes_all_it_promises_for_any_number_of_workers(simsepsis, tmp_path):
    for jobs in (1, 2):
        result = simsepsis("reproduce", "--replicates", 4, "--jobs", jobs, "--out", f"r{jobs}")
        assert result.returncode == 0, result.stderr
    names = {str(p.relative_to(tmp_path / "r1")) for p in (tmp_path / "r1").rglob("*") if p.is_file()}
    tables = {f"tables/table{k}.csv" for k in range(1, 7)} | {"tables/text.csv"}
    assert tables | {"report.html", "reproduction.json", "figures/survival.png"} <= names
    for name in names - {"reproduction.json", "report.html"}:
        assert (tmp_path / "r1" / name).read_bytes() == (tmp_path / "r2" / name).read_bytes(), name
    record = json.loads((tmp_path / "r1" / "reproduction.json").read_text())
    assert record["seed"] == 20260101
    assert "printed numbers lie in their 95% simulation interval" in result.stdout
    header = (tmp_path / "r1" / "tables" / "table1.csv").read_text().splitlines()[0]
    assert header.startswith("variable,level,statistic,phase,arm,printed,simulated,low,high,inside")


def test_list_names_the_scenarios(simsepsis):
    result = simsepsis("list", "scenarios")
    assert result.returncode == 0
    assert "thesis" in result.stdout


@pytest.mark.parametrize("command", ["audit", "generate", "analyze", "reproduce", "calibrate", "list"])
def test_every_command_has_help_with_an_example(simsepsis, command):
    result = simsepsis(command, "--help")
    assert result.returncode == 0
    assert f"Example: simsepsis {command}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("reproduce", "--scenario", "thesos"), "did you mean 'thesis'"),
        (("reproduce", "--replicates", "-5"), "-5"),
        (("reproduce", "--replicates", "few"), "not 'few'"),
        (("reproduce", "--jobs", "0", "--replicates", "2"), "jobs"),
        (("reproduce", "--seed", "-1", "--replicates", "2"), "seed -1 is negative"),
        (("reproduce", "--out", "/proc/nothing", "--replicates", "2"), "/proc/nothing: cannot be written"),
        (("generate", "thesis", "-o", "c.xlsx"), "c.xlsx: a table is written as .csv or .parquet"),
        (("generate", "thesis", "-o", "c.csv", "--n", "0"), "n = 0"),
        (("generate", "absent.toml", "-o", "c.csv"), "absent.toml: no such scenario file"),
        (("analyze", "absent.csv"), "absent.csv"),
        (("list", "scenario"), "did you mean 'scenarios'"),
        (("repoduce",), "reproduce"),
    ],
)
def test_bad_arguments_get_one_sentence(simsepsis, tmp_path, arguments, words):
    assert words in sentence(simsepsis(*arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def cohort(simsepsis, tmp_path):
    """Return a function that writes a changed cohort file and analyses it."""
    assert simsepsis("generate", "thesis", "--n", 400, "-o", "whole.csv").returncode == 0
    whole = pd.read_csv(tmp_path / "whole.csv")

    def analyse(change):
        change(whole).to_csv(tmp_path / "bad.csv", index=False)
        return sentence(simsepsis("analyze", "bad.csv", "--out", "nowhere"))

    return analyse


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="apache2"), ("bad.csv", "apache2", "missing")),
        (lambda f: f.assign(infection_site="liver"), ("bad.csv", "infection_site", "liver")),
        (lambda f: f.assign(ivigg=f["ivigg"] + 1), ("bad.csv", "ivigg", "2")),
        (lambda f: f.assign(ivigg=0), ("bad.csv", "ivigg")),
        (lambda f: f.head(0), ("bad.csv",)),
    ],
    ids=["missing column", "wrong category", "treatment not binary", "empty arm", "no patients"],
)
def test_bad_cohorts_get_one_sentence_and_leave_nothing(cohort, tmp_path, change, words):
    text = cohort(change)
    for word in words:
        assert word in text
    assert not (tmp_path / "nowhere").exists()
