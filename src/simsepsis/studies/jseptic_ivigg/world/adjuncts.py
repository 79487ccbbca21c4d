"""Therapies beside IVIgG: when each starts, and how much blood is given."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.world.care import Adjunct, Transfusion
from simsepsis.studies.jseptic_ivigg.world.patients import Patients
from simsepsis.studies.jseptic_ivigg.world.predictor import linear_predictor
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.starts import exposure, exposure_until, start_times

EXCLUSIVE = ("rrt", "rrt_nonrenal")
"""Renal replacement is recorded under one indication: Table 3's median of one day in the IVIgG arm needs
39.3% + 14.1% > 50%, that is, two groups without overlap."""


def adjunct_log_hazard(adjunct: Adjunct, patients: Patients) -> FloatArray:
    """Return the log hazard of an adjunct's start per unit of exposure, before IVIgG, shape (n,)."""
    own = {"intercept": adjunct.intercept, "care": adjunct.care, "icu": adjunct.icu}
    return linear_predictor(own | adjunct.effects, patients)


def _needed_after(
    adjunct: Adjunct, needed: FloatArray, exposed: FloatArray, icu_time: FloatArray, ivigg_day: FloatArray
) -> FloatArray:
    """Return the exposure needed where IVIgG changes the hazard from its start on."""
    if adjunct.after_ivigg == 0.0:
        return needed
    until = exposure_until(exposed, icu_time, ivigg_day)
    faster = until + (needed - until) * np.exp(-adjunct.after_ivigg)
    return np.where(needed > until, faster, needed)


def draw_adjuncts(
    scenario: Scenario,
    patients: Patients,
    path: FloatArray,
    icu_time: FloatArray,
    ivigg_day: FloatArray,
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """Return adjunct → (n,) days from ICU admission to its start, inf if never."""
    thresholds = rng.standard_exponential((len(scenario.adjuncts), icu_time.size))
    timings = {(adjunct.severity, adjunct.decay) for adjunct in scenario.adjuncts.values()}
    exposures = {
        (severity, decay): exposure(path, icu_time, severity=severity, decay=decay)
        for severity, decay in sorted(timings)
    }
    starts = {}
    for threshold, (name, adjunct) in zip(thresholds, scenario.adjuncts.items(), strict=True):
        exposed = exposures[adjunct.severity, adjunct.decay]
        needed = threshold * np.exp(-adjunct_log_hazard(adjunct, patients))
        needed = _needed_after(adjunct, needed, exposed, icu_time, ivigg_day)
        starts[name] = start_times(exposed, icu_time, needed)
    first, second = (starts[name] for name in EXCLUSIVE)
    starts[EXCLUSIVE[1]] = np.where(np.isfinite(first), np.inf, second)
    return starts


def draw_units(transfusion: Transfusion, patients: Patients, noise: FloatArray) -> FloatArray:
    """Return units transfused, shape (n,), in whole packs."""
    ever = linear_predictor(transfusion.ever, patients) + noise[0] > 0.0
    log_packs = linear_predictor(transfusion.units, patients) + transfusion.log_sd * noise[1]
    packs = np.ceil(np.exp(np.minimum(log_packs, 5.0)))
    return np.where(ever, packs * transfusion.pack, 0.0)
