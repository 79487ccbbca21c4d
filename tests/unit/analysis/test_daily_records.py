"""A file of days finds its patients, or is refused with the row and the remedy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.daily_records import with_days
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.errors import DataError

PATIENTS = pd.DataFrame({"patient_id": ["a", "b", "c"], "age": [50, 60, 70]})
DAILY = pd.DataFrame({"patient_id": ["b", "a", "a"], "day": [1, 2, 1], "lactate": [3.0, 2.0, 4.0]})


def test_each_record_of_a_day_becomes_a_column() -> None:
    PATIENTS.attrs = {"source": "patients.csv"}
    found = with_days(PATIENTS, DAILY, THESIS_SPEC)
    assert list(found) == ["patient_id", "age", "daily_lactate_1", "daily_lactate_2"]
    np.testing.assert_array_equal(found["daily_lactate_1"], [4.0, 3.0, np.nan])
    np.testing.assert_array_equal(found["daily_lactate_2"], [2.0, np.nan, np.nan])
    assert found.attrs == {"source": "patients.csv"}


def test_the_identifier_may_have_another_name() -> None:
    spec = replace(THESIS_SPEC, columns={"patient_id": "ID"})
    named = [frame.rename(columns={"patient_id": "ID"}) for frame in (PATIENTS, DAILY)]
    assert with_days(*named, spec)["daily_lactate_2"].tolist()[0] == 2.0


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (DAILY.rename(columns={"day": "days"}), "column 'day' is missing; did you mean 'days'"),
        (DAILY.drop(columns="patient_id"), "column 'patient_id' is missing"),
        (DAILY.assign(day=[0, 2, 1]), "'day' is 0 in row 1; number days 1, 2, 3 …"),
        (DAILY.assign(day=[1, 1, 1]), r"patient 'a' has day 1 twice, in row 3; keep one"),
        (DAILY.assign(patient_id=["z", "a", "a"]), "patient 'z' of row 1 is none of the patients"),
    ],
)
def test_days_that_fit_no_patient_are_refused(changed: pd.DataFrame, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        with_days(PATIENTS, changed, THESIS_SPEC)


def test_a_spec_without_identifier_says_so() -> None:
    with pytest.raises(DataError, match='write patient = "…"'):
        with_days(PATIENTS, DAILY, replace(THESIS_SPEC, patient=None))
