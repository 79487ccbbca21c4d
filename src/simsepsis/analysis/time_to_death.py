"""Time to hospital death in matched patients: Kaplan–Meier, Cox, log-rank and restricted mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.descriptive import ARMS
from simsepsis.analysis.estimates import normal_tests
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
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import NotEstimableError

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
        (n,): number of each patient's pair, for standard errors that respect it.
    """

    follow_up: FollowUp
    cox: Fit
    X: FloatArray
    terms: tuple[str, ...]
    pair: IntArray


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
    NotEstimableError
        If the spec names no time or no death.
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
    X = cohort.block(terms).T
    return SurvivalComparison(
        follow_up=times,
        cox=fit_cox(X, times.duration, times.event),
        X=X,
        terms=terms,
        pair=matched.pair,
    )


def cox_by_pair(found: SurvivalComparison) -> Fit:
    """Estimate the hazard ratio of death with the sandwich standard error over pairs.

    Parameters
    ----------
    found
        The matched patients' times.
    """
    times = found.follow_up
    return fit_cox(found.X, times.duration, times.event, cluster=found.pair)


def rmst_difference(found: SurvivalComparison, horizon: float) -> tuple[float, float]:
    """Estimate the difference of restricted mean survival times, treated minus control, and its SE.

    Parameters
    ----------
    found
        The matched patients' times.
    horizon
        Day to which survival is counted.
    """
    times = found.follow_up
    (value1, error1), (value0, error0) = (
        rmst(times.duration[arm], times.event[arm], horizon) for arm in (times.treated, ~times.treated)
    )
    return value1 - value0, math.hypot(error1, error0)


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
        event instead of censoring (Aalen–Johansen).
    """
    times = found.follow_up
    parts = []
    for arm, side in zip(ARMS, (times.treated, ~times.treated), strict=True):
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
        quantity, estimate, std_error (of the log for hazard ratios), ci_low, ci_high, p_value.
    """
    times = found.follow_up
    rows = [
        _hazard_row("hazard_ratio", found.cox),
        _hazard_row("hazard_ratio_pair_robust", cox_by_pair(found)),
        _test_row("log_rank", *log_rank(times.duration, times.event, times.treated)),
    ]
    proportional = proportional_hazards_test(found.cox, found.X, times.duration, times.event)
    rows.append(_test_row("proportional_hazards", proportional.global_statistic, proportional.global_p_value))
    for arm, side in zip(ARMS, (times.treated, ~times.treated), strict=True):
        area, error = rmst(times.duration[side], times.event[side], horizon)
        rows.append(_mean_row(f"rmst{horizon:g}_{arm}", area, error))
    rows.append(_mean_row(f"rmst{horizon:g}_difference", *rmst_difference(found, horizon)))
    return pd.DataFrame(rows, columns=["quantity", "estimate", "std_error", "ci_low", "ci_high", "p_value"])


def _hazard_row(quantity: str, fit: Fit) -> tuple[str, float, float, float, float, float]:
    low, high, p_value = normal_tests(fit.params[0], fit.std_errors[0])
    ratio, low, high = np.exp([fit.params[0], low, high])
    return quantity, float(ratio), float(fit.std_errors[0]), float(low), float(high), float(p_value)


def _test_row(
    quantity: str, statistic: float, p_value: float
) -> tuple[str, float, float, float, float, float]:
    return quantity, statistic, math.nan, math.nan, math.nan, p_value


def _mean_row(quantity: str, value: float, error: float) -> tuple[str, float, float, float, float, float]:
    low, high, p_value = normal_tests(value, error)
    return quantity, value, error, float(low), float(high), float(p_value)
