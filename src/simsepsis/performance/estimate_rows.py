"""Estimate rows, checked and brought to what the measures need: estimate, error, limits, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import DataError, UsageError, did_you_mean

KEYS = ("cell", "scenario", "method", "estimand")
"""What names a series of replicates."""

NOT_AVAILABLE = "not available"
"""Kind of failure of a method that lacks what it needs, which is no failure of the method."""

OPTIONAL_KEYS = ("cell", "scenario")
NUMBERS = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "df")
REQUIRED = ("replicate", "method", "estimand", "estimate")
VALUES = ("estimate", "std_error", "low", "high", "rejected")
"""What the measures use of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How estimates are judged.

    Attributes
    ----------
    alpha
        Level of the test; one minus the level of the confidence intervals.
    limits_alpha
        One minus the level at which stored confidence limits were made. Where it is not `alpha`, the limits
        are made anew from estimate and standard error.
    null
        Value under the null hypothesis that is tested. Stored p values test 0 and serve for that null only.
    reference
        Method that relative precision is measured against.
    robust
        Sandwich MCSEs where there is a choice; otherwise those for normal estimates.
    """

    alpha: float = 0.05
    limits_alpha: float = 0.05
    null: float = 0.0
    reference: str | None = None
    robust: bool = True

    def __post_init__(self) -> None:
        for name, level in (("alpha", self.alpha), ("limits_alpha", self.limits_alpha)):
            if not 0.0 < level < 1.0:
                raise UsageError(f"{name} = {level}: give a number between 0 and 1, such as 0.05")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Checked rows; arrays of shape (n,).

    Attributes
    ----------
    codes, labels
        For each of `KEYS`, the row's code and the sorted labels the codes stand for.
    replicate
        Rank of the replicate's number among all numbers.
    values
        `VALUES` by name; all NaN where the method failed.
    """

    codes: dict[str, IntArray]
    labels: dict[str, list[object]]
    replicate: IntArray
    values: dict[str, FloatArray]


def read_rows(estimates: pd.DataFrame, settings: Settings) -> Rows:
    """Check estimate rows and derive limits and verdicts."""
    _check_columns(estimates)
    coded = {name: _coded(estimates, name) for name in (*KEYS, "replicate")}
    numbers = {name: _number(estimates, name) for name in NUMBERS}
    _check_numbers(numbers)
    methods = coded["method"][1]
    if settings.reference is not None and settings.reference not in methods:
        known = [str(method) for method in methods]
        raise UsageError(
            f"reference '{settings.reference}' is not a method of these estimates: {', '.join(known)}"
            f"{did_you_mean(settings.reference, known)}"
        )
    failed = ~_converged(estimates) | ~np.isfinite(numbers["estimate"])
    values = _derived(numbers, settings)
    return Rows(
        codes={name: coded[name][0] for name in KEYS},
        labels={name: coded[name][1] for name in KEYS},
        replicate=coded["replicate"][0],
        values={name: np.where(failed, np.nan, column) for name, column in values.items()},
    )


def available(estimates: pd.DataFrame) -> BoolArray:
    """Return which rows are of methods that had what they need; only these were attempted, (n,)."""
    if "failure_kind" not in estimates.columns:
        return np.ones(len(estimates), dtype=np.bool_)
    return np.asarray(estimates["failure_kind"].astype(object) != NOT_AVAILABLE, dtype=np.bool_)


def named(keys: Sequence[str], values: Sequence[object]) -> str:
    """Return keys with their values, for a message."""
    return ", ".join(f"{key} {value!r}" for key, value in zip(keys, values, strict=True))


def _check_columns(estimates: pd.DataFrame) -> None:
    for name in REQUIRED:
        if name not in estimates.columns:
            near = did_you_mean(name, [str(column) for column in estimates.columns])
            raise DataError(f"estimates: column '{name}' is missing{near or '; add it'}")
    if len(estimates) == 0:
        raise DataError("estimates: there is no row; run at least one replicate first")


