"""Time to hospital death in matched patients: Kaplan–Meier, Cox, log-rank and restricted mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from simsepsis.analysis.estimates import UNTESTED, normal_tests
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.matched import MatchedSet
from simsepsis.analysis.outcomes import used_adjusters
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.survival import (
    cumulative_incidence,
    fit_cox,
    kaplan_meier,
    log_rank,
    proportional_hazards_test,
    rmst,
)
from simsepsis.analysis.weighted_curves import weighted_kaplan_meier, weighted_rmst
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError, NotEstimableError, SimsepsisError, UsageError
from simsepsis.study.layout import ARMS

DAY_28 = 28.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FollowUp:
    """How long each matched patient was followed, and how that ended.

    Attributes
    ----------
    duration
        (n,): days.
    event
        (n,): died in hospital.
    left
        (n,): left hospital alive, which ended follow-up.
    treated
        (n,): the arms.
    """

    duration: FloatArray
    event: BoolArray
    left: BoolArray
    treated: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurvivalComparison:
    """Time to death compared between matched arms.

    Attributes
    ----------
    follow_up
        The times.
    cox
        Cox model of the treatment, Efron ties, model-based standard error; the treatment comes first.
    X, terms
        Its covariates (n, p) and their names: the treatment alone or, adjusted, adjuncts and transfusions
        after it.
    pair
        (n,): number of each patient's pair or matched set, for standard errors that respect it.
    weights
        (n,): matching weights; None where all are 1.
    cluster
        (n,): number of each patient's cluster; None where there is none.
    """

    follow_up: FollowUp
    cox: Fit
    X: FloatArray
    terms: tuple[str, ...]
    pair: IntArray
    weights: FloatArray | None = None
    cluster: IntArray | None = None


def follow_up(time: FloatArray, event: FloatArray, treated: BoolArray, censoring: str | float) -> FollowUp:
    """Return how long each patient counts as followed under a censoring rule."""
    died = event == 1.0
    if censoring in ("discharge", "administrative"):
        left = ~died if censoring == "discharge" else np.zeros_like(died)
        return FollowUp(duration=time, event=died, left=left, treated=treated)
    horizon = DAY_28 if isinstance(censoring, str) else float(censoring)
    left = ~died & (time <= horizon)
    if isinstance(censoring, str):
        time, left = np.where(died, time, horizon), np.zeros_like(left)
    return FollowUp(
        duration=np.minimum(time, horizon), event=died & (time <= horizon), left=left, treated=treated
    )


def compare_survival(matched: MatchedSet, spec: AnalysisSpec) -> SurvivalComparison:
    """Estimate the hazard ratio of death in matched patients by Cox regression.

    Notes
    -----
    Where controls carry weights, the standard error is the sandwich over patients.
    """
    if spec.survival_time is None or spec.survival_event is None:
        raise NotEstimableError("the spec names no time to death")
    cohort = matched.cohort
    times = follow_up(
        cohort.column(spec.survival_time),
        cohort.column(spec.survival_event),
        cohort.treated,
        spec.censoring,
    )
    terms = (spec.treatment, *(used_adjusters(cohort, spec) if spec.cox_adjusted else ()))
    X, weights = cohort.block(terms).T, matched.weights
    each = None if weights is None else np.arange(cohort.n)
    return SurvivalComparison(
        follow_up=times,
        cox=fit_cox(X, times.duration, times.event, weights=weights, cluster=each),
        X=X,
        terms=terms,
        pair=matched.pair,
        weights=weights,
        cluster=cohort.cluster,
    )


def cox_by_pair(found: SurvivalComparison) -> Fit:
    """Estimate the hazard ratio of death with the sandwich standard error over pairs or matched sets."""
    return _robust(found, found.pair)


def cox_by_cluster(found: SurvivalComparison) -> Fit:
    """Estimate the hazard ratio of death with the sandwich standard error over clusters."""
    if found.cluster is None:
        raise NotEstimableError("the spec names no column for the clusters")
    return _robust(found, found.cluster)


def _robust(found: SurvivalComparison, groups: IntArray) -> Fit:
    times = found.follow_up
    return fit_cox(found.X, times.duration, times.event, weights=found.weights, cluster=groups)


def rmst_difference(found: SurvivalComparison, horizon: float) -> tuple[float, float]:
    """Estimate the difference of restricted mean survival times, treated minus control, and its SE."""
    arms = [_arm(found, side) for side in _sides(found)]
    (value1, error1), (value0, error0) = (_rmst(*arm, horizon) for arm in arms)
    if math.isnan(value1) or math.isnan(value0):
        raise ConvergenceError(short_follow_up(found, horizon) or "survival to the horizon is unknown")
    return value1 - value0, math.hypot(error1, error0)


def short_follow_up(found: SurvivalComparison, horizon: float) -> str | None:
    """Return why restricted means up to a horizon are unknown; None where both arms were followed so long."""
    times = found.follow_up
    ends: dict[str, float] = {}
    for arm, side in zip(("treated", "control"), _sides(found), strict=True):
        last = float(times.duration[side].max(initial=0.0))
        censored = ~times.event[side & (times.duration == last)]
        if last < horizon and censored.any():
            ends[arm] = last
    if not ends:
        return None
    arm, last = min(ends.items(), key=lambda item: item[1])
    remedy = f"; set rmst_horizon to {last:g} or less" if last > 0 else ""
    return f"follow-up of the {arm} arm ends at {last:g}, before rmst_horizon = {horizon:g}{remedy}"


def _sides(found: SurvivalComparison) -> tuple[BoolArray, BoolArray]:
    treated = found.follow_up.treated
    return treated, ~treated


def _arm(found: SurvivalComparison, side: BoolArray) -> tuple[FloatArray, BoolArray, FloatArray | None]:
    """Return times, events and weights of one arm."""
    times = found.follow_up
    weights = None if found.weights is None else found.weights[side]
    return times.duration[side], times.event[side], weights


def _rmst(
    duration: FloatArray, event: BoolArray, weights: FloatArray | None, horizon: float
) -> tuple[float, float]:
    if weights is None:
        return rmst(duration, event, horizon)
    return weighted_rmst(duration, event, weights, horizon)


def survival_curves(found: SurvivalComparison) -> pd.DataFrame:
    """Estimate survival (Kaplan–Meier) and cumulative incidence of death of each matched arm.

    Returns
    -------
    DataFrame
        arm, the columns of `kaplan_meier`, and `incidence` of death when leaving alive is a competing
        event instead of censoring (Aalen–Johansen). Where controls carry weights, curves are weighted, their
        standard errors respect the weights, and there is no incidence.
    """
    times = found.follow_up
    parts = []
    for arm, side in zip(ARMS, _sides(found), strict=True):
        if found.weights is not None:
            curve = weighted_kaplan_meier(times.duration[side], times.event[side], found.weights[side])
            curve.insert(0, "arm", arm)
            parts.append(curve.assign(incidence=np.nan))
            continue
        curve = kaplan_meier(times.duration[side], times.event[side])
        cause = np.where(times.event[side], 1, np.where(times.left[side], 2, 0))
        curve["incidence"] = 0.0
        if times.event[side].any():
            causes = cumulative_incidence(times.duration[side], cause)
            curve["incidence"] = causes.loc[causes["cause"] == 1, "incidence"].to_numpy()
        curve.insert(0, "arm", arm)
        parts.append(curve)
    return pd.concat(parts, ignore_index=True)


def survival_tests(found: SurvivalComparison, horizon: float) -> pd.DataFrame:
    """Return everything that compares the two survival curves, one row per quantity.

    Returns
    -------
    DataFrame
        quantity, estimate, std_error (of the log for hazard ratios), ci_low, ci_high, p_value, failure (why
        there is no estimate, interval or test; None where there is).
    """
    steps: dict[str, Callable[[str], _Row]] = {
        "hazard_ratio": lambda name: _hazard_row(name, found.cox),
        "hazard_ratio_pair_robust": lambda name: _hazard_row(name, cox_by_pair(found)),
        "log_rank": lambda name: _log_rank_row(name, found),
        "proportional_hazards": lambda name: _trend_row(name, found),
        **{
            f"rmst{horizon:g}_{arm}": partial(_arm_row, found, side, horizon)
            for arm, side in zip(ARMS, _sides(found), strict=True)
        },
        f"rmst{horizon:g}_difference": lambda name: _difference_row(name, found, horizon),
    }
    return pd.DataFrame([_tried(name, step) for name, step in steps.items()])


_Row = dict[str, str | float | None]


def _tried(name: str, step: Callable[[str], _Row]) -> _Row:
    """Return one row; a step that fails leaves its reason there."""
    try:
        return step(name)
    except UsageError:
        raise
    except (SimsepsisError, ArithmeticError, ValueError) as error:
        return _row(name, math.nan, failure=str(error) or type(error).__name__)


def _row(
    quantity: str,
    estimate: float,
    std_error: float = math.nan,
    tests: tuple[float, float, float] = (math.nan, math.nan, math.nan),
    failure: str | None = None,
) -> _Row:
    low, high, p_value = tests
    return {
        "quantity": quantity,
        "estimate": estimate,
        "std_error": std_error,
        "ci_low": low,
        "ci_high": high,
        "p_value": p_value,
        "failure": failure,
    }


def _hazard_row(quantity: str, fit: Fit) -> _Row:
    low, high, p_value = normal_tests(fit.params[0], fit.std_errors[0])
    with np.errstate(over="ignore"):
        ratio, low, high = np.exp([fit.params[0], low, high])
    tests = (float(low), float(high), float(p_value))
    failure = None if fit.estimated[0] else fit.failure
    return _row(quantity, float(ratio), float(fit.std_errors[0]), tests, failure)


def _test_row(quantity: str, statistic: float, p_value: float, failure: str | None) -> _Row:
    return _row(quantity, statistic, tests=(math.nan, math.nan, p_value), failure=failure)


def _log_rank_row(name: str, found: SurvivalComparison) -> _Row:
    if found.weights is not None:
        raise NotEstimableError("the log-rank test counts patients, and controls carry weights here")
    times = found.follow_up
    chi_square, p_value = log_rank(times.duration, times.event, times.treated)
    untold = "no event tells the arms apart" if math.isnan(p_value) else None
    return _test_row(name, chi_square, p_value, untold)


def _trend_row(name: str, found: SurvivalComparison) -> _Row:
    times = found.follow_up
    tested = proportional_hazards_test(found.cox, found.X, times.duration, times.event, weights=found.weights)
    return _test_row(name, tested.global_statistic, tested.global_p_value, tested.failure)


def _arm_row(found: SurvivalComparison, side: BoolArray, horizon: float, name: str) -> _Row:
    mean, error = _rmst(*_arm(found, side), horizon)
    return _mean_row(name, mean, error, short_follow_up(found, horizon) if math.isnan(mean) else None)


def _difference_row(name: str, found: SurvivalComparison, horizon: float) -> _Row:
    value, error = rmst_difference(found, horizon)
    return _mean_row(name, value if error > 0.0 else math.nan, error, None)


def _mean_row(quantity: str, value: float, error: float, failure: str | None) -> _Row:
    if error == 0.0:
        return _row(quantity, value, error, failure=UNTESTED)
    low, high, p_value = normal_tests(value, error)
    return _row(quantity, value, error, (float(low), float(high), float(p_value)), failure)
