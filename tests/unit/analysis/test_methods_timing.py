"""Who is at risk, when, in which arm: small cohorts laid out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose

from simsepsis.analysis.methods import clone_censor, run_method, timing
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.shared import Shared, known
from simsepsis.analysis.methods.start_times import course_of
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.errors import DataError, SimsepsisError
from simsepsis.streams import streams

SPEC = AnalysisSpec(
    name="small",
    outcomes=("hospital_death",),
    covariates=("age",),
    cluster=None,
    patient=None,
    adjuncts=(),
    transfusions=(),
    durations=(),
    later_scores=(),
    subgroups=(),
)
HOURS = {0: np.nan, 1: 30.0, 2: 3.0, 3: 100.0, 4: np.nan}


def cohort(**columns: object) -> pd.DataFrame:
    """Return five patients: never, day 2, day 1, day 5, never treated."""
    data = {
        "age": [60.0, 70.0, 50.0, 80.0, 65.0],
        "ivigg": [0, 1, 1, 1, 0],
        "ivigg_hour": list(HOURS.values()),
        "hospital_days": [2.0, 9.0, 1.0, 6.0, 20.0],
        "hospital_death": [1, 1, 1, 0, 0],
    }
    return pd.DataFrame(data | columns)


def task_on(registry: pd.DataFrame, spec: AnalysisSpec = SPEC) -> Task:
    return Task(method="x", shared=Shared(registry=registry, spec=spec, draw=streams(0)))


def table(rows: timing.Intervals) -> list[tuple[float, ...]]:
    entry = np.full(rows.patient.size, -1.0) if rows.entry is None else rows.entry
    return sorted(zip(rows.patient, entry, rows.duration, rows.event, rows.treated, strict=True))


def test_fixed_treatment_counts_from_admission() -> None:
    assert table(timing.time_fixed(task_on(cohort()))) == [
        (0, -1, 2, True, False),
        (1, -1, 9, True, True),
        (2, -1, 1, True, True),
        (3, -1, 6, False, True),
        (4, -1, 20, False, False),
    ]


def test_early_deaths_leave_and_early_discharges_stay() -> None:
    rows = timing.early_deaths_excluded(task_on(cohort(hospital_days=[3.0, 9.0, 4.0, 6.0, 2.0])))
    assert list(rows.patient) == [1, 2, 3, 4]
    assert list(rows.treated) == [True, True, True, False]


def test_treatment_counts_from_the_end_of_its_day() -> None:
    """Hour 30 of days recorded as whole numbers: from day 2 on; started on the last day: never."""
    course = course_of(task_on(cohort()))
    assert_allclose(course.since, [np.inf, 2, np.inf, 5, np.inf])
    assert_allclose(course.start, [np.inf, 1.25, 0.125, 100 / 24, np.inf])
    assert table(timing.time_varying(task_on(cohort()))) == [
        (0, -1, 2, True, False),
        (1, -1, 2, False, False),
        (1, 2, 9, True, True),
        (2, -1, 1, True, False),
        (3, -1, 5, False, False),
        (3, 5, 6, False, True),
        (4, -1, 20, False, False),
    ]


def test_exact_times_split_where_treatment_starts() -> None:
    rows = timing.time_varying(task_on(cohort(hospital_days=[2.0, 9.0, 0.9, 6.0, 20.0])))
    found = [row for row in table(rows) if row[0] in (1, 2)]
    assert found == [
        (1, -1, 1.25, False, False),
        (1, 1.25, 9, True, True),
        (2, -1, 0.125, False, False),
        (2, 0.125, 0.9, True, True),
    ]


def test_the_landmark_compares_those_still_there() -> None:
    assert table(timing.from_landmark(task_on(cohort()))) == [
        (1, -1, 9, True, True),
        (3, -1, 6, False, False),
        (4, -1, 20, False, False),
    ]


def test_a_horizon_ends_follow_up_and_later_treatment() -> None:
    task = task_on(cohort(), replace(SPEC, censoring=4.0))
    assert list(timing.time_fixed(task).duration) == [2, 4, 1, 4, 4]
    assert_allclose(course_of(task).since, [np.inf, 2, np.inf, np.inf, np.inf])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ivigg_hour": [np.nan, np.nan, 3, 100, np.nan]}, r"'ivigg_hour' is nan in row 2.*was treated"),
        ({"ivigg_hour": [5, 30, 3, 100, np.nan]}, r"'ivigg_hour' is 5 in row 1.*was untreated"),
        ({"ivigg_hour": [np.nan, -1, 3, 100, np.nan]}, r"'ivigg_hour' is -1 in row 2"),
        ({"ivigg_hour": [np.nan, 30, 3, 145, np.nan]}, r"after the end of follow-up in row 4"),
    ],
)
def test_impossible_times_name_the_row(columns: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        course_of(task_on(cohort(**columns)))
    rows = run_method("cox_time_varying", cohort(**columns), spec=SPEC)
    assert rows["failure"].str.contains(message).all()


def test_a_negative_time_names_the_row() -> None:
    spec = replace(SPEC, survival_time="days")
    with pytest.raises(SimsepsisError, match="'days' has the value -1 in row 3; it must be at least 0"):
        course_of(task_on(cohort(days=[2.0, 9.0, -1.0, 6.0, 20.0]), spec))


def test_the_hour_column_may_have_another_name() -> None:
    renamed = cohort().rename(columns={"ivigg_hour": "start"})
    course = course_of(task_on(renamed, replace(SPEC, columns={"ivigg_hour": "start"})))
    assert_allclose(course.since, [np.inf, 2, np.inf, 5, np.inf])


def with_hours(registry: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    latest = 24.0 * np.minimum(registry["hospital_days"], 7.0)
    hours = latest * np.random.default_rng(seed).random(len(registry)) ** 2
    return registry.assign(ivigg_hour=np.where(registry["ivigg"] == 1, hours, np.nan))


FULL = replace(THESIS_SPEC, covariates=("age", "apache2"))


@pytest.mark.parametrize(
    ("method", "layout"),
    [
        ("cox_time_fixed", timing.time_fixed),
        ("cox_time_varying", timing.time_varying),
        ("landmark_day3", timing.from_landmark),
        ("exclude_early_deaths", timing.early_deaths_excluded),
    ],
)
def test_the_regression_is_that_of_the_layout(
    registry: pd.DataFrame, method: str, layout: timing.Layout
) -> None:
    hours = with_hours(registry)
    rows = layout(task_on(hours, FULL))
    X = np.column_stack([rows.treated, registry[["age", "apache2"]].to_numpy()[rows.patient]])
    # statsmodels counts a row as at risk at its entry too, so that whole days are moved off the deaths
    entry = None if rows.entry is None else np.maximum(rows.entry + 0.5, 0)
    model = sm.PHReg(rows.duration, X, status=rows.event, entry=entry, ties="efron")
    fit = model.fit()
    row = run_method(method, hours, spec=FULL).iloc[0]
    assert row["estimand"] == "log_hr_hospital_death_twin"
    assert_allclose([row["estimate"], row["std_error"]], [fit.params[0], fit.bse[0]], rtol=1e-5)
    assert row["n_used"] == np.unique(rows.patient).size


DAYS = clone_censor.Days(
    last=np.array([2, 9, 5, 9, 3, 8]),
    event=np.array([True, True, True, False, False, True]),
    start=np.array([29, 2, 29, 5, 1, 29]),
    chance=np.array([2, 9, 5, 9, 3, 1]),
)
HAZARD = np.where(np.arange(1, 6) <= DAYS.chance[:, None], 0.5, 0.0)
Row = tuple[int, int, int, bool, float]


def clones(rows: clone_censor.Clones) -> list[Row]:
    return sorted(zip(rows.patient, rows.entry, rows.exit, rows.event, rows.weight, strict=True))


def test_clones_of_never_are_censored_at_the_end_of_the_day_of_treatment() -> None:
    """Died day 2; treated day 2; died day 5; treated day 5; treated day 1; left the ICU on day 1."""
    assert clones(clone_censor.never_treated(DAYS, HAZARD)) == [
        (0, 0, 1, False, 1.0),
        (0, 1, 2, True, 2.0),
        (1, 0, 1, False, 1.0),
        (1, 1, 2, False, 2.0),
        (2, 0, 1, False, 1.0),
        (2, 1, 2, False, 2.0),
        (2, 2, 3, False, 4.0),
        (2, 3, 4, False, 8.0),
        (2, 4, 5, True, 16.0),
        (3, 0, 1, False, 1.0),
        (3, 1, 2, False, 2.0),
        (3, 2, 3, False, 4.0),
        (3, 3, 4, False, 8.0),
        (3, 4, 5, False, 16.0),
        (4, 0, 1, False, 1.0),
        (5, 0, 1, False, 1.0),
        (5, 1, 2, False, 2.0),
        (5, 2, 3, False, 2.0),
        (5, 3, 4, False, 2.0),
        (5, 4, 5, False, 2.0),
        (5, 5, 8, True, 2.0),
    ]


def test_clones_of_treatment_in_time_are_censored_after_the_grace_period() -> None:
    begun = 1 - 0.5**3
    assert clones(clone_censor.treated_in_grace(DAYS, HAZARD)) == [
        (0, 0, 2, True, 1.0),
        (1, 0, 3, False, 1.0),
        (1, 3, 9, True, 1 / begun),
        (2, 0, 3, False, 1.0),
        (3, 0, 3, False, 1.0),
        (4, 0, 3, False, 1.0),
        (5, 0, 3, False, 1.0),
        (5, 3, 8, True, 1.0),
    ]


def test_days_are_counted_from_one_and_icu_days_limit_the_chance() -> None:
    registry = cohort(icu_days=[2.0, 4.0, 1.0, 3.0, 7.5])
    task = task_on(registry)
    days = clone_censor._days(task, known(task.shared.cohort))
    assert list(days.last) == [2, 9, 1, 6, 20]
    assert list(days.start) == [29, 2, 1, 5, 29]
    assert list(days.chance) == [2, 4, 1, 5, 8]
    without = clone_censor._days(task_on(cohort()), known(task.shared.cohort))
    assert list(without.chance) == list(without.last)


def test_the_hazard_of_starting_is_estimated_on_days_at_risk(registry: pd.DataFrame) -> None:
    task = task_on(with_hours(registry), FULL)
    days = clone_censor._days(task, known(task.shared.cohort))
    hazard = clone_censor.start_hazard(days, known(task.shared.design))
    day = np.arange(1, hazard.shape[1] + 1)
    at_risk = (day <= days.chance[:, None]) & (day <= days.start[:, None])
    assert (hazard[day > days.chance[:, None]] == 0).all()
    # a logistic model with an indicator of each day gives each day's observed number of starts
    starts = (days.start[:, None] == day).sum(axis=0)
    assert_allclose((hazard * at_risk).sum(axis=0), starts, rtol=1e-8)


def test_everybody_in_a_trial_of_no_choice_gives_reasons(registry: pd.DataFrame) -> None:
    late = with_hours(registry).assign(hospital_days=40.0)
    late["ivigg_hour"] = np.where(late["ivigg"] == 1, 24.0 * 35, np.nan)
    row = run_method("clone_censor_weight", late, spec=FULL).iloc[0]
    assert row["failure"] == "nobody starts treatment while followed"


def test_fine_gray_keeps_the_discharged_at_risk(registry: pd.DataFrame) -> None:
    rows = run_method("fine_gray", registry)
    task = task_on(registry, THESIS_SPEC)
    matched = known(known(task.shared.thesis).matched)
    days, dead = (matched.cohort.column(name) for name in ("hospital_days", "hospital_death"))
    event = (dead == 1) & (days <= 28)
    arm = matched.cohort.treated.astype(float)
    model = sm.PHReg(np.where(event, days, 28.0), arm, status=event, ties="efron")
    assert_allclose(rows["estimate"], model.fit().params, rtol=1e-6)
    administrative = run_method("fine_gray", registry, spec=replace(THESIS_SPEC, censoring="administrative"))
    assert administrative["failure"].str.startswith("the spec says that nobody leaves alive").all()
