"""How long a trial takes, and what becomes of those who are screened."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.trial.protocol.sections import Sites
from simsepsis.trial.sizing.size import PlannedSize

DAYS_PER_MONTH = 365.25 / 12.0


def opening_months(sites: Sites) -> FloatArray:
    """Return the month in which each ICU starts to recruit, one after the other, shape (ICUs,)."""
    return np.linspace(0.0, sites.startup_months, sites.number)


def patients_per_month(sites: Sites, eligible: float) -> float:
    """Return the patients whom one ICU randomizes in a month, on average."""
    return sites.screened_per_month * eligible * sites.consent


def months_to(patients: float, sites: Sites, eligible: float) -> float:
    """Return the month by which so many patients are expected to be randomized."""
    opens, rate = opening_months(sites), patients_per_month(sites, eligible)
    reached = rate * np.array([np.sum(np.maximum(0.0, month - opens)) for month in opens])
    active = int(np.searchsorted(reached, patients, side="right"))
    return float(opens[active - 1] + (patients - reached[active - 1]) / (rate * active))


def expected_patients(months: FloatArray, sites: Sites, eligible: float) -> FloatArray:
    """Return the patients expected to be randomized by each month, shape (m,)."""
    waited = np.maximum(0.0, months[:, None] - opening_months(sites)[None, :])
    return np.asarray(patients_per_month(sites, eligible) * waited.sum(axis=1))


def accrual_curve(size: PlannedSize, sites: Sites, eligible: float, *, points: int = 61) -> pd.DataFrame:
    """Expected accrual with as many patients as hoped for, and with half and two thirds of them."""
    rows = []
    for pace in PACES:
        slowed = sites.model_copy(update={"consent": pace * sites.consent})
        end = months_to(size.n_randomized, slowed, eligible)
        months = np.linspace(0.0, end, points)
        rows.append(
            pd.DataFrame(
                {"pace": pace, "month": months, "patients": expected_patients(months, slowed, eligible)}
            )
        )
    return pd.concat(rows, ignore_index=True)


PACES = (1.0, 2.0 / 3.0, 0.5)
"""Shares of the planned pace."""


def accrual_table(size: PlannedSize, sites: Sites, eligible: float, lag_days: float) -> pd.DataFrame:
    """Months until the last patient and until the last outcome, at the planned pace and slower."""
    rows = []
    for pace in PACES:
        slowed = sites.model_copy(update={"consent": pace * sites.consent})
        rate = sites.number * patients_per_month(slowed, eligible)
        months = months_to(size.n_randomized, slowed, eligible)
        lag = lag_days / DAYS_PER_MONTH
        rows.append(
            {
                "pace": pace,
                "icus": sites.number,
                "per_month": rate,
                "months_accrual": months,
                "months_outcome": months + lag,
                "overrun": rate * lag,
            }
        )
    return pd.DataFrame(rows)


def patient_flow(size: PlannedSize, sites: Sites, eligible: float) -> pd.DataFrame:
    """Expected numbers from screening to analysis."""
    given = size.assumptions
    arms, risks = size.arms, given.risks
    kept = 1.0 - given.loss
    steps = {
        "screened": size.n_randomized / (sites.consent * eligible),
        "eligible": size.n_randomized / sites.consent,
        "randomized": float(size.n_randomized),
        "control": float(arms[0]),
        "treated": float(arms[1]),
        "control_analysed": kept * arms[0],
        "treated_analysed": kept * arms[1],
        "control_deaths": kept * arms[0] * risks[0],
        "treated_deaths": kept * arms[1] * risks[1],
    }
    return pd.DataFrame({"step": list(steps), "patients": list(steps.values())})
