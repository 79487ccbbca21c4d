"""A stranger's way from her file to the truth about her analysis: new, fit, describe, run, verify."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.unit.fitting.cohorts import survival_cohort


@pytest.fixture
def study(simsepsis, tmp_path):
    """Return the folder of a study drafted from a cohort's file."""
    frame, _ = survival_cohort(900)
    frame.drop(columns=["cost", "dead28"]).to_csv(tmp_path / "cohort.csv", index=False)
    drafted = simsepsis("new", "mine", "--from", "cohort.csv", "--cluster", "site", "--outcome", "dead")
    assert drafted.returncode == 0, drafted.stderr
    return tmp_path / "mine"


def test_from_a_file_to_bias_and_coverage(simsepsis, tmp_path, study):
    fitted = simsepsis("fit", "mine")
    assert fitted.returncode == 0, fitted.stderr
    page = (study / "fidelity" / "report.html").read_text(encoding="utf-8")
    assert page.index("What does not fit") < page.index("Margins")
    assert {path.suffix for path in (study / "scenarios").iterdir()} == {".toml", ".json"}

    described = simsepsis("describe", "base", "--study", "mine", "--population", 2000, "--out", "world")
    assert described.returncode == 0, described.stderr
    truth = pd.read_csv(tmp_path / "world" / "tables" / "truth.csv")
    assert {"rd_dead_att", "log_hr_dead_att"} <= set(truth["estimand"])

    plan = study / "experiments" / "first.toml"
    text = plan.read_text(encoding="utf-8").replace("[run]", "[run]\ntruth_population = 4000")
    plan.write_text(text, encoding="utf-8")
    ran = simsepsis("run", "mine/experiments/first.toml", "--replicates", 3, "--jobs", 1, "--out", "run")
    assert ran.returncode == 0, ran.stderr
    table = pd.read_csv(tmp_path / "run" / "performance.csv")
    assert {"bias", "coverage"} <= set(table["measure"])
    assert simsepsis("verify", "run").returncode == 0

    planned = simsepsis("plan", "mine/trials/first.toml", "--replicates", 0, "--out", "trial")
    assert planned.returncode == 0, planned.stderr
    assert "the risk of death" in planned.stdout

    made = simsepsis("generate", "base", "--study", "mine", "--seed", 2, "-o", "made.csv")
    assert made.returncode == 0, made.stderr
    again = simsepsis("analyze", "made.csv", "--study", "mine", "--out", "again")
    assert again.returncode == 0, again.stderr


def test_worlds_from_printed_tables_hold_a_band_of_the_analysis(simsepsis, tmp_path):
    fitted = simsepsis("fit", "rhc", "--printed", "--members", 2, "--out", "printed")
    assert fitted.returncode == 0, fitted.stderr
    band = pd.read_csv(tmp_path / "printed" / "band.csv").set_index("quantity")
    assert (band["low"] <= band["high"]).all()
    crude = band.loc["crude rd_dth30_att"]
    # 830 of 2,184 against 1,088 of 3,551 died; two cohorts of each world lie around it.
    assert crude["low"] - 0.03 < 830 / 2184 - 1088 / 3551 < crude["high"] + 0.03
    again = simsepsis("generate", "printed/tables-01.toml", "-o", "made.csv")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fit", "mine", "--minimum", "0"), "minimum"),
        (("fit", "mine", "--name", "../elsewhere"), "--name"),
        (("fit", "nowhere"), "nowhere"),
        (("fit", "rhc", "--cohort", "cohort.csv"), "--out"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_sentence(simsepsis, study, arguments, words):
    refused = simsepsis(*arguments)
    assert refused.returncode == 2
    assert words in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert not (study / "scenarios").exists()


def test_what_analyze_refuses_stops_the_fit_with_the_same_sentence(simsepsis, tmp_path, study):
    frame = pd.read_csv(tmp_path / "cohort.csv").astype({"age": object})
    frame.loc[7, "age"] = "old"
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    stopped, refused = (simsepsis(command, "mine").stderr.strip() for command in ("fit", "analyze"))
    assert stopped == refused
    assert "old" in stopped
