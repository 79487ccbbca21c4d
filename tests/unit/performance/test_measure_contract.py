"""What every measure keeps: its record is whole, and its function measures a block of series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.special

from simsepsis.performance import MEASURES, Measure, Settings, empty_grid, performance_of
from simsepsis.performance.measures import PERFECT

N = 40
SERIES = [("a", "rd_x_att"), ("b", "rd_x_att")]


@pytest.fixture(scope="module")
def block():
    """Return two methods of 40 replicates, one of which failed twice, the first being the reference."""
    rng = np.random.default_rng(5)
    rows = pd.DataFrame(
        [(r, *pair) for r in range(N) for pair in SERIES], columns=["replicate", "method", "estimand"]
    )
    rows = rows.assign(estimate=rng.normal(0.3, 1.0, len(rows)), std_error=0.3)
    rows.loc[rows.index[:3:2], "estimate"] = np.nan
    grid = empty_grid(1, "world", SERIES, N)
    grid.place(rows)
    return next(grid.judged({"rd_x_att": (0.3, 0.01)}, Settings(reference="b")).failed())


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_a_measure_gives_each_series_a_value_with_its_error(block, measure: Measure):
    value, mcse, n_used = measure.of(block)
    assert value.shape == mcse.shape == n_used.shape == (2,)
    assert np.isfinite(value).all()
    assert (mcse >= 0).all()
    assert ((n_used > 0) & (n_used <= N)).all()


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_the_record_is_whole(measure: Measure):
    assert MEASURES[measure.name] is measure
    assert measure.label[0].isupper()
    assert len(measure.short) <= len(measure.label)
    assert not measure.signed or measure.unit not in ("proportion", "estimand squared")
    assert measure.ideal is not None or measure.ideal_is == PERFECT
    if measure.band is not None:
        assert measure.ideal is not None
        assert measure.band[0] <= measure.ideal <= measure.band[1]
        assert measure.level is not None


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_shares_lie_between_none_and_all(block, measure: Measure):
    value = measure.of(block).value
    assert measure.unit != "proportion" or ((value >= 0) & (value <= 1)).all()


def test_a_perfect_method_has_the_ideal_value():
    """Quantiles of normal estimates around the truth, standard errors right: every ideal within its error."""
    quantiles = scipy.special.ndtri((np.arange(4_000) + 0.5) / 4_000)
    rows = pd.DataFrame({"replicate": range(4_000), "method": "a", "estimand": "rd_x_att"})
    grid = empty_grid(1, "world", SERIES[:1], 4_000)
    grid.place(rows.assign(estimate=quantiles, std_error=1.0))
    # A truth of 0 has no relative bias; one that is nearly 0 has it far from 0.
    table = performance_of(grid.judged({"rd_x_att": 0.0}, Settings(reference="a")))
    for _, row in table[table["measure"] != "relative_bias"].iterrows():
        ideal = MEASURES[row["measure"]].ideal
        assert ideal is None or abs(row["value"] - ideal) <= 3 * row["mcse"] + 1e-12, row["measure"]
