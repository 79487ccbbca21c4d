"""A stored run and the printed results made into a table of likelihoods and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.errors import ExperimentError
from simsepsis.experiment.cells import worlds
from simsepsis.experiment.inference.posterior import PRIORS, Setting, levels_of, posterior, profile
from simsepsis.experiment.inference.printed_results import (
    RESULTS,
    Result,
    printed_vector,
    replicate_vectors,
)
from simsepsis.experiment.inference.synthetic import (
    Adequacy,
    Likelihood,
    adequacy,
    synthetic_likelihood,
)
from simsepsis.experiment.store import RunFolder, open_run
from simsepsis.files import write_files
from simsepsis.spreadsheet import csv_bytes
from simsepsis.threads import one_thread

RESULT_SETS: dict[str, tuple[str, ...]] = {
    "all": ("first score", "second score", "interaction"),
    "first score": ("first score", "interaction"),
    "effects": ("first score", "second score"),
}
"""Which parts of the thesis each likelihood is about."""

TABLE = "inference.csv"
AXES = "inference-axes.csv"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inference:
    """What the printed results say of the worlds of a run.

    Attributes
    ----------
    table
        One row per set of results and world: the varied keys, ``results, scenario, n_used,
        log_likelihood, mcse, relative_likelihood, relative_low, relative_high, distance, share_farther`` and
        for each prior ``posterior_…`` with ``mcse_posterior_…``. `relative_likelihood` is to the likeliest
        world of the set, with 95% limits of the bootstrap.
    axes
        One row per set of results, varied key and value: ``results, key, value, profile, profile_mcse``, and
        for each prior ``prior_…, posterior_…, mcse_posterior_…``. `profile` is the highest log likelihood
        among the worlds with this value, minus the highest of all.
    adequacy
        For each set of results, how normal its vectors are.
    shrinkage
        For each set of results, the weight of the pooled covariance.
    """

    table: pd.DataFrame
    axes: pd.DataFrame
    adequacy: dict[str, Adequacy]
    shrinkage: dict[str, float]


@one_thread()
def infer_thesis(path: str | Path, *, seed: int = 0, samples: int = 200, write: bool = True) -> Inference:
    """Return how likely the thesis's printed results are in each world of a stored run.

    Parameters
    ----------
    path
        Run folder of an experiment with all of the thesis's methods.
    seed
        Of the bootstrap.
    samples
        Bootstrap samples.
    write
        Whether to write ``inference.csv`` and ``inference-axes.csv`` into the folder.

    Raises
    ------
    ExperimentError
        If it is no run folder, lacks a method, or has too few replicates.
    """
    folder = open_run(path)
    settings, draws = _stored(folder)
    parts = []
    for name, wanted in RESULT_SETS.items():
        chosen = [place for place, result in enumerate(RESULTS) if result.part in wanted]
        vectors = [one[:, chosen] for one in draws]
        printed = printed_vector([RESULTS[place] for place in chosen])
        found = synthetic_likelihood(vectors, printed, rng=np.random.default_rng(seed), samples=samples)
        parts.append((name, found, adequacy(vectors, found.shrinkage)))
    table = pd.concat([inference_table(settings, found, name) for name, found, _ in parts], ignore_index=True)
    axes = pd.concat([axes_table(settings, found, name) for name, found, _ in parts], ignore_index=True)
    if write:
        contents = {TABLE: table, AXES: axes}
        write_files(folder.path, {name: csv_bytes(one) for name, one in contents.items()})
    return Inference(
        table=table,
        axes=axes,
        adequacy={name: fit for name, _, fit in parts},
        shrinkage={name: found.shrinkage for name, found, _ in parts},
    )


def _stored(folder: RunFolder, results: Sequence[Result] = RESULTS) -> tuple[list[Setting], list[FloatArray]]:
    """Return settings and replicate vectors of each world, in the order of the plan."""
    changes = {name: setting for name, _, setting in worlds(folder.plan)}
    parts = folder.scan().parts
    settings: list[Setting] = []
    draws: list[FloatArray] = []
    varied = list(folder.plan.settings)
    if not varied:
        raise ExperimentError(f"{folder.path}: all worlds are alike; there is nothing to tell apart")
    for name, setting in changes.items():
        rows = folder.rows(folder.cell(name).key, parts)
        if not len(rows):
            raise ExperimentError(
                f"{folder.path}: the world '{name}' has no replicate yet; go on with the run"
            )
        settings.append({"scenario": name, **{key: setting[key] for key in varied}})
        draws.append(replicate_vectors(rows, results))
    return settings, draws


def inference_table(settings: Sequence[Setting], found: Likelihood, results: str) -> pd.DataFrame:
    """Return the rows of one set of results."""
    best = int(np.argmax(found.value))
    gaps = found.bootstrap - found.bootstrap[:, [best]]
    low, high = np.exp(np.quantile(gaps, [0.025, 0.975], axis=0))
    columns: dict[str, object] = {
        "n_used": found.used.astype(np.int64),
        "log_likelihood": found.value,
        "mcse": found.mcse,
        "relative_likelihood": np.exp(found.value - found.value[best]),
        "relative_low": low,
        "relative_high": high,
        "distance": found.distance,
        "share_farther": found.share_farther,
    }
    for prior in PRIORS:
        log_prior = prior.of(settings)
        columns[f"posterior_{prior.name}"] = posterior(found.value, log_prior)
        columns[f"mcse_posterior_{prior.name}"] = posterior(found.bootstrap, log_prior).std(axis=0, ddof=1)
    return pd.DataFrame(list(settings)).assign(results=results, **columns)


def axes_table(settings: Sequence[Setting], found: Likelihood, results: str) -> pd.DataFrame:
    """Return what one set of results says of each varied key alone."""
    tables = []
    for key in (name for name in settings[0] if name != "scenario"):
        values, member = levels_of(settings, key)
        drawn = profile(found.bootstrap, member)
        columns: dict[str, object] = {
            "profile": profile(found.value, member) - found.value.max(),
            "profile_mcse": (drawn - drawn.max(axis=1, keepdims=True)).std(axis=0, ddof=1),
        }
        for prior in PRIORS:
            log_prior = prior.of(settings)
            columns[f"prior_{prior.name}"] = member @ posterior(np.zeros(len(settings)), log_prior)
            columns[f"posterior_{prior.name}"] = member @ posterior(found.value, log_prior)
            sampled = posterior(found.bootstrap, log_prior) @ member.T
            columns[f"mcse_posterior_{prior.name}"] = sampled.std(axis=0, ddof=1)
        tables.append(pd.DataFrame({"results": results, "key": key, "value": values, **columns}))
    return pd.concat(tables, ignore_index=True)
