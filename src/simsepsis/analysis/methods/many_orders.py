"""Matching in many random orders, so that the answer is not one of a lucky order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from simsepsis.analysis.estimates import Estimate, normal_estimate
from simsepsis.analysis.matching import match_weights
from simsepsis.analysis.methods.matcher_variants import SE, units_of, weighted_rows
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.thesis import RISKS_MATCHED
from simsepsis.errors import ConvergenceError

ORDERS = 50


def median_rows(task: Task) -> Iterator[Estimate]:
    r"""Yield the medians over random orders of matching.

    Notes
    -----
    The variance is the median over orders of :math:`s_k^2 + (\hat\theta_k - \hat\theta)^2`: that of one
    order, and the spread between them.
    """
    cohort = known(task.shared.cohort)
    units = units_of(task, cohort, known(task.shared.propensity).logit)
    found, shares = defaultdict(list), np.zeros(cohort.n)
    for _ in range(ORDERS):
        matches = units.match(order="random")
        if matches.n_pairs == 0:
            raise ConvergenceError(f"no pair within the caliper of {matches.caliper:.3g}")
        weights = np.zeros(cohort.n)
        weights[units.rows] = match_weights(matches, units.rows.size)
        shares += weights / ORDERS
        for row in weighted_rows(task, cohort, weights):
            found[row.estimand].append((row.estimate, row.std_error, row.n_used))
    if task.note is not None:
        task.note(cohort, shares)
    for estimand, rows in found.items():
        estimate, error, used = np.array(rows).T
        middle = float(np.median(estimate))
        spread = float(np.sqrt(np.median(error**2 + (estimate - middle) ** 2)))
        yield normal_estimate(task.method, estimand, middle, spread, n_used=int(np.median(used)))


METHOD = Method(
    name="psm_many_orders",
    label=f"Median of {ORDERS} random orders of matching",
    group="matching",
    estimands=RISKS_MATCHED,
    std_error=f"{SE}; and the spread between orders",
    reference="Chernozhukov V et al. Econom J 2018;21:C1 (median rule).",
    function=median_rows,
    uses=("cohort", "design", "propensity"),
)
