"""The estimand of a trial by its attributes, after ICH E9(R1)."""

from __future__ import annotations

from simsepsis.show.pages.trial.fact import Facts
from simsepsis.show.pages.trial.statement import test_phrase
from simsepsis.show.pages.trial.vocabulary import ENDPOINTS, SCALES, in_words
from simsepsis.show.table import Table
from simsepsis.trial.planning.record import TrialPlan
from simsepsis.words import literal

ATTRIBUTES: tuple[tuple[str, str], ...] = (
    ("Population", "{population}, randomized {randomized_hour} hours after admission to the ICU."),
    ("Treatment condition", "{treatment}, first dose at randomization, on top of usual care."),
    ("Alternative condition", "{control}, on top of usual care."),
    ("Variable", "{endpoint}"),
    (
        "Intercurrent event: assigned treatment not given",
        "Treatment policy: analysed as randomized ({nonadherence} expected in the treatment group).",
    ),
    ("Intercurrent event: treatment stopped early", "Treatment policy: analysed as randomized."),
    (
        "Intercurrent event: immunoglobulin outside the protocol",
        "Treatment policy: analysed as randomized ({contamination} expected in the control group). A "
        "supplementary estimand is hypothetical: as if none had been given.",
    ),
    ("Intercurrent event: death", "{death}"),
    (
        "Intercurrent event: discharge or transfer",
        "Treatment policy: {follow_up}.",
    ),
    (
        "Missing outcome (withdrawal of consent, loss to follow-up)",
        "No intercurrent event. {loss} expected; {missing}.",
    ),
    ("Population-level summary", "{summary}, treatment against control, by {test}."),
)
_DEATHS = {
    "binary": "Part of the variable.",
    "time": "The event itself.",
    "ranked": "Composite: the worst value of the variable.",
}


def estimand_table(plan: TrialPlan, facts: Facts) -> Table:
    """Return the attributes of the estimand with the strategies for intercurrent events.

    Parameters
    ----------
    plan, facts
        The plan and its facts.
    """
    texts = {name: fact.text for name, fact in facts.items()}
    texts |= {name: text.format_map(texts) for name, text in _phrases(plan).items()}
    rows = [(name, _sentence(text.format_map(texts))) for name, text in ATTRIBUTES]
    return Table(
        name="estimand",
        title="Estimand of the primary analysis (ICH E9(R1))",
        heads=("Attribute", "Definition and strategy"),
        rows=tuple(rows),
    )


def _phrases(plan: TrialPlan) -> dict[str, str]:
    protocol = plan.protocol
    kind = (
        "binary"
        if protocol.endpoint.binary
        else "time"
        if protocol.endpoint.name == "time_to_death"
        else "ranked"
    )
    in_hospital = protocol.endpoint.risk in ("icu_death", "hospital_death")
    informative = protocol.conduct.loss.dead_odds_ratio
    return {
        "population": literal(protocol.words.population) or _population(protocol.population.where),
        "endpoint": ENDPOINTS[protocol.endpoint.name].en,
        "death": _DEATHS[kind],
        "follow_up": "followed to the end of the stay"
        if in_hospital
        else "followed to day {horizon} wherever they are",
        "missing": "assumed to be unrelated to the outcome, with a tipping-point analysis"
        if informative == 1.0
        else f"simulated with odds of {informative:g} in those who die against those who live",
        "summary": SCALES[protocol.scale].en,
        "test": test_phrase(plan).en,
    }


def _population(where: str) -> str:
    return "Septic patients of the ICU" + ("" if where == "all" else f" with {in_words(where)}")


def _sentence(text: str) -> str:
    ended = text if text.endswith(".") else f"{text}."
    return ended[:1].upper() + ended[1:]
