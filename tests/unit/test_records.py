"""Registries as columns: the analysis takes them as it takes frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis import generate_cohort, load_scenario
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.errors import DataError
from simsepsis.records import Records, frame_of


@pytest.fixture(scope="module")
def records() -> Records:
    return generate_cohort(load_scenario("thesis"), seed=3, n=400, oracle=False).records


def test_the_frame_is_made_once_and_shares_the_numbers(records: Records) -> None:
    frame = records.frame
    assert frame is records.frame is frame_of(records)
    assert frame_of(frame) is frame
    assert len(records) == len(frame) == 400
    assert list(frame) == list(records.columns)
    assert np.shares_memory(frame["age"].to_numpy(), records.columns["age"])


def test_columns_and_frame_become_the_same_arrays(records: Records) -> None:
    ours, theirs = encode_cohort(records, THESIS_SPEC), encode_cohort(records.frame.copy(), THESIS_SPEC)
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_array_equal(ours.cluster, theirs.cluster)
    np.testing.assert_array_equal(ours.patient, theirs.patient)
    assert (ours.rows, ours.kinds, ours.levels) == (theirs.rows, theirs.kinds, theirs.levels)


def broken(records: Records, name: str, values: object) -> Records:
    return Records(columns={**records.columns, name: values})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("age", lambda values: np.where(np.arange(400) == 7, -3.0, values)),
        ("ivigg", lambda values: np.zeros_like(values)),
        ("icu_id", lambda values: np.ones_like(values)),
        ("patient_id", lambda values: np.where(np.arange(400) == 9, 1, values)),
        ("hospital_death", lambda values: np.where(np.arange(400) == 5, 2, values)),
        ("infection_site", lambda values: pd.Categorical(np.where(np.arange(400) == 2, "moon", "other"))),
    ],
)
def test_columns_and_frame_are_refused_in_the_same_words(records: Records, name: str, change) -> None:
    wrong = broken(records, name, change(records.columns[name]))
    with pytest.raises(DataError) as ours:
        encode_cohort(wrong, THESIS_SPEC)
    with pytest.raises(DataError) as theirs:
        encode_cohort(wrong.frame, THESIS_SPEC)
    assert str(ours.value) == str(theirs.value)


def test_a_column_that_is_not_there(records: Records) -> None:
    rest = {name: values for name, values in records.columns.items() if name != "wbc"}
    with pytest.raises(DataError, match="column 'wbc' is missing"):
        encode_cohort(Records(columns=rest), THESIS_SPEC)
    with pytest.raises(DataError, match="has no rows"):
        encode_cohort(Records(columns={}), THESIS_SPEC)
