"""Properties of the matcher, and proof that they would notice a broken one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from matching_checks import (
    GREEDY_CHECKS,
    Case,
    Matcher,
    Pairs,
    brute_force,
    check_caliper,
    check_greedy,
    check_maximal,
    check_no_blocking_pair,
    check_no_reuse,
    check_oracle,
    check_pairs,
)
from tests.examples import examples

from simsepsis.analysis.matching import Matches, caliper_width, match_pairs

many = examples(200)
some = examples(80)


@st.composite
def cases(
    draw: st.DrawFn, *, values: int = 9, strata: int = 1, ratio: int = 1, distinct: bool = False
) -> Case:
    """Draw samples on a coarse lattice of exactly representable scores, where ties abound."""
    n = draw(st.integers(2, 18))
    if distinct:
        levels = draw(st.lists(st.integers(-500, 500), min_size=n, max_size=n, unique=True))
    else:
        levels = draw(st.lists(st.integers(0, values), min_size=n, max_size=n))
    arms = draw(st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda arm: 0 < sum(arm) < n))
    labels = draw(st.lists(st.integers(0, strata - 1), min_size=n, max_size=n))
    treated = np.array(arms)
    sequence = draw(st.permutations([int(row) for row in np.flatnonzero(treated)]))
    width = draw(st.sampled_from([0.0, 0.25, 0.5, 1.0, 100.0, np.inf]))
    return Case(
        score=np.array(levels) / 4,
        treated=treated,
        stratum=np.array(labels),
        sequence=tuple(sequence),
        width=width,
        ratio=ratio,
    )


def pairs_of(matches: Matches) -> Pairs:
    return list(zip(matches.treated.tolist(), matches.control.tolist(), strict=True))


def match(case: Case, **options: Any) -> Matches:
    settings: dict[str, Any] = {
        "caliper": case.width,
        "caliper_sd": "raw",
        "order": np.array(case.sequence),
        "ratio": case.ratio,
        "exact": case.stratum,
    }
    return match_pairs(case.score, case.treated, **(settings | options))


def ours(case: Case) -> Pairs:
    return pairs_of(match(case))


@many
@given(cases(), st.sampled_from(GREEDY_CHECKS))
def test_nearest_in_a_given_order(case: Case, check: Callable[[Case, Pairs], None]) -> None:
    check(case, ours(case))


@many
@given(cases(strata=3))
def test_nearest_within_strata(case: Case) -> None:
    for check in GREEDY_CHECKS:
        check(case, ours(case))


@many
@given(cases(strata=2, ratio=3))
def test_several_controls_for_each(case: Case) -> None:
    for check in (check_pairs, check_no_reuse, check_caliper, check_oracle):
        check(case, ours(case))


@some
@given(cases(strata=2, ratio=2))
def test_with_replacement(case: Case) -> None:
    pairs = pairs_of(match(case, replace=True))
    check_pairs(case, pairs)
    check_caliper(case, pairs)
    assert pairs == brute_force(case, reuse=True)
    assert len(set(pairs)) == len(pairs)


@many
@given(cases(strata=2))
def test_closest(case: Case) -> None:
    pairs = pairs_of(match(case, order="closest"))
    for check in (check_pairs, check_no_reuse, check_caliper, check_maximal, check_no_blocking_pair):
        check(case, pairs)


@some
@given(st.lists(st.floats(0, 1), min_size=4, max_size=16, unique=True), st.floats(0, 0.5))
def test_closest_is_the_scan_for_the_closest_pair_of_all(scores: list[float], width: float) -> None:
    score, treated = np.array(scores), np.arange(len(scores)) % 3 == 0
    free = {
        (abs(score[t] - score[c]), t, c) for t in np.flatnonzero(treated) for c in np.flatnonzero(~treated)
    }
    assume(len({gap for gap, _, _ in free}) == len(free))
    expected = []
    while any(gap <= width for gap, _, _ in free):
        _, t, c = min(free)
        expected.append((int(t), int(c)))
        free = {pair for pair in free if pair[1] != t and pair[2] != c}
    matches = match_pairs(score, treated, caliper=width, caliper_sd="raw", order="closest")
    assert pairs_of(matches) == sorted(expected)


@some
@given(cases(strata=2, ratio=2), st.integers(0, 99), st.booleans())
def test_random_choice_inside_the_caliper(case: Case, seed: int, reuse: bool) -> None:
    matches = match(case, select="random_in_caliper", rng=np.random.default_rng(seed), replace=reuse)
    pairs = pairs_of(matches)
    check_pairs(case, pairs)
    check_caliper(case, pairs)
    assert len(set(pairs)) == len(pairs)
    if not reuse:
        check_no_reuse(case, pairs)
    if not reuse and case.ratio == 1:
        check_maximal(case, pairs)


@some
@given(cases(strata=2), st.sampled_from(["random", "largest", "smallest", "data"]), st.integers(0, 99))
def test_named_orders_are_greedy_in_their_order(case: Case, order: str, seed: int) -> None:
    treated = np.flatnonzero(case.treated)
    sequences = {
        "random": treated[np.random.default_rng(seed).permutation(treated.size)],
        "largest": treated[np.argsort(-case.score[treated], kind="stable")],
        "smallest": treated[np.argsort(case.score[treated], kind="stable")],
        "data": treated,
    }
    pairs = pairs_of(match(case, order=order, rng=np.random.default_rng(seed)))
    check_greedy(replace(case, sequence=tuple(sequences[order].tolist())), pairs)


@many
@given(cases(), st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0]))
def test_controls_used_grow_with_the_caliper(case: Case, narrow: float) -> None:
    if narrow <= case.width:
        fewer = set(match(case, caliper=narrow).control.tolist())
        assert fewer <= set(match(case).control.tolist())


@some
@given(
    cases(distinct=True),
    st.randoms(use_true_random=False),
    st.sampled_from(["largest", "smallest", "closest"]),
)
def test_row_order_does_not_matter_without_ties(case: Case, random: Any, order: str) -> None:
    shuffled = list(range(case.score.size))
    random.shuffle(shuffled)
    moved = match_pairs(
        case.score[shuffled], case.treated[shuffled], caliper=case.width, caliper_sd="raw", order=order
    )
    back = sorted((shuffled[t], shuffled[c]) for t, c in pairs_of(moved))
    assert back == pairs_of(match(case, order=order))


@some
@given(cases(strata=2), st.sampled_from([0.125, 4.0]), st.integers(-1000, 1000))
def test_shifts_and_scales_do_not_matter(case: Case, factor: float, shift: int) -> None:
    """Scores are quarters and factors powers of two, so that nothing rounds."""
    moved = match(replace(case, score=case.score + shift / 4))
    assert pairs_of(moved) == ours(case)
    scaled = match(replace(case, score=case.score * factor, width=case.width * factor))
    assert pairs_of(scaled) == ours(case)
    assert list(scaled.distance) == list(match(case).distance * factor)


@some
@given(cases(distinct=True), st.sampled_from([0.0, 0.2, 1.0]), st.sampled_from(["overall", "pooled"]))
def test_a_caliper_in_sds_is_the_width_times_the_sd(case: Case, caliper: float, kind: str) -> None:
    if kind == "pooled" and min(case.treated.sum(), (~case.treated).sum()) < 2:
        return
    width = caliper_width(case.score, case.treated, caliper, kind)
    in_sds, raw = match(case, caliper=caliper, caliper_sd=kind), match(case, caliper=width)
    assert pairs_of(in_sds) == pairs_of(raw)
    assert in_sds.caliper == raw.caliper == width


@some
@given(cases(strata=3))
def test_exact_is_the_union_over_strata(case: Case) -> None:
    pairs: Pairs = []
    for stratum in np.unique(case.stratum):
        inside = np.flatnonzero(case.stratum == stratum)
        arm = case.treated[inside]
        if arm.all() or not arm.any():
            continue
        place = {int(row): i for i, row in enumerate(inside)}
        order = np.array([place[t] for t in case.sequence if t in place])
        part = match_pairs(case.score[inside], arm, caliper=case.width, caliper_sd="raw", order=order)
        pairs += [(int(inside[t]), int(inside[c])) for t, c in pairs_of(part)]
    assert sorted(pairs) == ours(case)


@some
@given(cases())
def test_no_caliper_in_three_spellings(case: Case) -> None:
    unlimited = pairs_of(match(case, caliper=None))
    assert unlimited == pairs_of(match(case, caliper=np.inf)) == pairs_of(match(case, caliper=1e9))
    assert len(unlimited) == min(case.treated.sum(), (~case.treated).sum())


@some
@given(cases())
def test_caliper_zero_is_exact_matching(case: Case) -> None:
    matches = match(case, caliper=0.0)
    assert (matches.distance == 0).all()
    assert (case.score[matches.treated] == case.score[matches.control]).all()


@some
@given(cases(strata=2, ratio=2), st.sampled_from(["random", "closest"]), st.integers(0, 99))
def test_same_seed_same_pairs_and_inputs_unchanged(case: Case, order: str, seed: int) -> None:
    before = case.score.copy(), case.treated.copy(), case.stratum.copy()
    first, second = (match(case, order=order, rng=np.random.default_rng(seed)) for _ in range(2))
    assert pairs_of(first) == pairs_of(second)
    after = case.score, case.treated, case.stratum
    assert all((a == b).all() for a, b in zip(before, after, strict=True))


@some
@given(cases(strata=2, ratio=2))
def test_the_record_adds_up(case: Case) -> None:
    matches = match(case)
    assert (matches.distance == np.abs(case.score[matches.treated] - case.score[matches.control])).all()
    everyone = np.union1d(matches.treated, matches.unmatched_treated)
    assert list(everyone) == list(np.flatnonzero(case.treated))
    assert not set(matches.treated.tolist()) & set(matches.unmatched_treated.tolist())


def broken(**changes: Any) -> Matcher:
    return lambda case: brute_force(case, **changes)


MUTANTS: dict[str, Matcher] = {
    "truncates the distance to an integer": broken(distance=lambda a, b: int(abs(a - b))),
    "uses a control twice": broken(reuse=True),
    "takes the caliper in the wrong unit": lambda case: brute_force(
        case, width=case.width * float(np.std(case.score)) if case.width < np.inf else case.width
    ),
    "takes the furthest control": broken(distance=lambda a, b: -abs(a - b)),
    "looks below only": broken(distance=lambda a, b: a - b if b <= a else np.inf),
    "stops after the first": lambda case: brute_force(replace(case, sequence=case.sequence[:1])),
    "swaps the arms": lambda case: [(c, t) for t, c in brute_force(case)],
    "forgets the strata": lambda case: brute_force(replace(case, stratum=np.zeros_like(case.stratum))),
}


def fixed_cases() -> list[Case]:
    """Return sixty samples, coarse and fine, to hold mutants against."""
    rng = np.random.default_rng(8)
    found = []
    for fine in range(60):
        n = int(rng.integers(6, 20))
        score = np.round(rng.normal(0, 2, n), 2) if fine % 2 else rng.integers(0, 6, n) / 4
        treated = np.arange(n) < max(2, n // 3)
        sequence = tuple(rng.permutation(np.flatnonzero(treated)).tolist())
        case = Case(score=score, treated=treated, stratum=rng.integers(0, 2, n), sequence=sequence, width=0.5)
        found.append(case)
    return found


def complaints(matcher: Matcher, check: Callable[[Case, Pairs], None]) -> int:
    """Count the samples on which a check refuses a matcher's pairs."""
    count = 0
    for case in fixed_cases():
        try:
            check(case, matcher(case))
        except AssertionError:
            count += 1
    return count


NOTICES = {
    "truncates the distance to an integer": check_caliper,
    "uses a control twice": check_no_reuse,
    "takes the caliper in the wrong unit": check_maximal,
    "takes the furthest control": check_greedy,
    "looks below only": check_maximal,
    "stops after the first": check_maximal,
    "swaps the arms": check_pairs,
    "forgets the strata": check_pairs,
}
"""The check that must notice each mutant even without the oracle."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_matcher_is_noticed(name: str) -> None:
    assert complaints(MUTANTS[name], NOTICES[name]) > 0
    assert complaints(MUTANTS[name], check_oracle) > 0


def test_the_real_matcher_passes_where_mutants_fail() -> None:
    for check in GREEDY_CHECKS:
        assert complaints(ours, check) == 0


def test_blocking_pairs_are_noticed() -> None:
    assert complaints(MUTANTS["takes the furthest control"], check_no_blocking_pair) > 0
    assert complaints(lambda case: pairs_of(match(case, order="closest")), check_no_blocking_pair) == 0
