"""What links covariates and outcome, which no table prints: how strongly, along the score or against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from simsepsis.arrays import FloatArray
from simsepsis.fitting.printed_clusters import Homes
from simsepsis.fitting.tilt import intercept_for

STRONGEST = 6.0
"""Largest SD of a prognostic predictor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prognosis:
    """What is assumed of a prognostic predictor.

    Attributes
    ----------
    c_statistic
        Of the outcome by the covariates.
    correlation
        With the log odds of treatment: above 0 the treated are those who fare worse anyhow.
    """

    c_statistic: float
    correlation: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """A drawn population.

    Attributes
    ----------
    X
        (n, terms) covariates.
    score, chance
        (n,) log odds of treatment, and probability of it.
    homes
        Clusters.
    """

    X: FloatArray
    score: FloatArray
    chance: FloatArray
    homes: Homes


def direction(
    people: Population, coefficients: FloatArray, correlation: float, rng: np.random.Generator
) -> FloatArray:
    """Return coefficients of a predictor of SD 1 with this correlation with the score, otherwise random."""
    spread = people.X.std(axis=0)
    other = np.where(spread > 0.0, rng.standard_normal(spread.size) / np.maximum(spread, 1e-9), 0.0)
    along = people.score.std()
    if not along > 1e-9:
        return np.asarray(other / (people.X @ other).std())
    unit = coefficients / along
    values, score = people.X @ other, (people.score - people.score.mean()) / along
    rest = other - float(np.mean(values * score)) * unit
    length = float((people.X @ rest).std())
    if length < 1e-9:
        # One term only: what predicts the outcome is the score itself.
        return np.asarray(np.sign(correlation or 1.0) * unit)
    return np.asarray(correlation * unit + np.sqrt(1.0 - correlation**2) * rest / length)


def crude_coefficients(
    people: Population, predictor: FloatArray, crude: tuple[float, float], earlier: FloatArray | None = None
) -> tuple[float, float]:
    """Return intercept and treatment coefficient at which both arms have their printed share of events."""
    weights = (people.chance, 1.0 - people.chance)
    open_to = (
        weights if earlier is None else [w * (1.0 - gone) for w, gone in zip(weights, earlier, strict=True)]
    )
    treated, control = (
        intercept_for(predictor, share, own) for share, own in zip(crude, open_to, strict=True)
    )
    return control, treated - control


def spread_for(people: Population, unit: FloatArray, crude: tuple[float, float], c_statistic: float) -> float:
    """Return the SD that gives a predictor, of SD 1 now, this C-statistic for the event."""
    order = np.argsort(unit, kind="stable")

    def gap(spread: float) -> float:
        control, treatment = crude_coefficients(people, spread * unit, crude)
        risk = people.chance * expit(control + treatment + spread * unit)
        risk = (risk + (1.0 - people.chance) * expit(control + spread * unit))[order]
        without = 1.0 - risk
        concordant = float((risk * (np.cumsum(without) - without / 2.0)).sum())
        return concordant / float(risk.sum() * without.sum()) - c_statistic

    return float(brentq(gap, 1e-6, STRONGEST, xtol=1e-3)) if gap(STRONGEST) > 0.0 else STRONGEST
