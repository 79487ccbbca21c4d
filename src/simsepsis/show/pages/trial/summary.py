"""A plan in a few sentences, the answer first."""

from __future__ import annotations

from simsepsis.show.pages.trial.fact import Facts
from simsepsis.show.pages.trial.replay import replay_sentences
from simsepsis.show.pages.trial.statement import conditions_of
from simsepsis.show.pages.trial.vocabulary import RISKS, SCALES
from simsepsis.trial.planning.record import TrialPlan

SENTENCES: tuple[tuple[str, str], ...] = (
    (
        "always",
        "{n_randomized} patients to randomize: {power} power by formula for a {scale} of {effect} ({risk} "
        "{p_control} against {p_treated}).",
    ),
    (
        "simulated",
        "Simulated on the cohort, {trials} trials: power {rejection_planned}, benefit claimed without any "
        "effect in {claimed_null} (Monte Carlo standard error in brackets).",
    ),
    (
        "gains",
        "The planned analysis leaves {variance_left} of the variance of the unadjusted one that the formula "
        "is for; with it the power is {power_analysis} by formula.",
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
    """Return a plan in a few sentences.

    Parameters
    ----------
    plan, facts
        The plan and its facts.
    """
    texts = {name: fact.text for name, fact in facts.items()}
    texts["risk"] = RISKS[plan.protocol.endpoint.risk].en.format_map(texts)
    texts["scale"] = SCALES[plan.protocol.planned.name].en
    holding = conditions_of(plan) | ({"mixed"} if plan.protocol.priors else set())
    told = tuple(text.format_map(texts) for holds, text in SENTENCES if holds in holding)
    return told + replay_sentences(plan)
