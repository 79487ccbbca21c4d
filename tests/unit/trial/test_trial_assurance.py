from __future__ import annotations

import math

import numpy as np
import pytest

from simsepsis.errors import UsageError
from simsepsis.trial import (
    Effect,
    Prior,
    assurance,
    assurance_ceiling,
    assurance_of_information,
    bridge_prior,
    design_binary,
    design_for_assurance,
    design_group_sequential,
    design_log_rank,
    design_rank_sum,
    load_priors,
    mix_priors,
    prior_from_interval,
    sequential_design,
)
from simsepsis.trial.priors import Component

RR = Effect(value=0.81, scale="risk_ratio")
DESIGN = design_binary(0.33, RR)
PRIORS = load_priors()


def point(value: float) -> Prior:
    part = Component(weight=1.0, mean=math.log(value), sd=0.0, scale="risk_ratio")
    return Prior(name="point", components=(part,))


def test_a_sure_prior_gives_the_power():
    assert assurance(DESIGN, point(0.81)).value == pytest.approx(0.9)
    narrow = prior_from_interval(0.81, 0.8099, 0.8101, scale="risk_ratio")
    assert assurance(DESIGN, narrow).value == pytest.approx(0.9, abs=1e-5)
    assert assurance_ceiling(DESIGN, point(0.9)) == 1.0
    assert assurance_ceiling(DESIGN, point(1.1)) == 0.0


def test_a_huge_trial_reaches_the_ceiling():
    out = assurance(DESIGN.with_total(1e13), PRIORS["low_risk_of_bias"])
    assert out.value == pytest.approx(out.ceiling, abs=1e-5)
    assert out.ceiling == pytest.approx(0.421, abs=5e-4)


def test_two_meta_analyses_give_opposite_decisions():
    values = {name: assurance(DESIGN, prior).value for name, prior in PRIORS.items()}
    assert values["all_trials"] > 0.8
    assert values["low_risk_of_bias"] < 0.15


def test_the_integral_is_the_closed_form_where_there_is_one():
    """Noether's design has constant information for the distance from ½."""
    design = design_rank_sum(0.55)
    part = Component(weight=1.0, mean=0.04, sd=0.03, scale="probability_index")
    information = 12 * 0.25 * design.n_total
    found = assurance(design, Prior(name="index", components=(part,))).value
    assert found == pytest.approx(assurance_of_information(0.04, 0.03, information), abs=1e-8)


def test_a_prior_may_be_named():
    assert assurance(DESIGN, "all_trials") == assurance(DESIGN, PRIORS["all_trials"])
    with pytest.raises(UsageError, match=r"prior='all_trial' is none of .* did you mean 'all_trials'"):
        assurance(DESIGN, "all_trial")


def test_a_mixture_is_the_mean_of_its_parts():
    mixed = mix_priors([(0.3, PRIORS["all_trials"]), (0.7, PRIORS["low_risk_of_bias"])])
    parts = [assurance(DESIGN, PRIORS[name]) for name in ("all_trials", "low_risk_of_bias")]
    out = assurance(DESIGN, mixed)
    assert out.value == pytest.approx(0.3 * parts[0].value + 0.7 * parts[1].value)
    assert out.ceiling == pytest.approx(0.3 * parts[0].ceiling + 0.7 * parts[1].ceiling)


def test_harm_as_the_planned_side_turns_the_ceiling():
    harm = design_binary(0.33, Effect(value=1.2, scale="risk_ratio"))
    ceilings = assurance_ceiling(harm, PRIORS["all_trials"]), assurance_ceiling(DESIGN, PRIORS["all_trials"])
    assert sum(ceilings) == pytest.approx(1.0)


def test_looks_hardly_change_assurance():
    trial = sequential_design(DESIGN, design_group_sequential([0.5, 0.75, 1]))
    found = [assurance(plan, PRIORS["all_trials"]).value for plan in (DESIGN, trial)]
    assert found[0] == pytest.approx(found[1], abs=0.01)


def test_priors_reach_a_log_rank_design_through_the_control_risk():
    design = design_log_rank(RR, 0.33, horizon=28)
    assert assurance(design, point(0.81)).value == pytest.approx(0.9)
    assert 0.7 < assurance(design, PRIORS["all_trials"]).value < 0.9


def test_the_sample_size_for_an_assurance():
    design = design_for_assurance(DESIGN, PRIORS["all_trials"], 0.9)
    assert design.n_total > DESIGN.n_total
    assert assurance(design, PRIORS["all_trials"]).value == pytest.approx(0.9, abs=1e-7)
    small = design_for_assurance(DESIGN, PRIORS["all_trials"], 0.5)
    assert small.n_total < DESIGN.n_total


