"""The texts of a drafted study's other files: study, data dictionary, first experiment and first trial."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from simsepsis.analysis.drafting.column_facts import ColumnFacts
from simsepsis.analysis.drafting.guessed_roles import Chosen, Facts, kind_of
from simsepsis.analysis.drafting.spec_text import quoted, remark
from simsepsis.analysis.drafting.vocabulary import parts_of
from simsepsis.study.variables import HEADER

MOST_BENEFIT = 0.05
"""Difference of risks that the first experiment asks for, at the most."""
IN_SD = 0.3
"""Difference of means that it asks for, in standard deviations."""


def study_text(name: str, title: str, cohort: str) -> str:
    """Return ``study.toml``."""
    words = "What this study is. The columns are in variables.csv, the analysis in analysis.toml."
    return (
        f"{remark(words)}\nname = {quoted(name)}\ntitle = {quoted(title)}\n"
        f"# The patients, from this folder.\ncohort = {quoted(cohort)}\n"
    )


def dictionary_text(facts: Facts, chosen: Chosen) -> str:
    """Return ``variables.csv``: every column of the file with its role and kind."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    for column in facts.values():
        row = _row(column, chosen)
        writer.writerow([row.get(head, "") for head in HEADER])
    return buffer.getvalue()


def _row(column: ColumnFacts, chosen: Chosen) -> dict[str, str]:
    role = chosen.role(column.name)
    happens = role == "treatment" or column.name in (*chosen.outcomes, chosen.event)
    kind = "binary" if happens else "number" if role in ("time", "duration", "outcome") else kind_of(column)
    row = {"name": column.name, "label": label_of(column.name), "role": role}
    if role not in ("id", "site", "never"):
        row["kind"] = kind
        row["levels"] = _levels(column) if kind == "category" else ""
    return row


def label_of(name: str) -> str:
    """Return a column's name as people read it.

    Examples
    --------
    >>> label_of("ejection_fraction"), label_of("currentSmoker"), label_of("DEATH_EVENT"), label_of("糖尿病")
    ('Ejection fraction', 'Current smoker', 'Death event', '糖尿病')
    """
    parts = parts_of(name)
    # What is no word, such as a formula or an acronym, stays as it is.
    if len(parts) < 2 or not all(part.isascii() and part.isalpha() for part in parts):
        return name
    return " ".join(parts).capitalize()


def _levels(column: ColumnFacts) -> str:
    """Return the levels of a category, numbers in order; nothing where the file has to say them."""
    labels = list(column.labels)
    if column.numbers is not None:
        labels.sort(key=float)
    return "" if any(";" in one or "=" in one for one in labels) else "; ".join(labels)


def is_number(chosen: Chosen) -> bool:
    """Return whether the first outcome is a number."""
    return not chosen.outcomes and bool(chosen.amounts)


FIRST = Path(__file__).with_name("first_experiment.txt")
"""The first experiment, with places in braces."""


def experiment_text(facts: Facts, chosen: Chosen) -> str:
    """Return ``experiments/first.toml``: no effect and one, a hidden confounder off and on, five methods."""
    outcome = (*chosen.all_outcomes, "OUTCOME")[0]
    number = is_number(chosen)
    head = (
        "Four worlds, 200 cohorts in each, five methods. First `simsepsis fit` writes the world, then "
        "`simsepsis "
        "run` this file."
    )
    return FIRST.read_text("utf-8").format(
        head=remark(head),
        question=quoted(
            f"How biased and how precise are the usual analyses of '{outcome}' in a cohort like this one?"
        ),
        outcome=quoted(outcome),
        value=f"{_effect(facts, outcome, number=number):g}",
        **comparison_texts(outcome, number=number, cluster=chosen.cluster, event=chosen.event),
    )


TRIAL = Path(__file__).with_name("first_trial.txt")
"""The first trial, with places in braces."""


def trial_text(chosen: Chosen) -> str:
    """Return ``trials/first.toml``: the treatment against none, on the first outcome that happens or not."""
    outcome = (*chosen.outcomes, "OUTCOME")[0]
    treatment = chosen.treatment or "TREATMENT"
    arm = label_of(treatment)
    return TRIAL.read_text("utf-8").format(
        label=quoted(f"{arm} against none: {label_of(outcome)}"),
        question=quoted(f"How many patients would a trial of '{treatment}' need?"),
        arm=quoted(arm),
        outcome=quoted(outcome),
    )


def comparison_texts(outcome: str, *, number: bool, cluster: str | None, event: str | None) -> dict[str, str]:
    """Return the places of an experiment: five methods that the columns permit, and what they estimate."""
    methods = ["crude", "psm", "iptw", "overlap_weights" if number else "aipw"]
    estimands = [f"md_{outcome}" if number else f"rd_{outcome}"]
    if number:
        methods.append("psm_gee" if cluster else "psm_paired_se")
    elif event and not cluster:
        methods.append("psm_cox")
        estimands.append(f"log_hr_{event}")
    else:
        methods.append("gee_full" if cluster else "logistic")
        estimands.append(f"log_or_{outcome}")
    words = "Difference of means." if number else "Risk difference, and what else the methods give."
    return {
        "estimands_in_words": quoted(words),
        "methods_in_words": quoted(f"Unadjusted, matched, weighted and others: {', '.join(methods)}."),
        "measure": quoted("mean_difference" if number else "risk_difference"),
        "methods": ", ".join(map(quoted, methods)),
        "estimands": ", ".join(map(quoted, estimands)),
    }


def _effect(facts: Facts, outcome: str, *, number: bool) -> float:
    """Return the effect of the first experiment: a benefit that the outcome leaves room for."""
    numbers = facts[outcome].numbers if outcome in facts else None
    if number:
        spread = float(np.nanstd(numbers, ddof=1)) if numbers is not None else 1.0
        return -float(f"{IN_SD * spread:.2g}")
    rarer = min(facts[outcome].counts) / facts[outcome].known if outcome in facts else 1.0
    return -float(f"{min(MOST_BENEFIT, rarer / 2):.2g}")
