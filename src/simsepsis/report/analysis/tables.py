"""The tables of one analysis, in texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import pandas as pd

from simsepsis.analysis.descriptive import ARMS, PHASES, QUARTILES
from simsepsis.analysis.result import FIRST_SCORE, SECOND_SCORE
from simsepsis.figures.outline import outline
from simsepsis.report.analysis.numbers import (
    METHODS,
    SCORES,
    Numbers,
    p_text,
    percent_text,
    points_text,
    ratio_text,
)
from simsepsis.report.layout import format_number
from simsepsis.report.page import PlainTable

Row = tuple[str, ...]

_MODELS = {
    ("propensity", FIRST_SCORE): "Propensity score",
    ("propensity", SECOND_SCORE): "Propensity score with adjuncts",
    ("gee", FIRST_SCORE): METHODS["psm_gee"],
    ("gee_sofa", FIRST_SCORE): METHODS["psm_gee_sofa"],
    ("gee", SECOND_SCORE): METHODS["psm_adjuncts_gee"],
    ("gee_sofa", SECOND_SCORE): METHODS["psm_adjuncts_gee_sofa"],
}
"""Model and score → words."""
_INDENT = "\N{EM SPACE}"


def flow_table(numbers: Numbers) -> PlainTable:
    """Return how many patients each step had."""
    flow, several = numbers.analysis.flow, len(numbers.analysis.scores) > 1
    rows = [
        (
            f"{row.step[0].upper()}{row.step[1:]}"
            + (f", {SCORES[row.score]}" if row.score and several else ""),
            "–" if math.isnan(row.patients) else f"{row.patients:,.0f}",
        )
        for row in flow.itertuples()
    ]
    return PlainTable(title="Patients at each step", heads=("Step", "Patients or pairs"), rows=tuple(rows))


def score_table(numbers: Numbers) -> PlainTable:
    """Return how far each propensity score parts the arms, and what matching did with it."""
    frame = numbers.analysis.scores
    parts = (
        ("Terms", "terms", "{:.0f}"),
        ("C-statistic", "c_statistic", "{:.3f}"),
        (f"Probability, {numbers.treated}, least", "min_ivigg", "{:.3f}"),
        (f"Probability, {numbers.treated}, greatest", "max_ivigg", "{:.3f}"),
        ("Probability, control, least", "min_control", "{:.3f}"),
        ("Probability, control, greatest", "max_control", "{:.3f}"),
        (f"{numbers.treated} outside the range of both", "outside_ivigg", "{:.0f}"),
        ("Control outside the range of both", "outside_control", "{:.0f}"),
        ("Certain of their treatment (separation)", "certain", "{:.0f}"),
        (f"Caliper, on the {_scale(numbers)}", "caliper", "{:.4f}"),
        ("Pairs", "pairs", "{:,.0f}"),
    )
    rows = [
        (words, *(form.format(value) if pd.notna(value) else "–" for value in frame[name]))
        for words, name, form in parts
        if name in frame
    ]
    notes = frame["note"].fillna("").astype(str)
    if (notes != "").any():
        rows.append(("Note", *notes))
    heads = ("", *(SCORES[score] for score in frame["score"])) if len(frame) > 1 else ("", "Value")
    return PlainTable(title="Propensity score", heads=heads, rows=tuple(rows))


def _scale(numbers: Numbers) -> str:
    return {"logit": "logit", "ps": "probability"}[numbers.analysis.result.spec.scale]


def patients_table(numbers: Numbers) -> PlainTable:
    """Return the covariates of both arms before and after matching: the cohort's Table 1."""
    names = ("smd_percent", "Std. diff. (%)")
    return _compared(numbers, "table1", "Covariates before and after matching", *names)


def care_tables(numbers: Numbers) -> tuple[PlainTable, ...]:
    """Return other treatments, and deaths and durations, before and after matching."""
    titles = {
        "table2": "Other treatments before and after matching",
        "table3": "Deaths and durations before and after matching",
    }
    return tuple(
        _compared(numbers, table, title, "p_value", "p value")
        for table, title in titles.items()
        if table in numbers.analysis.tables
    )


