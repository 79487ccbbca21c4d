"""Whatever a column holds, a cohort is either read or refused in one sentence."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st
from tests.examples import examples

from simsepsis import AnalysisSpec, Subgroup

# The reader alone, without the fits that come after it.
from simsepsis.analysis.encode import encode_cohort
from simsepsis.errors import SimsepsisError

N = 24
SPEC = AnalysisSpec(
    name="ward",
    treatment="drug",
    outcomes=("dead",),
    cluster="site",
    patient="id",
    covariates=("age", "kind"),
    adjuncts=("rrt",),
    transfusions=("units",),
    durations=("stay",),
    later_scores=(),
    survival_time="days",
    survival_event="gone",
    subgroups=(Subgroup(name="old", column="old", at_least=1),),
)
PLAIN = pd.DataFrame(
    {
        "id": np.arange(N),
        "site": np.arange(N) % 4,
        "drug": np.arange(N) % 2,
        "dead": np.arange(N) % 3 % 2,
        "gone": np.arange(N) % 3 % 2,
        "age": np.linspace(40, 80, N),
        "kind": np.resize(["a", "b", "c"], N),
        "rrt": np.arange(N) % 5 % 2,
        "units": np.arange(N) % 7,
        "stay": np.arange(N) % 6 + 0.5,
        "days": np.arange(N) + 1.0,
        "old": np.arange(N) // 12,
    }
)
ZEROS = np.arange(N) % 2
DTYPES = {
    "float16": ZEROS.astype(np.float16),
    "longdouble": ZEROS.astype(np.longdouble),
    "big endian": ZEROS.astype(">f8"),
    "big endian whole": ZEROS.astype(">i2"),
    "uint8": ZEROS.astype(np.uint8),
    "complex": ZEROS.astype(complex),
    "nullable": pd.array(ZEROS, dtype="Int8"),
    "nullable truth": pd.array(ZEROS.astype(bool), dtype="boolean"),
    "arrow": pd.array(ZEROS, dtype="int64[pyarrow]"),
    "arrow truth": pd.array(ZEROS.astype(bool), dtype="bool[pyarrow]"),
    "arrow text": pd.array(np.where(ZEROS, "yes", "no"), dtype="string[pyarrow]"),
    "arrow span": pd.array(
        pd.to_timedelta(ZEROS, unit="D"), dtype=pd.ArrowDtype(__import__("pyarrow").duration("ns"))
    ),
    "sparse": pd.arrays.SparseArray(ZEROS),
    "period": pd.period_range("2020-01", periods=N, freq="M"),
    "interval": pd.interval_range(0, N),
    "stamps": pd.date_range("2020-01-01", periods=N),
    "zoned stamps": pd.date_range("2020-01-01", periods=N, tz="UTC"),
    "spans": pd.to_timedelta(ZEROS, unit="h"),
    "span objects": np.array([dt.timedelta(hours=int(k)) for k in ZEROS], dtype=object),
    "decimals": np.array([Decimal(int(k)) for k in ZEROS], dtype=object),
    "bytes": np.array([b"1", b"0"] * (N // 2), dtype=object),
    "categories": pd.Categorical(np.where(ZEROS, "yes", "no"), categories=["maybe", "no", "yes"]),
    "numeric categories": pd.Categorical(ZEROS, categories=[1, 0, 2], ordered=True),
    "mixed truths": np.array([True, "no", 1, 0.0] * (N // 4), dtype=object),
    "arrays": pd.Series([np.array([1.0])] * N),
    "sets": pd.Series([{1}] * N),
    "tuples": pd.Series([(1, 2)] * N),
    "frames": pd.Series([PLAIN] * N),
    "nothing": np.full(N, None),
    "NaN": np.full(N, np.nan),
    "NaT": pd.to_datetime(pd.Series([None] * N)),
    "huge": np.full(N, 1e308) * ZEROS,
    "infinite": np.where(ZEROS, np.inf, 1.0),
    "read only": np.broadcast_to(np.float64(1.0), N),
}


def outcome(frame: pd.DataFrame, spec: AnalysisSpec = SPEC) -> str:
    """Return ``read``, or the sentence of the refusal; anything else that is raised fails the test."""
    try:
        cohort = encode_cohort(frame, spec)
    except SimsepsisError as error:
        message = str(error)
        assert message
        assert "\n" not in message
        assert len(message) < 600, message
        return message
    assert np.isfinite(cohort.values[~np.isnan(cohort.values)]).all()
    assert cohort.treated.dtype == np.bool_
    return "read"


def test_the_plain_cohort_is_read() -> None:
    assert outcome(PLAIN) == "read"


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("column", list(PLAIN))
def test_columns_of_every_type_are_read_or_refused(kind: str, column: str) -> None:
    outcome(PLAIN.assign(**{column: DTYPES[kind]}))


TRUTHS = (
    "float16|longdouble|big endian|big endian whole|uint8|nullable|nullable truth|arrow|arrow truth|"
    "arrow text|sparse|decimals|categories|numeric categories|mixed truths"
)


@pytest.mark.parametrize("kind", TRUTHS.split("|"))
@pytest.mark.parametrize("column", ["drug", "dead", "rrt", "old"])
def test_zeros_and_ones_of_every_type_are_the_same(kind: str, column: str) -> None:
    expected = encode_cohort(PLAIN.assign(**{column: ZEROS}), SPEC).values
    if kind == "mixed truths":
        expected = encode_cohort(PLAIN.assign(**{column: 1 - ZEROS}), SPEC).values
    np.testing.assert_array_equal(
        encode_cohort(PLAIN.assign(**{column: DTYPES[kind]}), SPEC).values, expected
    )


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["yes", "No", "NA", "1,5", "12.5", "-9", "2019-02-28", "01/02/2019", "=1+1", "[/x]", "0", "1"]
    ),
    st.dates().map(str),
    st.datetimes(),
    st.timedeltas(),
    st.decimals(),
    st.binary(max_size=4),
    st.lists(st.integers(), max_size=2),
)


@examples(150, suppress_health_check=[HealthCheck.too_slow])
@given(column=st.sampled_from(list(PLAIN)), cells=st.lists(CELLS, min_size=1, max_size=4), fill=st.booleans())
@example(column="age", cells=["1e400"], fill=True)
@example(column="drug", cells=[10**20, 0], fill=True)
def test_cells_of_any_kind_are_read_or_refused(column: str, cells: list[object], fill: bool) -> None:
    values = PLAIN[column].astype(object).to_list()
    values[: len(cells)] = cells
    if fill:
        values = [cells[k % len(cells)] for k in range(N)]
    frame = PLAIN.copy()
    frame[column] = pd.Series(values, dtype=object)
    outcome(frame)


@examples(60)
@given(words=st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=2, unique_by=lambda w: w.strip()))
def test_any_two_words_name_the_arms_when_the_spec_says_which(words: list[str]) -> None:
    first, second = words
    # A list, because an array of text would lose a last character that is NUL.
    told = PLAIN.assign(drug=[first if given else second for given in PLAIN["drug"] == 1])
    found = outcome(told, replace(SPEC, treated=first))
    if found == "read":
        np.testing.assert_array_equal(
            encode_cohort(told, replace(SPEC, treated=first)).treated, PLAIN["drug"] == 1
        )
    else:
        assert not first.strip() or not second.strip() or first in ("0", "1")


@pytest.mark.parametrize(
    "cohort", [{"drug": [1, 0]}, np.zeros((3, 2)), [1, 2], "cohort.csv", None, PLAIN["age"]]
)
def test_what_is_no_frame_is_refused(cohort: object) -> None:
    with pytest.raises(SimsepsisError, match="is no table of patients; give a pandas DataFrame"):
        encode_cohort(cohort, SPEC)
