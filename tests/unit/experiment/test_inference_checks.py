"""What stands beside a posterior: on worlds whose posterior is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from simsepsis.experiment.inference import Inference, Result, adequacy, inference_table, inference_words
from simsepsis.experiment.inference import synthetic_likelihood as likelihood_of
from simsepsis.experiment.inference.checks import (
    DISCREPANCIES,
    NOTHING,
    Checks,
    checks_of,
    held,
    likelihood_with_discrepancy,
)
from simsepsis.experiment.inference.infer import axes_table
from simsepsis.show.plots.experiment.likelihood import likelihood_figure

EFFECTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
SIDES = ("left", "right")
SETTINGS = [{"scenario": f"{e} {s}", "effect": e, "side": s} for e in EFFECTS for s in SIDES]
PARTS = ("crude", "crude", "adjusted", "test")
LOADING = np.array([1.0, 1.0, 0.8, 0.0])
COVARIANCE = np.array(
    [[0.25, 0.15, 0.1, 0.0], [0.15, 0.25, 0.1, 0.0], [0.1, 0.1, 0.3, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
"""Three results go with the effect, the last one with the side."""
RESULTS = tuple(
    Result(name=name, part=part, method="m", estimand="e", keys=())
    for name, part in zip(("odds", "hazard", "gee", "breslow"), PARTS, strict=True)
)


def mean_of(world: dict) -> np.ndarray:
    return world["effect"] * LOADING + np.array([0.0, 0.0, 0.0, 1.5 * (world["side"] == "right")])


def draws_of(n: int, seed: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.multivariate_normal(mean_of(world), COVARIANCE, size=n) for world in SETTINGS]


def checks(observed: np.ndarray, n: int = 300, seed: int = 1) -> Checks:
    return checks_of(
        SETTINGS, draws_of(n, seed), observed, RESULTS, shrinkage=1.0, rng=np.random.default_rng(seed)
    )


def test_sets_of_a_level_hold_the_truth_as_often():
    coverage = checks(np.zeros(4)).coverage
    assert set(coverage["key"]) == {"effect", "side"}
    assert set(coverage["level"]) == {0.5, 0.8, 0.95}
    assert ((coverage["covered"] - coverage["level"]).abs() <= 3 * coverage["mcse"]).all()


@pytest.mark.parametrize(
    ("truth", "level", "share"), [(0, 0.5, 0.5 / 0.6), (0, 0.8, 1.0), (1, 0.8, 0.2 / 0.3), (2, 0.8, 0.0)]
)
def test_the_last_value_belongs_to_a_set_with_the_probability_that_makes_its_level(truth, level, share):
    assert held(np.array([0.6, 0.3, 0.1]), truth, level) == pytest.approx(share)


def test_means_after_the_results_are_those_of_bayes():
    observed = np.array([0.45, 0.6, 0.3, 0.0])
    rows = checks(observed, n=4000).influence.set_index(["dropped", "key"])
    assert {key for _, key in rows.index} == {"effect"}  # a side is no number
    weights = np.exp(
        [scipy.stats.multivariate_normal.logpdf(observed, mean_of(world), COVARIANCE) for world in SETTINGS]
    )
    effects = np.array([world["effect"] for world in SETTINGS])
    whole = rows.loc[(NOTHING, "effect")]
    assert whole["mean"] == pytest.approx(weights @ effects / weights.sum(), abs=0.02)
    assert (whole["prior_mean"], whole["prior_sd"]) == pytest.approx((0.0, np.sqrt(0.5)))
    assert whole["sd"] < whole["sd_discrepancy"] < whole["prior_sd"]


def test_a_part_that_tells_nothing_of_a_number_can_be_dropped_and_the_rest_cannot():
    rows = checks(np.array([0.9, 0.9, 0.7, 0.0])).influence.set_index("dropped")
    assert rows.loc["test", "mean"] == pytest.approx(rows.loc[NOTHING, "mean"], abs=0.02)
    assert rows.loc["crude", "sd"] > 1.1 * rows.loc[NOTHING, "sd"]


def test_a_discrepancy_is_summed_over_its_prior():
    means, covariances = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([np.eye(2), np.eye(2)])
    observed, parts = np.array([2.0, 0.5]), ("one", "one")
    weights = np.exp(-0.5 * np.square(DISCREPANCIES)) * np.gradient(DISCREPANCIES)
    weights /= weights.sum()
    expected = [
        np.log(
            sum(
                weight * scipy.stats.multivariate_normal.pdf(observed, mean, (1 + scale**2) * np.eye(2))
                for weight, scale in zip(weights, DISCREPANCIES, strict=True)
            )
        )
        for mean in means
    ]
    assert likelihood_with_discrepancy(observed, means, covariances, parts) == pytest.approx(expected)


def test_two_results_that_pull_apart_are_named():
    found = checks(np.array([1.0, -1.0, 0.0, 0.0]))
    first = found.conflicts.iloc[0]
    assert {first["one"], first["other"]} == {"odds", "hazard"}
    assert first["distance"] == pytest.approx(2.0**2 / (2 * (0.25 - 0.15)), rel=0.2)
    assert first["p"] == pytest.approx(np.exp(-first["distance"] / 2))
    agreeing = checks(np.array([0.5, 0.5, 0.4, 0.0]))
    assert agreeing.conflicts["p"].min() > 0.2


def words(observed: np.ndarray) -> str:
    draws = draws_of(300)
    found = likelihood_of(draws, observed, rng=np.random.default_rng(2))
    inference = Inference(
        table=inference_table(SETTINGS, found, "all"),
        axes=axes_table([{"scenario": w["scenario"], "effect": w["effect"]} for w in SETTINGS], found, "all"),
        adequacy={"all": adequacy(draws, found.shrinkage)},
        shrinkage={"all": found.shrinkage},
        checks=checks(observed),
    )
    return " ".join(inference_words(inference))


def test_words_tell_prior_posterior_influence_and_coverage():
    said = words(np.array([0.5, 0.5, 0.4, 0.0]))
    assert "it fits" in said
    assert "The effect has mean 0 and standard deviation 0.71 before the results" in said
    assert "without the adjusted" in said
    assert "sets of 95% hold the truth in: effect" in said
    assert "(probabilities, " in said
    assert "cannot both come" not in said


def test_where_no_world_fits_no_probability_is_told():
    said = words(np.array([2.5, -2.5, 0.0, 0.0]))
    assert "weights among worlds that are all wrong" in said
    assert "(weights, " in said
    assert "(probabilities, " not in said
    assert "Odds and hazard cannot both come from any of these worlds" in said


def test_data_that_add_little_are_said_to():
    rng = np.random.default_rng(4)
    draws = [rng.normal(loc=0.1 * world["effect"], size=(300, 4)) for world in SETTINGS]
    found = likelihood_of(draws, np.zeros(4), rng=rng)
    effects = [{"scenario": world["scenario"], "effect": world["effect"]} for world in SETTINGS]
    inference = Inference(
        table=inference_table(effects, found, "all"),
        axes=axes_table(effects, found, "all"),
        adequacy={"all": adequacy(draws, found.shrinkage)},
        shrinkage={"all": found.shrinkage},
        checks=checks_of(effects, draws, np.zeros(4), RESULTS, shrinkage=1.0, rng=rng),
    )
    assert "the data add little to the prior" in " ".join(inference_words(inference))
    assert "add little" not in words(np.array([0.5, 0.5, 0.4, 0.0]))


def test_worlds_known_from_too_few_replicates_are_said_to_be():
    rng = np.random.default_rng(6)
    draws = [rng.multivariate_normal(mean_of(world), COVARIANCE, size=16) for world in SETTINGS]
    wide = [np.hstack([one, rng.standard_normal((16, 5))]) for one in draws]
    results = (*RESULTS, *RESULTS[:1] * 5)
    observed = np.zeros(9)
    found = checks_of(SETTINGS, wide, observed, results, shrinkage=0.0, rng=rng)
    assert (found.coverage["covered"] < found.coverage["level"]).any()
    effects = [{"scenario": world["scenario"], "effect": world["effect"]} for world in SETTINGS]
    likelihood = likelihood_of(draws_of(300), np.zeros(4), rng=rng)
    inference = Inference(
        table=inference_table(effects, likelihood, "all"),
        axes=axes_table(effects, likelihood, "all"),
        adequacy={"all": adequacy(draws_of(300), likelihood.shrinkage)},
        shrinkage={"all": likelihood.shrinkage},
        checks=found,
    )
    assert "too sure of itself" in " ".join(inference_words(inference))
    assert "too sure of itself" not in words(np.zeros(4))


def test_a_grid_of_two_axes_has_one_panel():
    found = likelihood_of(draws_of(300), np.zeros(4), rng=np.random.default_rng(2))
    settings = [{**world, "side": float(world["side"] == "right")} for world in SETTINGS]
    plate = likelihood_figure(inference_table(settings, found, "all"), x="effect", y="side", note="n")
    assert len(plate.draw().axes) == 1
    assert len(plate.data) == len(settings)
