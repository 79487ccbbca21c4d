"""All figures of one run: what is drawn for a reproduction and for the analysis of one cohort."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.analysis.result import attempt
from simsepsis.errors import ConvergenceError
from simsepsis.show.figure import Figure
from simsepsis.show.plots.arms import arms_of, printed_arms, sides_of, wording_of
from simsepsis.show.plots.estimates import estimate_rows
from simsepsis.show.plots.gallery import (
    SURVIVAL,
    SurvivalWords,
    estimates_figure,
    forest_figure,
    love_figure,
    overlap_figure,
    pairs_figure,
    positions_figure,
    survival_figure,
    terms_figure,
)
from simsepsis.show.plots.rows import cohort_numbers
from simsepsis.show.style import wrapped
from simsepsis.study.layout import ARMS, Layout
from simsepsis.study.published import Study, open_study
from simsepsis.words.labels import Wording, axis_label, is_death

if TYPE_CHECKING:
    from simsepsis.analysis.thesis_analysis import Analysis
    from simsepsis.reproduction import Reproduction

_FIRST_SCORE = "covariates"


def draw_reproduction(reproduction: Reproduction, *, version: str) -> tuple[Figure, ...]:
    """Draw every figure of a reproduction, the overview first."""
    note = (
        f"Scenario {reproduction.scenario.name}, {reproduction.replicates} replicates, "
        f"seed {reproduction.seed}, simsepsis {version}."
    )
    comparison, scores = reproduction.comparison, reproduction.scores
    curves = reproduction.curves.dropna(subset=["survival"])
    pairs = _pairs_of(reproduction)
    study = reproduction.study
    words, arms = study.wording, printed_arms(study)
    figures = [positions_figure(comparison, study, note), forest_figure(comparison, study, note)]
    if len(curves):
        figures.append(survival_figure(curves, comparison, _printed_curves(study), note, arms))
    if len(pairs):
        figures.append(pairs_figure(pairs, comparison, note))
    figures.append(love_figure(comparison, note, words, study.called))
    if scores is not None:
        figures.append(overlap_figure(scores, note, "First replicate.", arms, sides_of(arms, study)))
    figures += _terms_figures(comparison, study, note)
    return tuple(figures)


def _printed_curves(study: Study) -> SurvivalWords:
    """Return the words of the survival figure of a reproduction."""
    spec, words, drawn = study.spec, study.wording, study.layout.curve
    told = f"Kaplan–Meier curves of time to {words.said(str(spec.survival_event))}, mean of the replicates."
    return SurvivalWords(
        curves=f"{study.layout.titles.get('curves', told)} Number at risk: mean of the replicates.",
        band="95% simulation interval of each curve, day by day",
        axis=drawn.axis or axis_label(words.row(str(spec.survival_time)), spec.time_unit),
        horizon=drawn.last,
    )


def draw_analysis(analysis: Analysis, *, source: str, version: str) -> tuple[Figure, ...]:
    """Draw the figures of one cohort's analysis that can be drawn."""
    return drawing_of(analysis, source=source, version=version)[0]


def drawing_of(
    analysis: Analysis, *, source: str, version: str
) -> tuple[tuple[Figure, ...], tuple[tuple[str, str], ...]]:
    """Draw the figures of one cohort's analysis: balance, effects, overlap, survival, terms of the models."""
    note = f"{source}, simsepsis {version}."
    spec = analysis.result.spec
    words, arms = wording_of(spec), arms_of(spec, analysis.result.cohort)
    order = tuple(spec.variables) or spec.balance_columns
    comparison, study = cohort_numbers(analysis.tables, order), None if spec.own else open_study(spec.study)
    layout = Layout() if study is None else study.layout
    steps: dict[str, Callable[[], Figure]] = {
        "Balance of the covariates": lambda: love_figure(comparison, note, words),
        "Odds and hazard ratios": lambda: estimates_figure(
            estimate_rows(analysis.estimates, spec, words), note, arms
        ),
        "Overlap of the propensity score": lambda: overlap_figure(
            _scores_of(analysis), note, "", arms, sides_of(arms, study)
        ),
    }
    if spec.survival_time:
        own = _own_curves(analysis, words, study)
        steps[own.title] = lambda: survival_figure(_curves_of(analysis), comparison, own, note, arms)
    for number, outcome in enumerate(spec.outcomes, start=5):
        if f"table{number}" in analysis.tables:
            title = f"What goes with {words.said(outcome)}"
            steps[title] = partial(
                terms_figure, comparison, f"table{number}", words.said(outcome), note, words, layout
            )
    drawn = {title: attempt(_with_rows, step) for title, step in steps.items()}
    return (
        tuple(found.value for found in drawn.values() if found.value is not None),
        tuple((title, found.failure) for title, found in drawn.items() if found.failure),
    )


