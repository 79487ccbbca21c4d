"""What is believed of the effect, and the power that can be expected of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from simsepsis.trial.effect import Effect
from simsepsis.trial.expected_power import assurance, assurance_ceiling
from simsepsis.trial.priors import Component, Prior, load_priors
from simsepsis.trial.sizing.size import PlannedSize

MIXTURE = "mixture"
LARGEST = 20.0
"""Multiple of the planned patients up to which the assurance is drawn."""


def beliefs(weighted: Sequence[tuple[float, Prior]], study: str | None) -> dict[str, Prior]:
    """Return the priors that a plan of superiority is judged under: those of its study and its own."""
    return load_priors(study) | {prior.name: prior for _, prior in weighted}


def prior_table(
    size: PlannedSize, weighted: Sequence[tuple[float, Prior]], study: str | None = None
) -> pd.DataFrame:
    """Assurance of the planned trial and its ceiling under every prior."""
    weights = {prior.name: weight for weight, prior in weighted}
    rows = pd.DataFrame(
        [
            {
                "prior": name,
                "label": prior.components[0].label or name,
                **_interval(prior),
                "weight": weights.get(name, 0.0),
                "assurance": assurance(size, prior).value,
                "ceiling": assurance_ceiling(size, prior),
                "worthwhile": _beyond(prior, size.assumptions.effect, size.assumptions.p_control),
                "source": prior.source,
            }
            for name, prior in beliefs(weighted, study).items()
        ]
    )
    if not weights:
        return rows
    mixed = {name: float(rows["weight"] @ rows[name]) for name in ("assurance", "ceiling", "worthwhile")}
    return pd.concat([rows, pd.DataFrame([{**_MIXED, **mixed}])], ignore_index=True)


_MIXED = {
    "prior": MIXTURE,
    "label": "Mixture by the stated weights",
    "scale": "",
    "estimate": math.nan,
    "low": math.nan,
    "high": math.nan,
    "weight": 1.0,
    "source": "",
}


def _interval(prior: Prior) -> dict[str, object]:
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


def assurance_curve(
    size: PlannedSize, weighted: Sequence[tuple[float, Prior]], study: str | None = None, *, points: int = 13
) -> pd.DataFrame:
    """Assurance over randomized patients under every prior, with its ceiling."""
    totals = np.unique(np.round(size.n_randomized * np.geomspace(0.25, LARGEST, points)))
    priors, weights = beliefs(weighted, study), {prior.name: weight for weight, prior in weighted}
    rows = []
    for total in totals:
        trial = size.of(total)
        told = {
            name: (assurance(trial, prior).value, assurance_ceiling(trial, prior))
            for name, prior in priors.items()
        }
        if weights:
            told[MIXTURE] = _mean(told, weights, 0), _mean(told, weights, 1)
        rows += [(name, int(total), *values) for name, values in told.items()]
    return pd.DataFrame(rows, columns=["prior", "n_randomized", "assurance", "ceiling"])


def _mean(told: dict[str, tuple[float, float]], weights: dict[str, float], which: int) -> float:
    return sum(weight * told[name][which] for name, weight in weights.items())
