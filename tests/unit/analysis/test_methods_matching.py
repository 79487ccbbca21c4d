"""Matching by other rules, and with the oracle."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import scipy.special
from numpy.testing import assert_allclose

from simsepsis.analysis.matching import Matches, match_pairs
from simsepsis.analysis.methods import matcher_variants as variants
from simsepsis.analysis.methods import run_method
from simsepsis.analysis.methods.method import MATCHED_SET, Task
from simsepsis.analysis.methods.rows import risk_rows, risks_of
from simsepsis.analysis.methods.shared import Shared, known
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.analysis.two_by_two import (
    odds_ratio,
    pair_table,
    paired_risk_difference,
    risk_difference,
    risk_ratio,
    two_by_two_table,
)
from simsepsis.streams import streams


def task_on(registry: pd.DataFrame, **changes: object) -> Task:
    spec = replace(THESIS_SPEC, **changes)
    return Task(method="x", shared=Shared(registry=registry, spec=spec, draw=streams(0)))


def units_on(registry: pd.DataFrame, **changes: object) -> variants.Units:
    task = task_on(registry, **changes)
    return variants.units_of(task, known(task.shared.cohort), known(task.shared.propensity).logit)


def as_pairs(matches: Matches) -> set[tuple[int, int]]:
    return set(zip(matches.treated.tolist(), matches.control.tolist(), strict=True))


def test_the_plain_rule_gives_the_rows_of_psm(registry: pd.DataFrame) -> None:
    task = task_on(registry)
    rows = pd.DataFrame(variants.variant_rows(task, rule=variants.by_options)).set_index("estimand")
    psm = run_method("psm", registry).set_index("estimand")
    rows = rows.drop(index=list(MATCHED_SET))
    for name in ("estimate", "std_error", "ci_low", "ci_high"):
        assert_allclose(rows[name], psm.loc[rows.index, name], rtol=1e-12)
    assert (rows["n_used"] == psm.loc[rows.index, "n_used"]).all()


def test_unweighted_risks_have_the_errors_of_woolf_katz_and_the_difference() -> None:
    rng = np.random.default_rng(1)
    arm, dead = rng.random(200) < 0.4, (rng.random(200) < 0.3).astype(float)
    share = np.column_stack([arm / arm.sum(), ~arm / (~arm).sum()])
    risks = dead @ share
    found = risks_of(*risks, share * (dead[:, None] - risks), 200)
    table = two_by_two_table(arm, dead)
    rows = {row.estimand.split("_e_")[0]: row for row in risk_rows("m", "e", "att", found)}
    for name, effect in (
        ("log_or", odds_ratio(table)),
        ("log_rr", risk_ratio(table)),
        ("rd", risk_difference(table)),
    ):
        row = rows[name]
        expected = effect.estimate if name == "rd" else np.log(effect.estimate)
        assert_allclose([row.estimate, row.std_error], [expected, effect.std_error], rtol=1e-12)


def test_influences_summed_within_pairs_give_the_paired_error() -> None:
    rng = np.random.default_rng(2)
    m = 150
    shared = rng.random(m)
    dead = np.concatenate([shared + 0.3 * rng.random(m) > 0.8, shared + 0.3 * rng.random(m) > 0.7]).astype(
        float
    )
    arm = np.arange(2 * m) < m
    share = np.column_stack([arm, ~arm]) / m
    risks = dead @ share
    found = risks_of(*risks, share * (dead[:, None] - risks), 2 * m, cluster=np.tile(np.arange(m), 2))
    paired = paired_risk_difference(pair_table(dead[:m], dead[m:]))
    rd = list(risk_rows("m", "e", "att", found))[2]
    assert_allclose([rd.estimate, rd.std_error], [paired.estimate, paired.std_error], rtol=1e-12)


@pytest.mark.parametrize(("p1", "p0"), [(0.0, 0.2), (0.3, 1.0), (-0.01, 0.2), (1.02, 0.5)])
def test_a_risk_at_or_beyond_its_limits_has_no_ratio(p1: float, p0: float) -> None:
    rows = list(risk_rows("m", "e", "ate", risks_of(p1, p0, np.full((9, 2), [0.01, 0.02]), 9)))
    assert [row.converged for row in rows] == [False, False, True]
    assert "outside (0, 1)" in str(rows[0].failure)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("psm_largest", {"order": "largest"}),
        ("psm_closest", {"order": "closest"}),
        ("psm_random_in_caliper", {"select": "random_in_caliper"}),
        ("psm_replace", {"replace": True}),
        ("psm_2to1", {"ratio": 2}),
    ],
)
def test_options_reach_the_matcher(registry: pd.DataFrame, method: str, options: dict[str, object]) -> None:
    units = units_on(registry)
    keywords = {"order": "random", "rng": task_on(registry).shared.matching_rng(), **options}
    matches = match_pairs(units.score, units.treated, **keywords)  # type: ignore[arg-type]
    dead = known(task_on(registry).shared.cohort).column("hospital_death")[units.rows]
    treated = dead[np.unique(matches.treated)].mean()
    sets = pd.DataFrame({"treated": matches.treated, "dead": dead[matches.control]}).groupby("treated")
    expected = treated - sets["dead"].mean().mean()
    row = run_method(method, registry).set_index("estimand").loc["rd_hospital_death_matched"]
    assert row["estimate"] == pytest.approx(expected)
    assert row["n_used"] == np.unique(matches.treated).size + np.unique(matches.control).size


def test_a_control_that_serves_often_weighs_and_spreads_more(registry: pd.DataFrame) -> None:
    task, units = task_on(registry), units_on(registry)
    matches = units.match(replace=True)
    uses = np.bincount(matches.control, minlength=units.rows.size)
    assert uses.max() > 1
    cohort = known(task.shared.cohort)
    dead = cohort.column("icu_death")[units.rows]
    p0 = (uses * dead).sum() / uses.sum()
    variance = ((uses * (dead - p0)) ** 2).sum() / uses.sum() ** 2
    p1 = dead[matches.treated].mean()
    row = run_method("psm_replace", registry).set_index("estimand").loc["rd_icu_death_matched"]
    assert row["estimate"] == pytest.approx(p1 - p0)
    assert row["std_error"] == pytest.approx(np.sqrt(variance + p1 * (1 - p1) / matches.n_pairs))


def test_the_probability_scale_has_a_caliper_of_its_own(registry: pd.DataFrame) -> None:
    units = units_on(registry)
    found = variants.on_probability(units)
    chance = scipy.special.expit(units.score)
    assert found.caliper == pytest.approx(0.2 * chance.std(ddof=1))
    assert (np.abs(chance[found.treated] - chance[found.control]) <= found.caliper).all()
    same = variants.on_probability(units_on(registry, scale="ps"))
    assert as_pairs(same) == as_pairs(found)


def test_within_and_first_within_icus(registry: pd.DataFrame) -> None:
    within, first = (rule(units_on(registry)) for rule in (variants.within_icu, variants.icu_first))
    units = units_on(registry)
    assert units.cluster is not None
    assert (units.cluster[within.treated] == units.cluster[within.control]).all()
    assert as_pairs(within) < as_pairs(first)
    extra = as_pairs(first) - as_pairs(within)
    assert all(units.cluster[t] != units.cluster[c] for t, c in extra)
    assert np.unique(first.control).size == first.n_pairs
    assert (np.abs(units.score[first.treated] - units.score[first.control]) <= first.caliper).all()
    assert within.caliper == first.caliper == pytest.approx(0.2 * units.score.std(ddof=1))
    left = np.setdiff1d(np.flatnonzero(units.treated), first.treated)
    np.testing.assert_array_equal(np.sort(first.unmatched_treated), left)


def test_nobody_left_for_a_second_round_is_no_failure() -> None:
    units = variants.Units(
        rows=np.arange(4),
        score=np.array([0.0, 0.01, 1.0, 1.01]),
        treated=np.array([True, False, True, False]),
        cluster=np.array([0, 0, 1, 1]),
        spec=replace(THESIS_SPEC, caliper=None),
        rng=np.random.default_rng(1),
    )
    assert as_pairs(variants.icu_first(units)) == {(0, 1), (2, 3)}


@dataclass(frozen=True)
class Known:
    propensity: np.ndarray
    unmeasured: np.ndarray


def test_the_oracle_is_in_the_order_of_the_registry(registry: pd.DataFrame) -> None:
    """Rows that the analysis leaves out must not shift the oracle."""
    task = task_on(registry)
    cohort = known(task.shared.cohort)
    assert cohort.n < len(registry)
    chance = np.full(len(registry), np.nan)
    chance[cohort.record] = known(task.shared.propensity).probability
    spare = np.random.default_rng(1).uniform(0.2, 0.8, len(registry))
    oracle = Known(np.where(np.isnan(chance), spare, chance), np.zeros(len(registry)))
    found, psm = run_method("oracle_ps", registry, oracle=oracle), run_method("psm", registry)
    assert_allclose(found["estimate"], psm["estimate"], rtol=1e-9)


def test_a_constant_confounder_changes_nothing_and_a_strong_one_does(registry: pd.DataFrame) -> None:
    n = len(registry)
    psm = run_method("psm", registry)
    same = run_method("psm_with_u", registry, oracle=Known(np.full(n, 0.5), np.ones(n)))
    assert_allclose(same["estimate"], psm["estimate"], rtol=1e-9)
    u = (
        np.random.default_rng(1).normal(size=n)
        + registry["hospital_death"].to_numpy()
        + registry["ivigg"].to_numpy()
    )
    known_u = run_method("psm_with_u", registry, oracle=Known(np.full(n, 0.5), u))
    assert (known_u["estimate"] < psm["estimate"] - 0.02)[known_u["estimand"].str.contains("hospital")].all()


def test_a_true_score_of_0_or_1_leaves_its_patients_out(registry: pd.DataFrame) -> None:
    n = len(registry)
    chance = np.random.default_rng(1).uniform(0.2, 0.8, n)
    chance[::3] = registry["ivigg"].to_numpy()[::3]
    rows = run_method("oracle_ps", registry, oracle=Known(chance, np.zeros(n)))
    assert rows["converged"].all()
    nothing = run_method("oracle_ps", registry, oracle=Known(registry["ivigg"].to_numpy(float), np.zeros(n)))
    assert nothing["failure"].eq("the score is 0 or 1 for a whole arm").all()
