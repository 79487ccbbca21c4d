"""A plan as files of words and numbers: ``plan.md`` and ``plan.json``, from the same facts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsepsis.environment import versions
from simsepsis.show.pages.trial.companion_tables import EXTRAS
from simsepsis.show.pages.trial.facts import (
    Facts,
    count,
    decimal,
    facts_of,
    percent,
)
from simsepsis.show.pages.trial.plan_tables import (
    looks_tables,
    operating_tables,
    prior_table,
    sensitivity_table,
    size_table,
    steps_table,
)
from simsepsis.show.pages.trial.statement import statement
from simsepsis.show.pages.trial.summary import estimand_table, summary
from simsepsis.show.table import Column, Table, tabulated
from simsepsis.show.trial_tables_ja import japanese
from simsepsis.show.trial_words import compared_outcome
from simsepsis.trial.planning.compute import TrialPlan
from simsepsis.trial.protocol.offer import Outcome
from simsepsis.trial.protocol.other_designs import VARIANTS


def tables_of(plan: TrialPlan, facts: Facts) -> tuple[Table, ...]:
    """Return the tables of a plan in the order of its text."""
    made = (
        steps_table(plan, facts),
        *(size_table(plan, power) for power in sorted(plan.grid["power"].unique())),
        *looks_tables(plan),
        *operating_tables(plan),
        *((prior_table(plan),) if len(plan.priors) else ()),
        sensitivity_table(plan),
        pace_table(plan),
        flow_table(plan),
        *(extra(plan) for name, extra in EXTRAS.items() if name in plan.tables),
    )
    return made


PACE: tuple[Column, ...] = (
    ("Pace, of the planned", lambda r: percent(r.pace, digits=0)),
    ("Sites", lambda r: count(r.icus)),
    ("Patients a month, all sites open", lambda r: decimal(r.per_month, digits=1)),
    ("Months to the last patient", lambda r: decimal(r.months_accrual, digits=1)),
    ("Months to the last outcome", lambda r: decimal(r.months_outcome, digits=1)),
    ("Randomized while outcomes mature", lambda r: count(r.overrun)),
)


def pace_table(plan: TrialPlan) -> Table:
    """Return how long the trial takes, as hoped for and slower."""
    return tabulated("pace", "How long the trial takes", PACE, plan.pace)


STEP_WORDS = {
    "screened": "Screened",
    "eligible": "Eligible",
    "randomized": "Randomized",
    "control": "Control group",
    "treated": "Treatment group",
    "control_analysed": "Control group, outcome known",
    "treated_analysed": "Treatment group, outcome known",
    "control_deaths": "Control group, events if the plan is right",
    "treated_deaths": "Treatment group, events if the plan is right",
}


def flow_table(plan: TrialPlan) -> Table:
    """Return the expected numbers from screening to analysis."""
    columns = (
        ("Step", lambda r: STEP_WORDS[r.step]),
        ("Patients", lambda r: count(r.patients)),
    )
    return tabulated("flow", "Expected flow of patients", columns, plan.flow)


SECTIONS = (
    ("Strategies", ("strategies",)),
    ("Patients", ("steps", "size_80", "size_90")),
    ("Interim analyses", ("looks", "chances")),
    ("Simulated trials", ("operating", "simulated_looks", "analyses", "tried", "replay")),
    ("Belief and assurance", ("priors", "bias")),
    ("If the assumptions are wrong", ("sensitivity",)),
    ("Endpoints, doses and patients", ("endpoints", "doses", "enrichment")),
    ("Other designs", ("adaptive", "borrowing", "ordinal", "follow_up")),
    ("Time and flow", ("pace", "flow")),
)
"""Heading → tables under it, those that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a plan says.

    Attributes
    ----------
    plan
        The plan.
    facts
        Every number of the sentences.
    summary
        Sentences, the answer first.
    statement, statement_ja
        Paragraphs of the sample-size statement to paste into a protocol.
    estimand, estimand_ja
        The estimand by its attributes.
    tables
        The other tables, in the order of the text.
    command
        What to type to get the same files.
    """

    plan: TrialPlan
    facts: Facts
    summary: tuple[str, ...]
    statement: tuple[str, ...]
    statement_ja: tuple[str, ...]
    estimand: Table
    estimand_ja: Table
    tables: tuple[Table, ...]
    command: str

    def section(self, names: tuple[str, ...]) -> tuple[Table, ...]:
        """Return the tables of a section that there are."""
        return tuple(table for table in self.tables if table.name in names)


def document_of(plan: TrialPlan, *, command: str) -> Document:
    """Return what a plan says."""
    facts = facts_of(plan)
    return Document(
        plan=plan,
        facts=facts,
        summary=summary(plan, facts),
        statement=statement(plan, facts),
        statement_ja=statement(plan, facts, ja=True),
        estimand=estimand_table(plan, facts),
        estimand_ja=estimand_table(plan, facts, ja=True),
        tables=tables_of(plan, facts),
        command=command,
    )


def markdown_of(document: Document) -> str:
    """Return ``plan.md``."""
    protocol = document.plan.protocol
    parts = [
        f"# {protocol.label}",
        protocol.question,
        f"> {protocol.offer.calibration.en}",
        "## In short",
        "\n".join(f"- {sentence}" for sentence in document.summary),
        "## Sample size (DELTA2)",
        *document.statement,
        "## 症例数設定（DELTA2）",
        *document.statement_ja,
        protocol.offer.calibration.phrase.ja,
        "## Estimand",
        document.estimand.markdown,
    ]
    for heading, names in SECTIONS:
        tables = document.section(names)
        if tables:
            parts += [f"## {heading}", *(table.markdown for table in tables)]
    parts += ["## How it was made", f"    {document.command}"]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def markdown_ja_of(document: Document) -> str:
    """Return a plan in Japanese: the statement, the estimand and every table."""
    protocol, offer = document.plan.protocol, document.plan.protocol.offer
    own = {
        outcome.heading: outcome.phrase.ja.format(horizon=outcome.day)
        for outcome in offered_outcomes(document)
    }
    parts = [
        f"# {protocol.label}",
        "## 症例数設定（DELTA2）",
        *document.statement_ja,
        offer.calibration.phrase.ja,
        document.estimand_ja.markdown,
        *(japanese(table, own).markdown for table in document.tables),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def offered_outcomes(document: Document) -> list[Outcome]:
    """Return the study's outcomes as the plan compares them."""
    protocol = document.plan.protocol
    return [compared_outcome(protocol, name) for name in protocol.offer.outcomes]


