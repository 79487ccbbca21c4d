"""Therapies beside IVIgG: when each starts, how much blood is given, how long organs are supported."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.cohort.course import Exits
from simsepsis.cohort.patients import Patients
from simsepsis.cohort.predictor import linear_predictor
from simsepsis.cohort.starts import exposure, start_times
from simsepsis.scenario import Adjunct, Coefficients, Roster, Scenario, Support, Transfusion

SUPPORT_LIMIT_DAYS = 28
"""The registry counts organ support to day 28."""

EXCLUSIVE = ("rrt", "rrt_nonrenal")
"""Renal replacement is recorded under one indication: Table 3's median of one day in the IVIgG arm needs
39.3% + 14.1% > 50%, that is, two groups without overlap."""


def adjunct_log_hazard(adjunct: Adjunct, patients: Patients, roster: Roster, care: FloatArray) -> FloatArray:
    """Return the log hazard of an adjunct's start per unit of exposure, shape (n,)."""
    icu = np.asarray(roster.adjuncts)[patients.icu]
    effects = linear_predictor(adjunct.effects, patients, roster)
    return adjunct.intercept + adjunct.care * care + adjunct.icu * icu + effects


def draw_adjuncts(
    scenario: Scenario,
    patients: Patients,
    path: FloatArray,
    exits: Exits,
    care: FloatArray,
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """Return adjunct → (n,) days from ICU admission to its start, inf if never.

    Parameters
    ----------
    scenario, patients
        The world and its patients.
    path
        (n, days) latent severity.
    exits
        When patients leave: nothing starts after the ICU.
    care
        (n,) latent intensity of care.
    rng
        Random numbers of the mechanism "adjuncts".
    """
    roster = scenario.icus.roster
    thresholds = rng.standard_exponential((len(scenario.adjuncts), care.size))
    exposures: dict[float, FloatArray] = {}
    starts = {}
    for threshold, (name, adjunct) in zip(thresholds, scenario.adjuncts.items(), strict=True):
        if adjunct.severity not in exposures:
            exposures[adjunct.severity] = exposure(
                path, exits.icu_time, severity=adjunct.severity, decay=scenario.treatment.decay
            )
        log_hazard = adjunct_log_hazard(adjunct, patients, roster, care)
        starts[name] = start_times(exposures[adjunct.severity], exits.icu_time, log_hazard, threshold)
    first, second = (starts[name] for name in EXCLUSIVE)
    starts[EXCLUSIVE[1]] = np.where(np.isfinite(first), np.inf, second)
    return starts


def with_care(coefficients: Coefficients, patients: Patients, roster: Roster, care: FloatArray) -> FloatArray:
    """Return a linear predictor whose keys may include ``"intercept"`` and ``"care"``, shape (n,)."""
    own = {key: value for key, value in coefficients.items() if key not in ("intercept", "care")}
    fixed = coefficients.get("intercept", 0.0) + coefficients.get("care", 0.0) * care
    return fixed + linear_predictor(own, patients, roster)


def draw_units(
    transfusion: Transfusion, patients: Patients, roster: Roster, care: FloatArray, noise: FloatArray
) -> FloatArray:
    """Return units transfused, shape (n,), in whole packs.

    Parameters
    ----------
    transfusion
        Whether any (probit) and how many (lognormal number of packs, rounded up).
    noise
        (2, n) standard normals.
    """
    ever = with_care(transfusion.ever, patients, roster, care) + noise[0] > 0.0
    log_packs = with_care(transfusion.units, patients, roster, care) + transfusion.log_sd * noise[1]
    packs = np.ceil(np.exp(np.minimum(log_packs, 5.0)))
    return np.where(ever, packs * transfusion.pack, 0.0)


def support_days(
    support: Support,
    patients: Patients,
    roster: Roster,
    care: FloatArray,
    trend: FloatArray,
    exits: Exits,
    noise: FloatArray,
) -> FloatArray:
    """Return days of an organ support that starts on day 1, to day 28, shape (n,).

    It ends when the organ recovers, or with the stay in the ICU; whoever dies in the ICU on support is
    supported to the end.

    Parameters
    ----------
    trend
        (n,) change of latent severity over the first week: slow recovery keeps the support on.
    noise
        (2, n) standard normals: whether ever, and for how long.
    """
    ever = with_care(support.ever, patients, roster, care) + noise[0] > 0.0
    own = {key: value for key, value in support.days.items() if key != "trend"}
    log_days = with_care(own, patients, roster, care) + support.days.get("trend", 0.0) * trend
    wanted = np.exp(np.minimum(log_days + support.log_sd * noise[1], 6.0))
    stay = np.where(exits.icu_death, exits.icu_time, np.minimum(wanted, exits.icu_time))
    return np.where(ever, np.minimum(np.ceil(stay), SUPPORT_LIMIT_DAYS), 0.0)


def renal_support_days(
    support: Support,
    patients: Patients,
    roster: Roster,
    care: FloatArray,
    start: FloatArray,
    exits: Exits,
    noise: FloatArray,
) -> FloatArray:
    """Return days of renal replacement to day 28, shape (n,), from its start on, in or out of the ICU.

    Parameters
    ----------
    start
        (n,) days to the start of renal replacement of either indication, inf if not in the first week.
    noise
        (2, n) standard normals: a later start, and for how long.
    """
    late = with_care(support.ever, patients, roster, care) + noise[0] > 0.0
    late &= exits.icu_time > SUPPORT_LIMIT_DAYS / 3
    begin = np.where(np.isfinite(start), start, np.where(late, SUPPORT_LIMIT_DAYS / 3, np.inf))
    wanted = np.exp(
        np.minimum(with_care(support.days, patients, roster, care) + support.log_sd * noise[1], 6.0)
    )
    end = np.minimum(np.minimum(begin + wanted, exits.hospital_time), SUPPORT_LIMIT_DAYS)
    on: BoolArray = np.isfinite(begin)
    days = np.subtract(end, begin, out=np.zeros(end.size), where=on)
    return np.where(on, np.maximum(np.ceil(days), 1.0), 0.0)
