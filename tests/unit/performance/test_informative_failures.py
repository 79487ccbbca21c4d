"""Whether failing is informative: a failure that depends on the data is found, one that does not is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis.performance import FAILURE_COLUMNS, informative_failures, summarize
from simsepsis.performance.failures import association

N = 1_000


def study(fails: np.ndarray, seed: int = 6) -> pd.DataFrame:
    """Return rows of a steady method and one that fails where told; both see the same data."""
    steady = np.random.default_rng(seed).normal(size=N) + 3.0
    frail = np.where(fails, np.nan, steady + 0.1)
    parts = {"frail": frail, "steady": steady, "other": steady**2}
    return pd.concat(
        pd.DataFrame({"replicate": np.arange(N), "method": name, "estimand": "e", "estimate": estimate})
        for name, estimate in parts.items()
    )


def data(seed: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=N)


def test_association_by_hand():
    failed = np.array([True, True, False, False, False])
    found = association(failed, np.array([[5.0, 7.0, 1.0, 2.0, 3.0]]))
    assert (found.n_failed[0], found.n_succeeded[0]) == (2, 3)
    assert found.difference == pytest.approx([4.0])
    assert found.mcse == pytest.approx([np.sqrt(2 / 2 + 1 / 3)])
    # 3.6 on all, 2 on the three that did not fail
    assert found.listwise_shift == pytest.approx([-1.6])


def test_failing_where_the_estimate_is_high_is_found():
    found = informative_failures(study(data() > 1.2))
    assert tuple(found.columns) == FAILURE_COLUMNS
    assert found["method"].unique().tolist() == ["frail"]
    steady = found[found["other"] == "steady"].iloc[0]
    assert steady["informative"]
    assert steady["listwise_shift"] < 0 < steady["difference"]


def test_the_shift_is_what_listwise_deletion_does_to_the_other_method():
    rows = study(data() > 1.2)
    fine = rows[rows["method"] == "frail"].dropna()["replicate"]
    kept = rows[rows["replicate"].isin(fine)]
    bias = [
        summarize(part, {"e": 0.0}, measures=["bias"]).set_index("method")["value"]["steady"]
        for part in (rows, kept)
    ]
    found = informative_failures(rows).set_index("other")
    assert found.loc["steady", "listwise_shift"] == pytest.approx(bias[1] - bias[0])


def test_failing_at_both_ends_is_found_by_the_spread():
    steady = informative_failures(study(np.abs(data()) > 1.8)).set_index("other").loc["steady"]
    assert steady["p_spread"] < 1e-10
    assert steady["p_location"] > 0.001
    assert steady["informative"]


def test_failing_at_random_is_flagged_at_the_level_at_most():
    """One flag at 5% in each of 60 studies: more than 9 would be beyond the 99.5th percentile."""
    rng = np.random.default_rng(12)
    flags = [
        informative_failures(study(rng.random(N) < 0.05, seed))["informative"].any() for seed in range(60)
    ]
    assert sum(flags) <= 9


def test_without_failures_or_without_rivals_there_is_nothing_to_say():
    assert len(informative_failures(study(np.zeros(N, dtype=bool)))) == 0
    alone = study(data() > 1.2)
    assert len(informative_failures(alone[alone["method"] == "frail"])) == 0


def test_rows_are_sorted_and_cells_of_one_method_are_passed_over():
    rows = study(data() > 1.2)
    cells = [rows.assign(cell=2), rows[rows["method"] == "frail"].assign(cell="alone"), rows.assign(cell=1)]
    found = informative_failures(pd.concat(cells))
    assert found["cell"].tolist() == [1, 1, 2, 2]
    assert found["other"].tolist() == ["other", "steady"] * 2


def test_replicates_that_were_not_run_are_not_failures():
    rows = study(np.zeros(N, dtype=bool))
    rows = rows[(rows["method"] != "frail") | (rows["replicate"] < 500)]
    assert len(informative_failures(rows)) == 0


def test_a_method_that_always_failed_cannot_be_compared():
    found = informative_failures(study(np.ones(N, dtype=bool)))
    assert found[["difference", "p_location", "p_spread"]].isna().all(axis=None)
    assert not found["informative"].any()
    assert (found["n_succeeded"] == 0).all()
