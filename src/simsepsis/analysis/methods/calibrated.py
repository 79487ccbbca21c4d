"""Matching calibrated by negative-control outcomes, which show the error that is left."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from simsepsis.analysis.estimates import Estimate, normal_estimate
from simsepsis.analysis.methods.matcher_variants import by_options, weighted_risks, weights_of
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import risk_rows
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.sensitivity import empirical_calibration
from simsepsis.arrays import FloatArray
from simsepsis.errors import NotEstimableError

CONTROL = "control_"
"""How the names of negative-control outcomes begin: columns of 0 and 1."""
LEAST = 5
"""Controls with an estimate that a null distribution needs."""


def calibrated_rows(task: Task) -> Iterator[Estimate]:
    """Yield the log risk ratios after matching, calibrated by those of the negative controls."""
    cohort, propensity = known(task.shared.cohort), known(task.shared.propensity)
    weights = weights_of(task, cohort, propensity.logit, by_options)
    controls = [_log_ratio(task, weights, values) for values in _controls(task)]
    usable = [row for row in controls if row.failure is None]
    if len(usable) < LEAST:
        raise NotEstimableError(
            f"needs {LEAST} negative-control outcomes with an estimate, in columns {CONTROL}NAME of 0 and 1; "
            f"there are {len(usable)}"
        )
    frame = pd.DataFrame({"log_rr": [r.estimate for r in usable], "se_log_rr": [r.std_error for r in usable]})
    calibration = empirical_calibration(frame.assign(true_log_rr=0.0))
    for outcome in task.spec.outcomes:
        plain = _log_ratio(task, weights, cohort.column(outcome))
        name = f"log_rr_{outcome}_matched"
        if plain.failure is not None:
            yield normal_estimate(
                task.method, name, np.nan, np.nan, n_used=plain.n_used, failure=plain.failure
            )
            continue
        found = calibration.apply(plain.estimate, plain.std_error)
        yield normal_estimate(
            task.method, name, float(found["estimate"]), float(found["std_error"]), n_used=plain.n_used
        )


def _log_ratio(task: Task, weights: FloatArray, values: FloatArray) -> Estimate:
    risks = weighted_risks(known(task.shared.cohort), values, weights)
    rows = {row.estimand: row for row in risk_rows(task.method, "x", "matched", risks)}
    return rows["log_rr_x_matched"]


def _controls(task: Task) -> Iterator[FloatArray]:
    """Yield the negative-control outcomes of the cohort; columns that are not all 0 or 1 are none."""
    frame, rows = task.shared.frame, known(task.shared.cohort).record
    for name in frame.columns:
        if str(name).startswith(CONTROL):
            values = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)[rows]
            if np.isin(values, (0.0, 1.0)).all():
                yield values


METHOD = Method(
    name="psm_calibrated",
    label="Matched, calibrated by negative-control outcomes",
    group="matching",
    estimands=("log_rr_{outcome}_matched",),
    std_error="sandwich over patients and the spread of the controls' systematic error",
    reference="Schuemie MJ et al. Stat Med 2014;33:209.",
    function=calibrated_rows,
    uses=("cohort", "design", "propensity"),
    needs=("controls",),
)
