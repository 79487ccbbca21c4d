"""Whether methods keep a measure within the band in which it is as it should be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from simsepsis.experiment.answers.ranges import fewest_text, in_all, measure_words, text_of
from simsepsis.experiment.requests import AnswerChoice
from simsepsis.experiment.results import Run
from simsepsis.experiment.selection import restriction, select
from simsepsis.performance import MEASURES
from simsepsis.performance.text import plain_text

PLACES = ("without a number", "inside", "below", "above", "undecided")


def verdict_sentences(choice: AnswerChoice, run: Run) -> Iterator[str]:
    """Yield for each method whether its measure lies in the band, judged by 95% Monte Carlo limits.

    The rejection rate is a type I error only where treatment does nothing, so only such cells count.
    """
    rows = select(choice, run)
    measure, what = rows_measure(choice), measure_words(choice, run)
    if measure == "rejection":
        rows, what = without_effect(rows, run.truth), what.replace("rejection rate", "type I error")
        if not len(rows):
            yield "No cell is without effect, so there is no type I error to judge."
            return
    if not len(rows):
        return
    low, high = choice.band or MEASURES[measure].band or (-np.inf, np.inf)
    band = " to ".join(plain_text(measure, rows["estimand"].iloc[0], limit) for limit in (low, high))
    rows = rows.assign(place=place_in_band(rows, low, high))
    cells = rows["cell"].nunique()
    where = restriction(choice, run) or (f", in {cells} cells" if cells > 1 else "")
    doubt = (
        " (undecided: Monte Carlo limits reach across an end of it)"
        if "undecided" in set(rows["place"])
        else ""
    )
    yield f"{what[:1].upper()}{what[1:]}, against the band {band}{where}{doubt}:"
    for method, placed in rows.groupby("method", sort=False):
        yield f"{method}: {_one(placed) if len(placed) == 1 else _several(placed)}."


def rows_measure(choice: AnswerChoice) -> str:
    """Return the measure that a verdict is about."""
    return choice.measure or str(choice.about.measure)


def without_effect(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose truth is exactly 0."""
    known = truth[["cell", "method", "estimand", "value"]].rename(columns={"value": "true value"})
    joined = rows.merge(known, on=["cell", "method", "estimand"], how="left")
    return joined[joined["true value"] == 0.0].drop(columns="true value")


def place_in_band(rows: pd.DataFrame, low: float, high: float) -> list[str]:
    """Say for each row whether its Monte Carlo limits lie in a band, below, above, or across its ends."""
    inside = (rows["low"] >= low) & (rows["high"] <= high)
    sides = [rows["value"].isna(), inside, rows["high"] < low, rows["low"] > high]
    found = np.select(sides, PLACES[:-1], default=PLACES[-1])
    return [str(place) for place in found]


def _one(placed: pd.DataFrame) -> str:
    row = placed.iloc[0]
    return "cannot be said" if np.isnan(row["value"]) else f"{text_of(row)}, {row['place']}"


def _several(placed: pd.DataFrame) -> str:
    counts = placed["place"].value_counts()
    said = ", ".join(f"{counts[place]} {place}" for place in PLACES if place in counts.index)
    known = placed[placed["value"].notna()]
    if not len(known):
        return "cannot be said in any cell"
    low, high = known.loc[known["value"].idxmin()], known.loc[known["value"].idxmax()]
    if low["value"] == high["value"]:
        return f"{said}; {in_all(known, 'every cell')}"
    few = fewest_text(known)
    ends = f"from {text_of(low)} in {low['scenario']} to {text_of(high)} in {high['scenario']}"
    return f"{said}; {ends}{f'; {few}' if few else ''}"
