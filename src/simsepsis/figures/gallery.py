"""Every figure with its words: what it shows, and its message for a reader who cannot see it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from simsepsis.figures.forest import plot_forest, ratio_text
from simsepsis.figures.labels import TABLE_LABELS
from simsepsis.figures.love import THRESHOLD, plot_love
from simsepsis.figures.overlap import bin_scores, plot_overlap
from simsepsis.figures.pairs import SCORE_LABELS, plot_pairs, spread_text
from simsepsis.figures.plate import Plate
from simsepsis.figures.positions import outside_names, plot_positions, positions
from simsepsis.figures.rows import balance_rows, effect_rows, term_rows
from simsepsis.figures.style import ARMS, TREATED, arm_labels
from simsepsis.figures.survival import plot_survival

_PRINTED_PAIRS = {"covariates": "", "adjuncts": "adjuncts"}


class SurvivalWords(NamedTuple):
    """What the curves of a survival figure are, as a sentence; what the band is; the time axis."""

    curves: str
    band: str
    axis: str = "Time from ICU admission (days)"


def positions_plate(comparison: pd.DataFrame, note: str) -> Plate:
    """Show where every printed number stands in its simulated interval.

    Parameters
    ----------
    comparison
        ``table, variable, level, statistic, phase, arm, printed, simulated, low, high, inside``.
    note
        Scenario, replicates, seed and version.
    """
    placed = positions(comparison)
    inside = f"{placed['inside'].sum()} of {len(placed)} printed numbers lie inside their 95% interval"
    farthest = "; ".join(outside_names(placed, most=3)[:3])
    return Plate(
        name="positions",
        title="Printed against simulated: which numbers fit the simulated world",
        caption="Each dot is one printed number, placed in its own simulated interval: 0 is the simulated "
        "mean, ±1 are the ends of the interval. Diamonds lie outside; the farthest of each row are named. "
        "Numbers that the thesis repeats count once; proven misprints stand at their corrected value. "
        f"{note}",
        alt=f"{inside}." + (f" Farthest outside: {farthest}." if farthest else ""),
        figure=plot_positions(placed, note=note),
        data=placed,
    )


def forest_plate(
    comparison: pd.DataFrame, note: str, treatment: str = "ivigg", treated: str = TREATED
) -> Plate:
    """Show the treatment's odds and hazard ratios of every analysis.

    Parameters
    ----------
    comparison, note
        As of `positions_plate`, or one cohort's numbers by `as_comparison`.
    treatment
        Term of the treatment in the models.
    treated
        Words for the treatment.
    """
    rows = effect_rows(comparison, treatment)
    texts = (
        f"{row.group}, {row.label}: " + _both_ratios(row._asdict()) for row in rows.itertuples(index=False)
    )
    return Plate(
        name="forest",
        title=f"The effect of {treated} in every analysis",
        caption=f"Odds ratios (Cox: hazard ratio) of death in matched patients; below 1 favours {treated}. "
        f"{_intervals(rows)} {_second_score(rows)}{note}",
        alt="; ".join(texts) + ".",
        figure=plot_forest(rows, label=f"Odds or hazard ratio, {treated} against control", note=note),
        data=rows,
    )


def terms_plate(comparison: pd.DataFrame, table: str, outcome: str, note: str) -> Plate:
    """Show the odds ratios of all terms of the model with the SOFA scores of days 3 and 7.

    Parameters
    ----------
    comparison, note
        As of `positions_plate`, or one cohort's numbers by `as_comparison`.
    table
        ``table5`` or ``table6``.
    outcome
        Words for the death that the model explains.
    """
    rows = term_rows(comparison, table)
    compared = rows.dropna(subset=["printed", "low"])
    inside = (
        f"{compared['inside'].sum()} of {len(compared)} printed ones lie inside their simulated interval."
    )
    return Plate(
        name=f"forest-{table}",
        title=f"{TABLE_LABELS[table]}: what goes with {outcome}",
        caption="Odds ratios of the generalized estimating equations with the SOFA scores of days 3 and 7, "
        f"matched patients with both scores. {_intervals(rows)} Arrows: the interval goes on. {note}",
        alt=f"Forest plot of {len(rows)} odds ratios, {outcome}." + (f" {inside}" if len(compared) else ""),
        figure=plot_forest(
            rows, label=f"Odds ratio, {outcome}", limits=(0.2, 5.0), labels_width=4.1, note=note
        ),
        data=rows,
    )


def love_plate(comparison: pd.DataFrame, note: str) -> Plate:
    """Show the balance of every covariate level before and after matching.

    Parameters
    ----------
    comparison, note
        As of `positions_plate`, or one cohort's numbers by `as_comparison`.
    """
    rows = balance_rows(comparison)
    mends = "" if rows["printed"].isna().all() else "Proven misprints stand at their corrected value. "
    above = (
        rows.assign(above=rows["simulated"].abs() > THRESHOLD).groupby("phase")["above"].agg(["sum", "size"])
    )
    counts = ", ".join(
        f"{above.loc[phase, 'sum']} of {above.loc[phase, 'size']} {phase} matching"
        for phase in ("before", "after")
        if phase in above.index
    )
    return Plate(
        name="love",
        title="Balance of the covariates before and after matching",
        caption="Absolute standardized difference of every covariate level; above "
        f"{THRESHOLD:g}% a covariate is called unbalanced. The right panel has a larger scale. {mends}{note}",
        alt=f"Love plot. Standardized difference above {THRESHOLD:g}%: {counts}.",
        figure=plot_love(rows, note=note),
        data=rows,
    )


def overlap_plate(scores: pd.DataFrame, note: str, which: str, treated: str = TREATED) -> Plate:
    """Show the propensity score of both arms, all and matched.

    Parameters
    ----------
    scores
        One row per patient: ``arm, matched, logit``.
    note
        Scenario, replicates, seed and version.
    which
        Which cohort it is.
    treated
        Words for the treated arm.
    """
    binned = bin_scores(scores)
    sums = binned.groupby("arm")[["patients", "matched"]].sum()
    arms = ((label, sums.loc[arm]) for arm, label in arm_labels(treated).items())
    texts = (f"{label}: {row['matched']} of {row['patients']} matched" for label, row in arms)
    logits = scores.groupby("arm")["logit"].median()
    medians = " and ".join(f"{logits[arm]:.2f}" for arm in ARMS)
    return Plate(
        name="overlap",
        title="Overlap of the propensity score",
        caption="Histogram of the propensity score (logit), treated upwards and control downwards; filled: "
        f"matched patients, outline: all. The outermost bins hold everyone beyond them. {which} {note}",
        alt=f"Mirrored histogram. {'; '.join(texts)}. Median logit {medians}.",
        figure=plot_overlap(binned, treated=treated, note=note),
        data=binned,
    )


def survival_plate(
    curves: pd.DataFrame, comparison: pd.DataFrame, words: SurvivalWords, note: str, treated: str = TREATED
) -> Plate:
    """Show the Kaplan–Meier curves of both arms, as the thesis's Figure 1 does.

    Parameters
    ----------
    curves
        ``arm, time, survival, low, high, at_risk``.
    comparison, note
        As of `positions_plate`, or one cohort's numbers by `as_comparison`.
    words
        What the curves and the band are.
    treated
        Words for the treated arm.
    """
    rows = effect_rows(comparison)
    hazard = rows.loc[rows["label"] == "Cox, hazard ratio"]
    ratio = f"Hazard ratio: {_both_ratios(hazard.iloc[0].to_dict())}" if len(hazard) else ""
    comment = ratio.replace("; ", "\n")
    at_28 = curves.loc[curves["time"] <= 28].groupby("arm")["survival"].last()
    labels = arm_labels(treated)
    texts = (f"{labels[arm]} {100 * alive:.1f}%" for arm, alive in at_28.loc[list(ARMS)].items())
    return Plate(
        name="survival",
        title="Survival of matched patients",
        caption=f"{words.curves} Shaded: {words.band}. {note}",
        alt=f"Survival at day 28: {', '.join(texts)}. {ratio}".strip(),
        figure=plot_survival(
            curves, comment=comment, band=words.band, axis=words.axis, treated=treated, note=note
        ),
        data=curves,
    )


def pairs_plate(pairs: pd.DataFrame, comparison: pd.DataFrame, note: str) -> Plate:
    """Show the number of matched pairs over replicates beside the printed number, for both scores.

    Parameters
    ----------
    pairs
        ``score, replicate, pairs``.
    comparison, note
        As of `positions_plate`.
    """
    chosen = comparison.loc[(comparison["table"] == "text") & (comparison["variable"] == "matched_pairs")]
    scores = chosen["level"].map({level: score for score, level in _PRINTED_PAIRS.items()})
    marks = chosen.assign(score=scores).set_index("score")[["printed", "simulated", "low", "high"]]
    texts = (
        f"{SCORE_LABELS[score]}: {spread_text(mark)}, printed {mark['printed']:.0f}."
        for score, mark in marks.iterrows()
    )
    return Plate(
        name="pairs",
        title="Number of matched pairs",
        caption=f"Pairs that the matching finds in each replicate; dashed line: printed number. {note}",
        alt=" ".join(texts),
        figure=plot_pairs(pairs, marks, note=note),
        data=pairs,
    )


def _both_ratios(row: dict[str, float]) -> str:
    simulated = ratio_text(row["simulated"], row["low"], row["high"])
    if np.isnan(row["printed"]):
        return simulated
    printed = ratio_text(row["printed"], row["printed_low"], row["printed_high"])
    return f"printed {printed}; simulated {simulated}"


def _second_score(rows: pd.DataFrame) -> str:
    there = rows["label"].str.startswith("Second score").any()
    return "The second score contains the adjuncts. " if there else ""


def _intervals(rows: pd.DataFrame) -> str:
    if rows["printed"].isna().all():
        return "Lines: 95% confidence intervals."
    return "Thin lines: printed 95% confidence intervals; thick lines: middle 95% of the replicates."
