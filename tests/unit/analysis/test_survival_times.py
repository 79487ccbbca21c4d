"""Near ties, negative times, and data in which survival analysis has nothing to go by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from simsepsis.analysis.survival import (
    cumulative_incidence,
    farthest_horizon,
    fit_cox,
    kaplan_meier,
    log_rank,
    proportional_hazards_test,
    rmst,
)
from simsepsis.analysis.survival.times import SAME, follow_up_times, intervals
from simsepsis.errors import DataError, UsageError

EVENT = np.array([1, 1, 0, 1, 1, 0, 1, 1, 0, 1])
GROUP = np.array([0, 1, 0, 1, 1, 0, 0, 1, 1, 0])
X = np.array([0.0, 1, 0, 1, 1, 0, 0.5, 0.2, 1, 0])
TIED = np.array([0.3, 0.3, 0.3, 0.7, 0.9, 1.0, 0.7, 1.2, 0.7, 1.5])
NEAR = np.array([0.1 + 0.2, 0.3, 0.3 - 1e-10, 0.7, 0.9, 1.0, 0.7 + 1e-9, 1.2, 0.4 + 0.3, 1.5])


def rmst_to_one(time: np.ndarray) -> Any:
    return rmst(time, EVENT, 1.0)


def cox(time: np.ndarray) -> Any:
    fit = fit_cox(X, time, EVENT)
    return fit.params[0], fit.std_errors[0], fit.log_likelihood


def trend(time: np.ndarray) -> Any:
    return proportional_hazards_test(fit_cox(X, time, EVENT), X, time, EVENT).statistic


ANALYSES: dict[str, Callable[[np.ndarray], Any]] = {
    "cox": cox,
    "trend": trend,
    "kaplan_meier": lambda time: kaplan_meier(time, EVENT).to_numpy(),
    "log_rank": lambda time: log_rank(time, EVENT, GROUP),
    "cumulative_incidence": lambda time: cumulative_incidence(time, EVENT * (1 + GROUP)).to_numpy(),
    "rmst": rmst_to_one,
    "farthest_horizon": lambda time: farthest_horizon(time, EVENT),
}


@pytest.mark.parametrize("name", ANALYSES)
def test_near_ties_are_ties(name: str) -> None:
    """0.1 + 0.2 and 0.3 are one time, as with `timefix` in R."""
    assert len(np.unique(NEAR)) > len(np.unique(TIED))
    assert_allclose(ANALYSES[name](NEAR), ANALYSES[name](TIED), rtol=1e-8)


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize("unit", [2.0**-600, 2.0**-40, 1024.0, 2.0**900])
def test_the_unit_of_time_changes_nothing(name: str, unit: float) -> None:
    """A power of two rounds nothing, so that all must be the same but for the times themselves."""
    if name in ("kaplan_meier", "cumulative_incidence"):
        column = 0 if name == "kaplan_meier" else 1
        scaled, plain = ANALYSES[name](NEAR * unit), ANALYSES[name](NEAR)
        scaled[:, column] /= unit
        assert_allclose(scaled, plain, rtol=1e-13)
    elif name == "rmst":
        assert_allclose(rmst(NEAR * unit, EVENT, unit), np.array(rmst_to_one(NEAR)) * unit, rtol=1e-13)
    elif name == "farthest_horizon":
        assert farthest_horizon(NEAR * unit, EVENT) == farthest_horizon(NEAR, EVENT) * unit
    else:
        assert_allclose(ANALYSES[name](NEAR * unit), ANALYSES[name](NEAR), rtol=1e-12)


def merged(time: list[float]) -> int:
    return len(np.unique(follow_up_times(time, len(time))))


def test_the_tolerance_is_a_share_of_the_mean_distinct_time() -> None:
    """R's `aeqSurv`: 1.5e-8 of the mean of the distinct times, and a chain of near ties is one time."""
    assert pytest.approx(1.4901161193847656e-08) == SAME
    mean = (1 + 1 + 4) / 3
    assert merged([1.0, 1.0 + 0.99 * SAME * mean, 4.0]) == 2
    assert merged([1.0, 1.0 + 1.01 * SAME * mean, 4.0]) == 3
    # the mean is one of times, not of patients
    assert merged([1.0, 1.0 + 0.99 * SAME * mean, *[4.0] * 50]) == 2
    assert merged([1.0, 1.0 + 1e-8, 1.0 + 2e-8, 1.0 + 3e-8]) == 1
    chain = follow_up_times([1.0 + 3e-8, 1.0, 1.0 + 1e-8, 1.0 + 2e-8, 2.0], 5)
    assert chain.tolist() == [1.0, 1.0, 1.0, 1.0, 2.0]
    assert merged([1.0, 1.0004, 1e5]) == 2
    assert merged([0.0, 0.0, 5.0]) == 2
    assert merged([0.0]) == 1


