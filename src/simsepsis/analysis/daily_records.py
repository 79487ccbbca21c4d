"""What a second file records of each patient's days, put beside the patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simsepsis.analysis.inputs import finite_vector
from simsepsis.analysis.numeric import shown
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.errors import DataError, MissingColumnError, did_you_mean

DAY = "day"
"""The column that numbers the days from 1, the day of admission."""


def with_days(patients: pd.DataFrame, daily: pd.DataFrame, spec: AnalysisSpec) -> pd.DataFrame:
    """Return the patients with a column ``daily_NAME_DAY`` for each record and day.

    Parameters
    ----------
    patients
        One row per patient.
    daily
        One row per patient and day: the patient's identifier, ``day``, and what is recorded. A day without
        a row is empty.
    spec
        Names the identifier.

    Raises
    ------
    DataError
        If a column is missing, a day is none, or a patient has a day twice or is none of the patients.
    """
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
