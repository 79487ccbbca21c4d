"""How far an inference can be believed: does any world fit, what drives it, what conflicts, does it cover."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.experiment.inference.emulator import complete
from simsepsis.experiment.inference.evidence import Concluded, Evidence, conclude
from simsepsis.experiment.inference.likelihood import Weighted, plain_likelihood, posterior

FOLDS = 10
LEVELS = (0.5, 0.8, 0.95)
PSEUDO = 200
"""Replicates that are taken for print at the most."""
NOTHING = "nothing"
COVERAGE = ("key", "level", "n", "covered", "mcse")
CONFLICTS = ("one", "other", "distance", "p", "p_all")
INFLUENCE = ("dropped", "key", "mean", "sd", "mean_discrepancy", "sd_discrepancy")

Quantities = Callable[[Evidence, Weighted], FloatArray]
"""From evidence and draws to what is reported of them, (m, quantities)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NearestWorld:
    """How near print comes to a world.

    Attributes
    ----------
    mean_z2, place
        Squared distance per result of the nearest world, and the world's place.
    replicates
        The same distance of every replicate from the world nearest to *it*, (worlds · replicates,).
    p
        How often a replicate lies as far as print.
    """

    mean_z2: float
    place: int
    replicates: FloatArray
    p: float


def best_fit(evidence: Evidence, used: BoolArray) -> NearestWorld:
    """Return how near print comes to a world, and how near replicates do.

    Notes
    -----
    P is how often a replicate lies as far from *its* nearest world, its own among them: worlds are searched
    for print and for replicates alike. Replicates of a fold of worlds are measured by the covariance of the
    other folds, their own world's mean without them.
    """
    w, n = evidence.draws.shape[:2]
    fold = np.arange(w) % min(FOLDS, w)
    below, distances, nearest = 0, np.zeros(w), []
    for number in range(fold.max() + 1):
        aside = fold == number
        emulator = evidence.of(~aside).emulator(used)
        kept = complete(evidence.draws)
        d = int(used.sum())
        means = emulator.standard(kept.mean(axis=1))
        observed = _to_all(emulator.standard(evidence.observed[None]), means)[0] * n / (n + 1.0)
        each = emulator.standard(kept[aside]).reshape(-1, d)
        own = np.repeat(np.flatnonzero(aside), n)
        others = _to_all(each, means) * n / (n + 1.0)
        # Without the replicate its world's mean is farther by n/(n − 1) and rests on n − 1.
        place = np.arange(own.size)
        others[place, own] = others[place, own] * ((n + 1.0) / n) * n / (n - 1.0)
        nearest.append(others.min(axis=1))
        below += int((nearest[-1] >= observed.min()).sum())
        distances += observed
    return NearestWorld(
        mean_z2=float(distances.min() / (fold.max() + 1) / used.sum()),
        place=int(np.argmin(distances)),
        replicates=np.concatenate(nearest) / used.sum(),
        p=(1 + below) / (1 + w * n),
    )


def _to_all(rows: FloatArray, means: FloatArray) -> FloatArray:
    """Return squared distances (r, w) of rows from means."""
    squares = (rows**2).sum(axis=1)[:, None] + (means**2).sum(axis=1) - 2.0 * rows @ means.T
    return np.asarray(np.maximum(squares, 0.0))


