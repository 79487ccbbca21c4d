"""The values that the settings of an analysis may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

Scalar = str | int | float | bool
Censoring = Literal["discharge", "day28_alive", "administrative"]
Missing = Literal["complete", "indicator", "category"]
Scale = Literal["logit", "ps"]
CaliperSD = Literal["overall", "pooled", "raw"]
Order = Literal["random", "largest", "smallest", "data", "closest"]
Select = Literal["nearest", "random_in_caliper"]
SecondScore = Literal["added", "alone", "none"]
Correlation = Literal["exchangeable", "independence"]
Moment = Literal["statsmodels", "geepack"]
ChiSquare = Literal["plain", "yates"]
Fisher = Literal["two-sided", "one-sided"]
TimeUnit = Literal["hours", "days", "weeks", "months", "years"]
_YEAR = 365.25
DAYS_IN: dict[str, float] = {"hours": 1 / 24, "days": 1.0, "weeks": 7.0, "months": _YEAR / 12, "years": _YEAR}
"""Length of each unit of time in days."""
CHOICES: dict[str, tuple[str, ...]] = {
    "scale": get_args(Scale),
    "caliper_sd": get_args(CaliperSD),
    "order": get_args(Order),
    "select": get_args(Select),
    "second_score": get_args(SecondScore),
    "correlation": get_args(Correlation),
    "moment": get_args(Moment),
    "chi_square": get_args(ChiSquare),
    "fisher": get_args(Fisher),
    "time_unit": get_args(TimeUnit),
}
"""What each setting may be."""


def scalars(values: Scalar | Sequence[Scalar] | None) -> tuple[Scalar, ...]:
    """Return the values that a spec names, of which one may stand alone."""
    if values is None:
        return ()
    return (values,) if isinstance(values, (str, int, float, bool)) else tuple(values)
