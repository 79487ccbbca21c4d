"""Emulator, likelihood, posterior and checks on a simulator whose posterior is known in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from simsepsis.errors import ExperimentError
from simsepsis.experiment.inference.checks import NOTHING, best_fit, conflicts, coverage, influence
from simsepsis.experiment.inference.emulator import fit_surface, terms
from simsepsis.experiment.inference.evidence import Evidence, conclude, implausibility
from simsepsis.experiment.inference.findings import quantities_of
from simsepsis.experiment.inference.likelihood import (
    SCALES,
    Discrepant,
    log_student,
    plain_likelihood,
    posterior,
    prior_draws,
)
from simsepsis.experiment.inference.priors import Prior
from simsepsis.experiment.inference.worlds import candidates, next_worlds

LOADINGS = np.array([[1.0, 0.0], [2.0, 0.5], [0.5, 1.5], [0.0, 0.3], [0.2, 0.0]])
"""Results are normal around these times the two settings, whose priors are standard normal."""
COVARIANCE = 0.5 * np.eye(5) + 0.5
BLOCKS = ["a", "a", "b", "b", "c"]
OBSERVED = np.array([0.9, 1.6, -0.4, 0.3, 0.1])
NAMES = ("first", "second")


def linear(
    worlds: int, replicates: int, *, seed: int = 1, bend: float = 0.0, anew: np.ndarray | None = None
) -> Evidence:
    rng = np.random.default_rng(seed)
    deviates = candidates(2, seed)[:worlds]
    means = deviates @ LOADINGS.T + bend * (deviates**2).sum(axis=1, keepdims=True)
    if anew is not None:
        means = means + rng.standard_normal((worlds, 1)) * anew
    noise = rng.multivariate_normal(np.zeros(5), COVARIANCE, size=(worlds, replicates))
    return Evidence(
        working=lambda normal: normal,
        deviates=deviates,
        draws=means[:, None] + noise,
        observed=OBSERVED,
        rounding=np.zeros(5),
        blocks=BLOCKS,
        truths=np.empty((worlds, 0)),
        from_prior=np.ones(worlds, dtype=bool),
    )


def exact(
    observed: np.ndarray = OBSERVED, kept: slice = slice(None), within: np.ndarray = COVARIANCE
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of the posterior of the two settings."""
    loadings, inverse = LOADINGS[kept], np.linalg.inv(within[kept, kept])
    covariance = np.linalg.inv(np.eye(2) + loadings.T @ inverse @ loadings)
    return covariance @ loadings.T @ inverse @ observed[kept], covariance


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return linear(200, 40)


def test_the_posterior_in_closed_form_is_recovered(evidence: Evidence) -> None:
    found = conclude(evidence).plain
    mean, covariance = exact()
    sd = np.sqrt(np.diagonal(covariance))
    # The surface rests on 8,000 replicates: its error is a hundredth of the sampling error of one.
    assert_allclose(found.mean(found.points), mean, atol=0.1 * sd.min())
    assert_allclose(found.sd(found.points), sd, rtol=0.06)
    assert found.effective > 1_000


def test_the_evidence_is_that_of_print_over_the_prior(evidence: Evidence) -> None:
    whole = scipy.stats.multivariate_normal(np.zeros(5), COVARIANCE + LOADINGS @ LOADINGS.T)
    assert conclude(evidence).plain.log_evidence == pytest.approx(whole.logpdf(OBSERVED), abs=0.15)


def test_what_is_drawn_anew_in_every_world_widens_the_posterior_as_in_closed_form() -> None:
    anew = np.array([1.0, 1.5, 0.5, 0.0, 0.0])
    found = conclude(linear(600, 24, anew=anew)).plain
    mean, covariance = exact(within=COVARIANCE + np.outer(anew, anew))
    sd = np.sqrt(np.diagonal(covariance))
    assert sd[0] > 1.2 * np.sqrt(exact()[1][0, 0])
    # The surface rests on 600 worlds, each a new draw.
    assert_allclose(found.mean(found.points), mean, atol=0.15 * sd.min())
    assert_allclose(found.sd(found.points), sd, rtol=0.08)


def test_print_far_from_the_prior_is_found_too() -> None:
    observed = LOADINGS @ np.array([2.8, -2.5])
    found = conclude(replace(linear(200, 40), observed=observed)).plain
    mean, covariance = exact(observed)
    assert_allclose(found.mean(found.points), mean, atol=0.35 * np.sqrt(np.diagonal(covariance)).min())
    assert found.effective > 300


