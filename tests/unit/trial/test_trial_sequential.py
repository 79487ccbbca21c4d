from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from simsepsis.errors import UsageError
from simsepsis.trial import (
    Effect,
    Futility,
    conditional_power,
    design_binary,
    design_group_sequential,
    design_log_rank,
    design_rank_sum,
    design_two_proportions,
    look_table,
    sequential_design,
    update_boundaries,
)
from simsepsis.trial.sequential.planning import RULES
from simsepsis.trial.sequential.recursion import exits
from simsepsis.trial.sequential.spending import spent_by

FIVE = np.arange(1, 6) / 5


def test_one_look_is_the_fixed_design():
    plan = design_group_sequential([1.0])
    assert plan.z == pytest.approx([1.9599639845])
    assert plan.inflation(0.9) == pytest.approx(1.0)
    assert plan.expected_information(2.0) == pytest.approx(1.0)
    assert plan.power(1.9599639845 + 1.2815515655) == pytest.approx(0.9)


@pytest.mark.parametrize("spending", RULES)
@pytest.mark.parametrize("sides", [1, 2])
def test_every_rule_spends_alpha_exactly(spending: str, sides: int):
    plan = design_group_sequential([0.3, 0.55, 0.8, 1], alpha=0.05, sides=sides, spending=spending)
    assert plan.cumulative_alpha[-1] == pytest.approx(0.05, abs=1e-10)
    assert np.all(np.diff(plan.cumulative_alpha) > 0)
    null = plan.stopping_probabilities(0.0)
    assert null["efficacy"].sum() + null["harm"].sum() == pytest.approx(0.05, abs=1e-10)
    assert null["stop"].sum() == pytest.approx(1.0, abs=1e-10)
    assert null["cumulative_stop"].iloc[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("spending", RULES)
def test_boundaries_do_not_depend_on_the_grid(spending: str):
    coarse, fine = (design_group_sequential(FIVE, spending=spending, fineness=f) for f in (1.0, 3.0))
    np.testing.assert_allclose(coarse.z, fine.z, rtol=0, atol=1e-10)
    assert coarse.inflation(0.9) == pytest.approx(fine.inflation(0.9), abs=1e-10)


def test_futility_bounds_do_not_depend_on_the_grid():
    rule = Futility(spending="ld_pocock", binding=True)
    coarse, fine = (design_group_sequential(FIVE, futility=rule, fineness=f) for f in (1.0, 3.0))
    np.testing.assert_allclose(coarse.futility_z, fine.futility_z, rtol=0, atol=1e-9)


def test_spending_functions_by_hand():
    time = np.array([0.25, 0.5, 1.0])
    np.testing.assert_allclose(
        spent_by("ld_obrien_fleming", time, 0.025), 2 * ndtr(ndtri(0.0125) / np.sqrt(time))
    )
    np.testing.assert_allclose(spent_by("ld_pocock", time, 0.025), 0.025 * np.log(1 + (math.e - 1) * time))
    np.testing.assert_allclose(
        spent_by("hsd", time, 0.025, -4), 0.025 * (1 - np.exp(4 * time)) / (1 - math.exp(4))
    )
    np.testing.assert_allclose(spent_by("hsd", time, 0.025, 0), 0.025 * time)
    np.testing.assert_allclose(spent_by("kim_demets", time, 0.025, 3), 0.025 * time**3)


def test_a_spending_function_is_for_one_side():
    two = design_group_sequential(FIVE, alpha=0.05, sides=2)
    one = design_group_sequential(FIVE, alpha=0.025, sides=1)
    np.testing.assert_allclose(two.z, one.z, atol=1e-5)
    assert two.cumulative_alpha[0] == pytest.approx(2 * one.cumulative_alpha[0])


def test_shapes_have_their_shape_at_unequal_looks():
    time = np.array([0.2, 0.7, 1.0])
    pocock = design_group_sequential(time, spending="pocock").z
    np.testing.assert_allclose(pocock, pocock[0])
    early = design_group_sequential(time, spending="obrien_fleming").z
    np.testing.assert_allclose(early * np.sqrt(time), early[-1])
    tsiatis = design_group_sequential(time, spending="wang_tsiatis", parameter=0.1).z
    np.testing.assert_allclose(tsiatis, tsiatis[-1] * time ** (0.1 - 0.5))
    assert design_group_sequential(time, spending="wang_tsiatis").parameter == 0.25


def test_haybittle_and_peto_keep_three_until_the_end():
    plan = design_group_sequential(FIVE, spending="haybittle_peto", parameter=3.29)
    assert plan.z[:-1].tolist() == [3.29] * 4
    assert 1.96 < plan.z[-1] < 1.98


def test_a_look_may_spend_nothing():
    plan = design_group_sequential([0.25, 0.5, 1], spending=(0, 0.005, 0.025))
    assert plan.z[0] == math.inf
    assert plan.cumulative_alpha == pytest.approx([0, 0.005, 0.025])
    assert plan.nominal_p[0] == 0


def test_binding_futility_buys_a_lower_boundary_and_the_other_kind_does_not():
    free, bound = (design_group_sequential(FIVE, futility=Futility(binding=b)) for b in (False, True))
    alone = design_group_sequential(FIVE)
    np.testing.assert_allclose(free.z, alone.z)
    assert bound.z[-1] < alone.z[-1]
    assert bound.exits(0.0).upper.sum() == pytest.approx(0.025, abs=1e-10)
    assert free.exits(0.0).upper.sum() < 0.025
    assert free.exits(0.0, follow_futility=False).upper.sum() == pytest.approx(0.025, abs=1e-10)
    assert bound.exits(0.0, follow_futility=False).upper.sum() == pytest.approx(0.025, abs=1e-10)


@pytest.mark.parametrize("binding", [True, False])
def test_beta_spending_spends_beta_at_the_planned_drift(binding: bool):
    rule = Futility(spending="hsd", parameter=-2, power=0.8, binding=binding)
    plan = design_group_sequential([0.4, 0.7, 1], futility=rule)
    out = plan.stopping_probabilities(plan.drift(0.8))
    spent = spent_by("hsd", plan.information, 0.2, -2)
    np.testing.assert_allclose(out["futility"].cumsum(), spent, atol=1e-9)
    assert plan.futility_z[-1] == plan.z[-1]


def test_a_futility_rule_by_name_is_not_binding_at_ninety_percent():
    named = design_group_sequential(FIVE, futility="ld_pocock")
    assert not named.binding
    np.testing.assert_allclose(
        named.futility_z,
        design_group_sequential(FIVE, futility=Futility(spending="ld_pocock", power=0.9)).futility_z,
    )


def test_a_shape_may_have_beta_spending_that_does_not_bind():
    plan = design_group_sequential(FIVE, spending="pocock", futility=Futility(spending="hsd", power=0.8))
    assert plan.power(plan.drift(0.8)) == pytest.approx(0.8)
    assert plan.stopping_probabilities(plan.drift(0.8))["futility"].sum() == pytest.approx(0.2, abs=1e-9)


def test_expected_information_falls_with_the_effect():
    plan = design_group_sequential(FIVE)
    found = [plan.expected_information(drift) for drift in (0.0, 1.5, 3.0, 6.0)]
    assert all(earlier > later for earlier, later in pairwise(found))
    assert found[0] == pytest.approx(1.0, abs=0.01)


def test_a_trial_that_surely_stops_leaves_no_paths():
    out = exits(np.array([0.5, 1.0]), np.array([-np.inf, 1.96]), np.array([-9.0, 1.96]), 4.0)
    assert out.upper == pytest.approx([1.0, 0.0])
    assert out.lower == pytest.approx([0.0, 0.0])


def test_boundaries_follow_the_observed_information():
    plan = design_group_sequential([0.5, 1])
    seen = update_boundaries(plan, [148 / 320])
    assert seen.information.tolist() == [0.4625, 1.0]
    assert seen.z[0] == pytest.approx(-ndtri(2 * ndtr(ndtri(0.0125) / math.sqrt(0.4625))))
    assert seen.cumulative_alpha[-1] == pytest.approx(0.025)
    last = update_boundaries(plan, [0.4625, 1.1], final=True)
    assert last.z[0] == pytest.approx(seen.z[0])
    assert last.information[0] == pytest.approx(0.4625 / 1.1)
    assert last.cumulative_alpha[-1] == pytest.approx(0.025)
    short = update_boundaries(plan, [0.4625, 0.9], final=True)
    assert short.cumulative_alpha[-1] == pytest.approx(0.025)


def test_looks_cost_patients_and_save_them():
    fixed = design_two_proportions(0.33, 0.27)
    plan = design_group_sequential([0.5, 0.75, 1], futility="hsd")
    trial = sequential_design(fixed, plan)
    assert trial.n_total == pytest.approx(fixed.n_total * plan.inflation(0.9))
    assert trial.power == pytest.approx(0.9)
    assert trial.expected_n(trial.effect) < fixed.n_total < trial.n_total
    assert trial.power_at(Effect(value=0.0, scale="risk_difference")) < 0.025
    assert trial.with_total(2 * trial.n_total).power > 0.99
    assert (trial.direction, trial.p_control, trial.horizon) == (-1, 0.33, None)


def test_the_look_table_speaks_of_deaths():
    fixed = design_two_proportions(0.33, 0.27)
    table = look_table(sequential_design(fixed, design_group_sequential([0.5, 1])))
    first = table.iloc[0]
    arm = first["n_cum"] / 2
    dead = first["events_control_at_bound"], first["events_treated_at_bound"]
    risks = dead[0] / arm, dead[1] / arm
    mean = sum(risks) / 2
    z = (risks[0] - risks[1]) / math.sqrt(2 * mean * (1 - mean) / arm)
    assert z == pytest.approx(first["z"])
    assert risks[0] == pytest.approx(0.33)
    assert first["effect_at_bound"] == pytest.approx(risks[1] / risks[0])
    assert first["cum_events_null"] == pytest.approx(0.33 * first["n_cum"])
    assert table["cumulative_power"].iloc[-1] == pytest.approx(0.9)
    assert table["cumulative_stop_null"].iloc[-1] == pytest.approx(1.0)
    assert table["futility_z"].isna().all()


def test_the_look_table_of_other_endpoints():
    plan = design_group_sequential([0.5, 1])
    hazards = look_table(sequential_design(design_log_rank(0.81, 0.33, horizon=28), plan)).iloc[0]
    assert hazards["scale_at_bound"] == "hazard_ratio"
    assert math.log(hazards["effect_at_bound"]) == pytest.approx(
        -2 * hazards["z"] / math.sqrt(hazards["cum_events_planned"])
    )
    ranks = look_table(sequential_design(design_rank_sum(0.55), plan))
    assert ranks["effect_at_bound"].isna().all()
    assert ranks["cum_events_null"].isna().all()


def test_a_bound_that_no_result_reaches_has_no_deaths():
    effect = Effect(value=0.5, scale="risk_ratio")
    fixed = design_binary(0.05, effect, power=0.5).with_total(60)
    table = look_table(sequential_design(fixed, design_group_sequential([0.1, 1])))
    assert math.isnan(table["effect_at_bound"].iloc[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"information": [0.5, 0.4, 1]}, r"information=\[0.5, 0.4, 1\] does not increase to 1"),
        ({"information": [0.5, 0.9]}, "does not increase to 1"),
        ({"information": [0, 1]}, "does not increase to 1"),
        ({"information": [0.5, 1, 1.2]}, "does not increase to 1"),
        ({"information": [0.5, math.nan, 1]}, "does not increase to 1"),
        ({"information": [0.5, 0.5001, 1]}, "looks closer than 0.001"),
        ({"information": []}, "not a list of fractions"),
        ({"information": 5}, "not a list of fractions"),
        ({"information": "half"}, "not a list of fractions"),
        ({"information": [0.5, 1], "spending": "obrien"}, "spending='obrien' is none of.*did you mean"),
        ({"information": [0.5, 1], "sides": 3}, "sides=3"),
        ({"information": [0.5, 1], "alpha": 0.6}, "alpha=0.6"),
        ({"information": [0.5, 1], "parameter": 2}, "parameter=2 has no meaning for ld_obrien_fleming"),
        ({"information": [0.5, 1], "spending": "pocock", "parameter": 2}, "no meaning for pocock"),
        ({"information": [0.5, 1], "spending": "wang_tsiatis", "parameter": 3}, "wang_tsiatis=3"),
        ({"information": [0.5, 1], "spending": "kim_demets", "parameter": -1}, "kim_demets=-1"),
        ({"information": [0.5, 1], "spending": (0.01, 0.02)}, "ends at 0.02, not at alpha=0.025"),
        ({"information": [0.5, 1], "spending": (0.025,)}, "not the cumulative error at 2 looks"),
        ({"information": [0.5, 1], "spending": (0.025, 0.025)}, "rise at the last look"),
        (
            {"information": FIVE, "spending": "haybittle_peto", "parameter": 2},
            "spends .* before the last look",
        ),
        (
            {"information": [0.5, 1], "sides": 2, "futility": Futility(binding=True)},
            "sides=1 with alpha=0.0125",
        ),
        ({"information": [0.5, 1], "futility": Futility(z=(0, 1))}, "2 bounds for 2 looks"),
        ({"information": [0.5, 1], "futility": Futility(z=(4,))}, "reaches the efficacy bound"),
        ({"information": [0.5, 1], "futility": Futility(power=1.5)}, "power of futility=1.5"),
        (
            {"information": [0.5, 1], "spending": "pocock", "futility": Futility(binding=True)},
            "no look-by-look solution",
        ),
        (
            {
                "information": [0.5, 1],
                "spending": (0, 0.025),
                "futility": Futility(z=(3.0,), binding=True),
            },
            "leaves less than 0.025 of the trials .* at look 2",
        ),
        (
            {
                "information": [0.5, 1],
                "spending": "obrien_fleming",
                "futility": Futility(z=(2.5,), binding=True),
            },
            r"futility z=\[2.5\] reaches the efficacy bound",
        ),
        ({"information": [0.5, 1], "spending_time": [1.0]}, "1 entries for 2 looks"),
        ({"information": [0.5, 1], "fineness": 0}, "fineness=0"),
    ],
)
def test_refusals_of_boundaries(arguments: dict, words: str):
    with pytest.raises(UsageError, match=words):
        design_group_sequential(**arguments)


