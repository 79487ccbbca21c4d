"""The patients' part of a scenario from the printed columns of Table 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize

from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, names_of
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import ARMS, QUARTILES, Targets

GRADED = (
    "sirs_day1",
    "sofa_resp_day1",
    "sofa_liver_day1",
    "sofa_cv_day1",
    "sofa_cns_day1",
    "sofa_renal_day1",
)
SLACKS = (0.03, 0.02, 0.01, 0.004)
"""How far each quartile's probability is kept from the edge of its step, widest that can be had first."""

MAXIMUM_SCORES = {"sofa_cv_day1": 1084 / 3195}
"""Known share of the highest level: 1,084 of 3,195 had a cardiovascular score of 4."""


def tilted(pooled: FloatArray, slope: float) -> FloatArray:
    """Return level probabilities proportional to ``pooled * exp(slope * level)``."""
    weights = pooled * np.exp(slope * np.arange(pooled.size))
    return np.asarray(weights / weights.sum())


def _arms(parameters: FloatArray, share: float) -> dict[str, FloatArray]:
    pooled = parameters[:-1]
    treated = tilted(pooled, parameters[-1])
    return {"ivigg": treated, "control": (pooled - share * treated) / (1.0 - share)}


def _standardized(arms: dict[str, FloatArray]) -> float:
    levels = np.arange(arms["ivigg"].size)
    mean = {arm: float(p @ levels) for arm, p in arms.items()}
    variance = {arm: float(p @ levels**2) - mean[arm] ** 2 for arm, p in arms.items()}
    return (mean["ivigg"] - mean["control"]) / float(np.sqrt(sum(variance.values()) / 2.0))


def _quartile_slack(targets: Targets, variable: str, slack: float) -> Callable[[FloatArray], FloatArray]:
    """Return the inequality (all ≥ 0) that puts each printed quartile inside its level with room to spare."""

    def room(parameters: FloatArray) -> FloatArray:
        gaps = []
        for arm, p in _arms(parameters, targets.share).items():
            cumulative = np.concatenate([[0.0], np.cumsum(p)])
            for level, at in zip(targets.quartiles(variable, arm), QUARTILES.values(), strict=True):
                below, upto = cumulative[int(level)], cumulative[int(level) + 1]
                gaps += [at - slack - below if level > 0 else 1.0, upto - slack - at if level < 4 else 1.0]
        return np.array(gaps)

    return room


def graded_probabilities(targets: Targets, variable: str) -> FloatArray:
    """Return pooled probabilities of the levels 0–4 of a score known by its quartiles and difference.

    Of all distributions whose two arms have the printed quartiles and standardized difference (arms
    related by a tilt), the smoothest, that is, with the least squared second difference, is taken.
    """
    wanted = targets.shift(variable)
    known = MAXIMUM_SCORES.get(variable)
    equal: list[dict[str, Any]] = [
        {"type": "eq", "fun": lambda v: v[:-1].sum() - 1.0},
        {"type": "eq", "fun": lambda v: _standardized(_arms(v, targets.share)) - wanted},
    ]
    if known is not None:
        equal.append({"type": "eq", "fun": lambda v: v[4] - known})
    start = np.array([0.2] * 5 + [wanted / 1.4])
    for slack in SLACKS:
        inequality = {"type": "ineq", "fun": _quartile_slack(targets, variable, slack)}
        found = minimize(
            lambda v: float((np.diff(v[:-1], 2) ** 2).sum()),
            start,
            bounds=[(0.02, 0.9)] * 5 + [(-1.0, 1.0)],
            constraints=[*equal, inequality],
            method="SLSQP",
            # Finer, and whether it ends depends on the processor's rounding.
            options={"maxiter": 500, "ftol": 1e-10},
        )
        if found.success:
            return np.asarray(found.x[:-1] / found.x[:-1].sum())
    raise ConvergenceError(
        f"{variable}: no distribution over 0–4 has the printed quartiles and a difference of {wanted:.3f}; "
        "check the printed cells"
    )


def _category(targets: Targets, variable: str) -> dict[str, float]:
    raw = {level: targets.pooled(variable, level) for level in COLUMNS[variable].level_names}
    total = sum(raw.values())
    return {level: value / total for level, value in raw.items()}


def fit_patients(targets: Targets, assumptions: dict[str, Any]) -> dict[str, Any]:
    """Return the ``patients`` section: pooled margins of Table 1 with the assumed correlations."""
    continuous = {
        name: {**shape, **{arm: targets.quartiles(name, arm) for arm in ARMS}}
        for name, shape in assumptions["margins"].items()
    }
    binary = {name: targets.pooled(name) for name in ("male", *names_of("comorbidity", "coagulopathy"))}
    # Cirrhosis is drawn among those with liver disease.
    binary["cirrhosis"] = min(1.0, targets.pooled("cirrhosis") / targets.pooled("liver_disease"))
    return {
        "ivigg_share": targets.share,
        "continuous": continuous,
        "ordinal": {name: [float(p) for p in graded_probabilities(targets, name)] for name in GRADED},
        "binary": binary,
        "route": _category(targets, "admission_route"),
        "infection_site": _category(targets, "infection_site"),
        "blood_culture": _category(targets, "blood_culture"),
        "microorganism": _category(targets, "microorganism"),
        "source_control": targets.pooled("source_control"),
        "loadings": assumptions["loadings"],
        "labs": assumptions["labs"],
    }
