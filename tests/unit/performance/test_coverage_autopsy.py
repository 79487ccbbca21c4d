"""Coverage taken apart: bias, standard error, and what neither explains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.special
import scipy.stats

from simsepsis.performance import AUTOPSY_NUMBERS, coverage_autopsy, summarize
from simsepsis.performance.autopsy import examine, predicted_coverage

N = 20_000
QUANTILES = scipy.special.ndtri((np.arange(N) + 0.5) / N)
PHI = scipy.special.ndtr
Z = scipy.special.ndtri(0.975)


def study(shift: float, model: float, low: float = Z, high: float = Z):
    """Return the autopsy of normal estimates with mean `shift`, SD 1, one standard error, truth 0."""
    theta = shift + QUANTILES / QUANTILES.std(ddof=1)
    return examine(theta, np.full(N, model), theta - low * model, theta + high * model, 0.0)


def test_a_sound_method_has_nominal_coverage_from_every_side():
    found = study(0.0, 1.0)
    for number in (found.observed, found.predicted, found.nominal, found.from_bias, found.from_se):
        assert number == pytest.approx(0.95, abs=1e-4)


def test_bias_and_standard_error_are_told_apart():
    found = study(0.5, 0.8)
    assert found.predicted == pytest.approx(PHI(0.8 * Z - 0.5) - PHI(-0.8 * Z - 0.5))
    assert found.from_bias == pytest.approx(PHI(Z - 0.5) - PHI(-Z - 0.5))
    assert found.from_se == pytest.approx(2 * PHI(0.8 * Z) - 1)
    assert found.observed == pytest.approx(found.predicted, abs=1e-4)
    assert found.unexplained == pytest.approx(0.0, abs=1e-4)


def test_two_errors_that_cancel_are_exposed():
    found = study(0.7, 1.22)
    assert found.observed == pytest.approx(0.95, abs=0.005)
    assert found.from_bias < 0.90
    assert found.from_se > 0.98


def test_limits_of_unequal_reach_keep_their_own_multipliers():
    found = study(0.3, 1.0, low=1.0, high=3.0)
    assert (found.multiplier_low, found.multiplier_high) == pytest.approx((1.0, 3.0))
    assert found.predicted == pytest.approx(PHI(1.0 - 0.3) - PHI(-3.0 - 0.3))
    assert found.observed == pytest.approx(found.predicted, abs=1e-4)


def test_t_intervals_bring_their_own_quantile():
    """With 5 df the multiplier is 2.57; its excess over the normal pays for the SE's own variation."""
    rng = np.random.default_rng(8)
    n = 4000
    rows = pd.DataFrame(
        {"replicate": np.arange(n), "method": "m", "estimand": "e", "estimate": rng.normal(size=n)}
    )
    rows["std_error"] = np.sqrt(rng.chisquare(5, size=n) / 5)
    found = coverage_autopsy(rows.assign(df=5.0), {"e": 0.0}).iloc[0]
    t = scipy.stats.t.ppf(0.975, 5)
    assert found["multiplier_low"] == pytest.approx(t)
    assert found["nominal"] == pytest.approx(2 * PHI(t) - 1)
    assert abs(found["observed"] - 0.95) < 4 * found["mcse"]
    assert found["unexplained"] < -4 * found["unexplained_mcse"]


def test_the_prediction_is_undefined_without_spread():
    assert np.isnan(predicted_coverage(0.0, 0.0, 1.0, 1.0))


def test_the_autopsy_agrees_with_the_performance_table(rows):
    rows = rows.dropna(subset=["estimate", "std_error"])
    truth = {"log_or_icu_death": -0.2}
    found = coverage_autopsy(rows, truth).set_index(["cell", "method"])
    table = summarize(rows, truth).set_index(["cell", "method"])
    pairs = {"observed": "coverage", "bias": "bias", "empirical_se": "empirical_se", "model_se": "model_se"}
    for mine, measure in pairs.items():
        part = table[table["measure"] == measure]
        assert found[mine].to_numpy() == pytest.approx(part["value"].to_numpy()), measure
    coverage = table[table["measure"] == "coverage"]
    assert found["mcse"].to_numpy() == pytest.approx(coverage["mcse"].to_numpy())
    assert tuple(coverage_autopsy(rows, truth).columns[4:-1]) == AUTOPSY_NUMBERS


def test_an_uncertain_truth_adds_its_error(rows):
    certain, uncertain, up, down = (
        coverage_autopsy(rows, {"log_or_icu_death": truth})
        for truth in ((-0.2, 0.0), (-0.2, 0.05), (-0.15, 0.0), (-0.25, 0.0))
    )
    for name, error in (
        ("observed", "mcse"),
        ("predicted", "predicted_mcse"),
        ("unexplained", "unexplained_mcse"),
    ):
        assert uncertain[name].tolist() == certain[name].tolist()
        expected = np.hypot(certain[error], (up[name] - down[name]) / 2)
        assert uncertain[error].to_numpy() == pytest.approx(expected.to_numpy())


def test_an_always_failing_method_has_no_autopsy(rows):
    gone = rows.assign(converged=False)
    found = coverage_autopsy(gone, {"log_or_icu_death": -0.2})
    assert (found["n_used"] == 0).all()
    assert found[["observed", "predicted", "from_bias", "from_se", "unexplained"]].isna().all(axis=None)


def test_the_influence_is_the_jackknife():
    """The SD of the influences is the jackknife SE of the prediction and of what it leaves unexplained."""
    rng = np.random.default_rng(2)
    n = 400
    theta = rng.normal(0.6, 2.0, size=n)
    error = 2.0 * np.sqrt(rng.chisquare(4, size=n) / 4) * np.exp(0.1 * theta)
    columns = (theta, error, theta - 0.5 * error, theta + 0.9 * np.sqrt(error))
    found = examine(*columns, 0.0)
    left = [examine(*(np.delete(c, i) for c in columns), 0.0) for i in range(n)]
    for number in ("predicted", "unexplained"):
        values = np.array([float(getattr(one, number)) for one in left])
        jackknife = np.sqrt((n - 1) / n * np.sum((values - values.mean()) ** 2))
        assert getattr(found, f"{number}_mcse") == pytest.approx(jackknife, rel=0.01)
