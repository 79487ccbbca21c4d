"""The compared numbers stand where the thesis has them, with marks where they do not fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis.show.pages.layout import lay_out
from simsepsis.show.table import Compared, Table
from simsepsis.study.published import open_study
from simsepsis.words.numbers import of_statistic

STUDY = open_study()


def table(comparison: pd.DataFrame, name: str) -> Table:
    return next(table for table in lay_out(comparison, STUDY) if table.name == name)


def line(laid_out: Table, label: str) -> tuple[str, ...]:
    return next(row[1:] for row in laid_out.texts if row[0] == label and len(row) > 1)


def last_cell(laid_out: Table) -> Compared:
    """Return the first number of the last row."""
    return laid_out.rows[-1][1]


def test_all_seven_tables_hold_every_number_once(comparison):
    tables = lay_out(comparison, STUDY)
    assert [found.name for found in tables] == [f"table{number}" for number in range(1, 7)] + ["text"]
    shown = sum(
        bool(part.mark) for found in tables for row in found.rows for cell in row[1:] for part in cell.printed
    )
    assert shown == len(comparison)


@pytest.mark.parametrize(
    ("name", "label", "cells"),
    [
        ("table1", "Patients", ["960 (30.8)", "2158 (69.2)", "", "653", "653", ""]),
        ("table1", "ER ICU", ["464 (48.3)", "1077 (49.9)", "3.2", "308 (47.2)", "308 (47.2)", "0.0"]),
        ("table1", "Age (years)", ["70 (61–79)", "73 (63–81)", "16.5", "72 (62–80)", "72 (62–80)", "1.6"]),
        ("table2", "RBC", ["2 (0–6)", "0 (0–4)", "<0.001", "2 (0–6)", "0 (0–4)", "<0.001"]),
        ("table4", "unadjusted", ["137 (21.0)", "118 (18.1)", "1.204 (0.915–1.584)", "0.185"]),
        ("table4", "adjusted by GEE", ["", "", "0.883 (0.655–1.192)", "0.417"]),
        ("table5", "IVIgG", ["0.815 (0.456–1.457)", "0.49"]),
        (
            "text",
            "In-hospital mortality: Cox, after matching",
            ["", "", "", "HR 0.941 (0.765–1.158)", "0.566"],
        ),
        (
            "text",
            "ICU mortality: score with adjuncts, crude, after matching",
            ["", "20.8%", "18.9%", "", "0.38"],
        ),
    ],
)
def test_cells_read_as_in_the_thesis(comparison, name: str, label: str, cells: list[str]):
    assert list(line(table(comparison, name), label)) == cells


def test_phases_head_their_columns(comparison):
    assert table(comparison, "table1").groups == (("Before matching", 3), ("After matching", 3))
    assert table(comparison, "table5").groups == ()


def one_number(**values: object) -> pd.DataFrame:
    key = {
        "table": "table1",
        "variable": "age",
        "level": "",
        "statistic": "median",
        "phase": "before",
        "arm": "treated",
    }
    others = [
        {**key, "statistic": name, "printed": 5.0} | _interval(5.0, 4.0, 6.0, True) for name in ("q1", "q3")
    ]
    return pd.DataFrame([{**key, **values}, *others])


def _interval(simulated: float, low: float, high: float, inside: bool) -> dict[str, object]:
    return {"simulated": simulated, "low": low, "high": high, "inside": inside}


@pytest.mark.parametrize(
    ("number", "mark", "is_outside"),
    [
        (_interval(70.0, 69.0, 72.0, True), "inside", False),
        (_interval(60.0, 59.0, 62.0, False), "above", True),
        (_interval(80.0, 78.0, 82.0, False), "below", True),
        (_interval(np.nan, np.nan, np.nan, False), "", False),
    ],
)
def test_a_number_is_marked_by_where_it_stands(number: dict[str, object], mark: str, is_outside: bool):
    (laid_out,) = lay_out(one_number(printed=70.0, **number), STUDY)
    cell = last_cell(laid_out)
    assert cell.printed[0].text == "70"
    assert cell.printed[0].mark == mark
    assert cell.outside == is_outside


def test_the_interval_follows_the_composition_of_the_cell():
    (laid_out,) = lay_out(one_number(printed=70.0, **_interval(70.04, 68.96, 71.3, True)), STUDY)
    cell = last_cell(laid_out)
    assert cell.simulated == "70 (5–5)"
    assert cell.interval == ("69–71.3", "(4–6;", "4–6)")


def test_a_number_that_was_not_simulated_shows_a_dash():
    missing = pd.DataFrame(
        [{"table": "text", "variable": "icus", "level": "", "statistic": "count", "phase": "", "arm": ""}]
    ).assign(printed=42.0, simulated=np.nan, low=np.nan, high=np.nan, inside=False)
    (laid_out,) = lay_out(missing, STUDY)
    cell = last_cell(laid_out)
    assert (cell.simulated, cell.interval, laid_out.note) == ("–", (), "0 of 0 numbers inside")


def test_counts_of_inside_are_those_of_the_comparison(comparison):
    for found in lay_out(comparison, STUDY):
        rows = comparison.loc[(comparison["table"] == found.name) & (comparison["repeats"] == "")]
        repeated = (comparison["table"] == found.name).sum() - len(rows)
        inside = f"{rows['inside_corrected'].sum()} of {len(rows)} numbers inside"
        assert found.note == inside + (f" ({repeated} more stood in earlier tables)" if repeated else "")


def test_a_misprint_is_marked_and_judged_by_its_corrected_value():
    misprint = {"corrected": 60.0, "inside_corrected": True, "text": "70"}
    frame = one_number(printed=70.0, **_interval(60.0, 59.0, 62.0, False), **misprint)
    (laid_out,) = lay_out(frame, STUDY)
    cell = last_cell(laid_out)
    assert (cell.printed[0].text, cell.corrected, cell.outside) == ("70†", ("60",), False)


@pytest.mark.parametrize(
    ("value", "statistic", "text"),
    [
        (np.nan, "count", "–"),
        (653.4, "count", "653"),
        (20.0, "percent", "20.0"),
        (0.0004, "p_value", "<0.001"),
        (0.0416, "p_value", "0.042"),
        (2.0, "median", "2"),
        (107.26, "median", "107"),
        (1.2044, "odds_ratio", "1.204"),
        (75.963, "ci_high", "75.96"),
        (np.inf, "ci_high", ">10⁵"),
    ],
)
def test_of_statistic(value: float, statistic: str, text: str):
    assert of_statistic(value, statistic) == text
