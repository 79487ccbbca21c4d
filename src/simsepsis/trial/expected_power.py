"""Assurance: the power that can be expected when the effect itself is uncertain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr

from simsepsis.errors import UsageError
from simsepsis.threads import one_thread
from simsepsis.trial.designs.design import Design
from simsepsis.trial.effect import effect_from_coefficient
from simsepsis.trial.inputs import Level, number, positive, within
from simsepsis.trial.priors import Component, Prior, named_prior
from simsepsis.trial.sequential.design import SequentialDesign
from simsepsis.trial.sizing.size import PlannedSize

_REACH = 8.5
_IMPOSSIBLE = 1e-3
_LARGEST = 1e9


PlannedTrial = Design | SequentialDesign | PlannedSize
"""A trial whose power is known at any effect."""
TrialT = TypeVar("TrialT", Design, SequentialDesign, PlannedSize)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    """Expected power of a trial over a prior.

    `value` is the probability that the trial shows an effect in the planned direction. `ceiling` is the
    probability that there is one: no trial, however large, has a higher assurance. `power` is the power at
    the planned effect.
    """

    value: float
    ceiling: float
    power: float
    n_total: float
    prior: str


@one_thread()
def assurance(design: PlannedTrial, prior: Prior | str) -> Assurance:
    """Assurance of a trial: its power averaged over a prior for the effect.

    Parameters
    ----------
    design
        A `Design` or a `SequentialDesign`. The control risk is taken as known.
    prior
        Belief about the effect. Components on another scale of risks than the design's are converted at its
        control risk.

    Raises
    ------
    UsageError
        When a component is on a scale that the design cannot read, or gives weight to impossible risks.

    Notes
    -----
    ∫ power(θ) dP(θ), with power towards the planned side only. In the form with constant information and a
    normal prior it is Φ((μ√I − z_α)/√(1 + Iτ²)); see `assurance_of_information`.

    References
    ----------
    O'Hagan A, Stevens JW, Campbell MJ. Pharm Stat 2005;4:187.
    """
    belief = named_prior(prior)
    return Assurance(
        value=min(1.0, sum(part.weight * _expected_power(design, part) for part in belief.components)),
        ceiling=assurance_ceiling(design, belief),
        power=design.power,
        n_total=design.n_total,
        prior=belief.name,
    )


def assurance_ceiling(design: PlannedTrial, prior: Prior | str) -> float:
    """Return the probability that the true effect is on the planned side."""
    belief = named_prior(prior)
    return sum(part.weight * part.beyond(0.0, design.direction) for part in belief.components)


def assurance_of_information(mean: float, sd: float, information: float, *, alpha: float = 0.025) -> float:
    """Assurance of a normal test with constant information under a normal prior, in closed form."""
    # Φ((μ√I − z_α)/√(1 + Iτ²)).
    root = math.sqrt(positive(information, "information"))
    z_alpha = Level(alpha=alpha, sides=1).z
    return float(ndtr((number(mean, "mean") * root - z_alpha) / math.hypot(1.0, root * number(sd, "sd"))))


def design_for_assurance(design: TrialT, prior: Prior | str, target: float) -> TrialT:
    """Return the trial with as many patients as a target assurance needs."""
    wanted = within(target, "target", design.level.one_sided, 1.0)
    belief = named_prior(prior)
    ceiling = assurance_ceiling(design, belief)
    if wanted >= ceiling:
        raise UsageError(
            f"target={wanted:g} is above the assurance ceiling {ceiling:.3f} of prior '{belief.name}', the "
            "probability of an effect on the planned side; no sample size reaches it, so aim below or "
            "justify another prior"
        )

    def missing(log_n: float) -> float:
        return assurance(design.with_total(math.exp(log_n)), belief).value - wanted

    low = high = math.log(design.n_total)
    while missing(low) > 0:
        low -= 1.0
    while missing(high) < 0:
        high += 1.0
        if high > math.log(_LARGEST):
            raise UsageError(
                f"target={wanted:g} needs more than {_LARGEST:.0e} patients under prior '{belief.name}', "
                f"whose ceiling is {ceiling:.3f}; aim lower"
            )
    return design.with_total(math.exp(brentq(missing, low, high, xtol=1e-9)))


def _expected_power(design: PlannedTrial, part: Component) -> float:
    """Return the power averaged over one component."""
    horizon = part.horizon if part.horizon is not None else design.horizon

    def power(coefficient: float) -> float:
        return design.power_at(effect_from_coefficient(coefficient, part.scale, horizon=horizon))

    if part.sd == 0:
        return power(part.mean)
    low, high = _possible(design, part)

    def weighted(coefficient: float) -> float:
        distance = (coefficient - part.mean) / part.sd
        return power(coefficient) * math.exp(-0.5 * distance * distance)

    steep = _half_power(power, high if design.direction > 0 else low, design.direction)
    points = {0.0, part.mean, -4.0 * steep, steep, 6.0 * steep}
    breaks = sorted(point for point in points if low < point < high)
    total, _ = quad(weighted, low, high, points=breaks or None, epsabs=1e-9, epsrel=1e-8, limit=200)
    return float(total) / (part.sd * math.sqrt(2.0 * math.pi))


def _half_power(power: Callable[[float], float], end: float, direction: float) -> float:
    """Return the coefficient of power ½: around it a large trial changes its mind within a narrow strip."""
    if direction * end <= 0 or power(end) <= 0.5:
        return 0.0
    return float(brentq(lambda coefficient: power(coefficient) - 0.5, 0.0, end, xtol=1e-13))


def _possible(design: PlannedTrial, part: Component) -> tuple[float, float]:
    """Return the coefficients to integrate over: those near the mean that give a risk between 0 and 1."""
    low, high = part.mean - _REACH * part.sd, part.mean + _REACH * part.sd
    if design.p_control is None or part.scale not in ("risk_ratio", "risk_difference"):
        return low, high
    risk = design.p_control
    least, most = (-math.inf, -math.log(risk)) if part.scale == "risk_ratio" else (-risk, 1.0 - risk)
    outside = 1.0 - part.beyond(least, 1.0) + part.beyond(most, 1.0)
    if outside > _IMPOSSIBLE:
        raise UsageError(
            f"prior '{part.label}' gives {outside:.2g} to risks outside 0 and 1 at a control risk of "
            f"{risk:g}; use a narrower prior, or one on the odds ratio"
        )
    tiny = 1e-9 * part.sd
    return max(low, least + tiny), min(high, most - tiny)
