"""Rows of a method that lacks what it needs are no failures of convergence."""

import numpy as np
import pandas as pd
import pytest

from simsepsis.errors import DataError
from simsepsis.performance import MEASURES, summarize
from simsepsis.performance.grid import empty_grid


def rows_of(kind):
    """Return four replicates of which two have no estimate for a reason of this kind."""
    return pd.DataFrame(
        {
            "replicate": range(4),
            "method": "a",
            "estimand": "rd_x_att",
            "estimate": [0.1, 0.2, np.nan, np.nan],
            "std_error": 0.1,
            "converged": [True, True, False, False],
            "failure": ["", "", "why", "why"],
            "failure_kind": ["", "", kind, kind],
        }
    )


@pytest.mark.parametrize(("kind", "rate", "n_sim"), [("not converged", 0.5, 4), ("not available", 1.0, 2)])
def test_only_what_could_converge_counts(kind, rate, n_sim):
    table = summarize(rows_of(kind), {"rd_x_att": 0.1}).set_index("measure")
    assert set(MEASURES) == set(table.index)
    assert table.loc["convergence", "value"] == rate
    assert set(table["n_sim"]) == {n_sim}
    worst, best = table.loc[["coverage_worst_case", "coverage_best_case"], "value"]
    assert (worst == best) == (kind == "not available")


def test_a_grid_counts_alike():
    rows = rows_of("not available").assign(cell=1, scenario="s")
    grid = empty_grid(1, "s", [("a", "rd_x_att")], 4)
    assert grid.place(rows).all()
    assert grid.attempted.tolist() == [[True, True, False, False]]


def test_nothing_available_is_said_with_the_reason():
    rows = rows_of("not available").iloc[2:]
    with pytest.raises(DataError, match=r"every method lacks what it needs \(why\)"):
        summarize(rows, {"rd_x_att": 0.1})
