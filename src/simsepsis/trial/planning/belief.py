"""What is believed of the effect, and the power that can be expected of it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simsepsis.trial.assurance import assurance, assurance_ceiling
from simsepsis.trial.effect import Effect
from simsepsis.trial.planning.size import PlannedSize
from simsepsis.trial.priors import Component, Prior, load_priors

MIXTURE = "mixture"
LARGEST = 20.0
"""Multiple of the planned patients up to which the assurance is drawn."""


def beliefs(parts: tuple[tuple[float, Prior], ...], mixture: Prior | None) -> dict[str, Prior]:
    """Return the priors that a plan is judged under: the shipped ones, its own, and their mixture.

    Parameters
    ----------
    parts
        Weight and prior of each of the plan's.
    mixture
        Of them; None where the plan has none.
    """
    own = {prior.name: prior for _, prior in parts}
    mixed = {} if mixture is None else {MIXTURE: mixture}
    return load_priors() | own | mixed


def prior_table(size: PlannedSize, priors: dict[str, Prior], weights: dict[str, float]) -> pd.DataFrame:
    """Assurance of the planned trial and its ceiling under every prior.

    Parameters
    ----------
    size
        As returned by `plan_size`.
    priors
        Name → prior.
    weights
        Name → weight in the mixture; 0 for the others.

    Returns
    -------
    DataFrame
        prior, label, scale, estimate, low, high (95 % of a prior of one component), weight, assurance,
        ceiling, worthwhile (probability of at least the planned effect), source.
    """
    return pd.DataFrame(
        [
            {
                "prior": name,
                "label": _label(prior),
                **_interval(prior),
                "weight": weights.get(name, 1.0 if name == MIXTURE else 0.0),
                "assurance": assurance(size.trial, prior).value,
                "ceiling": assurance_ceiling(size.trial, prior),
                "worthwhile": _beyond(prior, size.assumptions.effect, size.assumptions.p_control),
                "source": prior.source,
            }
            for name, prior in priors.items()
        ]
    )


def _label(prior: Prior) -> str:
    return prior.components[0].label if len(prior.components) == 1 else prior.name


def _interval(prior: Prior) -> dict[str, object]:
    if len(prior.components) > 1:
        return {"scale": "", "estimate": math.nan, "low": math.nan, "high": math.nan}
    part = prior.components[0]
    ends = (part.mean, part.mean - 1.96 * part.sd, part.mean + 1.96 * part.sd)
    ratio = part.scale.endswith("ratio")
    estimate, low, high = (math.exp(end) if ratio else end for end in ends)
    return {"scale": part.scale, "estimate": estimate, "low": low, "high": high}


def _beyond(prior: Prior, planned: Effect, p_control: float) -> float:
    """Return the probability of an effect at least as large as planned, on each component's own scale."""
    return sum(part.weight * _component_beyond(part, planned, p_control) for part in prior.components)


def _component_beyond(part: Component, planned: Effect, p_control: float) -> float:
    here = planned.on(part.scale, p_control, horizon=part.horizon)
    return part.beyond(here.coefficient, math.copysign(1.0, here.coefficient))


def assurance_curve(size: PlannedSize, priors: dict[str, Prior], *, points: int = 25) -> pd.DataFrame:
    """Assurance over randomized patients under every prior, with its ceiling.

    Parameters
    ----------
    size
        As returned by `plan_size`.
    priors
        Name → prior.
    points
        Sample sizes, evenly on the log scale from a quarter of the planned.

    Returns
    -------
    DataFrame
        prior, n_randomized, assurance, ceiling.
    """
    totals = np.unique(np.round(size.n_randomized * np.geomspace(0.25, LARGEST, points)))
    return pd.DataFrame(
        [
            {
                "prior": name,
                "n_randomized": int(total),
                "assurance": assurance(trial, prior).value,
                "ceiling": assurance_ceiling(size.trial, prior),
            }
            for total in totals
            for trial in (size.of(total),)
            for name, prior in priors.items()
        ]
    )
