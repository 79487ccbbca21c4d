"""Tables whose keys are names of the registry: which they must and may have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from simsepsis.errors import did_you_mean
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, names_of

FACTORS = ("severity", "hematologic", "aging", "size")
"""Common factors of the copula; the first starts the severity path."""

NUMBERS = ("age", "weight_kg", "apache2", "wbc", "hemoglobin", "platelets")
LABS = names_of("lab_missing")
GRADES = ("sirs_day1", *(name for name in names_of("sofa_day1") if name != "sofa_coag_day1"))
"""Scores of 0 to 4; that of coagulation follows from the platelets."""
CONDITIONS = ("male", *names_of("comorbidity", "coagulopathy"))
LATENT = (*NUMBERS, *LABS, *GRADES, *CONDITIONS, "route", "infection")
SUPPORTS = ("ventilator", "vasopressor", "rrt")
TRANSFUSIONS = ("rbc", "ffp", "platelet")
CATEGORIES = tuple(name for name, column in COLUMNS.items() if column.kind == "category")
BINARY = (*CONDITIONS, "source_control")
HIDDEN_TERMS = ("intercept", "severity", "care", "u", "icu", "trend")
"""Terms that are no column: a constant and what no column shows."""

FUNCTIONS = {**dict.fromkeys(NUMBERS, 4), "icu_beds": 3, "u": 1, **dict.fromkeys((*GRADES, *BINARY), 1)}
"""Number or 0/1 column → functions of it that the hazard of IVIgG is made of."""

LEVELS = tuple(f"{name}={level}" for name in CATEGORIES for level in COLUMNS[name].level_names)
TERMS = (*HIDDEN_TERMS, *LATENT, *BINARY, *LEVELS)
"""Everything that a linear predictor may be made of."""

SUM = 1e-3
"""By how much probabilities may miss a sum of 1, since they are rounded."""


def levels_of(column: str) -> tuple[str, ...]:
    """Return the levels of a category."""
    return COLUMNS[column].level_names


def check_keys(table: Mapping[str, Any], known: Collection[str], place: str, *, whole: bool = True) -> None:
    """Raise unless a table has keys of the registry."""
    for key in table:
        if key not in known:
            near = did_you_mean(key, known) or f"; known are {', '.join(list(known)[:12])}"
            raise ValueError(f"{place}: '{key}' is unknown{near}")
    lacking = [key for key in known if key not in table] if whole else []
    if lacking:
        raise ValueError(f'{place}: {lacking[0]} is missing; give it or add extends = "thesis"')


def check_sum(chances: Iterable[float], place: str) -> None:
    """Raise unless probabilities sum to 1."""
    total = sum(chances)
    if abs(total - 1.0) > SUM:
        raise ValueError(f"{place}: the probabilities sum to {total:g}; they must sum to 1")


def check_limits(name: str, low: float, high: float, place: str) -> None:
    """Raise unless the least and largest value of a column are possible."""
    column = COLUMNS[name]
    least = -float("inf") if column.low is None else column.low
    most = float("inf") if column.high is None else column.high
    for key, value in (("low", low), ("high", high)):
        if not least <= value <= most:
            raise ValueError(f"{place}.{key} = {value:g}: {name} lies between {least:g} and {most:g}")