def test_prior_of_an_interval():
    part = prior_from_interval(0.81, 0.70, 0.93, scale="risk_ratio").components[0]
    assert part.mean == pytest.approx(math.log(0.81))
    assert part.sd == pytest.approx((math.log(0.93) - math.log(0.70)) / 3.919928, rel=1e-6)
    difference = prior_from_interval(-0.05, -0.09, -0.01, scale="risk_difference").components[0]
    assert (difference.mean, difference.sd) == pytest.approx((-0.05, 0.08 / 3.919928))


def test_probability_of_an_effect_that_matters():
    prior = PRIORS["all_trials"]
    at_least = [
        prior.probability_beyond(Effect(value=ratio, scale="risk_ratio")) for ratio in (0.99, 0.9, 0.81)
    ]
    assert at_least[2] == pytest.approx(0.5)
    assert at_least[0] > at_least[1] > at_least[2]
    harm = prior.probability_beyond(Effect(value=1.1, scale="risk_ratio"))
    assert harm < 1e-4


def test_the_bridge_corrects_and_mixes():
    weights = {"cohort": 0.4, "all_trials": 0.25, "low_risk_of_bias": 0.35}
    prior = bridge_prior(math.log(0.957), 0.14, -0.05, 0.03, scale="odds_ratio", weights=weights, bias_sd=0.1)
    cohort = prior.components[0]
    assert cohort.mean == pytest.approx(math.log(0.957) + 0.05)
    assert cohort.sd == pytest.approx(math.sqrt(0.14**2 + 0.03**2 + 0.1**2))
    assert [part.weight for part in prior.components] == [0.4, 0.25, 0.35]
    assert {part.scale for part in prior.components} == {"odds_ratio", "risk_ratio"}
    out = assurance(DESIGN, prior)
    assert 0 < out.value < out.ceiling < 1


def test_scales_of_a_prior_do_not_matter_where_they_agree():
    """The same belief on two scales: quantiles carried over at the control risk give the same assurance."""
    odds = prior_from_interval(0.8, 0.799, 0.801, scale="odds_ratio")
    risk = Effect(value=0.8, scale="odds_ratio").on("risk_ratio", 0.33).value
    assert assurance(DESIGN, odds).value == pytest.approx(assurance(DESIGN, point(risk)).value, abs=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: design_for_assurance(DESIGN, PRIORS["low_risk_of_bias"], 0.8),
            "target=0.8 is above the assurance ceiling 0.421 of prior 'low_risk_of_bias'",
        ),
        (
            lambda: design_for_assurance(DESIGN, PRIORS["low_risk_of_bias"], 0.42099),
            "needs more than 1e\\+09 patients",
        ),
        (lambda: design_for_assurance(DESIGN, PRIORS["all_trials"], 0.02), "target=0.02"),
        (lambda: mix_priors([(0.5, PRIORS["all_trials"])]), "sum to 0.5"),
        (lambda: prior_from_interval(0.81, 0.9, 0.7, scale="risk_ratio"), "not between"),
        (lambda: prior_from_interval(0.81, 0.7, 0.93, scale="log_rr"), "scale='log_rr'"),
        (
            lambda: bridge_prior(0, 0.1, 0, 0.01, scale="odds_ratio", weights={"all_trials": 1.0}),
            "no 'cohort'",
        ),
        (
            lambda: bridge_prior(
                0, 0.1, 0, 0.01, scale="odds_ratio", weights={"cohort": 0.5, "cochrane": 0.5}
            ),
            "weights='cochrane' is none of",
        ),
        (
            lambda: bridge_prior(0, 0.1, 0, -0.01, scale="odds_ratio", weights={"cohort": 1.0}),
            "bias_mcse=-0.01",
        ),
        (
            lambda: PRIORS["all_trials"].probability_beyond(Effect(value=0.8, scale="odds_ratio")),
            "state an effect other than none on the same scale",
        ),
        (
            lambda: assurance(DESIGN, prior_from_interval(1.5, 0.3, 7.5, scale="risk_ratio")),
            "risks outside 0 and 1",
        ),
        (lambda: assurance(design_rank_sum(0.55), PRIORS["all_trials"]), "effect is a risk_ratio"),
    ],
)
def test_refusals_of_assurance(make, words: str):
    with pytest.raises(UsageError, match=words):
        make()


def test_assurance_is_above_power_only_below_one_half():
    """Constant information: averaging pulls towards one half."""
    for information in np.linspace(5, 400, 12):
        power, expected = (assurance_of_information(0.25, sd, information) for sd in (0.0, 0.2))
        assert (expected > power) == (power < 0.5)