def test_times_that_differ_clearly_are_left_alone() -> None:
    time = np.random.default_rng(1).exponential(20, 500)
    assert follow_up_times(time, 500) is time


def test_near_ties_of_intervals_meet() -> None:
    """An interval that ends at 0.1 + 0.2 and one that begins at 0.3 join; so with ties in both columns."""
    entry = np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.3, 0.0])
    end = np.array([0.1 + 0.2, 0.9, 0.3, 0.7, 0.9, 1.0, 1.1])
    event = np.array([0, 1, 1, 1, 0, 1, 0])
    covariate = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    exact = np.where(end == 0.1 + 0.2, 0.3, end)
    ours, reference = (fit_cox(covariate, time, event, entry=entry) for time in (end, exact))
    assert_allclose(ours.params, reference.params, rtol=1e-12)
    assert_allclose(ours.std_errors, reference.std_errors, rtol=1e-12)
    with pytest.raises(DataError, match=r"entry: row 1 enters at 0\.3, which is not before its duration but"):
        intervals([0.0, 0.3, 0.0], [1.0, 0.1 + 0.2, 2.0], 3)


def test_an_entry_below_zero_is_before_the_start() -> None:
    time = np.array([0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 6.0, 7.0])
    ours, plain = fit_cox(X, time, EVENT, entry=np.full(10, -1.0)), fit_cox(X, time, EVENT)
    assert_allclose(ours.params, plain.params, rtol=1e-10)


@pytest.mark.parametrize("name", ANALYSES)
def test_negative_times_are_refused_with_their_row(name: str) -> None:
    time = np.where(np.arange(10) == 3, -0.5, TIED)
    with pytest.raises(DataError, match=r"duration: row 3 is -0\.5; give times of 0 or more"):
        ANALYSES[name](time)
    ANALYSES[name](np.where(np.arange(10) == 3, 0.0, TIED))


def test_labels_of_groups_must_be_there_and_of_one_kind() -> None:
    for labels, words in (
        ([np.nan, *GROUP[1:]], "group: row 0 has no label"),
        ([*GROUP[:9], None], "group: row 9 has no label"),
        (["a", "b", np.nan, *"abababa"], "group: row 2 has no label"),
        ([0, "0", *GROUP[2:]], "group: row 1 has the label '0' and row 0 0"),
    ):
        with pytest.raises(DataError, match=words):
            log_rank(TIED, EVENT, labels)
    assert_allclose(log_rank(TIED, EVENT, np.where(GROUP, "b", "a")), log_rank(TIED, EVENT, GROUP == 1))


def test_the_largest_horizon_is_that_of_survrm2() -> None:
    assert farthest_horizon([1, 2, 3], [1, 1, 0]) == 3
    assert farthest_horizon([1, 2, 3], [1, 0, 1]) == np.inf
    assert farthest_horizon([1, 3, 3], [1, 0, 1]) == 3
    assert np.isnan(rmst([1, 2, 3], [1, 1, 0], 3.001)).all()
    assert rmst([1, 2, 3], [1, 1, 0], 3)[0] == pytest.approx(2)
    # 0.3 is followed to 0.1 + 0.2
    assert rmst([0.1, 0.2, 0.3], [1, 1, 0], 0.1 + 0.2)[0] == pytest.approx(0.2)
    assert np.isnan(rmst([0, 0], [0, 0], 1)).all()


