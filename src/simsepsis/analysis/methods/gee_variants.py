"""The estimating equations of the matched patients, by other correlations, errors and terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.fit import Fit, wald_tests
from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import coefficient_row, each_outcome
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.thesis import LIANG_ZEGER, LOG_OR_TWIN
from simsepsis.analysis.outcomes import ModelData, model_data
from simsepsis.errors import ConvergenceError, NotEstimableError

TREATMENT = 1
"""Place of the treatment among the terms, after the intercept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equations:
    """How the estimating equations are set up and their error is estimated.

    Attributes
    ----------
    covariance
        As in `simsepsis.analysis.gee.fit_gee`; a correction goes with t on clusters minus terms.
    correlation
        Working correlation; None for the spec's.
    adjusted
        Whether adjuncts and transfusions are in the model, as in the thesis, or the treatment alone.
    """

    covariance: str = "robust"
    correlation: str | None = None
    adjusted: bool = True


def gee_rows(task: Task, *, equations: Equations) -> Iterator[Estimate]:
    """Yield the treatment's log odds ratio of each outcome in the thesis's matched patients."""
    found = known(known(task.shared.thesis).matched)
    matched = found.cohort
    if found.weights is not None:
        raise ConvergenceError("these equations take pairs, and controls carry weights here (ratio, replace)")
    if matched.cluster is None:
        raise NotEstimableError("the spec names no column for the clusters")
    data = model_data(matched, task.spec, extended=False)

    def rows(outcome: str) -> Iterator[Estimate]:
        yield _row(task, f"log_or_{outcome}_twin", data, data.cohort.column(outcome), equations)

    return each_outcome(task, LOG_OR_TWIN, rows)


def _row(task: Task, estimand: str, data: ModelData, dead: np.ndarray, equations: Equations) -> Estimate:
    X = data.X if equations.adjusted else data.X[:, : TREATMENT + 1]
    cluster = data.cohort.cluster
    assert cluster is not None
    fit = fit_gee(
        X,
        dead,
        cluster,
        correlation=equations.correlation or task.spec.correlation,
        covariance=equations.covariance,
        moment=task.spec.moment,
    )
    row = coefficient_row(task.method, estimand, fit, TREATMENT, data.cohort.n)
    if not row.converged or equations.covariance == "robust":
        return row
    return _with_t(row, fit, int(np.unique(cluster).size) - X.shape[1] + len(fit.dropped))


def _with_t(row: Estimate, fit: Fit, df: int) -> Estimate:
    """Return a row with the limits and the test of the t distribution."""
    if df < 1:
        raise ConvergenceError(f"{df} degrees of freedom: there are no more clusters than terms")
    tests = wald_tests(fit, df=df)
    return Estimate(
        method=row.method,
        estimand=row.estimand,
        estimate=row.estimate,
        std_error=row.std_error,
        ci_low=float(tests.ci_low[TREATMENT]),
        ci_high=float(tests.ci_high[TREATMENT]),
        p_value=float(tests.p_value[TREATMENT]),
        n_used=row.n_used,
        converged=True,
    )


def _gee(name: str, label: str, equations: Equations, std_error: str, reference: str) -> Method:
    return Method(
        name=name,
        label=label,
        group="matching",
        estimands=LOG_OR_TWIN,
        std_error=f"{std_error}, score taken as known",
        reference=reference,
        function=partial(gee_rows, equations=equations),
        uses=("thesis",),
        needs=("clusters",),
    )


GEE_METHODS = (
    _gee(
        "psm_gee_independence",
        "Matched, GEE with independence",
        Equations(correlation="independence"),
        "sandwich over ICUs",
        LIANG_ZEGER,
    ),
    _gee(
        "psm_gee_mancl_derouen",
        "Matched, GEE, Mancl–DeRouen and t",
        Equations(covariance="mancl_derouen"),
        "sandwich over ICUs of Mancl and DeRouen, t with ICUs minus terms",
        "Mancl LA, DeRouen TA. Biometrics 2001;57:126.",
    ),
    _gee(
        "psm_gee_kauermann_carroll",
        "Matched, GEE, Kauermann–Carroll and t",
        Equations(covariance="kauermann_carroll"),
        "sandwich over ICUs of Kauermann and Carroll, t with ICUs minus terms",
        "Kauermann G, Carroll RJ. JASA 2001;96:1387.",
    ),
    _gee(
        "psm_gee_fay_graubard",
        "Matched, GEE, Fay–Graubard and t",
        Equations(covariance="fay_graubard"),
        "sandwich over ICUs of Fay and Graubard, t with ICUs minus terms",
        "Fay MP, Graubard BI. Biometrics 2001;57:1198.",
    ),
    _gee(
        "psm_gee_alone",
        "Matched, GEE on treatment alone",
        Equations(adjusted=False),
        "sandwich over ICUs",
        LIANG_ZEGER,
    ),
    _gee(
        "psm_gee_alone_mancl_derouen",
        "Matched, GEE on treatment alone, Mancl–DeRouen and t",
        Equations(adjusted=False, covariance="mancl_derouen"),
        "sandwich over ICUs of Mancl and DeRouen, t with ICUs minus terms",
        "Mancl LA, DeRouen TA. Biometrics 2001;57:126.",
    ),
)
"""The thesis's estimating equations with one thing changed."""
