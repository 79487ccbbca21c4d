"""A study's results after matching as one vector, in print and in every replicate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import scipy.special

from simsepsis.arrays import FloatArray
from simsepsis.errors import ExperimentError
from simsepsis.study.layout import Key
from simsepsis.study.published import Study

Part = Literal["first score", "second score", "interaction"]
Column = Literal["estimate", "p_value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One printed result.

    Attributes
    ----------
    name
        Slug.
    part
        Which part of the analysis it belongs to.
    method, estimand, column
        Where a replicate has it.
    keys
        Where it stands in print: one number, or the percentages of the treated and the controls.
    """

    name: str
    part: Part
    method: str
    estimand: str
    keys: tuple[Key, ...]
    column: Column = "estimate"


_FROM_PRINT: dict[Column, Callable[[FloatArray], float]] = {
    "estimate": lambda numbers: _log_ratio(numbers),
    "p_value": lambda numbers: float(-scipy.special.ndtri(numbers[0])),
}
_FROM_REPLICATE: dict[Column, Callable[[FloatArray], FloatArray]] = {
    "estimate": lambda values: values,
    # A p value of 0 or 1 has no probit; such a replicate lacks the result.
    "p_value": lambda values: np.where((values > 0) & (values < 1), -scipy.special.ndtri(values), np.nan),
}
"""To the scale on which the results are about normal: logarithms of ratios, probits of p values."""


def _log_ratio(numbers: FloatArray) -> float:
    """Return the logarithm of a ratio, or the log odds ratio of two percentages."""
    if numbers.size == 1:
        return float(np.log(numbers[0]))
    treated, control = scipy.special.logit(numbers / 100.0)
    return float(treated - control)


def names_of(study: Study) -> dict[str, str]:
    """Return what a study's answers call the settings of its scenarios."""
    return dict(getattr(study.module("results"), "WORDS", {}))


def results_of(study: Study) -> tuple[Result, ...]:
    """Return the printed results of a study that worlds are judged by.

    Raises
    ------
    ExperimentError
        If it names none.
    """
    code = study.module("results")
    if code is None:
        raise ExperimentError(f"study '{study.name}' names no printed results that worlds could be judged by")
    results: tuple[Result, ...] = code.RESULTS
    return results


def printed_vector(study: Study, results: Sequence[Result]) -> FloatArray:
    """Return the printed results, (d,), on the scale of `replicate_vectors`."""
    cells = study.numbers
    printed = [np.array([cells[key].value for key in result.keys]) for result in results]
    values = [_FROM_PRINT[result.column](numbers) for result, numbers in zip(results, printed, strict=True)]
    return np.array(values)


def replicate_vectors(rows: pd.DataFrame, results: Sequence[Result]) -> FloatArray:
    """Return the same results of every replicate of one world, (replicates, d).

    Returns
    -------
    FloatArray
        In the order of the replicates; NaN where a method gave nothing.
    """
    replicates = np.unique(rows["replicate"])
    series = {
        key: group.set_index("replicate").reindex(replicates)
        for key, group in rows.groupby(["method", "estimand"], sort=False)
    }
    columns = []
    for result in results:
        found = series.get((result.method, result.estimand))
        if found is None:
            raise ExperimentError(
                f"the run has no rows of {result.method}, {result.estimand}; add the method to the plan"
            )
        values = found[result.column].to_numpy(np.float64)
        columns.append(_FROM_REPLICATE[result.column](values))
    return np.stack(columns, axis=1)
