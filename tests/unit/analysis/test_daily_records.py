"""A file of days finds its patients, or is refused with the row and the remedy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.daily_records import columns_by_day, with_days
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.errors import DataError
from simsepsis.study.published import open_study

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


def ward(folder: Path, limits: str = "0,30") -> AnalysisSpec:
    """Return the spec of a study that says what is daily."""
    (folder / "study.toml").write_text('name = "ward"\ntitle = "A ward"\n', encoding="utf-8")
    (folder / "variables.csv").write_text(
        "name,label,role,kind,low,high\nid,Patient,id,,,\ndrug,Drug,treatment,binary,,\n"
        f"dead,Death,outcome,binary,,\nage,Age,covariate,number,,\nlactate,Lactate,daily,number,{limits}\n",
        encoding="utf-8",
    )
    (folder / "analysis.toml").write_text(
        'patient = "id"\ntreatment = "drug"\noutcomes = ["dead"]\ncovariates = ["age"]\n', encoding="utf-8"
    )
    return open_study(str(folder)).spec


def test_a_study_says_which_records_of_a_day_count(tmp_path: Path) -> None:
    spec = ward(tmp_path)
    frame = pd.DataFrame({"daily_lactate_1": [2.0], "daily_lactate_2": [3.0], "daily_mood_1": [9.0]})
    assert columns_by_day(frame, spec) == {"lactate": {1: "daily_lactate_1", 2: "daily_lactate_2"}}
    assert set(columns_by_day(frame, THESIS_SPEC)) == {"lactate", "mood"}


def test_a_daily_value_outside_its_limits_is_refused_with_its_row(tmp_path: Path) -> None:
    frame = pd.DataFrame({"daily_lactate_1": [2.0, 31.0]})
    with pytest.raises(DataError, match=r"is 31 in row 2; the study's variables allow 0 to 30"):
        columns_by_day(frame, ward(tmp_path))


def test_a_file_of_days_has_every_record_that_the_study_calls_daily(tmp_path: Path) -> None:
    spec = ward(tmp_path)
    patients = pd.DataFrame({"id": ["a"], "age": [50]})
    days = pd.DataFrame({"id": ["a"], "day": [1], "pulse": [80]})
    with pytest.raises(DataError, match="'lactate' is missing, which the study's"):
        with_days(patients, days, spec)
