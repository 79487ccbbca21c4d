"""Matching where covariates have gaps: an indicator for what is missing, or several imputations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from simsepsis.analysis.data import CohortArrays, complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.estimates import Estimate, with_spread
from simsepsis.analysis.imputation import impute, pool
from simsepsis.analysis.logistic import fit_logistic, linear_predictor
from simsepsis.analysis.methods.matcher_variants import SE, by_options, matched_rows
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.thesis import RISKS_MATCHED
from simsepsis.analysis.propensity import design
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.spec_types import Missing
from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError

IMPUTATIONS = 5
CYCLES = 2


def indicator_rows(task: Task) -> Iterator[Estimate]:
    """Yield the risks compared after matching on a score with an indicator for each covariate with gaps."""
    everybody = encode_cohort(task.shared.registry, task.spec)
    rules = {**task.spec.missing, **_rules(everybody, task.spec)}
    # The column of a subgroup need not be there: this method tests none.
    spec = replace(task.spec, missing=rules, subgroups=())
    shared = replace(task.shared, spec=spec)
    cohort = known(shared.cohort)
    for name in rules:
        if np.isnan(cohort.column(name)).all():
            raise ConvergenceError(f"'{name}' is empty for everybody; take it out of the spec")
    return matched_rows(replace(task, shared=shared), cohort, known(shared.propensity).logit, by_options)


def _rules(cohort: CohortArrays, spec: AnalysisSpec) -> dict[str, Missing]:
    """Return what becomes of the gaps of each covariate that has any."""
    names = [name for name in dict.fromkeys((*spec.covariates, *spec.score)) if name != spec.cluster]
    return {
        name: "category" if cohort.kinds[name] == "category" else "indicator"
        for name in names
        if np.isnan(cohort.column(name)).any()
    }


def imputed_rows(task: Task) -> Iterator[Estimate]:
    """Yield the risks compared after matching in several completed registries, combined by Rubin's rules.

    Notes
    -----
    Each completed registry has its own score and pairs. The imputation model has treatment, outcomes,
    adjuncts and transfusions beside the covariates of the score.
    """
    cohort = _without_gaps_elsewhere(task)
    X = design(cohort, task.spec.score_columns, task.spec.score_categories)[0]
    rng = task.shared.draw("imputation")
    found: dict[str, list[Estimate]] = defaultdict(list)
    for _ in range(IMPUTATIONS):
        logit = _score(_completed(X, cohort, task.spec, rng), cohort)
        for row in matched_rows(task, cohort, logit, by_options):
            found[row.estimand].append(with_spread(row))
    for estimand, rows in found.items():
        yield _combined(task.method, estimand, rows)


def _without_gaps_elsewhere(task: Task) -> CohortArrays:
    """Return the patients who lack at most numbers of the score."""
    everybody = encode_cohort(task.shared.registry, task.spec)
    names = dict.fromkeys((*task.spec.covariates, *task.spec.score))
    numbers: dict[str, Missing] = {name: "indicator" for name in names if everybody.kinds[name] != "category"}
    lenient = replace(task.spec, missing={**numbers, **task.spec.missing}, subgroups=())
    return complete_cases(everybody, lenient)[0]


def _completed(
    X: FloatArray, cohort: CohortArrays, spec: AnalysisSpec, rng: np.random.Generator
) -> FloatArray:
    others = np.vstack([cohort.treated, cohort.block((*spec.outcomes, *spec.adjusters))])
    filled = impute(X[:, 1:].T, others, cycles=CYCLES, rng=rng)
    return np.vstack([np.ones(cohort.n), filled]).T


def _score(X: FloatArray, cohort: CohortArrays) -> FloatArray:
    fit = fit_logistic(X, cohort.treated)
    logit = linear_predictor(X, fit)
    if np.isnan(logit).any():
        raise ConvergenceError(f"the propensity score could not be estimated: {fit.failure}")
    return logit


def _combined(method: str, estimand: str, rows: list[Estimate]) -> Estimate:
    used = round(float(np.mean([row.n_used for row in rows])))
    failures = [row.failure for row in rows if not row.converged]
    if failures:
        reason = f"{len(failures)} of {len(rows)} completed registries gave no estimate: {failures[0]}"
        return Estimate(method=method, estimand=estimand, n_used=used, failure=reason)
    pooled = pool(np.array([row.estimate for row in rows]), np.array([row.std_error for row in rows]))
    low, high = pooled.limits()
    return Estimate(
        method=method,
        estimand=estimand,
        estimate=pooled.estimate,
        std_error=pooled.std_error,
        ci_low=low,
        ci_high=high,
        p_value=pooled.p_value(),
        n_used=used,
        converged=True,
    )


MISSING_METHODS = (
    Method(
        name="psm_indicator",
        label="Matched, with indicators of missing values",
        group="matching",
        estimands=RISKS_MATCHED,
        std_error=SE,
        reference="Rosenbaum PR, Rubin DB. JASA 1984;79:516.",
        function=indicator_rows,
        uses=(),
    ),
    Method(
        name="psm_imputed",
        label="Matched in five imputed registries",
        group="matching",
        estimands=RISKS_MATCHED,
        std_error=f"Rubin's rules; within: {SE}",
        reference="Leyrat C et al. Stat Methods Med Res 2019;28:3.",
        function=imputed_rows,
        uses=(),
    ),
)
"""The thesis leaves patients with a gap out; these keep them."""
