"""Run folders that something happened to: one sentence each, and no stored row is lost."""

import shutil

import pytest

from simsepsis.experiment import run_experiment


@pytest.fixture(scope="module")
def finished(tmp_path_factory, quick_plan_text):
    """Return the folder of a plan and of a finished run of it, which tests must not change."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.toml").write_text(quick_plan_text())
    run_experiment(folder / "small.toml", folder / "r", jobs=1)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """Return the folder of a copy of the run."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path / "r"


def assert_goes_on(run, finished, computed):
    """The run has the same end as one that nothing happened to."""
    assert run_experiment(finished / "small.toml", run, jobs=1).computed == computed
    assert (run / "performance.csv").read_bytes() == (finished / "r" / "performance.csv").read_bytes()


def test_a_truncated_part_and_foreign_files_are_set_aside_and_only_what_is_missing_is_computed(
    run, finished, simsepsis
):
    part = sorted((run / "estimates").iterdir())[0]
    part.write_bytes(part.read_bytes()[:1000])
    shutil.copy(run / "truth.parquet", run / "estimates" / "other.parquet")
    result = simsepsis("run", "small.toml", "--out", "r", "--jobs", 1)
    assert result.returncode == 0, result.stderr
    assert f"{part.name} is damaged; it is now in set-aside" in result.stdout
    assert "other.parquet is damaged; it is now in set-aside" in result.stdout
    assert "1 replicate computed" in result.stdout
    assert_goes_on(run, finished, computed=0)


def test_parts_of_a_lost_world_stay_until_it_is_settled_again(run, finished, simsepsis):
    sorted((run / "cells").iterdir())[0].unlink()
    result = simsepsis("summarize", "r")
    assert result.returncode == 0, result.stderr
    assert not (run / "set-aside").exists()
    assert_goes_on(run, finished, computed=0)


def test_a_method_taken_out_of_the_plan_by_hand_leaves_the_others_to_be_shown(run, finished, simsepsis):
    text = (run / "plan.toml").read_text()
    (run / "plan.toml").write_text(text.replace('"oracle_ps", "icu_preference_iv"', '"oracle_ps"'))
    result = simsepsis("summarize", "r")
    assert result.returncode == 0, result.stderr
    performance = (run / "performance.csv").read_text()
    assert "oracle_ps" in performance
    assert "icu_preference_iv" not in performance
    assert_goes_on(run, finished, computed=0)


def test_a_method_that_takes_too_long_is_rows_with_the_reason_and_replay_shows_where(
    simsepsis, quick_plan_text, tmp_path
):
    text = quick_plan_text(("replicates = 6", "replicates = 1\nmethod_seconds = 0.001"))
    (tmp_path / "short.toml").write_text(text.replace("[0.0, 1.0]", "[0.0]"))
    result = simsepsis("run", "short.toml", "--out", "r", "--jobs", 1)
    assert result.returncode == 0, result.stderr
    assert "2 rows without an estimate" in result.stdout
    assert "ended at the time limit of 0.001 s" in (tmp_path / "r" / "report.html").read_text()
    shown = simsepsis("replay", "r", "--cell", "by_severity=0.0", "--replicate", 0, "--out", "again")
    assert shown.returncode == 0, shown.stderr
    # Brackets in a traceback are no markup.
    assert "known[method].function" in shown.stdout
