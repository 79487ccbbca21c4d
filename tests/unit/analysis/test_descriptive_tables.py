"""Quartiles, counts and differences of the four groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.balance import standardized_difference
from simsepsis.analysis.data import complete_cases
from simsepsis.analysis.descriptive import (
    describe,
    differences,
    phase_groups,
    quartiles,
)
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.matching import match_pairs
from simsepsis.analysis.spec import THESIS_SPEC


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # Ranks 1.25, 2.5, 3.75 of four values: SPSS EXAMINE, HAVERAGE.
        ([1, 2, 4, 8], [1.25, 3.0, 7.0]),
        # Ranks 1.5, 3, 4.5 of five.
        ([3, 1, 9, 5, 7], [2.0, 5.0, 8.0]),
        # Ranks 2, 4, 6 of seven.
        ([7, 6, 5, 4, 3, 2, 1], [2.0, 4.0, 6.0]),
        # Rank 0.5 is below the least value, 1.5 above the greatest.
        ([5], [5.0, 5.0, 5.0]),
        ([2, 6], [2.0, 4.0, 6.0]),
        ([2, np.nan, 6], [2.0, 4.0, 6.0]),
        ([np.nan], [np.nan, np.nan, np.nan]),
    ],
)
def test_quartiles_by_hand(values: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(quartiles(np.array([values], dtype=float))[0], expected)


def test_quartiles_are_type_6() -> None:
    rng = np.random.default_rng(2)
    values = np.round(rng.lognormal(size=(6, 101)), 1)
    expected = np.quantile(values, [0.25, 0.5, 0.75], axis=1, method="weibull").T
    np.testing.assert_allclose(quartiles(values), expected, rtol=1e-12)


def test_description_equals_pandas(registry: pd.DataFrame) -> None:
    cohort, _ = complete_cases(encode_cohort(registry, THESIS_SPEC), THESIS_SPEC)
    score = np.random.default_rng(0).normal(size=cohort.n)
    matches = match_pairs(score, cohort.treated, order="data")
    groups = phase_groups(cohort, matches)
    found = describe(cohort, ("male", "microorganism", "age", "ventilator_days"), groups)
    frame = registry.iloc[cohort.record].reset_index(drop=True)
    parts = {
        (0, 0): frame[cohort.treated],
        (0, 1): frame[~cohort.treated],
        (1, 0): frame.iloc[matches.treated],
        (1, 1): frame.iloc[matches.control],
    }
    for (phase, arm), part in parts.items():
        assert groups.sizes[phase, arm] == len(part)
        for row, (variable, level) in enumerate(found.terms):
            expected = (part[variable] == (level or 1)).sum()
            assert found.counts[row, phase, arm] == expected
            assert found.fractions[row, phase, arm] == pytest.approx(expected / len(part))
        for row, (variable, _) in enumerate(found.numeric):
            expected = np.quantile(part[variable], [0.25, 0.5, 0.75], method="weibull")
            np.testing.assert_allclose(found.quartiles[row, phase, arm], expected, rtol=1e-12)
    for phase in (0, 1):
        both = pd.concat([parts[phase, 0], parts[phase, 1]])
        arm = np.arange(len(both)) < len(parts[phase, 0])
        expected = standardized_difference(both["age"], arm)
        assert differences(found.mean, found.variance)[0, phase] == pytest.approx(expected, rel=1e-9)
        expected = standardized_difference(both["male"], arm)
        shares = found.fractions
        assert differences(shares, shares * (1 - shares))[0, phase] == pytest.approx(expected, rel=1e-9)


def test_without_pairs_the_matched_groups_are_empty(registry: pd.DataFrame) -> None:
    cohort, _ = complete_cases(encode_cohort(registry, THESIS_SPEC), THESIS_SPEC)
    found = describe(cohort, ("male", "age"), phase_groups(cohort, None))
    assert np.isnan(found.counts[:, 1]).all()
    assert np.isnan(found.quartiles[:, 1]).all()
    assert np.isfinite(found.counts[:, 0]).all()
