"""The shipped spec of a real cohort: on made-up patients in the shape of its file, and on the file itself."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from simsepsis.analysis.cohort_file import read_cohort
from simsepsis.analysis.sensitivity import sensitivity_table
from simsepsis.analysis.spec_files import load_spec
from simsepsis.analysis.thesis_analysis import Analysis, analyze
from simsepsis.show.pages.analysis import analysis_page
from simsepsis.show.plots.drawings import draw_analysis

SPEC = load_spec("analysis-rhc")
FILE = Path(os.environ.get("SIMSEPSIS_RHC", Path(__file__).parents[3] / "shared" / "data" / "rhc.csv"))
YES_NO = ("resp", "card", "neuro", "gastr", "renal", "meta", "hema", "seps", "trauma", "ortho", "dnr1")


@pytest.fixture(scope="module")
def made_up() -> pd.DataFrame:
    """Return 500 invented patients with the columns, codes and gaps of the public file."""
    rng = np.random.default_rng(11)
    n = 500
    known = {name: list(levels) for name, levels in SPEC.levels.items()}
    numbers = [name for name in SPEC.covariates if name not in {*known, *YES_NO, "male"}]
    frame = pd.DataFrame({name: rng.normal(50, 10, n) for name in numbers})
    for name in numbers:
        if name.endswith("hx"):
            frame[name] = (rng.random(n) < 0.2).astype(int)
    for name, levels in known.items():
        frame[name] = rng.choice(levels, n)
    frame["cat2"] = frame["cat2"].where(frame["cat2"] != "none")
    frame["urin1"] = frame["urin1"].where(rng.random(n) < 0.5)
    frame["wtkilo1"] = frame["wtkilo1"].where(rng.random(n) < 0.9, 0.0)
    for name in YES_NO:
        frame[name] = np.where(rng.random(n) < 0.3, "Yes", "No")
    frame["sex"] = rng.choice(["Male", "Female"], n)
    sick = (frame["aps1"] - 50) / 10
    treated = rng.random(n) < 1 / (1 + np.exp(0.6 - 0.8 * sick))
    frame["swang1"] = np.where(treated, "RHC", "No RHC")
    days = np.ceil(rng.exponential(60 / np.exp(0.4 * sick))).astype(int) + 1
    frame["dth30"] = np.where(days <= 30, "Yes", "No")
    frame["death"] = np.where(days <= 180, "Yes", "No")
    frame["t3d30"] = np.minimum(days, 30)
    frame["sadmdte"] = 11_000 + rng.integers(0, 900, n)
    frame["dschdte"] = frame["sadmdte"] + np.minimum(days, rng.integers(2, 60, n)).astype(float)
    frame.loc[0, "dschdte"] = np.nan
    frame["ptid"] = np.arange(1, n + 1)
    return frame


@pytest.fixture(scope="module")
def analysis(made_up: pd.DataFrame) -> Analysis:
    return analyze(made_up, SPEC, seed=1)


def test_rules_of_the_spec_hold_on_made_up_patients(analysis: Analysis, made_up: pd.DataFrame) -> None:
    result = analysis.result
    assert result.flow.analysed == len(made_up)
    assert result.cohort.levels["cat2"][0] == "none"
    assert result.cohort.column("wtkilo1_missing").sum() == (made_up["wtkilo1"] == 0).sum()
    assert result.cohort.column("urin1_missing").sum() == made_up["urin1"].isna().sum()
    stay = (made_up["dschdte"] - made_up["sadmdte"]).to_numpy()
    np.testing.assert_array_equal(result.cohort.column("hospital_days"), stay)
    assert not result.models
    assert not analysis.estimates["method"].str.contains("gee").any()
    assert result.survival is not None
    assert result.survival.value is not None
    assert not result.survival.value.follow_up.left.any()
    matched = analysis.estimates[analysis.estimates["method"] != "breslow_day_apache3"]
    assert matched["converged"].all()
    table = analysis.tables["table1"]
    chosen = (
        (table["variable"] == "wtkilo1") & (table["statistic"] == "median") & (table["phase"] == "before")
    )
    (median,) = table[chosen & (table["arm"] == "treated")]["value"]
    known = made_up[(made_up["wtkilo1"] > 0) & (made_up["swang1"] == "RHC")]["wtkilo1"]
    assert median == pytest.approx(known.median())


def test_score_equals_statsmodels_on_the_written_out_design(
    analysis: Analysis, made_up: pd.DataFrame
) -> None:
    filled = made_up.assign(
        cat2=made_up["cat2"].fillna("none"),
        male=(made_up["sex"] == "Male").astype(float),
        wtkilo1_missing=(made_up["wtkilo1"] == 0).astype(float),
        urin1_missing=made_up["urin1"].isna().astype(float),
        urin1=made_up["urin1"].fillna(0.0),
        **{name: (made_up[name] == "Yes").astype(float) for name in YES_NO},
    )
    X = pd.get_dummies(filled[list(SPEC.score_columns)], columns=list(SPEC.levels), dtype=float)
    X = X.drop(columns=[f"{name}_{levels[0]}" for name, levels in SPEC.levels.items()])
    model = sm.Logit((made_up["swang1"] == "RHC").astype(float), sm.add_constant(X)).fit(
        disp=0, method="newton"
    )
    np.testing.assert_allclose(analysis.score["propensity_covariates"], model.predict(), atol=1e-7)


def test_report_of_made_up_patients_names_everything(analysis: Analysis) -> None:
    html = analysis_page(
        analysis,
        (),
        sensitivity_table(analysis),
        source="made-up.csv",
        command="simsepsis analyze made-up.csv",
    ).html
    assert "The file names no hospital or ICU" in html
    assert "Weight not known" in html
    assert "E-value" in html
    assert "IVIgG" not in html
    for name in SPEC.covariates:
        assert f">{name}<" not in html, name
    plates = draw_analysis(analysis, source="made-up.csv", version="0.0")
    assert [plate.name for plate in plates] == ["love", "forest", "overlap", "survival"]
    shown = set(plates[0].data["variable"])
    assert {"Weight (kg)", "Weight not known", "Primary disease"} <= shown


@pytest.mark.skipif(not FILE.is_file(), reason="the public file is not here; name it in SIMSEPSIS_RHC")
def test_the_public_file_gives_the_published_picture() -> None:
    frame = read_cohort(FILE)
    analysis = analyze(frame, SPEC, seed=1)
    flow = analysis.result.flow
    assert (flow.registered, flow.analysed, flow.analysed_treated) == (5735, 5735, 2184)
    rows = analysis.estimates.set_index(["method", "estimand"])
    assert rows["converged"].all()
    assert rows.loc[("crude", "rd_dth30_att"), "estimate"] == pytest.approx(830 / 2184 - 1088 / 3551)
    # Connors and colleagues matched 1,008 pairs: odds ratio 1.24 (1.03 to 1.49)
    matched = rows.loc[("psm", "log_or_dth30_matched")]
    assert matched["ci_low"] < np.log(1.24) < matched["ci_high"]
    assert matched["estimate"] > 0
    balance = analysis.balance[analysis.balance["phase"] == "after"]
    assert not balance["unbalanced"].any()
    assert 0.79 < analysis.scores["c_statistic"].iloc[0] < 0.82
