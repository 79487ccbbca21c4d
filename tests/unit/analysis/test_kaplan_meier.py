from __future__ import annotations

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from numpy.testing import assert_allclose
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

from simsepsis.analysis.survival import cumulative_incidence, kaplan_meier, log_rank, rmst
from simsepsis.errors import DataError, UsageError


def patients(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return tied times, events and three groups."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    death, leaving = np.ceil(rng.exponential(20 + 5 * group)), np.ceil(rng.exponential(30, n))
    return np.minimum(death, leaving), (death <= leaving).astype(int), group


REMISSION = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35])
RELAPSED = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0])
PLACEBO = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23])


def test_the_remission_times_of_gehan() -> None:
    """6-MP arm of Freireich's trial: survival and Greenwood errors as in every textbook."""
    table = kaplan_meier(REMISSION, RELAPSED)
    steps = table[table["events"] > 0]
    assert list(steps["time"]) == [6, 7, 10, 13, 16, 22, 23]
    assert_allclose(steps["survival"], [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], atol=5e-4)
    assert_allclose(steps["std_error"], [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], atol=5e-5)
    assert list(steps["at_risk"]) == [21, 17, 15, 12, 11, 7, 6]


def test_the_log_rank_test_of_gehan() -> None:
    """The two arms: chi-square 16.79."""
    time, event = np.r_[REMISSION, PLACEBO], np.r_[RELAPSED, np.ones(21)]
    statistic, p_value = log_rank(time, event, np.repeat(["6-MP", "placebo"], 21))
    assert statistic == pytest.approx(16.793, abs=5e-4)
    assert p_value == pytest.approx(4.17e-5, rel=1e-2)


def test_equals_lifelines_and_statsmodels() -> None:
    time, event, _ = patients(1)
    table = kaplan_meier(time, event, interval="log_log")
    reference = KaplanMeierFitter().fit(time, event)
    assert_allclose(table["survival"], reference.survival_function_.iloc[1:, 0], rtol=1e-12)
    limits = reference.confidence_interval_survival_function_.iloc[1:].to_numpy()
    alive = table["survival"] > 0
    assert_allclose(table.loc[alive, ["ci_low", "ci_high"]], limits[alive], rtol=1e-9)
    other = SurvfuncRight(time, event)
    steps = table[table["events"] > 0]
    assert_allclose(steps["std_error"], other.surv_prob_se, rtol=1e-12)


def test_without_censoring_it_is_the_share_alive() -> None:
    time = np.array([3.0, 1.0, 2.0, 2.0])
    table = kaplan_meier(time, np.ones(4))
    assert list(table["survival"]) == [0.75, 0.25, 0.0]
    assert table["std_error"].iloc[0] == pytest.approx(np.sqrt(0.75 * 0.25 / 4))


def test_where_nobody_is_left_there_is_no_interval() -> None:
    table = kaplan_meier([1, 2], [1, 1])
    assert table["survival"].iloc[-1] == 0
    assert table[["std_error", "ci_low", "ci_high"]].iloc[-1].isna().all()


@pytest.mark.parametrize("interval", ["log", "log_log", "plain"])
def test_intervals_stay_within_zero_and_one(interval: str) -> None:
    table = kaplan_meier([1, 2, 3, 4, 5], [0, 1, 1, 1, 0], interval=interval)
    first = table.iloc[0]
    assert first["survival"] == first["ci_low"] == first["ci_high"] == 1
    assert first["std_error"] == 0
    assert ((table["ci_low"] >= 0) & (table["ci_high"] <= 1)).all()
    assert ((table["ci_low"] <= table["survival"]) & (table["survival"] <= table["ci_high"])).all()


def test_a_wider_level_gives_a_wider_interval() -> None:
    time, event, _ = patients(2)
    narrow, wide = (kaplan_meier(time, event, level=level).iloc[10] for level in (0.8, 0.99))
    assert wide["ci_low"] < narrow["ci_low"] < narrow["ci_high"] < wide["ci_high"]


@pytest.mark.parametrize("groups", [2, 3])
def test_log_rank_equals_two_packages(groups: int) -> None:
    time, event, group = patients(3)
    group = np.minimum(group, groups - 1)
    ours = log_rank(time, event, group)
    theirs = multivariate_logrank_test(time, group, event)
    assert ours == pytest.approx((theirs.test_statistic, theirs.p_value), rel=1e-9)
    assert ours == pytest.approx(survdiff(time, event, group), rel=1e-9)


