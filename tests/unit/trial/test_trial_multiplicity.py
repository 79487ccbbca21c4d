from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from simsepsis.trial.inputs import Level
from simsepsis.trial.simulation.multiplicity import dunnett_critical_value, rejected


@pytest.mark.parametrize(
    ("arms", "alpha", "sides", "printed"),
    # Dunnett CW. J Am Stat Assoc 1955;50:1096 and Biometrics 1964;20:482, infinite degrees of freedom.
    [(2, 0.05, 1, 1.92), (3, 0.05, 1, 2.06), (2, 0.01, 1, 2.56), (2, 0.05, 2, 2.21), (3, 0.05, 2, 2.35)],
)
def test_critical_values_are_those_printed_by_dunnett(arms, alpha, sides, printed):
    assert dunnett_critical_value((1.0,) * arms, alpha, sides) == pytest.approx(printed, abs=0.0051)


def test_unequal_arms_are_those_of_the_multivariate_normal():
    ratios = np.array([1.0, 2.0, 0.5])
    share = np.sqrt(ratios / (1 + ratios))
    correlation = np.outer(share, share)
    np.fill_diagonal(correlation, 1.0)
    critical = dunnett_critical_value(tuple(ratios), 0.025, 1)
    below = multivariate_normal(cov=correlation, seed=1).cdf(np.full(3, critical))
    assert below == pytest.approx(0.975, abs=1e-4)


def test_one_arm_is_the_plain_test():
    assert dunnett_critical_value((1.0,), 0.05, 2) == pytest.approx(1.959964, abs=1e-6)


def test_step_down_rejects_at_least_what_one_step_rejects():
    z = np.random.default_rng(5).normal(1.5, 1.0, size=(500, 3))
    level, ratios = Level(alpha=0.025, sides=1), [1.0, 1.0, 1.0]
    one, closed = (rejected(z, ratios, level, method) for method in ("dunnett", "closed"))
    bonferroni = rejected(z, ratios, level, "bonferroni")
    assert np.all(closed | ~one)
    assert np.all(one | ~bonferroni)
    assert closed.sum() > one.sum() > bonferroni.sum()


def test_nothing_is_rejected_after_the_first_acceptance():
    level = Level(alpha=0.025, sides=1)
    second = dunnett_critical_value((1.0, 1.0), 0.025, 1)
    first = dunnett_critical_value((1.0, 1.0, 1.0), 0.025, 1)
    z = np.array([[first + 0.01, second + 0.01, 2.0], [first - 0.01, second + 0.01, 2.0], [np.nan, 5.0, 0.0]])
    found = rejected(z, [1.0, 1.0, 1.0], level, "closed")
    assert found.tolist() == [[True, True, True], [False, False, False], [False, True, False]]


def test_harm_is_no_success_of_a_two_sided_family():
    found = rejected(np.array([[-5.0, 3.0]]), [1.0, 1.0], Level(alpha=0.05, sides=2), "closed")
    assert found.tolist() == [[False, True]]
