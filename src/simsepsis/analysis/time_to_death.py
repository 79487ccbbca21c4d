"""Time to hospital death in matched patients: Kaplan–Meier, Cox, log-rank and restricted mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from simsepsis.analysis.descriptive import ARMS
from simsepsis.analysis.estimates import NO_SPREAD, normal_tests
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
from simsepsis.errors import ConvergenceError, SimsepsisError, UsageError

DAY_28 = 28.0
SURVIVAL_TEST_COLUMNS = ("quantity", "estimate", "std_error", "ci_low", "ci_high", "p_value", "failure")
NOT_ESTIMABLE = "no event tells the arms apart"

_Numbers = tuple[float, float, float, float, float]
"""Estimate, standard error, limits and p value."""


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
    """Return how long each patient counts as followed under a censoring rule.

    Parameters
    ----------
    time
        (n,): days to death or discharge.
    event
        (n,): 1 if the patient died in hospital.
    treated
        (n,): the arms.
    censoring
        As in `AnalysisSpec`.
    """
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

    Parameters
    ----------
    matched
        The matched set.
    spec
        Names time and death, the censoring rule, and what the model adjusts for.

    Raises
    ------
    ConvergenceError
        If the spec names no time or no death.

    Notes
    -----
    Where controls carry weights, the standard error is the sandwich over patients.
    """
    if spec.survival_time is None or spec.survival_event is None:
        raise ConvergenceError("the spec names no time to death")
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
    """Estimate the hazard ratio of death with the sandwich standard error over pairs or matched sets.

    Parameters
    ----------
    found
        The matched patients' times.
    """
    return _robust(found, found.pair)


def cox_by_cluster(found: SurvivalComparison) -> Fit:
    """Estimate the hazard ratio of death with the sandwich standard error over clusters.

    Parameters
    ----------
    found
        The matched patients' times.

    Raises
    ------
    ConvergenceError
        If the spec names no cluster.
    """
    if found.cluster is None:
        raise ConvergenceError("the spec names no column for the clusters")
    return _robust(found, found.cluster)


def _robust(found: SurvivalComparison, groups: IntArray) -> Fit:
    times = found.follow_up
    return fit_cox(found.X, times.duration, times.event, weights=found.weights, cluster=groups)


def rmst_difference(found: SurvivalComparison, horizon: float) -> tuple[float, float]:
    """Estimate the difference of restricted mean survival times, treated minus control, and its SE.

    Parameters
    ----------
    found
        The matched patients' times.
    horizon
        Day to which survival is counted.
    """
    (value1, error1), (value0, error0) = (_rmst(found, side, horizon) for side in _sides(found))
    return value1 - value0, math.hypot(error1, error0)


def short_follow_up(found: SurvivalComparison, horizon: float) -> str | None:
    """Return why restricted means up to a horizon are unknown; None where both arms were followed so long.

    Parameters
    ----------
    found
        The matched patients' times.
    horizon
        Time to which survival is to be counted.
    """
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


def _rmst(found: SurvivalComparison, side: BoolArray, horizon: float) -> tuple[float, float]:
    """Return one arm's restricted mean survival time and its standard error."""
    times = found.follow_up
    duration, event = times.duration[side], times.event[side]
    if found.weights is None:
        return rmst(duration, event, horizon)
    return weighted_rmst(duration, event, found.weights[side], horizon)


def survival_curves(found: SurvivalComparison) -> pd.DataFrame:
    """Estimate survival (Kaplan–Meier) and cumulative incidence of death of each matched arm.

    Parameters
    ----------
    found
        The matched patients' times.

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

    Parameters
    ----------
    found
        The matched patients' times and Cox models.
    horizon
        Day to which restricted mean survival time is counted.

    Returns
    -------
    DataFrame
        quantity, estimate, std_error (of the log for hazard ratios), ci_low, ci_high, p_value, failure: why a
        quantity has no estimate, None where it has one.
    """
    between = f"rmst{horizon:g}_difference"
    steps: dict[str, Callable[[], _Numbers]] = {
        "hazard_ratio": lambda: _hazard(found.cox),
        "hazard_ratio_pair_robust": lambda: _hazard(cox_by_pair(found)),
        "log_rank": lambda: _log_rank(found),
        "proportional_hazards": lambda: _proportional(found),
        **{
            f"rmst{horizon:g}_{arm}": partial(_mean, _rmst, found, side, horizon)
            for arm, side in zip(ARMS, _sides(found), strict=True)
        },
        between: partial(_mean, rmst_difference, found, horizon),
    }
    short = short_follow_up(found, horizon)
    rows = [_quantity(name, step, short if name.startswith("rmst") else None) for name, step in steps.items()]
    return pd.DataFrame(rows, columns=list(SURVIVAL_TEST_COLUMNS))


def _quantity(name: str, step: Callable[[], _Numbers], reason: str | None = None) -> tuple[object, ...]:
    """Return one row; a step that fails leaves its reason there, one without a number the reason given."""
    nothing = (math.nan,) * 5
    try:
        numbers = step()
    except UsageError:
        raise
    except (SimsepsisError, ArithmeticError, ValueError) as error:
        return name, *nothing, str(error) or type(error).__name__
    return name, *numbers, None if math.isfinite(numbers[0]) else reason or NOT_ESTIMABLE


def _hazard(fit: Fit) -> _Numbers:
    if not fit.estimated[0]:
        raise ConvergenceError(fit.failure or "the treatment does not vary among those at risk at an event")
    low, high, p_value = normal_tests(fit.params[0], fit.std_errors[0])
    with np.errstate(over="ignore"):
        ratio, low, high = np.exp([fit.params[0], low, high])
    return float(ratio), float(fit.std_errors[0]), float(low), float(high), float(p_value)


def _log_rank(found: SurvivalComparison) -> _Numbers:
    if found.weights is not None:
        raise ConvergenceError("the log-rank test counts patients, and controls carry weights here")
    times = found.follow_up
    return _test(*log_rank(times.duration, times.event, times.treated))


def _proportional(found: SurvivalComparison) -> _Numbers:
    times = found.follow_up
    tested = proportional_hazards_test(found.cox, found.X, times.duration, times.event, weights=found.weights)
    if not math.isfinite(tested.global_statistic):
        raise ConvergenceError(tested.failure or "not estimable from these data")
    return _test(tested.global_statistic, tested.global_p_value)


def _test(statistic: float, p_value: float) -> _Numbers:
    return statistic, math.nan, math.nan, math.nan, p_value


def _mean(step: Callable[..., tuple[float, float]], *args: Any) -> _Numbers:
    value, error = step(*args)
    if step is rmst_difference and error <= NO_SPREAD:
        raise ConvergenceError("the standard error is zero, so there is no interval and no test")
    low, high, p_value = normal_tests(value, error if error > NO_SPREAD else math.nan)
    return value, error, float(low), float(high), float(p_value)
