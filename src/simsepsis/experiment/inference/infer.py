"""Which worlds of a run make the printed results likely, and what that says in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.errors import ExperimentError
from simsepsis.experiment.cells import worlds
from simsepsis.experiment.inference.checks import NOTHING, Checks, checks_of
from simsepsis.experiment.inference.posterior import PRIORS, Setting, levels_of, posterior, profile
from simsepsis.experiment.inference.printed_results import (
    Result,
    names_of,
    printed_vector,
    replicate_vectors,
    results_of,
)
from simsepsis.experiment.inference.synthetic import (
    Adequacy,
    Likelihood,
    adequacy,
    synthetic_likelihood,
)
from simsepsis.experiment.run_folder import RunFolder, open_run
from simsepsis.files import write_files
from simsepsis.spreadsheet import csv_bytes
from simsepsis.study.published import open_study
from simsepsis.threads import one_thread

RESULT_SETS: dict[str, tuple[str, ...]] = {
    "all": ("first score", "second score", "interaction"),
    "first score": ("first score", "interaction"),
    "effects": ("first score", "second score"),
}
"""Which parts of the thesis each likelihood is about."""

TABLE = "inference.csv"
AXES = "inference-axes.csv"
CHECKS = {
    "inference-influence.csv": "influence",
    "inference-conflicts.csv": "conflicts",
    "inference-coverage.csv": "coverage",
}
"""File → the part of the checks in it."""


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
    names
        Setting of a scenario → what the study's answers call it.
    checks
        Of all results together: what drives them, what conflicts, whether the truth is covered.
    """

    table: pd.DataFrame
    axes: pd.DataFrame
    adequacy: dict[str, Adequacy]
    shrinkage: dict[str, float]
    names: Mapping[str, str] = field(default_factory=dict)
    checks: Checks | None = None


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
        Whether to write ``inference.csv``, ``inference-axes.csv`` and `CHECKS` into the folder.

    Raises
    ------
    ExperimentError
        If it is no run folder, lacks a method, or has too few replicates.
    """
    folder = open_run(path)
    study = open_study(folder.plan.run.study)
    results = results_of(study)
    settings, draws = _stored(folder, results)
    parts = []
    for name, wanted in RESULT_SETS.items():
        chosen = [place for place, result in enumerate(results) if result.part in wanted]
        vectors = [one[:, chosen] for one in draws]
        printed = printed_vector(study, [results[place] for place in chosen])
        found = synthetic_likelihood(vectors, printed, rng=np.random.default_rng(seed), samples=samples)
        parts.append((name, found, adequacy(vectors, found.shrinkage)))
    table = pd.concat([inference_table(settings, found, name) for name, found, _ in parts], ignore_index=True)
    axes = pd.concat([axes_table(settings, found, name) for name, found, _ in parts], ignore_index=True)
    observed = printed_vector(study, results)
    checks = checks_of(
        settings, draws, observed, results, shrinkage=parts[0][1].shrinkage, rng=np.random.default_rng(seed)
    )
    if write:
        contents = {
            TABLE: table,
            AXES: axes,
            **{name: getattr(checks, part) for name, part in CHECKS.items()},
        }
        write_files(folder.path, {name: csv_bytes(one) for name, one in contents.items()})
    return Inference(
        table=table,
        axes=axes,
        adequacy={name: fit for name, _, fit in parts},
        shrinkage={name: found.shrinkage for name, found, _ in parts},
        names=names_of(study),
        checks=checks,
    )


def _stored(folder: RunFolder, results: Sequence[Result]) -> tuple[list[Setting], list[FloatArray]]:
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


FITS = 0.05
"""Share of a world's own replicates that must lie farther than print for it to fit."""
ADDS_LITTLE = 0.7
"""Standard deviation after the results, as a share of that before, above which they add little."""
TOLD_APART = 1.92
"""Fall of the profile log likelihood that makes a value unlikely: half the 95% quantile of χ²(1)."""

SETS = {
    "all": "all after matching",
    "first score": "those of the first score and the interactions",
    "effects": "all effects after matching",
}
"""Set of results → what it is in words."""


