"""Months and flow against arithmetic, and what the world says of its patients."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis.trial.planning.accrual import expected_patients, months_to, patients_per_month
from simsepsis.trial.protocol.sections import Sites


def test_without_start_up_accrual_is_a_straight_line():
    sites = Sites(number=10, screened_per_month=2.0, consent=0.5, startup_months=0.0)
    assert patients_per_month(sites, 0.8) == pytest.approx(0.8)
    assert months_to(80, sites, 0.8) == pytest.approx(10.0)


@pytest.mark.parametrize("patients", [1, 37, 400, 5_000])
def test_months_invert_the_expected_patients(patients):
    sites = Sites(startup_months=18.0)
    month = months_to(patients, sites, 0.9)
    assert expected_patients(np.array([month]), sites, 0.9)[0] == pytest.approx(patients)


def test_the_flow_narrows_and_adds_up(plan):
    flow = plan.flow.set_index("step")["patients"]
    assert flow["screened"] > flow["eligible"] > flow["randomized"] == plan.n_total
    assert flow["control"] + flow["treated"] == flow["randomized"]
    assert flow["control_analysed"] == pytest.approx(0.98 * flow["control"])


def test_formula_and_simulated_trials_agree_on_months(plan):
    row = plan.operating.query("truth == 'planned' and measure == 'p90_months'")
    # The last look waits for the last outcome; expected accrual is of the mean, not the 90th percentile.
    assert row["value"].item() == pytest.approx(plan.pace["months_outcome"].iloc[0], rel=0.15)


def test_little_of_the_effect_comes_from_15_g_where_it_rises_with_the_dose(plan):
    assert 0.1 < plan.screened.assumptions.open_label < 0.35
    doses = plan.tables["doses"]
    assert doses["risk_ratio"].is_monotonic_decreasing
    assert doses["risk_ratio"].iloc[-1] == pytest.approx(0.6, abs=0.001)


def test_restricting_to_the_sick_needs_fewer_patients_but_more_screening(plan):
    rows = plan.tables["enrichment"]
    plainly = rows[rows["interaction"] == 1.0].set_index("population")
    assert plainly.loc["severe", "n_randomized"] < plainly.loc["all", "n_randomized"]
    assert plainly.loc["severe", "screened"] > plainly.loc["all", "screened"]
    strong = rows[rows["interaction"] == 2.0].set_index("population")
    assert strong.loc["severe", "risk_ratio"] < plainly.loc["severe", "risk_ratio"]
    # As randomized: some treated patients get nothing, and some controls get the treatment.
    control, treated = plan.size.assumptions.risks
    assert strong.loc["all", "risk_ratio"] == pytest.approx(treated / control, abs=0.002)
