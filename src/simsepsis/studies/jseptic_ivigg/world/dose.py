"""How much IVIgG is given, and how the effect depends on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.world.effect import Dose
from simsepsis.studies.jseptic_ivigg.world.patients import Patients
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario

LOW_IGG = 6.5
"""Endogenous IgG in g/L below which patients count as low."""

SEVERE_APACHE2 = 29
"""APACHE II from which the thesis calls patients severe: its third quartile."""


TYPICAL_SCORES: FloatArray = ndtri((np.arange(401) + 0.5) / 401)
"""Standard normal scores that stand for the population."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dosing:
    """What each patient gets if treated, and what it does.

    Attributes
    ----------
    grams_per_kg
        (n,) dose.
    igg
        (n,) endogenous IgG in g/L.
    log_hazard_ratio
        (n,) effect on the log hazard of death once treated.
    """

    grams_per_kg: FloatArray
    igg: FloatArray
    log_hazard_ratio: FloatArray


def _igg_gain(dose: Dose, grams_per_kg: FloatArray, igg: FloatArray) -> FloatArray:
    """Return the part of the rise of IgG that brings it up to the target."""
    rise = dose.igg_rise * grams_per_kg
    return np.minimum(rise, np.maximum(dose.igg_target - igg, 0.0))


RESPONSES: dict[str, Callable[[Dose, FloatArray, FloatArray], FloatArray]] = {
    "none": lambda dose, d, igg: np.ones_like(d),
    "log_linear": lambda dose, d, igg: d,
    "emax": lambda dose, d, igg: d / (d + dose.ed50),
    "threshold": lambda dose, d, igg: (d >= dose.threshold).astype(np.float64),
    "igg_level": _igg_gain,
}
"""Dose–response: size of the log hazard ratio at a dose in g/kg and an endogenous IgG, up to a factor."""


def response(dose: Dose, grams_per_kg: FloatArray, igg: FloatArray) -> FloatArray:
    """Return the log hazard ratio at a dose as a multiple of that at the reference, shape (n,).

    Without a reference the multiple is the response itself: the stated effect is then solved for the
    doses as given, and its unit does not matter. With one, it is relative to the population's mean
    response at the reference dose.
    """
    shape = RESPONSES[dose.response]
    value = shape(dose, grams_per_kg, igg)
    if dose.reference is None:
        return value
    typical = dose.igg_median * np.exp(dose.igg_log_sd * TYPICAL_SCORES)
    at_reference = float(np.mean(shape(dose, np.full_like(typical, dose.reference), typical)))
    return value / at_reference if at_reference > 0.0 else np.zeros_like(value)


def _grams_per_kg(dose: Dose, weight: FloatArray, uniform: FloatArray) -> FloatArray:
    edges = np.cumsum([regimen.share for regimen in dose.regimens])
    which = np.minimum(np.searchsorted(edges, uniform, side="right"), len(edges) - 1)
    doses = np.array(
        [np.full_like(weight, r.grams_per_kg) if r.grams is None else r.grams / weight for r in dose.regimens]
    )
    return np.asarray(doses[which, np.arange(weight.size)])


def _modification(scenario: Scenario, patients: Patients, igg: FloatArray) -> FloatArray:
    modifier = scenario.effect.modifier
    severe = np.asarray(patients.columns["apache2"]) >= SEVERE_APACHE2
    immuno = np.asarray(patients.columns["immunocompromised"]) == 1
    factor = np.where(severe, modifier.severe, 1.0) * np.where(immuno, modifier.immunocompromised, 1.0)
    return np.asarray(factor * np.where(igg < LOW_IGG, modifier.low_igg, 1.0))


def draw_dosing(scenario: Scenario, patients: Patients, rng: np.random.Generator) -> Dosing:
    """Return dose, endogenous IgG and effect of each patient."""
    dose = scenario.dose
    uniform = rng.random(patients.icu.size)
    igg = dose.igg_median * np.exp(dose.igg_log_sd * rng.standard_normal(patients.icu.size))
    grams_per_kg = _grams_per_kg(dose, np.asarray(patients.columns["weight_kg"], dtype=np.float64), uniform)
    scale = response(dose, grams_per_kg, igg) * _modification(scenario, patients, igg)
    return Dosing(
        grams_per_kg=grams_per_kg,
        igg=igg,
        log_hazard_ratio=scenario.effect.log_hazard_ratio * scale,
    )
