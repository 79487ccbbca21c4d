"""The thesis's results after matching as one vector, in print and in every replicate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import scipy.special

from simsepsis.arrays import FloatArray
from simsepsis.errors import ExperimentError
from simsepsis.study.layout import ARMS, Key
from simsepsis.study.published import open_study

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
        Which part of the thesis it belongs to.
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


def _contrast(table: str, variable: str, level: str, statistic: str) -> Key:
    return Key(table, variable, level, statistic, "after", "contrast")


def _odds(name: str, part: Part, method: str, outcome: str, truth: str, *keys: Key) -> Result:
    estimand = f"log_or_{outcome}_{truth}"
    return Result(name=f"{name}_{outcome}", part=part, method=method, estimand=estimand, keys=keys)


def _of_outcome(outcome: str, extended_table: str) -> tuple[Result, ...]:
    def second(level: str) -> Key:
        return _contrast("text", outcome, level, "odds_ratio")

    shares = tuple(Key("text", outcome, "adjuncts_crude", "percent", "after", arm) for arm in ARMS)
    extended = _contrast(extended_table, "ivigg", "", "odds_ratio")
    first: Part = "first score"
    other: Part = "second score"
    return (
        _odds("matched", first, "psm", outcome, "matched", _printed_odds(outcome, "unadjusted")),
        _odds("gee", first, "psm_gee", outcome, "twin", _printed_odds(outcome, "adjusted")),
        _odds("gee_sofa", first, "psm_gee_sofa", outcome, "twin", extended),
        _odds("second_matched", other, "psm_adjuncts", outcome, "matched", *shares),
        _odds("second_gee", other, "psm_adjuncts_gee", outcome, "twin", second("adjuncts_gee")),
        _odds(
            "second_gee_sofa", other, "psm_adjuncts_gee_sofa", outcome, "twin", second("adjuncts_gee_sofa")
        ),
        *(_interaction(outcome, subgroup) for subgroup in ("apache2", "immunocompromised")),
    )


def _printed_odds(outcome: str, level: str) -> Key:
    return _contrast("table4", outcome, level, "odds_ratio")


def _interaction(outcome: str, subgroup: str) -> Result:
    method = f"breslow_day_{subgroup}"
    return Result(
        name=f"{method}_{outcome}",
        part="interaction",
        method=method,
        estimand=f"log_or_ratio_{outcome}_matched",
        keys=(_contrast("text", outcome, method, "p_value"),),
        column="p_value",
    )


RESULTS: tuple[Result, ...] = (
    Result(
        name="cox_hospital_death",
        part="first score",
        method="psm_cox",
        estimand="log_hr_hospital_death_matched",
        keys=(_contrast("text", "hospital_death", "cox", "hazard_ratio"),),
    ),
    *_of_outcome("icu_death", "table5"),
    *_of_outcome("hospital_death", "table6"),
)
"""Every effect and test of the matched patients in Tables 4 to 6 and the text, once each.

Left out: what repeats them (confidence limits, p values of the same effects, percentages of the first score);
everything before matching, to which the generator was fitted; and the numbers of pairs, which the literal
reading of the methods gives in no world, so that they tell of the reading and not of the truth.
"""

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


def printed_vector(results: Sequence[Result] = RESULTS) -> FloatArray:
    """Return the printed results, (d,), on the scale of `replicate_vectors`."""
    cells = open_study().numbers
    printed = [np.array([cells[key].value for key in result.keys]) for result in results]
    values = [_FROM_PRINT[result.column](numbers) for result, numbers in zip(results, printed, strict=True)]
    return np.array(values)


def replicate_vectors(rows: pd.DataFrame, results: Sequence[Result] = RESULTS) -> FloatArray:
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
