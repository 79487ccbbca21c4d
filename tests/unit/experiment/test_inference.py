"""Synthetic likelihoods, posteriors and profiles, on worlds whose likelihood is known in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from simsepsis.errors import ExperimentError
from simsepsis.experiment.inference import (
    PRIORS,
    Inference,
    adequacy,
    inference_table,
    inference_words,
    printed_vector,
    replicate_vectors,
    synthetic_likelihood,
)
from simsepsis.experiment.inference.infer import axes_table
from simsepsis.experiment.inference.posterior import levels_of, posterior, profile
from simsepsis.experiment.inference.synthetic import choose_shrinkage, log_density
from simsepsis.show.plots.experiment.likelihood import likelihood_figure
from simsepsis.studies.jseptic_ivigg.results import RESULTS
from simsepsis.study.published import open_study

EFFECTS = (-0.5, 0.0, 0.5)
SHIFTS = (0.0, 0.25)
COVARIANCE = np.array([[1.0, 0.6, 0.2], [0.6, 2.0, 0.1], [0.2, 0.1, 0.5]])
LOADING = np.array([1.0, 2.0, 0.5])
"""World (effect, shift): three results, normal around (effect + shift)·loading: only the sum is seen."""

SETTINGS = [{"scenario": f"effect={e}, shift={s}", "effect": e, "shift": s} for e in EFFECTS for s in SHIFTS]
OBSERVED = np.array([0.3, 0.2, 0.1])


def drawn(n: int, seed: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        rng.multivariate_normal((world["effect"] + world["shift"]) * LOADING, COVARIANCE, size=n)
        for world in SETTINGS
    ]


def exact() -> np.ndarray:
    return np.array(
        [
            scipy.stats.multivariate_normal.logpdf(
                OBSERVED, (world["effect"] + world["shift"]) * LOADING, COVARIANCE
            )
            for world in SETTINGS
        ]
    )


def test_the_closed_form_lies_within_monte_carlo_error() -> None:
    found = synthetic_likelihood(drawn(2_000), OBSERVED, rng=np.random.default_rng(2))
    assert (np.abs(found.value - exact()) < 4 * found.mcse).all()
    assert (found.mcse < 0.15).all()


def test_the_bootstrap_error_is_the_spread_over_runs() -> None:
    runs = [
        synthetic_likelihood(drawn(120, seed), OBSERVED, rng=np.random.default_rng(seed), shrinkage=0.5)
        for seed in range(100)
    ]
    spread = np.std([run.value for run in runs], axis=0, ddof=1)
    claimed = np.mean([run.mcse for run in runs], axis=0)
    # the SD over 100 runs has a standard error of 7%
    assert_allclose(claimed / spread, 1.0, atol=0.3)


def test_equal_covariances_are_pooled_and_unequal_ones_are_not() -> None:
    assert choose_shrinkage(drawn(60)) >= 0.75
    rng = np.random.default_rng(3)
    unequal = [rng.normal(scale=scale, size=(400, 2)) for scale in (0.2, 1.0, 5.0)]
    assert choose_shrinkage(unequal) == 0.0


def test_ellipsoids_hold_what_they_should_of_normal_and_less_of_skewed_vectors() -> None:
    normal = adequacy(drawn(300), 1.0)
    assert (np.abs(normal.coverage - normal.levels) < 4 * np.maximum(normal.mcse, 0.008)).all()
    rng = np.random.default_rng(4)
    heavy = adequacy([rng.standard_t(2, size=(300, 3)) for _ in range(6)], 1.0)
    assert heavy.coverage[0] > 0.6
    assert heavy.coverage[0] > normal.coverage[0] + 4 * normal.mcse[0]


def test_far_vectors_are_farther_than_all_replicates() -> None:
    found = synthetic_likelihood(drawn(200), np.array([30.0, 0.0, 0.0]), rng=np.random.default_rng(1))
    assert (found.share_farther == 0).all()
    near = synthetic_likelihood(drawn(200), np.zeros(3), rng=np.random.default_rng(1))
    assert (
        near.share_farther[SETTINGS.index(next(w for w in SETTINGS if w["effect"] + w["shift"] == 0))] > 0.9
    )


def test_incomplete_replicates_are_left_out_and_few_refused() -> None:
    draws = drawn(100)
    holed = [one.copy() for one in draws]
    holed[0][:20, 1] = np.nan
    found = synthetic_likelihood(holed, OBSERVED, rng=np.random.default_rng(1))
    assert found.used[0] == 80
    assert found.used[1] == 100
    holed[0][:95, 1] = np.nan
    with pytest.raises(ExperimentError, match="has 5 replicates with all 3 results, fewer than 8"):
        synthetic_likelihood(holed, OBSERVED, rng=np.random.default_rng(1))


def test_density_is_scipys() -> None:
    value, distance = log_density(OBSERVED, np.zeros((1, 3)), COVARIANCE[None])
    assert_allclose(value, scipy.stats.multivariate_normal.logpdf(OBSERVED, np.zeros(3), COVARIANCE))
    assert_allclose(distance, OBSERVED @ np.linalg.solve(COVARIANCE, OBSERVED))


def test_posterior_is_bayes_and_an_axis_that_is_not_identified_keeps_its_prior() -> None:
    table = inference_table(
        SETTINGS, synthetic_likelihood(drawn(2_000), OBSERVED, rng=np.random.default_rng(2)), "toy"
    )
    weights = np.exp(exact())
    # two worlds share 0.25 + 0.0 = 0.25 + 0.0 only through their sum
    assert_allclose(table["posterior_flat"], weights / weights.sum(), atol=0.03)
    assert_allclose(table["posterior_flat"].sum(), 1.0)
    assert table["relative_likelihood"].max() == 1.0
    assert (table["relative_low"] <= table["relative_high"]).all()
    axes = axes_table(
        SETTINGS, synthetic_likelihood(drawn(2_000), OBSERVED, rng=np.random.default_rng(2)), "toy"
    )
    shift = axes[axes["key"] == "shift"]
    assert (np.abs(shift["posterior_flat"] - 0.5) < 0.2).all()
    assert axes.groupby("key")["profile"].max().eq(0.0).all()


def test_priors() -> None:
    settings = [
        {"effect.value": value, "unmeasured.or_treatment": odds}
        for value in (0.81, 1.0)
        for odds in (1.0, 3.0)
    ]
    flat, sceptical = (prior.of(settings) for prior in PRIORS)
    assert_allclose(flat, 0.0)
    # at the 95% limit the density is exp(-1.96²/2) of that at the centre
    fall = -0.5 * 1.959963984540054**2
    assert_allclose(sceptical, [fall, 2 * fall, 0.0, fall])


def test_levels_and_profile() -> None:
    values, member = levels_of(SETTINGS, "effect")
    assert values == EFFECTS
    assert_allclose(member.sum(axis=1), 2)
    log_likelihood = np.array([1.0, 2.0, 5.0, 4.0, 0.0, -1.0])
    assert_allclose(profile(log_likelihood, member), [2.0, 5.0, 0.0])
    assert_allclose(posterior(log_likelihood, np.zeros(6)).sum(), 1.0)


def test_the_printed_vector_is_on_log_scales() -> None:
    printed = dict(
        zip([result.name for result in RESULTS], printed_vector(open_study(), RESULTS), strict=True)
    )
    assert len(printed) == len(RESULTS) == 17
    assert_allclose(printed["matched_hospital_death"], np.log(1.223))
    assert_allclose(printed["cox_hospital_death"], np.log(0.941))
    assert_allclose(printed["gee_sofa_icu_death"], np.log(0.815))
    odds = (0.208 / 0.792) / (0.189 / 0.811)
    assert_allclose(printed["second_matched_icu_death"], np.log(odds))
    assert_allclose(scipy.stats.norm.sf(printed["breslow_day_apache2_icu_death"]), 0.095)


def test_replicate_vectors_follow_the_replicates_and_keep_gaps() -> None:
    rows = pd.DataFrame(
        [
            {
                "replicate": replicate,
                "method": result.method,
                "estimand": result.estimand,
                "estimate": replicate + place / 100,
                "p_value": 0.1 * (replicate + 1),
            }
            for place, result in enumerate(RESULTS)
            for replicate in (2, 0)
            if not (replicate == 2 and result.name == "gee_icu_death")
        ]
    )
    vectors = replicate_vectors(rows, RESULTS)
    assert vectors.shape == (2, 17)
    names = [result.name for result in RESULTS]
    assert vectors[0, names.index("cox_hospital_death")] == 0.0
    assert vectors[1, names.index("matched_icu_death")] == 2.01
    assert np.isnan(vectors[1, names.index("gee_icu_death")])
    column = names.index("breslow_day_apache2_icu_death")
    assert_allclose(scipy.stats.norm.sf(vectors[:, column]), [0.1, 0.3])
    with pytest.raises(ExperimentError, match="no rows of psm_cox"):
        replicate_vectors(rows[rows["method"] != "psm_cox"], RESULTS)


def test_the_figure_has_a_box_for_each_world_and_a_panel_for_each_timing() -> None:
    settings = [
        {
            "scenario": f"{value}, {odds}, {day}",
            "effect.value": value,
            "unmeasured.or_treatment": odds,
            "day": day,
        }
        for value in (0.8, 1.0)
        for odds in (1.0, 2.0, 3.0)
        for day in (0.0, 1.0)
    ]
    rng = np.random.default_rng(8)
    draws = [rng.normal(loc=world["effect.value"], size=(60, 2)) for world in settings]
    found = synthetic_likelihood(draws, np.array([0.9, 1.1]), rng=rng, samples=50)
    table = inference_table(settings, found, "all")
    plate = likelihood_figure(table, x="effect.value", y="unmeasured.or_treatment", note="n")
    assert len(plate.data) == len(settings)
    assert plate.data["value"].max() == 0.0
    assert len(plate.draw().axes) == 2
    boxes = sum(len(axes.texts) for axes in plate.draw().axes)
    assert boxes == 2 * len(settings)
    far = plate.data["value"] + 2 * plate.data["mcse"] < -1.92
    assert (plate.data["told_apart"] == far).all()


def test_the_answer_says_what_the_numbers_say() -> None:
    found = synthetic_likelihood(drawn(400), OBSERVED, rng=np.random.default_rng(2))
    inference = Inference(
        table=inference_table(SETTINGS, found, "all"),
        axes=axes_table(SETTINGS, found, "all"),
        adequacy={"all": adequacy(drawn(400), found.shrinkage)},
        shrinkage={"all": found.shrinkage},
    )
    first, fit, *rest = inference_words(inference)
    best = SETTINGS[int(np.argmax(found.value))]["scenario"]
    assert f"likeliest where {best};" in first
    assert "it fits" in fit
    assert any("shift: the results do not tell its values apart" in line for line in rest)
    assert "400 replicates" in rest[-1]