def record_of(document: Document) -> dict[str, Any]:
    """Return what ``plan.json`` holds: what was asked, and every number of the text with its printed form."""
    plan = document.plan
    protocol = plan.protocol
    return {
        "trial": protocol.name,
        "label": protocol.label,
        "question": protocol.question,
        "calibration": protocol.offer.calibration.en,
        "calibration_ja": protocol.offer.calibration.phrase.ja,
        "command": document.command,
        "versions": versions(),
        "seed": protocol.run.seed,
        "simulated_trials": plan.simulated_trials,
        "n_total": plan.n_total,
        "power": plan.size.power,
        "facts": {name: fact.record for name, fact in document.facts.items()},
        "tables": {table.name: table.record for table in (document.estimand, *document.tables)},
        "priors": [_prior(row) for row in plan.priors.to_dict("records")],
        "protocol": _asked(protocol.model_dump(mode="json")),
        "seconds": plan.seconds,
    }


def _prior(row: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value != value else value for name, value in row.items()}


def _asked(values: dict[str, Any]) -> dict[str, Any]:
    """Return the protocol with files named by their last part: where they stand is no part of a trial."""
    for prior in values["priors"]:
        if prior["bias"] is not None:
            prior["bias"]["performance"] = Path(prior["bias"]["performance"]).name
    values = {key: value for key, value in values.items() if value is not None or key not in VARIANTS}
    values["study"] = Path(values["study"]).name
    values["world"]["base"] = Path(values["world"]["base"]).name
    return values


def contents_of(document: Document) -> dict[str, bytes]:
    """Return the files of words and numbers by name."""
    record = json.dumps(record_of(document), indent=1, ensure_ascii=False, allow_nan=False)
    return {
        "plan.json": f"{record}\n".encode(),
        "plan.md": markdown_of(document).encode(),
        "plan-ja.md": markdown_ja_of(document).encode(),
    }
