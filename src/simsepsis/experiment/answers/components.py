"""What sources of error add: contrasts of two methods and ladders, on the same replicates."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from simsepsis.analysis.estimates import Z_95
from simsepsis.experiment.answers.ranges import only_cell
from simsepsis.experiment.requests import AnswerChoice
from simsepsis.experiment.results import Run, contrast_name
from simsepsis.experiment.selection import about, wanted_estimand
from simsepsis.performance.error_ladder import LADDERS, TOP, TRUE_VALUE, WHOLE
from simsepsis.performance.text import estimand_text, measured_text, rows_text


def contrast_sentences(choice: AnswerChoice, run: Run) -> Iterator[str]:
    """Yield how the biases of two methods differ on the same replicates."""
    first, second = choice.methods
    name = contrast_name(choice.methods)
    rows = about(choice, run, run.ladder, stems=True)
    rows = rows[(rows["ladder"] == name) & (rows["component"] == "difference")]
    what = estimand_text(wanted_estimand(choice, run.plan)) + only_cell(choice, run)
    if not len(rows):
        yield f"{name}: the two have no estimate of the {what} in common."
        return
    sides = [side_of(value, mcse) for value, mcse in zip(rows["value"], rows["mcse"], strict=True)]
    if len(rows) == 1:
        row = rows.iloc[0]
        same = rows_text(row["n_used"], row["n_sim"]).removesuffix(" rows") or f"{row['n_used']:,}"
        yield (
            f"On the same {same} replicates the bias of {first} for the {what} is "
            f"{_component(row, told=True)} against that of {second}: {_SIDES[sides[0]]}."
        )
        return
    low, high = rows.loc[rows["value"].idxmin()], rows.loc[rows["value"].idxmax()]
    counts = ", ".join(f"{sides.count(side)} {side}" for side in _SIDES if side in sides)
    yield (
        f"On the same replicates the bias of {first} for the {what} against that of {second} goes from "
        f"{_component(low)} in {low['scenario']} to {_component(high)} in {high['scenario']}; of {len(rows)} "
        f"cells, {counts}."
    )


_SIDES = {
    "higher": "higher beyond Monte Carlo error",
    "lower": "lower beyond Monte Carlo error",
    "the same": "the same on every replicate",
    "not to be told apart": "not to be told apart",
}


def side_of(value: float, mcse: float) -> str:
    """Return on which side of 0 a difference lies beyond its 95% Monte Carlo limits."""
    if value == 0.0 and mcse == 0.0:
        return "the same"
    if not abs(value) > Z_95 * mcse:
        return "not to be told apart"
    return "higher" if value > 0 else "lower"


def ladder_sentences(choice: AnswerChoice, run: Run) -> Iterator[str]:
    """Yield the components of each ladder where its last method is furthest from the truth."""
    rows = about(choice, run, run.ladder, stems=True)
    rows = rows[rows["ladder"].isin(list(LADDERS))]
    what = estimand_text(wanted_estimand(choice, run.plan))
    if not len(rows):
        yield f"No two methods of the plan stand on one ladder for the {what}."
    for name, part in rows.groupby("ladder", sort=False):
        yield from _ladder(str(name), part, what)


def _ladder(name: str, part: pd.DataFrame, what: str) -> Iterator[str]:
    rows, cells = furthest(part), part["cell"].nunique()
    if not len(rows):
        yield f"Ladder “{name}”, {what}: no replicate has an estimate of every method."
        return
    where = (
        f" in {rows['scenario'].iloc[0]}, where the estimate is furthest from the truth" if cells > 1 else ""
    )
    steps = ", ".join(f"{component_words(row)} {_component(row, told=True)}" for _, row in rows.iterrows())
    last, few = rows["to_method"].iloc[-1], rows_text(*rows[["n_used", "n_sim"]].iloc[0])
    yield f"Ladder “{name}” to {last}, {what}{where}{f', {few}' if few else ''}: {steps}."
    errors = part[~part["component"].isin([TRUE_VALUE, TOP, WHOLE])]
    if cells > 1 and errors["component"].nunique() > 1:
        yield f"{_largest(errors, name, cells)}."


def furthest(part: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a ladder in the cell where its estimate is the furthest from the first truth."""
    ends = part[part["component"].isin([TRUE_VALUE, WHOLE])]
    gap = (
        ends.groupby("cell", sort=False)["value"].agg(lambda pair: abs(pair.iloc[-1] - pair.iloc[0])).dropna()
    )
    return part[part["cell"] == gap.idxmax()] if len(gap) else part.iloc[:0]


def component_words(row: pd.Series) -> str:
    """Return what a row of a ladder is, the first rung by its name."""
    return f"bias of {row['to_method']}" if row["component"] == TOP else str(row["component"])


def _largest(errors: pd.DataFrame, name: str, cells: int) -> str:
    """Return which component is the largest in how many cells."""
    tops = errors.loc[errors["value"].abs().groupby(errors["cell"]).idxmax(), "component"].value_counts()
    said = ", ".join(f"{component} in {count}" for component, count in tops.items())
    return f"Over the {cells} cells the largest step of the ladder “{name}” is {said}"


def _component(row: pd.Series, *, told: bool = False) -> str:
    """Return a component with its error and, unless it is told elsewhere, on how few replicates it rests."""
    rows = (None, None) if told else (row["n_used"], row["n_sim"])
    return measured_text("bias", row["estimand"], row["value"], row["mcse"], *rows)
