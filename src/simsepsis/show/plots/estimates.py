"""Estimates in words: what each method is called, what its number is, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from simsepsis.analysis.methods import methods_of
from simsepsis.estimand import Estimand
from simsepsis.words.labels import Wording

if TYPE_CHECKING:
    from simsepsis.analysis.spec import AnalysisSpec


def method_labels(later: str) -> dict[str, str]:
    """Return method of an analysis → words; others are called by their own label."""
    return {
        "crude": "Before matching, crude",
        "linear": "All patients, linear regression",
        "psm": "Matched, crude",
        "psm_paired_se": "Matched, standard error of pairs",
        "psm_cluster_se": "Matched, standard error of clusters",
        "psm_gee_alone": "Matched, GEE of the treatment alone",
        "psm_gee": "Matched, GEE with adjuncts",
        f"psm_gee_{later}": "Matched, GEE with adjuncts and later scores",
        "psm_cox": "Matched, Cox",
        "psm_adjuncts": "Second score, crude",
        "psm_adjuncts_gee": "Second score, GEE with adjuncts",
        f"psm_adjuncts_gee_{later}": "Second score, GEE with adjuncts and later scores",
    }


_LARGEST_LOG = 700.0
_PLOTTED = ("log_or", "log_hr", "log_shr")


def outcomes_of(spec: AnalysisSpec) -> tuple[str, ...]:
    """Return the columns that an estimand of an analysis may be about."""
    named = (*spec.all_outcomes, *([spec.survival_event] if spec.survival_event else []))
    return tuple(dict.fromkeys(named))


def method_label(method: str, spec: AnalysisSpec) -> str:
    """Return the words for a method of an analysis."""
    if method == "psm_paired_se" and not spec.one_to_one:
        return "Matched, standard error of matched sets"
    if method == f"rmst{spec.rmst_horizon:g}":
        return f"Matched, restricted mean up to {spec.rmst_horizon:,g} {spec.time_unit}"
    for subgroup in spec.subgroups:
        if method == f"breslow_day_{subgroup.name}":
            return f"Matched, interaction with {subgroup.name}"
    known = methods_of(spec).get(method)
    return method_labels(spec.later.name).get(method) or (known.label if known else method)


def estimate_rows(estimates: pd.DataFrame, spec: AnalysisSpec, words: Wording) -> pd.DataFrame:
    """Return the odds and hazard ratios of every method and outcome, as `plot_forest` takes them."""
    known = outcomes_of(spec)
    rows = sorted(_ratios(estimates, spec), key=lambda row: known.index(str(row["outcome"])))
    frame = pd.DataFrame(rows, columns=["outcome", "label", "simulated", "low", "high", "reason"])
    nothing = {name: math.nan for name in ("printed", "printed_low", "printed_high")}
    frame.insert(0, "group", [words.row(outcome) for outcome in frame["outcome"]])
    return frame.drop(columns="outcome").assign(**nothing, inside=True)


def _ratios(estimates: pd.DataFrame, spec: AnalysisSpec) -> Iterator[dict[str, object]]:
    outcomes = outcomes_of(spec)
    for row in estimates.to_dict("records"):
        estimand = Estimand.parse(str(row["estimand"]), outcomes)
        scale = estimand.scale
        # The pairs change the interval of the hazard ratio only; its own row says so in the table.
        if scale not in _PLOTTED or row["method"] == "psm_paired_se":
            continue
        label = method_label(str(row["method"]), spec)
        yield {
            "outcome": estimand.column,
            "label": label if scale == "log_or" else f"{label}, {estimand.on.shown}",
            "simulated": _exp(row["estimate"]),
            "low": _exp(row["ci_low"]),
            "high": _exp(row["ci_high"]),
            "reason": "" if pd.isna(row["failure"]) else str(row["failure"]),
        }


def _exp(value: float) -> float:
    return math.inf if value > _LARGEST_LOG else math.exp(value)
