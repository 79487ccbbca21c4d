"""The ICU's preference as an instrument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.conditional_logistic import varies_within
from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.estimates import Estimate, normal_estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.regression import clusters
from simsepsis.analysis.methods.rows import each_outcome
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.rank import independent_columns
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ConvergenceError

LEAST_F = 10.0
"""First-stage F below which an instrument is too weak for a normal interval (Staiger and Stock)."""

LEAST_ICUS = 10
"""A sandwich over fewer ICUs than this is no standard error."""

ESTIMANDS = ("rd_{outcome}_ate",)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstStage:
    """What the instrument does to the treatment, given the covariates.

    Attributes
    ----------
    rows
        (m,): patients in ICUs of two or more.
    cluster
        (m,): their ICUs.
    instrument, treatment
        (m,): both without what the covariates explain.
    basis
        (m, q): orthonormal basis of the covariates.
    statistic
        F of the instrument, sandwich over ICUs.
    """

    rows: IntArray
    cluster: IntArray
    instrument: FloatArray
    treatment: FloatArray
    basis: FloatArray
    statistic: float


def preference_rows(task: Task) -> Iterator[Estimate]:
    r"""Yield the risk difference by two-stage least squares, the ICU's other patients as the instrument.

    The instrument is the share of the ICU's *other* patients who were treated; covariates are those of the
    score that differ between patients of one ICU. It gives the effect in patients whose treatment depends on
    the ICU, which is that in all (``ate``) where the effect is the same for all, and only if the ICU's
    preference acts on death through this treatment alone.

    Notes
    -----
    With :math:`\tilde z, \tilde a, \tilde y` residuals on the covariates,
    :math:`\hat\beta = \tilde z'\tilde y / \tilde z'\tilde a`, and its variance
    :math:`\sum_k (\sum_{i \in k} \tilde z_i e_i)^2 / (\tilde z'\tilde a)^2`, e the residuals with the
    treatment itself, k the ICUs. A first-stage F below 10 is a failure. R: ``ivreg::ivreg``,
    ``sandwich::vcovCL``.

    References
    ----------
    Brookhart MA et al. Epidemiology 2006;17:268. Staiger D, Stock JH. Econometrica 1997;65:557.
    """
    stage = first_stage(known(task.shared.cohort), known(task.shared.design), clusters(task))
    if not stage.statistic >= LEAST_F:
        raise ConvergenceError(
            f"the instrument is weak: its first-stage F is {stage.statistic:.1f}, less than {LEAST_F:g}"
        )
    cohort = known(task.shared.cohort)

    def rows(outcome: str) -> Iterator[Estimate]:
        dead = _residuals(stage.basis, cohort.column(outcome)[stage.rows])
        strength = float(stage.instrument @ stage.treatment)
        effect = float(stage.instrument @ dead) / strength
        error = _clustered_norm(stage.instrument * (dead - effect * stage.treatment), stage.cluster)
        yield normal_estimate(
            task.method, f"rd_{outcome}_ate", effect, error / abs(strength), n_used=stage.rows.size
        )

    return each_outcome(task, ESTIMANDS, rows)


def first_stage(cohort: CohortArrays, X: FloatArray, cluster: IntArray) -> FirstStage:
    """Regress treatment and instrument on the covariates."""
    size = np.bincount(cluster)[cluster]
    rows = np.flatnonzero(size > 1)
    icu, treated = cluster[rows], cohort.treated[rows].astype(np.float64)
    icus = int(np.unique(icu).size)
    if icus < LEAST_ICUS:
        raise ConvergenceError(f"{icus} ICUs have two patients or more; the instrument needs {LEAST_ICUS}")
    others = (np.bincount(icu, weights=treated)[icu] - treated) / (size[rows] - 1)
    kept = varies_within(X[rows], icu)
    kept[0] = True
    design = X[rows][:, kept]
    basis = np.linalg.qr(design[:, independent_columns(design)])[0]
    instrument, treatment = _residuals(basis, others), _residuals(basis, treated)
    length = float(instrument @ instrument)
    if not length > 1e-10 * float(others @ others):
        raise ConvergenceError("the covariates leave nothing of the ICUs' preference")
    slope = float(instrument @ treatment) / length
    error = _clustered_norm(instrument * (treatment - slope * instrument), icu) / length
    return FirstStage(
        rows=rows,
        cluster=icu,
        instrument=instrument,
        treatment=treatment,
        basis=basis,
        statistic=(slope / error) ** 2 if error > 0 else np.inf,
    )


def _residuals(basis: FloatArray, values: FloatArray) -> FloatArray:
    left: FloatArray = values - basis @ (basis.T @ values)
    return left


def _clustered_norm(scores: FloatArray, cluster: IntArray) -> float:
    """Return the root of the sum of squares of cluster totals."""
    return float(np.linalg.norm(np.bincount(cluster, weights=scores)))


ICU_PREFERENCE = Method(
    name="icu_preference_iv",
    label="ICU preference as an instrument, two-stage least squares",
    group="adjustment",
    estimands=ESTIMANDS,
    std_error="sandwich over ICUs",
    reference="Brookhart MA et al. Epidemiology 2006;17:268.",
    function=preference_rows,
    uses=("cohort", "design"),
    needs=("clusters",),
)
"""Instrumental variable."""
