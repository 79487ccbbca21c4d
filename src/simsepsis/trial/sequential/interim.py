"""What an interim look says: conditional and predictive power, repeated intervals, and a size estimated anew.

Every function asks for the information fraction that was observed. A planned fraction in its place gives a
wrong number that looks right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, roots_hermitenorm

from simsepsis.arrays import IntArray
from simsepsis.errors import UsageError
from simsepsis.trial.designs.design import Design
from simsepsis.trial.designs.two_proportions import design_binary
from simsepsis.trial.effect import Effect
from simsepsis.trial.inputs import chosen, number, positive, probability
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.trial.sequential.recursion import exits

_POSTERIOR_NODES = 64
_SAME_LOOK = 1e-6


def conditional_power(
    boundaries: Boundaries,
    z: float,
    information_fraction: float,
    *,
    drift: float | None = None,
    looks: str = "final",
) -> float:
    """Probability of still stopping for efficacy, given Z at an interim look and a drift.

    Parameters
    ----------
    boundaries
        Of the trial.
    z
        Observed statistic; benefit is positive.
    information_fraction
        Observed information over the planned maximum, in (0, 1).
    drift
        Assumed θ√I_max for the rest of the trial; None for the current trend, z/√t.
    looks
        ``"final"``: efficacy at the last look; ``"all"``: at any look still to come, futility followed. The
        boundaries must then be those of the observed fraction; see `update_boundaries`.

    Raises
    ------
    UsageError
        When the fraction is not in (0, 1), or is no look of boundaries whose further looks are to count.

    Notes
    -----
    For the last look Φ((Z√t + η(1−t) − u)/√(1−t)), with η = Z/√t for the current trend.

    References
    ----------
    Lan KKG, Wittes J. Biometrics 1988;44:579. R: ``gsDesign::gsCP``.
    """
    time = _interim(information_fraction)
    reached = number(z, "z") * math.sqrt(time)
    assumed = reached / time if drift is None else number(drift, "drift")
    return _power_from(boundaries, reached, time, assumed, _ahead(boundaries, time, looks))


def predictive_power(
    boundaries: Boundaries,
    z: float,
    information_fraction: float,
    *,
    prior: tuple[float, float] | None = None,
    looks: str = "final",
) -> float:
    """Conditional power averaged over what is known of the drift: the prior and the data so far.

    Parameters
    ----------
    boundaries, z, information_fraction, looks
        As in `conditional_power`.
    prior
        Mean and SD of a normal prior on the drift θ√I_max; None for a flat one.

    Notes
    -----
    With a flat prior and the last look only, Φ((Z − u√t)/√(1−t)). It is not conditional power under the
    current trend, Φ((Z/√t − u)/√(1−t)), which is more extreme.

    References
    ----------
    Spiegelhalter DJ, Freedman LS, Blackburn PR. Control Clin Trials 1986;7:8.
    """
    time = _interim(information_fraction)
    reached = number(z, "z") * math.sqrt(time)
    mean, variance = _posterior(reached, time, prior)
    ahead = _ahead(boundaries, time, looks)
    if ahead.size == 1:
        rest = 1.0 - time
        spread = math.sqrt(rest + rest * rest * variance)
        return float(ndtr((reached + mean * rest - boundaries.z[-1]) / spread))
    nodes, weights = roots_hermitenorm(_POSTERIOR_NODES)
    drifts = mean + math.sqrt(variance) * nodes
    powers = [_power_from(boundaries, reached, time, float(drift), ahead) for drift in drifts]
    return float(weights @ np.array(powers) / weights.sum())


def repeated_confidence_interval(
    boundaries: Boundaries, *, look: int, information_fraction: float, estimate: float, std_error: float
) -> tuple[float, float]:
    """Interval that covers the effect at every look at once: estimate ± u_k × standard error.

    Parameters
    ----------
    boundaries
        Of the trial, at the information that was observed; see `update_boundaries`.
    look
        Number of the look, from 1.
    information_fraction
        Observed at this look.
    estimate, std_error
        On the scale of the analysis, log for ratios.

    Returns
    -------
    tuple of float
        Lower and upper limit, with coverage ≥ 1 − α over all looks (1 − 2α for a one-sided test). It may be
        read whether or not the trial stops.

    Raises
    ------
    UsageError
        When the boundaries are those of another information fraction.

    References
    ----------
    Jennison C, Turnbull BW. J R Stat Soc B 1989;51:305.
    """
    bound = float(boundaries.z[observed_look(boundaries, look, information_fraction)])
    half = bound * positive(std_error, "std_error")
    return number(estimate, "estimate") - half, estimate + half


def observed_look(boundaries: Boundaries, look: int, information_fraction: float) -> int:
    """Return the index of a look whose boundary was made for the information observed."""
    if look not in range(1, boundaries.looks + 1):
        raise UsageError(f"look={look} does not exist; the trial has looks 1 to {boundaries.looks}")
    planned = float(boundaries.information[look - 1])
    if abs(planned - information_fraction) > _SAME_LOOK:
        raise UsageError(
            f"information_fraction={information_fraction:g} was observed at look {look}, but its boundary "
            f"is for {planned:g}; use update_boundaries first"
        )
    return look - 1


def _interim(information_fraction: float) -> float:
    return probability(information_fraction, "information_fraction")


def _ahead(boundaries: Boundaries, time: float, looks: str) -> IntArray:
    """Return the indices of the looks that count."""
    if chosen(looks, ("final", "all"), "looks") == "final":
        return np.array([boundaries.looks - 1])
    here = np.flatnonzero(np.abs(boundaries.information - time) <= _SAME_LOOK)
    if here.size == 0:
        raise UsageError(
            f"information_fraction={time:g} is no look of these boundaries, so it is unclear which looks "
            "are still to come; use update_boundaries first, or looks='final'"
        )
    return np.arange(int(here[0]) + 1, boundaries.looks)


def _power_from(boundaries: Boundaries, reached: float, time: float, drift: float, ahead: IntArray) -> float:
    """Return the probability of crossing a bound at the looks ahead, starting from B = reached."""
    left = boundaries.information[ahead] - time
    rest = float(left[-1])

    stretch = np.sqrt(boundaries.information[ahead] / left)
    lower, upper = (
        bounds[ahead] * stretch - reached / np.sqrt(left) for bounds in (boundaries.lower(), boundaries.z)
    )
    # The rest of the trial is a trial of its own: full information 1 − t, drift η√(1−t).
    holes = boundaries.holes()
    if holes is not None:
        low, high = (ends[ahead] * stretch - reached / np.sqrt(left) for ends in holes)
        holes = low, high
    times, rising = left / rest, drift * math.sqrt(rest)
    out = exits(times, lower, upper, rising, holes=holes, fineness=boundaries.fineness)
    return float(out.upper.sum())


def _posterior(reached: float, time: float, prior: tuple[float, float] | None) -> tuple[float, float]:
    """Return mean and variance of the drift after the data so far."""
    if prior is None:
        return reached / time, 1.0 / time
    mean, sd = number(prior[0], "prior mean"), positive(prior[1], "prior SD")
    precision = 1.0 / sd**2 + time
    return (mean / sd**2 + reached) / precision, 1.0 / precision


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
