"""Empirical calibration against the published example, closed forms and the controls it was drawn from."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis import empirical_calibration, generate_cohort, load_scenario
from simsepsis.analysis.methods import run_method
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.errors import ConvergenceError, DataError, MissingColumnError

FOLDER = Path(os.environ.get("SIMSEPSIS_DATA", Path(__file__).parents[4] / "shared" / "data"))
FILE = FOLDER / "negative-controls" / "southworthReplication.csv"
COLUMNS = {"estimate": "logRr", "std_error": "seLogRr", "truth": "trueLogRr"}


def controls(n: int, truths: tuple[float, ...] = (1.0, 2.0, 4.0), seed: int = 1) -> pd.DataFrame:
    """Return controls of an analysis that is 0.2 too high, with an SD of 0.15 beside chance."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.log(truths), n)
    error = rng.uniform(0.05, 0.2, truth.size)
    found = 0.2 + truth + rng.normal(0, np.hypot(0.15, error))
    return pd.DataFrame({"log_rr": found, "se_log_rr": error, "true_log_rr": truth})


@pytest.mark.skipif(not FILE.exists(), reason="the published controls are not here")
def test_the_published_example():
    """Southworth's replication: the error model and the estimate of gastrointestinal bleeding."""
    frame = pd.read_csv(FILE)
    found = empirical_calibration(frame, **COLUMNS)
    model = (found.intercept, found.slope, found.sd_intercept, found.sd_slope)
    assert model == pytest.approx((-0.066551, 0.933292, 0.187468, 0.002980), abs=1e-4)
    bleeding = frame[frame["trueLogRr"].isna()].iloc[0]
    ratio = np.exp(found.apply(bleeding["logRr"], bleeding["seLogRr"])[["estimate", "ci_low", "ci_high"]])
    assert ratio.to_numpy() == pytest.approx((0.732, 0.480, 1.113), abs=5e-4)


def test_the_error_of_many_controls_is_found():
    found = empirical_calibration(controls(3_000))
    assert found.controls == 9_000
    assert (found.intercept, found.slope) == pytest.approx((0.2, 1.0), abs=0.02)
    assert (found.sd_intercept, found.sd_slope) == pytest.approx((0.15, 0.0), abs=0.02)


def test_negative_controls_alone_give_mean_and_spread_and_a_shift():
    """With equal standard errors the likelihood has a closed form: mean, and variance less that of chance."""
    only = controls(50, (1.0,)).assign(se_log_rr=0.1)
    found = empirical_calibration(only)
    assert (found.slope, found.sd_slope) == (1.0, 0.0)
    assert found.intercept == pytest.approx(only["log_rr"].mean(), abs=1e-6)
    assert found.sd_intercept == pytest.approx(np.sqrt(only["log_rr"].var(ddof=0) - 0.01), abs=1e-6)
    moved = found.apply(0.5, 0.2)
    assert moved["estimate"] == pytest.approx(0.5 - found.intercept)
    assert moved["std_error"] == pytest.approx(np.hypot(0.2, found.sd_intercept))


def test_calibration_restores_coverage():
    found = empirical_calibration(controls(60))
    fresh = controls(700, seed=2)
    calibrated = found.apply(fresh["log_rr"], fresh["se_log_rr"])
    covered = fresh["true_log_rr"].between(calibrated["ci_low"], calibrated["ci_high"]).mean()
    before = (np.abs(fresh["log_rr"] - fresh["true_log_rr"]) < 1.96 * fresh["se_log_rr"]).mean()
    assert before < 0.7
    assert 0.93 < covered < 0.97


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (
            controls(9).rename(columns={"log_rr": "logrr"}),
            "no column 'log_rr'; did you mean .* estimate=\"…\"",
        ),
        (controls(9).assign(se_log_rr=0.0), "row 0 is 0; give standard errors above 0"),
        (controls(9).assign(log_rr=np.nan), "log_rr: row 0 is nan"),
        (controls(1), "there are 3 controls with a truth; give more than 4"),
        (controls(9).assign(true_log_rr=np.nan), "there are 0 controls with a truth"),
    ],
)
def test_frames_that_say_nothing_are_refused(frame: pd.DataFrame, reason: str):
    with pytest.raises((DataError, MissingColumnError, ConvergenceError), match=reason):
        empirical_calibration(frame)


def test_an_estimate_that_no_truth_fits_is_refused():
    found = empirical_calibration(controls(60))
    with pytest.raises(DataError, match="no truth within ±50 fits the estimate 90"):
        found.apply(90.0, 0.1)
    with pytest.raises(DataError, match="give standard errors above 0"):
        found.apply(0.1, 0.0)


def test_matching_is_calibrated_by_the_controls_of_a_registry(registry: pd.DataFrame) -> None:
    """The same matching gives each control its estimate; the calibration is that of these."""
    rng = np.random.default_rng(9)
    pull = 0.25 + 0.25 * registry["ivigg"]
    frame = registry.assign(
        **{f"control_{k}": (rng.random(len(registry)) < pull).astype(int) for k in range(12)}
    )
    found = run_method("psm_calibrated", frame).set_index("estimand")
    names = [f"control_{k}" for k in range(12)]
    estimand = "log_rr_hospital_death_matched"
    plain = run_method("psm_literal", frame).set_index("estimand").loc[estimand]
    spec = replace(THESIS_SPEC, outcomes=tuple(names))
    rows = run_method("psm_literal", frame, spec=spec).set_index("estimand")
    used = rows.loc[[f"log_rr_{name}_matched" for name in names]]
    seen = pd.DataFrame({"log_rr": used["estimate"], "se_log_rr": used["std_error"], "true_log_rr": 0.0})
    expected = empirical_calibration(seen).apply(plain["estimate"], plain["std_error"])
    assert found.loc[estimand, "estimate"] == pytest.approx(expected["estimate"], abs=1e-9)
    assert found.loc[estimand, "std_error"] == pytest.approx(expected["std_error"], abs=1e-9)
    assert found.loc[estimand, "estimate"] < plain["estimate"] - 0.3


def test_a_registry_without_controls_says_so(registry: pd.DataFrame) -> None:
    rows = run_method("psm_calibrated", registry)
    assert rows["failure"].str.startswith("needs 5 negative-control outcomes").all()
    assert (rows["failure_kind"] == "not available").all()


def test_controls_of_a_world_know_the_hidden_confounder_by_their_share() -> None:
    world = load_scenario("thesis")
    hidden = world.unmeasured.model_copy(update={"kind": "binary", "hr_death": 4.0})
    rates = {}
    for share in (0.0, 1.0):
        seen = world.observation.model_copy(update={"controls": 20, "controls_share": share})
        changed = world.model_copy(update={"observation": seen, "unmeasured": hidden})
        cohort = generate_cohort(changed, seed=3, n=4_000)
        controls = cohort.registry[[f"control_{k}" for k in range(1, 21)]].mean(axis=1)
        assert controls.mean() == pytest.approx(0.27, abs=0.05)
        assert cohort.oracle is not None
        u = cohort.oracle.unmeasured == 1
        rates[share] = controls[u].mean() / controls[~u].mean()
    assert rates[0.0] == pytest.approx(1, abs=0.05)
    assert rates[1.0] > 1.8
