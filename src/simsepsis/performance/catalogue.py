"""The table of performance measures: name, label, unit, function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from simsepsis.performance import intervals, measures
from simsepsis.performance.mcse import Measured
from simsepsis.performance.study import Block

Unit = Literal["estimand", "estimand squared", "fraction", "percent", "proportion", "ratio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A performance measure.

    Attributes
    ----------
    label
        For people.
    unit
        Of the value; the MCSE of a ``proportion`` is binomial.
    function
        Measures the series of a block.
    """

    label: str
    unit: Unit
    function: Callable[[Block], Measured]


MEASURES: dict[str, Measure] = {
    "truth": Measure(
        label="Truth",
        unit="estimand",
        function=lambda b: measures.truth_of(b.estimate, b.truth, b.truth_mcse),
    ),
    "mean": Measure(
        label="Mean estimate", unit="estimand", function=lambda b: measures.mean_estimate(b.estimate)
    ),
    "bias": Measure(
        label="Bias", unit="estimand", function=lambda b: measures.bias(b.estimate, b.truth, b.truth_mcse)
    ),
    "relative_bias": Measure(
        label="Relative bias",
        unit="fraction",
        function=lambda b: measures.relative_bias(b.estimate, b.truth, b.truth_mcse),
    ),
    "median_bias": Measure(
        label="Median bias",
        unit="estimand",
        function=lambda b: measures.median_bias(b.estimate, b.truth, b.truth_mcse),
    ),
    "empirical_se": Measure(
        label="Empirical standard error",
        unit="estimand",
        function=lambda b: measures.empirical_se(b.estimate, robust=b.settings.robust),
    ),
    "model_se": Measure(
        label="Model standard error", unit="estimand", function=lambda b: measures.model_se(b.std_error)
    ),
    "relative_error_model_se": Measure(
        label="Relative error of the model standard error",
        unit="percent",
        function=lambda b: measures.relative_error_model_se(
            b.estimate, b.std_error, robust=b.settings.robust
        ),
    ),
    "mse": Measure(
        label="Mean squared error",
        unit="estimand squared",
        function=lambda b: measures.mse(b.estimate, b.truth, b.truth_mcse),
    ),
    "rmse": Measure(
        label="Root mean squared error",
        unit="estimand",
        function=lambda b: measures.rmse(b.estimate, b.truth, b.truth_mcse),
    ),
    "coverage": Measure(
        label="Coverage",
        unit="proportion",
        function=lambda b: intervals.coverage(b.low, b.high, b.truth, b.truth_mcse),
    ),
    "bias_eliminated_coverage": Measure(
        label="Bias-eliminated coverage",
        unit="proportion",
        function=lambda b: intervals.bias_eliminated_coverage(b.estimate, b.low, b.high),
    ),
    "noncoverage_left": Measure(
        label="Left non-coverage (interval above the truth)",
        unit="proportion",
        function=lambda b: intervals.noncoverage_left(b.low, b.high, b.truth, b.truth_mcse),
    ),
    "noncoverage_right": Measure(
        label="Right non-coverage (interval below the truth)",
        unit="proportion",
        function=lambda b: intervals.noncoverage_right(b.low, b.high, b.truth, b.truth_mcse),
    ),
    "coverage_worst_case": Measure(
        label="Coverage, failures as misses",
        unit="proportion",
        function=lambda b: intervals.bounded_coverage(0.0, b.low, b.high, b.attempted, b.truth, b.truth_mcse),
    ),
    "coverage_best_case": Measure(
        label="Coverage, failures as hits",
        unit="proportion",
        function=lambda b: intervals.bounded_coverage(1.0, b.low, b.high, b.attempted, b.truth, b.truth_mcse),
    ),
    "rejection": Measure(
        label="Rejection rate (power or type I error)",
        unit="proportion",
        function=lambda b: intervals.rejection(b.rejected),
    ),
    "rejection_failure_as_no": Measure(
        label="Rejection rate, failure as no rejection",
        unit="proportion",
        function=lambda b: intervals.with_failures_as(0.0, b.rejected, b.attempted),
    ),
    "rejection_failure_as_yes": Measure(
        label="Rejection rate, failure as rejection",
        unit="proportion",
        function=lambda b: intervals.with_failures_as(1.0, b.rejected, b.attempted),
    ),
    "ci_width": Measure(
        label="Width of the confidence interval",
        unit="estimand",
        function=lambda b: intervals.ci_width(b.low, b.high),
    ),
    "relative_precision": Measure(
        label="Gain in precision over the reference method",
        unit="percent",
        function=lambda b: measures.relative_precision(b.estimate, b.reference, robust=b.settings.robust),
    ),
    "paired_difference": Measure(
        label="Difference in bias from the reference method",
        unit="estimand",
        function=lambda b: measures.paired_difference(b.estimate, b.reference),
    ),
    "convergence": Measure(
        label="Convergence rate",
        unit="proportion",
        function=lambda b: intervals.convergence(b.estimate, b.attempted),
    ),
    "exaggeration": Measure(
        label="Exaggeration where the test rejects (type M error)",
        unit="ratio",
        function=lambda b: intervals.exaggeration(
            b.estimate, b.rejected, b.truth, b.truth_mcse, null=b.settings.null
        ),
    ),
    "wrong_sign": Measure(
        label="Wrong sign where the test rejects (type S error)",
        unit="proportion",
        function=lambda b: intervals.wrong_sign(b.estimate, b.rejected, b.truth, null=b.settings.null),
    ),
}
"""Every measure of `summarize`, in the order of its rows."""
