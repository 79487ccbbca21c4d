"""What the kernels take for a number, a label, a count or a level, and how they refuse the rest."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from simsepsis.analysis.inputs import binary_vector, case_weights, column_units, design_matrix, label_codes
from simsepsis.analysis.numeric import (
    confidence_level,
    finite_number,
    normal_quantile,
    number_array,
    whole_number,
)
from simsepsis.errors import DataError, UsageError

NUMBERS: dict[str, Any] = {
    "list": [1, 2.5, 3],
    "mixed": [True, np.float32(2.5), 3],
    "decimals": [Decimal(1), Fraction(5, 2), 3],
    "object array": np.array([1, 2.5, 3], dtype=object),
    "nullable": pd.array([1.0, 2.5, 3.0], dtype="Float64"),
    "arrow": pd.array([1.0, 2.5, 3.0], dtype="double[pyarrow]"),
    "series": pd.Series([1, 2.5, 3], index=[9, 9, 2]),
    "half precision": np.array([1, 2.5, 3], dtype=np.float16),
    "long": np.array([1, 2.5, 3], dtype=np.longdouble),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_every_kind_of_number_is_read(kind: str) -> None:
    found = number_array(NUMBERS[kind], "x")
    assert found.dtype == np.float64
    assert_array_equal(found, [1.0, 2.5, 3.0])


@pytest.mark.parametrize(
    "values",
    [
        [1.0, None, 3.0],
        [1.0, pd.NA, 3.0],
        [1.0, np.nan, 3.0],
        pd.array([1, None, 3], dtype="Int64"),
        np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False]),
        pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64")})["a"],
    ],
)
def test_what_is_missing_is_nan_and_named_by_its_row(values: Any) -> None:
    assert_array_equal(number_array(values, "x"), [1.0, np.nan, 3.0])
    with pytest.raises(DataError, match="outcome: row 1 is nan"):
        binary_vector(np.where(np.arange(3) == 1, number_array(values, "x"), 1), "outcome")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["dead", "alive"], "x: row 0 is 'dead', which is no number; give numbers"),
        ([0, "alive"], "x: row 1 is 'alive'"),
        (["1", "0"], "x: row 0 is '1'"),
        (np.array([b"a", b"b"]), "x: row 0 is b'a'"),
        ([1, 2j], "x: row 0 is"),
        (np.array([1, 2], dtype=complex), "x: row 0 is"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "x: row 0 is 2020-01-01"),
        (pd.Series(pd.to_timedelta(["1D", "2D"])), "x: row 0 is"),
        ([np.timedelta64(1, "D"), 1], "x: row 0 is"),
        ([[1, 2], [3]], "x has rows of different lengths"),
        ("abc", "x: the value is 'abc'"),
        ({1, 2}, "x: the value is {1, 2}"),
        ([[1.0, 2.0], [3.0, "four"]], "x: row 1, column 1 is 'four'"),
        ([1, {"a": 1}], "x: row 1 is {'a': 1}"),
        (pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}), "x: row 0 is 'u'"),
    ],
)
def test_what_is_no_number_is_refused_with_its_place(values: Any, words: str) -> None:
    with pytest.raises(DataError, match=words.replace("{", r"\{").replace("}", r"\}")):
        number_array(values, "x")


def test_whole_numbers_are_never_rounded() -> None:
    kept = [2**53, 2**60, 2**63]
    assert number_array(np.array(kept, dtype=np.uint64), "x").astype(np.uint64).tolist() == kept
    for values in (
        [2**53 + 1],
        [2**53 + 1, 0.5],
        [-1, 2**63 + 1],
        [10**400],
        np.array([2**62 + 1]),
        np.array([2**64 - 1], dtype=np.uint64),
        pd.array([2**53 + 1, 1], dtype="Int64"),
    ):
        with pytest.raises(DataError, match=r"is -?\d+…?, a whole number of more digits"):
            number_array(values, "x")
    with pytest.raises(DataError, match="a number of thousands of digits"):
        number_array([10**5000], "x")


def test_labels_stay_what_they_are() -> None:
    assert label_codes(["b", "a", "b"], "group", 3).tolist() == [1, 0, 1]
    assert label_codes([10, 9, 10], "group", 3).tolist() == [1, 0, 1]
    assert label_codes([True, False, True], "group", 3).tolist() == [1, 0, 1]
    # as floating-point numbers these are equal
    assert label_codes([2**53, 2**53 + 1], "group", 2).tolist() == [0, 1]
    assert label_codes([-1, 2**63, 2**63 + 1], "group", 3).tolist() == [0, 1, 2]
    assert label_codes([10**400, 1.5], "group", 2).tolist() == [1, 0]
    assert label_codes(pd.Categorical(["x", "y", "x"]), "group", 3).tolist() == [0, 1, 0]
    assert label_codes(pd.to_datetime(["2021", "2020"]), "group", 2).tolist() == [1, 0]


@pytest.mark.parametrize(
    "labels",
    [
        ["a", np.nan, "b"],
        ["a", None, "b"],
        [1.0, np.nan, 2.0],
        [1, None, 2],
        [1, pd.NA, 2],
        pd.array([1, None, 2], dtype="Int64"),
        pd.array(["a", None, "b"], dtype="string"),
        pd.Categorical(["a", None, "b"]),
        pd.to_datetime(["2020", None, "2021"]),
        np.ma.masked_array([1, 2, 3], mask=[False, True, False]),
    ],
)
def test_a_missing_label_is_refused_with_its_row(labels: Any) -> None:
    with pytest.raises(DataError, match="group: row 1 has no label"):
        label_codes(labels, "group", 3)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([1, "1", 2], "row 1 has the label '1' and row 0 1; give labels of one kind"),
        (["a", 1.5, "b"], "row 1 has the label 1.5 and row 0 'a'"),
        (np.array(["a", 2, "b"], dtype=object), "row 1 has the label 2"),
        ([{}, {}, {}], "does not sort"),
        ([(1, 2), (1, 2), (3, 4)], "shape"),
        ([[1], [1, 2], [3]], "list of lists"),
        (["a", "b"], "one label for each of the 3 rows"),
    ],
)
def test_labels_that_mean_nothing_certain_are_refused(labels: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        label_codes(labels, "group", 3)


def test_weights_are_of_a_size_that_can_be_summed() -> None:
    for bad in (-1.0, 1e200, 1e-200, np.inf, np.nan):
        with pytest.raises(DataError, match="weights: row 1 is"):
            case_weights([1.0, bad], 2)
    assert case_weights([0, 3], 2).tolist() == [0.0, 3.0]


def test_units_are_powers_of_two_and_only_where_they_are_needed() -> None:
    X = np.array([[1.0, 3e200, -2e-200, 0.0], [2.0, -1e200, 1e-200, 0.0]])
    units = column_units(X)
    assert units is not None
    assert units[[0, 3]].tolist() == [1.0, 1.0]
    scaled = X / units
    assert_array_equal(scaled * units, X)
    assert (np.abs(scaled[:, 1:3]).max(axis=0) >= 1).all()
    assert (np.abs(scaled[:, 1:3]).max(axis=0) < 2).all()
    assert column_units(X[:, [0, 3]]) is None
    with pytest.raises(DataError, match=r"column 0 is 1e\+308 in row 1 and 2 in row 0"):
        column_units(np.array([[2.0], [1e308]]))


def test_a_frame_is_read_column_by_column() -> None:
    frame = pd.DataFrame({"a": [True, False], "b": pd.array([1, 2], dtype="Int64"), "c": [0.5, 1.5]})
    assert_array_equal(design_matrix(frame), [[1, 1, 0.5], [0, 2, 1.5]])
    frame["b"] = pd.array([1, None], dtype="Int64")
    with pytest.raises(DataError, match="row 1, column 1 is nan"):
        design_matrix(frame)


@pytest.mark.parametrize(
    "value", [None, "0.5", True, 1j, [0.5], pd.NA, np.nan, np.inf, 2, 10**400, "x" * 999]
)
def test_a_level_is_a_number_between_0_and_1(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^level = .*; give a number above 0 and below 1$") as caught:
        confidence_level(value)
    assert len(str(caught.value)) < 130


def test_numbers_of_a_range() -> None:
    assert finite_number(np.float32(0.5), "x") == 0.5
    assert finite_number(np.array(2), "x") == 2.0
    assert finite_number(np.inf, "x", endless=True) == np.inf
    assert whole_number(3.0, "b") == 3
    for bad in (2.5, -1, np.nan, "3", 1e300, True):
        with pytest.raises(UsageError, match="give a whole number of at least 0"):
            whole_number(bad, "b")


def test_the_quantile_of_a_level_next_to_1_is_finite() -> None:
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054, rel=1e-15)
    assert normal_quantile(1 - 2**-53) == pytest.approx(8.292361075813597, rel=1e-12)
