"""Accrual with variable follow-up, against published sizes, integrals and simulated trials."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from simsepsis.errors import UsageError
from simsepsis.trial import design_follow_up, design_log_rank

HAZARD = math.log(2) / 20


@pytest.mark.parametrize(
    ("formula", "patients", "events"), [("schoenfeld", 224.5, 87.5), ("lachin_foulkes", 227.6, 88.7)]
)
def test_the_published_sizes(formula, patients, events):
    design = design_follow_up(0.5, HAZARD, accrual=20, end=30, formula=formula)
    assert design.n_total == pytest.approx(patients, abs=0.05)
    assert design.events == pytest.approx(events, abs=0.05)


def test_the_share_of_events_is_the_integral_over_entry():
    design = design_follow_up(0.7, HAZARD, accrual=[5, 12], pace=[1, 3], end=20, dropout=0.02)
    leaving = HAZARD + 0.02

    def seen(entry):
        pace = 1 if entry < 5 else 3
        return pace * HAZARD / leaving * (1 - math.exp(-leaving * (20 - entry)))

    expected = (quad(seen, 0, 5)[0] + quad(seen, 5, 12)[0]) / (5 + 3 * 7)
    assert design.endpoint.event_share(HAZARD) == pytest.approx(expected, rel=1e-9)


def test_entry_at_once_is_a_fixed_horizon():
    risk = -math.expm1(-HAZARD * 28)
    fixed = design_log_rank(0.7, risk, horizon=28, alpha=0.025, sides=1)
    assert design_follow_up(0.7, HAZARD, accrual=1e-6, end=28).n_total == pytest.approx(
        fixed.n_total, rel=1e-5
    )


def log_rank(entry, time, arm, end):
    """Return z of one trial by the textbook."""
    left = end - entry
    event, time = time <= left, np.minimum(time, left)
    order = np.argsort(time)
    event, arm = event[order], arm[order]
    at_risk = np.arange(time.size, 0, -1)
    treated = np.cumsum(arm[::-1])[::-1]
    share = treated / at_risk
    return ((share - arm) * event).sum() / np.sqrt((share * (1 - share) * event).sum())


@pytest.mark.parametrize("formula", ["schoenfeld", "lachin_foulkes"])
@pytest.mark.parametrize(
    ("trials", "ratio"),
    [(2_000, 0.7), pytest.param(20_000, 0.7, marks=pytest.mark.slow)],
    ids=["2,000", "20,000"],
)
def test_the_power_is_that_of_simulated_trials(formula, trials, ratio):
    design = design_follow_up(
        ratio, HAZARD, accrual=[10, 20], pace=[1, 2], end=30, dropout=0.01, power=0.8, formula=formula
    )
    n, rng, hits = 2 * round(design.n_total / 2), np.random.default_rng(4), 0
    arm = np.repeat([0, 1], n // 2)
    for _ in range(trials):
        entry = np.where(rng.random(n) < 1 / 3, 10 * rng.random(n), 10 + 10 * rng.random(n))
        time = rng.exponential(1 / (HAZARD * np.where(arm == 1, ratio, 1.0)))
        lost = rng.exponential(1 / 0.01, n)
        z = log_rank(entry, np.where(lost < time, np.inf, time), arm, np.minimum(30.0, entry + lost))
        hits += z >= design.level.z
    power = design.with_total(n).power
    assert abs(hits / trials - power) < 3 * math.sqrt(power * (1 - power) / trials)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accrual": 40}, "end of the trial that is not before them"),
        ({"accrual": [5, 3], "pace": [1, 1]}, "rising ends"),
        ({"accrual": [5, 10]}, "as many paces"),
        ({"dropout": -1}, "dropout=-1"),
        ({"formula": "freedman"}, "formula='freedman' is none of"),
    ],
)
def test_refusals(changes, words):
    with pytest.raises(UsageError, match=words):
        design_follow_up(0.5, HAZARD, **({"accrual": 20, "end": 30} | changes))
