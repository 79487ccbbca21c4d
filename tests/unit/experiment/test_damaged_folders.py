"""Every kind of damage to every file of a run folder: harmless, or seen and said in one sentence."""

import random
import re
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis.errors import ExperimentError, SimsepsisError
from simsepsis.experiment import load_plan, open_run, run_experiment, summarize_run, verify
from simsepsis.experiment.sealed import close_seal, open_seal, run_mark, seal_of, stored_truth, write_truth
from simsepsis.replication import scan_parts, write_part

EFFECT = (('base = "thesis-v1"', 'base = "thesis"'), ("seed = 5", "seed = 5\ntruth_population = 1000"))
RESULTS = ("performance.csv", "accept.csv")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, quick_plan_text):
    """Return the folder of a plan and of a finished run of it, which tests must not change."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.toml").write_text(quick_plan_text(*EFFECT, ("replicates = 6", "replicates = 3")))
    run_experiment(folder / "small.toml", folder / "r", jobs=1)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """Return the folder of a copy of the run."""
    shutil.copytree(finished / "r", tmp_path / "r")
    return tmp_path / "r"


def files_of(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("*") if path.is_file())


def results_of(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in RESULTS]


# --- kinds of damage --------------------------------------------------------------------------------


def flip(path: Path, run: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    bit = rng.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


def truncate(path: Path, run: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(1, len(content))])


def empty(path: Path, run: Path, rng: random.Random) -> None:
    path.write_bytes(b"")


def delete(path: Path, run: Path, rng: random.Random) -> None:
    path.unlink()


def swap(path: Path, run: Path, rng: random.Random) -> None:
    other = rng.choice([one for one in files_of(run) if one != path])
    contents = path.read_bytes(), other.read_bytes()
    other.write_bytes(contents[0])
    path.write_bytes(contents[1])


def copy_under_a_like_name(path: Path, run: Path, rng: random.Random) -> None:
    place = rng.randrange(len(path.stem))
    digit = "0" if path.stem[place] != "0" else "1"
    shutil.copy(path, path.with_name(f"{path.stem[:place]}{digit}{path.stem[place + 1 :]}{path.suffix}"))


def copy_under_another_name(path: Path, run: Path, rng: random.Random) -> None:
    shutil.copy(path, path.with_name(f"Copy of {path.name}"))


def overwrite(path: Path, run: Path, rng: random.Random) -> None:
    path.write_bytes(rng.randbytes(400))


def put_a_folder(path: Path, run: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (
    flip,
    truncate,
    empty,
    delete,
    swap,
    copy_under_a_like_name,
    copy_under_another_name,
    overwrite,
    put_a_folder,
)


def answer(call, *arguments, **options) -> str:
    """Return the one sentence of a refusal; empty where there is none. Anything else is an error."""
    said = ""
    try:
        call(*arguments, **options)
    except SimsepsisError as refusal:
        said = str(refusal)
    assert "\n" not in said
    assert not said or "; " in said
    return said


def assert_harmless_or_said(run: Path, whole: list[bytes]) -> None:
    """A summary has the numbers that it had, or a sentence says why it has not."""
    said = []

    def summarize():
        found = summarize_run(run)
        said.extend(found.notes)
        said.extend(["unfinished"] * found.unfinished)

    if not answer(summarize) and not said:
        assert results_of(run) == whole


def assert_mended(plan: Path, run: Path, whole: list[bytes]) -> None:
    """The same command makes good again what was damaged, unless a folder stands in the way of a file."""
    said = answer(run_experiment, plan, run, jobs=1)
    if said:
        assert "is a directory" in said
        return
    assert results_of(run) == whole
    assert run_experiment(plan, run, jobs=1).computed == 0
    assert verify(run, fraction=0.3, jobs=1).different_truths.empty


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_to_one_file_of_each_kind_is_harmless_or_said(finished, run, tmp_path, damage):
    rng = random.Random(damage.__name__)
    kinds = {(path.parent.name, path.suffix): path.relative_to(run) for path in files_of(run)}
    assert len(kinds) == 6
    # Of the other damages each meets every second kind; the slow test tries them all.
    which, step = DAMAGES.index(damage), 1 if damage in (flip, delete) else 2
    for number, place in enumerate([*kinds.values()][which % step :: step]):
        copy = tmp_path / str(number)
        shutil.copytree(run, copy)
        damage(copy / place, copy, rng)
        assert_harmless_or_said(copy, results_of(finished / "r"))
        answer(verify, copy, fraction=0.3, jobs=1)
        if damage in (flip, delete):
            assert_mended(finished / "small.toml", copy, results_of(finished / "r"))


@pytest.mark.slow
@pytest.mark.parametrize("damage", [*DAMAGES, *[flip] * 9], ids=lambda damage: damage.__name__)
def test_damage_to_every_file_is_harmless_or_said_and_mended(finished, run, tmp_path, damage, request):
    rng = random.Random(request.node.name)
    for number, place in enumerate(path.relative_to(run) for path in files_of(run)):
        copy = tmp_path / str(number)
        shutil.copytree(run, copy)
        damage(copy / place, copy, rng)
        assert_harmless_or_said(copy, results_of(finished / "r"))
        answer(verify, copy, fraction=0.3, jobs=1)
        assert_mended(finished / "small.toml", copy, results_of(finished / "r"))
        shutil.rmtree(copy)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plan.toml", "truth.parquet", "cells"])
def test_no_flipped_bit_of_what_has_a_seal_is_trusted(run, name):
    path = run / name if (run / name).is_file() else files_of(run / name)[0]
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        seal = seal_of(bytes(changed))
        assert seal is None or not seal.whole


# --- what is said -----------------------------------------------------------------------------------


def flip_a_digit_of_a_truth(run: Path) -> None:
    """Change the last bit of one truth in the file's own bytes."""
    content, truth = (run / "truth.parquet").read_bytes(), pd.read_parquet(run / "truth.parquet")
    at = content.index(truth["value"].dropna().iloc[0].tobytes())
    changed = bytearray(content)
    changed[at] ^= 1
    (run / "truth.parquet").write_bytes(bytes(changed))
    assert not pd.read_parquet(run / "truth.parquet").equals(truth)


