"""Every figure with its words: what it shows, and its message for a reader who cannot see it."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from simsepsis.show.figure import Figure
from simsepsis.show.plots.arms import Arms, printed_arms
from simsepsis.show.plots.forest import LIMITS, label_width, limits_of, plot_forest
from simsepsis.show.plots.love import LARGEST, THRESHOLD, farthest_apart, plot_love
from simsepsis.show.plots.overlap import bin_scores, plot_overlap
from simsepsis.show.plots.pairs import SCORE_LABELS, plot_pairs, spread_text
from simsepsis.show.plots.positions import outside_names, plot_positions, positions
from simsepsis.show.plots.rows import balance_rows, effect_rows, hazard_row, term_rows
from simsepsis.show.plots.survival import plot_survival, time_ticks, until
from simsepsis.show.style import wrapped
from simsepsis.study.layout import ARMS, Layout
from simsepsis.study.published import Study
from simsepsis.words.labels import Wording
from simsepsis.words.numbers import with_interval

_PRINTED_PAIRS = {"covariates": "", "adjuncts": "adjuncts"}


SURVIVAL = "Survival of matched patients"


class SurvivalWords(NamedTuple):
    """Words of a survival figure: curves, as a sentence; band; both axes; title; where it is read, and ends.

    `landmark` is the time at which the text reads the curves, `unit` that of time, and `horizon` the last
    time drawn, None for all follow-up.
    """

    curves: str
    band: str
    axis: str
    free: str = "Survival (%)"
    title: str = SURVIVAL
    landmark: float = 28.0
    unit: str = "days"
    horizon: float | None = None


def positions_figure(comparison: pd.DataFrame, study: Study, note: str) -> Figure:
    """Show where every printed number stands in its simulated interval."""
    placed = positions(comparison)
    inside = f"{placed['inside'].sum()} of {len(placed)} printed numbers lie inside their 95% interval"
    farthest = "; ".join(outside_names(placed, study, most=3)[:3])
    return Figure(
        name="positions",
        title="Printed against simulated: which numbers fit the simulated world",
        caption="Each dot is one printed number, placed in its own simulated interval: 0 is the simulated "
        "mean, ±1 are the ends of the interval. Diamonds lie outside; the farthest of each row are named. "
        f"Numbers that {study.called} repeats count once; proven misprints stand at their corrected value. "
        f"{note}",
        alt=f"{inside}." + (f" Farthest outside: {farthest}." if farthest else ""),
        draw=partial(plot_positions, placed, study, note=note),
        data=placed,
    )


def forest_figure(comparison: pd.DataFrame, study: Study, note: str) -> Figure:
    """Show the odds and hazard ratios of the treatment in every analysis of a study."""
    rows, (treated, control) = effect_rows(comparison, study), printed_arms(study)
    texts = (
        f"{row.group}, {row.label}: " + _both_ratios(row._asdict()) for row in rows.itertuples(index=False)
    )
    return Figure(
        name="forest",
        title=f"The effect of {treated} in every analysis",
        caption="Odds ratios (Cox: hazard ratio) of death in matched patients; below 1 favours "
        f"{treated}. {_intervals(rows)} {_second_score(rows)}{note}",
        alt="; ".join(texts) + ".",
        draw=partial(
            plot_forest, rows, label=f"Odds or hazard ratio, {treated} against {control}", note=note
        ),
        data=rows,
    )


def estimates_figure(rows: pd.DataFrame, note: str, arms: Arms) -> Figure:
    """Show the odds and hazard ratios of every method in one cohort."""
    texts = (
        f"{row.group}, {row.label}: {with_interval((row.simulated, row.low, row.high), joint='–')}"
        for row in rows.itertuples(index=False)
    )
    limits = limits_of(rows)
    label = wrapped(f"Odds or hazard ratio, {arms.treated} against {arms.control}", 52, lines=2)
    return Figure(
        name="forest",
        title="Odds and hazard ratios by every method",
        caption=f"Above 1: more frequent, or earlier, with {arms.treated} than with {arms.control}. Each row "
        f"says whether it is of all patients before matching or of matched ones. {_intervals(rows)} "
        f"{_second_score(rows)}{'' if limits == LIMITS else 'Arrows: it goes on. '}{note}",
        alt="; ".join(texts) + ".",
        draw=partial(
            plot_forest, rows, label=label, limits=limits, labels_width=label_width(rows), note=note
        ),
        data=rows,
    )


def terms_figure(
    comparison: pd.DataFrame, table: str, outcome: str, note: str, words: Wording, layout: Layout
) -> Figure:
    """Show the odds ratios of all terms of the model with later scores."""
    rows = term_rows(comparison, table, words)
    compared = rows.dropna(subset=["printed", "low"])
    inside = (
        f"{compared['inside'].sum()} of {len(compared)} printed ones lie inside their simulated interval."
    )
    return Figure(
        name=f"forest-{table}",
        title=f"{layout.label(table)}: what goes with {outcome}",
        caption=f"Odds ratios of the generalized estimating equations with the {layout.later.model}. "
        f"{_intervals(rows)} Arrows: the interval goes on. {note}",
        alt=f"Forest plot of {len(rows)} odds ratios, {outcome}." + (f" {inside}" if len(compared) else ""),
        draw=partial(
            plot_forest,
            rows,
            label=wrapped(f"Odds ratio, {outcome}", 60, lines=1),
            limits=(0.2, 5.0),
            labels_width=4.1,
            note=note,
        ),
        data=rows,
    )


def love_figure(comparison: pd.DataFrame, note: str, words: Wording, printed_in: str = "") -> Figure:
    """Show the balance of every covariate level before and after matching."""
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
    drawn = farthest_apart(rows)
    which = (
        "every covariate level"
        if len(drawn) == len(rows)
        else f"the {LARGEST} covariate levels farthest apart before matching, of {len(rows) // 2:,}"
    )
    return Figure(
        name="love",
        title="Balance of the covariates before and after matching",
        caption=f"Absolute standardized difference of {which}; above "
        f"{THRESHOLD:g}% a covariate is called unbalanced. The right panel has a larger scale. {mends}{note}",
        alt=f"Love plot. Standardized difference above {THRESHOLD:g}%: {counts}.",
        draw=partial(plot_love, rows, words=words, printed_in=printed_in, note=note),
        data=rows.replace({"variable": dict(words.own)}),
    )


def overlap_figure(scores: pd.DataFrame, note: str, which: str, arms: Arms, sides: str) -> Figure:
    """Show the propensity score of both arms, all and matched."""
    binned = bin_scores(scores)
    keys = ARMS
    sums = binned.groupby("arm")[["patients", "matched"]].sum()
    heads = arms.heads
    counted = zip(heads, (sums.loc[key] for key in keys), strict=True)
    texts = (f"{label}: {row['matched']:,} of {row['patients']:,} matched" for label, row in counted)
    logits = scores.groupby("arm")["logit"].median()
    medians = " and ".join(
        f"{logits[key]:.2f}" if np.isfinite(logits[key]) else "beyond all numbers" for key in keys
    )
    return Figure(
        name="overlap",
        title="Overlap of the propensity score",
        caption=f"Histogram of the propensity score (logit), {sides}; filled: "
        f"matched patients, outline: all. The outermost bins hold everyone beyond them. {which} {note}",
        alt=f"Mirrored histogram. {'; '.join(texts)}. Median logit {medians}.",
        draw=partial(plot_overlap, binned, treated=heads.treated, control=heads.control, note=note),
        data=binned,
    )


def survival_figure(
    curves: pd.DataFrame,
    comparison: pd.DataFrame,
    words: SurvivalWords,
    note: str,
    arms: Arms,
) -> Figure:
    """Show the Kaplan–Meier curves of both arms."""
    heads = arms.heads
    hazard = hazard_row(comparison)
    ratio = f"Hazard ratio: {_both_ratios(hazard)}" if hazard and np.isfinite(hazard["simulated"]) else ""
    landmark = min(words.landmark, float(curves["time"].max()))
    texts = (
        f"{head} {100 * until(curves[curves['arm'] == key], landmark)['survival'].iloc[-1]:.1f}%"
        for head, key in zip(heads, ARMS, strict=True)
    )
    last, end = float(curves["time"].max()), float(time_ticks(curves["time"].max(), words.horizon)[-1])
    cut = "" if last <= end else f"Drawn to {end:,g} of {last:,.4g} {words.unit}. "
    when = f"day {landmark:g}" if words.unit == "days" else f"{landmark:,.4g} {words.unit}"
    return Figure(
        name="survival",
        title=words.title,
        caption=f"{words.curves} Shaded: {words.band}. {cut}{note}",
        alt=f"{words.free.removesuffix(' (%)')} at {when}: {', '.join(texts)}. {ratio}".strip(),
        draw=partial(
            plot_survival,
            curves,
            horizon=words.horizon,
            comment=ratio.replace("; ", "\n"),
            band=words.band,
            axis=words.axis,
            free=words.free,
            treated=heads.treated,
            control=heads.control,
            note=note,
        ),
        data=curves,
    )


def pairs_figure(pairs: pd.DataFrame, comparison: pd.DataFrame, note: str) -> Figure:
    """Show the number of matched pairs over replicates beside the printed number, for both scores."""
    chosen = comparison.loc[(comparison["table"] == "text") & (comparison["variable"] == "matched_pairs")]
    scores = chosen["level"].map({level: score for score, level in _PRINTED_PAIRS.items()})
    marks = chosen.assign(score=scores).set_index("score")[["printed", "simulated", "low", "high"]]
    texts = (
        f"{SCORE_LABELS[score]}: {spread_text(mark)}, printed {mark['printed']:.0f}."
        for score, mark in marks.iterrows()
    )
    return Figure(
        name="pairs",
        title="Number of matched pairs",
        caption=f"Pairs that the matching finds in each replicate; dashed line: printed number. {note}",
        alt=" ".join(texts),
        draw=partial(plot_pairs, pairs, marks, note=note),
        data=pairs,
    )


def _both_ratios(row: dict[str, float]) -> str:
    simulated = with_interval((row["simulated"], row["low"], row["high"]), joint="–")
    if np.isnan(row["printed"]):
        return simulated
    printed = with_interval((row["printed"], row["printed_low"], row["printed_high"]), joint="–")
    return f"printed {printed}; simulated {simulated}"


def _second_score(rows: pd.DataFrame) -> str:
    there = rows["label"].str.startswith("Second score").any()
    return "The second score contains the adjuncts. " if there else ""


def _intervals(rows: pd.DataFrame) -> str:
    if rows["printed"].isna().all():
        return "Lines: 95% confidence intervals."
    return "Thin lines: printed 95% confidence intervals; thick lines: middle 95% of the replicates."