def test_to_infinity_the_restricted_mean_is_the_mean() -> None:
    time = np.random.default_rng(3).exponential(5, 40)
    area, error = rmst(time, np.ones(40), np.inf)
    assert area == pytest.approx(time.mean())
    # without censoring Greenwood's sum is the variance of a mean, divisor n
    assert error == pytest.approx(time.std() / np.sqrt(40))
    assert rmst(time, np.ones(40), 1e300) == (area, error)
    assert np.isnan(rmst(time, [0] * 40, np.inf)).all()


@pytest.mark.parametrize("horizon", [np.nan, "28", None, True, -np.inf])
def test_a_horizon_is_a_number(horizon: Any) -> None:
    with pytest.raises(UsageError, match="horizon"):
        rmst([1, 2], [1, 1], horizon)


def test_without_an_event_the_incidence_is_zero() -> None:
    found = cumulative_incidence([1.0, 2.0, 2.0, 5.0], [0, 0, 0, 0])
    assert found["cause"].tolist() == [1, 1, 1]
    assert found["at_risk"].tolist() == [4, 3, 1]
    for column in ("events", "incidence", "std_error", "ci_low", "ci_high"):
        assert (found[column] == 0).all()
    assert found.dtypes.equals(cumulative_incidence([1.0, 2.0], [1, 0]).dtypes)


@pytest.mark.parametrize("level", [0, 1, 1.5, np.nan, "0.95", None])
def test_a_level_must_lie_between_0_and_1(level: Any) -> None:
    with pytest.raises(UsageError, match="level = "):
        kaplan_meier([1.0, 2.0], [1, 0], level=level)
    with pytest.raises(UsageError, match="level = "):
        cumulative_incidence([1.0, 2.0], [1, 0], level=level)


@pytest.mark.parametrize("transform", ["km", "rank", "log", "identity"])
def test_no_trend_can_be_tested_when_all_events_are_at_one_time(transform: str) -> None:
    time = np.where(EVENT == 1, 28.0, 30.0)
    fit = fit_cox(X, time, EVENT)
    assert fit.converged
    test = proportional_hazards_test(fit, X, time, EVENT, transform=transform)
    assert test.failure == "all events happen at one time, so hazards cannot change with time"
    assert np.isnan(test.global_p_value)
    assert np.isnan(test.statistic).all()


def test_no_trend_can_be_tested_of_what_varies_at_one_time_only() -> None:
    rng = np.random.default_rng(4)
    time, event = np.repeat([1.0, 2.0, 3.0], 20), rng.integers(0, 2, 60)
    early = np.where(time == 1.0, rng.integers(0, 2, 60), 0)
    lasting = rng.normal(size=60)
    for covariates in (early, np.column_stack([lasting, early])):
        test = proportional_hazards_test(fit_cox(covariates, time, event), covariates, time, event)
        assert "varies among those at risk at one time only" in str(test.failure)
        assert np.isnan(test.global_p_value)
    alone = proportional_hazards_test(fit_cox(lasting, time, event), lasting, time, event)
    assert alone.failure is None
    assert 0 < alone.global_p_value < 1


def test_a_trend_is_tested_on_the_data_of_the_fit() -> None:
    fit = fit_cox(X, TIED, EVENT)
    with pytest.raises(DataError, match="covariates have 2 columns and the fit has 1"):
        proportional_hazards_test(fit, np.column_stack([X, X**2]), TIED, EVENT)
    assert "not those of these data" in str(proportional_hazards_test(fit, 0 * X, TIED, EVENT).failure)
    assert proportional_hazards_test(fit, X, TIED, 0 * EVENT).failure == "there is no event"


def test_frames_and_nullable_columns_are_read() -> None:
    frame = pd.DataFrame({"time": TIED, "died": EVENT, "arm": np.where(GROUP, "x", "y")})
    frame = frame.convert_dtypes().set_index("time", drop=False)
    assert kaplan_meier(frame["time"], frame["died"]).equals(kaplan_meier(TIED, EVENT))
    assert_allclose(log_rank(frame["time"], frame["died"], frame["arm"]), log_rank(TIED, EVENT, GROUP))
    frame.iloc[4, 1] = pd.NA
    with pytest.raises(DataError, match="event: row 4 is nan"):
        kaplan_meier(frame["time"], frame["died"])
