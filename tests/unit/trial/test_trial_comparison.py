from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency, mannwhitneyu, norm
from statsmodels.stats.contingency_tables import StratifiedTable

from simsepsis.analysis.survival import fit_cox
from simsepsis.analysis.survival.kaplan_meier import log_rank
from simsepsis.analysis.two_by_two.stratified import mantel_haenszel
from simsepsis.trial import compare_pairs
from simsepsis.trial.simulation.comparison import compare

RNG = np.random.default_rng(11)


def _counts(strata: int, kinds: int, n: int = 60) -> np.ndarray:
    """Return counts of several strata; the treated arm leans to one side."""
    shares = np.array(
        [RNG.dirichlet(np.arange(1.0, kinds + 1.0)), RNG.dirichlet(np.arange(kinds, 0.0, -1.0))]
    )
    return np.array([[RNG.multinomial(n + 10 * s, shares[arm]) for arm in (0, 1)] for s in range(strata)])


def _patients(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return stratum, arm and category of each patient that the counts stand for."""
    place = np.repeat(np.arange(counts.size), counts.ravel())
    stratum, arm, kind = np.unravel_index(place, counts.shape)
    return stratum, arm, kind


def test_one_stratum_of_deaths_is_the_pooled_test():
    counts = np.array([[[120, 60], [140, 38]]])
    found = compare(counts, "risk_ratio")
    n = counts.sum()
    chi = chi2_contingency(counts[0], correction=False).statistic
    assert found.z == pytest.approx(np.sqrt(chi * (n - 1) / n))
    assert found.estimate == pytest.approx(np.log(38 / 178 / (60 / 180)))
    assert found.std_error == pytest.approx(np.sqrt(1 / 38 - 1 / 178 + 1 / 60 - 1 / 180))
    difference = compare(counts, "risk_difference")
    p1, p0 = 38 / 178, 60 / 180
    assert difference.std_error == pytest.approx(np.sqrt(p1 * (1 - p1) / 178 + p0 * (1 - p0) / 180))


def test_strata_of_deaths_are_those_of_statsmodels():
    counts = _counts(5, 2)
    tables = [table[::-1, ::-1] for table in counts]  # treated first, dead first
    there = StratifiedTable([table.astype(float) for table in tables])
    found = compare(counts, "odds_ratio")
    assert found.z**2 == pytest.approx(there.test_null_odds().statistic)
    assert found.estimate == pytest.approx(there.logodds_pooled)
    assert found.std_error == pytest.approx(there.logodds_pooled_se)
    assert np.exp(found.estimate) == pytest.approx(mantel_haenszel(np.array(tables)).estimate)
    ratio = compare(counts, "risk_ratio")
    assert np.exp(ratio.estimate) == pytest.approx(there.riskratio_pooled)


def test_ranks_of_one_stratum_are_those_of_mann_whitney():
    counts = _counts(1, 9)
    _, arm, kind = _patients(counts)
    found = compare(counts, "probability_index")
    there = mannwhitneyu(kind[arm == 1], kind[arm == 0], use_continuity=False, method="asymptotic")
    assert 2 * norm.sf(abs(found.z)) == pytest.approx(there.pvalue)
    assert 0.5 + found.estimate == pytest.approx(there.statistic / np.prod(counts.sum(axis=2)))


def test_many_patients_vary_as_the_analytic_pairs_do():
    shares = np.array([[0.3, 0.2, 0.1, 0.4], [0.2, 0.2, 0.1, 0.5]])
    counts = (1e6 * shares)[None]
    pairs = compare_pairs(*shares)
    index = compare(counts, "probability_index")
    ratio = compare(counts, "win_ratio")
    root = np.sqrt(2e6)
    assert 0.5 + index.estimate == pytest.approx(pairs.probability_index)
    assert index.std_error * root == pytest.approx(pairs.sd_index, rel=1e-5)
    assert index.estimate / index.z * root == pytest.approx(pairs.sd_index_null, rel=1e-5)
    assert np.exp(ratio.estimate) == pytest.approx(pairs.win_ratio)
    assert ratio.std_error * root == pytest.approx(pairs.sd_log_win_ratio, rel=1e-5)


def test_equal_strata_are_one_larger_sample_for_the_win_ratio():
    one = _counts(1, 6)
    twice = np.concatenate([one, one])
    single, double = compare(one, "win_ratio"), compare(twice, "win_ratio")
    assert double.estimate == pytest.approx(single.estimate)
    assert double.std_error == pytest.approx(single.std_error / np.sqrt(2.0))


def test_time_to_death_is_the_stratified_log_rank_test_and_cox():
    counts = _counts(1, 8, n=200)
    _, arm, day = _patients(counts)
    found = compare(counts, "hazard_ratio")
    duration, event = np.minimum(day + 1.0, 7.5), day < 7
    statistic, _ = log_rank(duration, event, arm)
    assert found.z**2 == pytest.approx(statistic)
    cox = fit_cox(arm[:, None].astype(float), duration, event, ties="breslow")
    assert found.estimate == pytest.approx(cox.params[0], abs=1e-8)
    assert found.std_error == pytest.approx(cox.std_errors[0], rel=1e-6)
    strata = _counts(4, 8, n=80)
    stratum, arm, day = _patients(strata)
    several = compare(strata, "hazard_ratio")
    fit = fit_cox(
        arm[:, None].astype(float), np.minimum(day + 1.0, 7.5), day < 7, ties="breslow", strata=stratum
    )
    assert several.estimate == pytest.approx(fit.params[0], abs=1e-8)
    assert several.std_error == pytest.approx(fit.std_errors[0], rel=1e-6)


@pytest.mark.parametrize(
    ("scale", "kinds"),
    [
        ("risk_difference", 2),
        ("odds_ratio", 2),
        ("win_ratio", 5),
        ("probability_index", 5),
        ("hazard_ratio", 5),
    ],
)
def test_many_trials_are_compared_as_one_by_one_and_relabelling_turns_the_sign(scale, kinds):
    many = np.array([[_counts(3, kinds), _counts(3, kinds)] for _ in range(4)])
    together = compare(many, scale)
    assert together.z.shape == (4, 2)
    for trial in range(4):
        alone = compare(many[trial, 1], scale)
        assert together.z[trial, 1] == pytest.approx(alone.z, rel=1e-12)
    turned = compare(many[..., ::-1, :], scale)
    np.testing.assert_allclose(turned.z, -together.z, rtol=1e-9)
    np.testing.assert_allclose(turned.estimate, -together.estimate, rtol=1e-7)


def test_an_empty_stratum_says_nothing_and_no_event_gives_no_test():
    counts = _counts(3, 2)
    empty = np.concatenate([counts, np.zeros((2, 2, 2), dtype=np.int64)])
    assert compare(empty, "risk_ratio").z == pytest.approx(compare(counts, "risk_ratio").z)
    assert np.isnan(compare(np.array([[[50, 0], [50, 0]]]), "risk_ratio").z)
