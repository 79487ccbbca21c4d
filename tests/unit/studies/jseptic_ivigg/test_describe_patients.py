"""What the figures of a scenario draw is what its patients and its oracle say."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from described_worlds import switched
from matplotlib.text import Text
from scipy import stats

from simsepsis.studies.jseptic_ivigg.describe.correlation import (
    correlation_label,
    correlation_rows,
    plot_correlations,
)
from simsepsis.studies.jseptic_ivigg.describe.dosing import dose_rows, plot_doses
from simsepsis.studies.jseptic_ivigg.describe.incidence import incidence_rows, plot_incidence, risk_facts
from simsepsis.studies.jseptic_ivigg.describe.margins import margin_rows
from simsepsis.studies.jseptic_ivigg.describe.propensity import (
    plot_propensity,
    propensity_facts,
    propensity_rows,
)
from simsepsis.studies.jseptic_ivigg.describe.starts import plot_starts, start_facts, start_rows
from simsepsis.studies.jseptic_ivigg.world.effect import Regimen
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.world.cohort import Cohort, generate_cohort
from simsepsis.world.files import load_scenario

N = 6_000


@pytest.fixture(scope="module")
def thesis() -> Scenario:
    return load_scenario("thesis")


@pytest.fixture(scope="module")
def world(thesis: Scenario) -> Scenario:
    """Return a scenario with an effect that depends on the dose; nothing in it is left to solve."""
    mixture = (Regimen(share=0.5, grams=15.0), Regimen(share=0.5, grams_per_kg=1.0))
    return switched(
        thesis,
        effect={"log_hazard_ratio": -0.5},
        dose={"response": "igg_level", "reference": 1.0, "regimens": mixture},
    )


@pytest.fixture(scope="module")
def cohort(world: Scenario) -> Cohort:
    return generate_cohort(world, seed=11, n=N)


@pytest.fixture(scope="module")
def facts(cohort: Cohort) -> dict[str, float]:
    parts = (risk_facts(cohort.oracle), propensity_facts(cohort.oracle), start_facts(cohort.oracle))
    return {row.fact: row.value for part in parts for row in part.itertuples()}


@pytest.fixture(scope="module")
def given(cohort: Cohort) -> np.ndarray:
    return cohort.registry["ivigg"].to_numpy() == 1


def texts_of(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


# --- what becomes of patients ---------------------------------------------------------------------


def test_incidence_counts_events_that_happened_by_then(cohort, given):
    rows = incidence_rows(cohort.oracle).set_index(["event", "curve", "day"])["incidence"]
    oracle = cohort.oracle
    died = oracle.treated.event["hospital_death"] & (oracle.treated.time["hospital_death"] <= 14.0)
    assert rows["hospital_death", "treated", 14.0] == pytest.approx(died[given].mean())
    left = ~oracle.untreated.event["icu_death"] & (oracle.untreated.time["icu_death"] <= 7.5)
    assert rows["icu_discharge", "control", 7.5] == pytest.approx(left[~given].mean())
    assert rows["icu_discharge", "untreated", 7.5] == pytest.approx(left[given].mean())


def test_incidence_never_falls_and_its_error_is_binomial(cohort):
    rows = incidence_rows(cohort.oracle)
    for _, curve in rows.groupby(["event", "curve"]):
        assert curve["incidence"].is_monotonic_increasing
        assert curve["incidence"].iloc[0] == 0.0
    p = rows["incidence"]
    np.testing.assert_allclose(rows["mcse"], np.sqrt(p * (1 - p) / rows["patients"]))


def test_under_the_null_the_treated_fare_as_they_would_without(thesis):
    oracle = generate_cohort(thesis, seed=4, n=2_000).oracle
    curves = incidence_rows(oracle).pivot(index=["event", "day"], columns="curve", values="incidence")
    pd.testing.assert_series_equal(curves["treated"], curves["untreated"], check_names=False)
    effect = risk_facts(oracle).set_index("fact").loc["effect"]
    assert (effect["value"], effect["mcse"]) == (0.0, 0.0)


def test_the_crude_difference_is_effect_and_confounding(cohort, facts, given):
    observed = cohort.registry.groupby("ivigg")["hospital_death"].mean()
    assert facts["risk_treated"] == pytest.approx(observed[1])
    assert facts["risk_control"] == pytest.approx(observed[0])
    assert facts["crude"] == pytest.approx(observed[1] - observed[0])
    assert facts["crude"] == pytest.approx(facts["effect"] + facts["confounding"])
    assert facts["effect"] < 0.0


def test_the_error_of_the_effect_is_that_of_paired_differences(cohort, given):
    oracle = cohort.oracle
    pairs = (
        oracle.treated.event["hospital_death"][given].astype(float)
        - oracle.untreated.event["hospital_death"][given]
    )
    effect = risk_facts(oracle).set_index("fact").loc["effect"]
    assert effect["mcse"] == pytest.approx(pairs.std() / np.sqrt(pairs.size))


# --- treatment ------------------------------------------------------------------------------------


def test_starts_end_at_the_share_given_ivigg_in_each_policy(cohort):
    rows = start_rows(cohort.registry, cohort.oracle)
    last = rows.loc[(rows["panel"] == "share") & (rows["x"] == 168.0)].set_index("group")["value"]
    by_policy = cohort.registry.groupby("dic_policy", observed=True)["ivigg"].mean()
    for policy, share in by_policy.items():
        assert last[policy] == pytest.approx(share)
    assert last["all"] == pytest.approx(cohort.registry["ivigg"].mean())


def test_severity_is_that_of_the_day_among_those_who_could_start(cohort):
    rows = start_rows(cohort.registry, cohort.oracle)
    found = rows.loc[rows["panel"] == "severity"].set_index(["group", "x"])
    hours, oracle = cohort.oracle.hours["ivigg"], cohort.oracle
    second = (hours >= 24) & (hours < 48)
    assert found.loc[("start", 2.0), "value"] == pytest.approx(oracle.path[second, 1].mean())
    waiting = (oracle.untreated.time["icu_death"] > 1.0) & ~(hours < 48)
    assert found.loc[("wait", 2.0), "value"] == pytest.approx(oracle.path[waiting, 1].mean())
    assert found.loc[("wait", 2.0), "patients"] == waiting.sum()


def test_late_share_and_median_are_those_of_the_hours(cohort, facts, given):
    hours = cohort.oracle.hours["ivigg"][given]
    assert facts["late_share"] == pytest.approx((hours > 48).mean())
    assert facts["median_hour"] == pytest.approx(np.median(hours))


def test_propensity_bins_hold_each_arm_once(cohort, given):
    rows = propensity_rows(cohort.oracle)
    assert rows.groupby("arm")["patients"].sum().to_dict() == {
        "treated": given.sum(),
        "control": (~given).sum(),
    }
    np.testing.assert_allclose(rows.groupby("arm")["share"].sum(), 1.0)


def test_the_c_statistic_is_the_share_of_concordant_pairs(cohort, facts, given):
    p = cohort.oracle.propensity
    wins = (p[given][:, None] > p[~given][None, :]).mean()
    assert facts["c_statistic"] == pytest.approx(wins)
    assert facts["control_below"] == pytest.approx((p[~given] < 0.01).mean())
    assert facts["ivigg_above"] == pytest.approx((p[given] > 0.99).mean())


def test_doses_are_counted_once_and_round_numbers_stay_in_their_bin(world, cohort, given):
    rows = dose_rows(world, cohort.oracle)
    doses = rows.loc[rows["panel"] == "dose"]
    assert doses["value"].sum() == pytest.approx(1.0)
    at_one = doses.loc[np.isclose(doses["x"], 1.0), "value"].item()
    assert at_one == pytest.approx(np.isclose(cohort.oracle.dose_g_per_kg[given], 1.0).mean())


def test_the_response_falls_to_the_stated_effect_and_no_further_above_the_target(world, cohort):
    rows = dose_rows(world, cohort.oracle)
    response = rows.loc[rows["panel"] == "response"]
    typical = response.loc[response["group"] == "8.4 g/L"]
    assert typical["value"].iloc[0] == 1.0
    assert typical["value"].is_monotonic_decreasing
    needed = (world.dose.igg_target - world.dose.igg_median) / world.dose.igg_rise
    assert typical.loc[typical["x"] > needed + 0.01, "value"].std() == pytest.approx(0.0, abs=1e-12)
    assert response["group"].nunique() == 3


def test_igg_is_drawn_only_where_the_dose_matters(thesis, world, cohort):
    assert set(dose_rows(thesis, cohort.oracle)["panel"]) == {"dose"}
    rows = dose_rows(world, cohort.oracle)
    igg = rows.loc[rows["panel"] == "igg"].pivot(index="x", columns="group", values="value")
    assert (igg["after"] <= igg["before"]).all()


def test_a_threshold_is_a_step_at_the_threshold(world, cohort):
    steps = switched(world, dose={"response": "threshold", "threshold": 1.0, "reference": None})
    rows = dose_rows(steps, cohort.oracle)
    curve = rows.loc[rows["panel"] == "response"].set_index("x")["value"]
    assert (curve[curve.index < 1.0] == 1.0).all()
    np.testing.assert_allclose(curve[curve.index >= 1.0], np.exp(-0.5))


# --- what goes with what --------------------------------------------------------------------------


def test_correlations_are_spearmans_of_complete_patients(cohort):
    rows = correlation_rows(cohort.registry, cohort.oracle).set_index(["row", "column"])
    complete = cohort.registry[["apache2", "platelets"]].notna().all(axis=1).to_numpy()
    complete &= cohort.registry[["wbc", "hemoglobin", "weight_kg", "sirs_day1"]].notna().all(axis=1)
    complete &= cohort.registry.filter(regex="sofa_.*_day1").notna().all(axis=1)
    found = stats.spearmanr(
        cohort.oracle.path[complete, 0], cohort.registry.loc[complete, "apache2"]
    ).statistic
    assert rows.loc[("apache2", "severity_1"), "spearman"] == pytest.approx(found)
    names = set(rows.index.get_level_values(0)) | set(rows.index.get_level_values(1))
    assert len(rows) == len(names) * (len(names) - 1) / 2


def test_u_is_among_them_only_where_there_is_one(cohort):
    assert "u" not in set(correlation_rows(cohort.registry, cohort.oracle)["row"])
    oracle = cohort.oracle
    fields = {name: getattr(oracle, name) for name in oracle.__dataclass_fields__}
    fields["unmeasured"] = oracle.path[:, 0] + 1.0
    rows = correlation_rows(cohort.registry, type(oracle)(**fields)).set_index(["row", "column"])
    assert rows.loc[("u", "severity_1"), "spearman"] == pytest.approx(1.0)


def test_labels_say_the_day_once():
    assert correlation_label("sofa_cv_day1") == "SOFA cardiovascular"
    assert correlation_label("severity_1") == "Severity, day 1"
    assert correlation_label("wbc") == "White blood cell count"


# --- margins --------------------------------------------------------------------------------------


def test_margins_hold_every_fitted_number_with_its_monte_carlo_error(thesis):
    rows = margin_rows(thesis, patients=12_000, draws=2, seed=8)
    counts = rows.loc[rows["statistic"] != "smd_percent"]
    assert len(counts) == 246
    analysed = 12_000 * (1.0 - thesis.observation.incomplete_day1)
    np.testing.assert_allclose(rows["mcse_se"], np.sqrt(3118 / analysed))
    # Sampling and Monte Carlo error together: the thesis's own scenario fits.
    wide = np.sqrt(1.0 + rows["mcse_se"].iloc[0] ** 2)
    assert (counts["difference_se"].abs() < 3.5 * wide).mean() > 0.98


def test_margins_do_not_depend_on_the_size_of_the_registry(thesis):
    large = thesis.model_copy(update={"n": 1_000_000})
    pd.testing.assert_frame_equal(
        margin_rows(large, patients=4_000, draws=1, seed=8),
        margin_rows(thesis, patients=4_000, draws=1, seed=8),
    )


# --- drawings -------------------------------------------------------------------------------------


def test_every_axis_names_its_quantity_and_unit(world, cohort):
    drawn = {
        "incidence": (plot_incidence(incidence_rows(cohort.oracle)), r"\((days|%)\)"),
        "starts": (plot_starts(start_rows(cohort.registry, cohort.oracle)), r"\((days|%|SDs)\)|Day"),
        "propensity": (plot_propensity(propensity_rows(cohort.oracle)), r"\("),
        "doses": (plot_doses(dose_rows(world, cohort.oracle), target=16.0), r"\((g/kg|g/L|%)\)|ratio"),
    }
    for name, (figure, unit) in drawn.items():
        for axes in figure.axes:
            assert re.search(unit, axes.get_xlabel()), name
            assert name == "incidence" or re.search(unit, axes.get_ylabel()), name


def test_curves_that_end_alike_have_one_number(thesis):
    oracle = generate_cohort(thesis, seed=4, n=2_000).oracle
    rows = incidence_rows(oracle)
    words = texts_of(plot_incidence(rows)).split("\n")
    last = rows.loc[(rows["day"] == 60) & (rows["event"] == "icu_death")].set_index("curve")["incidence"]
    assert words.count(f"{100 * last['treated']:.1f}") == 1


def test_the_correlation_matrix_writes_every_number(cohort):
    rows = correlation_rows(cohort.registry, cohort.oracle)
    words = texts_of(plot_correlations(rows)).split("\n")
    numbers = [word for word in words if re.fullmatch(r"−?1?\.\d\d", word)]
    assert len(numbers) == len(rows)


def test_drawing_leaves_its_input_alone(cohort):
    rows = start_rows(cohort.registry, cohort.oracle)
    before = rows.copy()
    plot_starts(rows)
    pd.testing.assert_frame_equal(rows, before)
