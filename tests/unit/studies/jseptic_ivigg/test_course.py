"""The course: competing exponential stays against closed forms, and what an effect may change."""

import numpy as np
import pytest

from simsepsis.studies.jseptic_ivigg.world.course import (
    EDGES,
    PATH_DAYS,
    Fate,
    _first_crossing,
    run_course,
    severity_path,
)
from simsepsis.studies.jseptic_ivigg.world.outcome import Course, Hazard
from simsepsis.studies.jseptic_ivigg.world.starts import exposure, start_times

N = 20_000


def constant_course(death, leave, ward_death=-4.0, discharge=-3.0):
    hazards = {
        name: Hazard(intercept=value)
        for name, value in {
            "icu_death": death,
            "icu_discharge": leave,
            "ward_death": ward_death,
            "hospital_discharge": discharge,
        }.items()
    }
    return Course(persistence=1, drift_sd=0, noise_sd=0, noise_correlation=0, risk={}, **hazards)


def fate(n=N, seed=0):
    thresholds = np.random.default_rng(seed).standard_exponential((n, 4))
    return Fate(path=np.zeros((n, PATH_DAYS)), offsets=np.zeros((n, 4)), thresholds=thresholds)


def test_constant_hazards_give_exponential_competing_risks():
    a, b = np.exp(-3.0), np.exp(-2.0)
    exits = run_course(constant_course(-3.0, -2.0), fate())
    share = a / (a + b)
    assert abs(exits.icu_death.mean() - share) < 3 * np.sqrt(share * (1 - share) / N)
    mean = 1 / (a + b)
    assert abs(exits.icu_time.mean() - mean) < 3 * mean / np.sqrt(N)


def test_death_in_the_icu_is_death_in_hospital_and_stays_are_nested():
    exits = run_course(constant_course(-3.0, -2.0), fate())
    assert np.all(exits.hospital_death[exits.icu_death])
    assert np.array_equal(exits.hospital_time[exits.icu_death], exits.icu_time[exits.icu_death])
    assert np.all(exits.hospital_time >= exits.icu_time)
    assert exits.hospital_time.max() <= EDGES[-1]


def test_no_effect_means_the_same_course_for_every_start():
    settled = fate()
    untreated = run_course(constant_course(-3.0, -2.0), settled)
    start = np.random.default_rng(1).uniform(0, 7, N)
    treated = run_course(constant_course(-3.0, -2.0), settled, start=start, log_hazard_ratio=np.zeros(N))
    for name in ("icu_time", "icu_death", "hospital_time", "hospital_death"):
        assert np.array_equal(getattr(untreated, name), getattr(treated, name)), name


