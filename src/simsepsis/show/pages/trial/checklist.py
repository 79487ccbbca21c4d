"""The items that DELTA2 and SPIRIT ask of a trial's protocol, answered as far as the plan knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

from simsepsis.show.checklist import Item
from simsepsis.show.pages.trial.companion_tables import METHOD_WORDS
from simsepsis.show.pages.trial.document import Document
from simsepsis.show.pages.trial.statement import sentences
from simsepsis.show.table import text_of
from simsepsis.show.trial_words import listed

TEAM = "team"
"""Who answers what the plan does not know."""
SIZE, ESTIMAND = "plan.md: Sample size", "plan.md: Estimand"
WRONG = "plan.md: If the assumptions are wrong"


class Answers:
    """A plan's sentences by what is in them, and its estimand by attribute."""

    def __init__(self, document: Document) -> None:
        self.document, self.protocol = document, document.plan.protocol

    @cached_property
    def told(self) -> list[tuple[str, str]]:
        """The template of each sentence of the statement, and the sentence."""
        plan, facts = self.document.plan, self.document.facts
        return [(clause.en, text) for clause, text in sentences(plan, facts)]

    def sentences(self, *places: str) -> str:
        """Return the sentences that have a fact or phrase at one of these places."""
        wanted = [f"{{{place}}}" for place in places]
        return " ".join(text for template, text in self.told if any(one in template for one in wanted))

    def estimand(self, *attributes: str) -> str:
        """Return what the estimand is in some of its attributes."""
        rows = [tuple(map(text_of, row)) for row in self.document.estimand.rows]
        return " ".join(
            f"{name}: {text}" for name, text in rows if re.split(r": | \(", name)[0] in attributes
        )


Answer = Callable[[Answers], str]


def _said(*places: str) -> Answer:
    return lambda answers: answers.sentences(*places)


def _estimand(*attributes: str) -> Answer:
    return lambda answers: answers.estimand(*attributes)


def _ratio(answers: Answers) -> str:
    """Return the allocation with its reason, unless groups are unequal without one."""
    equal = all(arm.ratio == 1.0 for arm in answers.protocol.arms)
    return answers.sentences("allocation", "unit") if equal or answers.protocol.words.ratio_reason else ""


def _correlation(answers: Answers) -> str:
    """Return what the design needs beside, the source of the ICC included; or that it needs nothing."""
    told = answers.sentences("icc", "size_cv", "size_inverse", "period_months")
    return told or "None: patients are randomized one by one, so that no design effect applies."


def _varied(answers: Answers) -> str:
    (table,) = (one for one in answers.document.tables if one.name == "sensitivity")
    varied = dict.fromkeys(text_of(row[0]) for row in table.rows)
    return f"Power and patients by: {'; '.join(varied)}."


def _sequence(answers: Answers) -> str:
    """Return how patients are randomized, and within which strata."""
    chosen = answers.protocol.allocation
    if chosen.clustered:
        return answers.sentences("unit")
    method = METHOD_WORDS[chosen.method]
    if chosen.method == "simple" or not chosen.factors:
        return f"{method}."
    return f"{method}: {listed(chosen.factors, answers.protocol.offer)}."


def _interims(answers: Answers) -> str:
    if len(answers.protocol.looks.information) == 1:
        return "No interim analysis."
    return answers.sentences("interim_z", "futility_z", "n_looked")


def _for_the_team(numbers: dict[str, str]) -> tuple[Item, ...]:
    return tuple(Item(f"SPIRIT {number}", asks) for number, asks in numbers.items())


