"""Rows put at their places part by part give the same study as all of them laid out at once."""

import numpy as np
import pandas as pd
import pytest

from simsepsis.errors import DataError
from simsepsis.performance import (
    Settings,
    autopsy_of,
    coverage_autopsy,
    empty_grid,
    failures_of,
    informative_failures,
    ladder,
    ladder_of,
    performance_of,
    summarize,
)
from simsepsis.performance import grid as study_module

PAIRS = [
    ("randomized_twin_psm", "rd_matched"),
    ("psm", "rd_matched"),
    ("psm_gee", "log_or_twin"),
    ("psm", "log_or_matched"),
    ("crude", "rd_att"),
]
N = 60


@pytest.fixture
def rows():
    """Return rows of five series of 60 replicates, with failures and gaps, in no order."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        [(7, "world", replicate, *pair) for replicate in range(N) for pair in PAIRS],
        columns=["cell", "scenario", "replicate", "method", "estimand"],
    )
    estimate, error = rng.normal(size=len(frame)), rng.uniform(0.5, 1.5, size=len(frame))
    frame = frame.assign(
        estimate=estimate,
        std_error=error,
        ci_low=estimate - 1.96 * error,
        ci_high=estimate + 1.96 * error,
        p_value=rng.random(len(frame)),
        converged=rng.random(len(frame)) > 0.2,
    )
    # A method that was added later has not reached the last replicates, and one part has been lost.
    late = frame["method"].eq("psm_gee") & (frame["replicate"] > 40)
    lost = frame["replicate"].between(10, 14) & frame["method"].eq("psm")
    return frame[~late & ~lost].sample(frac=1.0, random_state=1, ignore_index=True)


@pytest.fixture
def truth():
    pairs = pd.DataFrame(PAIRS, columns=["method", "estimand"])
    return pairs.assign(cell=7, value=[0.0, 0.0, 0.1, 0.0, 0.05], mcse=[0.0, 0.0, 0.01, 0.0, 0.0])


def filled(rows, parts=7):
    grid = empty_grid(7, "world", PAIRS, N)
    for number in range(parts):
        assert grid.place(rows.iloc[number::parts]).all()
    return grid


@pytest.mark.parametrize("largest", [200_000, 1])
def test_every_table_is_the_same_bits_as_of_the_rows_at_once(rows, truth, monkeypatch, largest):
    whole = (
        summarize(rows, truth, reference="psm"),
        coverage_autopsy(rows, truth),
        informative_failures(rows),
        ladder(rows, truth),
    )
    monkeypatch.setattr(study_module, "LARGEST_BLOCK", largest)
    grid = filled(rows)
    study = grid.judged(truth, Settings(reference="psm"))
    tables = (performance_of(study), autopsy_of(study), failures_of(study), ladder_of(grid, truth))
    for expected, found in zip(whole, tables, strict=True):
        assert len(expected)
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_the_first_replicates_are_those_of_the_first_rows(rows, truth):
    found = performance_of(filled(rows).first(20).judged(truth), ["bias", "coverage"])
    expected = summarize(rows[rows["replicate"] < 20], truth, measures=["bias", "coverage"])
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_rows_that_stand_twice_or_elsewhere_are_passed_over(rows, truth):
    grid = filled(rows)
    again = rows.assign(estimate=9.9)
    other = rows.assign(method="other")
    beyond = rows.assign(replicate=N)
    for more in (again, other, beyond):
        assert not grid.place(more).any()
    pd.testing.assert_frame_equal(
        performance_of(grid.judged(truth)), performance_of(filled(rows).judged(truth)), check_exact=True
    )


def test_impossible_numbers_are_refused(rows):
    with pytest.raises(DataError, match="a standard error is 0 or more"):
        empty_grid(7, "world", PAIRS, N).place(rows.assign(std_error=-1.0))
