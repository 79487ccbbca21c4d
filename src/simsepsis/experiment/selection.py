"""The part of a performance table that a figure or an answer is about."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simsepsis.estimand import Estimand
from simsepsis.experiment.claims import monte_carlo_limits
from simsepsis.experiment.plan import Plan
from simsepsis.experiment.requests import CELL, AnswerChoice, Choice, FigureChoice, hashable, listed
from simsepsis.experiment.results import Run
from simsepsis.world.kinds import setting_words


def wanted_estimand(choice: Choice, plan: Plan) -> str:
    """Return the estimand that is meant, with or without its last word."""
    return choice.estimand or plan.run.estimands[0]


def wanted_cells(choice: Choice, settings: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that are meant, with their settings."""
    chosen = np.ones(len(settings), dtype=np.bool_)
    for key, values in choice.where.items():
        chosen &= settings[key].isin([hashable(value) for value in listed(values)]).to_numpy()
    if choice.cells is not None:
        chosen &= settings["scenario"].str.contains(choice.cells, regex=False).to_numpy(np.bool_)
    return settings[chosen]


def about(choice: Choice, run: Run, table: pd.DataFrame, *, stems: bool = False) -> pd.DataFrame:
    """Return the rows of a table that a figure or an answer is about, with the cells' settings."""
    wanted = wanted_estimand(choice, run.plan)
    cells = wanted_cells(choice, run.settings)
    name = Estimand.parse(wanted).stem if stems else wanted
    meant = [Estimand.parse(estimand).matches(name) for estimand in table["estimand"]]
    rows = table[np.asarray(meant, dtype=np.bool_) & table["cell"].isin(cells["cell"]).to_numpy()]
    rows = rows.merge(cells.drop(columns="scenario"), on="cell", how="left")
    place = {cell: number for number, cell in enumerate(cells["cell"])}
    rows = rows.assign(**{"cell order": rows["cell"].map(place)})
    order = ["cell order"]
    if "method" in rows.columns:
        methods = choice.methods or run.plan.run.methods
        rows = rows[rows["method"].isin(methods)]
        rows = rows.assign(
            **{"method order": rows["method"].map({name: n for n, name in enumerate(methods)})}
        )
        order.append("method order")
    return rows.sort_values(order, kind="stable", ignore_index=True)


def select(choice: FigureChoice | AnswerChoice, run: Run) -> pd.DataFrame:
    """Return the performance that a figure or an answer is about."""
    measure, table = choice.measure or choice.about.measure, run.performance
    rows = about(choice, run, table[table["measure"] == measure])
    low, high = monte_carlo_limits(rows)
    return rows.assign(low=low, high=high)


def numeric(values: pd.Series) -> bool:
    """Return whether a varied key has numbers only, so that one may interpolate between them."""
    return all(isinstance(item, int | float) and not isinstance(item, bool) for item in values)


def other_keys(run: Run, rows: pd.DataFrame, used: tuple[str | None, ...]) -> list[str]:
    """Return the varied keys beside those used that still differ between the rows."""
    if CELL in used:
        return []
    keys = [key for key in run.plan.settings if key not in used]
    return [key for key in keys if rows[key].astype(str).nunique() > 1]


def words_of(keys: list[str], values: tuple[object, ...]) -> str:
    """Return settings in words, such as ``or_treatment = 2, value = 1``."""
    return ", ".join(f"{short(key)} = {value_text(value)}" for key, value in zip(keys, values, strict=True))


def short(key: str) -> str:
    """Return what a setting is called: in words where it has a name, otherwise the last word of its key."""
    return setting_words().get(key) or key.rpartition(".")[2].replace("_", " ")


def value_text(value: object) -> str:
    """Return a setting's value as people write it."""
    if isinstance(value, float):
        return f"{value:g}".replace("-", "−")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " + ".join(map(value_text, value)) or "none"
    return "none" if value is None else str(value)


def restriction(choice: Choice, run: Run) -> str:
    """Return in words which cells a figure or an answer is about; nothing where it is about all."""
    chosen, every = wanted_cells(choice, run.settings), run.settings
    if len(chosen) == len(every):
        return ""
    if len(chosen) == 1:
        return f", in {chosen['scenario'].iloc[0]}"
    return f", in {len(chosen)} of {len(every)} cells" + "".join(
        f", {short(key)} = {' or '.join(value_text(item) for item in listed(values))}"
        for key, values in choice.where.items()
    )
