"""What is doubtful in the patients of an analysis, column by column; one function for each kind of doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.data import CohortArrays, complete_cases
from simsepsis.analysis.doubts import Doubt
from simsepsis.analysis.drafting.guessed_roles import SAME, agreement
from simsepsis.analysis.drafting.vocabulary import COLUMNS, day_in
from simsepsis.analysis.encode import doubts_of
from simsepsis.analysis.propensity import Propensity, fit_propensity, overlap_summary
from simsepsis.analysis.result import attempt
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import BoolArray, FloatArray

MOSTLY_MISSING = 0.5
"""Share of patients without a covariate from which on it is doubtful."""
EVENTS_PER_TERM = 10
"""Patients of the smaller arm, or of the rarer outcome, for each term of a model (Peduzzi et al. 1996)."""
FEW_IN_CLUSTER = 5
OUTSIDE = 0.02
"""Share of the treated beyond the controls' scores from which on it is said."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What doubts are found in.

    Attributes
    ----------
    spec
        What the analysis uses.
    cohort, analysed
        Everybody in both arms, and those with complete data.
    score
        The propensity score of the analysed; None where it could not be estimated.
    """

    spec: AnalysisSpec
    cohort: CohortArrays
    analysed: CohortArrays
    score: Propensity | None

    def rows(self, where: BoolArray) -> tuple[int, ...]:
        """Return the rows of some patients in the file, counted from 1."""
        return tuple((self.cohort.record[where] + 1).tolist())


def suspicions(cohort: CohortArrays, spec: AnalysisSpec) -> Iterator[Doubt]:
    """Yield what is doubtful in the patients of an analysis."""
    analysed = complete_cases(cohort, spec)[0]
    score = attempt(fit_propensity, analysed, spec.score_columns, spec.score_categories, errors=False).value
    seen = Seen(spec=spec, cohort=cohort, analysed=analysed, score=score)
    yield from doubts_of(cohort, spec)
    for find in FINDERS:
        yield from find(seen)


def _constant(seen: Seen) -> Iterator[Doubt]:
    for name in dict.fromkeys(seen.spec.score_columns):
        values = seen.analysed.column(name)
        present = values[~np.isnan(values)]
        if present.size == 0 or (present == present[0]).all():
            what = (
                f"'{name}' is the same for all {seen.analysed.n} analysed patients, so that it says nothing"
            )
            yield Doubt(column=name, what=what, count=seen.analysed.n, remedy="leave it out of 'covariates'")


def _repeated(seen: Seen) -> Iterator[Doubt]:
    """Yield covariates that are the same as an earlier one in everybody."""
    first: dict[bytes, str] = {}
    for name in dict.fromkeys(seen.spec.covariates):
        values = seen.cohort.column(name)
        twin = first.setdefault(values.tobytes(), name)
        if twin != name:
            what = f"'{name}' is the same as '{twin}' in every patient"
            yield Doubt(column=name, what=what, count=values.size, remedy="leave one of them out")


def _mostly_missing(seen: Seen) -> Iterator[Doubt]:
    for name in dict.fromkeys((*seen.spec.covariates, *seen.spec.score)):
        gaps = int(np.isnan(seen.cohort.column(name)).sum())
        if name in seen.cohort.levels and seen.cohort.levels[name][-1] == "missing":
            gaps = int((seen.cohort.column(name) == len(seen.cohort.levels[name]) - 1).sum())
        if gaps > MOSTLY_MISSING * seen.cohort.n:
            share = 100 * gaps / seen.cohort.n
            what = f"'{name}' is missing in {gaps} of {seen.cohort.n} patients ({share:.0f}%)"
            remedy = "whether it was measured may say more than its value; think of leaving it out"
            yield Doubt(column=name, what=what, count=gaps, remedy=remedy)


def _gives_away(seen: Seen) -> Iterator[Doubt]:
    """Yield covariates that say nearly the same as the treatment or an outcome."""
    truths = {seen.spec.treatment: seen.cohort.treated.astype(np.float64)}
    truths |= {name: seen.cohort.column(name) for name in seen.spec.outcomes}
    for name in dict.fromkeys((*seen.spec.covariates, *seen.spec.score)):
        values = seen.cohort.column(name)
        for other, truth in truths.items():
            levels = name in seen.cohort.levels
            if agreement(_shares(values, truth) if levels else values, truth) >= SAME:
                what = f"'{name}' tells nearly by itself who has {other} = 1"
                remedy = "if it is a consequence or another word for it, take it out of 'covariates'"
                yield Doubt(column=name, what=what, count=int((truth == 1).sum()), remedy=remedy)
        for outcome in seen.spec.numeric_outcomes:
            if name not in seen.cohort.levels and _correlation(values, seen.cohort.column(outcome)) >= SAME:
                what = f"'{name}' and the outcome '{outcome}' are nearly the same number"
                yield Doubt(column=name, what=what, count=values.size, remedy="take it out of 'covariates'")


def _shares(codes: FloatArray, truth: FloatArray) -> FloatArray:
    """Return for each patient the share of ones in the level, drawn a little to that of all.

    Notes
    -----
    It is the same for all of a level: without the patient it would tell who is 1, as those leave fewer.
    """
    known = ~(np.isnan(codes) | np.isnan(truth))
    level = np.where(known, codes, 0).astype(np.int64)
    ones = np.bincount(level[known], weights=truth[known], minlength=1)
    patients = np.bincount(level[known], minlength=1)
    shares: FloatArray = (ones + truth[known].mean()) / (patients + 1)
    return np.where(known, shares[level], np.nan)


def _correlation(first: FloatArray, second: FloatArray) -> float:
    known = ~(np.isnan(first) | np.isnan(second))
    if known.sum() < 3 or np.ptp(first[known]) == 0 or np.ptp(second[known]) == 0:
        return 0.0
    return float(abs(np.corrcoef(first[known], second[known])[0, 1]))


def _after_start(seen: Seen) -> Iterator[Doubt]:
    for name in dict.fromkeys((*seen.spec.covariates, *seen.spec.score)):
        said = COLUMNS["after"].strength(name) or COLUMNS["stay"].strength(name) or day_in(name) > 1
        if said and name not in seen.spec.allow_after_start:
            what = f"'{name}' looks by its name as if it was recorded after the treatment began"
            yield Doubt(
                column=name, what=what, remedy="take it out of 'covariates' unless it was known before"
            )


def _clusters(seen: Seen) -> Iterator[Doubt]:
    """Yield clusters of one arm only, and small ones."""
    cohort, name = seen.cohort, str(seen.spec.cluster)
    if cohort.cluster is None:
        return
    size = np.bincount(cohort.cluster)
    treated = np.bincount(cohort.cluster, weights=cohort.treated)
    alone, few = (treated == 0) | (treated == size), size < FEW_IN_CLUSTER
    if alone.any():
        what = (
            f"{int(alone.sum())} of {size.size} clusters in '{name}', with {int(size[alone].sum())} "
            "patients, have "
            "one arm only: they say nothing about the effect within a cluster"
        )
        yield Doubt(column=name, what=what, count=int(alone.sum()))
    if few.any():
        middle = f"the middle one has {np.median(size):g}, the largest {size.max()}"
        what = (
            f"{int(few.sum())} of {size.size} clusters in '{name}' have fewer than {FEW_IN_CLUSTER} "
            f"patients; {middle}"
        )
        yield Doubt(column=name, what=what, count=int(few.sum()))


def _spans(seen: Seen) -> Iterator[Doubt]:
    """Yield times of 0, events at the start, and durations beyond the time of an event."""
    spec, cohort = seen.spec, seen.cohort
    if spec.survival_time is None or spec.survival_event is None:
        return
    time, event = cohort.column(spec.survival_time), cohort.column(spec.survival_event) == 1
    for where, words in ((event, "have the event"), (~event, "are last seen")):
        rows = seen.rows(where & (time == 0))
        if rows:
            what = f"{len(rows)} patients {words} at the very start ({spec.survival_time} = 0)"
            remedy = "correct them, or leave it if less than one unit of time is meant"
            yield Doubt(column=spec.survival_time, what=what, count=len(rows), rows=rows, remedy=remedy)
    for name in spec.durations:
        rows = seen.rows(event & (cohort.column(name) > time))
        if rows:
            what = f"{len(rows)} patients with the event have a longer '{name}' than '{spec.survival_time}'"
            yield Doubt(
                column=name, what=what, count=len(rows), rows=rows, remedy="correct one of them in the file"
            )


def _few_events(seen: Seen) -> Iterator[Doubt]:
    """Yield models with many terms for the patients of the smaller arm, or of the rarer outcome."""
    if seen.score is None:
        return
    cohort, terms = seen.analysed, len(seen.score.terms) - 1
    counts = {"the smaller arm": int(min(cohort.treated.sum(), (~cohort.treated).sum()))}
    for name in seen.spec.outcomes:
        ones = int((cohort.column(name) == 1).sum())
        counts[f"the rarer value of '{name}'"] = min(ones, cohort.n - ones)
    for words, count in counts.items():
        if terms and count < EVENTS_PER_TERM * terms:
            what = (
                f"{count} patients have {words} and the score has {terms} terms, {count / terms:.1f} for "
                "each: with "
                f"fewer than about {EVENTS_PER_TERM} a model fits chance"
            )
            yield Doubt(column="", what=what, count=count, remedy="leave covariates out, or group levels")


def _overlap(seen: Seen) -> Iterator[Doubt]:
    """Yield treated patients unlike all controls, and patients whose treatment the score is certain of."""
    if seen.score is None:
        yield Doubt(
            column="", what="The propensity score could not be estimated", remedy="leave covariates out"
        )
        return
    told, treated = overlap_summary(seen.score, seen.analysed.treated), seen.analysed.treated
    if told["certain"]:
        what = f"The score is certain of the treatment of {told['certain']:.0f} patients (separation)"
        reason = f": {seen.score.note}" if seen.score.note else ""
        remedy = "group the levels, or leave the column out"
        yield Doubt(column="", what=f"{what}{reason}", count=int(told["certain"]), remedy=remedy)
    chance = seen.score.probability
    unlike = treated & ((chance > chance[~treated].max()) | (chance < chance[~treated].min()))
    count, arm = int(unlike.sum()), int(treated.sum())
    if count > OUTSIDE * arm:
        what = (
            f"{count} of {arm} treated patients ({100 * count / arm:.0f}%) have a score that no control "
            "has (the score "
            f"tells the arms apart with C = {told['c_statistic']:.2f}): what would have become of them is "
            "unknown"
        )
        rows = tuple((seen.analysed.record[unlike] + 1).tolist())
        yield Doubt(column="", what=what, count=count, rows=rows, remedy="say of whom the effect is")


FINDERS: tuple[Callable[[Seen], Iterator[Doubt]], ...] = (
    _constant,
    _repeated,
    _mostly_missing,
    _gives_away,
    _after_start,
    _clusters,
    _spans,
    _few_events,
    _overlap,
)
