from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
from numpy.testing import assert_allclose

from simsepsis.analysis.matching import caliper_width, match_pairs, match_weights
from simsepsis.errors import DataError, UsageError


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def sample(seed: int = 1, n: int = 600, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    generator = rng(seed)
    treated = generator.random(n) < share
    return generator.normal(0.5 * treated, 1.0), treated


def pairs(*args: Any, **options: Any) -> list[tuple[int, int]]:
    matches = match_pairs(*args, **options)
    return list(zip(matches.treated.tolist(), matches.control.tolist(), strict=True))


def test_a_case_by_hand() -> None:
    score = [0.0, 1.0, 2.0, 0.2, 0.9, 5.0]
    treated = [1, 1, 1, 0, 0, 0]
    matches = match_pairs(score, treated, caliper=1.0, caliper_sd="raw", order="data")
    assert list(matches.treated) == [0, 1]
    assert list(matches.control) == [3, 4]
    assert_allclose(matches.distance, [0.2, 0.1])
    assert matches.caliper == 1.0
    assert matches.n_pairs == 2
    assert list(matches.unmatched_treated) == [2]


def test_the_order_decides_who_gets_a_shared_neighbour() -> None:
    score, treated = [0.0, 0.5, 0.3], [1, 1, 0]
    options = {"caliper": None}
    assert pairs(score, treated, order="smallest", **options) == [(0, 2)]
    assert pairs(score, treated, order="largest", **options) == [(1, 2)]
    assert pairs(score, treated, order="data", **options) == [(0, 2)]
    assert pairs(score, treated, order="closest", **options) == [(1, 2)]
    assert pairs(score, treated, order=[1, 0], **options) == [(1, 2)]


def test_equal_distances_go_to_fewer_rank_steps_then_left() -> None:
    # control 2 (below) and control 3 (above) are equally far from row 0; row 1 stands between 0 and 3
    score, treated = [1.0, 1.5, 0.0, 2.0], [1, 1, 0, 0]
    assert pairs(score, treated, caliper=None, order=[0, 1]) == [(0, 2), (1, 3)]
    # now row 1 stands between 0 and 2, so that 3 is nearer in rank
    assert pairs([1.0, 0.5, 0.0, 2.0], treated, caliper=None, order=[0, 1]) == [(0, 3), (1, 2)]
    # equal steps: the lower one
    assert pairs([1.0, 0.0, 2.0], [1, 0, 0], caliper=None, order="data") == [(0, 1)]


def test_tied_scores_keep_row_order() -> None:
    assert pairs([1.0, 1.0, 1.0, 1.0], [0, 1, 0, 1], caliper=0.0, order="data") == [(1, 0), (3, 2)]


def test_a_constant_score_matches_everybody() -> None:
    matches = match_pairs(np.zeros(9), np.arange(9) < 4, order="data")
    assert matches.caliper == 0
    assert matches.n_pairs == 4


def test_more_treated_than_controls_stays_the_effect_in_the_treated() -> None:
    matches = match_pairs([0.0, 1.0, 2.0, 1.1], [1, 1, 1, 0], caliper=None, order="smallest")
    assert list(matches.treated) == [0]
    assert list(matches.control) == [3]
    assert list(matches.unmatched_treated) == [1, 2]


def test_one_unit_in_each_arm() -> None:
    assert pairs([0.1, 0.4], [True, False], caliper=None, order="data") == [(0, 1)]
    assert match_pairs([0.1, 0.4], [True, False], caliper=0.2, order="data").n_pairs == 0


@pytest.mark.parametrize("kind", ["overall", "pooled", "raw"])
def test_caliper_widths(kind: str) -> None:
    score, treated = sample()
    ours = {
        "overall": 0.2 * pd.Series(score).std(),
        "pooled": 0.2 * np.sqrt((pd.Series(score[treated]).var() + pd.Series(score[~treated]).var()) / 2),
        "raw": 0.2,
    }
    matches = match_pairs(score, treated, caliper_sd=kind, rng=rng())
    assert matches.caliper == pytest.approx(ours[kind], rel=1e-12)
    assert matches.distance.max() <= matches.caliper


def test_the_caliper_includes_its_edge() -> None:
    score, treated = [0.0, 0.25], [1, 0]
    assert match_pairs(score, treated, caliper=0.25, caliper_sd="raw", order="data").n_pairs == 1
    below = np.nextafter(0.25, 0)
    assert match_pairs(score, treated, caliper=below, caliper_sd="raw", order="data").n_pairs == 0


def test_closest_pairs_keep_the_caliper_to_its_edge() -> None:
    treated, options = [True, False], {"caliper": 1.0, "caliper_sd": "raw", "order": "closest"}
    assert pairs([0.0, 1.0], treated, **options) == [(0, 1)]
    assert pairs([0.0, 1.005], treated, **options) == []


def test_distances_below_one_are_not_truncated() -> None:
    """The fault of MatchIt 4.5.1 to 4.5.3 on some compilers."""
    score, treated = [0.0, 0.9], [1, 0]
    assert match_pairs(score, treated, caliper=0.5, caliper_sd="raw", order="data").n_pairs == 0


def test_exact_strata_keep_the_caliper_of_the_whole_sample() -> None:
    score, treated = sample(2)
    icu = np.array(list("abcdef"))[rng(2).integers(0, 6, 600)]
    matches = match_pairs(score, treated, exact=icu, rng=rng())
    assert (icu[matches.treated] == icu[matches.control]).all()
    assert matches.caliper == pytest.approx(0.2 * score.std(ddof=1))
    assert matches.n_pairs < match_pairs(score, treated, rng=rng()).n_pairs


def test_ratio_makes_all_first_matches_before_any_second() -> None:
    score, treated = [0.0, 0.1, 0.05, 0.12, 0.5], [1, 1, 0, 0, 0]
    assert pairs(score, treated, caliper=None, order="data", ratio=2) == [(0, 2), (0, 4), (1, 3)]


def test_ratio_with_fewer_controls_than_wanted() -> None:
    score, treated = sample(3, n=100, share=0.5)
    matches = match_pairs(score, treated, ratio=3, caliper=None, order="largest")
    assert matches.n_pairs == (~treated).sum()
    assert np.unique(matches.control).size == matches.n_pairs


def test_with_replacement_everybody_gets_the_nearest() -> None:
    score, treated = sample(4)
    matches = match_pairs(score, treated, caliper=None, replace=True, order="data")
    gaps = np.abs(score[treated][:, None] - score[~treated])
    assert_allclose(matches.distance, gaps.min(axis=1))
    assert np.unique(matches.control).size < matches.n_pairs
    closest = match_pairs(score, treated, caliper=None, replace=True, order="closest")
    assert list(closest.control) == list(matches.control)


def test_no_greedy_order_beats_the_optimal_total() -> None:
    score, treated = sample(5, n=120)
    gaps = np.abs(score[treated][:, None] - score[~treated])
    best = gaps[scipy.optimize.linear_sum_assignment(gaps)].sum()
    for order in ("random", "largest", "smallest", "data", "closest"):
        assert match_pairs(score, treated, caliper=None, order=order, rng=rng()).distance.sum() >= best - 1e-9


def test_weights_of_pairs_and_of_several_controls() -> None:
    score, treated = sample(6)
    matches = match_pairs(score, treated, ratio=3, rng=rng())
    weights = match_weights(matches, 600)
    matched = np.unique(matches.treated)
    assert (weights[matched] == 1).all()
    assert weights[~treated].sum() == pytest.approx(matched.size)
    subclass_mean = np.mean([score[matches.control[matches.treated == t]].mean() for t in matched])
    assert np.average(score[~treated], weights=weights[~treated]) == pytest.approx(subclass_mean)
    pairs_only = match_weights(match_pairs(score, treated, rng=rng()), 600)
    assert set(pairs_only.tolist()) == {0.0, 1.0}


def test_weights_with_replacement_add_up() -> None:
    score, treated = sample(7, share=0.6)
    weights = match_weights(match_pairs(score, treated, replace=True, ratio=2, order="data"), 600)
    assert weights[~treated].max() > 1
    assert weights[~treated].sum() == pytest.approx(weights[treated].sum())


def test_random_order_is_fair() -> None:
    """Three treated at one distance from one control: each gets it a third of the time."""
    score, treated = [1.0, 1.0, 1.0, 0.0], [1, 1, 1, 0]
    generator = rng(8)
    won = np.zeros(3)
    for _ in range(3000):
        won[match_pairs(score, treated, caliper=None, rng=generator).treated[0]] += 1
    assert_allclose(won / 3000, 1 / 3, atol=4 * np.sqrt(2 / 9 / 3000))


@pytest.mark.parametrize("replace", [False, True])
def test_random_choice_is_fair(replace: bool) -> None:
    """Four controls inside the caliper, one outside: each inside is drawn a quarter of the time."""
    score, treated = [0.0, -0.4, -0.1, 0.2, 0.5, 0.6], [1, 0, 0, 0, 0, 0]
    options = {"caliper": 0.5, "caliper_sd": "raw", "select": "random_in_caliper", "replace": replace}
    generator = rng(9)
    drawn = np.zeros(6)
    for _ in range(3000):
        drawn[match_pairs(score, treated, rng=generator, **options).control[0]] += 1
    assert drawn[[0, 5]].sum() == 0
    assert_allclose(drawn[1:5] / 3000, 0.25, atol=4 * np.sqrt(3 / 16 / 3000))


def test_random_choice_leaves_more_distance_than_nearest() -> None:
    score, treated = sample(10)
    nearest = match_pairs(score, treated, rng=rng())
    drawn = match_pairs(score, treated, select="random_in_caliper", rng=rng())
    assert drawn.distance.mean() > 3 * nearest.distance.mean()


def test_the_seed_decides() -> None:
    score, treated = sample(11)
    assert pairs(score, treated, rng=rng(1)) == pairs(score, treated, rng=rng(1))
    assert pairs(score, treated, rng=rng(1)) != pairs(score, treated, rng=rng(2))


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.float64])
def test_types_of_scores(kind: type) -> None:
    score, treated = sample(12)
    coarse = np.round(score * 8).astype(kind)
    expected = pairs(coarse.astype(np.float64), treated, order="data", caliper=1.0, caliper_sd="raw")
    assert pairs(coarse, treated, order="data", caliper=1.0, caliper_sd="raw") == expected
    assert (
        pairs(pd.Series(coarse), pd.Series(treated.astype(int)), order="data", caliper=1, caliper_sd="raw")
        == expected
    )


