"""The causal diagram that a scenario's switches make: which mechanisms are on, and how strong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import pandas as pd

from simsepsis.studies.jseptic_ivigg.columns import SCORE_COVARIATES
from simsepsis.studies.jseptic_ivigg.describe.changes import number_text
from simsepsis.studies.jseptic_ivigg.world.effect import Regimen
from simsepsis.studies.jseptic_ivigg.world.outcome import Course
from simsepsis.studies.jseptic_ivigg.world.predictor import OWN_TERMS, ROSTER_TRAITS
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario

NODE_COLUMNS = ("node", "label", "detail", "recorded")
ARROW_COLUMNS = ("source", "target", "label", "size", "keys", "new")

MEASURES = {
    "risk_ratio": "risk ratio",
    "risk_difference": "risk difference",
    "odds_ratio": "odds ratio",
    "hazard_ratio": "hazard ratio",
}
ENDPOINTS = {"icu_death": "ICU death", "hospital_death": "hospital death", "death_28d": "28-day death"}
RESPONSES = {
    "log_linear": "log-linear in g/kg",
    "emax": "saturating in g/kg",
    "threshold": "from a threshold on",
    "igg_level": "by the IgG reached",
}


_DETAIL_LENGTH = 26
"""Characters that fit under a node's name."""


class Strength(NamedTuple):
    """How strong an arrow is: in words, and as one number where there is one."""

    label: str = ""
    size: float = math.nan


class World(NamedTuple):
    """A scenario as written, and with nothing left to solve."""

    asked: Scenario
    settled: Scenario


class Rule(NamedTuple):
    """Arrow, the settings that make it, and how they say whether it is there and how strong."""

    source: str
    target: str
    keys: str
    strength: Callable[[World], Strength | None]


def diagram_nodes(settled: Scenario) -> pd.DataFrame:
    """Return the variables that the diagram of this scenario has."""
    u, complete = settled.unmeasured, 1.0 - settled.observation.incomplete_day1
    at_random = "" if settled.observation.by_severity else ", at random"
    rows = [
        ("traits", "ICU traits", "beds, type, staff, policy", True),
        ("habit", "ICU habit", "and case mix", False),
        ("covariates", "Covariates", _covariates_text(settled), True),
        ("severity", "Severity", "on day 1", False),
        ("path", "Severity path", "day by day", False),
        ("care", "Intensity of care", "", False),
        ("ivigg", "IVIgG", "started on days 1–7", True),
        ("adjuncts", "Adjuncts", f"{len(settled.adjuncts)} therapies", True),
        ("dose", "Dose", _doses_text(settled), False),
        ("death", "Death", "in ICU or hospital", True),
        ("selection", "Analysed", f"{100 * complete:.1f}% complete{at_random}", True),
    ]
    if u.kind != "none":
        kind = f"binary, {100 * u.prevalence:.0f}%" if u.kind == "binary" else "standard normal"
        rows.append(("u", "u", kind, False))
    if _own_igg(World(settled, settled)) is not None:
        rows.append(("igg", "Own IgG", f"median {settled.dose.igg_median:g} g/L", False))
    return pd.DataFrame(rows, columns=list(NODE_COLUMNS))


def _doses_text(settled: Scenario) -> str:
    words = regimens_text(settled.dose.regimens)
    return words if len(words) <= _DETAIL_LENGTH else f"{len(settled.dose.regimens)} regimens"


def _covariates_text(settled: Scenario) -> str:
    lacking = sum(name in settled.observation.omit for name in SCORE_COVARIATES)
    return f"day 1; {lacking} of {len(SCORE_COVARIATES)} not recorded" if lacking else "measured on day 1"


def diagram_arrows(asked: Scenario, settled: Scenario, base: Scenario) -> pd.DataFrame:
    """Return the arrows that a scenario's switches make.

    Returns
    -------
    DataFrame
        ``source, target`` (nodes) ``, label`` (size in words, empty where it is not one number) ``, size``
        (the number, NaN where there is none) ``, keys`` (settings that make the arrow) ``, new`` (whether
        the base lacks the arrow, or has it in another size).
    """
    known = {arrow[:2]: arrow[2] for arrow in _arrows(World(base, base))}
    rows = [(*arrow, known.get(arrow[:2]) != arrow[2]) for arrow in _arrows(World(asked, settled))]
    return pd.DataFrame(rows, columns=list(ARROW_COLUMNS))


def _arrows(world: World) -> Iterator[tuple[str, str, str, float, str]]:
    for rule in RULES:
        strength = rule.strength(world)
        if strength is not None:
            yield rule.source, rule.target, strength.label, strength.size, rule.keys