def _compared(numbers: Numbers, table: str, title: str, statistic: str, words: str) -> PlainTable:
    """Return one row per column or level: both arms and their contrast, in both phases."""
    frame = numbers.analysis.tables[table]
    place = {name: position for position, name in enumerate(numbers.columns)}
    named = [key for key in zip(frame["variable"], frame["level"], strict=True) if key[0] != "n"]
    keys = sorted(named, key=lambda key: place.get(key[0], len(place)))
    sizes = [
        f"n = {numbers.number(table, 'n', '', 'count', phase, arm):,.0f}"
        for phase, arm in product(PHASES, ARMS)
    ]
    rows: list[Row] = [("Patients", *sizes[:2], "", *sizes[2:], "")]
    for label, key in _outlined(numbers, keys):
        cells = (_cells(numbers, table, key, phase, statistic) for phase in PHASES) if key else ()
        rows.append((label, *(text for phase in cells for text in phase)))
    arms = (numbers.treated, "Control", words)
    groups = (("Before matching", 3), ("After matching", 3))
    return PlainTable(title=title, heads=("", *arms, *arms), rows=tuple(rows), groups=groups)


def _outlined(
    numbers: Numbers, keys: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """Yield labels under their headings; columns that the spec names have its words."""
    own = {numbers.labels.get(variable, variable): variable for variable, _ in keys}
    for line in outline((numbers.labels.get(variable, variable), level) for variable, level in keys):
        yield _INDENT * line.depth + line.label, None if line.key is None else (own[line.key[0]], line.key[1])


def _cells(numbers: Numbers, table: str, key: tuple[str, str], phase: str, statistic: str) -> Row:
    treated, control = (_described(numbers, table, key, phase, arm) for arm in ARMS)
    contrast = format_number(numbers.number(table, *key, statistic, phase, "contrast"), statistic)
    return treated, control, contrast


def _described(numbers: Numbers, table: str, key: tuple[str, str], phase: str, arm: str) -> str:
    """Return count and percentage, or median and quartiles."""
    if (table, *key, "median", phase, arm) in numbers.by_key:
        low, middle, high = (numbers.number(table, *key, name, phase, arm) for name in QUARTILES)
        # Values that lie close together, such as pH, need another digit.
        texts = (
            f"{value:.2f}" if high - low < 1 and value % 1 else format_number(value, "median")
            for value in (middle, low, high)
        )
        return "{} ({}–{})".format(*texts)
    count = numbers.number(table, *key, "count", phase, arm)
    percent = numbers.number(table, *key, "percent", phase, arm)
    return "–" if math.isnan(count) else f"{count:,.0f} ({percent:.1f})"


def effects_table(numbers: Numbers) -> PlainTable:
    """Return every effect on death, before and after matching."""
    spec = numbers.analysis.result.spec
    rows: list[Row] = []
    for outcome in spec.outcomes:
        rows.append((numbers.label(outcome),))
        rows.append(_risks(numbers, outcome))
        for words, scale, text in (
            ("Risk difference (percentage points)", "rd", points_text),
            ("Risk ratio", "log_rr", ratio_text),
            ("Odds ratio", "log_or", ratio_text),
        ):
            before = numbers.estimate("crude", f"{scale}_{outcome}_att")
            after = numbers.estimate("psm", f"{scale}_{outcome}_matched")
            paired = numbers.estimate("psm_paired_se", f"{scale}_{outcome}_matched")
            own = text(paired) if scale == "rd" else _of_pairs(numbers, outcome) if scale == "log_or" else "–"
            rows.append((words, *(_whole(cell) for cell in (text(before), text(after), own))))
        rows.append(_tests(numbers, outcome))
        rows += _adjusted(numbers, outcome)
    return PlainTable(
        title=f"Effect of {numbers.treated} on death, with 95% confidence intervals",
        heads=("", "Before matching", "After matching, arms as independent", "After matching, by pairs"),
        rows=tuple(rows),
    )


def _whole(text: str) -> str:
    """Return a text that no line break divides."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _risks(numbers: Numbers, outcome: str) -> Row:
    shares = {
        phase: " v ".join(
            percent_text(numbers.number("text", outcome, "", "percent", phase, arm)) for arm in ARMS
        )
        for phase in PHASES
    }
    return (f"Died, {numbers.treated} v control", shares["before"], shares["after"], "as left")


def _of_pairs(numbers: Numbers, outcome: str) -> str:
    found = numbers.pairs(outcome)
    if found is None or found[1].failure:
        return "–"
    effect = found[1]
    return f"{effect.estimate:.2f} ({effect.ci_low:.2f} to {effect.ci_high:.2f}), conditional"


def _tests(numbers: Numbers, outcome: str) -> Row:
    before = numbers.estimate("crude", f"log_or_{outcome}_att").p_value
    after = numbers.estimate("psm", f"log_or_{outcome}_matched").p_value
    found = numbers.pairs(outcome)
    mcnemar = math.nan if found is None else found[0].p_value
    values = (f"{p_text(before)}, chi-square", f"{p_text(after)}, chi-square", f"{p_text(mcnemar)}, McNemar")
    return (
        "No association",
        *("–" if math.isnan(p) else text for p, text in zip((before, after, mcnemar), values, strict=True)),
    )


def _adjusted(numbers: Numbers, outcome: str) -> Iterator[Row]:
    """Yield the odds ratios of the estimating equations, where they were fitted."""
    for method, words in METHODS.items():
        found = numbers.estimate(method, f"log_or_{outcome}_twin")
        if "gee" in method and found.known:
            yield (f"{words}: odds ratio", "–", _whole(ratio_text(found)), "–")


def survival_table(numbers: Numbers) -> PlainTable | None:
    """Return what compares the survival curves; None where there is no time to death."""
    frame = numbers.analysis.survival_tests
    if frame.empty:
        return None
    horizon = f"{numbers.analysis.result.spec.rmst_horizon:g}"
    mean = f"Mean days lived of {horizon}"
    words = {
        "hazard_ratio": "Hazard ratio, model-based",
        "hazard_ratio_pair_robust": "Hazard ratio, robust over pairs",
        "log_rank": "Log-rank test",
        "proportional_hazards": "Proportional hazards (test of a trend)",
        f"rmst{horizon}_ivigg": f"{mean}, {numbers.treated}",
        f"rmst{horizon}_control": f"{mean}, control",
        f"rmst{horizon}_difference": f"{mean}, difference",
    }
    rows = []
    for quantity in frame["quantity"]:
        found = numbers.test(quantity)
        tested = quantity in ("log_rank", "proportional_hazards")
        value = f"χ² {found.value:.2f}" if tested else ratio_text(found).replace("-", "−")
        level = quantity in (f"rmst{horizon}_ivigg", f"rmst{horizon}_control")
        p_value = "" if level else format_number(found.p_value, "p_value")
        rows.append((words.get(quantity, quantity), value, p_value))
    return PlainTable(
        title="Survival of matched patients", heads=("", "Estimate (95% CI)", "p value"), rows=tuple(rows)
    )


def sensitivity_rows(numbers: Numbers, table: pd.DataFrame) -> PlainTable:
    """Return how strong something unmeasured must be to explain each matched result away."""
    rows = [
        (
            f"{_outcome(numbers, row['estimand'])}: {METHODS.get(row['method'], row['method'])}",
            _whole(f"{row['ratio']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"),
            _number(row["risk_ratio"]),
            _number(row["e_value"]),
            _number(row["e_value_limit"]),
            _number(row["tipping_effect"]),
            _number(row["gamma"]),
        )
        for row in table.to_dict("records")
    ]
    return PlainTable(
        title="Sensitivity to what was not measured",
        heads=(
            "Result",
            "Ratio (95% CI)",
            "As risk ratio",
            "E-value",
            "E-value, limit",
            "Tipping effect",
            "Γ",
        ),
        rows=tuple(rows),
    )


def _outcome(numbers: Numbers, estimand: str) -> str:
    name = estimand.rpartition("_")[0]
    for scale in ("log_rr_", "log_or_", "log_hr_", "rd_"):
        name = name.removeprefix(scale)
    return numbers.label(name)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def failures_table(numbers: Numbers) -> PlainTable:
    """Return the estimates that could not be made, with the reasons, and what was left out of a model."""
    estimates = numbers.analysis.estimates
    failed = estimates[estimates["failure"].notna()]
    rows = [
        (METHODS.get(row["method"], row["method"]), _outcome(numbers, row["estimand"]), str(row["failure"]))
        for row in failed.to_dict("records")
    ]
    models = numbers.analysis.models
    noted = models[models["note"].fillna("") != ""].drop_duplicates(["model", "score", "outcome"])
    rows += [
        (
            _MODELS[row["model"], row["score"]],
            numbers.label(row["outcome"]) if row["outcome"] else "–",
            row["note"],
        )
        for row in noted.to_dict("records")
    ]
    return PlainTable(
        title="What could not be estimated", heads=("Step", "Outcome", "Reason"), rows=tuple(rows)
    )