DELTA2 = (
    Item("DELTA2 1", "Primary outcome that the calculation is for", SIZE, _said("endpoint")),
    Item("DELTA2 2", "Significance level and power", SIZE, _said("alpha", "n_fixed")),
    Item(
        "DELTA2 3",
        "Target difference with the control group's risk, absolute and relative",
        SIZE,
        _said("p_control", "support", "discharge", "estimate_value", "rank_effect"),
    ),
    Item("DELTA2 3", "Source of the control group's risk", SIZE, _said("control_risk", "p_control_mcse")),
    Item("DELTA2 4", "Allocation ratio, with a reason if it is unequal", SIZE, _ratio),
    Item("DELTA2 5a", "Formula with its reference; events", SIZE, _said("formula", "deaths")),
    Item(
        "DELTA2 5b",
        "What else changes the number, and the final number",
        SIZE,
        _said("comparisons", "departures", "n_looked", "sparse", "arm_sizes", "n_formula"),
    ),
    Item("DELTA2 5c", "Cluster size, correlation and other inputs of the design", SIZE, _correlation),
    Item("DELTA2 5d", "Sensitivity of the number to its inputs", WRONG, _varied),
    Item("DELTA2 6", "Whether the target difference is important or realistic", SIZE, _said("basis")),
    Item("DELTA2 7", "Why this target difference, with references", SIZE, _said("rationale")),
    Item("DELTA2 8", "Reference to the protocol, in the paper of the results"),
)
"""Items of DELTA2 (Cook JA et al. BMJ 2018;363:k3750)."""

SPIRIT = (
    *_for_the_team(
        {
            "1": "Title with design, population and interventions",
            "2": "Registry and number",
            "3": "Version and date of the protocol",
            "4": "Funding",
            "5": "Roles of authors, sponsor and committees",
            "6": "Background, and why this comparator",
        }
    ),
    Item("SPIRIT 7", "Objective", "plan.md: first line", lambda answers: answers.protocol.question),
    Item("SPIRIT 8", "Design: type, allocation ratio, framework", SIZE, _said("hypothesis")),
    Item("SPIRIT 9", "Number of sites", SIZE, _said("screened_rate")),
    Item("SPIRIT 9", "Which sites, in which countries"),
    Item("SPIRIT 10", "Who is eligible", ESTIMAND, _estimand("Population")),
    Item("SPIRIT 10", "Criteria for sites and for who treats"),
    Item(
        "SPIRIT 11a",
        "What the groups get",
        ESTIMAND,
        _estimand("Treatment condition", "Alternative condition"),
    ),
    *_for_the_team(
        {
            "11a": "The treatments in the detail that lets others repeat them",
            "11b": "When treatment is changed or stopped",
            "11c": "How adherence is improved and watched",
            "11d": "Other care that is allowed or not",
        }
    ),
    Item(
        "SPIRIT 12",
        "Primary outcome: variable, day, summary",
        ESTIMAND,
        _estimand("Variable", "Population-level summary"),
    ),
    *_for_the_team(
        {
            "12": "Secondary outcomes, and why these outcomes",
            "13": "Timeline of a participant",
        }
    ),
    Item(
        "SPIRIT 14",
        "Number of participants and how it was found",
        SIZE,
        lambda answers: "\n".join(answers.document.statement),
    ),
    Item("SPIRIT 15", "How enough participants are reached"),
    Item("SPIRIT 16a", "How the sequence is made, and its strata", "plan.json: protocol", _sequence),
    *_for_the_team(
        {
            "16b": "How the sequence is concealed",
            "16c": "Who makes the sequence, enrols and assigns",
            "17": "Who is blinded, how, and when codes are broken",
            "18": "How data are collected, and participants kept",
            "19": "Data management",
        }
    ),
    Item("SPIRIT 20a", "Analysis of the primary outcome", SIZE, _said("test")),
    Item("SPIRIT 20b", "Other analyses: subgroups, adjusted"),
    Item(
        "SPIRIT 20c",
        "Whom the analysis counts, and missing outcomes",
        ESTIMAND,
        _estimand("Intercurrent event", "Missing outcome"),
    ),
    Item("SPIRIT 21a", "Data monitoring committee"),
    Item("SPIRIT 21b", "Interim analyses and rules to stop", SIZE, _interims),
    *_for_the_team(
        {
            "21b": "Who sees interim results and decides",
            "22": "Harms: how they are collected and reported",
            "23": "Auditing",
            "24": "Approval by an ethics committee",
            "25": "How amendments are communicated",
            "26": "Who asks for consent, and how",
            "27": "Confidentiality",
            "28": "Competing interests",
            "29": "Who has access to the data",
            "30": "Care after the trial, compensation for harm",
            "31": "Publication, authorship, sharing of data and code",
            "32": "Forms of information and consent",
            "33": "Biological specimens",
        }
    ),
)
"""Items of SPIRIT (Chan AW et al. Ann Intern Med 2013;158:200), some of them in parts."""

ITEMS = DELTA2 + SPIRIT