def test_refusals_of_updates_and_combinations():
    with pytest.raises(UsageError, match="spending='pocock' fixes the bounds at the planned looks"):
        update_boundaries(design_group_sequential([0.5, 1], spending="pocock"), [0.4])
    with pytest.raises(UsageError, match=r"observed=.* is not a list of fractions"):
        update_boundaries(design_group_sequential([0.5, 1]), [])
    with pytest.raises(UsageError, match="leaves no look"):
        update_boundaries(design_group_sequential([0.5, 1]), [0.5, 1.0])
    with pytest.raises(UsageError, match=r"one-sided type I error of 0.025, boundaries have 0.05"):
        sequential_design(design_two_proportions(0.3, 0.2), design_group_sequential([0.5, 1], alpha=0.05))


@pytest.mark.parametrize("spending", ["ld_obrien_fleming", "ld_pocock", "hsd", "kim_demets"])
@pytest.mark.parametrize(
    ("observed", "final", "unplanned"),
    [
        ([0.3], False, [1]),
        ([0.45, 0.6], False, [2]),
        ([0.3, 0.5, 0.6, 0.9], False, [1, 3, 4]),
        ([0.2, 0.4, 0.6, 0.8, 1.0], True, [1, 3]),
        ([0.45, 1.3], True, []),
        ([0.45, 0.7], True, []),
        ([0.62], True, []),
    ],
)
@pytest.mark.parametrize("sides", [1, 2])
def test_unplanned_looks_and_running_over_or_under_spend_alpha_exactly(
    spending, observed, final, unplanned, sides
):
    plan = design_group_sequential([0.5, 1], alpha=0.05, sides=sides, spending=spending)
    seen = update_boundaries(plan, observed, final=final, unplanned=unplanned)
    held = len(observed)
    ahead = [] if final else [t for t in plan.information[held - len(unplanned) :] if t > observed[-1]]
    end = observed[-1] if final else 1.0
    np.testing.assert_allclose(seen.information * end, [*observed, *ahead])
    assert seen.cumulative_alpha[-1] == pytest.approx(0.05, abs=1e-10)
    null = seen.stopping_probabilities(0.0)
    assert null["efficacy"].sum() + null["harm"].sum() == pytest.approx(0.05, abs=1e-10)
    spent = sides * spent_by(spending, np.array(observed), 0.05 / sides)
    until = held - final
    np.testing.assert_allclose(seen.cumulative_alpha[:until], spent[:until], atol=1e-10)
    # What a later look adds leaves the bounds of the looks before it alone.
    if held > 1:
        before = update_boundaries(plan, observed[:-1], unplanned=[k for k in unplanned if k < held])
        np.testing.assert_allclose(seen.z[: held - 1], before.z[: held - 1])


