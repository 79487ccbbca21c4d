"""The thesis's results as rows of estimates, one per method and estimand."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator

import numpy as np

from simsepsis.analysis.estimates import Estimate, failed, normal_estimate, with_spread
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.matched import MatchedSet
from simsepsis.analysis.means import TREATMENT, paired_difference
from simsepsis.analysis.outcomes import AdjustedModel, CrudeComparison, log_odds_ratio_difference
from simsepsis.analysis.result import (
    EVERYBODY,
    FIRST_SCORE,
    SECOND_SCORE,
    Attempt,
    ThesisResult,
    attempt,
    then,
)
from simsepsis.analysis.risks import Risks, compared_risks, few_clusters, risk_rows
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.time_to_death import (
    SurvivalComparison,
    cox_by_cluster,
    cox_by_pair,
    rmst_difference,
)
from simsepsis.analysis.two_by_two import (
    odds_ratio,
    pair_table,
    paired_risk_difference,
    risk_difference,
    risk_ratio,
)
from simsepsis.errors import NotEstimableError

METHOD_OF_SCORE = {FIRST_SCORE: "psm", SECOND_SCORE: "psm_adjuncts"}


def thesis_estimates(result: ThesisResult, methods: Collection[str] | None = None) -> tuple[Estimate, ...]:
    """Return one row per result of the thesis's analysis, failures included.

    Returns
    -------
    tuple
        Estimands end in the truth that they are measured against: ``_att`` before matching, ``_matched``
        for marginal effects in the matched patients, ``_twin`` for effects conditional on adjuncts;
        ``md_`` are differences of means. Log odds ratios of crude comparisons carry the p value of the
        chi-square or Fisher test, interactions that of Breslow–Day, everything else the Wald test.
    """
    return tuple(
        with_spread(row)
        for name, rows in _parts(result)
        if methods is None or name in methods or (name.startswith("rmst") and _has_rmst(methods))
        for row in rows
    )


def _has_rmst(methods: Collection[str]) -> bool:
    """Whether restricted means are wanted; their method is called by another day than the spec's may be."""
    return any(name.startswith("rmst") for name in methods)


def _parts(result: ThesisResult) -> Iterator[tuple[str, Iterator[Estimate]]]:
    """Yield each method with its rows, which are not computed before they are asked for."""
    yield "crude", _crude_rows(result, EVERYBODY, "crude", "att")
    yield "linear", _regression_rows(result)
    for score in result.matched:
        method = METHOD_OF_SCORE[score]
        yield method, _crude_rows(result, score, method, "matched")
        if score == FIRST_SCORE:
            yield "psm_paired_se", _paired_rows(result)
            if result.spec.clusters_alone:
                yield "psm_cluster_se", cluster_rows(result.matched[score], result.survival, result.spec)
                yield "psm_gee_alone", _clustered_rows(result)
        yield f"{method}_gee", _model_rows(result, score, f"{method}_gee", extended=False)
        later = f"{method}_gee_{result.spec.later.name}"
        yield later, _model_rows(result, score, later, extended=True)
    if result.survival is not None:
        yield "psm_cox", _hazard_rows(result.survival, result.spec, "psm_cox", lambda found: found.cox)
        yield f"rmst{result.spec.rmst_horizon:g}", _rmst_rows(result, result.survival)
    for subgroup, outcome in result.interactions:
        yield f"breslow_day_{subgroup}", _interaction_rows(result, subgroup, outcome)


def _crude_rows(result: ThesisResult, label: str, method: str, truth: str) -> Iterator[Estimate]:
    """Log odds ratio, log risk ratio and risk difference, unpaired, of each outcome."""
    matching = result.matched[label].seconds if label in result.matched else 0.0
    for outcome in result.spec.outcomes:
        step = result.crude[label, outcome]
        found = then(step, _effects, method, outcome, truth, matching + step.seconds)
        names = (f"{scale}_{outcome}_{truth}" for scale in ("log_or", "log_rr", "rd"))
        yield from found.value or (failed(method, name, found) for name in names)
    yield from _mean_rows(result, label, method, truth)


