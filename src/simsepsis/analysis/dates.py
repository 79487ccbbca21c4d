"""Columns of dates as days, and the span between two of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simsepsis.analysis.values import Place, Values, is_text, label, numbers, shown
from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError

_ZONE = r"\d(?:Z|[+-]\d{2}:?\d{2})$"
"""An offset from universal time at the end of a date."""


def elapsed(earlier: Values, later: Values, places: tuple[Place, Place], format: str | None) -> FloatArray:
    """Return the days from one column of dates to another."""
    (start, first), (end, second) = (
        as_days(column, place, format) for column, place in zip((earlier, later), places, strict=True)
    )
    if first != second:
        raise places[1].error(
            f"holds {second}, but '{places[0].column}' holds {first}; give both in the same way"
        )
    return end - start


def as_days(column: Values, place: Place, format: str | None) -> tuple[FloatArray, str]:
    """Return dates as days, and what the column holds."""
    if not is_text(column):
        counted = np.asarray(numbers(column, place), np.float64)
        return _calendar(counted, place) if _written_as_dates(counted) else (counted, "numbers of days")
    series = pd.Series(column)
    if pd.api.types.is_timedelta64_dtype(series.dtype):
        raise place.error("holds spans of time; name it as the time itself, without 'differences'")
    text = series.map(label, na_action="ignore") if series.dtype == object else series.astype(object)
    zoned = _zoned(series, text, place)
    dates = pd.to_datetime(series, format=format or "ISO8601", errors="coerce", utc=zoned or None)
    wrong = (dates.isna() & series.notna()).to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        raise _no_date(place, row, series.iloc[row], _date_rule(text[wrong].astype(str)))
    dates = dates.dt.tz_convert(None) if zoned else dates
    days = (dates - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return np.asarray(days.to_numpy(dtype=np.float64)), "dates with a time zone" if zoned else "dates"


def _zoned(series: pd.Series, text: pd.Series, place: Place) -> bool:
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return True
    zones = text.dropna().astype(str).str.contains(_ZONE)
    if zones.any() and not zones.all():
        raise place.error("has a time zone in some rows and none in others; write all in the same way")
    return bool(zones.any())


def _no_date(place: Place, row: int, value: object, remedy: str) -> DataError:
    return place.error(f"has {shown(value)} in row {place.record[row] + 1}, which is no date; {remedy}")


def _date_rule(texts: pd.Series) -> str:
    parts = texts.str.extract(r"^\s*(\d{1,2})([./-])(\d{1,2})[./-]\d{4}\s*$").dropna()
    if parts.empty:
        return "write dates as 2019-02-28, or write date_format in the spec"
    mark = parts.iloc[0, 1]
    month_first = (parts[2].astype(int) > 12).any()
    order = ("%m", "%d") if month_first else ("%d", "%m")
    asked = "" if month_first or (parts[0].astype(int) > 12).any() else " or the other way round"
    return f'write date_format = "{mark.join((*order, "%Y"))}"{asked} in the spec'


def _written_as_dates(values: FloatArray) -> bool:
    """Whether whole numbers such as 20190228 stand for dates: as days they would be 55,000 years."""
    present = values[np.isfinite(values)]
    within = (present >= 1678_01_01) & (present <= 2261_12_31) & (np.rint(present) == present)
    return bool(present.size and within.all())


def _calendar(values: FloatArray, place: Place) -> tuple[FloatArray, str]:
    dates = pd.to_datetime(pd.Series(values).astype("Int64").astype(object), format="%Y%m%d", errors="coerce")
    wrong = dates.isna().to_numpy() & ~np.isnan(values)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise _no_date(place, row, int(values[row]), "correct it or leave it empty")
    return np.asarray(((dates - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(np.float64)), "dates"
