"""Confounding by indication, solved: the treated get the printed IVIgG column of Table 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import brentq

from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.calibration.margins import GRADED, tilted
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import Targets
from simsepsis.studies.jseptic_ivigg.world.effect import Unmeasured
from simsepsis.studies.jseptic_ivigg.world.margins import arm_cdf, tabulated
from simsepsis.studies.jseptic_ivigg.world.patients import Patients
from simsepsis.studies.jseptic_ivigg.world.predictor import ROSTER_TRAITS, evaluate
from simsepsis.studies.jseptic_ivigg.world.prepared import World
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.treatment import BED_STEPS, beds_basis

BINARY = (
    "male",
    "liver_disease",
    "respiratory_disease",
    "cardiovascular_disease",
    "renal_disease",
    "immunocompromised",
    "chemotherapy",
    "hematologic_malignancy",
    "warfarin",
    "other_coagulopathy",
    "source_control",
)
CATEGORIES = (
    "icu_type",
    "icu_model",
    "dic_policy",
    "admission_route",
    "infection_site",
    "blood_culture",
    "microorganism",
)
TREATED_BELOW_STEP = {9.5: 0.235, 12.5: 0.53, 18.5: 0.735}
"""Share of the treated in ICUs below each step of beds: just inside their printed quartiles."""

RIDGE = 1e-5
"""Keeps the Newton step finite where a category is almost never treated."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tilt:
    """A moment problem: P-weighted means of the features shall be those of the treated.

    Attributes
    ----------
    terms
        (p,) (variable, index or level) of each feature; the first is the intercept.
    X
        (n, p) features.
    wanted
        (p,) means among the treated.
    share
        Share of patients treated.
    """

    terms: tuple[tuple[str, str], ...]
    X: FloatArray
    wanted: FloatArray
    share: float


@dataclass(slots=True)
class TiltStart:
    """Where a search for tilt coefficients starts; each search leaves its result for the next."""

    beta: FloatArray | None = None

    def required(self) -> FloatArray:
        """Return the coefficients of the last search."""
        if self.beta is None:
            raise ConvergenceError("the tilt has not been solved yet; solve it first")
        return self.beta


def _number_terms(world: World, patients: Patients, name: str) -> tuple[FloatArray, FloatArray]:
    basis = world.bases[name]
    columns = [tabulated(patients.latent[name], np.ascontiguousarray(column)) for column in basis.T]
    features = np.column_stack(columns)
    margin = world.scenario.patients.continuous[name]
    mass = np.diff(arm_cdf(margin, "ivigg", world.values[name]))
    middle = 0.5 * (basis[1:] + basis[:-1])
    return features, mass @ middle / mass.sum()


def _beds_terms(patients: Patients) -> tuple[FloatArray, FloatArray]:
    beds = np.asarray(patients.roster.beds, dtype=np.float64)
    return beds_basis(beds)[patients.icu], np.array([TREATED_BELOW_STEP[step] for step in BED_STEPS])


def _graded_mean(world: World, targets: Targets, name: str) -> float:
    """Return the treated mean of a score whose pooled levels are tilted to the printed difference."""
    pooled = np.asarray(world.scenario.patients.ordinal[name])
    levels = np.arange(pooled.size)
    mean = float(pooled @ levels)
    spread = float(np.sqrt(pooled @ levels**2 - mean**2))
    wanted = mean + (1.0 - targets.share) * targets.shift(name) * spread
    slope = brentq(lambda s: float(tilted(pooled, s) @ levels) - wanted, -2.0, 2.0)
    return float(tilted(pooled, slope) @ levels)


def unmeasured_share(u: Unmeasured, treated: float) -> float:
    """Return the share with u = 1 among the treated at which u and treatment have the stated odds ratio."""

    def log_odds_ratio(share: float) -> float:
        others = (u.prevalence - treated * share) / (1.0 - treated)
        return float(np.log(share / (1.0 - share) * (1.0 - others) / others))

    low = max(0.0, (u.prevalence - (1.0 - treated)) / treated)
    high = min(1.0, u.prevalence / treated)
    edge = 1e-9 * (high - low)
    return float(brentq(lambda s: log_odds_ratio(s) - np.log(u.or_treatment), low + edge, high - edge))