def regimens_text(regimens: Iterable[Regimen]) -> str:
    """Return the doses in words, ``15 g`` or ``60% 15 g, 40% 1 g/kg``."""
    doses = [
        (r.share, f"{r.grams:g} g" if r.grams is not None else f"{r.grams_per_kg:g} g/kg") for r in regimens
    ]
    if len(doses) == 1:
        return doses[0][1]
    return ", ".join(f"{100 * share:.0f}% {words}" for share, words in doses)


# --- how strong -----------------------------------------------------------------------------------


def _there(condition: bool) -> Strength | None:
    return Strength() if condition else None


def _kept(share: float) -> Strength | None:
    return Strength(f"× {share:g} a day", share) if share > 0.0 else None


def _ratio(log_ratio: float, name: str = "HR", per: str = " per SD") -> Strength | None:
    if log_ratio == 0.0:
        return None
    ratio = math.exp(log_ratio)
    return Strength(f"{name} {ratio:.2f}{per}", ratio)


def _ratios(log_ratios: Iterable[float], per: str = " per SD") -> Strength | None:
    """Return one ratio where all are the same, their range where they differ, none where all are zero."""
    ratios = sorted({round(math.exp(value), 2) for value in log_ratios})
    if ratios in ([], [1.0]):
        return None
    if len(ratios) == 1:
        return Strength(f"HR {ratios[0]:.2f}{per}", ratios[0])
    return Strength(f"HR {ratios[0]:.2f}–{ratios[-1]:.2f}{per}")


def _varies(world: World, *effects: str) -> bool:
    """Return whether the ICUs differ in any of these random effects."""
    icus = world.settled.icus
    return icus.spread > 0.0 and any(any(getattr(icus.roster, name)) for name in effects)


def _deaths(course: Course, weight: str) -> tuple[float, float]:
    return getattr(course.icu_death, weight), getattr(course.ward_death, weight)


def _icu_term(key: str) -> bool:
    return key.partition("=")[0] in ROSTER_TRAITS


def _treatment_terms(world: World, of_icu: bool) -> bool:
    """Return whether any trait of the ICU, or any covariate of the patient, changes the hazard of IVIgG."""
    treatment = world.settled.treatment
    effects = dict(treatment.numbers) | {name: list(by.values()) for name, by in treatment.levels.items()}
    return any(any(values) for name, values in effects.items() if name != "u" and _icu_term(name) == of_icu)


def _adjunct_terms(world: World, wanted: Callable[[str], bool]) -> bool:
    """Return whether any adjunct depends on a wanted term."""
    adjuncts = world.settled.adjuncts.values()
    return any(value for a in adjuncts for name, value in a.effects.items() if wanted(name))


def _patient_term(key: str) -> bool:
    return not _icu_term(key) and key not in OWN_TERMS


def _risk_terms(world: World) -> bool:
    course = world.settled.course
    return any(course.risk.values()) and any(_deaths(course, "risk"))


def _after_ivigg(world: World) -> Strength | None:
    changes = [a.after_ivigg for a in world.settled.adjuncts.values() if a.after_ivigg != 0.0]
    strength = _ratios(changes, per="")
    if strength is None or len(changes) == len(world.settled.adjuncts):
        return strength
    return strength._replace(label=f"{strength.label} ({len(changes)} adjuncts)")


def _hidden_treatment(world: World) -> Strength | None:
    u = world.settled.unmeasured
    name, per = ("OR", "") if u.kind == "binary" else ("HR", " per SD")
    return None if u.kind == "none" else _ratio(math.log(u.or_treatment), name, per)


def _hidden_death(world: World) -> Strength | None:
    u = world.settled.unmeasured
    return (
        None
        if u.kind == "none"
        else _ratio(math.log(u.hr_death), per="" if u.kind == "binary" else " per SD")
    )


def effect_text(world: World) -> str:
    """Return the effect in words: as it was stated, and as the hazard ratio that it was solved to."""
    asked, settled = world.asked.effect, world.settled.effect
    hazard = f"HR {math.exp(settled.log_hazard_ratio):.2f}"
    if world.settled.dose.response != "none":
        hazard = "HR by dose"
    if asked.measure is None or asked.value is None:
        return hazard
    value = number_text(asked.value)
    return f"{MEASURES[asked.measure]} {value}; of {ENDPOINTS[asked.endpoint]}; ({hazard})"


