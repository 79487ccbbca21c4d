"""The tables of a scenario's page as ready texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from simsepsis.show.table import Table
from simsepsis.studies.jseptic_ivigg.columns import STUDY
from simsepsis.studies.jseptic_ivigg.describe.changes import number_text
from simsepsis.studies.jseptic_ivigg.describe.diagram import ENDPOINTS as ENDPOINT_WORDS
from simsepsis.studies.jseptic_ivigg.describe.numbers import days, numbers_of, points, ratio
from simsepsis.studies.jseptic_ivigg.describe.words import FAR
from simsepsis.words.numbers import of_statistic, with_error

if TYPE_CHECKING:
    from simsepsis.studies.jseptic_ivigg.describe.description import ScenarioDescription

SCALES = (
    ("rd", "risk difference (percentage points)", points),
    ("log_rr", "risk ratio", ratio),
    ("log_or", "marginal odds ratio", ratio),
    ("log_hr", "hazard ratio", ratio),
)
RMST = ("rmst28_difference", "Days alive in the first 28, difference", days)
POPULATIONS = {
    "att": "In those given IVIgG",
    "ate": "In everybody",
    "matched": "In the matched",
}

MAIN_MARGINS = (
    ("dic_policy", "active"),
    ("dic_policy", "conservative"),
    ("dic_policy", "neither"),
    ("age", ""),
    ("male", ""),
    ("weight_kg", ""),
    ("admission_route", "er"),
    ("apache2", ""),
    ("sofa_resp_day1", ""),
    ("sofa_cv_day1", ""),
    ("sofa_coag_day1", ""),
    ("wbc", ""),
    ("platelets", ""),
    ("immunocompromised", ""),
    ("source_control", ""),
    ("antithrombin_therapy", ""),
    ("thrombomodulin", ""),
    ("low_dose_steroid", ""),
    ("rrt", ""),
    ("pmx", ""),
    ("ventilator_days", ""),
    ("icu_days", ""),
    ("hospital_days", ""),
    ("icu_death", ""),
    ("hospital_death", ""),
)
"""Margins that stand on the page; the file has all."""

TILT = ("treatment.numbers.", "treatment.levels.")
"""Coefficients, some fifty, that reproduce Table 1's IVIgG column; they mean nothing one by one."""

_QUARTILES = ("median", "q1", "q3")
_ARMS = ("ivigg", "control")


def truth_table(truth: pd.DataFrame) -> Table:
    """Return the truth of every estimand, populations as columns."""
    numbers = numbers_of(truth, "estimand")
    suffixes = [suffix for suffix in POPULATIONS if f"rd_hospital_death_{suffix}" in numbers]
    kinds = [
        (f"{scale}_{endpoint}", f"{_capital(ENDPOINT_WORDS[endpoint])}: {words}", show)
        for endpoint in ("hospital_death", "icu_death", "death_28d")
        for scale, words, show in SCALES
    ]
    rows = tuple(
        (words, *(show(numbers[f"{stem}_{suffix}"]) for suffix in suffixes))
        for stem, words, show in (*kinds, RMST)
    )
    return Table(
        title="True effect of IVIgG against none, with Monte Carlo standard errors",
        heads=("Estimand", *(POPULATIONS[suffix] for suffix in suffixes)),
        rows=rows,
    )


def changes_table(description: ScenarioDescription) -> Table:
    """Return the settings that differ from the base."""
    rows = description.changes[["key", "base", "here", "meaning"]].itertuples(index=False)
    return Table(
        title="Settings that differ",
        heads=("Setting", f"In “{description.base}”", "Here", "What it is"),
        rows=tuple(tuple(map(str, row)) for row in rows),
    )


def reached_table(reached: pd.DataFrame) -> Table:
    """Return the requests and what the solved coefficients give."""
    rows = zip(reached["what"], reached["asked"], reached["value"], reached["mcse"], strict=True)
    return Table(
        title="What was asked for, and what is reached",
        heads=("Request", "Asked", "Reached (Monte Carlo SE)"),
        rows=tuple(
            (_capital(what.replace("_", " ")), number_text(asked), _reached(value, error))
            for what, asked, value, error in rows
        ),
    )


def _reached(value: float, error: float) -> str:
    """Return what is reached; a distance that was minimized has no error of its own."""
    return with_error(value, error, 4) if error > 0.0 else number_text(round(value, 4))


def solved_table(solved: pd.DataFrame) -> Table:
    """Return the solved coefficients, those that reproduce the margins of the treated only counted."""
    tilt = solved["key"].str.startswith(TILT)
    rest = f"; {tilt.sum()} more make the margins of the treated, see the file" if tilt.any() else ""
    rows = solved.loc[~tilt, ["key", "asked", "solved", "meaning"]].itertuples(index=False)
    return Table(
        title=f"Coefficients solved for it{rest}",
        heads=("Setting", "As written", "Solved", "What it is"),
        rows=tuple(tuple(map(str, row)) for row in rows),
    )


def margins_table(margins: pd.DataFrame) -> Table:
    """Return the main margins of both arms, printed and simulated."""
    cells = {
        (row.variable, row.level, row.statistic, row.arm): row for row in margins.itertuples(index=False)
    }
    sizes = {arm: cells["n", "", "count", arm] for arm in _ARMS}
    total = sum(size.printed for size in sizes.values())
    first = ("Share of patients (%)", *(t for arm in _ARMS for t in _percents(sizes[arm], total)))
    rows = [first]
    for variable, level in MAIN_MARGINS:
        label = STUDY.wording.row(variable, level)
        counted = (variable, level, "count", "ivigg") in cells
        texts = [
            text
            for arm in _ARMS
            for text in (
                _percents(cells[variable, level, "count", arm], sizes[arm].printed)
                if counted
                else _quartiles([cells[variable, level, statistic, arm] for statistic in _QUARTILES])
            )
        ]
        rows.append((f"{label} (%)" if counted else label, *texts))
    return Table(
        title="Main margins before matching, printed and simulated: percent, or median (quartiles)",
        heads=("Variable", "IVIgG (+), printed", "simulated", "IVIgG (−), printed", "simulated"),
        rows=tuple(rows),
    )


def _percents(cell: Any, size: float) -> tuple[str, str]:
    printed, simulated = (
        of_statistic(100 * float(getattr(cell, name)) / size, "percent") for name in ("printed", "simulated")
    )
    return printed, f"{simulated}{_mark([cell])}"


def _quartiles(cells: list[Any]) -> tuple[str, str]:
    texts = []
    for name in ("printed", "simulated"):
        median, low, high = (of_statistic(float(getattr(cell, name)), "median") for cell in cells)
        texts.append(f"{median} ({low}–{high})")
    return texts[0], f"{texts[1]}{_mark(cells)}"


def _mark(cells: list[Any]) -> str:
    gaps = [float(cell.difference_se) for cell in cells]
    worst = max(gaps, key=abs)
    if abs(worst) <= FAR:
        return ""
    return " ▲" if worst > 0 else " ▼"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
