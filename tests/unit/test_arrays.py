"""The order of arrays against NumPy's stable sort."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsepsis.arrays import stable_order

NUMBERS = st.lists(st.floats(allow_nan=False), max_size=60)
WHOLE = st.lists(st.integers(-(2**40), 2**40) | st.integers(-3, 3), max_size=60)


@given(NUMBERS.map(np.array) | WHOLE.map(lambda values: np.array(values, np.int64)))
def test_equal_values_stay_as_they_stand(values: np.ndarray) -> None:
    np.testing.assert_array_equal(stable_order(values), np.argsort(values, kind="stable"))


@pytest.mark.parametrize("edge", [2**15 - 1, 2**15, -(2**15), -(2**15) - 1])
def test_whole_numbers_at_the_edge_of_the_small_ones(edge: int) -> None:
    values = np.array([edge, 0, edge, -1, 1, 0])
    np.testing.assert_array_equal(stable_order(values), np.argsort(values, kind="stable"))
