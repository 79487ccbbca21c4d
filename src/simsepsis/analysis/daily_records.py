"""What a second file records of each patient's days, put beside the patients."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from simsepsis.analysis.inputs import finite_vector
from simsepsis.analysis.numeric import shown
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.errors import DataError, MissingColumnError, did_you_mean
from simsepsis.study.published import open_study
from simsepsis.study.variables import Variable, Variables

DAY = "day"
"""The column that numbers the days from 1, the day of admission."""
COLUMN = re.compile(r"daily_(.+)_(\d+)")
"""What a column of one day is called: ``daily_lactate_3`` is the lactate of day 3."""


def declared(spec: AnalysisSpec) -> Variables:
    """Return what the study's variables say is recorded of each day; none where they do not say."""
    if spec.own:
        return Variables()
    known = open_study(spec.study).variables
    return Variables(known[name] for name in known.of("daily"))


def columns_by_day(frame: pd.DataFrame, spec: AnalysisSpec) -> dict[str, dict[int, str]]:
    """Return record → day → its column: of the records that the study declares, or of all."""
    found: dict[str, dict[int, str]] = {}
    wanted = declared(spec)
    for column in map(str, frame.columns):
        if (named := COLUMN.fullmatch(column)) is not None and (not wanted or named[1] in wanted):
            found.setdefault(named[1], {})[int(named[2])] = column
    for name, variable in wanted.items():
        for column in found.get(name, {}).values():
            _check_limits(frame[column], column, variable)
    return found


def _check_limits(values: pd.Series[Any], column: str, variable: Variable) -> None:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    low = -np.inf if variable.low is None else variable.low
    high = np.inf if variable.high is None else variable.high
    wrong = (numbers < low) | (numbers > high)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"registry: '{column}' is {numbers[row]:g} in row {row + 1}; the study's variables allow "
            f"{low:g} to {high:g}"
        )


def with_days(patients: pd.DataFrame, daily: pd.DataFrame, spec: AnalysisSpec) -> pd.DataFrame:
    """Return the patients with a column ``daily_NAME_DAY`` for each record and day."""
    if spec.patient is None:
        raise DataError(
            'the spec names no identifier, by which days find their patients; write patient = "…"'
        )
    name = spec.columns.get(spec.patient, spec.patient)
    source = daily.attrs.get("source", "the file of days")
    for column, frame in ((name, patients), (name, daily), (DAY, daily)):
        if column not in frame.columns:
            hint = did_you_mean(column, map(str, frame.columns))
            where = source if frame is daily else "the file of patients"
            raise MissingColumnError(
                f"{where}: column '{column}' is missing{hint}; give each row its {column}"
            )
    for record in declared(spec):
        if record not in daily.columns:
            raise MissingColumnError(
                f"{source}: column '{record}' is missing, which the study's variables call daily; "
                "give each day its value"
            )
    day = finite_vector(daily[DAY], DAY)
    wrong = (day < 1) | (day != np.rint(day))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{source}: 'day' is {day[row]:g} in row {row + 1}; number days 1, 2, 3 …")
    twice = daily.duplicated([name, DAY]).to_numpy()
    if twice.any():
        row = int(np.argmax(twice))
        raise DataError(
            f"{source}: patient {shown(daily[name].iloc[row])} has day {day[row]:g} twice, in row {row + 1}; "
            "keep one"
        )
    unknown = ~daily[name].isin(patients[name]).to_numpy()
    if unknown.any():
        row = int(np.argmax(unknown))
        raise DataError(
            f"{source}: patient {shown(daily[name].iloc[row])} of row {row + 1} is none of the patients; "
            "leave out the row or add the patient"
        )
    wide = daily.assign(**{DAY: day.astype(np.int64)}).pivot(index=name, columns=DAY)
    wide.columns = [f"daily_{record}_{number}" for record, number in wide.columns]
    found = patients.join(wide, on=name)
    found.attrs = patients.attrs
    return found
