"""Every performance measure as one record: words, unit, what is right, function, Monte Carlo standard error.

A measure is added here only: a function of what a series of replicates has, with its record above it. The
functions take arrays (..., r) with the replicates last and truths (...); NaN is what a replicate does not
have. Each uses the replicates that have what it needs (case-wise) and says how many.

Formulas: Morris TP, White IR, Crowther MJ. Stat Med 2019;38:2074, table 6; robust MCSEs: White IR. Stata J
2010;10:369. What goes beyond these names its own source.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.performance.grid import Block
from simsepsis.performance.mcse import (
    Measured,
    Numbers,
    centre,
    error_of_root,
    mean_of,
    over_truth,
    per_replicate,
    proportion_of,
    quotient,
    ratio_of,
    root_of,
    variance,
    with_truth_error,
)

Unit = Literal["estimand", "estimand squared", "fraction", "percent", "proportion", "ratio"]
F = TypeVar("F", bound=Callable[..., Measured])

PERFECT = "the value of a perfect method"
Z_MEDIAN = 2.5758293035489004
"""Normal quantile of 0.995, which McKean and Schrader chose for the order statistics around the median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What is expected of the estimates before there are any."""

    mcse: float
    expected: float = 0.0
    sd: float = 1.0
    correlation: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Replicates at which a measure has the MCSE wanted: the formula, and what has to be guessed for it."""

    formula: Callable[[Guess], float]
    needs: tuple[str, ...] = ()


