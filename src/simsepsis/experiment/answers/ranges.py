"""How far a measure goes over cells and methods, and what became of the claims."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from simsepsis.analysis.estimates import Z_95
from simsepsis.experiment.requests import AnswerChoice
from simsepsis.experiment.results import Run
from simsepsis.experiment.selection import restriction, select, wanted_cells, wanted_estimand
from simsepsis.performance import MEASURES
from simsepsis.performance.text import bare_text, estimand_text, few_rows, measured_text, rows_text


def measure_words(choice: AnswerChoice, run: Run) -> str:
    """Return measure and estimand that an answer is about, such as ``bias of the log odds ratio of …``."""
    label = MEASURES[choice.measure or str(choice.about.measure)].label
    label = label.partition(" (")[0].lower()
    return f"{label} of the {estimand_text(wanted_estimand(choice, run.plan))}"


def text_of(row: pd.Series) -> str:
    """Return the value of a row of a performance table in its unit, with its MCSE."""
    return measured_text(*row[["measure", "estimand", "value", "mcse", "n_used", "n_sim"]])


def fewest_text(rows: pd.DataFrame) -> str:
    """Return on how few rows one of several numbers rests; nothing where all rest on nearly all of theirs."""
    few = rows[few_rows(rows) & rows["value"].notna()]
    if not len(few):
        return ""
    fewest = few.loc[(few["n_used"] / few["n_sim"]).idxmin()]
    which = "all of these" if len(few) == len(rows) else f"{len(few)} of these {len(rows)} numbers"
    many = f"{which} rest on few rows, the fewest" if len(rows) > 1 else ""
    return " ".join(filter(None, (many, rows_text(fewest["n_used"], fewest["n_sim"]))))


def place_of(row: pd.Series, cells: int) -> str:
    """Return which series a row is of; the cell is left out where there is only one."""
    return str(row["method"]) + (f" in {row['scenario']}" if cells > 1 else "")


def only_cell(choice: AnswerChoice, run: Run) -> str:
    """Return the one cell of several that an answer is about, set off by commas; otherwise nothing."""
    if len(wanted_cells(choice, run.settings)) != 1:
        return ""
    where = restriction(choice, run)
    return where and f"{where},"


def extreme_sentences(choice: AnswerChoice, run: Run) -> Iterator[str]:
    """Yield the lowest and the highest value of a measure, and where they are."""
    rows = select(choice, run)
    known, what = rows[rows["value"].notna()], measure_words(choice, run) + only_cell(choice, run)
    if len(known):
        yield _range(known, what)
    if len(known) < len(rows):
        yield f"The {what} cannot be said in {len(rows) - len(known)} of {len(rows)} series."


def in_all(known: pd.DataFrame, places: str) -> str:
    """Return the value that several series share, and on how few rows it rests in one of them."""
    few = fewest_text(known)
    row = known.iloc[0]
    value = measured_text(row["measure"], row["estimand"], row["value"], row["mcse"], row["n_used"])
    return f"{value} in {places}{f'; {few}' if few else ''}"


def _range(known: pd.DataFrame, what: str) -> str:
    cells = known["cell"].nunique()
    low, high = known.loc[known["value"].idxmin()], known.loc[known["value"].idxmax()]
    if len(known) == 1:
        return f"The {what} is {text_of(low)}, {place_of(low, cells)}."
    if low["value"] == high["value"]:
        return f"The {what} is {in_all(known, f'all {len(known)} series')}."
    gap, error = high["value"] - low["value"], np.hypot(low["mcse"], high["mcse"])
    tail = ", no further apart than chance may set two of so many replicates" if gap <= Z_95 * error else ""
    return (
        f"The {what} goes from {text_of(low)}, {place_of(low, cells)}, to {text_of(high)}, "
        f"{place_of(high, cells)}{tail}."
    )


def claim_sentences(choice: AnswerChoice, run: Run) -> Iterator[str]:
    """Yield how many claims hold, and which do not."""
    accepted = run.accepted
    if not accepted:
        yield "The plan makes no claims."
        return
    kinds = pd.Series(accepted)
    counts = {kind: int((kinds == kind).sum()) for kind in ("pass", "fail", "inconclusive")}
    said = f"held {counts['pass']}, failed {counts['fail']}, undecided {counts['inconclusive']}"
    yield f"Claims declared beforehand: {len(kinds)}; {said}."
    for kind, verb in (("fail", "Failed"), ("inconclusive", "Undecided")):
        for claim in kinds.index[kinds == kind]:
            yield f"{verb}: {claim}{_worst(run.verdicts, str(claim), kind)}."
    for claim in kinds.index[kinds == "pass"]:
        few = fewest_text(run.verdicts[run.verdicts["claim"] == claim])
        if few:
            yield f"Held, but not on all rows: {claim} ({few})."


def _worst(verdicts: pd.DataFrame, claim: str, kind: str) -> str:
    """Return the first series of a claim with a verdict, and how many there are."""
    rows = verdicts[(verdicts["claim"] == claim) & (verdicts["verdict"] == kind)]
    first = rows.iloc[0]
    if not first["method"]:
        return " (no series is meant)"
    others = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    if np.isnan(first["value"]):
        return f" ({place_of(first, 2)}: no number{others})"
    value, low, high = (
        bare_text(first["measure"], first["estimand"], first[k]) for k in ("value", "low", "high")
    )
    few = rows_text(first["n_used"], first["n_sim"])
    limits = f"95% Monte Carlo limits {low} to {high}{f', {few}' if few else ''}"
    return f" ({place_of(first, 2)}: {value}, {limits}{others})"
