"""Sensitivity of each matched result to what nobody measured, as one table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simsepsis.analysis.result import FIRST_SCORE, SECOND_SCORE, ThesisResult
from simsepsis.analysis.sensitivity.confounder import tipping_effect
from simsepsis.analysis.sensitivity.e_values import (
    e_value,
    risk_ratio_of_hazard_ratio,
    risk_ratio_of_odds_ratio,
)
from simsepsis.analysis.sensitivity.rosenbaum import rosenbaum_gamma
from simsepsis.analysis.thesis_analysis import Analysis
from simsepsis.analysis.two_by_two import pair_table
from simsepsis.estimand import Estimand
from simsepsis.threads import one_thread

SENSITIVITY_COLUMNS = (
    "method",
    "estimand",
    "ratio",
    "ci_low",
    "ci_high",
    "risk",
    "risk_ratio",
    "limit",
    "e_value",
    "e_value_limit",
    "tipping_effect",
    "gamma",
    "failure",
)

COMMON = 0.15
"""From this risk on, odds and hazard ratios are converted to risk ratios."""

FAR = 100.0
"""Logarithm of a ratio that no data can mean."""

MEAN_DIFFERENCE = 0.5
"""Standard deviations by which the confounder of the tipping point differs between the arms."""

CONVERSIONS: dict[str, Callable[[float], float]] = {
    "log_rr": float,
    "log_or": risk_ratio_of_odds_ratio,
    "log_hr": risk_ratio_of_hazard_ratio,
}
"""Scale → risk ratio that a ratio of a common outcome stands for."""


def results_of(later: str) -> dict[str, tuple[str, str]]:
    """Return matched method → scale of its result and the score of its pairs."""
    return {
        "psm": ("log_rr", FIRST_SCORE),
        "psm_gee": ("log_or", FIRST_SCORE),
        f"psm_gee_{later}": ("log_or", FIRST_SCORE),
        "psm_cox": ("log_hr", FIRST_SCORE),
        "psm_adjuncts": ("log_rr", SECOND_SCORE),
        "psm_adjuncts_gee": ("log_or", SECOND_SCORE),
        f"psm_adjuncts_gee_{later}": ("log_or", SECOND_SCORE),
    }


@one_thread()
def sensitivity_table(analysis: Analysis, *, target: float = 1.0, alpha: float = 0.05) -> pd.DataFrame:
    """Return how sensitive each matched result is to unmeasured confounding.

    Parameters
    ----------
    analysis
        From `analyze`.
    target
        True risk ratio that a confounder is to have turned into the observed one; 1 for no effect. With 0.81
        the table says what could hide that effect.
    alpha
        One-sided level of the Rosenbaum bound.

    Returns
    -------
    DataFrame
        One row per matched risk ratio, adjusted odds ratio and hazard ratio: method, estimand; ratio with its
        interval; risk, the share that died; risk_ratio and limit, the estimate and its limit on the side of
        `target` as risk ratios (odds and hazard ratios converted where the risk is above 15%); e_value and
        e_value_limit; tipping_effect, the risk ratio per SD of a normal confounder, half an SD higher in
        the treated, that brings the limit to `target` (1 where the interval holds it); gamma, the
        Rosenbaum bound of the pairs in the direction observed (NaN where the result is not one of pairs
        alone); failure.

    Raises
    ------
    UsageError
        If the target is not positive or the level is outside (0, 1).
    """
    rows, results = [], results_of(analysis.result.spec.later.name)
    for estimate in analysis.estimates.to_dict("records"):
        scale, score = results.get(estimate["method"], ("", ""))
        estimand = Estimand.parse(estimate["estimand"], analysis.result.spec.all_outcomes)
        if estimand.scale == scale:
            pairs = _pairs(analysis.result, score, estimand.column)
            rows.append(_row(estimate, scale, pairs, target, alpha))
    return pd.DataFrame(rows, columns=list(SENSITIVITY_COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """One outcome in one matched set: the share that had it, and pairs in which one did."""

    risk: float = math.nan
    treated_only: int = 0
    control_only: int = 0
    paired: bool = True


def _pairs(result: ThesisResult, score: str, outcome: str) -> _Pairs:
    matched = result.matched[score].value
    if matched is None:
        return _Pairs()
    had, arm = matched.cohort.column(outcome), matched.cohort.treated
    if matched.weights is not None:
        shares = (np.average(had[side], weights=matched.weights[side]) for side in (arm, ~arm))
        return _Pairs(risk=float(sum(shares) / 2), paired=False)
    treated, control = had.reshape(2, -1)
    table = pair_table(treated, control)
    return _Pairs(
        risk=float((treated.mean() + control.mean()) / 2),
        treated_only=int(table[0, 1]),
        control_only=int(table[1, 0]),
    )


def _row(estimate: dict[Any, Any], scale: str, pairs: _Pairs, target: float, alpha: float) -> dict[str, Any]:
    """Return one row; an estimate that failed has its reason and nothing else."""
    row: dict[str, Any] = {"method": estimate["method"], "estimand": estimate["estimand"]}
    if not estimate["converged"]:
        return row | {"failure": estimate["failure"]}
    if max(abs(estimate[name]) for name in ("estimate", "ci_low", "ci_high")) > FAR:
        return row | {"failure": f"the interval reaches beyond exp({FAR:g}), so that nothing can be told"}
    convert = CONVERSIONS[scale] if pairs.risk > COMMON else float
    ratio, low, high = (math.exp(estimate[name]) for name in ("estimate", "ci_low", "ci_high"))
    risk_ratio = convert(ratio)
    limit = convert(low if risk_ratio >= target else high)
    point, at_limit = e_value(risk_ratio, limit, target=target)
    tipped = 1.0 if at_limit == 1.0 else tipping_effect(limit / target, MEAN_DIFFERENCE)
    return row | {
        "ratio": ratio,
        "ci_low": low,
        "ci_high": high,
        "risk": pairs.risk,
        "risk_ratio": risk_ratio,
        "limit": limit,
        "e_value": point,
        "e_value_limit": at_limit,
        "tipping_effect": max(tipped, 1.0 / tipped),
        "gamma": _gamma(pairs, ratio, alpha) if scale == "log_rr" else math.nan,
        "failure": None,
    }


def _gamma(pairs: _Pairs, ratio: float, alpha: float) -> float:
    """Return the Rosenbaum bound in the direction observed; NaN where matching made no pairs."""
    if not pairs.paired:
        return math.nan
    counts = (pairs.treated_only, pairs.control_only)
    return rosenbaum_gamma(*(counts if ratio >= 1.0 else counts[::-1]), alpha=alpha)