def coverage(evidence: Evidence, names: Sequence[str], quantities: Quantities, *, seed: int) -> pd.DataFrame:
    """Return how often central intervals hold the truth where a replicate is taken for print.

    Each of up to `PSEUDO` worlds of the prior gives one replicate; the posterior is that of an emulator that
    has not seen the world, nor any other of its fold.

    References
    ----------
    Talts S et al. arXiv:1804.06788. Cook SR, Gelman A, Rubin DB. J Comput Graph Stat 2006;15:675.
    """
    rng, ranks = np.random.default_rng(seed), []
    chosen = np.flatnonzero(evidence.from_prior)[:PSEUDO]
    fold = np.arange(len(evidence.deviates)) % min(FOLDS, len(evidence.deviates))
    own = _own(evidence)
    used = evidence.used()
    for number in range(fold.max() + 1):
        rest = evidence.of(fold != number)
        emulator = rest.emulator(used)
        for world in chosen[fold[chosen] == number]:
            taken = complete(evidence.draws)[world, rng.integers(evidence.draws.shape[1])]
            likelihood = rest.among_made(plain_likelihood(emulator, taken))
            found = posterior(likelihood, rest.settings, rest.working)
            values = quantities(rest, found)
            ranks.append(found.weights @ (values < own[world]) + 0.5 * found.weights @ (values == own[world]))
    return pd.DataFrame(list(_covered(np.array(ranks), names)), columns=list(COVERAGE))


def _own(evidence: Evidence) -> FloatArray:
    """Return the quantities of the simulated worlds themselves: working points, then truths."""
    return np.column_stack([evidence.working(evidence.deviates), evidence.truths])


def _covered(ranks: FloatArray, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    n = len(ranks)
    for place, name in enumerate(names):
        for level in LEVELS:
            share = float((np.abs(ranks[:, place] - 0.5) <= level / 2.0).mean())
            yield name, level, n, share, float(np.sqrt(level * (1.0 - level) / n))


def influence(
    evidence: Evidence,
    concluded: Concluded,
    names: Sequence[str],
    quantities: Quantities,
) -> pd.DataFrame:
    """Return mean and standard deviation of each quantity with all blocks and without each."""
    rows = list(_influence(NOTHING, evidence, concluded, names, quantities))
    emulator = concluded.emulator
    used = [name for name, keep in zip(evidence.blocks, emulator.used, strict=True) if keep]
    blocks = list(dict.fromkeys(used))
    for block in blocks if len(blocks) > 1 else ():
        rest = evidence.without(block)
        rows += _influence(block, rest, conclude(rest), names, quantities)
    return pd.DataFrame(rows, columns=list(INFLUENCE))


def _influence(
    dropped: str, evidence: Evidence, concluded: Concluded, names: Sequence[str], quantities: Quantities
) -> Iterator[tuple[object, ...]]:
    told = [
        number
        for found in (concluded.plain, concluded.loose)
        for values in [quantities(evidence, found)]
        for number in (found.mean(values), found.sd(values))
    ]
    for place, name in enumerate(names):
        yield (dropped, name, *(float(number[place]) for number in told))


def conflicts(
    evidence: Evidence, used: BoolArray, places: Sequence[int], names: Sequence[str]
) -> pd.DataFrame:
    """Return for each two results how far they lie from the nearest world, the farthest first.

    Notes
    -----
    The squared distance has two degrees of freedom; `p_all` is p times the number of pairs.
    """
    kept = complete(evidence.draws)
    means, n = kept.mean(axis=1), kept.shape[1]
    within = (kept - means[:, None]).reshape(-1, kept.shape[2])
    freedom = len(kept) * (n - 1)
    pairs = [pair for pair in combinations(range(len(places)), 2) if all(used[places[one]] for one in pair)]
    rows = []
    for one, other in pairs:
        both = [places[one], places[other]]
        covariance = within[:, both].T @ within[:, both] / freedom * (1.0 + 1.0 / n)
        covariance += np.diag(evidence.rounding[both])
        gaps = evidence.observed[both] - means[:, both]
        nearest = float((gaps @ np.linalg.inv(covariance) * gaps).sum(axis=1).min())
        p = float(np.exp(-nearest / 2.0))
        rows.append((names[one], names[other], nearest, p, min(1.0, p * len(pairs))))
    found = pd.DataFrame(rows, columns=list(CONFLICTS))
    return found.sort_values("distance", ascending=False, kind="stable", ignore_index=True)
