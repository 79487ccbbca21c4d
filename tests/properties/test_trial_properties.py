"""What must hold for every trial: errors spent exactly, sizes monotone, limits that are other designs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.examples import examples

from simsepsis.trial import (
    Effect,
    Futility,
    assurance,
    cluster_design_effect,
    cluster_size_for,
    compare_pairs,
    design_binary,
    design_cluster,
    design_group_sequential,
    design_log_rank,
    design_two_proportions,
    diluted_risks,
    prior_from_interval,
    update_boundaries,
)
from simsepsis.trial.cluster import schedule_design_effect
from simsepsis.trial.designs.two_proportions import FORMULAS
from simsepsis.trial.effect import RISK_SCALES, effect_between
from simsepsis.trial.sequential.inference import exceedance
from simsepsis.trial.sequential.planning import RULES
from simsepsis.trial.sequential.spending import SPENDING

FEW = examples(25)
RISKS = st.floats(0.05, 0.95)
RULE = st.sampled_from([rule for rule in RULES if rule != "haybittle_peto"])


@st.composite
def fractions(draw: st.DrawFn, most: int = 5) -> np.ndarray:
    steps = draw(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=most))
    time = np.cumsum(steps) / np.sum(steps)
    time[-1] = 1.0
    return time


@FEW
@given(
    time=fractions(), spending=RULE, sides=st.sampled_from([1, 2]), alpha=st.sampled_from([0.01, 0.025, 0.05])
)
def test_alpha_is_spent_exactly_at_any_information(time, spending, sides, alpha):
    plan = design_group_sequential(time, alpha=alpha, sides=sides, spending=spending)
    assert plan.cumulative_alpha[-1] == pytest.approx(alpha, abs=1e-9)
    null = plan.stopping_probabilities(0.0)
    assert null["stop"].sum() == pytest.approx(1.0, abs=1e-9)
    assert plan.inflation(0.9) >= 1.0 - 1e-9


@FEW
@given(time=fractions(4), spending=RULE)
def test_the_grid_does_not_matter(time, spending):
    coarse, fine = (design_group_sequential(time, spending=spending, fineness=f) for f in (1.0, 2.0))
    np.testing.assert_allclose(coarse.z, fine.z, rtol=0, atol=1e-8)


@FEW
@given(
    time=fractions(4),
    spending=st.sampled_from(list(SPENDING)),
    beta=st.sampled_from(list(SPENDING)),
    power=st.sampled_from([0.8, 0.9]),
)
def test_futility_costs_power_or_alpha_but_never_both(time, spending, beta, power):
    assume(time.size > 1)
    free, bound = (
        design_group_sequential(
            time, spending=spending, futility=Futility(spending=beta, power=power, binding=binding)
        )
        for binding in (False, True)
    )
    alone = design_group_sequential(time, spending=spending)
    np.testing.assert_allclose(free.z, alone.z, atol=1e-9)
    assert np.all(bound.z <= alone.z + 1e-9)
    assert free.inflation(power) >= bound.inflation(power) - 1e-9
    for plan in (free, bound):
        assert plan.power(plan.drift(power)) == pytest.approx(power, abs=1e-9)
        assert np.all(plan.futility_z <= plan.z)


@FEW
@given(time=fractions(4), spending=RULE, drift=st.floats(-4, 4))
def test_relabelling_the_arms_mirrors_a_two_sided_trial(time, spending, drift):
    plan = design_group_sequential(time, alpha=0.05, sides=2, spending=spending)
    there, back = plan.exits(drift), plan.exits(-drift)
    np.testing.assert_allclose(there.upper, back.lower, atol=1e-12)
    assert plan.power(drift + 0.5) > plan.power(drift)


@FEW
@given(time=fractions(4), drift=st.floats(-2, 4), step=st.floats(0.05, 1), extra=st.floats(0.0, 2.0))
def test_a_result_is_less_extreme_under_a_larger_effect(time, drift, step, extra):
    plan = design_group_sequential(time)
    look = time.size
    z = float(plan.z[-1]) + extra
    assert exceedance(plan, look, z, drift) < exceedance(plan, look, z, drift + step)
    assert exceedance(plan, look, z, drift) >= exceedance(plan, look, z + 0.1, drift)


@FEW
@given(time=fractions(4), shift=st.floats(-0.04, 0.04))
def test_an_observed_look_moves_only_what_comes_after_it(time, shift):
    assume(time.size > 1 and time[0] + shift > 0.01 and time[0] + shift < time[1] - 0.01)
    plan = design_group_sequential(time)
    seen = update_boundaries(plan, [time[0] + shift])
    assert seen.cumulative_alpha[-1] == pytest.approx(0.025, abs=1e-9)
    assert seen.z.size == plan.z.size
    assert (seen.z[0] < plan.z[0]) == (shift > 0) or abs(shift) < 1e-9


@FEW
@given(control=RISKS, treated=RISKS, formula=st.sampled_from(list(FORMULAS)), ratio=st.floats(0.3, 3))
def test_size_and_power_are_inverse(control, treated, formula, ratio):
    assume(abs(control - treated) > 0.01)
    design = design_two_proportions(control, treated, formula=formula, ratio=ratio)
    assert design.power_at(design.effect) == pytest.approx(0.9, abs=1e-9)
    assert design.with_total(1.1 * design.n_total).power > 0.9
    assert design.with_power(0.8).n_total < design.n_total
    assert design.n_control + design.n_treated == pytest.approx(design.n_total)


@FEW
@given(control=RISKS, treated=RISKS, formula=st.sampled_from(list(FORMULAS)))
def test_equal_arms_may_change_their_names(control, treated, formula):
    assume(abs(control - treated) > 0.01)
    there, back = (
        design_two_proportions(*risks, formula=formula) for risks in ((control, treated), (treated, control))
    )
    assert there.n_total == pytest.approx(back.n_total, rel=1e-9)
    assert there.direction == -back.direction


@FEW
@given(
    control=RISKS, ratio=st.floats(0.5, 0.95), power=st.floats(0.5, 0.95), alpha=st.sampled_from([0.01, 0.05])
)
def test_size_is_monotone_in_every_argument(control, ratio, power, alpha):
    def size(**change: float) -> float:
        numbers = {"ratio": ratio, "power": power, "alpha": alpha} | change
        effect = Effect(value=numbers["ratio"], scale="risk_ratio")
        return design_binary(control, effect, power=numbers["power"], alpha=numbers["alpha"]).n_total

    assert size(power=power + 0.02) > size()
    assert size(alpha=alpha / 2) > size()
    assert size(ratio=ratio + 0.02) > size()
    assert size() > 2 * control * 0.1


@FEW
@given(control=RISKS, treated=RISKS, scales=st.permutations(RISK_SCALES))
def test_scales_go_there_and_back(control, treated, scales):
    effect = effect_between(control, treated, scales[0], horizon=28)
    for scale in scales[1:]:
        effect = effect.on(scale, control)
    assert effect.treated_risk(control) == pytest.approx(treated, abs=1e-9)


@FEW
@given(control=st.floats(0.1, 0.6), ratio=st.floats(0.6, 0.9))
def test_log_rank_saves_little_at_a_fixed_horizon(control, ratio):
    effect = Effect(value=ratio, scale="risk_ratio")
    survival = design_log_rank(effect, control, horizon=28).n_total
    assert 0.85 < survival / design_binary(control, effect).n_total < 1.1


@FEW
@given(size=st.floats(1, 300), icc=st.floats(0.0, 0.4), cac=st.floats(0, 1), cv=st.floats(0, 1))
def test_design_effects_are_special_cases_of_generalized_least_squares(size, icc, cac, cv):
    assume(icc == 0 or icc > 1e-6)
    alone = schedule_design_effect([[0.0], [1.0]], size, icc)
    assert cluster_design_effect(size, icc) == pytest.approx(alone, rel=1e-8)
    turns = schedule_design_effect([[0.0, 1.0], [1.0, 0.0]], size, icc, cac=cac)
    assert cluster_design_effect(size, icc, cac=cac) == pytest.approx(turns, rel=1e-8)
    assert (
        cluster_design_effect(size, icc, cac=cac, cv=cv) >= cluster_design_effect(size, icc, cac=cac) - 1e-9
    )


@FEW
@given(icc=st.floats(0.001, 0.1), cac=st.floats(0, 1), size=st.floats(5, 500))
def test_cluster_size_and_number_are_inverse(icc, cac, size):
    base = design_two_proportions(0.33, 0.27)
    design = design_cluster(base, randomization="cluster_crossover", cluster_size=size, icc=icc, cac=cac)
    back = cluster_size_for(base, design.clusters, randomization="cluster_crossover", icc=icc, cac=cac)
    assert back == pytest.approx(size, rel=1e-6)


@FEW
@given(shares=st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=2, max_size=8))
def test_pairs_turn_round_with_the_arms(shares):
    control, treated = (np.array(side) / np.sum(side) for side in zip(*shares, strict=True))
    there, back = compare_pairs(control, treated), compare_pairs(treated, control)
    assert there.win == pytest.approx(back.loss)
    assert there.probability_index == pytest.approx(1 - back.probability_index)
    assert there.sd_log_win_ratio == pytest.approx(back.sd_log_win_ratio)
    same = compare_pairs(control, control)
    assert same.sd_index == pytest.approx(same.sd_index_null, rel=1e-9)


@FEW
@given(estimate=st.floats(0.6, 1.2), width=st.floats(0.05, 0.5), n=st.floats(200, 1e6))
def test_assurance_lies_between_error_and_ceiling(estimate, width, n):
    prior = prior_from_interval(
        estimate, estimate * np.exp(-width), estimate * np.exp(width), scale="risk_ratio"
    )
    design = design_binary(0.3, Effect(value=0.85, scale="risk_ratio")).with_total(n)
    out = assurance(design, prior)
    assert 0 <= out.value <= out.ceiling + 0.025 * (1 - out.ceiling) + 1e-9
    grown = assurance(design.with_total(2 * n), prior).value
    assert grown > out.value - 0.025 * (1 - out.ceiling) - 1e-9


@FEW
@given(control=RISKS, treated=RISKS, missed=st.floats(0, 1), gained=st.floats(0, 1))
def test_dilution_never_widens_the_gap(control, treated, missed, gained):
    arms = diluted_risks(control, treated, nonadherence=missed, contamination=gained)
    assert arms[1] - arms[0] == pytest.approx((treated - control) * (1 - missed - gained), abs=1e-12)
