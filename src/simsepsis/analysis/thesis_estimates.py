"""The thesis's results as rows of estimates, one per method and estimand."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from simsepsis.analysis.estimates import Estimate, failed, normal_estimate
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.outcomes import log_odds_ratio_difference
from simsepsis.analysis.result import EVERYBODY, FIRST_SCORE, SECOND_SCORE, Attempt, ThesisResult, attempt
from simsepsis.analysis.time_to_death import SurvivalComparison, cox_by_pair, rmst_difference
from simsepsis.analysis.two_by_two import (
    odds_ratio,
    pair_table,
    paired_risk_difference,
    risk_difference,
    risk_ratio,
)

METHOD_OF_SCORE = {FIRST_SCORE: "psm", SECOND_SCORE: "psm_adjuncts"}


def thesis_estimates(result: ThesisResult, methods: Collection[str] | None = None) -> tuple[Estimate, ...]:
    """Return one row per result of the thesis's analysis, failures included.

    Parameters
    ----------
    result
        The whole analysis.
    methods
        Names of the methods whose rows are wanted; None for all.

    Returns
    -------
    tuple
        Estimands end in the truth that they are measured against: ``_att`` before matching, ``_matched``
        for marginal effects in the matched patients, ``_twin`` for effects conditional on adjuncts. Log
        odds ratios of crude comparisons carry the p value of the chi-square or Fisher test, interactions
        that of Breslow–Day, everything else the Wald test.
    """
    parts = _parts(result)
    return tuple(row for name, rows in parts if methods is None or name in methods for row in rows)


def _parts(result: ThesisResult) -> Iterator[tuple[str, Iterator[Estimate]]]:
    """Yield each method with its rows, which are not computed before they are asked for."""
    yield "crude", _crude_rows(result, EVERYBODY, "crude", "att")
    for score in result.matched:
        method = METHOD_OF_SCORE[score]
        yield method, _crude_rows(result, score, method, "matched")
        if score == FIRST_SCORE:
            yield "psm_paired_se", _paired_rows(result)
        yield f"{method}_gee", _model_rows(result, score, f"{method}_gee", extended=False)
        yield f"{method}_gee_sofa", _model_rows(result, score, f"{method}_gee_sofa", extended=True)
    if result.survival is not None:
        yield "psm_cox", _hazard_rows(result, "psm_cox", robust=False)
        yield f"rmst{result.spec.rmst_horizon:g}", _rmst_rows(result, result.survival)
    for subgroup, outcome in result.interactions:
        yield f"breslow_day_{subgroup}", _interaction_rows(result, subgroup, outcome)


def _crude_rows(result: ThesisResult, label: str, method: str, truth: str) -> Iterator[Estimate]:
    """Log odds ratio, log risk ratio and risk difference, unpaired, of each outcome."""
    matching = result.matched[label].seconds if label in result.matched else 0.0
    for outcome in result.spec.outcomes:
        step = result.crude[label, outcome]
        names = [f"{scale}_{outcome}_{truth}" for scale in ("log_or", "log_rr", "rd")]
        if step.value is None:
            yield from (failed(method, name, step) for name in names)
            continue
        crude = step.value
        effects = [measure(crude.table) for measure in (odds_ratio, risk_ratio, risk_difference)]
        for name, effect in zip(names, effects, strict=True):
            yield normal_estimate(
                method,
                name,
                effect.estimate if name.startswith("rd_") else _log(effect.estimate),
                effect.std_error,
                n_used=int(crude.table.sum()),
                p_value=crude.p_value if name.startswith("log_or_") else None,
                failure=effect.failure,
                seconds=matching + step.seconds,
            )


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else math.nan


def _paired_rows(result: ThesisResult) -> Iterator[Estimate]:
    """Risk differences and the hazard ratio with standard errors that respect the pairs."""
    method = "psm_paired_se"
    step = result.matched[FIRST_SCORE]
    for outcome in result.spec.outcomes:
        name = f"rd_{outcome}_matched"
        if step.value is None:
            yield failed(method, name, step)
            continue
        treated, control = step.value.cohort.column(outcome).reshape(2, -1)
        effect = paired_risk_difference(pair_table(treated, control))
        yield normal_estimate(
            method,
            name,
            effect.estimate,
            effect.std_error,
            n_used=step.value.cohort.n,
            failure=effect.failure,
            seconds=step.seconds,
        )
    yield from _hazard_rows(result, method, robust=True)


def _hazard_rows(result: ThesisResult, method: str, *, robust: bool) -> Iterator[Estimate]:
    step = result.survival
    if step is None:
        return
    name = f"log_hr_{result.spec.survival_event}_matched"
    if step.value is None:
        yield failed(method, name, step)
    else:
        fit = cox_by_pair(step.value) if robust else step.value.cox
        yield _coefficient_row(method, name, fit, 0, step.value.follow_up.duration.size, step.seconds)


def _coefficient_row(
    method: str, estimand: str, fit: Fit, position: int, n_used: int, seconds: float, note: str = ""
) -> Estimate:
    """Return one coefficient; a fit in which only other coefficients have no estimate is no failure."""
    return normal_estimate(
        method,
        estimand,
        float(fit.params[position]),
        float(fit.std_errors[position]),
        n_used=n_used,
        failure=note or fit.failure,
        seconds=seconds,
    )


def _model_rows(result: ThesisResult, score: str, method: str, *, extended: bool) -> Iterator[Estimate]:
    for (model_score, model_extended, outcome), step in result.models.items():
        if (model_score, model_extended) != (score, extended):
            continue
        name = f"log_or_{outcome}_twin"
        if step.value is None:
            yield failed(method, name, step)
            continue
        model = step.value
        position = model.position(result.spec.treatment)
        seconds = result.matched[score].seconds + step.seconds
        yield _coefficient_row(
            method, name, model.fit, position, model.data.cohort.n, seconds, note=model.note
        )


def _rmst_rows(result: ThesisResult, survival: Attempt[SurvivalComparison]) -> Iterator[Estimate]:
    method = f"rmst{result.spec.rmst_horizon:g}"
    name = f"{method}_difference_matched"
    if survival.value is None:
        yield failed(method, name, survival)
        return
    step = attempt(rmst_difference, survival.value, result.spec.rmst_horizon)
    if step.value is None:
        yield failed(method, name, step)
        return
    difference, error = step.value
    n_used = survival.value.follow_up.duration.size
    yield normal_estimate(method, name, difference, error, n_used=n_used, seconds=step.seconds)


def _interaction_rows(result: ThesisResult, subgroup: str, outcome: str) -> Iterator[Estimate]:
    step = result.interactions[subgroup, outcome]
    method, name = f"breslow_day_{subgroup}", f"log_or_ratio_{outcome}_matched"
    if step.value is None:
        yield failed(method, name, step)
        return
    difference, error = log_odds_ratio_difference(step.value.tables)
    yield normal_estimate(
        method,
        name,
        difference,
        error,
        n_used=int(step.value.tables.sum()),
        p_value=step.value.test.p_value,
        failure=step.value.test.failure or "a stratum has an empty cell",
        seconds=step.seconds,
    )
