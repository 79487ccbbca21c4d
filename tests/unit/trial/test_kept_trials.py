"""Simulated trials that are kept on disk: the same to the last bit, and simulated once."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pandas as pd
import pytest

from simsepsis import replication
from simsepsis.errors import ExperimentError, OutputError
from simsepsis.files import sole_use
from simsepsis.trial import build_pool, simulate_trials
from simsepsis.trial.simulation.batch import Results
from simsepsis.trial.simulation.kept import Kept

LOOKS = {"looks.information": [0.5, 1.0], "n_total": 400}


@pytest.fixture
def counted(monkeypatch):
    """Return the batches that are simulated, as they are."""
    seen = []
    real = replication.run_batches

    def watched(task, ranges, **options):
        for first, results in real(task, ranges, **options):
            seen.append((first, len(results.months)))
            yield first, results

    monkeypatch.setattr(replication, "run_batches", watched)
    return seen


def test_kept_trials_are_those_that_are_not_kept(protocol, tmp_path):
    arms = [{"name": "low", "grams_per_kg": 0.9}, {"name": "a high dose", "grams_per_kg": 1.5}]
    for changes in (LOOKS, {"arms": arms, "n_total": 300}):
        told = protocol(changes)
        pool = build_pool(told)
        plain = simulate_trials(told, replicates=150, jobs=1, pool=pool)
        kept = simulate_trials(told, replicates=150, jobs=1, pool=pool, store=tmp_path / "trials")
        pd.testing.assert_frame_equal(kept.trials, plain.trials, check_exact=True)
        pd.testing.assert_frame_equal(kept.looks, plain.looks, check_exact=True)


def test_only_what_is_lacking_is_simulated(protocol, tmp_path, counted):
    told, folder = protocol(LOOKS), tmp_path / "trials"
    pool = build_pool(told)

    def run(one, number, **options):
        counted.clear()
        return simulate_trials(one, replicates=number, jobs=1, pool=pool, store=folder, **options)

    run(told, 100)
    assert counted == [(0, 100)]
    longer = run(told.changed({"words.treatment": "other words"}), 250)
    assert counted == [(100, 100), (200, 50)]
    for options in ({"null": True}, {"seed": 8}, {"n_total": 500}):
        run(told, 50, **options)
        assert counted == [(0, 50)]
    next(iter(sorted(folder.glob("*.npz")))).write_bytes(b"torn")
    again = [run(told, 250), run(told, 250)][1]
    pd.testing.assert_frame_equal(again.trials, longer.trials, check_exact=True)
    assert counted == []


def kept_rows(told, pool, folder):
    return simulate_trials(told, replicates=250, jobs=1, pool=pool, store=folder).trials


def test_damage_to_kept_trials_is_mended_with_the_same_bits(protocol, tmp_path):
    told, folder = protocol(LOOKS), tmp_path / "trials"
    pool = build_pool(told)
    whole = kept_rows(told, pool, folder)
    rng = random.Random(4)

    def flip(path):
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)

    damages = (
        *[flip] * 6,
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: shutil.copy(
            path, path.with_name(f"{'0' if path.name[0] == '1' else '1'}{path.name[1:]}")
        ),
        lambda path: shutil.copy(path, path.with_name("mine.npz")),
        lambda path: path.write_bytes(rng.randbytes(99)),
        lambda path: (path.unlink(), path.mkdir()),
    )
    for damage in damages:
        damage(rng.choice(sorted(folder.glob("*-*.npz"))))
        pd.testing.assert_frame_equal(kept_rows(told, pool, folder), whole, check_exact=True)


def test_kept_trials_that_are_claimed_twice_with_other_numbers_are_refused(protocol, tmp_path):
    told, folder = protocol(LOOKS), tmp_path / "trials"
    pool = build_pool(told)
    kept_rows(told, pool, folder)
    path = sorted(folder.glob("*-*.npz"))[0]
    with np.load(path) as arrays:
        other = dict(arrays)
    other["z"] = other["z"] + 1e-9
    Kept(folder=folder, key=path.name[:16]).write(int(path.name[17:24]), Results(**other))
    with pytest.raises(ExperimentError, match="trials 0 to 99 with different numbers; remove"):
        kept_rows(told, pool, folder)


def test_trials_that_vanish_while_they_are_read_are_no_numbers_by_chance(protocol, tmp_path, monkeypatch):
    told, folder = protocol(LOOKS), tmp_path / "trials"
    pool = build_pool(told)
    kept_rows(told, pool, folder)
    real = Kept.lacking

    def lacking(kept, number):
        found = list(real(kept, number))
        sorted(folder.glob("*-*.npz"))[0].unlink()
        return iter(found)

    monkeypatch.setattr(Kept, "lacking", lacking)
    with pytest.raises(ExperimentError, match="were removed or damaged while they were being read; run"):
        kept_rows(told, pool, folder)


def test_two_plans_at_work_in_one_store_do_not_disturb_each_other(protocol, tmp_path):
    told, folder = protocol(LOOKS), tmp_path / "trials"
    pool = build_pool(told)
    with sole_use(folder), pytest.raises(OutputError, match="trials: another process is at work there; wait"):
        kept_rows(told, pool, folder)
    assert len(kept_rows(told, pool, folder)) == 250