def test_log_rank_without_information() -> None:
    time, event, group = patients(4)
    assert np.isnan(log_rank(time, event, np.zeros(200))).all()
    assert np.isnan(log_rank(time, 0 * event, group)).all()


def test_a_group_that_left_before_any_event_does_not_count() -> None:
    time, event, group = patients(5)
    early = np.r_[time + 1, np.full(10, 0.5)]
    with_them = log_rank(early, np.r_[event, np.zeros(10)], np.r_[group, np.full(10, 9)])
    assert with_them == pytest.approx(log_rank(time, event, group), rel=1e-9)


def test_restricted_mean_without_censoring_is_the_mean() -> None:
    time = np.random.default_rng(6).exponential(10, 500)
    value, error = rmst(time, np.ones(500), 15.0)
    cut = np.minimum(time, 15.0)
    assert value == pytest.approx(cut.mean(), rel=1e-12)
    assert error == pytest.approx(cut.std(ddof=0) / np.sqrt(500), rel=1e-9)


def test_restricted_mean_by_the_trapezes_of_the_curve() -> None:
    time, event, _ = patients(7)
    table = kaplan_meier(time, event)
    grid = np.linspace(0, 28, 280_001)[:-1]
    steps = np.r_[1.0, table["survival"]][np.searchsorted(table["time"], grid, side="right")]
    assert rmst(time, event, 28.0)[0] == pytest.approx(steps.mean() * 28, rel=1e-6)


def test_restricted_mean_beyond_the_last_censoring_is_unknown() -> None:
    assert np.isnan(rmst([1, 2, 3], [1, 1, 0], 5.0)).all()
    assert rmst([1, 2, 3], [1, 1, 0], 3.0)[0] == pytest.approx(2.0)
    assert rmst([1, 2, 3], [1, 1, 1], 5.0)[0] == pytest.approx(2.0)


def test_cumulative_incidence_equals_statsmodels() -> None:
    time, event, _ = patients(8)
    cause = event * np.random.default_rng(8).integers(1, 4, time.size)
    table, reference = cumulative_incidence(time, cause), CumIncidenceRight(time, cause)
    for kind in (1, 2, 3):
        ours = table[table["cause"] == kind].set_index("time").loc[reference.times]
        assert_allclose(ours["incidence"], reference.cinc[kind - 1], rtol=1e-12)
        assert_allclose(ours["std_error"], reference.cinc_se[kind - 1], rtol=1e-9)


def test_cumulative_incidences_and_survival_add_to_one() -> None:
    time, event, _ = patients(9)
    cause = event * np.random.default_rng(9).integers(1, 3, time.size)
    incidence = cumulative_incidence(time, cause).groupby("time")["incidence"].sum()
    assert_allclose(incidence, 1 - kaplan_meier(time, event)["survival"], atol=1e-12)


def test_cumulative_incidence_of_one_cause_is_one_minus_survival() -> None:
    time, event, _ = patients(10)
    table, survival = cumulative_incidence(time, event), kaplan_meier(time, event)
    assert_allclose(table["incidence"], 1 - survival["survival"], rtol=1e-12)
    alive = survival["survival"] > 0
    assert_allclose(table.loc[alive, "std_error"], survival.loc[alive, "std_error"], rtol=1e-8, atol=1e-12)


def test_refuses_bad_data() -> None:
    time, event, group = patients(11)
    with pytest.raises(DataError, match="event: row 0 is 5"):
        kaplan_meier(time, 0 * event + 5)
    with pytest.raises(DataError, match="duration has shape"):
        kaplan_meier(time[1:], event)
    with pytest.raises(DataError, match="there is no duration"):
        kaplan_meier([], [])
    with pytest.raises(UsageError, match="interval 'logit' is unknown"):
        kaplan_meier(time, event, interval="logit")
    with pytest.raises(DataError, match="group has shape"):
        log_rank(time, event, group[1:])
    with pytest.raises(UsageError, match="horizon 0 is not positive"):
        rmst(time, event, 0)
    with pytest.raises(DataError, match="cause: row 0 is 0"):
        cumulative_incidence(time, np.full(200, 0.5))
