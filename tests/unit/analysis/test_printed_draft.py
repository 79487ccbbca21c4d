"""Studies drafted from a printed table: what its rows are, and what is refused by its place."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

# No command reads a draft back as numbers, so its parts are opened where they are.
from simsepsis.analysis.drafting.draft import Named
from simsepsis.analysis.drafting.printed_draft import draft_printed, is_printed
from simsepsis.errors import DataError, UsageError
from simsepsis.files import write_files
from simsepsis.fitting.from_tables import fit_ensemble
from simsepsis.fitting.printed_cohort import printed_cohort
from simsepsis.study.published import Study, open_study
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
    study = written(tmp_path, lines, outcome=(outcome,))
    assert study.spec.numeric_outcomes == (outcome,)
    assert f'estimands = ["md_{outcome}"]' in (study.folder / "experiments" / "first.toml").read_text()
    for world in fit_ensemble(study, members=3, seed=1, as_printed=True):
        registry = generate_cohort(world.scenario, seed=1, n=40_000).registry
        arms = registry.groupby("treatment")[outcome]
        found = arms.agg(list(summary)) if len(summary) == 2 else arms.quantile(list(summary[0])).unstack()
        assert np.abs(found.to_numpy() - wanted).max() < 0.1 * arms.std().max()
        if len(summary) == 2:
            assert found["mean"].tolist() == pytest.approx([68.0, 66.1], abs=0.03 * 15)
        means = world.profile.crude[outcome]
        assert means[::-1] == pytest.approx(arms.mean().tolist(), abs=0.03 * arms.std().max())


def of_clusters(*, clusters: str = "24", icc: str | None = None) -> list[tuple[str, ...]]:
    """Return a table that says how many hospitals there were."""
    extra = [("hospital", "", "clusters", "", clusters)] * (clusters != "")
    return [*rows(), *extra, *([("hospital", "", "icc", "", icc)] if icc else [])]


def written(folder: Path, lines: list[tuple[str, ...]], **named: object) -> Study:
    """Return the study that is drafted from a table."""
    draft = draft_printed(table(folder, lines), folder / "mine", Named(**named))
    write_files(folder / "mine", {name: text.encode() for name, text in draft.files.items()})
    return open_study(folder / "mine")


def anova_icc(values: pd.Series, cluster: pd.Series) -> float:
    """Return the ICC of a one-way analysis of variance."""
    groups = values.groupby(cluster)
    n, k = groups.size(), groups.ngroups
    between = (n * (groups.mean() - values.mean()) ** 2).sum() / (k - 1)
    within = ((values - groups.transform("mean")) ** 2).sum() / (len(values) - k)
    typical = (len(values) - (n**2).sum() / len(values)) / (k - 1)
    return float((between - within) / (between + (typical - 1) * within))


def test_clusters_without_an_icc_differ_from_world_to_world(tmp_path):
    study = written(tmp_path, of_clusters())
    assert study.spec.cluster == "hospital"
    ensemble = fit_ensemble(study, members=6, seed=3)
    assert sorted({world.assumption.between for world in ensemble}) == [0.0, 0.05, 0.15]
    assert "No ICC of outcomes and treatment between the 24 clusters is printed" in ensemble[0].notes[-1]
    for world in ensemble:
        registry = generate_cohort(world.scenario, seed=1, n=60_000).registry
        assert registry["hospital"].nunique() == 24
        for name in ("died", "treatment"):
            found = anova_icc(registry[name].astype(float), registry["hospital"])
            # 24 clusters are drawn, and their effects have the stated variance weighted by size.
            assert found == pytest.approx(
                world.assumption.between, abs=0.3 * world.assumption.between + 0.003
            )
        crude = registry.groupby("treatment")["died"].mean().tolist()
        assert crude == pytest.approx([170 / 640, 96 / 310], abs=0.015)


def test_a_printed_icc_is_that_of_the_outcome(tmp_path):
    ensemble = fit_ensemble(written(tmp_path, of_clusters(icc="0.10")), members=3, seed=3)
    for world in ensemble:
        registry = generate_cohort(world.scenario, seed=1, n=60_000).registry
        assert anova_icc(registry["died"].astype(float), registry["hospital"]) == pytest.approx(
            0.10, abs=0.03
        )
    assert len({world.assumption.between for world in ensemble}) == 3


def test_clusters_of_a_number_keep_its_margin(tmp_path):
    for world in fit_ensemble(written(tmp_path, of_clusters(), outcome=("age",)), members=3, seed=3):
        registry = generate_cohort(world.scenario, seed=1, n=60_000).registry
        assert registry["age"].std() == pytest.approx(14.8, rel=0.05)
        found = anova_icc(registry["age"], registry["hospital"])
        assert found == pytest.approx(world.assumption.between, abs=0.3 * world.assumption.between + 0.003)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"clusters": "5000"}, "ospital.*'5000' clusters of 950 patients; write a whole number"),
        ({"clusters": "1"}, "'1' clusters of 950 patients"),
        ({"clusters": "2.5"}, "'2.5' clusters"),
        ({"icc": "1.4"}, "'1.4' is no ICC; write 0 or more"),
        ({"icc": "-0.1"}, "'-0.1' is no ICC"),
        ({"clusters": "", "icc": "0.05"}, "'0.05' stands alone; add the number of clusters"),
    ],
)
def test_clusters_that_cannot_be_are_refused_by_their_place(tmp_path, wrong, words):
    with pytest.raises(DataError, match=words) as refused:
        printed_cohort(written(tmp_path, of_clusters(**wrong)))
    assert "table1.csv" in str(refused.value)
    assert "\n" not in str(refused.value)


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
