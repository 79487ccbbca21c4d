import json
import os
import signal
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from simsepsis.errors import ExperimentError, OutputError, UsageError
from simsepsis.replication import (
    Batch,
    Scan,
    check_backend,
    missing_replicates,
    read_rows,
    remove_drafts,
    run_batches,
    runner,
    scan_parts,
    write_part,
)

BATCH = Batch(run="a", cell=7, first=0, last=2, methods=("crude", "psm"))


def rows_of(batch: Batch) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"cell": batch.cell, "replicate": r, "method": m, "estimand": "rd", "estimate": r + len(m) / 10}
            for r in range(batch.first, batch.last + 1)
            for m in batch.methods
        ]
    )


def mine(batch: Batch) -> bool:
    return batch.run == "a"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "run" / "estimates"
    place.mkdir(parents=True)
    return place


def stored(folder, *batches):
    return [write_part(folder, batch, rows_of(batch)) for batch in batches]


def test_a_part_comes_back_as_it_was_written(folder):
    stored(folder, BATCH)
    scan = scan_parts(folder, mine)
    assert scan.set_aside == ()
    assert [part.batch for part in scan.parts] == [BATCH]
    expected = rows_of(BATCH).sort_values(["replicate", "method"], ignore_index=True)
    pd.testing.assert_frame_equal(read_rows(scan.parts), expected)
    assert list(folder.iterdir()) == [scan.parts[0].path]


def test_the_table_does_not_depend_on_how_the_rows_were_batched(folder, tmp_path):
    single = [replace(BATCH, first=r, last=r, methods=(m,)) for r in (2, 0, 1) for m in ("psm", "crude")]
    other = tmp_path / "other"
    other.mkdir()
    one, many = stored(folder, BATCH), stored(other, *single)
    pd.testing.assert_frame_equal(read_rows(one), read_rows(many))
    pd.testing.assert_frame_equal(read_rows(reversed(many)), read_rows(many))


def test_rows_stored_twice_count_once(folder):
    parts = stored(folder, BATCH, replace(BATCH, last=1))
    assert len(read_rows(parts)) == 6


def test_what_is_missing_is_found_by_replicate_and_method(folder):
    parts = stored(folder, BATCH, replace(BATCH, first=3, last=3, methods=("crude",)))
    missing = list(missing_replicates(parts, 7, ("crude", "psm", "psm_gee"), 5))
    assert missing == [
        (0, 2, ("psm_gee",)),
        (3, 3, ("psm", "psm_gee")),
        (4, 4, ("crude", "psm", "psm_gee")),
    ]
    assert list(missing_replicates(parts, 8, ("crude",), 1)) == [(0, 0, ("crude",))]


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    # A byte of the data, which only a checksum can see.
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, empty, flip])
def test_a_damaged_part_is_set_aside_and_the_others_stay(folder, damage):
    good = replace(BATCH, first=3, last=4)
    bad, _ = stored(folder, BATCH, good)
    damage(bad.path)
    scan = scan_parts(folder, mine)
    assert [part.batch for part in scan.parts] == [good]
    assert len(scan.set_aside) == 1
    assert "is damaged" in scan.set_aside[0]
    assert (folder.parent / "set-aside" / bad.path.name).exists()
    assert scan_parts(folder, mine).set_aside == ()


def test_foreign_parts_are_set_aside(folder):
    stored(folder, replace(BATCH, run="b"))
    rows_of(BATCH).to_parquet(folder / "other.parquet")
    (folder / "notes.txt").write_text("mine")
    scan = scan_parts(folder, mine)
    assert scan.parts == ()
    assert sorted(word for line in scan.set_aside for word in ("another run", "damaged") if word in line) == [
        "another run",
        "damaged",
        "damaged",
    ]


def test_a_part_under_another_name_is_damaged(folder):
    (part,) = stored(folder, BATCH)
    part.path.rename(folder / "copy.parquet")
    assert "is damaged" in scan_parts(folder, mine).set_aside[0]


def test_drafts_of_a_killed_run_are_removed(folder):
    draft = folder / ".draft-123-x.parquet"
    draft.write_bytes(b"half")
    # Another process may only be looking on while a run writes.
    assert scan_parts(folder, mine) == Scan(parts=(), set_aside=())
    assert draft.exists()
    remove_drafts(folder)
    assert list(folder.iterdir()) == []


def test_a_part_that_cannot_be_written_leaves_one_sentence_and_no_draft(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    (kept,) = stored(folder, BATCH)
    monkeypatch.setattr("simsepsis.replication.store.os.fsync", full)
    with pytest.raises(OutputError, match=r"no space left on device.*stored before are safe.*run again"):
        write_part(folder, replace(BATCH, first=3, last=3), rows_of(BATCH))
    assert list(folder.iterdir()) == [kept.path]


def test_stamps_are_plain_json():
    assert json.loads(json.dumps(asdict(BATCH)))["methods"] == ["crude", "psm"]


def square(x: int) -> int:
    return int(np.square(x))


@pytest.mark.parametrize("jobs", [1, 2])
def test_batches_come_from_a_generator_and_all_come_back(jobs):
    assert sorted(run_batches(square, (x for x in range(20)), jobs=jobs)) == [x * x for x in range(20)]


@pytest.mark.parametrize(
    ("backend", "scheduler", "words"),
    [
        ("dusk", None, "backend 'dusk' is unknown; did you mean 'dask'"),
        ("loky", "tcp://a:1", "has no use with backend 'loky'"),
    ],
)
def test_impossible_backends_are_refused(backend, scheduler, words):
    with pytest.raises(UsageError, match=words):
        check_backend(backend, scheduler)


def test_a_backend_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("simsepsis.replication.runner.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs the package distributed, which is not installed"):
        check_backend("dask")


def dies_at_three(x: int) -> int:
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def test_a_killed_worker_is_one_sentence():
    with pytest.raises(ExperimentError, match=r"a worker process was killed.*run again to go on"):
        list(run_batches(dies_at_three, range(8), jobs=2))


def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(runner, "ANSWER_SECONDS", 1)
    with pytest.raises(UsageError, match=r"scheduler 'tcp:.* does not answer; start one"):
        list(run_batches(square, [1], backend="dask", scheduler="tcp://127.0.0.1:9"))