def inference_words(found: Inference, results: str = "all") -> tuple[str, ...]:
    """Return the answer: the likeliest worlds, each axis, the fit, and how far it can be believed."""
    table = found.table[found.table["results"] == results]
    axes = found.axes[found.axes["results"] == results]
    fits = float(table.loc[table["log_likelihood"].idxmax(), "share_farther"]) >= FITS
    return (
        *_best(table),
        *(
            sentence
            for key in axes["key"].unique()
            for sentence in _axis(axes[axes["key"] == key], found.names.get(str(key), str(key)), fits=fits)
        ),
        *(_checked(found.checks, found.names) if results == "all" and found.checks else ()),
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
    fits = (
        "it fits"
        if share >= FITS
        else "no world of the grid fits well, and what follows are weights among worlds that are all wrong"
    )
    yield (
        f"In that world {100 * share:.0f}% of its own replicates lie farther from their mean than the "
        f"printed results do: {fits}."
    )


def _axis(axis: pd.DataFrame, name: str, *, fits: bool) -> Iterator[str]:
    out = axis[axis["profile"] + 2.0 * axis["profile_mcse"] < -TOLD_APART]
    shares = {prior.name: _shares(axis, prior.name) for prior in PRIORS}
    said = "; ".join(f"{name} prior: {text}" for name, text in shares.items())
    if out.empty:
        verdict = "the results do not tell its values apart"
    else:
        verdict = "the results speak against " + ", ".join(f"{value:g}" for value in out["value"])
    kind = "probabilities" if fits else "weights"
    yield f"The {name}: {verdict} ({kind}, {said})."


def _shares(axis: pd.DataFrame, prior: str) -> str:
    rows = zip(axis["value"], axis[f"posterior_{prior}"], axis[f"mcse_posterior_{prior}"], strict=True)
    return ", ".join(f"{value:g} {share:.2f} ± {error:.2f}" for value, share, error in rows)


def _checked(checks: Checks, names: Mapping[str, str]) -> Iterator[str]:
    """Yield what the results add to the prior, what drives them, what conflicts, and what is covered."""
    by_key = checks.influence.set_index(["key", "dropped"])
    for key in dict.fromkeys(checks.influence["key"]):
        rows = by_key.loc[key]
        whole, name = rows.loc[NOTHING], names.get(str(key), str(key))
        ratio = whole["sd_discrepancy"] / whole["prior_sd"]
        little = ": the data add little to the prior" if ratio > ADDS_LITTLE else ""
        others = ", ".join(
            f"{row['mean']:.3g} without the {part}" for part, row in rows.iterrows() if part != NOTHING
        )
        yield (
            f"The {name} has mean {whole['prior_mean']:.3g} and standard deviation {whole['prior_sd']:.2g} "
            f"before the results, {whole['mean']:.3g} and {whole['sd']:.2g} after them, "
            f"{whole['mean_discrepancy']:.3g} and {whole['sd_discrepancy']:.2g} where every part may be off "
            f"by about one standard deviation{little}; the mean is {others}."
        )
    worst = checks.conflicts.iloc[0]
    if worst["p"] < FITS / len(checks.conflicts):
        one, other = (str(worst[name]).replace("_", " ") for name in ("one", "other"))
        yield (
            f"{one[:1].upper()}{one[1:]} and {other} cannot both come from any of these worlds: from the "
            f"nearest they lie at a squared distance of {worst['distance']:.1f} (p = {worst['p']:.1g})."
        )
    for level, covered in checks.coverage.groupby("level"):
        told = ", ".join(
            f"{names.get(str(row.key), str(row.key))} {100 * row.covered:.0f}% ± {100 * row.mcse:.0f}"
            for row in covered.itertuples()
        )
        yield (
            f"Where replicates are taken for print, sets of {100 * float(str(level)):.0f}% hold the truth "
            f"in: {told}."
        )
    short = checks.coverage["level"] - checks.coverage["covered"] > 3.0 * checks.coverage["mcse"]
    if short.any():
        yield (
            "These sets hold the truth too rarely, so that what stands above is too sure of itself: worlds "
            "are known from too few replicates; run more."
        )


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
