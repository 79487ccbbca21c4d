"""A plan in short: its sentences, and its estimand after ICH E9(R1)."""

from __future__ import annotations

from simsepsis.show.pages.trial.companion_tables import replay_sentences
from simsepsis.show.pages.trial.facts import Facts
from simsepsis.show.pages.trial.statement import conditions_of, risk_phrase, test_phrase
from simsepsis.show.table import Table
from simsepsis.show.trial_words import SCALES, in_words, words_of
from simsepsis.trial.planning.record import TrialPlan
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.condition import EVERYBODY
from simsepsis.words import literal

SENTENCES: tuple[tuple[str, str], ...] = (
    (
        "always",
        "{n_randomized} patients to randomize: {power} power by formula for {scale} of {effect} ({risk} "
        "{p_control} against {p_treated}).",
    ),
    (
        "simulated",
        "Simulated on the cohort, {trials} trials: power {rejection_planned}, benefit claimed without any "
        "effect in {claimed_null} (Monte Carlo standard error in brackets).",
    ),
    (
        "gains",
        "The formula is for an unadjusted analysis; the planned one leaves {variance_left} of its variance, "
        "with which the power is {power_analysis} by formula.",
    ),
    (
        "diluted",
        "Departures from the arms dilute the difference from {rd} to {rd_itt} percentage points.",
    ),
    (
        "looks",
        "With the planned looks {expected_planned} patients are expected if the plan is right, "
        "{expected_null} if nothing works.",
    ),
    (
        "individual",
        "Patients of one ICU are in both arms, so no design effect applies (ICC {icc_world}); an analysis "
        "that leaves out what the randomization is stratified by is conservative.",
    ),
    (
        "clustered",
        "Randomizing ICUs multiplies the number of patients by {design_effect}.",
    ),
    (
        "mixed",
        "Averaged over the stated beliefs the trial shows a benefit with a probability of "
        "{assurance_mixture}; no number of patients brings it above {ceiling_mixture}. Single priors say "
        "{assurance_low} to {assurance_high}.",
    ),
    (
        "always",
        "{icus} ICUs randomize {per_month} patients a month: {months} months to the last patient, "
        "{months_slow} at {pace_slow} of the pace.",
    ),
)


def summary(plan: TrialPlan, facts: Facts) -> tuple[str, ...]:
    """Return a plan in a few sentences."""
    texts = {name: fact.text for name, fact in facts.items()}
    texts["risk"] = risk_phrase(plan).en.format_map(texts)
    scale = SCALES[plan.protocol.planned.name].en
    texts["scale"] = f"{'an' if scale[0] in 'aeiou' else 'a'} {scale}"
    holding = conditions_of(plan) | ({"mixed"} if plan.protocol.priors else set())
    told = tuple(text.format_map(texts) for holds, text in SENTENCES if holds in holding)
    return told + replay_sentences(plan)


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
        "Intercurrent event: {outside} outside the protocol",
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
_DEATHS = {"event": "Part of the variable.", "time": "The event itself."}
"""Kind of outcome → what a death is; of what is compared by ranks, its worst value."""


def estimand_table(plan: TrialPlan, facts: Facts) -> Table:
    """Return the attributes of the estimand with the strategies for intercurrent events."""
    texts = {name: fact.text for name, fact in facts.items()} | words_of(plan.protocol.offer)
    texts |= {name: text.format_map(texts) for name, text in _phrases(plan).items()}
    rows = [(name.format_map(texts), _sentence(text.format_map(texts))) for name, text in ATTRIBUTES]
    return Table(
        name="estimand",
        title="Estimand of the primary analysis (ICH E9(R1))",
        heads=("Attribute", "Definition and strategy"),
        rows=tuple(rows),
    )


def _phrases(plan: TrialPlan) -> dict[str, str]:
    protocol = plan.protocol
    informative = protocol.conduct.loss.dead_odds_ratio
    return {
        "population": literal(protocol.words.population) or _population(protocol),
        "endpoint": protocol.outcome.en,
        "death": _DEATHS.get(protocol.outcome.kind, "Composite: the worst value of the variable."),
        "follow_up": "followed to the end of the stay"
        if protocol.risk.day is None
        else "followed to day {horizon} wherever they are",
        "missing": "assumed to be unrelated to the outcome, with a tipping-point analysis"
        if informative == 1.0
        else f"simulated with odds of {informative:g} in those who die against those who live",
        "summary": SCALES[protocol.scale].en,
        "test": test_phrase(plan).en,
    }


def _population(protocol: TrialProtocol) -> str:
    where, patients = protocol.population.where, literal(protocol.offer.patients.en)
    parts = "" if where == EVERYBODY else f" with {literal(in_words(where, protocol.offer))}"
    return f"{patients[:1].upper()}{patients[1:]} of the ICU{parts}"


def _sentence(text: str) -> str:
    ended = text if text.endswith(".") else f"{text}."
    return ended[:1].upper() + ended[1:]
