"""Tables of what an analysis has besides the effects in pairs: clusters, numbers, methods by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from simsepsis.analysis.descriptive import ARMS, PHASES
from simsepsis.analysis.methods import METHODS as BY_NAME
from simsepsis.analysis.methods import method_names
from simsepsis.report.analysis.numbers import METHODS, Numbers, interval_of, points_text, ratio_text
from simsepsis.report.layout import format_number
from simsepsis.report.page import PlainTable

Row = tuple[str, ...]

SCALES = {
    "log_or_ratio": "ratio of odds ratios",
    "log_or": "odds ratio",
    "log_rr": "risk ratio",
    "log_hr": "hazard ratio",
    "log_shr": "subdistribution hazard ratio",
    "rd": "risk difference, percentage points",
    "md": "difference of means",
}
"""Beginning of an estimand → words; the longer one first."""
POPULATIONS = {
    "att": "before matching",
    "ate": "in everybody",
    "ato": "in the overlap",
    "matched": "in matched patients",
    "twin": "given the others in the model",
}
"""End of an estimand → words."""


def numeric_table(numbers: Numbers) -> PlainTable | None:
    """Return means of the numeric outcomes in both arms and their differences; None without any."""
    spec = numbers.analysis.result.spec
    if not spec.numeric_outcomes:
        return None
    rows: list[Row] = []
    for outcome in spec.numeric_outcomes:
        rows.append((numbers.label(outcome),))
        for words, cell in (("Mean ± SD", _mean), ("Median (quartiles)", _median)):
            cells = (cell(numbers, outcome, phase, arm) for phase in PHASES for arm in ARMS)
            rows.append((words, *cells))
        rows += (
            (f"{_method(row['method'])}: difference of means", _interval(row), "", _p_value(row), "")
            for row in _rows(numbers)
            if row["estimand"].rpartition("_")[0] == f"md_{outcome}" and row["converged"]
        )
    arms = (numbers.treated, "Control")
    groups = (("Before matching", 2), ("After matching", 2))
    return PlainTable(
        title="Outcomes that are numbers, with 95% confidence intervals and p values",
        heads=("", *arms, *arms),
        rows=tuple(rows),
        groups=groups,
    )


def further_table(numbers: Numbers) -> PlainTable | None:
    """Return effects by cluster and by the methods that the spec names; None where there are none."""
    rows = tuple(
        (_method(row["method"]), _effect(numbers, row["estimand"]), _interval(row), _p_value(row))
        for row in _rows(numbers)
        if row["method"] in {"psm_cluster_se", "psm_gee_alone", *_named(numbers)}
        and not row["estimand"].startswith("md_")
    )
    if not rows:
        return None
    return PlainTable(
        title="Effects by cluster and by other methods, with 95% confidence intervals",
        heads=("Method", "Effect", "Estimate (95% CI)", "p value"),
        rows=rows,
    )


def _rows(numbers: Numbers) -> Iterator[dict[Any, Any]]:
    yield from numbers.analysis.estimates.to_dict("records")


def _named(numbers: Numbers) -> set[str]:
    """Return the methods that the spec names and no other table shows."""
    return set(method_names(numbers.analysis.result.spec.methods)) - set(METHODS)


def _method(name: str) -> str:
    return METHODS.get(name) or (BY_NAME[name].label if name in BY_NAME else name)


def _effect(numbers: Numbers, estimand: str) -> str:
    """Return an estimand in words: outcome, scale and population."""
    name, _, truth = estimand.rpartition("_")
    for scale, words in SCALES.items():
        if name.startswith(f"{scale}_"):
            outcome = numbers.label(name.removeprefix(f"{scale}_"))
            return f"{outcome}: {words}, {POPULATIONS.get(truth, truth)}"
    return estimand.replace("_", " ")


def _interval(row: dict[Any, Any]) -> str:
    """Return an estimate on the scale for people, or a dash; the reason stands with the failures."""
    if not row["converged"]:
        return "–"
    found = interval_of(row)
    if row["estimand"].startswith("md_"):
        return f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})".replace("-", "−")
    text = points_text if row["estimand"].startswith("rd_") else ratio_text
    return text(found)


def _p_value(row: dict[Any, Any]) -> str:
    return format_number(row["p_value"], "p_value") if row["converged"] else "–"


def _mean(numbers: Numbers, outcome: str, phase: str, arm: str) -> str:
    mean, sd = (numbers.number("table3", outcome, "", name, phase, arm) for name in ("mean", "sd"))
    return "–" if math.isnan(mean) else f"{mean:.4g} ± {sd:.3g}"


def _median(numbers: Numbers, outcome: str, phase: str, arm: str) -> str:
    low, middle, high = (
        numbers.number("table3", outcome, "", name, phase, arm) for name in ("q1", "median", "q3")
    )
    return "–" if math.isnan(middle) else f"{middle:.4g} ({low:.4g}–{high:.4g})"
