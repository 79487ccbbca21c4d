"""Methods for registries that record each day: who is at risk of what, and no effect where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from tests.examples import with_slow

from simsepsis import generate_cohort, load_scenario
from simsepsis.analysis.methods import run_method, trials_by_day, weighted_by_day
from simsepsis.analysis.methods.daily_course import courses_of, fitted
from simsepsis.analysis.methods.g_formula_by_day import simulated
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


def ward(n: int, seed: int, effect: float = 0.0, policy: str = "natural_course") -> pd.DataFrame:
    """Return patients whose daily state drives treatment, leaving and death.

    `effect` is the log ratio of the chance of death from the day after the start. Under ``never`` nobody
    starts; under ``start_within_48h`` whoever is untreated at the end of the second day, and stays.
    """
    rng = np.random.default_rng(seed)
    state, age = rng.normal(size=n), rng.normal(60, 10, n)
    start, stay, end = np.full(n, np.inf), np.full(n, np.inf), np.full(n, np.inf)
    died, columns = np.zeros(n, bool), {}
    for day in range(1, 29):
        here, alive = np.isinf(stay), np.isinf(end)
        if day <= 7:
            columns[f"daily_state_{day}"] = np.where(alive, state, np.nan)
            starts = here & np.isinf(start) & (rng.random(n) < expit(-3 + state + 0.02 * (age - 60)))
            if policy == "natural_course" or (policy == "start_within_48h" and day <= 2):
                start[starts] = day - 0.5
        ratio = np.exp(0.6 * state + effect * (start < day - 1))
        dies = alive & (rng.random(n) < np.where(here, 0.03, 0.015) * ratio)
        leaves = here & ~dies & (rng.random(n) < expit(-2 - state))
        goes = alive & ~dies & ~here & (rng.random(n) < 0.1)
        if policy == "start_within_48h" and day == 2:
            start[here & ~dies & ~leaves & np.isinf(start)] = day - 0.5
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


def policy_truths(effect: float) -> dict[str, float]:
    """Return the truths in the ward, from 400,000 patients under each policy."""
    dead, days = {}, {}
    for policy in ("natural_course", "start_within_48h", "never"):
        frame = ward(400_000, 99, effect, policy)
        died = frame["hospital_death"] == 1
        dead[policy] = died.mean()
        days[policy] = np.where(died, frame["hospital_days"] - 0.5, 28.0).mean()
    truths = {}
    for policy, other in (("start_within_48h", "never"), ("never", "natural_course")):
        truths[f"cid_hospital_death_28_{policy}"] = dead[policy] - dead[other]
        truths[f"rmst28_difference_{policy}"] = days[policy] - days[other]
    return truths


@pytest.mark.parametrize("effect", with_slow([0.0, -0.7], [0.0]))
def test_the_g_formula_finds_the_effect_of_policies(effect: float) -> None:
    truths = policy_truths(effect)
    rows = run_method("g_formula", ward(9_000, 3, effect), seed=1, spec=SPEC)
    assert rows["converged"].all()
    for row in rows.itertuples():
        assert abs(row.estimate - truths[row.estimand]) < 3 * row.std_error, row.estimand
    if effect:
        early = rows.set_index("estimand").loc["cid_hospital_death_28_start_within_48h"]
        assert early["ci_high"] < 0.0


def test_the_natural_course_is_what_was_observed() -> None:
    courses = courses_of(task_on(WARD))
    paths = simulated("natural_course", courses, fitted(courses, 28), 7, 28)
    for day in (3, 7, 14, 28):
        observed = np.mean(courses.dies & (courses.end <= day))
        error = np.sqrt(observed * (1 - observed) * (1 / WARD.shape[0] + 1 / paths.death.size))
        assert abs(np.mean(paths.death <= day) - observed) < 3 * error, day


@pytest.mark.slow
def test_intervals_of_the_g_formula_cover_the_effect_of_policies() -> None:
    truths = policy_truths(-0.7)
    found = pd.concat(
        [run_method("g_formula", ward(1_500, seed, -0.7), seed=seed, spec=SPEC) for seed in range(400)]
    )
    for name, rows in found.groupby("estimand"):
        covered = np.mean((rows["ci_low"] < truths[name]) & (truths[name] < rows["ci_high"]))
        spread = rows["estimate"].std()
        assert abs(rows["estimate"].mean() - truths[name]) < 3 * spread / np.sqrt(400) + 0.001, name
        assert abs(covered - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 400), name
        assert rows["std_error"].mean() / spread == pytest.approx(1, abs=3 / np.sqrt(800)), name
