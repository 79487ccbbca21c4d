"""Margins from print, correlations from nowhere, and the score in between."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from simsepsis.fitting.assumed_dependence import LENDERS, assumed_correlations, lender
from simsepsis.fitting.printed_cells import Arm, Row
from simsepsis.fitting.printed_margins import PROBABILITIES, _quantiles, column_of
from simsepsis.fitting.tilt import intercept_for, tilted
from simsepsis.study.variables import Variable

TREATED, CONTROL = Arm("treated", 400.0), Arm("control", 600.0)


def number(low: float | None = None, high: float | None = None) -> Variable:
    return Variable(name="x", label="X", role="covariate", kind="number", low=low, high=high)


@pytest.mark.parametrize(
    ("mean", "sd", "low", "high", "skewed"),
    [
        (60.0, 16.0, 0.0, 120.0, False),
        (2.3, 4.8, 0.0, 100.0, True),
        (21.0, 30.0, 0.0, 100.0, True),
        (0.97, 0.03, 0.0, 1.0, False),
        (-3.0, 1.0, None, None, False),
    ],
)
def test_mean_and_sd_are_met_within_the_limits(mean: float, sd: float, low: float, high: float, skewed: bool):
    row = Row(arm=TREATED, mean=mean, sd=sd)
    values = _quantiles(number(low, high), row, row)
    assert values.mean() == pytest.approx(mean, abs=0.01 * sd)
    assert values.std() == pytest.approx(sd, rel=0.02)
    assert (np.diff(values) >= 0.0).all()
    assert low is None or values.min() >= low
    assert high is None or values.max() <= high
    assert (values.mean() > np.median(values) + 0.1 * sd) == skewed


@pytest.mark.parametrize("quartiles", [(8.0, 12.0, 18.0), (1.0, 2.0, 9.0), (0.0, 0.0, 4.0)])
def test_quartiles_are_met(quartiles: tuple[float, float, float]):
    row = Row(arm=TREATED, quartiles=quartiles)
    values = _quantiles(number(0.0), row, row)
    assert np.interp((0.25, 0.5, 0.75), PROBABILITIES, values) == pytest.approx(quartiles, abs=0.01)


def test_an_arm_in_which_most_have_nothing_has_others_all_the_same():
    nothing, some = Row(arm=CONTROL, quartiles=(0.0, 0.0, 0.0)), Row(arm=TREATED, quartiles=(0.0, 0.0, 4.0))
    values = _quantiles(number(0.0), nothing, some)
    assert np.mean(values > 0.0) == pytest.approx(0.25, abs=0.01)


def test_a_level_that_nobody_has_in_one_arm_counts_half_a_patient():
    variable = Variable(name="x", label="X", role="covariate", kind="binary")
    rows = (Row(arm=TREATED, shares=np.array([0.99, 0.01])), Row(arm=CONTROL, shares=np.array([1.0, 0.0])))
    column = column_of(variable, *rows)
    assert column.within[0] == pytest.approx(4.0 / 4.5, abs=1e-3)


@pytest.mark.parametrize("correlations", ["independence", "borrowed", "random"])
@pytest.mark.parametrize("typical", [0.0, 0.1, 0.25])
def test_correlations_are_possible_and_leave_levels_alone(correlations: str, typical: float):
    rng = np.random.default_rng(1)
    levels = (("a", "a"), ("b", "b"), ("c", "c"))
    kinds = Variable(name="k", label="K", role="covariate", kind="category", levels=levels)
    shares = (
        Row(arm=TREATED, shares=np.array([0.5, 0.3, 0.2])),
        Row(arm=CONTROL, shares=np.array([0.3, 0.3, 0.4])),
    )
    numbers = [
        column_of(number(), Row(arm=TREATED, mean=m, sd=1.0), Row(arm=CONTROL, mean=0.0, sd=1.0))
        for m in np.linspace(-0.5, 0.5, 60)
    ]
    columns = [column_of(kinds, *shares), *numbers]
    matrix = assumed_correlations(columns, correlations, rng, typical=typical)
    assert matrix.shape == (62, 62)
    assert np.diag(matrix) == pytest.approx(np.ones(62))
    assert np.linalg.eigvalsh(matrix).min() > 0.0
    assert abs(matrix[0, 1]) < 0.01
    if correlations == "independence" and typical == 0.0:
        assert np.abs(matrix - np.eye(62)).max() < 1e-9


def test_the_factor_gives_the_distance_that_a_usual_correlation_means():
    means = np.linspace(-0.4, 0.4, 40)
    columns = [
        column_of(number(), Row(arm=TREATED, mean=m, sd=1.0), Row(arm=CONTROL, mean=0.0, sd=1.0))
        for m in means
    ]
    matrix = assumed_correlations(columns, "independence", np.random.default_rng(1), typical=0.2)
    lean = np.concatenate([column.lean for column in columns])
    wanted = lean @ lean / (1.0 + 39 * 0.2**2)
    assert lean @ np.linalg.solve(matrix, lean) == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("name", LENDERS)
def test_shipped_correlations_are_possible(name: str):
    shipped = lender(name)
    assert len(shipped.kinds) == len(shipped.matrix)
    assert set(shipped.kinds) == {"number", "binary", "category"}
    assert np.linalg.eigvalsh(shipped.matrix).min() > -0.02


def test_a_tilt_finds_the_score_behind_the_arms():
    rng = np.random.default_rng(2)
    X = np.column_stack([rng.normal(size=50_000), rng.normal(5.0, 3.0, 50_000), rng.random(50_000) < 0.3])
    true = np.array([0.6, -0.2, 0.8])
    chance = expit(-0.4 + X @ true)
    share = chance.mean()
    treated, control = chance @ X / chance.sum(), (1.0 - chance) @ X / (1.0 - chance).sum()
    within = np.array([np.nan, np.nan, (chance * X[:, 2]).sum() / X[:, 2].sum()])
    found = tilted(X, treated - control, within, share, patients=1_000)
    assert found.coefficients == pytest.approx(true, abs=1e-3)
    assert found.intercept == pytest.approx(-0.4, abs=5e-3)
    assert 0.9 < found.shrinkage < 1.0


def test_an_intercept_gives_the_share():
    score = np.random.default_rng(3).normal(2.0, 3.0, 1_000)
    assert expit(score + intercept_for(score, 0.2)).mean() == pytest.approx(0.2, abs=1e-6)
