"""Counting instead of sorting: the same values, and quartiles and moments of the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples

from simsepsis.analysis.tallies import level_counts, members_of, moments_of, quartiles_of, tally


def column_of(seed: int, size: int, decimals: int | None) -> np.ndarray:
    """Return numbers with gaps, with so many decimals; None for all that there are."""
    rng = np.random.default_rng(seed)
    column = rng.normal(rng.uniform(-50, 50), rng.uniform(0.1, 30), size)
    column = column if decimals is None else np.round(column, decimals)
    return np.where(rng.random(size) < 0.1, np.nan, column)


@examples(150)
@given(st.integers(0, 10_000), st.integers(0, 300), st.sampled_from([0, 1, 2, 3, None]))
def test_a_tally_holds_every_value_of_every_group(seed: int, size: int, decimals: int | None) -> None:
    column = column_of(seed, size, decimals)
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(rng.random(size) < share) for share in (0.3, 0.7, 0.0)]
    found = tally(column, members_of(groups))
    assert (np.diff(found.value) > 0).all()
    for rows, count in zip(groups, found.count, strict=True):
        inside = np.sort(column[rows][~np.isnan(column[rows])])
        np.testing.assert_array_equal(np.repeat(found.value, count), inside)


@examples(150)
@given(st.integers(0, 10_000), st.integers(1, 200), st.sampled_from([0, 1, None]))
def test_quartiles_and_moments_are_those_of_the_numbers(seed: int, size: int, decimals: int | None) -> None:
    column = column_of(seed, size, decimals)
    found = tally(column, members_of([np.arange(size)]))
    known = column[~np.isnan(column)]
    quartiles, moments = (f(found.value, found.count)[0] for f in (quartiles_of, moments_of))
    if known.size == 0:
        assert np.isnan(quartiles).all()
        assert np.isnan(moments).all()
        return
    expected = np.quantile(known, [0.25, 0.5, 0.75], method="weibull")
    np.testing.assert_allclose(quartiles, expected, rtol=1e-12, atol=1e-12)
    spread = known.var(ddof=1) if known.size > 1 else 0.0
    np.testing.assert_allclose(moments, [known.mean(), spread], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "column", [[1e300, -1e300, 3.0], [np.inf, 1.0, 2.0], [0.1 + 0.2, 0.3, 0.3], [2**60, 1, 2]]
)
def test_numbers_on_no_coarse_grid_keep_their_values(column: list[float]) -> None:
    values = np.array(column, dtype=float)
    found = tally(values, members_of([np.arange(values.size)]))
    np.testing.assert_array_equal(np.repeat(found.value, found.count[0]), np.sort(values))


def test_levels_are_counted_in_groups_that_overlap() -> None:
    codes = np.array([0.0, 1.0, 1.0, np.nan, 2.0])
    members = members_of([np.array([0, 1, 2]), np.array([2, 3, 4, 4])])
    np.testing.assert_array_equal(level_counts(codes, members, 4), [[1, 2, 0, 0], [0, 1, 2, 0]])