OF_SHARE = Planned(formula=lambda g: g.expected * (1.0 - g.expected) / g.mcse**2, needs=("expected",))
OF_MEAN = Planned(formula=lambda g: (g.sd / g.mcse) ** 2, needs=("sd",))
OF_MEDIAN = Planned(formula=lambda g: math.pi / 2.0 * (g.sd / g.mcse) ** 2, needs=("sd",))
OF_SPREAD = Planned(formula=lambda g: 1.0 + (g.sd / g.mcse) ** 2 / 2.0, needs=("sd",))
OF_ERROR = Planned(formula=lambda g: 1.0 + ((100.0 + g.expected) / g.mcse) ** 2 / 2.0)
OF_PRECISION = Planned(
    formula=lambda g: 1.0 + (2.0 * (100.0 + g.expected) / g.mcse) ** 2 * (1.0 - g.correlation**2),
    needs=("correlation",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A performance measure.

    Attributes
    ----------
    name, label, short
        Key in tables; words for people; words for the head of a narrow column.
    unit
        Of the value; the MCSE of a ``proportion`` is binomial.
    function
        From what a series has, by the names of its arguments, to value, MCSE and replicates used.
    signed
        Whether the sign says too much or too little, so that a plus is worth printing.
    ideal, ideal_is
        Value that it is seen against, and what that value is; None: there is none.
    level
        Level that a frontier looks for unless a plan gives one.
    band
        In which it is as it should be unless a plan gives another.
    planned
        How many replicates a wanted MCSE takes.
    """

    name: str
    label: str
    short: str
    unit: Unit
    function: Callable[..., Measured]
    signed: bool
    ideal: float | None = None
    ideal_is: str = PERFECT
    level: float | None = None
    band: tuple[float, float] | None = None
    planned: Planned = OF_MEAN
    takes: tuple[str, ...] = field(default=(), repr=False)

    def of(self, block: Block) -> Measured:
        """Return value, MCSE and replicates used of each series of a block."""
        return self.function(**{name: getattr(block, name) for name in self.takes})


MEASURES: dict[str, Measure] = {}
"""Every measure of `summarize` by name, in the order of its rows."""


def _measure(
    label: str,
    unit: Unit,
    *,
    name: str = "",
    short: str = "",
    signed: bool | None = None,
    ideal: float | None = None,
    ideal_is: str = PERFECT,
    level: float | None = None,
    band: tuple[float, float] | None = None,
    planned: Planned | None = None,
) -> Callable[[F], F]:
    """Put a function into `MEASURES` with its record."""

    def recorded(function: F) -> F:
        key = name or function.__name__
        MEASURES[key] = Measure(
            name=key,
            label=label,
            short=short or label,
            unit=unit,
            function=function,
            signed=unit in ("estimand", "fraction", "percent") if signed is None else signed,
            ideal=ideal,
            ideal_is=ideal_is,
            level=level,
            band=band,
            planned=planned or (OF_SHARE if unit == "proportion" else OF_MEAN),
            takes=tuple(inspect.signature(function).parameters),
        )
        return function

    return recorded


@_measure("Truth", "estimand", name="truth")
def truth_of(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """θ itself, with its own MCSE; NaN where nothing estimates it."""
    n = mean_of(estimate).n_used
    value, mcse = (np.where(n > 0, number, np.nan) for number in (truth, truth_mcse))
    return Measured(value, mcse, n)


@_measure("Mean estimate", "estimand", name="mean")
def mean_estimate(estimate: FloatArray) -> Measured:
    """Mean of θ̂, MCSE s/√n."""
    return mean_of(estimate)


@_measure("Bias", "estimand", ideal=0.0)
def bias(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Mean of θ̂ − θ, MCSE √[s²/n + MCSE(θ)²], s the SD of the estimates."""
    return with_truth_error(mean_of(estimate - per_replicate(truth)), truth_mcse)


@_measure("Relative bias", "fraction", ideal=0.0)
def relative_bias(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Mean of (θ̂ − θ)/θ, NaN at θ = 0; MCSE √[s²/n + (θ̄/θ)²·MCSE(θ)²]/|θ|."""
    theta = per_replicate(truth)
    relative = mean_of(quotient(estimate - theta, theta))
    return with_truth_error(relative, quotient((relative.value + 1.0) * truth_mcse, truth))


@_measure("Median bias", "estimand", ideal=0.0, planned=OF_MEDIAN)
def median_bias(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Median of θ̂ − θ.

    MCSE (x₍ₙ₊₁₋c₎ − x₍c₎)/(2z) with c = (n + 1)/2 − z√(n/4), rounded, and z = 2.576; NaN below nine
    replicates, where c < 1 (McKean JW, Schrader RM. Commun Stat Simul Comput 1984;13:751).
    """
    ascending = np.sort(estimate - per_replicate(truth), axis=-1)
    n = np.asarray(np.count_nonzero(~np.isnan(ascending), axis=-1), dtype=np.int64)
    median = 0.5 * (_ranked(ascending, (n + 1) // 2) + _ranked(ascending, n // 2 + 1))
    c = np.rint((n + 1) / 2 - Z_MEDIAN * np.sqrt(n / 4)).astype(np.int64)
    spread = _ranked(ascending, n + 1 - c) - _ranked(ascending, c)
    mcse = np.where(c >= 1, spread / (2.0 * Z_MEDIAN), np.nan)
    return with_truth_error(Measured(median, mcse, n), truth_mcse)


@_measure("Empirical standard error", "estimand", short="Empirical SE", signed=False, planned=OF_SPREAD)
def empirical_se(estimate: FloatArray, *, robust: bool = True) -> Measured:
    """E = √[Σ(θ̂ − θ̄)²/(n − 1)].

    MCSE by the sandwich, √k·se(E²)/(2E) with k = n/(n − 1), or E/√[2(n − 1)] for normal estimates.
    """
    centred = centre(estimate)
    spread = np.sqrt(variance(centred))
    if not robust:
        return Measured(spread, quotient(spread, np.sqrt(2.0 * np.maximum(centred.n - 1, 0))), centred.n)
    inflation = quotient(centred.n, np.maximum(centred.n - 1, 0))
    squares = _squares(estimate, centred.deviation) * inflation[..., None]
    squared = ratio_of(squares, np.where(np.isnan(squares), np.nan, 1.0))
    return Measured(spread, error_of_root(np.sqrt(inflation) * squared.mcse, spread), centred.n)


@_measure("Model standard error", "estimand", signed=False)
def model_se(std_error: FloatArray) -> Measured:
    """M = √(Σ SE²/n), the root of the mean variance; MCSE √[Var(SE²)/(4nM²)]."""
    return root_of(mean_of(np.square(std_error)))


@_measure(
    "Relative error of the model standard error",
    "percent",
    short="Error of model SE",
    ideal=0.0,
    planned=OF_ERROR,
)
def relative_error_model_se(estimate: FloatArray, std_error: FloatArray, *, robust: bool = True) -> Measured:
    """100(M/E − 1), over the replicates with an estimate and a standard error.

    MCSE by the sandwich, 100·se(M²/E²)/(2M/E), or 100(M/E)√{Var(SE²)/(4nM⁴) + 1/[2(n − 1)]} for normal
    estimates.
    """
    both = np.isnan(estimate) | np.isnan(std_error)
    theta, model = np.where(both, np.nan, estimate), np.where(both, np.nan, std_error)
    m, e = model_se(model), empirical_se(theta, robust=False)
    ratio = quotient(m.value, e.value)
    if robust:
        squares = _squares(theta, centre(theta).deviation)
        error = error_of_root(ratio_of(np.square(model), squares).mcse, ratio)
    else:
        error = ratio * np.hypot(quotient(m.mcse, m.value), quotient(e.mcse, e.value))
    return Measured(100.0 * (ratio - 1.0), 100.0 * error, m.n_used)


@_measure("Mean squared error", "estimand squared")
def mse(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Σ(θ̂ − θ)²/n, MCSE √{Σ[(θ̂ − θ)² − MSE]²/[n(n − 1)] + [2·bias·MCSE(θ)]²}."""
    error = estimate - per_replicate(truth)
    return with_truth_error(mean_of(np.square(error)), 2.0 * centre(error).mean * truth_mcse)


@_measure("Root mean squared error", "estimand", short="RMSE", signed=False, planned=OF_SPREAD)
def rmse(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """√MSE, MCSE = MCSE(MSE)/(2·RMSE)."""
    return root_of(mse(estimate, truth, truth_mcse))


@_measure("Coverage", "proportion", ideal=0.95, level=0.9, band=(0.93, 0.97))
def coverage(low: FloatArray, high: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Share of intervals with low ≤ θ ≤ high, MCSE √[C(1 − C)/n]."""
    return over_truth(lambda theta: proportion_of(covers(low, high, theta)), truth, truth_mcse)


@_measure("Bias-eliminated coverage", "proportion", ideal=0.95, level=0.9, band=(0.93, 0.97))
def bias_eliminated_coverage(estimate: FloatArray, low: FloatArray, high: FloatArray) -> Measured:
    """Coverage of the mean of all estimates in place of θ, taken as fixed."""
    return coverage(low, high, centre(estimate).mean)


@_measure("Left non-coverage (interval above the truth)", "proportion")
def noncoverage_left(
    low: FloatArray, high: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0
) -> Measured:
    """Share of intervals that lie above the truth, θ < low."""
    return _missed(lambda theta: theta < low, low, high, truth, truth_mcse)


@_measure("Right non-coverage (interval below the truth)", "proportion")
def noncoverage_right(
    low: FloatArray, high: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0
) -> Measured:
    """Share of intervals that lie below the truth, θ > high."""
    return _missed(lambda theta: theta > high, low, high, truth, truth_mcse)


@_measure("Coverage, failures as misses", "proportion", short="failures as misses")
def coverage_worst_case(
    low: FloatArray, high: FloatArray, attempted: BoolArray, truth: Numbers, truth_mcse: Numbers = 0.0
) -> Measured:
    """Coverage over all attempted replicates where one without an interval misses."""
    return over_truth(lambda theta: _filled(0.0, covers(low, high, theta), attempted), truth, truth_mcse)


@_measure("Coverage, failures as hits", "proportion", short="failures as hits")
def coverage_best_case(
    low: FloatArray, high: FloatArray, attempted: BoolArray, truth: Numbers, truth_mcse: Numbers = 0.0
) -> Measured:
    """Coverage over all attempted replicates where one without an interval covers."""
    return over_truth(lambda theta: _filled(1.0, covers(low, high, theta), attempted), truth, truth_mcse)


@_measure(
    "Rejection rate (power or type I error)",
    "proportion",
    short="Rejection",
    ideal=0.05,
    ideal_is="the level of the test, which a valid one reaches where there is no effect",
    level=0.8,
    band=(0.03, 0.07),
)
def rejection(rejected: FloatArray) -> Measured:
    """Share of tests that reject: power where there is an effect, type I error where there is none."""
    return proportion_of(rejected)


@_measure("Rejection rate, failure as no rejection", "proportion", short="failures as no")
def rejection_failure_as_no(rejected: FloatArray, attempted: BoolArray) -> Measured:
    """Rejection rate over all attempted replicates where one without a test does not reject."""
    return _filled(0.0, rejected, attempted)


@_measure("Rejection rate, failure as rejection", "proportion", short="failures as yes")
def rejection_failure_as_yes(rejected: FloatArray, attempted: BoolArray) -> Measured:
    """Rejection rate over all attempted replicates where one without a test rejects."""
    return _filled(1.0, rejected, attempted)


@_measure("Width of the confidence interval", "estimand", signed=False)
def ci_width(low: FloatArray, high: FloatArray) -> Measured:
    """Mean width of the confidence interval, MCSE s/√n."""
    return mean_of(high - low)


@_measure("Gain in precision over the reference method", "percent", planned=OF_PRECISION)
def relative_precision(estimate: FloatArray, reference: FloatArray, *, robust: bool = True) -> Measured:
    """100[(E_A/E)² − 1] over the replicates that the method and its reference A both have.

    MCSE by the sandwich, 100·se(ΣT/ΣB) with T and B the squared deviations of A and of the method, or
    200(E_A/E)²√[(1 − ρ²)/(n − 1)] for normal estimates. A method against itself has 0 with MCSE 0.
    """
    missing = np.isnan(estimate) | np.isnan(reference)
    own, other = (centre(np.where(missing, np.nan, x)) for x in (estimate, reference))
    squares = [_squares(np.where(missing, np.nan, 0.0), item.deviation) for item in (other, own)]
    ratio = ratio_of(*squares)
    error = ratio.mcse
    if not robust:
        shared = np.square((own.deviation * other.deviation).sum(axis=-1))
        rho2 = quotient(shared, np.nansum(squares[0], axis=-1) * np.nansum(squares[1], axis=-1))
        error = 2.0 * ratio.value * np.sqrt(quotient(np.maximum(1.0 - rho2, 0.0), np.maximum(own.n - 1, 0)))
    return Measured(100.0 * (ratio.value - 1.0), 100.0 * error, ratio.n_used)


@_measure(
    "Difference in bias from the reference method",
    "estimand",
    ideal=0.0,
    ideal_is="no difference from the reference method",
)
def paired_difference(estimate: FloatArray, reference: FloatArray) -> Measured:
    """Mean of θ̂ − θ̂_A over the replicates that both have, MCSE s/√n: the noise that they share cancels."""
    return mean_of(estimate - reference)


@_measure("Convergence rate", "proportion", short="Convergence", ideal=1.0, level=0.99, band=(0.99, 1.0))
def convergence(estimate: FloatArray, attempted: BoolArray) -> Measured:
    """Share of attempted replicates with an estimate."""
    return proportion_of(np.where(attempted, np.where(np.isnan(estimate), 0.0, 1.0), np.nan))


@_measure("Exaggeration where the test rejects (type M error)", "ratio")
def exaggeration(
    estimate: FloatArray,
    rejected: FloatArray,
    truth: Numbers,
    truth_mcse: Numbers = 0.0,
    *,
    null: float = 0.0,
) -> Measured:
    """Mean of |θ̂ − null|/|θ − null| among replicates that reject; NaN where the null hypothesis is true.

    MCSE √{s²/n + [value·MCSE(θ)/(θ − null)]²} (Gelman A, Carlin J. Perspect Psychol Sci 2014;9:641).
    """
    effect = np.asarray(truth, dtype=np.float64) - null
    ratio = np.abs(quotient(estimate - null, effect[..., None]))
    measured = mean_of(np.where(rejected == 1.0, ratio, np.nan))
    return with_truth_error(measured, quotient(measured.value * truth_mcse, effect))


@_measure("Wrong sign where the test rejects (type S error)", "proportion")
def wrong_sign(estimate: FloatArray, rejected: FloatArray, truth: Numbers, *, null: float = 0.0) -> Measured:
    """Share of rejecting replicates on the other side of the null than θ; NaN where the null is true.

    Gelman A, Carlin J. Perspect Psychol Sci 2014;9:641.
    """
    side = np.sign(per_replicate(truth) - null)
    wrong = np.sign(estimate - null) == -side
    known = (rejected == 1.0) & ~np.isnan(estimate) & (np.abs(side) == 1.0)
    return proportion_of(np.where(known, wrong, np.nan))


def covers(low: FloatArray, high: FloatArray, truth: Numbers) -> FloatArray:
    """Say for each interval whether it holds the truth: 1, 0, or NaN where a limit or truth is missing."""
    theta = per_replicate(truth)
    return _where_known((low <= theta) & (theta <= high), low, high, truth)


def _missed(
    side: Callable[[FloatArray], BoolArray],
    low: FloatArray,
    high: FloatArray,
    truth: Numbers,
    truth_mcse: Numbers,
) -> Measured:
    """Return the share of intervals that miss on one side."""
    return over_truth(
        lambda theta: proportion_of(_where_known(side(per_replicate(theta)), low, high, theta)),
        truth,
        truth_mcse,
    )


def _where_known(said: BoolArray, low: FloatArray, high: FloatArray, truth: Numbers) -> FloatArray:
    missing = np.isnan(low) | np.isnan(high) | np.isnan(per_replicate(truth))
    return np.where(missing, np.nan, said)


def _filled(outcome: float, hit: FloatArray, attempted: BoolArray) -> Measured:
    """Share of attempted replicates where those without a result count as 1 or 0; NaN where none has one."""
    filled = proportion_of(np.where(attempted & np.isnan(hit), outcome, hit))
    any_result = np.where(np.isnan(hit).all(axis=-1), np.nan, 1.0)
    return Measured(filled.value * any_result, filled.mcse * any_result, filled.n_used)


def _squares(x: FloatArray, deviation: FloatArray) -> FloatArray:
    """Return squared deviations, NaN where x is."""
    return np.where(np.isnan(x), np.nan, np.square(deviation))


def _ranked(ascending: FloatArray, rank: IntArray) -> FloatArray:
    """Return the value of a rank, counted from 1; ranks outside are clipped."""
    index = np.clip(rank - 1, 0, ascending.shape[-1] - 1)[..., None]
    return np.take_along_axis(ascending, index, axis=-1)[..., 0]
