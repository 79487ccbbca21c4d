"""The truth that each method's estimands are measured against, in each cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.methods import METHODS, run_methods
from simsepsis.analysis.methods.method import MATCHED_SET
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.estimand import potential_outcomes, truth_rows
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.matched_truth import matched_truths
from simsepsis.streams import streams
from simsepsis.studies.jseptic_ivigg.world.generate import generate_cohort

TRUTH_COLUMNS = ("cell", "scenario", "method", "estimand", "value", "mcse", "population")
"""Columns of the table of truths."""

TRUTH_OFFSET = 2**32
"""Added to the seed, so that truths and replicates share no random numbers."""

TWIN_PATIENTS = 12_000
"""Patients of each randomized registry that a conditional truth is averaged over: far more than in a
replicate, so that what is left of small-sample bias is a fraction of the replicates'."""

TWIN_PREFIX = "randomized_twin_"


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthWork:
    """A cell, settled, and the methods whose truths are wanted."""

    cell: Cell
    methods: tuple[str, ...]
    population: int
    seed: int


def true_values(work: TruthWork) -> pd.DataFrame:
    """Return the truth of every estimand of every method in one cell.

    Parameters
    ----------
    work
        The cell, the methods, and how many patients to spend.

    Returns
    -------
    DataFrame
        `TRUTH_COLUMNS`; NaN where the truth is not known.

    Notes
    -----
    ``att``, ``ate`` and ``ato`` are contrasts of potential outcomes, and so is ``matched``, in the treated
    whom the method itself matches. ``twin`` is the mean of the
    method's own estimates where treatment is given by coin, since conditional odds ratios and hazard ratios
    are no average over patients. Where treatment does nothing every effect is 0, exactly. What describes a
    matched set has no truth.
    """
    pairs = [
        (name, estimand) for name in work.methods for estimand in METHODS[name].estimands_of(THESIS_SPEC)
    ]
    table = pd.DataFrame(pairs, columns=["method", "estimand"])
    if work.cell.scenario.effect.log_hazard_ratio == 0.0:
        described = table["estimand"].isin(MATCHED_SET)
        known = table.assign(value=np.where(described, np.nan, 0.0), mcse=0.0, population=0)
    else:
        known = _joined(table, work)
    keyed = known.assign(cell=work.cell.key, scenario=work.cell.name)
    return keyed[list(TRUTH_COLUMNS)]


def _joined(table: pd.DataFrame, work: TruthWork) -> pd.DataFrame:
    matched = matched_truths(
        work.cell.scenario,
        _with("matched", work),
        population=work.population,
        seed=work.seed + TRUTH_OFFSET,
    )
    twins = _twin_means(work, _with("twin", work))
    own = pd.concat([part for part in (twins, matched) if len(part)] or [twins], ignore_index=True)
    last = table["estimand"].str.rpartition("_")[2]
    is_own = last.isin(("twin", "matched"))
    marginal = _contrasts(work, set(last[~is_own]))
    parts = (
        table[~is_own].merge(marginal, on="estimand", how="left"),
        table[is_own].merge(own, on=["method", "estimand"], how="left"),
    )
    joined = pd.concat([part for part in parts if len(part)], ignore_index=True)
    joined["population"] = joined["population"].fillna(0).astype(np.int64)
    return joined.fillna({"mcse": 0.0})


def _contrasts(work: TruthWork, truths: set[str]) -> pd.DataFrame:
    """Return the contrasts of potential outcomes in each population that is asked for."""
    columns = ["estimand", "value", "mcse", "population"]
    if not truths:
        return pd.DataFrame(columns=columns)
    seed = work.seed + TRUTH_OFFSET
    outcomes = potential_outcomes(work.cell.scenario, population=work.population, seed=seed)
    chance = outcomes.propensity
    weights = {"att": chance, "ate": np.ones_like(chance), "ato": chance * (1.0 - chance)}
    rows = [row for name in weights if name in truths for row in truth_rows(outcomes, weights[name], name)]
    return pd.DataFrame(rows, columns=columns)


def _with(truth: str, work: TruthWork) -> tuple[str, ...]:
    return tuple(name for name in work.methods if truth in METHODS[name].truths)


def _twin_means(work: TruthWork, methods: Sequence[str]) -> pd.DataFrame:
    """Return the mean of each method's estimates over randomized registries."""
    columns = ["method", "estimand", "value", "mcse", "population"]
    if not methods:
        return pd.DataFrame(columns=columns)
    rows = pd.concat(_twin_estimates(work, methods), ignore_index=True)
    rows = rows[rows["converged"] & rows["estimand"].str.endswith("_twin")]
    series = rows.groupby(["method", "estimand"], sort=False)
    means = series["estimate"].agg(["mean", "std", "size"])
    means["mcse"] = means["std"] / np.sqrt(means["size"])
    means["population"] = series["n_used"].sum()
    return means.rename(columns={"mean": "value"}).reset_index()[columns]


def _twin_estimates(work: TruthWork, methods: Sequence[str]) -> Iterator[pd.DataFrame]:
    scenario, seed = work.cell.scenario, work.seed + TRUTH_OFFSET
    plain = {name: name.removeprefix(TWIN_PREFIX) for name in methods}
    for replicate in range(max(2, round(work.population / TWIN_PATIENTS))):
        twin = generate_cohort(
            scenario, seed=seed, n=TWIN_PATIENTS, replicate=replicate, assignment="coin", oracle=True
        )
        draw = streams(seed, replicate=replicate)
        rows = run_methods(tuple(dict.fromkeys(plain.values())), twin.records, draw=draw, oracle=twin.oracle)
        for name, own in plain.items():
            yield rows[rows["method"] == own].assign(method=name)
