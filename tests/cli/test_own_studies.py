"""A user's own study from her file to its report: new, check, analyze, show-keys."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from simsepsis.show.key_list import SOURCES, list_keys


def sentence(result) -> str:
    """Return the one line on stderr of a refused command."""
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    return result.stderr.strip()


@pytest.fixture
def cohort(tmp_path):
    """Return patients with an arm, an outcome, a time and two covariates, written as cohort.csv."""
    rng = np.random.default_rng(9)
    n = 300
    frame = pd.DataFrame(
        {
            "id": np.arange(n) + 1,
            "arm": rng.choice(["drug", "placebo"], n),
            "died": rng.choice(["yes", "no"], n, p=[0.3, 0.7]),
            "days": rng.integers(1, 90, n),
            "age": rng.normal(60, 9, n).round(),
            "sex": rng.choice(["f", "m"], n),
        }
    )
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    return frame


def test_from_a_file_to_its_report(simsepsis, tmp_path, cohort):
    made = simsepsis("new", "mine", "--from", "cohort.csv")
    assert made.returncode == 0, made.stderr
    assert "left to you" not in made.stdout
    files = sorted(str(path.relative_to(tmp_path / "mine")) for path in (tmp_path / "mine").rglob("*.*"))
    assert files == [
        "analysis.toml",
        "experiments/first.toml",
        "study.toml",
        "trials/first.toml",
        "variables.csv",
    ]
    looked = simsepsis("check", "mine", "--out", "looked")
    assert looked.returncode == 0
    assert "Wrong: nothing" in looked.stdout
    assert set(pd.read_csv(tmp_path / "looked" / "check.csv")["verdict"]) <= {"decided", "doubtful"}
    done = simsepsis("analyze", "mine", "--out", "result")
    assert done.returncode == 0, done.stderr
    assert f"Treated are the {(cohort['arm'] == 'drug').sum()} patients" in done.stdout
    page = (tmp_path / "result" / "report.html").read_text("utf-8")
    assert "simsepsis analyze mine --seed 0" in page


def test_a_folder_that_is_there_is_not_overwritten(simsepsis, tmp_path, cohort):
    assert simsepsis("new", "mine", "--from", "cohort.csv").returncode == 0
    before = (tmp_path / "mine" / "analysis.toml").read_bytes()
    said = sentence(simsepsis("new", "mine", "--from", "cohort.csv", "--treatment", "sex"))
    assert "is there already and is not overwritten; name another folder" in said
    assert (tmp_path / "mine" / "analysis.toml").read_bytes() == before


def test_what_is_left_open_is_said_and_refused_until_it_is_written(simsepsis, tmp_path, cohort):
    cohort.rename(columns={"arm": "colour"}).to_csv(tmp_path / "cohort.csv", index=False)
    made = simsepsis("new", "mine", "--from", "cohort.csv")
    assert made.returncode == 0
    assert "One line is left to you in" in made.stdout
    assert "--treatment COLUMN" in made.stdout
    said = sentence(simsepsis("check", "mine"))
    assert "treatment = \"?\" is left to you; write one of 'colour', " in said
    assert "is left to you" in sentence(simsepsis("analyze", "mine"))
    path = tmp_path / "mine" / "analysis.toml"
    text = path.read_text("utf-8").replace('"?"', '"colour"\ntreated = "drug"')
    path.write_text(re.sub(r'  "colour", #.*\n', "", text), "utf-8")
    assert simsepsis("check", "mine").returncode == 0
    assert simsepsis("analyze", "mine", "--out", "result").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("new", "mine", "--from", "absent.csv"), "absent.csv: cannot be read"),
        (
            ("new", "mine", "--from", "cohort.csv", "--outcome", "dead"),
            "--outcome 'dead': cohort.csv has no such",
        ),
        (("new", "???", "--from", "cohort.csv"), "the name of the folder cannot be the study's"),
        (("check", "absent.csv", "--study", "rhc"), "absent.csv: cannot be read"),
        (("check", "cohort.csv", "--study", "rhc"), "column"),
        (("show-keys", "scenarios"), "did you mean 'scenario'?"),
        (("analyze", "mine"), "mine"),
    ],
)
def test_refusals(simsepsis, cohort, arguments, words):
    assert words in sentence(simsepsis(*arguments))


def test_a_study_says_itself_what_to_do(simsepsis, cohort):
    assert simsepsis("new", "mine", "--from", "cohort.csv").returncode == 0
    for command in ("analyze", "check"):
        assert "leave out --spec and --study" in sentence(simsepsis(command, "mine", "--study", "rhc"))


@pytest.mark.parametrize("noun", SOURCES)
def test_every_key_is_explained(simsepsis, noun):
    keys = list_keys(noun)
    assert len(keys) > 5
    assert len({key.name for key in keys}) == len(keys)
    assert [key.name for key in keys if not key.meaning or not key.type] == []
    shown = simsepsis("show-keys", noun)
    assert shown.returncode == 0
    assert all(f"{key.name}  (" in shown.stdout for key in keys)


def test_keys_come_from_the_code_itself():
    from dataclasses import fields

    from simsepsis.analysis.spec import AnalysisSpec

    keys = {key.name: key for key in list_keys("spec")}
    assert {item.name for item in fields(AnalysisSpec)} <= set(keys)
    assert keys["caliper"].default == "0.2"
    assert keys["covariates"].default == ""
    assert keys["scale"].type == '"logit" or "ps"'
    assert keys["subgroups[].at_least"].type == "number"
    plan = {key.name: key for key in list_keys("experiment")}
    assert plan["run.seed"].type == "whole number, at least 0"
    assert plan["world.base"].example.startswith("base = ")


@pytest.mark.parametrize(
    "command", [("run", "mine/experiments/first.toml"), ("plan", "mine/trials/first.toml")]
)
def test_a_study_without_a_world_is_told_to_fit_one(simsepsis, tmp_path, cohort, command):
    assert simsepsis("new", "mine", "--from", "cohort.csv").returncode == 0
    said = sentence(simsepsis(*command))
    assert f"{tmp_path / 'mine' / 'scenarios' / 'base.toml'}: no such scenario file" in said
    assert f"write it with `simsepsis fit {tmp_path / 'mine'}`" in said
