"""Levels of a category go with a number in the world as in the cohort, the frequent middle one too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.unit.fitting.cohorts import randomized_cohort

from simsepsis import AnalysisSpec, fit_world, generate_cohort

STAGES = ["early", "first", "middle", "last"]
AGES = [-np.inf, 45.0, 55.0, 65.0, 75.0, np.inf]


def cohort_in_stages() -> tuple[pd.DataFrame, AnalysisSpec]:
    """Return a cohort whose stage rises with age: most are in the middle, but neither young nor old."""
    frame, spec = randomized_cohort(4_000, seed=5)
    rng = np.random.default_rng(6)
    frame["age"] = np.round(rng.normal(60.0, 14.0, len(frame)))
    score = 0.8 * (frame["age"] - 60.0) / 14.0 + 0.6 * rng.standard_normal(len(frame))
    frame["stage"] = np.array(STAGES)[np.digitize(score, [-1.2, -0.6, 0.9])]
    return frame, replace(spec, covariates=("age", "stage"))


def shares_by_age(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.crosstab(pd.cut(frame["age"], AGES), frame["stage"].astype(str), normalize="index")


@pytest.mark.parametrize("words", [STAGES, ["z", "c", "b", "a"]])
def test_levels_go_with_a_number_whatever_they_are_called(words: list[str]):
    frame, spec = cohort_in_stages()
    frame["stage"] = frame["stage"].map(dict(zip(STAGES, words, strict=True)))
    made = generate_cohort(fit_world(frame, spec).scenario, seed=1, n=40_000, oracle=False).registry
    own, theirs = shares_by_age(frame), shares_by_age(made)
    error = np.sqrt(own * (1.0 - own)).div(np.sqrt(pd.cut(frame["age"], AGES).value_counts()), axis=0)
    assert ((own - theirs).abs() <= 3.0 * error + 0.03).to_numpy().all()
