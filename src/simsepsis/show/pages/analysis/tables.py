"""The tables of one analysis, in texts."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby, product
from typing import Any

import pandas as pd

from simsepsis.analysis.descriptive import PHASES, QUARTILES
from simsepsis.analysis.outcomes import LEAST_EXPECTED
from simsepsis.analysis.result import EVERYBODY, FIRST_SCORE, SECOND_SCORE
from simsepsis.estimand import SCALES
from simsepsis.show.outline import outline
from simsepsis.show.pages.analysis.numbers import (
    SCORES,
    Interval,
    Numbers,
    for_people,
    points_text,
    ratio_text,
    span_text,
)
from simsepsis.show.plots.estimates import method_labels
from simsepsis.show.table import Table
from simsepsis.study.published import open_study
from simsepsis.words.numbers import decimals_of, of_statistic, p_phrase, percent

Row = tuple[str, ...]

_STEPS = {
    "registered": "In the file",
    "without complete day-1 data": "Without all covariates",
    "without an outcome or adjunct": "Without an outcome, time or other treatment",
}
"""Step of the flow → words, unless the study has its own."""
_INDENT = "\N{EM SPACE}"
MOST_LEVELS = 30
"""A category with more levels than this is shown by its most frequent ones."""
SHOWN_LEVELS = 20
_LONGEST_REASON = 400
"""Letters of a reason; one that names hundreds of terms is cut."""


def flow_table(numbers: Numbers) -> Table:
    """Return how many patients each step had."""
    flow, several = numbers.analysis.flow, len(numbers.analysis.scores) > 1
    rows = [
        (
            _step(numbers, row.step) + (f", {SCORES[row.score]}" if row.score and several else ""),
            "–" if math.isnan(row.patients) else f"{row.patients:,.0f}",
        )
        for row in flow.itertuples()
    ]
    return Table(title="Patients at each step", heads=("Step", "Patients or pairs"), rows=tuple(rows))


def _step(numbers: Numbers, step: str) -> str:
    """Return the words for a step of the flow."""
    spec = numbers.analysis.result.spec
    own = {} if spec.own else open_study(spec.study).layout.steps
    told = {**_STEPS, **own}.get(step, step)
    return f"{told[0].upper()}{told[1:]}"


def score_table(numbers: Numbers) -> Table:
    """Return how far each propensity score parts the arms, and what matching did with it."""
    frame = numbers.analysis.scores
    heads, (treated, control) = numbers.arms.heads, numbers.keys
    parts = (
        ("Terms", "terms", "{:.0f}"),
        ("C-statistic", "c_statistic", "{:.3f}"),
        *(
            (f"Probability, {words}, {end}", f"{name}_{arm}", "{:.3f}")
            for words, arm in zip(numbers.arms, (treated, control), strict=True)
            for end, name in (("least", "min"), ("greatest", "max"))
        ),
        (f"{heads.treated} outside the range of both", f"outside_{treated}", "{:,.0f}"),
        (f"{heads.control} outside the range of both", f"outside_{control}", "{:,.0f}"),
        ("Certain of their treatment (separation)", "certain", "{:,.0f}"),
        (f"Caliper, on the {_scale(numbers)}", "caliper", "{:.4f}"),
        (_pairs_word(numbers), "pairs", "{:,.0f}"),
    )
    rows = [
        (words, *(form.format(value) if pd.notna(value) else "–" for value in frame[name]))
        for words, name, form in parts
        if name in frame
    ]
    notes = frame["note"].fillna("").astype(str)
    if (notes != "").any():
        rows.append(("Note", *(_cut(note) for note in notes)))
    columns = ("", *(SCORES[score] for score in frame["score"])) if len(frame) > 1 else ("", "Value")
    return Table(title="Propensity score", heads=columns, rows=tuple(rows))


def _pairs_word(numbers: Numbers) -> str:
    return "Pairs" if numbers.analysis.result.spec.one_to_one else "Treated patients with a control"


def _cut(text: str) -> str:
    """Return a text without what goes beyond the longest reason."""
    return textwrap.shorten(text, _LONGEST_REASON, placeholder=" …")


def _scale(numbers: Numbers) -> str:
    return {"logit": "logit", "ps": "probability"}[numbers.analysis.result.spec.scale]


def patients_table(numbers: Numbers) -> Table:
    """Return the covariates of both arms before and after matching: the cohort's Table 1."""
    names = ("smd_percent", "Std. diff. (%)")
    return _compared(numbers, "table1", "Covariates before and after matching", *names)


