"""Categories that strain the score are said, with what they do to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from own_cohorts import own_cohort, own_spec

from simsepsis.analysis import frames
from simsepsis.analysis.balance import ecdf_distances
from simsepsis.analysis.doubts import category_doubts
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.thesis_analysis import analyze


def notes_of(frame: pd.DataFrame, **settings) -> tuple[str, ...]:
    spec = own_spec(**settings)
    return tuple(doubt.sentence for doubt in category_doubts(encode_cohort(frame, spec), spec))


def test_hundreds_of_levels() -> None:
    frame = own_cohort(3000)
    rng = np.random.default_rng(1)
    codes = rng.choice(300, 3000, p=rng.dirichlet(np.full(300, 0.6)))
    frame["icd"] = [f"c{code:03d}" for code in codes]
    (note,) = notes_of(frame, covariates=("age", "icd"))
    sizes = frame["icd"].value_counts()
    means = frame.groupby("icd")["drug"].mean()
    alone = means.index[means.isin([0, 1])]
    assert note.startswith(
        f"'icd' has {len(sizes)} levels, {(sizes < 10).sum()} of them with fewer than 10 patients: the score "
        f"has {len(sizes) - 1} terms for it, and the {sizes[alone].sum()} patients of {len(alone)} levels "
        "that only one arm has find no partner"
    )
    assert note.endswith("group the levels in recode.icd, or leave the column out.")


def test_a_rare_level_is_named() -> None:
    frame = own_cohort(400)
    frame["ward"] = np.where(frame.index < 3, "burns", np.where(frame.index % 2, "north", "south"))
    frame.loc[:2, "drug"] = [0, 1, 0]
    (note,) = notes_of(frame, covariates=("age", "ward"))
    assert "'ward' has 3 levels, 1 of them with fewer than 10 patients ('burns')" in note
    assert "unstable" in note
    assert notes_of(frame, covariates=("age", "sex")) == ()


def test_many_levels_none_of_them_rare_and_numbers_as_categories() -> None:
    frame = own_cohort(2000)
    frame["site"] = [f"s{row % 31}" for row in range(2000)]
    frame["beds"] = frame.index % 40
    assert "'site' has 31 levels: the score has 30 terms" in notes_of(frame, covariates=("age", "site"))[0]
    (note,) = notes_of(frame, covariates=("age", "beds"), score_categories=("beds",))
    assert note.startswith("'beds' has 40 levels: ")
    assert notes_of(frame, covariates=("age", "beds")) == ()


def test_balance_of_levels_is_not_sorted_level_by_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances of 0/1 columns are differences of proportions; sorting each took half of the time."""
    frame = own_cohort(2000)
    frame["site"] = [f"s{row % 200}" for row in range(2000)]
    sorted_columns = []

    def watched(values, treated):
        sorted_columns.append(len(values))
        return ecdf_distances(values, treated)

    monkeypatch.setattr(frames, "ecdf_distances", watched)
    found = analyze(frame, own_spec(covariates=("age", "site")))
    rows = found.balance.query("variable == 'site'")
    assert sorted_columns == [1, 1]
    both = (rows["mean_treated"] - rows["mean_control"]).abs()
    np.testing.assert_allclose(rows["ecdf_mean"], both, atol=1e-15)
    np.testing.assert_allclose(rows["ecdf_max"], both, atol=1e-15)


def test_a_binary_covariate_with_gaps_keeps_its_distances() -> None:
    frame = own_cohort(400).astype({"dialysis": float})
    frame.loc[:30, "dialysis"] = np.nan
    spec = own_spec(covariates=("age", "dialysis"), missing={"dialysis": "indicator"})
    row = analyze(frame, spec).balance.query("variable == 'dialysis' and phase == 'before'").iloc[0]
    shares = frame.groupby("drug")["dialysis"].mean()
    assert row["ecdf_max"] == pytest.approx(abs(shares[1] - shares[0]))