def test_many_patients_at_a_time_leave_as_they_do_in_parts(monkeypatch):
    settled, effect = fate(1000), np.full(1000, -0.5)
    whole = run_course(constant_course(-3.0, -2.0), settled, log_hazard_ratio=effect)
    monkeypatch.setattr("simsepsis.studies.jseptic_ivigg.world.course.MANY", 300)
    parts = run_course(constant_course(-3.0, -2.0), settled, log_hazard_ratio=effect)
    for name in ("icu_time", "icu_death", "hospital_time", "hospital_death"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


def test_an_effect_acts_only_after_the_start():
    settled = fate()
    course = constant_course(-2.0, -2.0)
    untreated = run_course(course, settled)
    start = np.full(N, 3.0)
    treated = run_course(course, settled, start=start, log_hazard_ratio=np.full(N, -1.0))
    before = untreated.icu_time <= 3.0
    assert before.sum() > 1_000
    assert np.array_equal(untreated.icu_time[before], treated.icu_time[before])
    assert np.all(treated.icu_time[~before] >= untreated.icu_time[~before])
    assert treated.icu_death.sum() < untreated.icu_death.sum()


def test_treated_from_the_start_has_the_hazard_ratio():
    a, b, effect = np.exp(-3.0), np.exp(-2.0), -0.7
    exits = run_course(
        constant_course(-3.0, -2.0), fate(), start=np.zeros(N), log_hazard_ratio=np.full(N, effect)
    )
    share = a * np.exp(effect) / (a * np.exp(effect) + b)
    assert abs(exits.icu_death.mean() - share) < 3 * np.sqrt(share * (1 - share) / N)


@pytest.mark.parametrize(("left", "when"), [(0.5, 0.5), (1.0, 1.0), (1.5, 1.25), (3.0, 2.0), (4.0, np.inf)])
def test_crossing_times_are_exact_around_the_change(left, when):
    # Hazard 1 until 1, then 2 until 2: cumulative 1 at 1, 3 at 2.
    time, _ = _first_crossing(0.0, 2.0, 1.0, 1.0, 2.0, left)
    assert time == pytest.approx(when)


def test_severity_path_has_its_variance_and_starts_where_patients_start():
    severity = np.random.default_rng(2).standard_normal(N)
    course = constant_course(-3, -2).model_copy(
        update={"persistence": 0.9, "drift_sd": 0.8, "noise_sd": 0.3, "noise_correlation": 0.5}
    )
    path = severity_path(severity, course, np.random.default_rng(3))
    assert np.array_equal(path[:, 0], severity)
    day7 = 0.9**12 + 0.8**2 + 0.3**2 * (1 - 0.5**12)
    assert path[:, 6].var() == pytest.approx(day7, rel=4 * np.sqrt(2 / N))


def test_noise_of_the_path_is_autoregressive_to_the_last_bit():
    severity = np.random.default_rng(2).standard_normal(300)
    course = constant_course(-3, -2).model_copy(
        update={"persistence": 1.0, "drift_sd": 0.0, "noise_sd": 0.3, "noise_correlation": 0.5}
    )
    rng = np.random.default_rng(3)
    rng.standard_normal(300)  # drift
    shocks = rng.standard_normal((300, PATH_DAYS))
    noise, fresh = np.zeros(300), 0.3 * np.sqrt(0.75)
    path = severity_path(severity, course, np.random.default_rng(3))
    for day in range(1, PATH_DAYS):
        noise = 0.5 * noise + fresh * shocks[:, day]
        assert np.array_equal(path[:, day], severity + noise)


def test_starts_invert_the_exposure():
    rng = np.random.default_rng(6)
    icu_time = rng.uniform(0.05, 12.0, 400)
    exposed = exposure(rng.standard_normal((400, PATH_DAYS)), icu_time, severity=0.5, decay=0.3)
    needed = rng.uniform(0.0, 1.2, 400) * exposed[:, -1]
    needed[:7] = exposed[np.arange(7), np.arange(7)]  # used up at the very end of a day
    ends = np.minimum(np.arange(8.0), icu_time[:, None])
    gathered = np.column_stack([np.zeros(400), exposed])
    at = [np.interp(want, known, end) for want, known, end in zip(needed, gathered, ends, strict=True)]
    expected = np.where(needed < exposed[:, -1], at, np.inf)
    assert np.isinf(expected).any()
    assert start_times(exposed, icu_time, needed) == pytest.approx(expected, rel=1e-9)


def test_constant_exposure_starts_are_exponential_and_within_the_stay():
    icu_time = np.full(N, 20.0)
    exposed = exposure(np.zeros((N, PATH_DAYS)), icu_time, severity=0.0, decay=0.0)
    assert exposed[0] == pytest.approx(np.arange(1, 8))
    threshold = np.random.default_rng(4).standard_exponential(N)
    times = start_times(exposed, icu_time, threshold / 0.1)
    assert np.allclose(times[np.isfinite(times)], threshold[np.isfinite(times)] / 0.1)
    share = 1 - np.exp(-0.7)
    assert abs(np.isfinite(times).mean() - share) < 3 * np.sqrt(share * (1 - share) / N)


def test_nothing_starts_after_the_icu():
    rng = np.random.default_rng(5)
    icu_time = rng.uniform(0.05, 12.0, N)
    path = rng.standard_normal((N, PATH_DAYS))
    exposed = exposure(path, icu_time, severity=0.5, decay=0.3)
    times = start_times(exposed, icu_time, rng.standard_exponential(N))
    started = np.isfinite(times)
    assert started.any()
    assert np.all(times[started] <= np.minimum(icu_time[started], 7.0))
    assert np.all(times[started] >= 0.0)
