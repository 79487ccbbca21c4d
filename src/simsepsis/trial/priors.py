"""What is believed of the effect before the trial: normal components, each on its own named scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scipy.special import ndtr, ndtri

from simsepsis.documents import is_file, read_toml
from simsepsis.errors import UsageError
from simsepsis.study.published import open_study
from simsepsis.trial.effect import SCALES, Effect, with_scale
from simsepsis.trial.inputs import chosen, number, positive, probability, within

COHORT = "cohort"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A normal distribution of the effect's coefficient: the log of a ratio, the distance from no effect
    otherwise.

    `horizon` is needed for hazard ratios.
    """

    weight: float
    mean: float
    sd: float
    scale: str
    label: str = ""
    horizon: float | None = None

    def __post_init__(self) -> None:
        chosen(self.scale, SCALES, "scale of the prior")
        within(self.weight, "weight", 0.0, 1.0, closed=True)
        number(self.mean, "mean of the prior")
        within(self.sd, "SD of the prior", 0.0, math.inf, closed=True)

    def beyond(self, coefficient: float, direction: float) -> float:
        """Return the probability of a coefficient at least this far in a direction."""
        distance = direction * (self.mean - coefficient)
        if self.sd == 0:
            return 1.0 if distance > 0 else 0.0
        return float(ndtr(distance / self.sd))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """A mixture of normal components whose weights sum to 1."""

    name: str
    components: tuple[Component, ...]
    source: str = ""

    def __post_init__(self) -> None:
        total = sum(component.weight for component in self.components)
        if abs(total - 1.0) > 1e-9:
            raise UsageError(f"weights of prior '{self.name}' sum to {total:g}; make them sum to 1")

    def probability_beyond(self, effect: Effect) -> float:
        """Return the probability that the true effect is better than one that is stated."""
        stated = with_scale(effect)
        scales = {component.scale for component in self.components}
        if scales != {stated.name} or stated.coefficient == 0:
            raise UsageError(
                f"{stated.name}={stated.value:g} cannot be set against prior '{self.name}' on "
                f"{', '.join(sorted(scales))}; state an effect other than none on the same scale"
            )
        side = math.copysign(1.0, stated.coefficient)
        return sum(part.weight * part.beyond(stated.coefficient, side) for part in self.components)


def prior_from_interval(
    estimate: float,
    low: float,
    high: float,
    *,
    scale: str,
    level: float = 0.95,
    name: str = "prior",
    label: str = "",
    source: str = "",
    horizon: float | None = None,
) -> Prior:
    """Return the normal prior that an estimate with its confidence interval stands for."""
    # Mean ln(estimate), SD (ln high − ln low)/(2·1.96), without logarithms for differences.
    ends = [Effect(value=value, scale=scale, horizon=horizon).coefficient for value in (low, estimate, high)]
    if not ends[0] < ends[1] < ends[2]:
        raise UsageError(
            f"estimate {estimate:g} is not between {low:g} and {high:g}; give the interval as low, high"
        )
    width = 2.0 * float(ndtri(0.5 + 0.5 * probability(level, "level")))
    part = Component(
        weight=1.0,
        mean=ends[1],
        sd=(ends[2] - ends[0]) / width,
        scale=scale,
        label=label or name,
        horizon=horizon,
    )
    return Prior(name=name, components=(part,), source=source)


def mix_priors(parts: Sequence[tuple[float, Prior]], *, name: str = "mixture") -> Prior:
    """Return a mixture of priors with stated weights."""
    components = tuple(
        replace(component, weight=weight * component.weight)
        for weight, prior in parts
        for component in prior.components
    )
    sources = dict.fromkeys(prior.source for _, prior in parts if prior.source)
    return Prior(name=name, components=components, source="; ".join(sources))


def load_priors(study: str | None = None) -> dict[str, Prior]:
    """Return the priors of a study by name, as its ``priors.toml`` states them; none without that file."""
    return {
        name: prior_from_interval(**{key: value for key, value in entry.items() if key != "short"}, name=name)
        for name, entry in _entries(study).items()
    }


def short_labels(study: str | None = None) -> dict[str, str]:
    """Return how figures call the priors of a study."""
    return {name: entry.get("short", entry["label"]) for name, entry in _entries(study).items()}


def _entries(study: str | None) -> dict[str, Any]:
    path = open_study(study).folder / "priors.toml"
    return read_toml(path, UsageError) if is_file(path) else {}


def named_prior(prior: Prior | str) -> Prior:
    """Return a prior, or the one of `load_priors` with that name."""
    if isinstance(prior, Prior):
        return prior
    known = load_priors()
    return known[chosen(prior, known, "prior")]


def bridge_prior(
    estimate: float,
    std_error: float,
    bias: float,
    bias_mcse: float,
    *,
    scale: str,
    weights: Mapping[str, float],
    bias_sd: float = 0.0,
    horizon: float | None = None,
    name: str = "bridge",
) -> Prior:
    """Prior from an observational estimate, less the bias of its method, mixed with published ones."""
    # Cohort component: mean estimate − bias, variance std_error² + bias_mcse² + bias_sd².
    known = load_priors()
    if COHORT not in weights:
        raise UsageError(f"weights={dict(weights)!r} has no '{COHORT}'; state the cohort's own weight")
    errors = [
        within(value, label, 0.0, math.inf, closed=True)
        for value, label in ((bias_mcse, "bias_mcse"), (bias_sd, "bias_sd"))
    ]
    part = Component(
        weight=1.0,
        mean=number(estimate, "estimate") - number(bias, "bias"),
        sd=math.hypot(positive(std_error, "std_error"), *errors),
        scale=scale,
        label="Cohort, corrected for bias",
        horizon=horizon,
    )
    cohort = Prior(name=COHORT, components=(part,), source="observational estimate corrected by simulation")
    parts = [
        (weight, cohort if key == COHORT else known[chosen(key, (COHORT, *known), "weights")])
        for key, weight in weights.items()
    ]
    return mix_priors(parts, name=name)