def _with_rows(step: Callable[[], Figure]) -> Figure:
    """Return a figure that shows something."""
    figure = step()
    if figure.data.empty:
        raise ConvergenceError("there is nothing to draw")
    return figure


def _terms_figures(comparison: pd.DataFrame, study: Study, note: str) -> list[Figure]:
    chosen = comparison.loc[(comparison["table"] == "table4") & (comparison["variable"] != "n")]
    return [
        terms_figure(
            comparison, f"table{number}", study.wording.said(outcome), note, study.wording, study.layout
        )
        for number, outcome in enumerate(chosen["variable"].unique(), start=5)
        if (comparison["table"] == f"table{number}").any()
    ]


def _pairs_of(reproduction: Reproduction) -> pd.DataFrame:
    levels = {_FIRST_SCORE: "", "adjuncts": "adjuncts"}
    frames = [
        pd.DataFrame(
            {
                "score": score,
                "replicate": np.arange(reproduction.replicates),
                "pairs": reproduction.values("text", "matched_pairs", level, "count", "after", ""),
            }
        )
        for score, level in levels.items()
    ]
    return pd.concat(frames, ignore_index=True).dropna()


def _scores_of(analysis: Analysis) -> pd.DataFrame:
    """Return arm, matching and logit of every patient."""
    score, step = analysis.score, analysis.result.matched[_FIRST_SCORE]
    if f"propensity_{_FIRST_SCORE}" not in score:
        raise ConvergenceError(step.failure or "there is no propensity score")
    probability = score[f"propensity_{_FIRST_SCORE}"].to_numpy(np.float64)
    with np.errstate(divide="ignore"):
        logit = np.log(probability) - np.log1p(-probability)
    return pd.DataFrame(
        {
            "arm": np.where(score["treated"], *ARMS),
            "matched": score[f"matched_{_FIRST_SCORE}"],
            "logit": logit,
        }
    )


def _own_curves(analysis: Analysis, words: Wording, study: Study | None) -> SurvivalWords:
    """Return the words of one cohort's survival figure: its own event, axis and unit of time."""
    spec = analysis.result.spec
    event, time = str(spec.survival_event), str(spec.survival_time)
    death = is_death(words.row(event))
    own = SurvivalWords(
        curves=f"Kaplan–Meier curves of matched patients, event: {words.said(event)}.",
        band="95% confidence interval of each curve at each time",
        axis=wrapped(axis_label(words.row(time), spec.time_unit), 60, lines=1),
        free="Survival (%)" if death else wrapped(f"Without {words.said(event)} (%)", 42, lines=1),
        title=SURVIVAL if death else f"Time to {words.said(event)}, matched patients",
        landmark=spec.rmst_horizon,
        unit=spec.time_unit,
    )
    if study is None or not study.layout.curve.axis or time != study.spec.survival_time:
        return own
    band = "95% confidence interval of each curve, day by day"
    drawn = study.layout.curve
    return own._replace(band=band, axis=drawn.axis, free="Survival (%)", title=SURVIVAL, horizon=drawn.last)


def _curves_of(analysis: Analysis) -> pd.DataFrame:
    """Return the Kaplan–Meier curves from time 0 on."""
    curves, step = analysis.survival, analysis.result.survival
    if curves.empty:
        raise ConvergenceError(step.failure if step and step.failure else "there is no curve")
    curves = curves.rename(columns={"ci_low": "low", "ci_high": "high"})
    curves = curves[["arm", "time", "survival", "low", "high", "at_risk"]]
    start = curves.groupby("arm", sort=False).head(1).assign(time=0.0, survival=1.0, low=1.0, high=1.0)
    return pd.concat([start, curves]).sort_values(["arm", "time"], kind="stable", ignore_index=True)
