"""A scenario in sentences, computed from its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simsepsis.show.outline import number_label
from simsepsis.studies.jseptic_ivigg.columns import STUDY
from simsepsis.studies.jseptic_ivigg.describe.diagram import RESPONSES, regimens_text
from simsepsis.studies.jseptic_ivigg.describe.numbers import Numbers, days, numbers_of, points, ratio, share

if TYPE_CHECKING:
    from simsepsis.studies.jseptic_ivigg.describe.description import ScenarioDescription

FAR = 2.0
"""Sampling standard errors beyond which a margin is called far from print."""

_DIFFERENCE = "smd_percent"


def sentences_of(description: ScenarioDescription) -> tuple[str, ...]:
    """Return what the scenario is, in sentences, the effect first."""
    facts, truth = numbers_of(description.facts, "fact"), numbers_of(description.truth, "estimand")
    return (
        *_effect(description, truth),
        _crude(facts),
        *_hidden(description),
        _timing(description, facts),
        *_dosing(description),
        _overlap(facts),
        *_recording(description),
        _fit(description),
        _changes(description),
    )


def _effect(description: ScenarioDescription, truth: Numbers) -> Iterator[str]:
    if description.settled.effect.log_hazard_ratio == 0.0:
        yield "IVIgG does nothing here: every patient's course is the same with and without it."
        return
    yield (
        "In the patients given IVIgG it changes death in hospital by "
        f"{points(truth['rd_hospital_death_att'])} percentage points: a risk ratio of "
        f"{ratio(truth['log_rr_hospital_death_att'])}, and {days(truth['rmst28_difference_att'])} days alive "
        "in the first 28."
    )
    factors = {
        "with APACHE II of 29 or more": description.settled.effect.modifier.severe,
        "who are immunocompromised": description.settled.effect.modifier.immunocompromised,
        "with endogenous IgG below 6.5 g/L": description.settled.effect.modifier.low_igg,
    }
    parts = [
        f"{factor:g} times as strong in patients {who}" for who, factor in factors.items() if factor != 1.0
    ]
    if parts:
        yield f"On the log hazard the effect is {', and '.join(parts)}."


def _crude(facts: Numbers) -> str:
    return (
        f"Unadjusted, {share(facts['risk_treated'])} of those given IVIgG die in hospital and "
        f"{share(facts['risk_control'])} of the others: a difference of {points(facts['crude'])} points. "
        f"Of it, {points(facts['effect'])} are the effect; {points(facts['confounding'])} would be there "
        "without any IVIgG: confounding, and having lived long enough to be given it."
    )


def _hidden(description: ScenarioDescription) -> Iterator[str]:
    u = description.settled.unmeasured
    if u.kind == "none":
        return
    who = f"is there in {100 * u.prevalence:.0f}% of patients" if u.kind == "binary" else "is standard normal"
    per = "" if u.kind == "binary" else " per standard deviation"
    what = "odds" if u.kind == "binary" else "rate"
    yield (
        f"Nobody records u. It {who}, multiplies the {what} of IVIgG by {u.or_treatment:g} and the hazard of "
        f"death by {u.hr_death:g}{per}."
    )
    if description.scenario.unmeasured.crude == "held":
        yield (
            "The effect is solved so that crude mortality of both arms stays where Table 3 printed it: a "
            "world as compatible with the published numbers as the one without u."
        )


def _timing(description: ScenarioDescription, facts: Numbers) -> str:
    slope = description.settled.treatment.severity
    by_severity = (
        f"On any day, one standard deviation more of severity multiplies the rate of starting by "
        f"{math.exp(slope):.2f}."
        if slope
        else "The severity of the day does not matter for starting."
    )
    value, error = facts["median_hour"]
    return (
        f"Half of the starts come by hour {value:.0f} ({error:.1f}), {share(facts['late_share'])} after "
        f"48 hours. {by_severity}"
    )


def _dosing(description: ScenarioDescription) -> Iterator[str]:
    dose = description.settled.dose
    if dose.response == "none":
        return
    at = (
        f", as stated at {dose.reference:g} g/kg"
        if dose.reference is not None
        else ", as stated at these doses"
    )
    given = regimens_text(dose.regimens)
    yield f"Patients get {given}. The effect depends on the dose: {RESPONSES[dose.response]}{at}."


def _overlap(facts: Numbers) -> str:
    value, error = facts["c_statistic"]
    return (
        "Given all that precedes it, recorded or not, the probability of IVIgG tells the arms apart with a "
        f"C-statistic of {value:.3f} ({error:.3f}); {share(facts['control_below'])} of the controls lie "
        f"below 1%, {share(facts['ivigg_above'])} of the treated above 99%."
    )


def _recording(description: ScenarioDescription) -> Iterator[str]:
    observation = description.settled.observation
    if observation.omit:
        some = ", ".join(map(STUDY.wording.row, observation.omit[:3]))
        yield (
            f"The registry lacks {len(observation.omit)} columns, among them {some}; margins and pictures "
            "show them all the same."
        )
    if observation.by_severity:
        rises = "more" if observation.by_severity > 0 else "less"
        yield (
            f"Day-1 data are incomplete in {100 * observation.incomplete_day1:.1f}% of patients of mean "
            f"severity, {rises} often in sicker ones."
        )


def _fit(description: ScenarioDescription) -> str:
    margins = description.margins.loc[description.margins["statistic"] != _DIFFERENCE]
    gap = margins["difference_se"].abs()
    near = f"{(gap <= FAR).sum()} of {len(gap)} counts and quartiles of Tables 1 to 3 lie within {FAR:g} "
    farthest = margins.loc[gap.idxmax()]
    arm = "treated" if farthest["arm"] == "ivigg" else farthest["arm"]
    name = number_label(STUDY, farthest["variable"], farthest["level"], farthest["statistic"], arm=arm)
    return (
        f"{near}sampling standard errors of print (Monte Carlo error "
        f"{description.margins['mcse_se'].max():.2f}); the farthest is {name}, "
        f"{abs(farthest['difference_se']):.1f} away."
    )


def _changes(description: ScenarioDescription) -> str:
    count = len(description.changes)
    if not count:
        return f"Nothing in it differs from the scenario “{description.base}”."
    settings = "One setting differs" if count == 1 else f"{count} settings differ"
    return f"{settings} from the scenario “{description.base}”."
