"""All figures of one run: what is drawn for a reproduction and for the analysis of one cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.figures.gallery import (
    SurvivalWords,
    forest_plate,
    love_plate,
    overlap_plate,
    pairs_plate,
    positions_plate,
    survival_plate,
    terms_plate,
)
from simsepsis.figures.labels import in_a_sentence, row_label
from simsepsis.figures.plate import Plate
from simsepsis.figures.rows import as_comparison
from simsepsis.thesis.dictionary import COLUMNS

if TYPE_CHECKING:
    from simsepsis.analysis.thesis_analysis import Analysis
    from simsepsis.reproduction import Reproduction

_SIMULATED_CURVES = SurvivalWords(
    curves="Figure 1 of the thesis: Kaplan–Meier curves of time to hospital death, mean of the replicates; "
    "patients discharged alive are censored then. Number at risk: mean of the replicates.",
    band="95% simulation interval of each curve, day by day",
)
_FIRST_SCORE = "covariates"


def draw_reproduction(reproduction: Reproduction, *, version: str) -> tuple[Plate, ...]:
    """Draw every figure of a reproduction, the overview first.

    Parameters
    ----------
    reproduction
        As returned by `simsepsis.reproduction.reproduce`.
    version
        Of simsepsis, for the captions.

    Returns
    -------
    tuple
        The plates; a figure for which every replicate failed is left out.
    """
    note = (
        f"Scenario {reproduction.scenario.name}, {reproduction.replicates} replicates, "
        f"seed {reproduction.seed}, simsepsis {version}."
    )
    comparison, scores = reproduction.comparison, reproduction.scores
    curves = reproduction.curves.dropna(subset=["survival"])
    pairs = _pairs_of(reproduction)
    plates = [positions_plate(comparison, note), forest_plate(comparison, note)]
    if len(curves):
        plates.append(survival_plate(curves, comparison, _SIMULATED_CURVES, note))
    if len(pairs):
        plates.append(pairs_plate(pairs, comparison, note))
    plates.append(love_plate(comparison, note))
    if scores is not None:
        plates.append(overlap_plate(scores, note, "First replicate."))
    plates += _terms_plates(comparison, note)
    return tuple(plates)


def draw_analysis(analysis: Analysis, *, source: str, version: str) -> tuple[Plate, ...]:
    """Draw the figures of one cohort's analysis: balance, effects, overlap, survival.

    Parameters
    ----------
    analysis
        As returned by `simsepsis.analysis.thesis_analysis.analyze`.
    source
        What was analysed, such as the name of the file, for the captions.
    version
        Of simsepsis, for the captions.

    Returns
    -------
    tuple
        The plates; a figure whose step failed is left out.
    """
    note = f"{source}, simsepsis {version}."
    spec = analysis.result.spec
    treatment = spec.labels.get(spec.treatment, spec.treatment)
    treated = row_label(treatment)
    known = all(name in COLUMNS for name in spec.balance_columns)
    order = tuple(COLUMNS) if known else spec.balance_columns
    comparison = as_comparison(analysis.tables, spec.labels, order)
    scores, curves = _scores_of(analysis), _curves_of(analysis)
    plates = [love_plate(comparison, note), forest_plate(comparison, note, treatment, treated)]
    if len(scores):
        plates.append(overlap_plate(scores, note, "", treated))
    if len(curves):
        plates.append(survival_plate(curves, comparison, _own_curves(analysis), note, treated))
    plates += _terms_plates(comparison, note)
    return tuple(plate for plate in plates if len(plate.data))


def _terms_plates(comparison: pd.DataFrame, note: str) -> list[Plate]:
    chosen = comparison.loc[(comparison["table"] == "table4") & (comparison["variable"] != "n")]
    return [
        terms_plate(comparison, f"table{number}", in_a_sentence(row_label(outcome)), note)
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
    """Return arm, matching and logit of every patient; empty without a score."""
    score = analysis.score
    if f"propensity_{_FIRST_SCORE}" not in score:
        return pd.DataFrame()
    probability = score[f"propensity_{_FIRST_SCORE}"].to_numpy(np.float64)
    with np.errstate(divide="ignore"):
        logit = np.log(probability) - np.log1p(-probability)
    frame = pd.DataFrame(
        {
            "arm": np.where(score["treated"], "ivigg", "control"),
            "matched": score[f"matched_{_FIRST_SCORE}"],
            "logit": logit,
        }
    )
    return frame


def _own_curves(analysis: Analysis) -> SurvivalWords:
    spec = analysis.result.spec
    event, time = str(spec.survival_event), str(spec.survival_time)
    words = SurvivalWords(
        curves="Kaplan–Meier curves of matched patients, event: "
        f"{in_a_sentence(row_label(spec.labels.get(event, event)))}.",
        band="95% confidence interval of each curve, day by day",
    )
    own_axis = spec.survival_time != THESIS_SPEC.survival_time
    return words._replace(axis=f"{row_label(spec.labels.get(time, time))} (days)") if own_axis else words


def _curves_of(analysis: Analysis) -> pd.DataFrame:
    """Return the Kaplan–Meier curves from day 0 on."""
    curves = analysis.survival
    if curves.empty:
        return curves
    curves = curves.rename(columns={"ci_low": "low", "ci_high": "high"})
    curves = curves[["arm", "time", "survival", "low", "high", "at_risk"]]
    start = curves.groupby("arm", sort=False).head(1).assign(time=0.0, survival=1.0, low=1.0, high=1.0)
    return pd.concat([start, curves]).sort_values(["arm", "time"], kind="stable", ignore_index=True)
