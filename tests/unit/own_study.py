"""A small cohort that has nothing to do with the thesis, and a spec for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from simsepsis.analysis.sensitivity import sensitivity_table
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.thesis_analysis import Analysis, analyze
from simsepsis.show.figure import Figure
from simsepsis.show.pages.analysis import analysis_page
from simsepsis.show.plots.drawings import drawing_of

_SPEC: dict[str, Any] = {
    "name": "smoking",
    "treatment": "smoker",
    "outcomes": ("chd",),
    "cluster": None,
    "patient": None,
    "covariates": ("years", "bmi", "region"),
    "adjuncts": (),
    "transfusions": (),
    "durations": (),
    "later_scores": (),
    "survival_time": "months",
    "survival_event": "chd",
    "time_unit": "months",
    "rmst_horizon": 100.0,
    "censoring": "administrative",
    "second_score": "none",
    "subgroups": (),
    "study": "own",
}


def own_spec(**changes: Any) -> AnalysisSpec:
    """Return the spec of the small cohort with changes."""
    return AnalysisSpec(**{**_SPEC, **changes})


def own_cohort(patients: int = 400, seed: int = 1) -> pd.DataFrame:
    """Return a small cohort: smokers are younger, coronary disease follows age and smoking."""
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 9, patients).round(1)
    smoker = rng.random(patients) < 1 / (1 + np.exp((age - 58) / 12))
    chd = rng.random(patients) < 1 / (1 + np.exp(1.6 - (age - 60) / 12 - 0.4 * smoker))
    return pd.DataFrame(
        {
            "smoker": smoker.astype(int),
            "chd": chd.astype(int),
            "years": age,
            "bmi": rng.normal(26, 4, patients).round(1),
            "region": rng.choice(["north", "south", "west"], patients),
            "months": rng.exponential(90, patients).round(1) + 0.1,
        }
    )


def own_analysis(frame: pd.DataFrame | None = None, **changes: Any) -> Analysis:
    """Return the analysis of the small cohort, or of another one, with changes of the spec."""
    return analyze(own_cohort() if frame is None else frame, own_spec(**changes), seed=1)


def whole_report(analysis: Analysis) -> tuple[tuple[Figure, ...], tuple[tuple[str, str], ...], str]:
    """Return the figures of an analysis, those left out, and its page, made as the command makes them."""
    figures, left_out = drawing_of(analysis, source="cohort.csv", version="0")
    page = analysis_page(
        analysis,
        figures,
        sensitivity_table(analysis),
        source="cohort.csv",
        command="simsepsis analyze cohort.csv",
        left_out=left_out,
    ).html
    return figures, left_out, page
