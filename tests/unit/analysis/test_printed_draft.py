"""Studies drafted from a printed table: what its rows are, and what is refused by its place."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

# No command reads a draft back as numbers, so its parts are opened where they are.
from simsepsis.analysis.drafting.draft import Named
from simsepsis.analysis.drafting.printed_draft import draft_printed, is_printed
from simsepsis.errors import DataError, UsageError
from simsepsis.files import write_files
from simsepsis.fitting.from_tables import fit_ensemble
from simsepsis.fitting.printed_cohort import printed_cohort
from simsepsis.study.published import open_study
from simsepsis.world.cohort import generate_cohort

HEADER = ("variable", "level", "statistic", "arm", "text")
ARM = {
    "drug": {
        "n": 310,
        "age": (66.1, 14.2),
        "site": {"lung": 100, "belly": 210},
        "score": (6, 9, 12),
        "died": 96,
    },
    "no drug": {
        "n": 640,
        "age": (68.0, 15.0),
        "site": {"lung": 390, "belly": 250},
        "score": (5, 7, 10),
        "died": 170,
    },
}


def rows(**changes: object) -> list[tuple[str, ...]]:
    """Return the rows of a table of two arms; `changes`: what both arms print otherwise."""
    found: list[tuple[object, ...]] = []
    for arm, printed in ARM.items():
        for name, value in (printed | changes).items():
            if isinstance(value, dict):
                found += [(name, level, "count", arm, count) for level, count in value.items()]
            elif isinstance(value, tuple):
                statistics = ("mean", "sd") if len(value) == 2 else ("q1", "median", "q3")
                found += [(name, "", kind, arm, one) for kind, one in zip(statistics, value, strict=True)]
            else:
                found.append((name, "", "count", arm, value))
    return [tuple(map(str, row)) for row in found]


def table(folder: Path, lines: list[tuple[str, ...]], header: tuple[str, ...] = HEADER) -> Path:
    """Write a table and return its path."""
    path = folder / "table1.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path


def test_a_table_becomes_a_study_whose_worlds_print_it_again(tmp_path):
    draft = draft_printed(table(tmp_path, rows()), tmp_path / "mine")
    write_files(tmp_path / "mine", {name: text.encode() for name, text in draft.files.items()})
    study = open_study(tmp_path / "mine")
    kinds = {name: (one.role, one.kind) for name, one in study.variables.items()}
    assert kinds == {
        "treatment": ("treatment", "binary"),
        "age": ("covariate", "number"),
        "site": ("covariate", "category"),
        "score": ("covariate", "number"),
        "died": ("outcome", "binary"),
    }
    printed = printed_cohort(study)
    assert printed.sizes == (310, 640)
    assert printed.crude["died"] == pytest.approx((96 / 310, 170 / 640))
    world = fit_ensemble(study, members=1, seed=0, as_printed=True)[0]
    registry = generate_cohort(world.scenario, seed=1, n=40_000).registry
    treated = registry["treatment"] == 1
    # 3 standard errors of 13,000 treated, and of the tilt's own sample
    assert registry.loc[treated, "age"].mean() == pytest.approx(66.1, abs=0.6)
    assert (registry.loc[treated, "site"] == "lung").mean() == pytest.approx(100 / 310, abs=0.02)
    assert registry["score"].min() >= 0.0
    assert registry.groupby(treated)["died"].mean().tolist() == pytest.approx(
        [170 / 640, 96 / 310], abs=0.015
    )


@pytest.mark.parametrize(
    ("outcome", "summary", "wanted"),
    [
        ("age", ("mean", "std"), [[68.0, 15.0], [66.1, 14.2]]),
        ("score", ((0.25, 0.5, 0.75),), [[5, 7, 10], [6, 8.4, 12]]),
    ],
    ids=["mean and SD", "quartiles"],
)
def test_an_outcome_that_is_a_number_is_printed_again(tmp_path, outcome, summary, wanted):
    lines = [(*row[:4], "8.4") if row[2:] == ("median", "drug", "9") else row for row in rows()]
    draft = draft_printed(table(tmp_path, lines), tmp_path / "mine", Named(outcome=(outcome,)))
    write_files(tmp_path / "mine", {name: text.encode() for name, text in draft.files.items()})
    study = open_study(tmp_path / "mine")
    assert study.spec.numeric_outcomes == (outcome,)
    assert f'estimands = ["md_{outcome}"]' in draft.files["experiments/first.toml"]
    for world in fit_ensemble(study, members=3, seed=1, as_printed=True):
        registry = generate_cohort(world.scenario, seed=1, n=40_000).registry
        arms = registry.groupby("treatment")[outcome]
        found = arms.agg(list(summary)) if len(summary) == 2 else arms.quantile(list(summary[0])).unstack()
        assert np.abs(found.to_numpy() - wanted).max() < 0.1 * arms.std().max()
        if len(summary) == 2:
            assert found["mean"].tolist() == pytest.approx([68.0, 66.1], abs=0.03 * 15)
        means = world.profile.crude[outcome]
        assert means[::-1] == pytest.approx(arms.mean().tolist(), abs=0.03 * arms.std().max())


def test_the_first_experiment_runs_through_all_worlds(tmp_path):
    draft = draft_printed(table(tmp_path, rows()), tmp_path / "mine")
    assert draft.files["experiments/first.toml"].count("[[cells]]") == 12


@pytest.mark.parametrize(
    ("changes", "named", "words"),
    [
        ({"died": (1.0, 2.0)}, {}, "which variable is the outcome"),
        ({}, {"outcome": ("site",)}, "--outcome 'site': is a category"),
        ({}, {"outcome": ("dead",)}, "no such variable"),
        ({}, {"treated": "placebo"}, "--treated 'placebo'"),
        ({}, {"treatment": "age"}, "--treatment 'age'"),
        ({"site": {"a;b": 10, "c": 20}}, {}, "level 'a;b'"),
        ({"age": ("old", 3)}, {}, "text 'old' is no number"),
    ],
)
def test_what_a_table_lacks_is_one_sentence(tmp_path, changes, named, words):
    path = table(tmp_path, rows(**changes))
    with pytest.raises((DataError, UsageError), match=words) as refused:
        draft_printed(path, tmp_path / "mine", Named(**named))
    assert str(refused.value).count("\n") == 0


def test_arms_that_do_not_say_which_was_treated_are_asked_for(tmp_path):
    lines = [
        tuple("A" if cell == "drug" else "B" if cell == "no drug" else cell for cell in row) for row in rows()
    ]
    path = table(tmp_path, lines)
    with pytest.raises(UsageError, match="which arm was treated, A or B"):
        draft_printed(path, tmp_path / "mine")
    draft = draft_printed(path, tmp_path / "mine", Named(treated="B"))
    assert "Arms: B (treated) and A (control)." in draft.summary
    with pytest.raises(DataError, match="compares two arms"):
        draft_printed(table(tmp_path, [*lines, ("n", "", "count", "C", "3")]), tmp_path / "mine")


def test_a_cohort_is_no_printed_table(tmp_path):
    assert is_printed(table(tmp_path, rows()))
    assert not is_printed(table(tmp_path, [("1", "0", "a", "b", "c")], ("arm", "died", "age", "sex", "text")))
    assert not is_printed(tmp_path / "nowhere.csv")