def test_a_discrepancy_widens_and_says_which_block_is_off() -> None:
    shifted = OBSERVED + np.array([0.0, 0.0, 0.0, 0.0, 6.0])
    found = conclude(replace(linear(200, 40), observed=shifted))
    assert found.off["c"] > 2.0 > max(found.off["a"], found.off["b"])
    assert (found.loose.sd(found.loose.points) > found.plain.sd(found.plain.points)).all()
    # One result of its own block that is far off hardly moves what the others say.
    mean, _ = exact(OBSERVED, slice(0, 4))
    near, far = (np.abs(one.mean(one.points) - mean).max() for one in (found.loose, found.plain))
    assert near < 0.5 * far


def test_without_discrepancy_both_likelihoods_agree(evidence: Evidence, monkeypatch) -> None:
    emulator = evidence.emulator()
    monkeypatch.setattr(Discrepant, "scales", lambda self: np.zeros((SCALES, 3)))
    for point in prior_draws(2, evidence.working).points[:20, None]:
        _, errors = emulator.predict(point)
        loose = Discrepant(emulator=emulator, observed=OBSERVED, blocks=BLOCKS, error=errors[0])
        assert_allclose(loose(point), plain_likelihood(emulator, OBSERVED)(point), rtol=1e-9)


def test_the_density_is_the_multivariate_t_of_known_packages() -> None:
    """The density of scipy.stats.multivariate_t with the same shape and degrees of freedom."""
    known = scipy.stats.multivariate_t(loc=np.zeros(5), shape=COVARIANCE, df=7)
    distance = OBSERVED @ np.linalg.solve(COVARIANCE, OBSERVED)
    root = 0.5 * np.linalg.slogdet(COVARIANCE)[1]
    assert log_student(distance, root, 5, 7.0) == pytest.approx(known.logpdf(OBSERVED))


@pytest.mark.parametrize("replicates", [4, 24])
def test_intervals_hold_the_truth_as_often_as_they_say(replicates: int) -> None:
    found = coverage(linear(160, replicates, seed=3), NAMES, quantities_of, seed=5)
    assert set(found["n"]) == {160}
    assert ((found["covered"] - found["level"]).abs() <= 3.0 * found["mcse"]).all(), found


def test_coverage_finds_a_likelihood_that_is_too_sure(monkeypatch) -> None:
    """Without the emulator's error and with half the standard deviation, intervals hold too little."""
    real = plain_likelihood
    monkeypatch.setattr(
        "simsepsis.experiment.inference.checks.plain_likelihood",
        lambda emulator, observed: lambda points: 4.0 * real(emulator, observed)(points),
    )
    found = coverage(linear(160, 24, seed=3), NAMES, quantities_of, seed=5)
    assert (found["covered"] < found["level"] - 3.0 * found["mcse"]).sum() >= 3


def test_dropping_a_block_gives_the_posterior_of_the_others(evidence: Evidence) -> None:
    found = influence(evidence, conclude(evidence), NAMES, quantities_of).set_index(["dropped", "key"])
    assert list(dict.fromkeys(name for name, _ in found.index)) == [NOTHING, "a", "b", "c"]
    mean, covariance = exact(kept=slice(2, None))
    for place, name in enumerate(NAMES):
        row = found.loc["a", name]
        assert row["mean"] == pytest.approx(mean[place], abs=0.12)
        assert row["sd"] == pytest.approx(np.sqrt(covariance[place, place]), rel=0.08)
        assert row["sd"] > found.loc[(NOTHING, name), "sd"]


def test_p_of_the_nearest_world_is_calibrated_and_small_where_none_fits(evidence: Evidence) -> None:
    used = evidence.used()
    rng = np.random.default_rng(7)
    ps = []
    for _ in range(60):
        world = rng.standard_normal(2) @ LOADINGS.T
        observed = rng.multivariate_normal(world, COVARIANCE)
        ps.append(best_fit(replace(evidence, observed=observed), used).p)
    assert scipy.stats.kstest(ps, "uniform").pvalue > 0.01
    near = best_fit(evidence, used)
    assert near.replicates.size == evidence.draws.shape[0] * evidence.draws.shape[1]
    # P counts replicates as far as print, each fold with its own covariance.
    assert near.p == pytest.approx((near.replicates >= near.mean_z2).mean(), abs=0.02)
    off = replace(evidence, observed=OBSERVED + np.array([0, 0, 0, 0, 8.0]))
    assert best_fit(off, used).p < 0.01


def test_two_results_that_no_world_gives_together_are_named(evidence: Evidence) -> None:
    torn = replace(evidence, observed=np.array([-3.0, 6.0, 0.0, 0.0, 0.0]))
    found = conflicts(torn, torn.used(), [0, 1, 3], ["one", "two", "three"])
    assert tuple(found.loc[0, ["one", "other"]]) == ("one", "two")
    assert found.loc[0, "p_all"] < 0.001 < found.loc[1, "p_all"]


