"""Boundaries, sizes and adjusted results against published numbers and other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from agreement import agree

from simsepsis.trial import (
    Boundaries,
    Effect,
    Futility,
    adjusted_inference,
    assurance_of_information,
    cluster_variance,
    design_binary,
    design_group_sequential,
    design_log_rank,
    design_two_proportions,
    inflated_for_loss,
    load_priors,
    repeated_confidence_interval,
    stepped_wedge_schedule,
)
from simsepsis.trial.cluster import schedule_design_effect
from simsepsis.trial.sequential.inference import exceedance
from simsepsis.trial.sequential.recursion import exits
from simsepsis.trial.sizing.assumptions import Assumptions
from simsepsis.trial.sizing.size import plan_size

FOLDER = Path(__file__).parent / "trial"
PUBLISHED = pd.read_csv(FOLDER / "published.csv", dtype={"values": str})
STORED = json.loads((FOLDER / "trial_sequential.json").read_text("utf-8"))["cases"]


def equal(looks: int) -> np.ndarray:
    return np.arange(1, looks + 1) / looks


def classical(spending: str, alpha: float = 0.05) -> Callable[[int], Boundaries]:
    return lambda looks: design_group_sequential(equal(looks), alpha=alpha, sides=2, spending=spending)


FAMILIES = {
    "pocock_two_sided": classical("pocock"),
    "pocock_two_sided_1pct": classical("pocock", 0.01),
    "obrien_fleming_two_sided": classical("obrien_fleming"),
    "obrien_fleming_two_sided_1pct": classical("obrien_fleming", 0.01),
    "wang_tsiatis_two_sided": classical("wang_tsiatis"),
}
KIM_DEMETS = {"spending": "kim_demets", "parameter": 2.5, "power": 0.59}
CASES: dict[str, tuple[dict, float]] = {
    "obrien_fleming_5_two_sided": (
        {"information": equal(5), "alpha": 0.05, "sides": 2, "spending": "obrien_fleming"},
        0.9,
    ),
    "pocock_5_two_sided": ({"information": equal(5), "alpha": 0.05, "sides": 2, "spending": "pocock"}, 0.9),
    "ld_obrien_fleming_3": ({"information": equal(3)}, 0.9),
    "obrien_fleming_3": ({"information": equal(3), "spending": "obrien_fleming"}, 0.9),
    "hsd_linear": ({"information": [0.2, 0.4, 1], "alpha": 0.03, "spending": "hsd", "parameter": 0}, 0.86),
    "hsd_futility": (
        {
            "information": [0.2, 0.4, 1],
            "alpha": 0.07,
            "spending": "hsd",
            "parameter": -1,
            "futility": Futility(spending="hsd", parameter=-2, power=0.86),
        },
        0.86,
    ),
    "kim_demets_futility": (
        {
            "information": [0.3, 0.7, 1],
            "alpha": 0.03,
            "spending": "kim_demets",
            "parameter": 2.2,
            "futility": Futility(spending="kim_demets", parameter=3.2, power=0.66),
        },
        0.66,
    ),
    "wang_tsiatis_binding": (
        {
            "information": equal(4),
            "alpha": 0.035,
            "spending": "wang_tsiatis",
            "parameter": 0.4,
            "futility": Futility(z=(0.5244,) * 3, binding=True),
        },
        0.8,
    ),
    "stated_spending": (
        {"information": equal(4), "alpha": 0.05, "spending": (0.01, 0.02, 0.03, 0.05)},
        0.8,
    ),
    "ld_pocock_futility": (
        {
            "information": [0.35, 0.7, 1],
            "alpha": 0.13,
            "spending": "ld_pocock",
            "futility": Futility(spending=(0.01, 0.05, 0.3)),
        },
        0.7,
    ),
    "ld_pocock_binding": (
        {
            "information": [0.35, 0.7, 1],
            "alpha": 0.13,
            "spending": "ld_pocock",
            "futility": Futility(spending=(0.01, 0.05, 0.3), binding=True),
        },
        0.7,
    ),
    "ld_obrien_fleming_futility_4": (
        {"information": [0.4, 0.75, 0.85, 1], "alpha": 0.13, "futility": Futility(**KIM_DEMETS)},
        0.59,
    ),
    "ld_obrien_fleming_binding_4": (
        {
            "information": [0.4, 0.75, 0.85, 1],
            "alpha": 0.13,
            "futility": Futility(**KIM_DEMETS, binding=True),
        },
        0.59,
    ),
    "wang_tsiatis_unequal_two_sided": (
        {
            "information": [0.3, 0.8, 1],
            "alpha": 0.025,
            "sides": 2,
            "spending": "wang_tsiatis",
            "parameter": 0.24,
        },
        0.9,
    ),
    "haybittle_peto_4": ({"information": equal(4), "spending": "haybittle_peto"}, 0.9),
    "futility_only_binding": (
        {
            "information": equal(4),
            "spending": (0, 0, 0, 0.025),
            "futility": Futility(z=(0, 0.5, 1), binding=True),
        },
        0.9,
    ),
    "sas_obf_pocock": (
        {"information": equal(5), "futility": Futility(spending="ld_pocock", power=0.9, binding=True)},
        0.9,
    ),
}


def family_values(case: str, quantity: str) -> list[float]:
    name, _, looks = quantity.rpartition("_k")
    plans = [FAMILIES[case](int(count)) for count in looks.split("_")]
    if name == "last_z":
        return [float(plan.z[-1]) for plan in plans]
    return [plan.inflation(float(name.removeprefix("inflation_")) / 100) for plan in plans]


def value_of(plan: Boundaries, quantity: str, power: float) -> np.ndarray:
    inflation = plan.inflation(power)
    planned = plan.stopping_probabilities(plan.drift(power))
    values = {
        "z": plan.z,
        "last_z": plan.z[-1:],
        "cumulative_alpha": plan.cumulative_alpha,
        "futility_z": None if plan.futility_z is None else plan.futility_z[:-1],
        "inflation": np.array([inflation]),
        "asn_planned": np.array([plan.expected_information(plan.drift(power)) * inflation]),
        "asn_null": np.array([plan.expected_information(0.0) * inflation]),
        "efficacy_planned": planned["efficacy"].to_numpy(),
        "futility_planned": planned["futility"].to_numpy()[:-1],
    }
    return values[quantity]


@pytest.mark.parametrize(
    "row", PUBLISHED.to_dict("records"), ids=lambda row: f"{row['case']}-{row['quantity']}"
)
def test_a_published_number(row: dict):
    wanted = np.array(row["values"].split(), dtype=float)
    if row["case"] in FAMILIES:
        found = np.array(family_values(row["case"], row["quantity"]))
    else:
        arguments, power = CASES[row["case"]]
        found = value_of(design_group_sequential(**arguments), row["quantity"], power)
    source = row.get("source", "") or "published boundaries"
    agree(source, f"{row['case']}: {row['quantity']}", found, wanted, atol=row["tolerance"])


@pytest.mark.parametrize("case", STORED)
def test_the_recursion_against_the_multivariate_normal(case: dict):
    time, lower, upper = (np.array(case[name], dtype=float) for name in ("time", "lower", "upper"))
    out = exits(time, lower, upper, case["drift"][0])
    going_on = 1.0 - np.cumsum(out.upper + out.lower)
    what = f"chance to go on after {len(time)} looks, drift {case['drift'][0]:g}"
    agree("R mvtnorm", what, going_on, case["going_on"], atol=2e-9)


def test_adjusted_results_of_rpacts_survival_example():
    plan = design_group_sequential(
        [0.2, 0.4, 0.6, 1], spending="wang_tsiatis", parameter=0.45, futility=Futility(z=(0, 0, 0))
    )
    error = 2 / math.sqrt(29)  # 29 events, equal arms
    out = adjusted_inference(plan, look=3, information_fraction=0.6, z=2.9, std_error=error)
    source = "rpact, survival example"
    agree(source, "boundaries", plan.z, [2.4878815, 2.4031352, 2.3549063, 2.2955206], atol=1e-6)
    agree(source, "adjusted p", out.p_value, 0.013371274, atol=1e-8)
    found = np.exp([out.estimate, out.ci_low, out.ci_high])
    agree(source, "adjusted hazard ratio and limits", found, [2.632639, 1.1294538, 5.6956842], rtol=1e-6)
    repeated = repeated_confidence_interval(
        plan, look=3, information_fraction=0.6, estimate=2.9 * error, std_error=error
    )
    agree(source, "repeated confidence interval", np.exp(repeated), [1.2243899, 7.0401059], rtol=1e-6)


@pytest.mark.parametrize(("z", "p_value"), [(2.7777778, 0.0042246203), (2.4192811, 0.0089457853)])
def test_adjusted_p_values_of_rpacts_rates_example(z: float, p_value: float):
    plan = design_group_sequential(
        [0.2, 0.4, 0.8, 1], spending="kim_demets", parameter=2.8, futility=Futility(z=(-0.5, 0, 0.5))
    )
    agree("rpact, rates example", f"adjusted p of z = {z:g}", exceedance(plan, 3, z, 0.0), p_value, atol=1e-8)


def test_two_proportions_as_printed():
    assert design_two_proportions(0.33, 0.27).n_total == pytest.approx(2447.6, abs=0.05)
    # R 4.2.2: 2 * power.prop.test(p1 = .33, p2 = .27, power = .9)$n, its root found to 1e-4
    ours = design_two_proportions(0.33, 0.27).n_total
    agree("R stats", "power.prop.test, .33 against .27, 90%: N", ours, 2447.575218, atol=1e-3)
    assert design_two_proportions(0.36, 0.29, power=0.87).n_control == pytest.approx(851.2, abs=0.05)


@pytest.mark.parametrize(
    ("ratio", "at_80", "at_90"),
    [(0.81, 955, 1278), (0.85, 1554, 2079), (0.91, 4401, 5891), (0.95, 14437, 19327)],
)
def test_patients_per_arm_of_the_planning_notes(ratio: float, at_80: int, at_90: int):
    effect = Effect(value=ratio, scale="risk_ratio")
    found = [math.ceil(design_binary(0.3, effect, power=power).n_control) for power in (0.8, 0.9)]
    assert found == [at_80, at_90]


# Name, risks in percent, power, stated N; two arms, 1:1. Wong et al. BMJ Open 2018;8:e020068, and protocols.
ICU_TRIALS = [
    ("SBITS", 30, 20, 0.9, 800),
    ("VASST", 60, 50, 0.8, 776),
    ("CORTICUS", 50, 40, 0.8, 800),
    ("COIITSS", 50, 37.5, 0.8, 508),
    ("PROWESS-SHOCK", 35, 28, 0.8, 1500),
    ("6S", 45, 35, 0.8, 800),
    ("TRISS", 45, 36, 0.8, 1000),
    ("SEPSISPAM", 45, 35, 0.8, 800),
    ("ALBIOS", 45, 37.5, 0.8, 1350),
    ("ProMISe", 40, 32, 0.8, 1260),
    ("SUP-ICU", 25, 20, 0.9, 3350),
    ("HOT-ICU", 25, 20, 0.9, 2928),
]


@pytest.mark.parametrize(("name", "control", "treated", "power", "stated"), ICU_TRIALS)
def test_icu_trials_stated_at_least_what_the_formula_asks(name, control, treated, power, stated):
    needed = design_two_proportions(control / 100, treated / 100, power=power).n_total
    assert needed - 1 <= stated <= 1.2 * needed


def test_hot_icu_stated_exactly_that():
    assert design_two_proportions(0.25, 0.20).rounded().n_total == 2928


def test_log_rank_with_everybody_censored_at_day_28():
    design = design_log_rank(0.81, 0.33, horizon=28)
    assert design.n_total == pytest.approx(3119, abs=0.5)
    assert design.events == pytest.approx(946.5, abs=0.05)
    assert design_log_rank(0.83, 0.33, horizon=28).events == pytest.approx(1210.6, abs=0.05)


def test_scales_are_not_to_be_mixed_up():
    """At 33 % control risk HR 0.81 is RR 0.839 and RR 0.81 is HR 0.777: 42 % too many or 28 % too few."""
    hazard = Effect(value=0.81, scale="hazard_ratio", horizon=28)
    assert hazard.treated_risk(0.33) == pytest.approx(0.2770, abs=5e-5)
    assert hazard.on("risk_ratio", 0.33).value == pytest.approx(0.839, abs=5e-4)
    risk = Effect(value=0.81, scale="risk_ratio")
    assert risk.treated_risk(0.33) == pytest.approx(0.2673, abs=5e-5)
    assert risk.on("hazard_ratio", 0.33, horizon=28).value == pytest.approx(0.777, abs=5e-4)
    right = design_log_rank(risk, 0.33, horizon=28).n_total
    wrong = design_log_rank(0.81, 0.33, horizon=28).n_total
    assert wrong / right == pytest.approx(1.42, abs=0.005)
    proportions = [design_binary(0.33, effect).n_total for effect in (risk, hazard)]
    assert proportions[0] / proportions[1] == pytest.approx(1 - 0.28, abs=0.02)


def test_inflation_by_departures():
    effect = Effect(value=0.81, scale="risk_ratio")
    plain = Assumptions(test="two_proportions", p_control=0.33, effect=effect)
    needed = [plan_size(replace(plain, nonadherence=part)).n_fixed for part in (0, 0.05, 0.1, 0.261)]
    inflation = np.array(needed) / needed[0]
    np.testing.assert_allclose(inflation, [1, 1.112, 1.242, 1.861], atol=5e-4)
    assert inflated_for_loss(1.0, 0.261) == pytest.approx(1.353, abs=5e-4)


def test_ceilings_of_the_priors():
    wanted = {
        "all_trials": 0.998,
        "low_risk_of_bias": 0.421,
        "low_risk_of_bias_both": 0.633,
        "turgeon_2007": 0.999,
        "sceptical": 0.5,
    }
    priors = load_priors()
    assert set(priors) == set(wanted)
    for name, ceiling in wanted.items():
        assert priors[name].components[0].beyond(0.0, -1.0) == pytest.approx(ceiling, abs=5e-4)


def test_assurance_in_closed_form():
    assert assurance_of_information(0.25, 0.2, 64) == pytest.approx(0.5085, abs=5e-5)
    assert assurance_of_information(0.25, 0.0, 64) == pytest.approx(0.5160, abs=5e-5)


def test_stepped_wedge_variance_of_hussey_and_hughes():
    schedule = stepped_wedge_schedule(4, clusters_per_step=3)
    size, icc = 20, 0.05
    error, between = (1 - icc) / size, icc
    clusters, periods = schedule.shape
    total = schedule.sum()
    columns, rows = (schedule.sum(axis=0) ** 2).sum(), (schedule.sum(axis=1) ** 2).sum()
    above = clusters * error * (error + periods * between)
    below = (clusters * total - columns) * error
    below += (total**2 + clusters * periods * total - periods * columns - clusters * rows) * between
    assert cluster_variance(schedule, size, icc) == pytest.approx(above / below, rel=1e-12)


def test_stepped_wedge_design_effect_of_woertman():
    """Woertman W et al. J Clin Epidemiol 2013;66:752, times the periods: patients of all are counted."""
    steps, size, icc = 4, 20, 0.05
    factor = (1 + icc * (steps * size + size - 1)) / (1 + icc * (0.5 * steps * size + size - 1))
    factor *= 3 * (1 - icc) / (2 * (steps - 1 / steps)) * (1 + steps)
    assert schedule_design_effect(stepped_wedge_schedule(steps), size, icc) == pytest.approx(
        factor, rel=1e-12
    )
