"""The answer in words: every sentence is computed from the analysis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pandas as pd

from simsepsis.analysis.balance import IMBALANCE_PERCENT
from simsepsis.analysis.result import FIRST_SCORE
from simsepsis.report.analysis.numbers import (
    Interval,
    Numbers,
    p_text,
    percent_text,
    points_text,
    ratio_text,
)

POOR_OVERLAP = 0.5
"""With a smaller share of the treated matched, the answer is about a minority of them."""


def question_of(numbers: Numbers) -> str:
    """Return what the analysis asks."""
    spec = numbers.analysis.result.spec
    outcomes = " and ".join(numbers.said(outcome) for outcome in spec.outcomes)
    return f"What goes with {numbers.treated}, in patients who were alike beforehand: {outcomes}?"


def answer_of(numbers: Numbers, sensitivity: pd.DataFrame | None) -> tuple[str, ...]:
    """Return what the analysis found, sentence by sentence.

    Parameters
    ----------
    numbers
        The analysis.
    sensitivity
        As returned by `simsepsis.analysis.sensitivity.sensitivity_table`, or None.
    """
    lines = [line for rule in RULES for line in rule(numbers)]
    return (*lines, *(() if sensitivity is None else _sensitivity(numbers, sensitivity)), *_limits(numbers))


def _patients(numbers: Numbers) -> Iterator[str]:
    """Who was analysed and who was left out."""
    flow = numbers.analysis.result.flow
    left = flow.registered - flow.analysed
    out = f"; {left:,} were left out because something was missing" if left else ""
    untreated = flow.analysed - flow.analysed_treated
    yield (
        f"{flow.analysed:,} patients: {flow.analysed_treated:,} with {numbers.treated} and {untreated:,} "
        f"without{out}."
    )


def _crude(numbers: Numbers) -> Iterator[str]:
    """Deaths before matching."""
    for outcome in numbers.analysis.result.spec.outcomes:
        yield _deaths(numbers, outcome, "Before matching", "before", "crude", "att")


def _deaths(numbers: Numbers, outcome: str, when: str, phase: str, method: str, truth: str) -> str:
    treated, control = (
        percent_text(numbers.number("text", outcome, "", "percent", phase, arm))
        for arm in ("ivigg", "control")
    )
    paired = numbers.estimate("psm_paired_se", f"rd_{outcome}_{truth}")
    difference = paired if truth == "matched" else numbers.estimate(method, f"rd_{outcome}_{truth}")
    odds = numbers.estimate(method, f"log_or_{outcome}_{truth}")
    risk = numbers.estimate(method, f"log_rr_{outcome}_{truth}")
    kind = ", standard error of pairs" if truth == "matched" else ""
    return (
        f"{when}, {numbers.said(outcome)}: {treated} with {numbers.treated}, {control} without. "
        f"Risk difference {points_text(difference)} percentage points (95% CI{kind}), risk ratio "
        f"{ratio_text(risk)}, odds ratio {ratio_text(odds)}, {p_text(odds.p_value)}."
    )


def _matching(numbers: Numbers) -> Iterator[str]:
    """How many found a partner, and how alike the arms became."""
    result = numbers.analysis.result
    step = result.matched[FIRST_SCORE]
    if step.value is None:
        yield f"Matching failed: {step.failure}."
        return
    pairs, treated = step.value.matches.n_pairs, result.flow.analysed_treated
    share = pairs / treated
    about = "; the answer is about these, not about all who were treated" if pairs < treated else ""
    yield (
        f"{pairs:,} of {treated:,} treated patients ({100 * share:.0f}%) have a control whose propensity "
        f"score is within the caliper{about}."
    )
    if share < POOR_OVERLAP:
        yield "Most treated patients have no counterpart: the arms hardly overlap, and the answer is weak."
    yield from _balance(numbers)


def _balance(numbers: Numbers) -> Iterator[str]:
    frame = numbers.analysis.balance
    frame = frame[frame["score"] == FIRST_SCORE]
    size = frame["pooled_after"].abs()
    before, after = (size[frame["phase"] == phase] for phase in ("before", "after"))
    if after.isna().all():
        return
    worst = frame.loc[after.idxmax()]
    name = numbers.label(str(worst["variable"]), str(worst["level"]))
    yield (
        f"Standardized differences above {IMBALANCE_PERCENT:.0f}%: {(before > IMBALANCE_PERCENT).sum()} of "
        f"{len(before)} before matching, {(after > IMBALANCE_PERCENT).sum()} after; the largest after is "
        f"{after.max():.1f}% ({name})."
    )


def _matched(numbers: Numbers) -> Iterator[str]:
    """Deaths after matching, crude and by the estimating equations."""
    spec = numbers.analysis.result.spec
    if numbers.analysis.result.matched[FIRST_SCORE].value is None:
        return
    for outcome in spec.outcomes:
        yield _deaths(numbers, outcome, "In matched pairs", "after", "psm", "matched")
        adjusted = numbers.estimate("psm_gee", f"log_or_{outcome}_twin")
        if adjusted.known:
            yield (
                f"Adjusted for other treatments by GEE, the odds ratio of "
                f"{numbers.said(outcome)} is {ratio_text(adjusted)}, {p_text(adjusted.p_value)}."
            )


def _survival(numbers: Numbers) -> Iterator[str]:
    """Hazard ratio, restricted mean, proportional hazards."""
    hazard = numbers.test("hazard_ratio_pair_robust")
    if not hazard.known:
        return
    spec = numbers.analysis.result.spec
    horizon = f"{spec.rmst_horizon:g}"
    mean = numbers.test(f"rmst{horizon}_difference")
    lived = f"{abs(mean.value):.1f} days {'more' if mean.value > 0 else 'fewer'}"
    yield (
        f"Time to death in matched pairs: hazard ratio {ratio_text(hazard)}, {p_text(hazard.p_value)}; of "
        f"{horizon} days the treated lived {lived} (95% CI {_both(mean)})."
    )
    proportional = numbers.test("proportional_hazards").p_value
    if proportional < 0.05:
        yield (
            f"The hazards are not proportional ({p_text(proportional)}): the hazard ratio is an average over "
            "time, and the curves say more."
        )


def _both(found: Interval) -> str:
    return " to ".join(f"{round(limit, 1) + 0.0:.1f}" for limit in (found.low, found.high)).replace("-", "−")


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
                f"{p_text(p_value)})."
            )


def _sensitivity(numbers: Numbers, table: pd.DataFrame) -> Iterator[str]:
    """How strong something unmeasured must be to explain the matched results away."""
    for row in table[table["method"] == "psm"].to_dict("records"):
        outcome = row["estimand"].removeprefix("log_rr_").removesuffix("_matched")
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
            f"both with {numbers.treated} and with death to explain the result away (E-value), "
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
        yield f"{failed} estimates could not be made; the reasons stand under Failures."


RULES: tuple[Callable[[Numbers], Iterator[str]], ...] = (
    _patients,
    _matched,
    _survival,
    _matching,
    _crude,
    _interactions,
)
"""What is said, in this order."""