def _effects(
    crude: CrudeComparison, method: str, outcome: str, truth: str, seconds: float
) -> tuple[Estimate, ...]:
    """Return the three effects of one comparison."""
    if crude.risks is not None:
        return tuple(risk_rows(method, outcome, truth, crude.risks, seconds=seconds))
    effects = {"log_or": odds_ratio, "log_rr": risk_ratio, "rd": risk_difference}
    measured = {scale: measure(crude.table) for scale, measure in effects.items()}
    return tuple(
        normal_estimate(
            method,
            f"{scale}_{outcome}_{truth}",
            effect.estimate if scale == "rd" else _log(effect.estimate),
            effect.std_error,
            n_used=int(crude.table.sum()),
            p_value=crude.p_value if scale == "log_or" else None,
            failure=effect.failure,
            seconds=seconds,
        )
        for scale, effect in measured.items()
    )


def _mean_rows(result: ThesisResult, label: str, method: str, truth: str) -> Iterator[Estimate]:
    """Difference of means, unpaired, of each numeric outcome."""
    for outcome in result.spec.numeric_outcomes:
        step = result.means[label, outcome]
        name = f"md_{outcome}_{truth}"
        if step.value is None:
            yield failed(method, name, step)
            continue
        found = step.value
        yield normal_estimate(
            method,
            name,
            found.difference,
            found.std_error,
            n_used=found.n_used,
            df=found.df,
            seconds=step.seconds,
        )


def _regression_rows(result: ThesisResult) -> Iterator[Estimate]:
    """Difference of means in all patients, adjusted for the covariates of the score."""
    for outcome, step in result.regressions.items():
        name = f"md_{outcome}_ate"
        if step.value is None:
            yield failed("linear", name, step)
        else:
            yield _coefficient_row("linear", name, step.value, TREATMENT, result.cohort.n, step.seconds)


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else math.nan


def _paired_rows(result: ThesisResult) -> Iterator[Estimate]:
    """Differences of risks and means and the hazard ratio, with standard errors that respect the pairs."""
    method, step = "psm_paired_se", result.matched[FIRST_SCORE]
    for outcome in result.spec.outcomes:
        yield from _matched_rows(step, method, (f"rd_{outcome}_matched",), _paired_risks, outcome)
    for outcome in result.spec.numeric_outcomes:
        yield from _matched_rows(step, method, (f"md_{outcome}_matched",), _paired_means, outcome)
    yield from _hazard_rows(result.survival, result.spec, method, cox_by_pair)


def cluster_rows(
    step: Attempt[MatchedSet], survival: Attempt[SurvivalComparison] | None, spec: AnalysisSpec
) -> Iterator[Estimate]:
    """Yield crude effects and the hazard ratio in matched patients, with errors that respect clusters.

    Notes
    -----
    Sandwich over clusters with K/(K − 1) and t on K − 1 degrees of freedom; of the hazard ratio without a
    factor and normal, as R's ``coxph(cluster = )``.
    """
    method = "psm_cluster_se"
    for outcome in spec.outcomes:
        names = tuple(f"{scale}_{outcome}_matched" for scale in ("log_or", "log_rr", "rd"))
        yield from _matched_rows(step, method, names, _clustered_risks, outcome)
    for outcome in spec.numeric_outcomes:
        yield from _matched_rows(step, method, (f"md_{outcome}_matched",), _clustered_means, outcome)
    yield from _hazard_rows(survival, spec, method, cox_by_cluster)


def _matched_rows(
    matched: Attempt[MatchedSet],
    method: str,
    names: tuple[str, ...],
    rows_of: Callable[[MatchedSet, str, str, float], tuple[Estimate, ...]],
    outcome: str,
) -> tuple[Estimate, ...]:
    """Return the rows of one outcome in a matched set, or their reason."""
    if matched.value is None:
        return tuple(failed(method, name, matched) for name in names)
    found = attempt(rows_of, matched.value, outcome, method, matched.seconds)
    return found.value or tuple(failed(method, name, found) for name in names)