def test_only_worlds_near_print_stay_plausible(evidence: Evidence) -> None:
    points = candidates(2, 9)[:4_000]
    near = implausibility(evidence, points) <= 3.0
    mean, covariance = exact()
    root = np.linalg.cholesky(np.linalg.inv(covariance - 0.0))
    far = np.linalg.norm((points - mean) @ root, axis=1)
    assert near[far < 1.0].mean() > 0.95
    assert near[far > 8.0].sum() == 0
    assert 0.05 < near.mean() < 0.9


def test_the_next_wave_is_plausible_first_and_nearest_where_too_few_are() -> None:
    away = np.array([1.0, 5.0, 4.0, 2.0, 9.0])
    assert next_worlds(away <= 3.0, away, {0}, 3) == [3, 2, 1]


def test_a_surface_finds_a_quadratic_and_its_leave_one_out_errors_are_those_of_refits() -> None:
    rng = np.random.default_rng(11)
    points = rng.standard_normal((60, 3))
    values = terms(points) @ rng.standard_normal((10, 2)) + 0.1 * rng.standard_normal((60, 2))
    found = fit_surface(points, values)
    assert (found.r2 > 0.99).all()
    apart = [
        values[place]
        - fit_surface(*(np.delete(one, place, axis=0) for one in (points, values))).at(points[[place]])[0]
        for place in range(60)
    ]
    around = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    assert_allclose(found.r2, 1.0 - (np.array(apart) ** 2).sum(axis=0) / around, atol=1e-3)


def test_a_bent_response_is_emulated() -> None:
    bent = linear(150, 20, bend=0.4)
    assert bent.emulator().r2 > 0.9


def test_results_that_never_vary_are_left_out_and_all_of_them_refused(evidence: Evidence) -> None:
    draws = evidence.draws.copy()
    draws[:, :, 4] = 1.0
    assert list(replace(evidence, draws=draws).used()) == [True, True, True, True, False]
    draws[:] = 1.0
    with pytest.raises(ExperimentError, match="no printed result varies"):
        replace(evidence, draws=draws).emulator()


def test_gaps_of_an_analysis_count_as_their_world_s_mean(evidence: Evidence) -> None:
    draws = evidence.draws.copy()
    draws[::7, 0, 2] = np.nan
    found = conclude(replace(evidence, draws=draws)).plain
    whole = conclude(evidence).plain
    assert_allclose(found.mean(found.points), whole.mean(whole.points), atol=0.05)


def test_a_posterior_without_information_is_the_prior() -> None:
    found = posterior(lambda points: np.zeros(len(points)), 2, lambda normal: normal)
    assert_allclose(found.sd(found.points), 1.0, atol=0.01)
    assert found.log_evidence == pytest.approx(0.0, abs=1e-9)


def test_worlds_like_those_that_cannot_be_made_weigh_less(evidence: Evidence) -> None:
    lost = candidates(2, 1)[200:400]
    kept, lost = evidence.deviates[:, 0] < 0.0, lost[lost[:, 0] > 0.0]
    half = replace(evidence.of(kept), lost=lost)
    points = np.array([[-1.5, 0.0], [1.5, 0.0]])
    made, not_made = np.exp(half.among_made(lambda points: np.zeros(len(points)))(points))
    assert made > 0.9
    assert not_made < 0.1
    found, free = conclude(half).plain, conclude(evidence.of(kept)).plain
    assert found.mean(found.points)[0] < free.mean(free.points)[0] - 0.02


def test_truths_scatter_around_their_surface_by_as_much_as_it_misses_them(evidence: Evidence) -> None:
    rng = np.random.default_rng(2)
    truths = evidence.deviates[:, :1] + 0.5 * rng.standard_normal((200, 1))
    points = prior_draws(2, evidence.working).points
    found = replace(evidence, truths=truths).truths_at(points)
    assert (found[:, 0] - points[:, 0]).std() == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("shape", ["uniform", "loguniform", "normal", "lognormal"])
def test_priors_have_their_quantiles(shape: str) -> None:
    first, second = 0.5, 2.0
    known = {
        "uniform": scipy.stats.uniform(first, second - first),
        "loguniform": scipy.stats.loguniform(first, second),
        "normal": scipy.stats.norm(first, second),
        "lognormal": scipy.stats.lognorm(second, scale=first),
    }[shape]
    levels = np.array([0.01, 0.2, 0.5, 0.9])
    prior = Prior.model_validate({shape: [first, second]})
    assert_allclose(prior.values(scipy.stats.norm.ppf(levels)), known.ppf(levels))
    working = prior.working(scipy.stats.norm.ppf((np.arange(10_000) + 0.5) / 10_000))
    assert (working.mean(), working.std()) == pytest.approx((0.0, 1.0), abs=1e-3)
