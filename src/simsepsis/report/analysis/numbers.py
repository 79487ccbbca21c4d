"""The numbers of one analysis by name, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from simsepsis.analysis.result import FIRST_SCORE, SECOND_SCORE
from simsepsis.analysis.two_by_two import AssociationTest, Effect, mcnemar, pair_table, paired_odds_ratio
from simsepsis.figures.labels import in_a_sentence, level_label, row_label
from simsepsis.report.layout import format_number
from simsepsis.thesis.dictionary import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.analysis.thesis_analysis import Analysis

SCORES = {FIRST_SCORE: "first score", SECOND_SCORE: "second score, with adjuncts"}
METHODS = {
    "crude": "Before matching, crude",
    "psm": "Matched, crude",
    "psm_paired_se": "Matched, standard error of pairs",
    "psm_cox": "Matched, Cox",
    "psm_gee": "Matched, GEE with adjuncts",
    "psm_gee_sofa": "Matched, GEE with adjuncts and later scores",
    "psm_adjuncts": "Second score, crude",
    "psm_adjuncts_gee": "Second score, GEE with adjuncts",
    "psm_adjuncts_gee_sofa": "Second score, GEE with adjuncts and later scores",
}
"""Method → words."""


class Interval(NamedTuple):
    """A ratio or a difference with its 95% interval and p value; NaN where there is none."""

    value: float
    low: float
    high: float
    p_value: float

    @property
    def known(self) -> bool:
        """Return whether there is an estimate."""
        return math.isfinite(self.value)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Numbers:
    """One analysis with the words for its columns.

    Attributes
    ----------
    analysis
        As returned by `simsepsis.analysis.thesis_analysis.analyze`.
    labels
        Column → its name, where the spec gives one.
    by_key
        (table, variable, level, statistic, phase, arm) → number.
    """

    analysis: Analysis
    labels: Mapping[str, str]
    by_key: Mapping[tuple[str, ...], float]

    def label(self, variable: str, level: str = "") -> str:
        """Return the name of a column, or of one of its levels."""
        own = self.labels.get(variable)
        if own is None:
            return row_label(variable, level)
        return f"{own}: {level_label(variable, level)}" if level else own

    def said(self, variable: str) -> str:
        """Return the name of a column as it stands inside a sentence."""
        return in_a_sentence(self.label(variable))

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of the analysis in the order in which tables show them."""
        spec = self.analysis.result.spec
        own = (*spec.balance_columns, *spec.adjusters, *spec.outcomes, *spec.durations)
        return tuple(COLUMNS) if all(name in COLUMNS for name in own) else own

    @property
    def treated(self) -> str:
        """Return the name of the treatment."""
        return self.label(self.analysis.result.spec.treatment)

    def number(self, *key: str) -> float:
        """Return a number by its key; NaN where there is none."""
        return self.by_key.get(key, math.nan)

    def estimate(self, method: str, estimand: str) -> Interval:
        """Return an estimate on the scale for people: logs as ratios, risk differences in percent."""
        rows = self.analysis.estimates
        row = rows[(rows["method"] == method) & (rows["estimand"] == estimand)]
        if row.empty:
            return Interval(math.nan, math.nan, math.nan, math.nan)
        value, low, high, p_value = row[["estimate", "ci_low", "ci_high", "p_value"]].to_numpy(float)[0]
        if estimand.startswith("log_"):
            value, low, high = (math.exp(number) for number in (value, low, high))
        elif estimand.startswith("rd_"):
            value, low, high = 100 * value, 100 * low, 100 * high
        return Interval(value, low, high, p_value)

    def test(self, quantity: str) -> Interval:
        """Return a row of the survival tests."""
        rows = self.analysis.survival_tests
        if rows.empty:
            return Interval(math.nan, math.nan, math.nan, math.nan)
        row = rows[rows["quantity"] == quantity]
        return Interval(*row[["estimate", "ci_low", "ci_high", "p_value"]].to_numpy(float)[0])

    def pairs(self, outcome: str) -> tuple[AssociationTest, Effect] | None:
        """Return McNemar's test and the conditional odds ratio of the first score's pairs."""
        matched = self.analysis.result.matched[FIRST_SCORE].value
        if matched is None:
            return None
        table = pair_table(*matched.cohort.column(outcome).reshape(2, -1))
        return mcnemar(table), paired_odds_ratio(table)


def numbers_of(analysis: Analysis) -> Numbers:
    """Return an analysis with its numbers by key.

    Parameters
    ----------
    analysis
        As returned by `simsepsis.analysis.thesis_analysis.analyze`.
    """
    by_key = {
        (table, *(str(part) for part in row[:-1])): float(row[-1])
        for table, frame in analysis.tables.items()
        for row in frame.itertuples(index=False, name=None)
    }
    return Numbers(analysis=analysis, labels=analysis.result.spec.labels, by_key=by_key)


def p_text(value: float) -> str:
    """Return a p value for a sentence: ``p = 0.03``, ``p < 0.001``."""
    text = format_number(value, "p_value")
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def ratio_text(found: Interval) -> str:
    """Return ``1.33 (1.14 to 1.55)``, a dash where there is no estimate."""
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})" if found.known else "–"


def points_text(found: Interval) -> str:
    """Return ``+6.4 (3.0 to 9.7)``, a dash where there is no estimate."""
    if not found.known:
        return "–"
    value, low, high = (_signed(number) for number in (found.value, found.low, found.high))
    return f"{value} ({low.removeprefix('+')} to {high.removeprefix('+')})"


def _signed(number: float) -> str:
    return f"{round(number, 1) + 0.0:+.1f}".replace("-", "−")


def percent_text(value: float) -> str:
    """Return ``36.7%``, a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.1f}%"


def count_of(frame: pd.DataFrame, step: str, score: str = "") -> float:
    """Return the patients of one step of the flow; NaN where it was not reached.

    Parameters
    ----------
    frame
        The flow: step, score, patients.
    step, score
        Which row.
    """
    rows = frame[(frame["step"] == step) & (frame["score"] == score)]["patients"]
    return float(rows.iloc[0]) if len(rows) else math.nan
