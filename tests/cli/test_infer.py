"""`simsepsis infer`: a tiny run through the program, resumed, and what it refuses in one sentence."""

from __future__ import annotations

import pandas as pd
import pytest

from simsepsis.experiment import InferencePlan, infer, load_inference
from simsepsis.experiment.inference.findings import POSTERIOR, READINGS
from simsepsis.study.published import open_study

PLAN = """
name = "tiny"
question = "Does it harm?"
[world]
base = "null"
[world.set]
n = 800
[infer]
study = "rhc"
truths = ["log_rr_dth30_att"]
worlds = 12
waves = [3]
replicates = 4
truth_population = 2000
seed = 5
[infer.priors]
"effect.log_ratio" = { normal = [0.0, 0.5], words = "log hazard ratio" }
"unmeasured.or_treatment" = { lognormal = [1.0, 0.5] }
"""
FILES = ("inference.csv", "inference-coverage.csv", "inference.md", "report.html")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, simsepsis_in):
    folder = tmp_path_factory.mktemp("inference")
    (folder / "plan.toml").write_text(PLAN)
    done = simsepsis_in(folder)("infer", "plan.toml", "--out", "run", "--jobs", 1, "--worlds", 8)
    assert done.returncode == 0, done.stderr
    return folder


def refused(done) -> str:
    """Return the one sentence of a refused command."""
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


def test_more_worlds_join_those_that_are_stored_and_give_what_one_run_gives(folder, simsepsis_in) -> None:
    before = {path.name for path in (folder / "run" / "worlds").glob("*.parquet")}
    done = simsepsis_in(folder)("infer", "plan.toml", "--out", "run", "--jobs", 1)
    after = {path.name for path in (folder / "run" / "worlds").glob("*.parquet")}
    assert len(before) == 8
    assert before < after
    assert len(after) == 15
    assert "Risk ratio of death within 30 days in those who were treated" in done.stdout
    # Deaths by arm say nothing of a hidden confounder of which they are the only trace.
    assert "The data add little to the prior of: hidden odds ratio of treatment" in done.stdout
    at_once = infer(folder / "plan.toml", folder / "again", jobs=2)
    table = pd.read_csv(folder / "run" / "inference.csv")
    assert list(table) == list(POSTERIOR)
    pd.testing.assert_frame_equal(table, at_once.table, check_exact=False, rtol=1e-9)
    assert list(at_once.reading_table) == list(READINGS)
    assert all((folder / "run" / name).stat().st_size > 0 for name in FILES)
    for figure in ("prior-and-posterior", "distances", "conflicts"):
        assert (folder / "run" / "figures" / f"{figure}.svg").exists()


def test_the_folder_of_another_inference_is_refused(folder, simsepsis_in) -> None:
    (folder / "other.toml").write_text(PLAN.replace("[0.0, 0.5]", "[0.0, 0.6]"))
    done = simsepsis_in(folder)("infer", "other.toml", "--out", "run")
    assert "holds worlds of another inference" in refused(done)


WRONG = {
    "unknown setting": ('"effect.log_ratio"', '"effect.log_rato"', "log_rato"),
    "reversed": ("{ normal = [0.0, 0.5], words", "{ uniform = [0.5, -0.5], words", "is reversed"),
    "no spread": ("normal = [0.0, 0.5]", "normal = [0.0, 0.0]", "standard deviation of 0"),
    "no logarithm": ("lognormal = [1.0, 0.5]", "lognormal = [-1.0, 0.5]", "no logarithm"),
    "two shapes": ("normal = [0.0, 0.5],", "normal = [0.0, 0.5], uniform = [0.0, 1.0],", "give one of"),
    "beyond the setting": ("lognormal = [1.0, 0.5]", "uniform = [-1.0, 1.0]", "unmeasured.or_treatment"),
    "no priors": (PLAN[PLAN.index('"effect') :], "", "is empty"),
    "unknown reading": ("seed = 5", 'seed = 5\nreadings = ["litteral"]', "did you mean 'literal'"),
    "unknown block": ("seed = 5", 'seed = 5\nblocks = ["befor"]', "did you mean 'before'"),
    "unknown truth": ("log_rr_dth30_att", "log_hr_dth30_att", "no contrast of risks"),
    "no [infer]": (PLAN[PLAN.index("[infer]") :], "", "no [infer] table"),
    "unknown seed": ("seed = 5", 'seed = 5\nworld_seeds = ["icus.sed"]', "infer.world_seeds: icus"),
    "few worlds": ("worlds = 12", "worlds = 2", "worlds"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_plan_is_refused_in_one_sentence(tmp_path, simsepsis, wrong) -> None:
    old, new, expected = WRONG[wrong]
    assert old in PLAN
    (tmp_path / "plan.toml").write_text(PLAN.replace(old, new))
    assert expected in refused(simsepsis("infer", "plan.toml"))


@pytest.mark.parametrize(("option", "value", "least"), [("--worlds", 2, 8), ("--replicates", 2, 3)])
def test_too_few_worlds_or_replicates_are_refused(simsepsis, option, value, least) -> None:
    said = refused(simsepsis("infer", "thesis_inference", option, value, "--out", "run"))
    assert f"{option[2:]} = {value}: input should be greater than or equal to {least}" in said


def test_a_study_without_printed_results_is_refused(tmp_path, simsepsis) -> None:
    shipped = open_study("rhc").folder
    for name in (
        "study.toml",
        "variables.csv",
        "analysis.toml",
        "scenarios/base.toml",
        "scenarios/null.toml",
    ):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_bytes((shipped / name).read_bytes())
    (tmp_path / "mine" / "scenarios" / "base.profile.json").write_bytes(
        (shipped / "scenarios" / "base.profile.json").read_bytes()
    )
    base = tmp_path / "mine" / "scenarios" / "null.toml"
    (tmp_path / "plan.toml").write_text(
        PLAN.replace('study = "rhc"', 'study = "mine"').replace('base = "null"', f'base = "{base}"')
    )
    assert "mine/tables: has no printed tables; write them" in refused(simsepsis("infer", "plan.toml"))


def test_an_inference_is_no_experiment_that_runs(simsepsis) -> None:
    assert "type `simsepsis infer thesis_inference`" in refused(simsepsis("run", "thesis_inference"))


@pytest.mark.parametrize("study", ["jseptic-ivigg", "rhc"])
def test_the_shipped_plans_say_what_they_infer(study) -> None:
    name = "thesis_inference" if study == "jseptic-ivigg" else "inference"
    plan = load_inference(open_study(study).place("experiments", name))
    assert isinstance(plan, InferencePlan)
    assert plan.blocks
    assert plan.infer.truths
    assert all(prior.text for prior in plan.infer.priors.values())