@pytest.mark.parametrize("binding", [True, False])
@pytest.mark.parametrize("rule", [Futility(spending="hsd"), Futility(spending="ld_pocock", power=0.8)])
def test_futility_bounds_of_looks_that_were_held_stay(binding, rule):
    stop = replace(rule, binding=binding)
    plan = design_group_sequential([0.4, 0.7, 1], futility=stop)
    observed, unplanned = [0.35, 0.5, 0.72, 1.15], [2]
    bounds = []
    for held in range(1, 5):
        seen = update_boundaries(
            plan, observed[:held], final=held == 4, unplanned=[k for k in unplanned if k <= held]
        )
        np.testing.assert_allclose(seen.futility_z[: held - 1], bounds)
        bounds.append(seen.futility_z[held - 1])
        out = seen.exits(0.0, follow_futility=binding)
        assert out.upper.sum() == pytest.approx(0.025, abs=1e-10)
        drift = seen.drift(stop.power)
        assert seen.exits(drift).lower.sum() == pytest.approx(1.0 - stop.power, abs=1e-8)
    alone = design_group_sequential([0.4, 0.7, 1], futility=stop)
    assert bounds[0] != pytest.approx(alone.futility_z[0])


def test_stated_futility_bounds_stay_with_their_looks():
    plan = design_group_sequential([0.4, 0.7, 1], futility=Futility(z=(0.0, 0.5)))
    assert update_boundaries(plan, [0.45]).futility_z[:2].tolist() == [0.0, 0.5]
    extra = update_boundaries(plan, [0.45, 0.6], unplanned=[2])
    assert extra.futility_z[:3].tolist() == [0.0, -math.inf, 0.5]
    ended = update_boundaries(plan, [0.45, 0.6], unplanned=[2], final=True)
    assert ended.futility_z.tolist() == [0.0, ended.z[-1]]