def test_a_flipped_bit_of_a_truth_is_refused_by_readers_and_mended_by_a_run(finished, run):
    flip_a_digit_of_a_truth(run)
    for read in (summarize_run, lambda path: verify(path, jobs=1)):
        with pytest.raises(ExperimentError, match=r"truth\.parquet: is damaged; type `simsepsis run"):
            read(run)
    again = run_experiment(finished / "small.toml", run, jobs=1)
    assert again.notes == ("truth.parquet is damaged; it is now in set-aside and made again",)
    assert results_of(run) == results_of(finished / "r")


def test_a_world_under_the_key_of_another_is_refused_and_settled_again(finished, run):
    one, other = files_of(run / "cells")
    shutil.copy(one, other)
    with pytest.raises(ExperimentError, match=rf"{other.name}: is a copy of cells/{one.name}; type"):
        summarize_run(run)
    assert run_experiment(finished / "small.toml", run, jobs=1).computed == 0
    assert other.read_bytes() == (finished / "r" / "cells" / other.name).read_bytes()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda path: path.write_text(""),
            r"plan\.toml: is empty or damaged; type `simsepsis run PLAN --out",
        ),
        (lambda path: path.unlink(), r"has lost its plan\.toml; type `simsepsis run PLAN --out"),
        (
            lambda path: path.write_text(path.read_text().replace("seed = 5", "seed = 4")),
            r"plan\.toml: was changed or damaged after the run had written it; type `simsepsis run PLAN",
        ),
        (
            lambda path: path.write_text(path.read_text().replace("[0.0, 1.0]", "[0.0, 2.0]")),
            r"plan\.toml: was changed or damaged after the run had written it; type `simsepsis run PLAN",
        ),
        (lambda path: shutil.copy(path.parents[1] / "small.toml", path), r"its plan\.toml has no seal"),
    ],
)
def test_a_plan_that_was_lost_or_damaged_says_how_to_mend_it(finished, run, damage, words):
    shutil.copy(finished / "small.toml", run.parent)
    damage(run / "plan.toml")
    with pytest.raises(ExperimentError, match=words):
        summarize_run(run)
    again = run_experiment(finished / "small.toml", run, jobs=1)
    assert again.computed == 0
    assert "plan.toml was" in again.notes[0]
    assert "is written again" in again.notes[0]
    assert results_of(run) == results_of(finished / "r")
    assert summarize_run(run).notes == ()


def test_a_claim_that_was_changed_afterwards_is_said(run):
    text = (run / "plan.toml").read_text()
    (run / "plan.toml").write_text(text.replace("[-0.5, 0.5]", "[-0.9, 0.9]"))
    (note,) = summarize_run(run).notes
    assert "plan.toml: was changed or damaged after the run had written it; unless you changed it" in note


def test_a_folder_without_a_plan_is_not_taken_over_by_another_one(finished, run, quick_plan_text):
    other = run.parent / "other.toml"
    other.write_text(quick_plan_text(*EFFECT, ("seed = 5", "seed = 6")))
    (run / "plan.toml").unlink()
    # How many parts a run has depends on its pace.
    before = files_of(run / "estimates")
    with pytest.raises(ExperimentError, match=r"another run \(small, seed 5, .*\); name another"):
        run_experiment(other, run, jobs=1)
    assert files_of(run / "estimates") == before


