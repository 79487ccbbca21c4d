"""Methods for registries that record each day: who is at risk of what, and no effect where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from simsepsis import generate_cohort, load_scenario
from simsepsis.analysis.methods import run_method, trials_by_day, weighted_by_day
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.patient_days import patient_days
from simsepsis.analysis.methods.shared import Shared
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.streams import streams

SPEC = AnalysisSpec(
    name="days",
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
METHODS = ("sequential_trials", "risk_set_matching", "msm")


def ward(n: int, seed: int) -> pd.DataFrame:
    """Return patients whose daily state drives treatment, leaving and death; treatment does nothing."""
    rng = np.random.default_rng(seed)
    state, age = rng.normal(size=n), rng.normal(60, 10, n)
    start, stay, end = np.full(n, np.inf), np.full(n, np.inf), np.full(n, np.inf)
    died, columns = np.zeros(n, bool), {}
    for day in range(1, 29):
        here, alive = np.isinf(stay), np.isinf(end)
        if day <= 7:
            columns[f"daily_state_{day}"] = np.where(alive, state, np.nan)
            starts = here & np.isinf(start) & (rng.random(n) < expit(-3 + state + 0.02 * (age - 60)))
            start[starts] = day - 0.5
        dies = alive & (rng.random(n) < np.where(here, 0.03, 0.015) * np.exp(0.6 * state))
        leaves = here & ~dies & (rng.random(n) < expit(-2 - state))
        goes = alive & ~dies & ~here & (rng.random(n) < 0.1)
        died |= dies
        end[dies | goes] = day
        stay[leaves | (here & dies)] = day
        state = np.where(day < 14, 0.8 * state + 0.6 * rng.normal(size=n), state)
    end, stay = np.minimum(end, 28.0), np.minimum(stay, 28.0)
    treated = start < end
    return pd.DataFrame(
        {
            "age": age,
            "ivigg": treated.astype(int),
            "ivigg_hour": np.where(treated, 24 * start, np.nan),
            "icu_days": np.minimum(stay, end),
            "hospital_days": end,
            "hospital_death": died.astype(int),
            **columns,
        }
    )


WARD = ward(9_000, 1)


def task_on(frame: pd.DataFrame) -> Task:
    return Task(method="x", shared=Shared(registry=frame, spec=SPEC, draw=streams(0)))


def test_patients_are_at_risk_of_a_start_while_in_the_unit() -> None:
    days = patient_days(task_on(WARD))
    by_patient = pd.DataFrame({"patient": days.patient, "day": days.day, "starts": days.starts})
    assert (by_patient.groupby("patient")["day"].diff().dropna() == 1).all()
    assert by_patient.groupby("patient")["starts"].sum().max() == 1
    last = by_patient.groupby("patient").last()
    frame = WARD.loc[last.index]
    assert (last["day"] <= np.minimum(frame["icu_days"], 7)).all()
    assert (frame.loc[last["starts"].to_numpy(), "ivigg"] == 1).all()
    dead = (WARD["hospital_death"] == 1).to_numpy()[days.patient]
    assert (days.day[dead] < WARD["hospital_days"].to_numpy()[days.patient][dead]).all()
    for day in (1, 4):
        now = days.day == day
        assert_allclose(days.daily[now, 0], WARD[f"daily_state_{day}"].to_numpy()[days.patient[now]])


def test_pieces_of_a_trial_join_and_end_where_follow_up_does() -> None:
    days = patient_days(task_on(WARD))
    trial, entry, until, weight = trials_by_day.followed(days)
    pieces = pd.DataFrame({"trial": trial, "entry": entry, "until": until, "weight": weight})
    pieces = pieces.sort_values(["trial", "entry"])
    assert (pieces["until"] > pieces["entry"]).all()
    gaps = pieces["entry"] - pieces.groupby("trial")["until"].shift()
    assert (gaps.dropna() == 0).all()
    assert (pieces.groupby("trial")["entry"].first() == days.day[np.unique(trial)]).all()
    ends = pieces.groupby("trial")["until"].last()
    full = days.duration[days.patient[ends.index]]
    later = WARD["ivigg"].to_numpy()[days.patient[ends.index]] == 1
    assert (ends[~later] == full[~later]).all()
    starters = days.starts[ends.index]
    assert (ends[starters] == full[starters]).all()
    assert 0.9 < pieces.groupby("trial")["weight"].first().mean() < 1.1


def test_weighted_pieces_cover_everybody_once() -> None:
    days = patient_days(task_on(WARD))
    patient, entry, until, treated, weight = weighted_by_day.pieces(days, len(WARD))
    pieces = pd.DataFrame({"entry": np.maximum(entry, 0), "until": until, "treated": treated}).groupby(
        patient
    )
    length = (pieces["until"].sum() - pieces["entry"].sum()).to_numpy()
    assert_allclose(length, WARD["hospital_days"].to_numpy())
    assert (weight > 0).all()
    assert weight.mean() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("method", METHODS[:2])
def test_no_effect_is_found_where_the_days_tell_all(method: str) -> None:
    row = run_method(method, WARD, spec=SPEC).iloc[0]
    assert row["converged"]
    assert abs(row["estimate"]) < 3 * row["std_error"]
    simple = run_method("cox_time_varying", WARD, spec=SPEC).iloc[0]
    assert simple["estimate"] > 4 * simple["std_error"]


@pytest.mark.parametrize("method", METHODS)
def test_a_registry_without_days_says_what_it_lacks(method: str) -> None:
    frame = WARD.drop(columns=[name for name in WARD if name.startswith("daily")])
    row = run_method(method, frame, spec=SPEC).iloc[0]
    assert row["failure"].startswith("needs what is recorded of each day, in columns daily_NAME_1")
    assert row["failure_kind"] == "not available"
    holed = run_method(method, WARD.drop(columns="daily_state_3"), spec=SPEC).iloc[0]
    assert holed["failure_kind"] == "not available"


def test_a_world_records_the_days_without_changing_anything_else() -> None:
    world = load_scenario("thesis")
    daily = world.model_copy(update={"observation": world.observation.model_copy(update={"daily": True})})
    assert daily.hash != world.hash
    same = world.model_copy(update={"observation": world.observation.model_copy(update={"daily": False})})
    assert same.hash == world.hash
    before, after = (generate_cohort(one, seed=1, n=600).registry for one in (world, daily))
    pd.testing.assert_frame_equal(after[before.columns], before)
    daily = [name for name in after if name not in before]
    assert len(daily) == 6 * 7
    for organ in ("resp", "coag", "liver", "cv", "cns", "renal"):
        assert_allclose(after[f"daily_sofa_{organ}_3"], before[f"sofa_{organ}_day3"])
        assert_allclose(after[f"daily_sofa_{organ}_7"], before[f"sofa_{organ}_day7"])
        assert after[f"daily_sofa_{organ}_5"].isna().equals(after["hospital_days"] < 5)
        steps = after[[f"daily_sofa_{organ}_{day}" for day in range(1, 8)]].diff(axis=1)
        assert steps.abs().mean().max() < 1


def test_trials_that_know_the_true_severity_need_a_world_that_has_it() -> None:
    world = load_scenario("thesis")
    seen = world.observation.model_copy(update={"timing": True})
    cohort = generate_cohort(world.model_copy(update={"observation": seen}), seed=2, n=1_200)
    assert run_method("oracle_trials", cohort.registry, oracle=cohort.oracle)["converged"].all()

    class Plain:
        propensity = np.full(1_200, 0.5)
        unmeasured = np.zeros(1_200)

    row = run_method("oracle_trials", cohort.registry, oracle=Plain()).iloc[0]  # type: ignore[arg-type]
    assert row["failure"].startswith("needs the severity of each day")


def test_the_study_s_own_world_gives_all_daily_methods_what_they_need() -> None:
    world = load_scenario("thesis")
    seen = world.observation.model_copy(update={"daily": True, "timing": True})
    registry = generate_cohort(world.model_copy(update={"observation": seen}), seed=2, n=1_200).registry
    for method in METHODS:
        assert run_method(method, registry, spec=replace(THESIS_SPEC))["converged"].all()
