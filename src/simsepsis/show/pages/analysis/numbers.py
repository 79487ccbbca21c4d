"""The numbers of one analysis by name, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from simsepsis.analysis.result import FIRST_SCORE, SECOND_SCORE
from simsepsis.analysis.two_by_two import AssociationTest, Effect, mcnemar, pair_table, paired_odds_ratio
from simsepsis.estimand import Estimand
from simsepsis.show.plots.arms import Arms, arms_of, wording_of
from simsepsis.show.plots.estimates import method_label, outcomes_of
from simsepsis.study.layout import ARMS
from simsepsis.words.labels import Wording, is_death
from simsepsis.words.numbers import decimals_of, fixed, with_interval

if TYPE_CHECKING:
    from simsepsis.analysis.thesis_analysis import Analysis

_LARGEST_LOG = 700.0
SCORES = {FIRST_SCORE: "first score", SECOND_SCORE: "second score, with adjuncts"}


class Interval(NamedTuple):
    """A ratio or a difference with its 95% interval and p value; NaN where there is none, and the reason."""

    value: float
    low: float
    high: float
    p_value: float
    failure: str = ""

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
    words
        Names of columns and levels.
    arms
        Words for the arms.
    by_key
        (table, variable, level, statistic, phase, arm) → number.
    """

    analysis: Analysis
    words: Wording
    arms: Arms
    by_key: Mapping[tuple[str, ...], float]

    def label(self, variable: str, level: str = "") -> str:
        """Return the name of a column, or of one of its levels."""
        return self.words.row(variable, level)

    def said(self, variable: str) -> str:
        """Return the name of a column as it stands inside a sentence."""
        return self.words.said(variable)

    @property
    def keys(self) -> tuple[str, str]:
        """Return what the frames call the treated and the control arm."""
        return ARMS

    def columns_of(self, table: str) -> tuple[str, ...]:
        """Return the columns of one table in the order in which it shows them."""
        spec = self.analysis.result.spec
        shown = {
            "table1": spec.balance_columns,
            "table2": spec.adjusters,
            "table3": (*spec.all_outcomes, *spec.durations),
        }[table]
        known = all(name in spec.variables for name in shown)
        return tuple(name for name in spec.variables if name in shown) if known else shown

    @property
    def treatment(self) -> str:
        """Return the name of the treatment."""
        return self.label(self.analysis.result.spec.treatment)

    @property
    def outcome(self) -> str:
        """Return one word for all outcomes: the only one's name, death, or outcomes."""
        names = self.analysis.result.spec.all_outcomes
        if len(names) == 1:
            return self.said(names[0])
        return "death" if all(is_death(self.label(name)) for name in names) else "outcomes"

    @property
    def time_words(self) -> tuple[str, str]:
        """Return what the curves show, and what the mean time is: survival and alive, where it is death."""
        event = str(self.analysis.result.spec.survival_event)
        if is_death(self.label(event)):
            return "Survival of matched patients", "alive"
        return f"Time to {self.said(event)}, matched patients", f"before {self.said(event)}"

    def method(self, name: str) -> str:
        """Return the words for a method."""
        return method_label(name, self.analysis.result.spec)

    def estimand(self, name: str) -> Estimand:
        """Return scale, outcome and population of an estimand's name."""
        return Estimand.parse(name, outcomes_of(self.analysis.result.spec))

    def number(self, *key: str) -> float:
        """Return a number by its key; NaN where there is none."""
        return self.by_key.get(key, math.nan)

    def estimate(self, method: str, estimand: str) -> Interval:
        """Return an estimate on the scale for people: logs as ratios, risk differences in percent."""
        rows = self.analysis.estimates
        row = rows[(rows["method"] == method) & (rows["estimand"] == estimand)]
        if row.empty:
            return Interval(math.nan, math.nan, math.nan, math.nan)
        return for_people(row.to_dict("records")[0])

    def test(self, quantity: str) -> Interval:
        """Return a row of the survival tests."""
        rows = self.analysis.survival_tests
        row = rows[rows["quantity"] == quantity] if len(rows) else rows
        if row.empty:
            return Interval(math.nan, math.nan, math.nan, math.nan)
        value, low, high, p_value = row[["estimate", "ci_low", "ci_high", "p_value"]].to_numpy(float)[0]
        return Interval(value, low, high, p_value, _reason(row["failure"].iloc[0]))

    def pairs(self, outcome: str) -> tuple[AssociationTest, Effect] | None:
        """Return McNemar's test and the conditional odds ratio of the first score's pairs."""
        matched = self.analysis.result.matched[FIRST_SCORE].value
        if matched is None or matched.weights is not None:
            return None
        table = pair_table(*matched.cohort.column(outcome).reshape(2, -1))
        return mcnemar(table), paired_odds_ratio(table)


def for_people(row: Mapping[Hashable, Any]) -> Interval:
    """Return an estimate on the scale for people: logs as ratios, risk differences in percent."""
    numbers = [float(row[name]) for name in ("estimate", "ci_low", "ci_high")]
    scale = Estimand.parse(str(row["estimand"])).on
    if scale.kind == "ratio":
        numbers = [math.inf if number > _LARGEST_LOG else math.exp(number) for number in numbers]
    numbers = [scale.factor * number for number in numbers]
    value, low, high = numbers
    return Interval(value, low, high, float(row["p_value"]), _reason(row["failure"]))


def _reason(failure: Any) -> str:
    return failure if isinstance(failure, str) else ""


def numbers_of(analysis: Analysis) -> Numbers:
    """Return an analysis with its numbers by key."""
    by_key = {
        (table, *(str(part) for part in row[:-1])): float(row[-1])
        for table, frame in analysis.tables.items()
        for row in frame.itertuples(index=False, name=None)
    }
    spec = analysis.result.spec
    return Numbers(
        analysis=analysis,
        words=wording_of(spec),
        arms=arms_of(spec, analysis.result.cohort),
        by_key=by_key,
    )


def ratio_text(found: Interval) -> str:
    """Return ``1.33 (1.14 to 1.55)``, or why there is no estimate."""
    return with_interval(found[:3]) if found.known else missing_text(found)


def points_text(found: Interval) -> str:
    """Return ``+6.4 (3.0 to 9.7)``, or why there is no estimate."""
    if not found.known:
        return missing_text(found)
    return f"{fixed(found.value, 1, signed=True)} ({fixed(found.low, 1)} to {fixed(found.high, 1)})"


def span_text(found: Interval) -> str:
    """Return a number in its own unit with its interval, ``−10.2 (−24.8 to 4.3)``, or why there is none."""
    decimals = decimals_of(found[:3])
    return (
        with_interval(found[:3], lambda number: fixed(number, decimals))
        if found.known
        else missing_text(found)
    )


def missing_text(found: Interval) -> str:
    """Return why there is no estimate; a dash where nothing was to be estimated."""
    return f"not estimable: {found.failure}" if found.failure else "–"