def build_tilt(world: World, patients: Patients, targets: Targets) -> Tilt:
    """Return the moment problem of a population."""
    terms: list[tuple[str, str]] = [("intercept", "")]
    columns = [np.ones((patients.icu.size, 1))]
    wanted: list[float] = [1.0]

    def add(variable: str, keys: list[str], features: FloatArray, means: FloatArray | list[float]) -> None:
        terms.extend((variable, key) for key in keys)
        columns.append(features.reshape(patients.icu.size, -1))
        wanted.extend(float(mean) for mean in means)

    for name in world.scenario.patients.continuous:
        features, means = _number_terms(world, patients, name)
        add(name, [str(k) for k in range(len(means))], features, means)
    features, means = _beds_terms(patients)
    add("icu_beds", [str(k) for k in range(len(means))], features, means)
    for name in GRADED:
        add(
            name,
            ["0"],
            np.asarray(patients.columns[name], dtype=np.float64),
            [_graded_mean(world, targets, name)],
        )
    for name in BINARY:
        add(name, ["0"], evaluate(name, patients), [targets.proportion(name, "", "ivigg")])
    for name in CATEGORIES:
        levels = list(COLUMNS[name].level_names)
        total = sum(targets.proportion(name, level, "ivigg") for level in levels)
        for level in levels[1:]:
            indicator = evaluate(f"{name}={level}", patients)
            add(name, [level], indicator, [targets.proportion(name, level, "ivigg") / total])
    if world.scenario.unmeasured.kind == "binary":
        add("u", ["0"], patients.unmeasured, [unmeasured_share(world.scenario.unmeasured, targets.share)])
    return Tilt(terms=tuple(terms), X=np.hstack(columns), wanted=np.array(wanted), share=targets.share)


def solve_tilt(
    tilt: Tilt, offset: FloatArray, start: FloatArray | None = None, *, tolerance: float = 1e-7
) -> tuple[FloatArray, FloatArray]:
    r"""Return the coefficients of the log hazard and each patient's probability of treatment.

    Solves :math:`\sum_i P_i f_i = n\,\pi\,t` for :math:`P_i = 1 - \exp(-e^{f_i'\beta + o_i})`. The left side
    is the gradient of a convex function of :math:`\beta`, so Newton's method with step halving finds
    the one solution.
    """
    X, goal = tilt.X, tilt.share * tilt.wanted
    n, p = X.shape

    def moments(beta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        hazard = np.exp(np.minimum(X @ beta + offset, 30.0))
        missed = np.exp(-hazard)
        return 1.0 - missed, hazard * missed, X.T @ (1.0 - missed) / n - goal

    weighted = np.empty_like(X)
    beta = np.zeros(p) if start is None else start.copy()
    if start is None:
        beta[0] = np.log(-np.log1p(-tilt.share)) - np.log(np.mean(np.exp(offset)))
    treated, slope, gap = moments(beta)
    for _ in range(60):
        if np.abs(gap).max() < tolerance:
            return beta, treated
        information = np.multiply(X, slope[:, None], out=weighted).T @ X / n
        information[np.diag_indices(p)] += RIDGE
        step = cho_solve(cho_factor(information), gap)
        size = 1.0
        while size > 1e-4:
            trial = moments(beta - size * step)
            if np.linalg.norm(trial[2]) < np.linalg.norm(gap):
                break
            size /= 2.0
        else:
            break  # a level has lost all its treated patients, and nothing near it brings them back
        beta = beta - size * step
        treated, slope, gap = trial
    if start is not None:
        # from afar a level may lose all its treated patients, and with them what pulls it back
        return solve_tilt(tilt, offset, tolerance=tolerance)
    worst = int(np.abs(gap).argmax())
    raise ConvergenceError(
        f"the treated margin of {tilt.terms[worst]} misses its target by {gap[worst]:.2g}; "
        "no tilt of this population reaches it"
    )


def treatment_section(tilt: Tilt, beta: FloatArray) -> dict[str, Any]:
    """Return the fitted part of the ``treatment`` section: intercept, numbers and levels."""
    numbers: dict[str, list[float]] = {}
    levels: dict[str, dict[str, float]] = {}
    for (variable, key), value in zip(tilt.terms[1:], beta[1:], strict=True):
        rounded = round(float(value), 5)
        if variable in CATEGORIES or (variable in ROSTER_TRAITS and not key.isdigit()):
            levels.setdefault(variable, {})[key] = rounded
        else:
            numbers.setdefault(variable, []).append(rounded)
    return {"intercept": round(float(beta[0]), 5), "numbers": numbers, "levels": levels}


def treatment_mark(scenario: Scenario) -> str:
    """Return the mark of everything that the treatment coefficients were solved for."""
    return scenario.digest(
        include={
            "icus": {"roster", "spread"},
            "patients": True,
            "course": True,
            "unmeasured": {"kind", "prevalence", "or_treatment", "hr_death"},
            "treatment": {"care", "severity", "decay", "late_share"},
        }
    )