def test_large_scores_are_safe() -> None:
    score, treated = sample(13)
    whole = np.round(score * 1024) / 1024
    shifted = match_pairs(whole + 2.0**30, treated, order="data", caliper=0.25, caliper_sd="raw")
    assert list(shifted.control) == list(
        match_pairs(whole, treated, order="data", caliper=0.25, caliper_sd="raw").control
    )


@pytest.mark.parametrize(
    ("score", "treated", "message"),
    [
        ([0.1, np.nan, 0.3], [1, 0, 0], "score: row 1 is nan"),
        ([0.1, 0.2, np.inf], [1, 0, 0], "score: row 2 is inf"),
        ([0.1, 0.2, -np.inf], [1, 0, 0], "score: row 2 is -inf"),
        ([0.1, 0.2, 0.3], [1, 0, 2], "treated: row 2 is 2"),
        ([0.1, 0.2, 0.3], [1.0, 0.0, np.nan], "treated: row 2 is nan"),
        ([0.1, 0.2, 0.3], [0, 0, 0], "no treated unit"),
        ([0.1, 0.2, 0.3], [1, 1, 1], "no control unit"),
        ([], [], "no treated unit"),
        ([0.1, 0.2], [1, 0, 0], "treated has shape \\(3,\\); give 2 values"),
    ],
)
def test_refuses_bad_data(score: Any, treated: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        match_pairs(score, treated, order="data")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"caliper": -0.1, "order": "data"}, "caliper -0.1 is not a width"),
        ({"caliper": np.nan, "order": "data"}, "caliper nan is not a width"),
        ({"order": "random"}, "pass rng="),
        ({"order": "data", "select": "random_in_caliper"}, "pass rng="),
        ({"order": "nearest"}, "order 'nearest' is unknown"),
        ({"order": [0]}, "each of the 2 treated rows once"),
        ({"order": [0, 0]}, "each of the 2 treated rows once"),
        ({"order": [2, 3]}, "each of the 2 treated rows once"),
        ({"order": "data", "caliper_sd": "mad"}, "caliper_sd 'mad' is unknown"),
        ({"order": "data", "select": "best"}, "select 'best' is unknown"),
        ({"order": "data", "ratio": 0}, "ratio 0"),
        ({"order": "data", "ratio": 1.5}, "ratio 1.5"),
        ({"order": "closest", "select": "random_in_caliper", "rng": rng()}, "order 'closest'"),
    ],
)
def test_refuses_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        match_pairs([0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0], **options)


def test_refuses_strata_of_another_length() -> None:
    with pytest.raises(DataError, match="exact has shape"):
        match_pairs([0.1, 0.2], [1, 0], exact=[1], order="data")


def test_a_pooled_sd_needs_two_in_each_arm() -> None:
    with pytest.raises(DataError, match="single unit"):
        caliper_width(np.array([0.1, 0.2, 0.3]), np.array([True, False, False]), 0.2, "pooled")
