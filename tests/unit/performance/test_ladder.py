"""The ladder adds up, pairs by replicate, and names what is added."""

import numpy as np
import pandas as pd
import pytest

from simsepsis.errors import DataError
from simsepsis.performance import LADDER_COLUMNS, Rung, ladder

STEPS = {
    "chain": (
        Rung(method="a", adds="chance"),
        Rung(method="b", adds="drift"),
        Rung(method="c", adds="confounding"),
    )
}


def rows_of(**series):
    """Return rows of methods that estimate one risk difference; None: no estimate."""
    rows = [
        {"replicate": replicate, "method": method, "estimand": "rd_x_matched", "estimate": value}
        for method, values in series.items()
        for replicate, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def values_of(table):
    return dict(zip(table["component"], table["value"], strict=True))


def test_components_by_hand():
    rows = rows_of(a=[0.1, 0.3, 0.2], b=[0.2, 0.4, 0.3], c=[0.5, 0.4, 0.3])
    table = ladder(rows, {"rd_x_matched": 0.15}, ladders=STEPS)
    assert list(table.columns) == list(LADDER_COLUMNS)
    assert values_of(table) == pytest.approx(
        {
            "truth": 0.15,
            "bias of the first rung": 0.05,
            "drift": 0.1,
            "confounding": 0.1,
            "estimate": 0.4,
        }
    )
    mcse = dict(zip(table["component"], table["mcse"], strict=True))
    # b − a is 0.1 in every replicate: no Monte Carlo error is left, although a and b vary.
    assert mcse["drift"] == pytest.approx(0.0, abs=1e-15)
    assert mcse["confounding"] == pytest.approx(np.std([0.3, 0.0, 0.0], ddof=1) / np.sqrt(3))
    assert mcse["truth"] == 0.0
    assert set(table["n_used"]) == {3}


def test_only_replicates_with_every_rung_count_and_the_sum_is_exact():
    rows = rows_of(a=[0.1, 0.3, None], b=[0.2, None, 0.9], c=[0.5, 0.4, 0.3])
    table = ladder(rows, {"rd_x_matched": 0.0}, ladders=STEPS)
    assert set(table["n_used"]) == {1}
    values = values_of(table)
    assert values["estimate"] == pytest.approx(0.5)
    assert sum(v for k, v in values.items() if k != "estimate") == pytest.approx(0.5)


def test_a_missing_rung_joins_what_it_and_the_next_add():
    table = ladder(rows_of(a=[0.1, 0.2], c=[0.3, 0.6]), {"rd_x_matched": 0.0}, ladders=STEPS)
    assert table["component"].tolist()[2] == "drift and confounding"
    assert table["value"].tolist()[2] == pytest.approx(0.3)


def test_one_rung_is_no_ladder():
    assert ladder(rows_of(a=[0.1, 0.2]), {"rd_x_matched": 0.0}, ladders=STEPS).empty


@pytest.mark.parametrize(
    ("stem", "words"), [("log_or_x", "non-collapsibility"), ("rd_x", "another population")]
)
def test_another_truth_is_a_component_of_its_own(stem, words):
    rows = rows_of(a=[0.1, 0.3], b=[0.4, 0.7])
    rows["estimand"] = np.where(rows["method"] == "a", f"{stem}_matched", f"{stem}_twin")
    truth = pd.DataFrame(
        {"estimand": [f"{stem}_matched", f"{stem}_twin"], "value": [0.1, 0.3], "mcse": [0.03, 0.04]}
    )
    table = ladder(rows, truth, ladders=STEPS).set_index("component")
    assert set(table["estimand"]) == {stem}
    assert table.loc[words, "value"] == pytest.approx(0.2)
    assert table.loc[words, "mcse"] == pytest.approx(0.05)
    # The estimates differ by 0.35 on average, of which the truths make 0.2.
    assert table.loc["drift", "value"] == pytest.approx(0.15)
    own = np.std([0.3, 0.4], ddof=1) / np.sqrt(2)
    assert table.loc["drift", "mcse"] == pytest.approx(np.hypot(own, 0.05))
    assert table.loc["estimate", "value"] == pytest.approx(0.55)
    assert table["value"].iloc[:-1].sum() == pytest.approx(0.55)


def test_row_order_and_other_methods_change_nothing():
    rng = np.random.default_rng(3)
    rows = rows_of(**{name: rng.normal(size=20) for name in "abcd"})
    table = ladder(rows, {"rd_x_matched": 0.1}, ladders=STEPS)
    shuffled = rows[rows["method"] != "d"].sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(table, ladder(shuffled, {"rd_x_matched": 0.1}, ladders=STEPS))


def test_the_truth_is_needed():
    with pytest.raises(DataError, match="there is no row for"):
        ladder(rows_of(a=[0.1], b=[0.2]), {"rd_y_matched": 0.1}, ladders=STEPS)
