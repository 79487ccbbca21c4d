"""What an inference says, in sentences that follow its numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from simsepsis.experiment.inference.infer import Inference
from simsepsis.experiment.inference.posterior import PRIORS

TOLD_APART = 1.92
"""Fall of the profile log likelihood that makes a value unlikely: half the 95% quantile of χ²(1)."""

SETS = {
    "all": "all after matching",
    "first score": "those of the first score and the interactions",
    "effects": "all effects after matching",
}
"""Set of results → what it is in words."""

WORDS = {
    "effect.value": "risk ratio of hospital death",
    "unmeasured.or_treatment": "odds ratio of IVIgG of the hidden confounder",
    "treatment.decay": "fall of the log hazard of a start per day",
    "treatment.severity": "log hazard of a start per SD of the day's severity",
}
"""Key → what it is in words."""


def inference_words(found: Inference, results: str = "all") -> tuple[str, ...]:
    """Return the answer: the likeliest worlds, each axis, the fit, and how far it can be believed."""
    table = found.table[found.table["results"] == results]
    axes = found.axes[found.axes["results"] == results]
    return (
        *_best(table),
        *(sentence for key in axes["key"].unique() for sentence in _axis(axes[axes["key"] == key], str(key))),
        *_believed(found, results, table),
    )


def _best(table: pd.DataFrame) -> Iterator[str]:
    first = table.loc[table["log_likelihood"].idxmax()]
    rivals = int((table["relative_high"] >= np.exp(-TOLD_APART)).sum())
    yield (
        f"Of {len(table)} worlds the printed results ({SETS[str(first['results'])]}) are likeliest where "
        f"{first['scenario']}; in {rivals} worlds the likelihood may be a seventh of that or more, "
        "within Monte Carlo error."
    )
    share = float(first["share_farther"])
    fits = "it fits" if share >= 0.05 else "no world of the grid fits well"
    yield (
        f"In that world {100 * share:.0f}% of its own replicates lie farther from their mean than the "
        f"printed results do: {fits}."
    )


def _axis(axis: pd.DataFrame, key: str) -> Iterator[str]:
    name = WORDS.get(key, key)
    out = axis[axis["profile"] + 2.0 * axis["profile_mcse"] < -TOLD_APART]
    shares = {prior.name: _shares(axis, prior.name) for prior in PRIORS}
    said = "; ".join(f"{name} prior: {text}" for name, text in shares.items())
    if out.empty:
        verdict = "the results do not tell its values apart"
    else:
        verdict = "the results speak against " + ", ".join(f"{value:g}" for value in out["value"])
    yield f"The {name}: {verdict} (probabilities, {said})."


def _shares(axis: pd.DataFrame, prior: str) -> str:
    rows = zip(axis["value"], axis[f"posterior_{prior}"], axis[f"mcse_posterior_{prior}"], strict=True)
    return ", ".join(f"{value:g} {share:.2f} ± {error:.2f}" for value, share, error in rows)


def _believed(found: Inference, results: str, table: pd.DataFrame) -> Iterator[str]:
    fit = found.adequacy[results]
    counted = ", ".join(
        f"{100 * share:.1f}% in the ellipsoid of {100 * level:.0f}%"
        for level, share in zip(fit.levels, fit.coverage, strict=True)
    )
    yield (
        f"Held-out replicates lie {counted}; a log likelihood has a Monte Carlo standard error of "
        f"{table['mcse'].median():.2f} in the median world ({int(table['n_used'].min())} replicates or more, "
        f"covariances {100 * found.shrinkage[results]:.0f}% pooled)."
    )
