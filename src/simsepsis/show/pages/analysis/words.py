"""The answer in words: every sentence is computed from the analysis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from simsepsis.analysis.balance import IMBALANCE_PERCENT
from simsepsis.analysis.data import Flow
from simsepsis.analysis.matched import MatchedSet, exact_strata
from simsepsis.analysis.result import FIRST_SCORE, ThesisResult
from simsepsis.show.pages.analysis.numbers import (
    Interval,
    Numbers,
    points_text,
    ratio_text,
    span_text,
)
from simsepsis.words.numbers import decimals_of, p_phrase, percent

POOR_OVERLAP = 0.5
"""With a smaller share of those having a control alike, or of those who could be matched, overlap is poor."""
_ADJUSTED = {
    "psm_gee": "Adjusted for other treatments by GEE",
    "psm_gee_alone": "By GEE over the clusters, with nothing else in the model",
}


def question_of(numbers: Numbers) -> str:
    """Return what the analysis asks."""
    outcomes = " and ".join(numbers.said(name) for name in numbers.analysis.result.spec.all_outcomes)
    return f"What goes with {numbers.treatment}, in patients who were alike beforehand: {outcomes}?"


def answer_of(numbers: Numbers, sensitivity: pd.DataFrame | None) -> tuple[str, ...]:
    """Return what the analysis found, sentence by sentence."""
    lines = [line for rule in RULES for line in rule(numbers)]
    return (*lines, *(() if sensitivity is None else _sensitivity(numbers, sensitivity)), *_limits(numbers))


def _patients(numbers: Numbers) -> Iterator[str]:
    """Who was analysed and who was left out."""
    flow, arms = numbers.analysis.result.flow, numbers.arms
    untreated = flow.analysed - flow.analysed_treated
    counts = f"{arms.treated} {flow.analysed_treated:,}, {arms.control} {untreated:,}"
    yield "; ".join((f"{flow.analysed:,} patients: {counts}", *_left_out(flow))) + "."


def _left_out(flow: Flow) -> Iterator[str]:
    ruled_out = sum(patients for _, patients in flow.excluded)
    missing = flow.registered - flow.analysed - flow.elsewhere - ruled_out
    if ruled_out:
        yield f"{ruled_out:,} {_were(ruled_out)} excluded by the rules of the spec"
    if flow.elsewhere:
        yield f"{flow.elsewhere:,} {_were(flow.elsewhere)} in neither arm"
    if missing:
        yield f"{missing:,} {_were(missing)} left out because something was missing"


def _were(patients: int) -> str:
    return "was" if patients == 1 else "were"


def _crude(numbers: Numbers) -> Iterator[str]:
    """Outcomes before matching."""
    spec = numbers.analysis.result.spec
    for outcome in spec.outcomes:
        yield _risks(numbers, outcome, "Before matching", "before", "crude", "att")
    for outcome in spec.numeric_outcomes:
        yield _means(numbers, outcome, "Before matching", "before", "crude", "att")


def _risks(numbers: Numbers, outcome: str, when: str, phase: str, method: str, truth: str) -> str:
    shares = (
        f"{words} {percent(numbers.number('text', outcome, '', 'percent', phase, arm))}"
        for words, arm in zip(numbers.arms, numbers.keys, strict=True)
    )
    matched = truth == "matched"
    difference = numbers.estimate("psm_paired_se" if matched else method, f"rd_{outcome}_{truth}")
    odds = numbers.estimate(method, f"log_or_{outcome}_{truth}")
    risk = numbers.estimate(method, f"log_rr_{outcome}_{truth}")
    sets = "pairs" if numbers.analysis.result.spec.one_to_one else "matched sets"
    unit = f" percentage points (95% CI{f', standard error of {sets}' if matched else ''})"
    return (
        f"{when}, {numbers.said(outcome)}: {', '.join(shares)}. "
        f"Risk difference {points_text(difference)}{unit if difference.known else ''}, risk ratio "
        f"{ratio_text(risk)}, odds ratio {ratio_text(odds)}{_tested(odds)}."
    )


def _means(numbers: Numbers, outcome: str, when: str, phase: str, method: str, truth: str) -> str:
    values = [numbers.number("table3", outcome, "", "mean", phase, arm) for arm in numbers.keys]
    told = f"{{:,.{decimals_of(values)}f}}"
    means = (f"{words} {told.format(value)}" for words, value in zip(numbers.arms, values, strict=True))
    difference = numbers.estimate(method, f"md_{outcome}_{truth}")
    return (
        f"{when}, mean {numbers.said(outcome)}: {', '.join(means)}; difference "
        f"{span_text(difference)}{_tested(difference)}."
    )


def _tested(found: Interval) -> str:
    return "" if math.isnan(found.p_value) else f", {p_phrase(found.p_value)}"


def _matching(numbers: Numbers) -> Iterator[str]:
    """How many found a partner, why others did not, and how alike the arms became."""
    result = numbers.analysis.result
    step = result.matched[FIRST_SCORE]
    if step.value is None:
        yield f"Matching failed: {step.failure}."
        return
    matched, treated = step.value.n_treated, result.flow.analysed_treated
    share = matched / treated
    within = "" if result.spec.caliper is None else " whose propensity score is within the caliper"
    about = "; the answer is about these, not about all who were treated" if matched < treated else ""
    yield (
        f"{matched:,} of {treated:,} patients of the {numbers.arms.treated} arm ({100 * share:.0f}%) were "
        f"matched to a control{within}{about}."
    )
    yield from _unmatched(numbers, step.value)
    yield from _balance(numbers)


def _unmatched(numbers: Numbers, matched: MatchedSet) -> Iterator[str]:
    """Why treated patients have no partner: too few controls, or too few alike."""
    result, arms = numbers.analysis.result, numbers.arms
    n1, n0 = result.flow.analysed_treated, result.flow.analysed - result.flow.analysed_treated
    alike, found = with_counterpart(result, matched), matched.n_treated
    most = n1 if result.spec.replace else min(n1, n0)
    if most < n1:
        yield (
            f"The {arms.treated} arm outnumbers the {arms.control} arm ({n1:,} to {n0:,}): "
            f"without replacement, matching must leave out {n1 - n0:,} or more, however alike the arms are."
        )
    share = f"{alike:,} of {n1:,} ({100 * alike / n1:.0f}%)"
    if alike < POOR_OVERLAP * n1:
        yield (
            f"Only {share} have any control within the caliper: the arms hardly overlap, and the answer is "
            "weak."
        )
    elif found < POOR_OVERLAP * most:
        yield (
            f"Of {most:,} that could be matched at most, {found:,} were: too few controls are like the "
            f"{arms.treated} arm, so that the arms hardly overlap, and the answer is weak."
        )
    elif found < POOR_OVERLAP * n1:
        yield (
            f"Overlap is not the reason: {share} have a control within the caliper, but there are too few "
            "controls for all of them."
        )


def with_counterpart(result: ThesisResult, matched: MatchedSet) -> int:
    """Return how many treated patients have a control within the caliper, whoever else would want it."""
    cohort, propensity = result.cohort, matched.propensity
    score = propensity.logit if result.spec.scale == "logit" else propensity.probability
    strata = exact_strata(cohort, result.spec.exact) if result.spec.exact else np.zeros(cohort.n, np.int64)
    alike = 0
    for stratum in np.unique(strata):
        here = propensity.usable & (strata == stratum)
        controls = np.sort(score[here & ~cohort.treated])
        own = score[here & cohort.treated]
        first = np.searchsorted(controls, own - matched.matches.caliper, side="left")
        last = np.searchsorted(controls, own + matched.matches.caliper, side="right")
        alike += int((last > first).sum())
    return alike


def _balance(numbers: Numbers) -> Iterator[str]:
    frame = numbers.analysis.balance
    frame = frame[frame["score"] == FIRST_SCORE]
    size = frame["pooled_after"].abs()
    before, after = (size[frame["phase"] == phase] for phase in ("before", "after"))
    if after.isna().all():
        return
    worst = frame.loc[after.idxmax()]
    largest = f"{after.max():.1f}%" if math.isfinite(after.max()) else "without limit, as no arm varies"
    name = numbers.label(str(worst["variable"]), str(worst["level"]))
    yield (
        f"Standardized differences above {IMBALANCE_PERCENT:.0f}%: {(before > IMBALANCE_PERCENT).sum()} of "
        f"{len(before)} before matching, {(after > IMBALANCE_PERCENT).sum()} after; the largest after is "
        f"{largest} ({name})."
    )


def _matched(numbers: Numbers) -> Iterator[str]:
    """Outcomes after matching, crude and by the estimating equations."""
    spec = numbers.analysis.result.spec
    if numbers.analysis.result.matched[FIRST_SCORE].value is None:
        return
    when = "In matched pairs" if spec.one_to_one else "In matched patients"
    for outcome in spec.outcomes:
        yield _risks(numbers, outcome, when, "after", "psm", "matched")
        for method, words in _ADJUSTED.items():
            adjusted = numbers.estimate(method, f"log_or_{outcome}_twin")
            if adjusted.known:
                yield (
                    f"{words}, the odds ratio of {numbers.said(outcome)} is "
                    f"{ratio_text(adjusted)}{_tested(adjusted)}."
                )
    for outcome in spec.numeric_outcomes:
        yield _means(numbers, outcome, when, "after", "psm", "matched")


def _survival(numbers: Numbers) -> Iterator[str]:
    """Hazard ratio, restricted mean, proportional hazards."""
    result = numbers.analysis.result
    spec, step = result.spec, result.survival
    if step is None or result.matched[FIRST_SCORE].value is None:
        return
    title, spent = numbers.time_words
    if step.value is None:
        yield f"{title}: not to be compared, {step.failure}."
        return
    hazard = numbers.test("hazard_ratio_pair_robust")
    mean = numbers.test(f"rmst{spec.rmst_horizon:g}_difference")
    unit = f" {spec.time_unit}" if mean.known else ""
    yield (
        f"{title}: hazard ratio {ratio_text(hazard)}{_tested(hazard)}; mean time "
        f"{spent} up to {spec.rmst_horizon:,g} {spec.time_unit}, {numbers.arms.treated} minus "
        f"{numbers.arms.control}: {span_text(mean)}{unit}."
    )
    proportional = numbers.test("proportional_hazards").p_value
    if proportional < 0.05:
        yield (
            f"The hazards are not proportional ({p_phrase(proportional)}): the hazard ratio is an average "
            "over time, and the curves say more."
        )


def _interactions(numbers: Numbers) -> Iterator[str]:
    """Whether the odds ratio differs between strata."""
    result = numbers.analysis.result
    for subgroup in result.spec.subgroups:
        for outcome in result.spec.outcomes:
            step = result.interactions[subgroup.name, outcome]
            if step.value is None or math.isnan(step.value.test.p_value):
                continue
            column = numbers.said(subgroup.column)
            binary = result.cohort.kinds[subgroup.column] == "binary"
            strata = "yes or no" if binary else subgroup.strata
            p_value = step.value.test.p_value
            verdict = "differs" if p_value < 0.05 else "does not clearly differ"
            yield (
                f"The odds ratio of {numbers.said(outcome)} {verdict} by {column} ({strata}; Breslow–Day, "
                f"{p_phrase(p_value)})."
            )


def _sensitivity(numbers: Numbers, table: pd.DataFrame) -> Iterator[str]:
    """How strong something unmeasured must be to explain the matched results away."""
    for row in table[table["method"] == "psm"].to_dict("records"):
        outcome = numbers.estimand(row["estimand"]).outcome
        if math.isnan(row["e_value"]):
            continue
        gamma = (
            f" Rosenbaum's bound is Γ = {row['gamma']:.2f}."
            if math.isfinite(row["gamma"]) and row["gamma"] > 1
            else ""
        )
        limit = (
            f"and of {row['e_value_limit']:.2f} to move the interval to no effect"
            if row["e_value_limit"] > 1
            else "and the interval holds no effect anyway"
        )
        yield (
            f"{numbers.label(outcome)}: something unmeasured would need a risk ratio of {row['e_value']:.2f} "
            f"both with {numbers.treatment} and with the outcome to explain the result away (E-value), "
            f"{limit}.{gamma}"
        )


def _limits(numbers: Numbers) -> Iterator[str]:
    """What the data do not allow."""
    spec = numbers.analysis.result.spec
    if spec.cluster is None:
        yield (
            "The file names no hospital or ICU: no estimating equations were fitted, and standard errors "
            "respect the pairs only. If patients of one hospital are alike, the intervals are too narrow."
        )
    failed = numbers.analysis.estimates["failure"].notna().sum()
    if failed:
        were = "estimate could" if failed == 1 else "estimates could"
        yield f"{failed} {were} not be made; the reasons stand under Failures."


RULES: tuple[Callable[[Numbers], Iterator[str]], ...] = (
    _patients,
    _matched,
    _survival,
    _matching,
    _crude,
    _interactions,
)
"""What is said, in this order."""
