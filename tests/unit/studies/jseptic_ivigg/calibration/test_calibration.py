"""The calibration: its parts against closed forms, and the shipped scenario against the printed tables."""

import numpy as np
import pytest
from scipy.optimize import brentq

from simsepsis.errors import ConvergenceError
from simsepsis.streams import stream
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.calibration.check import (
    check_calibration,
    describe_fit,
    summarize_check,
)
from simsepsis.studies.jseptic_ivigg.world.calibration.margins import GRADED, graded_probabilities, tilted
from simsepsis.studies.jseptic_ivigg.world.calibration.population import fit_parameters
from simsepsis.studies.jseptic_ivigg.world.calibration.residuals import quartile_gap
from simsepsis.studies.jseptic_ivigg.world.calibration.roster import BEDS_AT_MOST, ICUS_WITH, fit_roster
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import QUARTILES, load_targets, weighted_cdf
from simsepsis.studies.jseptic_ivigg.world.calibration.tilt import Tilt, solve_tilt
from simsepsis.world.files import load_scenario

BETWEEN = {
    "ivigg": 1.0,
    "adjuncts": 1.2,
    "adjuncts_with_ivigg": 0.8,
    "death": 0.25,
    "severity": 0.25,
    "age": 0.2,
    "infection": 0.3,
    "route": 0.3,
}


@pytest.fixture(scope="module")
def targets():
    return load_targets()


@pytest.fixture(scope="module")
def roster(targets):
    return fit_roster(targets, BETWEEN, 3195, stream(3, "icus"))


def test_targets_are_corrected_and_before_matching(targets):
    assert targets.size == {"ivigg": 960, "control": 2158}
    assert targets.proportion("dic_policy", "conservative", "ivigg") == 23 / 960
    assert targets.proportion("infection_site", "endocarditis", "control") == 43 / 2158


@pytest.mark.parametrize("name", GRADED)
def test_graded_levels_have_the_printed_quartiles_and_difference(targets, name):
    pooled = graded_probabilities(targets, name)
    assert pooled.sum() == pytest.approx(1.0)
    wanted, share, levels = targets.shift(name), targets.share, np.arange(5)

    def arms(slope):
        treated = tilted(pooled, slope)
        return {"ivigg": treated, "control": (pooled - share * treated) / (1 - share)}

    def difference(slope):
        mean = {arm: p @ levels for arm, p in arms(slope).items()}
        var = [p @ levels**2 - mean[arm] ** 2 for arm, p in arms(slope).items()]
        return (mean["ivigg"] - mean["control"]) / np.sqrt(np.mean(var))

    slope = brentq(lambda slope: difference(slope) - wanted, -1.0, 1.0)
    for arm, p in arms(slope).items():
        cumulative = np.cumsum(p)
        found = tuple(int(np.searchsorted(cumulative, q)) for q in QUARTILES.values())
        assert found == targets.quartiles(name, arm), arm


def test_roster_has_the_margins_of_table_1(targets, roster):
    sizes = np.array(roster["size"])
    assert sizes.sum() == 3195
    for variable, field in (("icu_type", "type"), ("icu_model", "model"), ("dic_policy", "policy")):
        for level in COLUMNS[variable].level_names:
            share = sizes[np.array(roster[field]) == level].sum() / 3195
            assert share == pytest.approx(targets.pooled(variable, level), abs=0.0045), level
            assert roster[field].count(level) == ICUS_WITH[variable][level]
    for limit, share in BEDS_AT_MOST.items():
        assert sizes[np.array(roster["beds"]) <= limit].sum() / 3195 == pytest.approx(share, abs=0.02)


def test_roster_effects_have_the_stated_spread_and_correlation(roster):
    sizes = np.array(roster["size"])

    def covariance(a, b):
        return np.average(np.array(roster[a]) * np.array(roster[b]), weights=sizes)

    for name in ("ivigg", "adjuncts", "death", "severity", "age", "infection"):
        assert np.average(roster[name], weights=sizes) == pytest.approx(0.0, abs=0.002)
        assert np.sqrt(covariance(name, name)) == pytest.approx(BETWEEN[name], abs=0.002)
    assert covariance("ivigg", "adjuncts") == pytest.approx(0.8 * 1.0 * 1.2, abs=0.003)
    assert covariance("ivigg", "death") == pytest.approx(0.0, abs=0.002)


def test_tilt_reaches_its_moments_and_recovers_the_truth():
    rng = np.random.default_rng(0)
    n = 40_000
    X = np.column_stack([np.ones(n), rng.standard_normal((n, 3))])
    beta, offset = np.array([-1.0, 0.5, -0.3, 0.2]), 0.4 * rng.standard_normal(n)
    p = 1 - np.exp(-np.exp(X @ beta + offset))
    tilt = Tilt(terms=tuple((str(k), "") for k in range(4)), X=X, wanted=p @ X / p.sum(), share=p.mean())
    found, treated = solve_tilt(tilt, offset)
    assert found == pytest.approx(beta, abs=1e-4)
    assert treated @ X / n == pytest.approx(tilt.share * tilt.wanted, abs=1e-6)


def test_unreachable_margin_is_named():
    X = np.column_stack([np.ones(100), np.arange(100) < 10])
    tilt = Tilt(terms=(("intercept", ""), ("rare", "1")), X=X, wanted=np.array([1.0, 0.9]), share=0.5)
    with pytest.raises(ConvergenceError, match="rare"):
        solve_tilt(tilt, np.zeros(100))


@pytest.mark.parametrize(
    ("below", "upto", "gap"),
    [(0.4, 0.6, 0.0), (0.5, 0.5, 0.0), (0.55, 0.6, -1.0), (0.3, 0.45, 1.0)],
)
def test_quartile_gap_is_zero_inside_and_in_standard_errors_outside(below, upto, gap):
    # Median of 100 patients: one standard error is 0.05.
    found = quartile_gap(np.array(below), np.array(upto), np.array(0.5), 100)
    assert found == pytest.approx(gap)


def test_weighted_cdf_counts_weight():
    x, w = np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])
    assert weighted_cdf(x, w, np.array([0.5, 1.0, 2.5, 3.0])) == pytest.approx([0, 0.5, 0.75, 1.0])


def test_parameters_move_from_zero_start():
    found = fit_parameters(lambda v: 100 * (v - np.array([0.3, -0.2])), np.zeros(2), np.ones(2))
    assert found == pytest.approx([0.3, -0.2], abs=0.01)


def test_shipped_scenario_fits_the_tables_it_was_fitted_to():
    fit = summarize_check(check_calibration(load_scenario("thesis"), patients=120_000))
    assert fit.cells == 246
    assert fit.within_2 >= 0.95
    assert fit.within_1 >= 0.80
    assert fit.worst <= 4.0


def test_a_scenario_that_does_not_fit_fails_the_check_and_each_miss_is_named():
    thesis = load_scenario("thesis")
    treatment = thesis.treatment.model_copy(update={"numbers": thesis.treatment.numbers | {"male": [1.5]}})
    table = check_calibration(thesis.model_copy(update={"treatment": treatment}), patients=60_000)
    assert not summarize_check(table).passed
    text = "\n".join(describe_fit(table))
    assert "Missed: table1 male count ivigg: printed 563" in text
    assert text.startswith("246 counts and quartiles")