def test_a_run_of_an_older_simsepsis_says_what_to_do(finished, run):
    plan = load_plan(run / "plan.toml")
    (run / "plan.toml").write_text("\n".join((run / "plan.toml").read_text().splitlines()[1:]))
    for part in scan_parts(run / "estimates", lambda _: True).parts:
        rows = pd.read_parquet(part.path)
        part.path.unlink()
        write_part(run / "estimates", replace(part.batch, run=f"{plan.name}, seed {plan.run.seed}"), rows)
    with pytest.raises(ExperimentError, match="of an older simsepsis, whose files cannot be"):
        summarize_run(run)
    with pytest.raises(ExperimentError, match=r"holds a run of an older simsepsis.*name another"):
        run_experiment(finished / "small.toml", run, jobs=1)


def remade_by(run: Path, made_by: str) -> None:
    """Have a run carry the marks of another version, as if that had made it."""
    plan = load_plan(run / "plan.toml")
    old, new = run_mark(plan), run_mark(plan, made_by)
    for path in [run / "plan.toml", run / "truth.parquet", *files_of(run / "cells")]:
        place = str(path.relative_to(run))
        content = path.read_bytes()
        seal = seal_of(content)
        closed = open_seal(place, old)[:-16].encode()
        at = content.index(closed)
        assert len(old) == len(new)
        blank = content[:at] + open_seal(place, new).encode() + content[at + len(closed) + 16 :]
        assert seal is not None
        path.write_bytes(close_seal(blank))
    for part in scan_parts(run / "estimates", lambda _: True).parts:
        rows = pd.read_parquet(part.path)
        part.path.unlink()
        write_part(run / "estimates", replace(part.batch, run=new), rows)


def test_rows_of_another_version_are_read_and_verified_but_not_gone_on_with(finished, run):
    here = version("simsepsis")
    there = f"{here[:-1]}{'9' if here[-1] != '9' else '8'}"
    remade_by(run, there)
    assert summarize_run(run).notes == ()
    assert results_of(run) == results_of(finished / "r")
    found = verify(run, fraction=0.3, jobs=1)
    assert found.different.empty
    assert f"The rows were computed by simsepsis {there}" in found.notes[0]
    with pytest.raises(ExperimentError, match=rf"was computed by simsepsis {re.escape(there)}, and this is"):
        run_experiment(finished / "small.toml", run, jobs=1)


def copied_part(run: Path, change) -> None:
    """Store the rows of a cell a second time, in a batch of its own, after a change."""
    parts = scan_parts(run / "estimates", lambda _: True).parts
    # How many replicates a batch holds depends on the pace.
    own = [part for part in parts if part.batch.cell == parts[0].batch.cell]
    rows = pd.concat([pd.read_parquet(part.path) for part in own], ignore_index=True)
    rows = rows.drop_duplicates(["replicate", "method", "estimand"])
    change(rows)
    last = max(part.batch.last for part in own)
    write_part(run / "estimates", replace(own[0].batch, last=last), rows)


def test_two_parts_of_the_same_replicates_must_agree(finished, run):
    copied_part(run, lambda rows: rows.__setitem__("seconds", rows["seconds"] * 2))
    summarize_run(run)
    assert results_of(run) == results_of(finished / "r")

    def change(rows):
        rows.loc[0, "estimate"] = np.nextafter(rows.loc[0, "estimate"], 9)

    copied_part(run, change)
    for read in (summarize_run, lambda path: run_experiment(finished / "small.toml", path, jobs=1)):
        with pytest.raises(ExperimentError, match="the same replicates with different numbers; remove"):
            read(run)


def test_readers_move_nothing(run):
    part = files_of(run / "estimates")[0]
    part.write_bytes(part.read_bytes()[:-1])
    (run / "estimates" / "notes.txt").write_text("mine")
    with pytest.raises(ExperimentError, match=rf"estimates: {part.name} is damaged; type `simsepsis run"):
        summarize_run(run)
    assert part.exists()
    assert (run / "estimates" / "notes.txt").exists()
    assert not (run / "set-aside").exists()


def test_verify_sees_a_truth_that_was_computed_otherwise(run):
    mark = open_run(run).run
    truth = stored_truth(run, mark)
    place = truth.index[truth["value"].notna()]
    truth.loc[place, "value"] += 1e-4
    write_truth(run, truth, mark)
    found = verify(run, fraction=1.0, jobs=1)
    assert found.different.empty
    assert found.truths == len(truth)
    assert len(found.different_truths) == len(place)
    assert set(found.different_truths["column"]) == {"value"}
    assert found.beyond_rounding > 0


def test_verify_tells_rounding_from_what_is_wrong(run):
    part = scan_parts(run / "estimates", lambda _: True).parts[0]
    for factor, beyond in ((1 + 1e-12, 0), (1 + 1e-4, 1)):
        rows = pd.read_parquet(part.path)
        rows.loc[rows.index[rows["estimate"].abs() > 0][0], "estimate"] *= factor
        part.path.unlink()
        part = write_part(run / "estimates", part.batch, rows)
        found = verify(run, fraction=1.0, jobs=1)
        assert len(found.different) == 1
        assert found.beyond_rounding == beyond
