"""From assumptions to patients: every step against arithmetic done beside it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from simsepsis.errors import UsageError
from simsepsis.trial import Effect, design_binary, design_group_sequential, diluted_risks
from simsepsis.trial.effect import effect_between
from simsepsis.trial.expected_power import assurance
from simsepsis.trial.planning.belief import prior_table
from simsepsis.trial.planning.grids import sensitivity_table, size_grid
from simsepsis.trial.planning.looks import boundary_table
from simsepsis.trial.priors import load_priors
from simsepsis.trial.sizing.assumptions import Assumptions, Clusters
from simsepsis.trial.sizing.size import detectable, plan_size

PLAIN = Assumptions(
    test="two_proportions",
    p_control=0.33,
    effect=Effect(value=0.27 / 0.33, scale="risk_ratio"),
)
BOUNDS = design_group_sequential((0.5, 0.75, 1.0), alpha=0.05, sides=2)
LOOKS = replace(PLAIN, boundaries=BOUNDS, nonadherence=0.05, contamination=0.03, loss=0.02)


def test_a_plain_plan_is_the_fixed_design_in_whole_patients_with_its_own_power():
    size = plan_size(PLAIN)
    assert size.n_fixed == pytest.approx(2447.6, abs=0.05)
    assert size.n_randomized == 2 * math.ceil(size.n_fixed / 2) == 2448
    assert size.power == pytest.approx(0.90006, abs=2e-5)
    assert size.power != PLAIN.power


def test_departures_looks_and_loss_multiply_as_they_should():
    size = plan_size(LOOKS)
    arms = diluted_risks(0.33, 0.27, nonadherence=0.05, contamination=0.03)
    fixed = design_binary(arms[0], effect_between(*arms, "risk_ratio"))
    grown = fixed.n_total * design_group_sequential([0.5, 0.75, 1.0], alpha=0.05, sides=2).inflation(0.9)
    assert size.n_fixed == pytest.approx(fixed.n_total)
    assert size.n_sequential == pytest.approx(grown)
    assert size.n_randomized == 2 * math.ceil(grown / 0.98 / 2)
    assert 0.9 < size.power < 0.901


def test_open_label_treatment_of_little_effect_dilutes_little():
    weak = plan_size(replace(LOOKS, open_label=0.2))
    assert plan_size(replace(LOOKS, contamination=0.006)).n_randomized == weak.n_randomized
    assert weak.n_randomized < plan_size(LOOKS).n_randomized


def test_randomized_icus_share_the_patients_that_they_need():
    given = replace(PLAIN, randomization="cluster_crossover", clusters=Clusters(icc=0.01, cac=0.8, number=42))
    size = plan_size(given)
    per_period = size.n_clustered / (42 * 2)
    assert size.n_clustered / size.n_fixed == pytest.approx(1 + (per_period - 1) * 0.01 - per_period * 0.008)
    assert size.cluster_size == math.ceil(per_period)
    assert size.n_randomized == 42 * 2 * math.ceil(per_period)
    assert size.power > 0.9


def test_a_design_effect_needs_randomized_icus_and_they_need_an_icc():
    with pytest.raises(UsageError, match="design effect that does not exist"):
        replace(PLAIN, clusters=Clusters(icc=0.01, number=42))
    with pytest.raises(UsageError, match="has no ICC"):
        replace(PLAIN, randomization="parallel_cluster")


def test_departures_that_leave_no_difference_are_refused():
    with pytest.raises(UsageError, match="leave no difference"):
        plan_size(replace(PLAIN, nonadherence=0.5, contamination=0.5))


def test_deaths_at_the_boundary_cross_it_and_one_more_does_not():
    size = plan_size(LOOKS)
    looks = boundary_table(size)
    for row in looks.itertuples():
        per_arm = row.n_cum / 2

        def z(treated, control=row.deaths_control, n=per_arm):
            mean = (treated + control) / (2 * n)
            return (control - treated) / n / math.sqrt(mean * (1 - mean) * 2 / n)

        assert z(row.deaths_treated) >= row.z > z(row.deaths_treated + 1)
    assert looks["cumulative_alpha"].iloc[-1] == pytest.approx(0.05, abs=1e-9)


def test_every_cell_of_the_grid_reaches_its_power_and_barely():
    grid = size_grid(LOOKS, control_risks=[0.2, 0.4], effects=[0.8], powers=[0.8, 0.9])
    assert set(grid["p_control"]) == {0.2, 0.33, 0.4}
    assert (grid["power_reached"] >= grid["power"]).all()
    assert (grid["power_reached"] < grid["power"] + 0.002).all()
    own = grid[(grid["p_control"] == 0.33) & (grid["power"] == 0.9) & (grid["effect"] == LOOKS.effect.value)]
    assert own["n_randomized"].item() == plan_size(LOOKS).n_randomized


def test_a_wrong_assumption_costs_power_and_the_patients_needed_say_how_much():
    size = plan_size(LOOKS)
    table = sensitivity_table(size)
    assert (table.loc[table["planned"], "power"].round(9) == round(size.power, 9)).all()
    assert set(table.loc[table["planned"], "n_needed"]) == {size.n_randomized}
    worse = table[(table["assumption"] == "attenuation") & (table["value"] == 0.5)]
    assert worse["power"].item() < 0.5
    assert worse["n_needed"].item() > 4 * size.n_randomized


def test_what_is_detectable_is_what_was_planned():
    assert detectable(plan_size(PLAIN)) == pytest.approx(0.06, abs=1e-4)


def test_the_mixture_is_the_weighted_mean_of_its_priors():
    size = plan_size(LOOKS)
    priors = load_priors()
    weighted = [(0.3, priors["all_trials"]), (0.7, priors["sceptical"])]
    table = prior_table(size, weighted).set_index("prior")
    expected = sum(weight * assurance(size, prior).value for weight, prior in weighted)
    assert table.loc["mixture", "assurance"] == pytest.approx(expected, abs=1e-12)
    assert (table["assurance"] < table["ceiling"]).all()


def test_randomized_icus_may_be_more_alike_than_planned():
    given = replace(PLAIN, randomization="cluster_crossover", clusters=Clusters(icc=0.01, cac=0.8, number=42))
    table = sensitivity_table(plan_size(given)).set_index(["assumption", "value"])
    assert (
        table.loc[("icc", 0.038), "power"]
        < table.loc[("icc", 0.01), "power"]
        < table.loc[("cac", 1.0), "power"]
    )
    assert bool(table.loc[("icc", 0.01), "planned"])
    alone = replace(PLAIN, randomization="parallel_cluster", clusters=Clusters(icc=0.01, number=300))
    assert not sensitivity_table(plan_size(alone))["assumption"].eq("cac").any()