def _paired_risks(matched: MatchedSet, outcome: str, method: str, seconds: float) -> tuple[Estimate, ...]:
    if matched.weights is not None:
        return _difference(matched, outcome, method, f"rd_{outcome}_matched", seconds)
    treated, control = matched.cohort.column(outcome).reshape(2, -1)
    effect = paired_risk_difference(pair_table(treated, control))
    row = normal_estimate(
        method,
        f"rd_{outcome}_matched",
        effect.estimate,
        effect.std_error,
        n_used=matched.cohort.n,
        failure=effect.failure,
        seconds=seconds,
    )
    return (row,)


def _paired_means(matched: MatchedSet, outcome: str, method: str, seconds: float) -> tuple[Estimate, ...]:
    return _difference(matched, outcome, method, f"md_{outcome}_matched", seconds)


def _difference(
    matched: MatchedSet, outcome: str, method: str, name: str, seconds: float
) -> tuple[Estimate, ...]:
    difference, error, df = paired_difference(matched, outcome)
    n_used = matched.cohort.n
    return (normal_estimate(method, name, difference, error, n_used=n_used, df=df, seconds=seconds),)


def _clustered_risks(matched: MatchedSet, outcome: str, method: str, seconds: float) -> tuple[Estimate, ...]:
    risks, df = _in_clusters(matched, outcome)
    return tuple(risk_rows(method, outcome, "matched", risks, df=df, seconds=seconds))


def _clustered_means(matched: MatchedSet, outcome: str, method: str, seconds: float) -> tuple[Estimate, ...]:
    means, df = _in_clusters(matched, outcome)
    name, n_used = f"md_{outcome}_matched", matched.cohort.n
    return (normal_estimate(method, name, *means.difference, n_used=n_used, df=df, seconds=seconds),)


def _in_clusters(matched: MatchedSet, outcome: str) -> tuple[Risks, float]:
    """Return both arms' risks or means with the sandwich over clusters, and its degrees of freedom."""
    cohort = matched.cohort
    if cohort.cluster is None:
        raise NotEstimableError("the spec names no column for the clusters")
    risks = compared_risks(
        cohort.treated, cohort.column(outcome), weights=matched.weights, cluster=cohort.cluster
    )
    return few_clusters(risks, int(np.unique(cohort.cluster).size))


def _clustered_rows(result: ThesisResult) -> Iterator[Estimate]:
    """Effects by the estimating equations of the treatment alone: clusters, and nothing to adjust for."""
    for outcome, step in result.clustered.items():
        yield _model_row(result, FIRST_SCORE, "psm_gee_alone", outcome, step, alone=True)


def _hazard_rows(
    step: Attempt[SurvivalComparison] | None,
    spec: AnalysisSpec,
    method: str,
    fit_of: Callable[[SurvivalComparison], Fit],
) -> Iterator[Estimate]:
    if step is None:
        return
    name = f"log_hr_{spec.survival_event}_matched"
    fitted = then(step, fit_of)
    if step.value is None or fitted.value is None:
        yield failed(method, name, fitted)
    else:
        n_used = step.value.follow_up.duration.size
        yield _coefficient_row(method, name, fitted.value, 0, n_used, step.seconds)


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
        if (model_score, model_extended) == (score, extended):
            yield _model_row(result, score, method, outcome, step)


def _model_row(
    result: ThesisResult,
    score: str,
    method: str,
    outcome: str,
    step: Attempt[AdjustedModel],
    *,
    alone: bool = False,
) -> Estimate:
    """Return the treatment's row; a difference of means is the same whatever else is in the model."""
    numeric = outcome in result.spec.numeric_outcomes
    truth = "matched" if numeric and alone else "twin"
    name = f"{'md' if numeric else 'log_or'}_{outcome}_{truth}"
    if step.value is None:
        return failed(method, name, step)
    model = step.value
    position = model.position(result.spec.treatment)
    seconds = result.matched[score].seconds + step.seconds
    return _coefficient_row(method, name, model.fit, position, model.data.cohort.n, seconds, note=model.note)


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
    compared = then(step, lambda found: log_odds_ratio_difference(found.tables))
    if step.value is None or compared.value is None:
        yield failed(method, name, compared)
        return
    difference, error = compared.value
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
