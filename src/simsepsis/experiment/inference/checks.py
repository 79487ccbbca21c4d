"""How far an inference can be believed: what drives it, what it leaves out, whether it covers the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
import scipy.special

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.experiment.inference.posterior import Setting, levels_of, posterior
from simsepsis.experiment.inference.printed_results import Result
from simsepsis.experiment.inference.synthetic import (
    FOLDS,
    LEVELS,
    complete,
    log_density,
    moments,
    shrunk,
)

DISCREPANCIES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Standard deviations, in those of a world's replicates, by which a part of the results may be off."""
PSEUDO_PRINTS = 200
"""Replicates that are taken for print to see how often the truth is covered."""
NOTHING = "nothing"
INFLUENCE = ("dropped", "key", "prior_mean", "prior_sd", "mean", "sd", "mean_discrepancy", "sd_discrepancy")
CONFLICTS = ("one", "other", "distance", "p")
COVERAGE = ("key", "level", "covered", "mcse")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checks:
    """What stands beside a posterior.

    Attributes
    ----------
    influence
        `INFLUENCE`: mean and standard deviation of each varied number, before and after the results, with all
        of them (`dropped` is "nothing") and without each part; the last two allow each part a discrepancy.
    conflicts
        `CONFLICTS`: for each two results their squared distance from the nearest world, and its p with two
        degrees of freedom; the farthest first.
    coverage
        `COVERAGE`: how often sets of so much probability hold the true value where a replicate is print.
    """

    influence: pd.DataFrame
    conflicts: pd.DataFrame
    coverage: pd.DataFrame


def checks_of(
    settings: Sequence[Setting],
    draws: Sequence[FloatArray],
    observed: FloatArray,
    results: Sequence[Result],
    *,
    shrinkage: float,
    rng: np.random.Generator,
) -> Checks:
    """Return the checks of a synthetic likelihood on a grid of worlds, all of them equally likely before.

    Parameters
    ----------
    settings, draws
        Of each world.
    observed, results
        What was printed, and what it is.
    shrinkage
        Weight of the pooled covariance.
    rng
        Draws the replicates that are taken for print.
    """
    whole = [complete(one) for one in draws]
    means, covariances = moments(whole)
    covariances = shrunk(covariances, shrinkage)
    return Checks(
        influence=_influence(settings, observed, means, covariances, [result.part for result in results]),
        conflicts=_conflicts(observed, means, covariances, [result.name for result in results]),
        coverage=_coverage(settings, whole, shrinkage, rng),
    )


def likelihood_with_discrepancy(
    observed: FloatArray, means: FloatArray, covariances: FloatArray, parts: Sequence[str]
) -> FloatArray:
    """Return log likelihoods (k,) where each part of the results may be off by chance of its own.

    Notes
    -----
    The discrepancies of a part's results are independent and normal; their standard deviation, in those of
    the replicates, is half-normal with scale 1 for each part, and summed over `DISCREPANCIES`.

    References
    ----------
    Kennedy MC, O'Hagan A. J R Stat Soc B 2001;63:425.
    """
    names = list(dict.fromkeys(parts))
    belongs = np.array([[part == name for part in parts] for name in names], dtype=np.float64)
    spread = np.diagonal(covariances.mean(axis=0))
    grid = np.array(list(product(DISCREPANCIES, repeat=len(names))))
    weights = -0.5 * (grid**2).sum(axis=1) + np.log(np.gradient(DISCREPANCIES))[_places(grid)].sum(axis=1)
    values = []
    for scales in grid:
        added = np.diag((scales**2 @ belongs) * spread)
        values.append(log_density(observed, means, covariances + added)[0])
    joined = np.array(values) + (weights - scipy.special.logsumexp(weights))[:, None]
    return np.asarray(scipy.special.logsumexp(joined, axis=0))


def _places(grid: FloatArray) -> IntArray:
    return np.asarray(np.searchsorted(DISCREPANCIES, grid), dtype=np.int64)


def _influence(
    settings: Sequence[Setting],
    observed: FloatArray,
    means: FloatArray,
    covariances: FloatArray,
    parts: Sequence[str],
) -> pd.DataFrame:
    rows = []
    numeric = [key for key in settings[0] if key != "scenario" and _is_number(settings, key)]
    flat = np.full(len(settings), 1.0 / len(settings))
    for dropped in (NOTHING, *dict.fromkeys(parts)):
        kept = np.array([part != dropped for part in parts])
        if not kept.any():
            continue
        of = (observed[kept], means[:, kept], covariances[:, kept][:, :, kept])
        plain = posterior(log_density(*of)[0], np.zeros(len(settings)))
        allowed = likelihood_with_discrepancy(*of, [part for part in parts if part != dropped])
        loose = posterior(allowed, np.zeros(len(settings)))
        for key in numeric:
            values = np.array([float(setting[key]) for setting in settings])
            told = [number for weights in (flat, plain, loose) for number in _mean_sd(values, weights)]
            rows.append((dropped, key, *told))
    return pd.DataFrame(rows, columns=list(INFLUENCE))


def _is_number(settings: Sequence[Setting], key: str) -> bool:
    return all(isinstance(setting[key], int | float) for setting in settings)


def _mean_sd(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    mean = float(weights @ values)
    return mean, float(np.sqrt(weights @ (values - mean) ** 2))


def _conflicts(
    observed: FloatArray, means: FloatArray, covariances: FloatArray, names: Sequence[str]
) -> pd.DataFrame:
    rows = []
    for one, other in combinations(range(len(names)), 2):
        both = [one, other]
        _, distances = log_density(observed[both], means[:, both], covariances[:, both][:, :, both])
        nearest = float(distances.min())
        rows.append((names[one], names[other], nearest, float(np.exp(-nearest / 2.0))))
    found = pd.DataFrame(rows, columns=list(CONFLICTS))
    return found.sort_values("distance", ascending=False, kind="stable", ignore_index=True)


def _coverage(
    settings: Sequence[Setting], whole: Sequence[FloatArray], shrinkage: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return how often the truth is covered, replicates judged by moments of the other folds."""
    keys = [key for key in settings[0] if key != "scenario"]
    hits: dict[tuple[str, float], list[float]] = {(key, level): [] for key in keys for level in LEVELS}
    worlds = rng.integers(len(whole), size=PSEUDO_PRINTS)
    for fold in range(FOLDS):
        kept = [one[np.arange(len(one)) % FOLDS != fold] for one in whole]
        means, covariances = moments(kept)
        covariances = shrunk(covariances, shrinkage)
        for world in worlds[fold::FOLDS]:
            aside = whole[world][fold::FOLDS]
            taken = aside[rng.integers(len(aside))]
            weights = posterior(log_density(taken, means, covariances)[0], np.zeros(len(whole)))
            for key in keys:
                values, member = levels_of(settings, key)
                truth = values.index(settings[world][key])
                for level in LEVELS:
                    hits[key, level].append(held(member @ weights, truth, level))
    rows = []
    for (key, level), found in hits.items():
        share = np.array(found)
        rows.append((key, level, float(share.mean()), float(share.std(ddof=1) / np.sqrt(share.size))))
    return pd.DataFrame(rows, columns=list(COVERAGE))


def held(weights: FloatArray, truth: int, level: float) -> float:
    """Return with what probability the smallest set of values of so much probability holds the truth.

    The last value belongs to the set with the probability at which it has exactly the level.
    """
    order = np.argsort(-weights, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(weights[order])])
    place = int(np.flatnonzero(order == truth)[0])
    room = level - before[place]
    return float(np.clip(room / max(weights[truth], 1e-300), 0.0, 1.0))