def test_paths_without_drift_serve_every_drift():
    for rule in (None, Futility(), Futility(z=(0.0, -1.0))):
        plan = design_group_sequential([0.1, 0.7, 1], futility=rule)
        for drift in (-15.0, -3.0, 0.5, 3.0, 8.0, 15.0):
            direct = exits(plan.information, plan.lower(), plan.z, drift, fineness=2.0)
            np.testing.assert_allclose(plan.exits(drift).upper, direct.upper, atol=1e-12)
            np.testing.assert_allclose(plan.exits(drift).lower, direct.lower, atol=1e-12)
            assert plan.power(drift) == pytest.approx(direct.upper.sum(), abs=1e-11)


def test_updates_that_make_no_sense_are_refused():
    plan = design_group_sequential([0.5, 1])
    with pytest.raises(UsageError, match=r"unplanned=\[3\] names no look"):
        update_boundaries(plan, [0.5], unplanned=[3])
    with pytest.raises(UsageError, match="reaches the planned maximum before its last look"):
        update_boundaries(plan, [0.5, 1.1, 1.2], final=True)


def test_two_sided_futility_spends_beta_where_z_is_small():
    times = [0.3, 0.6, 1.0]
    free = design_group_sequential(times, alpha=0.05, sides=2)
    rule = Futility(spending="hsd", parameter=-2, power=0.9)
    wedge = design_group_sequential(times, alpha=0.05, sides=2, futility=rule)
    np.testing.assert_array_equal(wedge.z, free.z)
    drift = wedge.drift(0.9)
    assert drift > free.drift(0.9)
    spent = 0.1 * np.expm1(2 * np.array(times)) / math.expm1(2)
    found = wedge.stopping_probabilities(drift)
    np.testing.assert_allclose(np.cumsum(found["futility"] + found["harm"]), spent, atol=2e-5)
    # Independent increments, drawn and followed one look after the other.
    rng, steps = np.random.default_rng(5), np.diff(times, prepend=0.0)
    for truth in (0.0, drift):
        z = np.cumsum(rng.normal(truth * steps, np.sqrt(steps), (400_000, 3)), axis=1) / np.sqrt(times)
        stops = (np.abs(z) >= wedge.z) | (np.abs(z) <= wedge.futility_z)
        at = stops.argmax(axis=1)
        inside = np.abs(z[np.arange(len(z)), at]) < wedge.z[at]
        share = [np.mean((at == look) & inside) for look in range(3)]
        np.testing.assert_allclose(wedge.stopping_probabilities(truth)["futility"], share, atol=2.5e-3)
    # One side counts the few far below as well, P(Z < −0.97) = 2e-4 at a density of 0.1.
    late = Futility(spending=(0.0, 0.05, 0.1))
    one, two = (design_group_sequential(times, alpha=0.025 * k, sides=k, futility=late) for k in (1, 2))
    assert 1e-3 < two.futility_z[1] - one.futility_z[1] < 3e-3
    stated = design_group_sequential(times, alpha=0.05, sides=2, futility=Futility(z=(-np.inf, 0.8)))
    assert stated.stopping_probabilities(0.0)["futility"].tolist()[0] == 0.0
    ends = stated.exits(0.0)
    assert ends.inside[1] == pytest.approx(2 * ndtr(0.8) - 1, abs=2e-4)
    assert conditional_power(wedge, 0.9, 0.3, drift=drift, looks="all") < conditional_power(
        free, 0.9, 0.3, drift=drift, looks="all"
    )