def care_tables(numbers: Numbers) -> tuple[Table, ...]:
    """Return other treatments, and outcomes and durations, before and after matching."""
    titles = {
        "table2": "Other treatments before and after matching",
        "table3": "Outcomes and durations before and after matching",
    }
    return tuple(
        _compared(numbers, table, title, "p_value", "p value")
        for table, title in titles.items()
        if table in numbers.analysis.tables
    )


def _compared(numbers: Numbers, table: str, title: str, statistic: str, words: str) -> Table:
    """Return one row per column or level: both arms and their contrast, in both phases."""
    frame = numbers.analysis.tables[table]
    place = {name: position for position, name in enumerate(numbers.columns_of(table))}
    named = [key for key in zip(frame["variable"], frame["level"], strict=True) if key[0] in place]
    keys = sorted(dict.fromkeys(named), key=lambda key: place[key[0]])
    sizes = [
        f"n = {numbers.number(table, 'n', '', 'count', phase, arm):,.0f}"
        for phase, arm in product(PHASES, numbers.keys)
    ]
    rows: list[Row] = [("Patients", *sizes[:2], "", *sizes[2:], "")]
    for label, key in _outlined(numbers, table, keys):
        cells = (_cells(numbers, table, key, phase, statistic) for phase in PHASES) if key else ()
        rows.append((label, *(text for phase in cells for text in phase)))
    arms = (*numbers.arms.heads, words)
    groups = (("Before matching", 3), ("After matching", 3))
    return Table(title=title, heads=("", *arms, *arms), rows=tuple(rows), groups=groups)