def _coded(estimates: pd.DataFrame, name: str) -> tuple[IntArray, list[object]]:
    """Return a key column as codes into its sorted labels; a column that is optional and absent is blank."""
    if name not in estimates.columns:
        return np.zeros(len(estimates), dtype=np.int64), [""]
    codes, found = pd.factorize(estimates[name])
    missing = np.flatnonzero(codes < 0)
    if missing.size:
        raise DataError(f"estimates: column '{name}' is empty in row {missing[0]}; give every row its {name}")
    labels: list[object] = found.tolist()
    order = np.array(sorted(range(len(labels)), key=lambda i: (type(labels[i]).__name__, labels[i])))
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.arange(len(labels))
    return rank[codes], [labels[i] for i in order]


def _number(estimates: pd.DataFrame, name: str) -> FloatArray:
    """Return a numeric column, NaN where it has no value; all NaN where there is no such column."""
    if name not in estimates.columns:
        return np.full(len(estimates), np.nan)
    try:
        return np.asarray(estimates[name].to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise DataError(f"estimates: column '{name}' is not numeric ({error}); give numbers") from error


def _converged(estimates: pd.DataFrame) -> BoolArray:
    """Return what the rows say of convergence; where they say nothing, the estimate decides."""
    if "converged" not in estimates.columns:
        return np.ones(len(estimates), dtype=np.bool_)
    column = estimates["converged"]
    if column.dtype == np.bool_:
        return np.asarray(column.to_numpy(np.bool_))
    try:
        return np.asarray(column.astype("boolean").fillna(True).to_numpy(np.bool_))
    except (TypeError, ValueError) as error:
        raise DataError(f"estimates: column 'converged' is not true or false ({error})") from error


def _check_numbers(numbers: dict[str, FloatArray]) -> None:
    impossible = (
        ("std_error", numbers["std_error"] < 0, "a standard error is 0 or more"),
        ("ci_low", numbers["ci_low"] > numbers["ci_high"], "the lower limit must not exceed the upper"),
        ("p_value", (numbers["p_value"] < 0) | (numbers["p_value"] > 1), "a p value is between 0 and 1"),
        ("df", numbers["df"] <= 0, "degrees of freedom are positive"),
    )
    for name, wrong, rule in impossible:
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(f"estimates: {name} is {numbers[name][row]:g} in row {row}; {rule}")


def _derived(numbers: dict[str, FloatArray], settings: Settings) -> dict[str, FloatArray]:
    """Return the columns that the measures use."""
    low, high = _limits(numbers, settings)
    outside = np.where(np.isnan(low), np.nan, (low > settings.null) | (settings.null > high))
    p = numbers["p_value"]
    tested = ~np.isnan(p) & (settings.null == 0.0)
    return {
        "estimate": numbers["estimate"],
        "std_error": numbers["std_error"],
        "low": low,
        "high": high,
        "rejected": np.where(tested, p < settings.alpha, outside),
    }


def _limits(numbers: dict[str, FloatArray], settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Return the rows' own limits where they are of the level wanted, others by t (with df) or normal."""
    low, high = numbers["ci_low"], numbers["ci_high"]
    own = ~np.isnan(low) & ~np.isnan(high) & (settings.limits_alpha == settings.alpha)
    half = _multiplier(numbers["df"], settings.alpha) * numbers["std_error"]
    estimate = numbers["estimate"]
    with np.errstate(invalid="ignore"):
        return np.where(own, low, estimate - half), np.where(own, high, estimate + half)


def _multiplier(df: FloatArray, alpha: float) -> FloatArray:
    """Return the two-sided quantile for each row: t where there are degrees of freedom, else normal."""
    quantile = np.full(df.size, scipy.special.ndtri(1.0 - alpha / 2.0))
    known = ~np.isnan(df)
    quantile[known] = scipy.special.stdtrit(df[known], 1.0 - alpha / 2.0)
    return quantile
