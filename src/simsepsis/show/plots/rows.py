"""From the tables' numbers to the rows that a figure draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from simsepsis.show.plots.forest import FOREST_COLUMNS
from simsepsis.show.plots.love import LOVE_COLUMNS
from simsepsis.show.plots.positions import mended
from simsepsis.study.published import Study
from simsepsis.words.labels import Wording

KEY = ("table", "variable", "level", "statistic", "phase", "arm")
Number = Mapping[str, Any]


def cohort_numbers(tables: Mapping[str, pd.DataFrame], order: Sequence[str]) -> pd.DataFrame:
    """Return the numbers of one cohort's tables by their keys, variables in a given order."""
    frames = [frame.assign(table=name) for name, frame in tables.items()]
    rows = pd.concat(frames, ignore_index=True).rename(columns={"value": "simulated"})
    rows = rows.sort_values(
        ["table", "variable"], key=lambda column: _placed(column, order), kind="stable", ignore_index=True
    )
    return rows[[*KEY, "simulated"]]


def _judged(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return numbers with print and interval; those of one cohort have none, and nothing to differ from."""
    if "printed" in numbers:
        return numbers
    return numbers.assign(printed=np.nan, low=np.nan, high=np.nan, inside=True)


def _placed(column: pd.Series, order: Sequence[str]) -> pd.Series:
    """Return sort keys: tables by name, variables in their order, others after them as they come."""
    if column.name == "table":
        return column
    place = {name: position for position, name in enumerate(order)}
    return column.map(lambda name: -1 if name == "n" else place.get(name, len(place)))


def balance_rows(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the standardized differences of a comparison, misprints corrected, as `plot_love` takes them."""
    rows = mended(_judged(comparison)).loc[comparison["statistic"] == "smd_percent", list(LOVE_COLUMNS)]
    return rows.assign(inside=[_is_inside(verdict) for verdict in rows["inside"]]).reset_index(drop=True)


def effect_rows(comparison: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the treatment's odds and hazard ratios of every analysis of a study, for `plot_forest`."""
    numbers, later = _by_key(comparison), study.layout.later
    crude = comparison.loc[(comparison["table"] == "table4") & (comparison["variable"] != "n"), "variable"]
    rows = []
    for place, outcome in enumerate(crude.unique(), start=5):
        sources = (
            (("table4", outcome, "unadjusted"), "odds_ratio", "Matched, crude"),
            (("table4", outcome, "adjusted"), "odds_ratio", "GEE with adjuncts"),
            (
                (f"table{place}", study.spec.treatment, ""),
                "odds_ratio",
                f"GEE with adjuncts and later {later.label}",
            ),
            (("text", outcome, "cox"), "hazard_ratio", "Cox, hazard ratio"),
            (("text", outcome, "adjuncts_gee"), "odds_ratio", "Second score, GEE with adjuncts"),
            (
                ("text", outcome, f"adjuncts_gee_{later.name}"),
                "odds_ratio",
                f"Second score, GEE with adjuncts, {later.label}",
            ),
        )
        for key, statistic, label in sources:
            row = _ratio_row(numbers, key, statistic)
            if row is not None:
                rows.append({"group": study.wording.row(outcome), "label": label, **row})
    return pd.DataFrame(rows, columns=list(FOREST_COLUMNS))


def hazard_row(comparison: pd.DataFrame) -> dict[str, float | bool] | None:
    """Return the hazard ratio of the Cox model, None where there is none."""
    events = comparison.loc[(comparison["table"] == "text") & (comparison["level"] == "cox"), "variable"]
    if events.empty:
        return None
    return _ratio_row(_by_key(comparison), ("text", str(events.iloc[0]), "cox"), "hazard_ratio")


def term_rows(comparison: pd.DataFrame, table: str, words: Wording) -> pd.DataFrame:
    """Return the odds ratios of every term of one model table, as `plot_forest` takes them."""
    numbers = _by_key(comparison)
    chosen = comparison.loc[(comparison["table"] == table) & (comparison["statistic"] == "odds_ratio")]
    rows = []
    for variable, level in zip(chosen["variable"], chosen["level"], strict=True):
        row = _ratio_row(numbers, (table, variable, level), "odds_ratio")
        if row is not None:
            heading = words.heading(variable)
            rows.append({"group": heading, "label": words.row(variable, level), **row})
    return pd.DataFrame(rows, columns=list(FOREST_COLUMNS))


def _by_key(comparison: pd.DataFrame) -> dict[tuple[str, str, str, str], Number]:
    ratios = _judged(comparison.loc[(comparison["arm"] == "contrast") & (comparison["phase"] == "after")])
    return {
        (row["table"], row["variable"], row["level"], row["statistic"]): row
        for row in ratios.to_dict("records")
    }


def _ratio_row(
    numbers: Mapping[tuple[str, str, str, str], Number], place: tuple[str, str, str], statistic: str
) -> dict[str, float | bool] | None:
    """Return a ratio with its intervals; a single cohort's interval is its confidence interval."""
    if (*place, statistic) not in numbers:
        return None
    ratio, low, high = (numbers.get((*place, name), {}) for name in (statistic, "ci_low", "ci_high"))
    alone = np.isnan(ratio["low"]) and np.isnan(ratio["high"])
    return {
        "printed": ratio["printed"],
        "printed_low": low.get("printed", np.nan),
        "printed_high": high.get("printed", np.nan),
        "simulated": ratio["simulated"],
        "low": low.get("simulated", np.nan) if alone else ratio["low"],
        "high": high.get("simulated", np.nan) if alone else ratio["high"],
        "inside": _is_inside(ratio["inside"]),
    }


def _is_inside(verdict: Any) -> bool:
    """Return the verdict; where nothing was simulated there is none, and nothing is marked as outside."""
    return bool(pd.isna(verdict) or verdict)
