"""Simulated trials that are kept on disk: the same to the last bit, and simulated once."""

from __future__ import annotations

import pandas as pd
import pytest

from simsepsis.trial import build_pool, simulate_trials
from simsepsis.trial.simulation import simulate

LOOKS = {"looks.information": [0.5, 1.0], "n_total": 400}


@pytest.fixture
def counted(monkeypatch):
    """Return the batches that are simulated, as they are."""
    seen = []
    real = simulate.run_batches

    def watched(task, ranges, **options):
        for first, results in real(task, ranges, **options):
            seen.append((first, len(results.months)))
            yield first, results

    monkeypatch.setattr(simulate, "run_batches", watched)
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
    next(iter(sorted(folder.glob("*.parquet")))).write_bytes(b"torn")
    again = [run(told, 250), run(told, 250)][1]
    pd.testing.assert_frame_equal(again.trials, longer.trials, check_exact=True)
    assert counted == []