def _effect(world: World) -> Strength | None:
    effect = world.settled.effect
    if effect.log_hazard_ratio == 0.0:
        return None
    changed = any(factor != 1.0 for _, factor in effect.modifier)
    ratio = math.exp(effect.log_hazard_ratio) if world.settled.dose.response == "none" else math.nan
    return Strength(effect_text(world) + ("; modified in subgroups" if changed else ""), ratio)


def _dose_effect(world: World) -> Strength | None:
    response = world.settled.dose.response
    there = response != "none" and world.settled.effect.log_hazard_ratio != 0.0
    return Strength(RESPONSES[response]) if there else None


def _own_igg(world: World) -> Strength | None:
    effect, dose = world.settled.effect, world.settled.dose
    matters = dose.response == "igg_level" or effect.modifier.low_igg != 1.0
    return _there(matters and effect.log_hazard_ratio != 0.0)


RULES = (
    Rule(
        "habit",
        "covariates",
        "icus.roster.age, infection, route",
        lambda w: _there(_varies(w, "age", "infection", "route")),
    ),
    Rule("habit", "severity", "icus.roster.severity", lambda w: _there(_varies(w, "severity"))),
    Rule(
        "severity",
        "covariates",
        "patients.loadings",
        lambda w: _there(any(v.get("severity") for v in w.settled.patients.loadings.values())),
    ),
    Rule(
        "severity",
        "path",
        "course.persistence",
        lambda w: _kept(w.settled.course.persistence),
    ),
    Rule(
        "traits",
        "ivigg",
        "treatment.levels, treatment.numbers.icu_beds",
        lambda w: _there(_treatment_terms(w, True)),
    ),
    Rule("habit", "ivigg", "icus.roster.ivigg", lambda w: _there(_varies(w, "ivigg"))),
    Rule(
        "covariates",
        "ivigg",
        "treatment.numbers, treatment.levels",
        lambda w: _there(_treatment_terms(w, False)),
    ),
    Rule("path", "ivigg", "treatment.severity", lambda w: _ratio(w.settled.treatment.severity)),
    Rule("care", "ivigg", "treatment.care", lambda w: _ratio(w.settled.treatment.care)),
    Rule("u", "ivigg", "unmeasured.or_treatment", _hidden_treatment),
    Rule("traits", "adjuncts", "adjuncts.*.effects", lambda w: _there(_adjunct_terms(w, _icu_term))),
    Rule(
        "habit",
        "adjuncts",
        "icus.roster.adjuncts",
        lambda w: _there(_varies(w, "adjuncts") and any(a.icu for a in w.settled.adjuncts.values())),
    ),
    Rule("covariates", "adjuncts", "adjuncts.*.effects", lambda w: _there(_adjunct_terms(w, _patient_term))),
    Rule(
        "path",
        "adjuncts",
        "adjuncts.*.severity",
        lambda w: _ratios(a.severity for a in w.settled.adjuncts.values()),
    ),
    Rule(
        "care", "adjuncts", "adjuncts.*.care", lambda w: _ratios(a.care for a in w.settled.adjuncts.values())
    ),
    Rule("ivigg", "adjuncts", "adjuncts.*.after_ivigg", _after_ivigg),
    Rule(
        "habit",
        "death",
        "icus.roster.death",
        lambda w: _there(_varies(w, "death") and any(_deaths(w.settled.course, "icu"))),
    ),
    Rule("covariates", "death", "course.risk", lambda w: _there(_risk_terms(w))),
    Rule(
        "path",
        "death",
        "course.icu_death.severity, course.ward_death.severity",
        lambda w: _ratios(_deaths(w.settled.course, "severity")),
    ),
    Rule(
        "care",
        "death",
        "course.icu_death.care, course.ward_death.care",
        lambda w: _ratios(_deaths(w.settled.course, "care")),
    ),
    Rule("u", "death", "unmeasured.hr_death", _hidden_death),
    Rule("ivigg", "dose", "dose.regimens", lambda w: Strength()),
    Rule(
        "covariates",
        "dose",
        "dose.regimens",
        lambda w: Strength("weight") if any(r.grams for r in w.settled.dose.regimens) else None,
    ),
    Rule("ivigg", "death", "effect", _effect),
    Rule("dose", "death", "dose.response", _dose_effect),
    Rule("igg", "death", "dose.response, effect.modifier.low_igg", _own_igg),
    Rule(
        "severity",
        "selection",
        "observation.by_severity",
        lambda w: _ratio(-w.settled.observation.by_severity, "OR"),
    ),
)
"""Every arrow that a scenario can have, and the settings that make it."""
