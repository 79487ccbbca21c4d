"""Worlds calibrated anew: how print is judged among them, and to what they are calibrated."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis.errors import UsageError
from simsepsis.performance.goodness_of_fit import Vectors
from simsepsis.reproduction import reproduce
from simsepsis.reproduction.ensemble import REPLICATES, between_within, judge_worlds
from simsepsis.studies.jseptic_ivigg.world.calibration.anew import KEPT, printed_by, recalibrate
from simsepsis.studies.jseptic_ivigg.world.calibration.assumed import mechanisms
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import load_targets
from simsepsis.study.published import open_study
from simsepsis.world.files import load_scenario

WORLDS, D = 30, 12
WORLD = np.repeat(np.arange(WORLDS), REPLICATES)


def draws_of(rng: np.random.Generator, between: float, d: int = D) -> np.ndarray:
    """Return replicates of worlds whose means differ by a standard deviation, that within a world being 1."""
    means = between * rng.standard_normal((WORLDS, d))
    return means[WORLD] + rng.standard_normal((WORLDS * REPLICATES, d))


def test_spread_between_worlds_is_found_and_chance_is_taken_out():
    rng = np.random.default_rng(1)
    assert np.median(between_within(draws_of(rng, 1.0, 400), WORLD)) == pytest.approx(1.0, abs=0.05)
    assert np.mean(between_within(draws_of(rng, 0.0, 400), WORLD)) < 0.12


def test_print_from_a_further_world_is_judged_as_one_of_them():
    rng, p, z2 = np.random.default_rng(2), [], []
    for _ in range(150):
        observed = rng.standard_normal(D) + rng.standard_normal(D)
        vectors = Vectors(observed=observed, draws=draws_of(rng, 1.0), rounding=np.zeros(D))
        judged = judge_worlds(vectors, WORLD)
        p.append(judged.p)
        z2.append(judged.observed)
    # Thirty worlds tell the spread between them by a thirtieth too small, and their mean as much too well.
    assert np.mean(z2) == pytest.approx(1.03, abs=4 * np.sqrt(2 / D / 150))
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(150))


def test_worlds_that_differ_do_not_hide_what_none_of_them_gives():
    rng = np.random.default_rng(3)
    vectors = Vectors(observed=np.full(D, 5.0), draws=draws_of(rng, 0.5), rounding=np.zeros(D))
    assert judge_worlds(vectors, WORLD).p == pytest.approx(1 / (1 + len(WORLD)))


def test_tables_of_a_registry_are_read_as_the_printed_ones():
    printed, own = load_targets(), printed_by(load_scenario("thesis"), seed=3, replicate=0)
    assert own.cells.keys() == printed.cells.keys()
    assert np.isfinite(list(own.cells.values())).all()
    assert abs(own.share - printed.share) < 4 * np.sqrt(0.31 * 0.69 / 3118)
    shares = [(own.pooled(name), printed.pooled(name)) for name in ("male", "icu_death", "pmx")]
    assert all(abs(one - other) < 4 * np.sqrt(other / 3118) for one, other in shares)


@pytest.mark.slow
def test_a_world_calibrated_anew_keeps_what_no_table_tells():
    world = load_scenario("rr081")
    anew = recalibrate(world, seed=7)
    assert {name: getattr(anew, name) for name in KEPT} == {name: getattr(world, name) for name in KEPT}
    assert len(world.fitted_after_looking) == len(mechanisms())
    assert anew.icus.roster.beds != world.icus.roster.beds


def test_a_world_without_printed_tables_cannot_be_calibrated_anew():
    study = open_study("rhc")
    scenario = study.scenario(next(iter(study.files("scenarios"))))
    with pytest.raises(UsageError, match="was not calibrated to printed tables"):
        scenario.recalibrated(seed=1)


def test_two_worlds_are_no_ensemble():
    with pytest.raises(UsageError, match="2 worlds are no ensemble; give 3 or more"):
        reproduce(replicates=1, ensemble=2)