def _outlined(
    numbers: Numbers, table: str, keys: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """Yield labels under their headings; of many levels only the most frequent ones."""
    shown: list[tuple[str, str]] = []
    rarer: dict[tuple[str, str], int] = {}
    for _, block in groupby(keys, lambda key: key[0]):
        levels = list(block)
        kept = _frequent(numbers, table, levels)
        shown += kept
        rarer[kept[-1]] = len(levels) - len(kept)
    for line in outline(shown, numbers.words):
        yield _INDENT * line.depth + line.label, line.key
        if line.key and rarer.get(line.key):
            yield f"{_INDENT * line.depth}… and {rarer[line.key]:,} rarer levels, in tables/{table}.csv", None


def _frequent(numbers: Numbers, table: str, levels: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the levels of one category, of too many the most frequent ones, in their order."""
    if len(levels) <= MOST_LEVELS:
        return levels
    counts = {
        key: sum(numbers.number(table, *key, "count", "before", arm) for arm in numbers.keys)
        for key in levels
    }
    kept = set(sorted(levels, key=lambda key: -counts[key])[:SHOWN_LEVELS])
    return [key for key in levels if key in kept]


def _cells(numbers: Numbers, table: str, key: tuple[str, str], phase: str, statistic: str) -> Row:
    treated, control = (_described(numbers, table, key, phase, arm) for arm in numbers.keys)
    contrast = of_statistic(numbers.number(table, *key, statistic, phase, "contrast"), statistic)
    return treated, control, contrast


def _described(numbers: Numbers, table: str, key: tuple[str, str], phase: str, arm: str) -> str:
    """Return count and percentage, or median and quartiles."""
    if (table, *key, "median", phase, arm) in numbers.by_key:
        low, middle, high = (numbers.number(table, *key, name, phase, arm) for name in QUARTILES)
        return "{} ({}–{})".format(*(_quantile(value, high - low) for value in (middle, low, high)))
    count = numbers.number(table, *key, "count", phase, arm)
    percent = numbers.number(table, *key, "percent", phase, arm)
    return "–" if math.isnan(count) else f"{count:,.0f} ({percent:.1f})"


def _quantile(value: float, spread: float) -> str:
    """Return a quartile; values that lie close together, such as pH, need further digits."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if spread < 1 and value % 1:
        return f"{value:.{max(2, decimals_of([spread]) - 1)}f}"
    return of_statistic(value, "median")


def effects_table(numbers: Numbers) -> Table:
    """Return every effect on the outcomes, before and after matching."""
    spec = numbers.analysis.result.spec
    rows: list[Row] = []
    for outcome in spec.outcomes:
        rows += [(numbers.label(outcome),), _shares(numbers, outcome)]
        rows += [_compared_effects(numbers, outcome, scale) for scale in ("rd", "log_rr", "log_or")]
        rows += [_tests(numbers, outcome), *_adjusted(numbers, outcome, "log_or")]
    for outcome in spec.numeric_outcomes:
        rows += [
            (numbers.label(outcome),),
            _means(numbers, outcome),
            _compared_effects(numbers, outcome, "md"),
        ]
        rows += _adjusted(numbers, outcome, "md")
    own = "by pairs" if spec.one_to_one else "by matched sets"
    return Table(
        title=f"Effect of {numbers.treatment} on {numbers.outcome}, with 95% confidence intervals",
        heads=("", "Before matching", "After matching, arms as independent", f"After matching, {own}"),
        rows=tuple(rows),
    )


def _compared_effects(numbers: Numbers, outcome: str, scale: str) -> Row:
    """Return one effect before matching, after it, and with the standard error of pairs."""
    found = (
        numbers.estimate("crude", f"{scale}_{outcome}_att"),
        numbers.estimate("psm", f"{scale}_{outcome}_matched"),
        numbers.estimate("psm_paired_se", f"{scale}_{outcome}_matched"),
    )
    texts = [_whole(scale, one) for one in found]
    if scale == "log_or":
        texts[2] = _of_pairs(numbers, outcome)
    return SCALES[scale].heading, *texts


def _written(scale: str, found: Interval) -> str:
    """Return an estimate as people write it on its scale, or why there is none."""
    text = {"rd": points_text, "md": span_text}.get(scale, ratio_text)
    return text(found)


def _whole(scale: str, found: Interval) -> str:
    """Return an estimate that no line break divides, or why there is none."""
    text = _written(scale, found)
    return text.replace(" ", "\N{NO-BREAK SPACE}") if found.known else _cut(text)


def _shares(numbers: Numbers, outcome: str) -> Row:
    shares = {
        phase: " v ".join(
            percent(numbers.number("text", outcome, "", "percent", phase, arm)) for arm in numbers.keys
        )
        for phase in PHASES
    }
    arms = numbers.arms
    return (
        f"Share of patients, {arms.treated} v {arms.control}",
        shares["before"],
        shares["after"],
        "as left",
    )


def _means(numbers: Numbers, outcome: str) -> Row:
    keys = product(PHASES, numbers.keys)
    values = [numbers.number("table3", outcome, "", "mean", phase, arm) for phase, arm in keys]
    form = f"{{:,.{decimals_of(values)}f}}"
    texts = ["–" if math.isnan(value) else form.format(value).replace("-", "−") for value in values]
    arms = numbers.arms
    before, after = (" v ".join(texts[place : place + 2]) for place in (0, 2))
    return (f"Mean, {arms.treated} v {arms.control}", before, after, "as left")


def _of_pairs(numbers: Numbers, outcome: str) -> str:
    found = numbers.pairs(outcome)
    if found is None:
        return "–"
    effect = found[1]
    if effect.failure:
        return f"not estimable: {effect.failure}"
    return f"{ratio_text(Interval(effect.estimate, effect.ci_low, effect.ci_high, math.nan))}, conditional"


def _tests(numbers: Numbers, outcome: str) -> Row:
    """Return the p values of no association, each with the test that gave it."""
    before = numbers.estimate("crude", f"log_or_{outcome}_att").p_value
    after = numbers.estimate("psm", f"log_or_{outcome}_matched").p_value
    found = numbers.pairs(outcome)
    values = (
        (_test_of(numbers, outcome, EVERYBODY), before),
        (_test_of(numbers, outcome, FIRST_SCORE), after),
        ("McNemar", math.nan if found is None else found[0].p_value),
    )
    texts = ("–" if math.isnan(p) else f"{p_phrase(p)}, {name}" for name, p in values)
    return ("No association", *texts)


def _test_of(numbers: Numbers, outcome: str, group: str) -> str:
    """Return the name of the test that a crude comparison used."""
    crude = numbers.analysis.result.crude[group, outcome].value
    if crude is None or crude.risks is not None:
        return "Wald"
    table = crude.table
    expected = table.sum(axis=1).min() * table.sum(axis=0).min() / max(table.sum(), 1.0)
    return "Fisher’s exact" if expected < LEAST_EXPECTED else "chi-square"


def _adjusted(numbers: Numbers, outcome: str, scale: str) -> Iterator[Row]:
    """Yield the estimates of the estimating equations, where they were fitted."""
    for method, words in method_labels(numbers.analysis.result.spec.later.name).items():
        found = numbers.estimate(method, f"{scale}_{outcome}_twin")
        if "gee" in method and (found.known or found.failure):
            yield (f"{words}: {SCALES[scale].shown}", "–", _whole(scale, found), "–")


def estimates_table(numbers: Numbers) -> Table:
    """Return every estimate of every method on the scale for people, or why there is none."""
    rows = [_estimate_row(numbers, row) for row in numbers.analysis.estimates.to_dict("records")]
    heads = ("Method", "Outcome", "Effect", "Estimate (95% CI)", "p value", "Patients")
    return Table(title="Every estimate", heads=heads, rows=tuple(rows))


def _estimate_row(numbers: Numbers, row: dict[Hashable, Any]) -> Row:
    found, read = for_people(row), numbers.estimand(str(row["estimand"]))
    scale, event = read.scale, numbers.analysis.result.spec.survival_event or ""
    outcome = read.column or event
    n_used = row["n_used"]
    return (
        numbers.method(str(row["method"])),
        numbers.label(outcome) if outcome and scale else "–",
        _effect(numbers, scale, str(row["estimand"])),
        _whole("md" if scale in ("rmst", "") else scale, found),
        of_statistic(found.p_value, "p_value"),
        "–" if pd.isna(n_used) else f"{n_used:,.0f}",
    )


def _effect(numbers: Numbers, scale: str, estimand: str) -> str:
    """Return what an estimate measures."""
    if scale == "rmst":
        return f"Difference of means ({numbers.analysis.result.spec.time_unit})"
    return SCALES[scale].heading if scale in SCALES else estimand


def survival_table(numbers: Numbers) -> Table | None:
    """Return what compares the curves of time to the event; None where there is no such time."""
    frame = numbers.analysis.survival_tests
    if frame.empty:
        return None
    spec = numbers.analysis.result.spec
    horizon, (title, spent) = f"{spec.rmst_horizon:g}", numbers.time_words
    mean = f"Mean {spec.time_unit} {spent}, of {spec.rmst_horizon:,g}"
    levels = [f"rmst{horizon}_{key}" for key in numbers.keys]
    words = {
        "hazard_ratio": "Hazard ratio, model-based",
        "hazard_ratio_pair_robust": "Hazard ratio, robust over pairs",
        "log_rank": "Log-rank test",
        "proportional_hazards": "Proportional hazards (test of a trend)",
        **{level: f"{mean}: {arm}" for level, arm in zip(levels, numbers.arms, strict=True)},
        f"rmst{horizon}_difference": f"{mean}: difference",
    }
    rows = []
    for quantity in frame["quantity"]:
        found = numbers.test(quantity)
        p_value = "" if quantity in levels else of_statistic(found.p_value, "p_value")
        rows.append((words.get(quantity, quantity), _tested(quantity, found), p_value))
    return Table(title=title, heads=("", "Estimate (95% CI)", "p value"), rows=tuple(rows))


def _tested(quantity: str, found: Interval) -> str:
    """Return a statistic, a ratio or a mean, or why there is none."""
    if quantity.startswith("rmst"):
        return _cut(span_text(found))
    if quantity in ("log_rank", "proportional_hazards") and found.known:
        return f"χ² {found.value:.2f}"
    return _cut(ratio_text(found))


def sensitivity_rows(numbers: Numbers, table: pd.DataFrame) -> Table:
    """Return how strong something unmeasured must be to explain each matched result away."""
    names = ("risk_ratio", "e_value", "e_value_limit", "tipping_effect", "gamma")
    rows = []
    for row in table.to_dict("records"):
        found = Interval(row["ratio"], row["ci_low"], row["ci_high"], math.nan, str(row["failure"] or ""))
        name = f"{_outcome(numbers, row['estimand'])}: {numbers.method(row['method'])}"
        rows.append((name, _whole("log_rr", found), *(_number(row[one]) for one in names)))
    heads = ("Result", "Ratio (95% CI)", "As risk ratio", "E-value", "E-value, limit", "Tipping effect", "Γ")
    return Table(title="Sensitivity to what was not measured", heads=heads, rows=tuple(rows))


def _outcome(numbers: Numbers, estimand: str) -> str:
    outcome = numbers.estimand(estimand).outcome
    return numbers.label(outcome) if outcome else "–"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:,.2f}"


def failures_table(numbers: Numbers, left_out: Sequence[tuple[str, str]] = ()) -> Table:
    """Return what could not be estimated or drawn, with the reasons, and what was left out of a model."""
    estimates = numbers.analysis.estimates
    failed = estimates[estimates["failure"].notna()]
    rows = [
        (numbers.method(row["method"]), _outcome(numbers, row["estimand"]), _cut(str(row["failure"])))
        for row in failed.to_dict("records")
    ]
    tests = numbers.analysis.survival_tests
    if len(tests):
        untested = tests[tests["failure"].notna()]
        event = numbers.label(str(numbers.analysis.result.spec.survival_event))
        rows += [(row["quantity"], event, _cut(str(row["failure"]))) for row in untested.to_dict("records")]
    models = numbers.analysis.models
    noted = models[models["note"].fillna("") != ""].drop_duplicates(["model", "score", "outcome"])
    rows += [
        (
            _model(numbers, row["model"], row["score"]),
            numbers.label(row["outcome"]) if row["outcome"] else "–",
            _cut(row["note"]),
        )
        for row in noted.to_dict("records")
    ]
    rows += [(f"Figure: {title}", "–", _cut(reason)) for title, reason in left_out]
    return Table(title="What could not be estimated", heads=("Step", "Outcome", "Reason"), rows=tuple(rows))


def _model(numbers: Numbers, model: str, score: str) -> str:
    """Return the words for a model of one of the scores."""
    second = score == SECOND_SCORE
    if model == "propensity":
        return f"Propensity score{' with adjuncts' if second else ''}"
    labels = method_labels(numbers.analysis.result.spec.later.name)
    return labels.get(f"psm_{'adjuncts_' if second else ''}{model}", model)
