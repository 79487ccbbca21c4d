"""The second study's worlds are data: the engine knew nothing of it, and they do what they say."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis import generate_cohort, open_study, true_estimands

STUDY = open_study("rhc")


def test_it_has_worlds_experiments_and_a_trial_and_no_module():
    assert set(STUDY.files("scenarios")) == {"base", "null", "harm", "hidden"}
    assert set(STUDY.files("experiments")) == {"methods", "hidden", "inference"}
    assert "catheter" in STUDY.files("trials")
    assert not list(STUDY.folder.glob("**/*.py"))


def test_crude_mortality_is_that_of_the_cohort():
    frame = generate_cohort(STUDY.scenario("base"), seed=1, n=60_000, oracle=False).registry
    died = frame.groupby("rhc")["dth30"].mean()
    # Deaths within 30 days: 830 of 2,184 with a catheter, 1,088 of 3,551 without.
    for arm, printed, patients in ((1, 830 / 2184, 2184), (0, 1088 / 3551, 3551)):
        assert abs(died[arm] - printed) < 3.0 * np.sqrt(printed * (1 - printed) / patients)


@pytest.mark.parametrize(("name", "value"), [("null", 0.0), ("harm", np.log(1.24)), ("hidden", 0.0)])
def test_truths_are_as_stated(name: str, value: float):
    wanted = ("log_or_dth30_att",)
    found = true_estimands(STUDY.scenario(name), population=60_000, seed=4, estimands=wanted).iloc[0]
    assert abs(found["value"] - value) <= 3.0 * np.sqrt(2.0) * found["mcse"] + 1e-12


@pytest.mark.parametrize("name", ["methods", "hidden"])
def test_experiments_are_plans(name: str):
    assert STUDY.experiment(name).run.study == "rhc"
