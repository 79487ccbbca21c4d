"""Sample sizes that are estimated anew at an interim look: unblinded by conditional power, and blinded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from simsepsis.errors import UsageError
from simsepsis.trial.designs.design import Design
from simsepsis.trial.designs.two_proportions import design_binary
from simsepsis.trial.effect import Effect
from simsepsis.trial.inputs import number, positive, probability
from simsepsis.trial.sequential.boundaries import Boundaries

ZONES = ("stops for efficacy", "favourable", "promising", "unfavourable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reestimated:
    """A sample size estimated anew at the first of two looks."""

    zone: str
    cut: float
    conditional_power: float
    n_total: float


def reestimate_size(
    boundaries: Boundaries,
    z: float,
    n_total: float,
    *,
    power: float = 0.9,
    promising: tuple[float, float] = (0.0, 1.0),
    largest: float = math.inf,
) -> Reestimated:
    """Sample size after the first of two looks, so that the rest of the trial has a power under the trend.

    Parameters
    ----------
    boundaries
        Of a trial with two looks.
    z
        Observed at the first; benefit is positive.
    n_total
        Patients planned for the last look.
    power
        Conditional power to be reached.
    promising
        Conditional powers of the planned size between which it is changed.
    largest
        Most patients, all stages.

    Notes
    -----
    Weights of the stages stay √t and √(1 − t): the second stage rejects at cut = (u₂ − z₁√t)/√(1 − t), and
    needs n₂ = n₁[(cut + z_β)/z₁]² patients. Never fewer than planned. R: ``gsDesign::ssrCP``.

    References
    ----------
    Cui L, Hung HMJ, Wang SJ. Biometrics 1999;55:853. Mehta CR, Pocock SJ. Stat Med 2011;30:3267.

    Examples
    --------
    >>> from simsepsis.trial import design_group_sequential
    >>> plan = design_group_sequential([0.5, 1], spending="hsd", parameter=-4)
    >>> found = reestimate_size(plan, 1.16, 800 * plan.inflation(0.8), power=0.8)
    >>> round(found.cut, 6), round(found.n_total, 2), round(found.conditional_power, 6)
    (1.641743, 2254.53, 0.314994)
    """
    if boundaries.looks != 2:
        raise UsageError(f"boundaries have {boundaries.looks} looks; the size is estimated anew between two")
    first, planned = float(boundaries.information[0]), positive(n_total, "n_total")
    seen, rest = number(z, "z"), 1.0 - first
    cut = (float(boundaries.z[1]) - seen * math.sqrt(first)) / math.sqrt(rest)
    trend = seen * math.sqrt(rest / first)
    chance = float(ndtr(trend - cut))
    size = planned
    if seen >= float(boundaries.z[0]):
        zone, size = ZONES[0], first * planned
    elif chance >= min(promising[1], probability(power, "power")):
        zone = ZONES[1]
    elif seen <= 0.0 or chance < promising[0]:
        zone = ZONES[3]
    else:
        zone = ZONES[2]
        second = first * planned * ((cut + float(ndtri(power))) / seen) ** 2
        size = min(max(planned, first * planned + second), max(largest, planned))
    return Reestimated(zone=zone, cut=cut, conditional_power=chance, n_total=size)


def reestimation_characteristics(
    boundaries: Boundaries,
    n_total: float,
    drift: float,
    *,
    trials: int = 100_000,
    seed: int = 0,
    **options: float | tuple[float, float],
) -> dict[str, tuple[float, float]]:
    """Power, expected patients and share of changed trials of a re-estimated size, each with its MCSE."""
    rng = np.random.default_rng(seed)
    first = float(boundaries.information[0])
    own = rng.standard_normal((2, trials))
    z = own[0] + drift * math.sqrt(first)
    grid = np.linspace(-6.0, 10.0, 3201)
    told = [reestimate_size(boundaries, float(score), n_total, **options) for score in grid]  # type: ignore[arg-type]
    size = np.interp(z, grid, [one.n_total for one in told])
    stops = z >= float(boundaries.z[0])
    size = np.where(stops, first * n_total, np.maximum(size, n_total))
    cut = (float(boundaries.z[1]) - z * math.sqrt(first)) / math.sqrt(1.0 - first)
    second = own[1] + drift * np.sqrt(size / n_total - first)
    measured = {
        "rejection": stops | (second >= cut),
        "expected_n": size,
        "changed": size > n_total * (1.0 + 1e-9),
    }
    return {
        name: (float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(trials)))
        for name, values in measured.items()
    }


def reestimate_blinded(
    pooled_risk: float, effect: Effect, *, power: float = 0.9, alpha: float = 0.05, ratio: float = 1.0
) -> Design:
    """Sample size for the planned effect at the risk of both arms together, seen without their labels."""
    # Friede T, Kieser M. Pharm Stat 2004;3:269.
    seen = probability(pooled_risk, "pooled_risk")

    def excess(control: float) -> float:
        return (control + ratio * effect.treated_risk(control)) / (1.0 + ratio) - seen

    top = 1.0 - 1e-9 if effect.value <= 1.0 or effect.name != "risk_ratio" else (1.0 - 1e-9) / effect.value
    bottom = max(1e-9, -effect.value + 1e-9) if effect.name == "risk_difference" else 1e-9
    top = min(top, 1.0 - effect.value - 1e-9) if effect.name == "risk_difference" else top
    control = float(brentq(excess, bottom, top))
    return design_binary(control, effect, power=power, alpha=alpha, ratio=ratio)
