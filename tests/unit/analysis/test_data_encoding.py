"""From files and frames to checked arrays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.cohort_file import read_cohort
from simsepsis.analysis.data import complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.errors import DataError

SMALL = AnalysisSpec(
    treatment="drug",
    outcomes=("dead",),
    cluster="ward",
    patient="id",
    covariates=("age", "site"),
    adjuncts=(),
    transfusions=(),
    durations=("stay",),
    later_scores=(),
    survival_time=None,
    survival_event=None,
    subgroups=(),
)


@pytest.fixture
def small() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [11, 12, 13, 14],
            "ward": ["b", "a", "b", "a"],
            "drug": [1, 0, 1, 0],
            "dead": [0, 1, 1, 0],
            "age": [50.0, np.nan, 61.0, 70.0],
            "site": ["lung", "abdomen", "lung", None],
            "stay": [3.0, 4.0, np.nan, 5.0],
        }
    )


def test_levels_are_numbered_by_their_frequency_with_missing_as_nan(small: pd.DataFrame) -> None:
    cohort = encode_cohort(small, SMALL)
    assert cohort.levels == {"site": ("lung", "abdomen")}
    np.testing.assert_array_equal(cohort.column("site"), [0, 1, 0, np.nan])
    np.testing.assert_array_equal(cohort.treated, [True, False, True, False])
    np.testing.assert_array_equal(cohort.cluster, [1, 0, 1, 0])
    assert (cohort.kinds["age"], cohort.kinds["dead"]) == ("number", "binary")


def test_categorical_and_object_columns_encode_alike(registry: pd.DataFrame) -> None:
    text = encode_cohort(registry, THESIS_SPEC)
    names = [name for name, kind in text.kinds.items() if kind == "category"]
    categories = encode_cohort(registry.astype(dict.fromkeys(names, "category")), THESIS_SPEC)
    assert names
    np.testing.assert_array_equal(text.values, categories.values)


def test_dictionary_levels_keep_their_order_and_reference(registry: pd.DataFrame) -> None:
    cohort = encode_cohort(registry, THESIS_SPEC)
    assert cohort.levels["icu_model"] == ("closed", "open", "comanagement")
    expected = registry["icu_model"].map({"closed": 0, "open": 1, "comanagement": 2})
    np.testing.assert_array_equal(cohort.column("icu_model"), expected)


def test_incomplete_patients_leave_and_are_counted(small: pd.DataFrame) -> None:
    cohort, flow = complete_cases(encode_cohort(small, SMALL), SMALL)
    np.testing.assert_array_equal(cohort.patient, [11, 13])
    np.testing.assert_array_equal(cohort.record, [0, 2])
    assert (flow.registered, flow.missing_day1, flow.missing_later, flow.analysed) == (4, 2, 0, 2)
    small.loc[2, "dead"] = np.nan
    _, flow = complete_cases(encode_cohort(small, SMALL), SMALL)
    assert (flow.missing_day1, flow.missing_later, flow.analysed) == (2, 1, 1)


def test_recode_rename_and_numbers_as_categories(small: pd.DataFrame) -> None:
    other = small.rename(columns={"age": "AGE"}).assign(
        drug=["yes", "no", "yes", "no"], AGE=[50.0, 0.0, 61.0, 70.0], stay=[1, 3, 3, 10]
    )
    spec = replace(
        SMALL,
        columns={"age": "AGE"},
        recode={"drug": {"yes": 1, "no": 0}, "age": {"0": float("nan")}},
        categorical=("stay",),
    )
    cohort = encode_cohort(other, spec)
    np.testing.assert_array_equal(cohort.treated, [True, False, True, False])
    np.testing.assert_array_equal(cohort.column("age"), [50, np.nan, 61, 70])
    assert cohort.levels["stay"] == ("1", "3", "10")


def test_other_types_of_columns(small: pd.DataFrame) -> None:
    other = small.assign(
        drug=small["drug"].astype(bool),
        dead=pd.array([0, 1, None, 0], dtype="Int64"),
        site=pd.array(["lung", "abdomen", "lung", None], dtype="string"),
        age=pd.Categorical([20.0, 21.0, 100.0, 21.0]),
        stay=["a", 2, 3.0, np.nan],
    )
    cohort = encode_cohort(other, replace(SMALL, categorical=("age", "stay")))
    np.testing.assert_array_equal(cohort.treated, [True, False, True, False])
    np.testing.assert_array_equal(cohort.column("dead"), [0, 1, np.nan, 0])
    np.testing.assert_array_equal(cohort.column("site"), [0, 1, 0, np.nan])
    assert cohort.levels["age"] == ("20", "21", "100")
    assert cohort.levels["stay"] == ("2", "3", "a")
    plain = encode_cohort(other.assign(stay=3), SMALL)
    np.testing.assert_array_equal(plain.column("age"), [20, 21, 100, 21])


def test_many_clusters_as_a_category_keep_their_names(small: pd.DataFrame) -> None:
    big = small.assign(ward=[1234567, 1234568, 1234567, 7])
    cohort = encode_cohort(big, replace(SMALL, covariates=("age", "ward"), categorical=("ward",)))
    assert cohort.levels["ward"] == ("7", "1234567", "1234568")


def test_registry_is_not_changed(registry: pd.DataFrame) -> None:
    before = registry.copy(deep=True)
    encode_cohort(registry, THESIS_SPEC)
    pd.testing.assert_frame_equal(registry, before)


def spoil(registry: pd.DataFrame, column: str, row: int, value: object) -> pd.DataFrame:
    values = registry[column].astype(object)
    values.iloc[row] = value
    return registry.assign(**{column: values})


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        (
            "infection_site",
            "brain",
            ["column 'infection_site' has the value 'brain' in row 4", "abdomen, lung"],
        ),
        ("apache2", 99, ["column 'apache2' has the value 99 in row 4", "at most 71"]),
        ("age", 3, ["'age'", "at least 16"]),
        ("age", "old", ["column 'age' has the text \"old\" in row 4", "give a number"]),
        ("wbc", np.inf, ["'wbc' has the value inf"]),
        ("sofa_cv_day1", 2.5, ["'sofa_cv_day1' has the value 2.5", "whole number"]),
        ("rrt", 2, ["'rrt' has the value 2", "0 or 1"]),
        ("ivigg", 2, ["'ivigg' has the value 2 in row 4", "0 or 1"]),
        ("ivigg", None, ["'ivigg' is empty in row 4"]),
        ("icu_id", None, ["'icu_id' is empty in row 4"]),
        ("patient_id", 1, ["'patient_id' has the value 1 again in row 4"]),
    ],
)
def test_bad_value_is_one_sentence(
    registry: pd.DataFrame, column: str, value: object, words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        encode_cohort(spoil(registry, column, 3, value), THESIS_SPEC)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_bad_cohort_is_one_sentence(registry: pd.DataFrame) -> None:
    cases = {
        "column 'apache2' is missing; did you mean 'apache_2'": registry.rename(
            columns={"apache2": "apache_2"}
        ),
        "'ivigg' is 0 for all 1200 patients, one arm is empty": registry.assign(ivigg=0),
        "'icu_id' is 7 for all patients": registry.assign(icu_id=7),
        "has no rows": registry.iloc[:0],
        "'age' stands twice": pd.concat([registry, registry[["age"]]], axis=1),
    }
    for words, bad in cases.items():
        with pytest.raises(DataError) as caught:
            encode_cohort(bad, THESIS_SPEC)
        assert words in str(caught.value)


def test_nobody_complete_names_the_worst_column(registry: pd.DataFrame) -> None:
    cohort = encode_cohort(registry.assign(wbc=np.nan), THESIS_SPEC)
    with pytest.raises(DataError, match="'wbc' is empty in 1200 of 1200 rows"):
        complete_cases(cohort, THESIS_SPEC)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_give_what_the_frame_gives(registry: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cohort.{suffix}"
    if suffix == "csv":
        registry.to_csv(path, index=False)
    else:
        registry.to_parquet(path)
    frame = read_cohort(path)
    assert frame.attrs["source"] == path.name
    np.testing.assert_array_equal(
        encode_cohort(frame, THESIS_SPEC).values, encode_cohort(registry, THESIS_SPEC).values
    )
    with pytest.raises(DataError, match=f"^cohort.{suffix}: column 'age' is missing"):
        encode_cohort(frame.drop(columns="age"), THESIS_SPEC)


def test_unreadable_files_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    (tmp_path / "not.parquet").write_text("no")
    cases = {
        "nowhere.csv": "cannot be read",
        "cohort.docx": "'.docx'",
        "empty.csv": "has no rows",
        "header.csv": "has no rows",
        "ragged.csv": "row 2 has 3 cells, the header 2",
        "not.parquet": "",
    }
    for name, words in cases.items():
        with pytest.raises(DataError) as caught:
            read_cohort(tmp_path / name)
        message = str(caught.value)
        assert name in message
        assert words in message
        assert "\n" not in message
