"""Non-inferiority against published numbers, exact likelihoods and simulated trials."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.show.pages.trial.document import document_of
from simsepsis.trial import Effect, build_pool, design_noninferiority, simulate_trials
from simsepsis.trial.designs.noninferiority import farrington_manning, margin_of, restricted_risks
from simsepsis.trial.planning import Effort, compute_plan
from simsepsis.trial.simulation.from_protocol import planned_size, screen

SAME = {"risk_difference": 0.0, "risk_ratio": 1.0, "odds_ratio": 1.0}
MARGINS = {"risk_difference": 0.08, "risk_ratio": 1.3, "odds_ratio": 1.5}


def test_the_published_size():
    same = Effect(value=0.0, scale="risk_difference")
    assert design_noninferiority(0.3, same, 0.05, power=0.8).n_total == pytest.approx(2635.9, abs=0.05)


@pytest.mark.parametrize("scale", MARGINS)
def test_restricted_risks_are_the_likeliest_at_the_margin(scale):
    margin = Effect(value=MARGINS[scale], scale=scale)
    n0, d0, n1, d1 = 120.0, 37.0, 80.0, 31.0

    def against(p0):
        p1 = margin.treated_risk(p0)
        return -(d0 * np.log(p0) + (n0 - d0) * np.log1p(-p0) + d1 * np.log(p1) + (n1 - d1) * np.log1p(-p1))

    found = restricted_risks(*map(np.array, (n0, d0, n1, d1)), margin)
    best = minimize_scalar(against, bounds=(0.05, 0.7), method="bounded", options={"xatol": 1e-10}).x
    assert found[0] == pytest.approx(best, abs=1e-6)
    assert found[1] == pytest.approx(margin.treated_risk(best), abs=1e-6)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
@pytest.mark.parametrize("scale", MARGINS)
def test_power_and_level_are_those_of_20000_trials(scale, ratio):
    margin, trials = Effect(value=MARGINS[scale], scale=scale), 20_000
    design = design_noninferiority(
        0.3, Effect(value=SAME[scale], scale=scale), margin.value, power=0.8, ratio=ratio
    ).rounded()
    rng = np.random.default_rng(11)
    arms = round(design.n_control), round(design.n_treated)
    for treated, expected in ((0.3, design.power), (margin.treated_risk(0.3), 0.025)):
        dead = rng.binomial(arms[0], 0.3, trials), rng.binomial(arms[1], treated, trials)
        z = farrington_manning(*map(np.asarray, (arms[0], dead[0], arms[1], dead[1])), margin)
        mcse = np.sqrt(expected * (1 - expected) / trials)
        # Three MCSEs for each of twelve comparisons together: by Bonferroni 3.5.
        assert abs(np.mean(z >= design.level.z) - expected) < 3.5 * mcse


@pytest.mark.parametrize("analysis", ["unadjusted", "stratified", "adjusted"])
def test_a_plan_with_a_margin_is_simulated_with_it(protocol, analysis):
    told = protocol(
        {
            "effect": {"scale": "risk_difference", "value": 0.0, "margin": 0.08},
            "test": {"analysis": analysis, "strata": ["apache2 >= 29"], "power": 0.8, "alpha": 0.05},
        }
    )
    pool = build_pool(told)
    size = planned_size(told, screen(told, pool))
    total = size.n_randomized
    power = simulate_trials(told, replicates=800, jobs=1, n_total=total, pool=pool)
    level = simulate_trials(told, replicates=800, jobs=1, n_total=total, pool=pool, null=True)
    value, mcse = power.measure("rejection")
    gain = 0.06 if analysis == "adjusted" else 0.02 if analysis == "stratified" else 0.0
    assert size.power - 3 * mcse < value < size.power + gain + 3 * mcse
    assert abs(level.measure("rejection")[0] - 0.025) < 3 * np.sqrt(0.025 * 0.975 / 800)
    risks = level.truth[level.truth["measure"] == "risk"]["value"]
    assert risks.iloc[1] - risks.iloc[0] == pytest.approx(0.08, abs=1e-3)


def test_the_statement_is_that_of_non_inferiority(protocol):
    told = protocol({"effect": {"scale": "risk_ratio", "value": 1.0, "margin": 1.2}, "run.trials": 20})
    document = document_of(compute_plan(told, effort=Effort(jobs=1)), command="")
    text, ja = " ".join(document.statement), "".join(document.statement_ja)
    assert "This is a non-inferiority trial" in text
    assert "interval of the risk ratio excludes 1.2 to its disadvantage" in text
    assert "by the Farrington–Manning test" in text
    assert "with an effect as bad as the margin, the trial claimed non-inferiority in" in text
    assert "target difference" not in text
    assert "非劣性試験" in ja
    assert "1.2" in ja


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ({"scale": "risk_ratio", "value": 1.0, "margin": 0.05}, "asks for a benefit; give a margin above 1"),
        ({"scale": "risk_difference", "value": 0.0, "margin": -0.1}, "give a margin above 0"),
        ({"scale": "risk_difference", "value": 0.1, "margin": 0.1}, "is as bad as effect.margin = 0.1"),
        ({"scale": "hazard_ratio", "value": 1.0, "horizon": 28, "margin": 1.2}, "scale of a margin"),
        ({"scale": "risk_ratio", "value": 1.0, "margin": 1.2, "aim": "harm"}, "remove effect.aim"),
    ],
)
def test_margins_that_make_no_sense_are_refused(protocol, effect, words):
    with pytest.raises(ExperimentError, match=words):
        protocol({"effect": effect})


def test_a_true_effect_as_bad_as_the_margin_has_no_size():
    worse = Effect(value=0.06, scale="risk_difference")
    with pytest.raises(UsageError, match="as bad as the margin"):
        design_noninferiority(0.3, worse, 0.05)
    assert margin_of(worse, 0.05).value == 0.05
