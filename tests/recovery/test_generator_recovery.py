"""The generator against what theory says of it, in large populations; tolerances in Monte Carlo errors."""

import numpy as np
import pytest
import statsmodels.api as sm

from simsepsis.studies.jseptic_ivigg.world.calibration.population import (
    draw_population,
    treated_population,
    untreated_course,
)
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import load_targets
from simsepsis.studies.jseptic_ivigg.world.calibration.tilt import TiltStart
from simsepsis.studies.jseptic_ivigg.world.resolve import resolve
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.contrast import Risks, log_odds_ratio
from simsepsis.world.files import load_scenario

THESIS = load_scenario("thesis")
SIGMA, INTERCEPT, EFFECT = 1.0, -1.0, np.log(2.0)
QUADRATURE = 0.57803
"""Marginal log odds ratio of a logit-normal world with these three numbers, by Gauss-Hermite quadrature."""


def unconfounded(u):
    """Return a scenario in which u is the only thing that patients with and without IVIgG differ in."""
    t = THESIS.treatment
    numbers = {name: [0.0] * len(value) for name, value in t.numbers.items()}
    roster = THESIS.icus.roster.model_copy(update={"ivigg": [0.0] * len(THESIS.icus.roster.size)})
    icus = THESIS.icus.model_copy(update={"roster": roster})
    scenario = THESIS.model_copy(update={"icus": icus, "unmeasured": u})
    off = {"numbers": numbers, "levels": {}, "care": 0.0, "severity": 0.0, "decay": 0.0}
    return scenario, t.model_copy(update=off)


def test_a_fit_with_the_true_terms_returns_the_coefficients():
    population = draw_population(THESIS, load_targets(), seed=21)
    _, exits = untreated_course(population, THESIS)
    treated = treated_population(population, THESIS, exits, TiltStart())
    X, outside = population.tilt.X, treated.log_hazard - population.tilt.X @ _beta(population, treated)
    y = np.random.default_rng(3).random(X.shape[0]) < treated.probability
    offset = np.log(treated.exposed[:, -1]) + outside
    link = sm.families.Binomial(link=sm.families.links.CLogLog())
    fit = sm.GLM(y.astype(float), X, family=link, offset=offset).fit()
    gap = fit.params - _beta(population, treated)
    statistic = gap @ np.linalg.solve(fit.cov_params(), gap)
    # Chi-square with p degrees of freedom: mean p, SD √(2p).
    assert abs(statistic - X.shape[1]) < 3 * np.sqrt(2 * X.shape[1])


def _beta(population, treated):
    start = TiltStart()
    treated_population(population, THESIS, treated.exits, start)
    return start.required()


def test_the_crude_risk_ratio_under_one_confounder_is_its_bias_factor():
    u = THESIS.unmeasured.model_copy(update={"kind": "binary", "prevalence": 0.3, "hr_death": 2.5})
    scenario, silent = unconfounded(u)
    coefficient = silent.model_copy(
        update={"numbers": {"u": [0.8]}, "intercept": -1.6, "solved_for": "as given"}
    )
    world = scenario.model_copy(update={"treatment": coefficient})
    cohort = _as_given(world, n=400_000)
    treated = cohort.registry["ivigg"].to_numpy() == 1
    died, u1 = cohort.registry["hospital_death"].to_numpy() == 1, cohort.oracle.unmeasured == 1
    crude = died[treated].mean() / died[~treated].mean()
    # Immortal time selects who can be treated, so the strata's own risk ratio is the reference, not 1.
    risks = {(t, v): died[(treated == t) & (u1 == v)].mean() for t in (True, False) for v in (True, False)}
    share = {t: u1[treated == t].mean() for t in (True, False)}
    gamma = risks[False, True] / risks[False, False]
    factor = (gamma * share[True] + 1 - share[True]) / (gamma * share[False] + 1 - share[False])
    within = (risks[True, True] * share[True] + risks[True, False] * (1 - share[True])) / (
        risks[False, True] * share[True] + risks[False, False] * (1 - share[True])
    )
    error = np.sqrt(sum((1 - died[a].mean()) / (died[a].mean() * a.sum()) for a in (treated, ~treated)))
    assert abs(np.log(crude) - np.log(factor * within)) < 3 * error
    assert factor > 1.05


def _as_given(world, n):
    """Generate without solving the treatment again."""
    from simsepsis.studies.jseptic_ivigg.world.calibration.tilt import treatment_mark

    marked = world.treatment.model_copy(update={"solved_for": treatment_mark(world)})
    return generate_cohort(world.model_copy(update={"treatment": marked}), seed=13, n=n)


def test_immortal_person_time_identity_is_exact_in_simulated_cohorts():
    cohort = generate_cohort(load_scenario("immortal"), seed=13, n=40_000)
    start = cohort.oracle.hours["ivigg"] / 24.0
    end = cohort.oracle.untreated.time["hospital_death"]
    treated, died = np.isfinite(start), cohort.oracle.untreated.event["hospital_death"]
    immortal, on = start[treated].sum(), (end[treated] - start[treated]).sum()
    never, deaths_on, deaths_off = end[~treated].sum(), died[treated].sum(), died[~treated].sum()
    true_ratio = (deaths_on / on) / (deaths_off / (immortal + never))
    misclassified = (deaths_on / (immortal + on)) / (deaths_off / never)
    k, p = immortal / on, never / on
    assert misclassified == pytest.approx(true_ratio / (1 + k) * p / (p + k), rel=1e-12)
    excluded = (deaths_on / on) / (deaths_off / never)
    assert excluded == pytest.approx(true_ratio * p / (p + k), rel=1e-12)
    # Nothing works here, and yet the naive comparison says that it does.
    assert misclassified < true_ratio


def test_non_collapsibility_of_a_logit_normal_world_equals_quadrature():
    rng = np.random.default_rng(5)
    n = 2_000_000
    linear = INTERCEPT + SIGMA * rng.standard_normal(n)
    uniform = rng.random(n)
    treated, untreated = (uniform < 1 / (1 + np.exp(-(linear + b))) for b in (EFFECT, 0.0))
    value, mcse = log_odds_ratio(Risks(treated=treated, untreated=untreated, weights=np.ones(n)))
    assert abs(value - QUADRATURE) < 3 * mcse
    assert value < EFFECT - 10 * mcse


@pytest.mark.slow
@pytest.mark.parametrize("name", ["thesis", "late-start", "unmeasured-moderate", "high-dose"])
def test_propensities_are_calibrated_in_tenths(name):
    oracle = generate_cohort(resolve(load_scenario(name)), seed=31, n=300_000).oracle
    p, treated = oracle.propensity, np.isfinite(oracle.hours["ivigg"])
    for tenth in np.array_split(np.argsort(p), 10):
        error = np.sqrt((p[tenth] * (1 - p[tenth])).sum()) / tenth.size
        assert abs(treated[tenth].mean() - p[tenth].mean()) < 4 * error
