"""The truth that each method's estimands are measured against, in each cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from simsepsis.analysis.methods import methods_of, run_methods
from simsepsis.analysis.methods.kept import kept_patients, matched_set_of
from simsepsis.analysis.methods.method import MATCHED_SET, Method
from simsepsis.analysis.methods.shared import Shared
from simsepsis.analysis.methods.thesis import TWIN
from simsepsis.analysis.outcomes import upper_stratum
from simsepsis.analysis.result import attempt
from simsepsis.analysis.spec import AnalysisSpec, default_spec
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.estimand import Estimand
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.plan import RunSettings
from simsepsis.streams import streams
from simsepsis.truth import truth_rows
from simsepsis.world.cohort import Assignment, Cohort, generate_cohort
from simsepsis.world.contrast import Risks, log_odds_ratio
from simsepsis.world.potential import Outcomes, join_outcomes
from simsepsis.world.scenario import Scenario

COLUMNS = ["method", "estimand", "value", "mcse", "population"]

ASKED = ("psm", "psm_adjuncts")
"""Methods of the thesis whose matched sets all others of its analysis rest on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Treated patients whom a method matched in one registry, (m,) each; `upper`: in the tested stratum."""

    outcomes: Outcomes
    weights: FloatArray
    upper: BoolArray


def matched_truths(
    scenario: Scenario,
    methods: Sequence[str],
    *,
    population: int,
    seed: int,
    spec: AnalysisSpec | None = None,
) -> pd.DataFrame:
    """Return the truth of every effect that ends in ``_matched``, for each method in its own patients.

    Registries of the scenario's size are simulated and matched by each method, those of the randomized twin
    in registries treated by coin, until `population` patients have been registered.
    """
    spec = spec or default_spec()
    known = methods_of(spec)
    kept: dict[str, list[Kept]] = defaultdict(list)
    for shared, own, cohort in _registries(scenario, methods, population, seed, spec):
        for name in own:
            step = attempt(_kept, known[name], shared, cohort)
            if step.value is not None:
                kept[name].append(step.value)
    rows = [
        row | {"method": name} for name, parts in kept.items() for row in _truths(known[name], spec, parts)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _registries(
    scenario: Scenario, methods: Sequence[str], population: int, seed: int, spec: AnalysisSpec
) -> Iterator[tuple[Shared, list[str], Cohort]]:
    """Yield registries with the methods that are run on them; those of the twin are treated by coin."""
    in_twin = [name for name in methods if methods_of(spec)[name].group == TWIN]
    in_world = [name for name in methods if name not in in_twin]
    for replicate in range(max(1, round(population / scenario.n)) if methods else 0):
        draw = streams(seed, replicate=replicate)
        choices: tuple[tuple[list[str], Assignment], ...] = ((in_world, "indication"), (in_twin, "coin"))
        for own, assignment in choices:
            if not own:
                continue
            cohort = generate_cohort(
                scenario, seed=seed, replicate=replicate, oracle=True, assignment=assignment
            )
            twin = cohort.records if own is in_twin else None
            shared = Shared(
                registry=cohort.records,
                spec=spec,
                draw=draw,
                randomized=twin,
                asked=ASKED,
                asked_of_twin=ASKED,
            )
            yield shared, own, cohort


def _kept(method: Method, shared: Shared, cohort: Cohort) -> Kept:
    oracle = cohort.oracle
    assert oracle is not None
    weights = kept_patients(method, shared, oracle if "oracle" in method.needs else None)
    rows = np.flatnonzero(weights)
    return Kept(
        outcomes=oracle.outcomes.subset(rows),
        weights=weights[rows],
        upper=_upper(method, shared, weights.size)[rows],
    )


def _upper(method: Method, shared: Shared, size: int) -> BoolArray:
    """Return which patients of the registry are matched and in the upper stratum of the method's subgroup."""
    upper = np.zeros(size, dtype=np.bool_)
    for subgroup in shared.spec.subgroups:
        if subgroup.name == method.subgroup:
            cohort = matched_set_of(method, shared).cohort
            upper[cohort.record] = upper_stratum(cohort, subgroup)
    return upper


def _truths(method: Method, spec: AnalysisSpec, parts: Sequence[Kept]) -> Iterator[dict[str, object]]:
    """Yield the truths of one method in all the patients whom it matched."""
    outcomes = join_outcomes([part.outcomes for part in parts])
    weights = np.concatenate([part.weights for part in parts])
    if method.subgroup is None:
        yield from truth_rows(outcomes, weights, "matched", method.estimands_of(spec))
        return
    upper = np.concatenate([part.upper for part in parts])
    for outcome in spec.outcomes:
        value, mcse = _ratio_of_odds_ratios(outcomes, outcome, weights, upper)
        name, size = f"log_or_ratio_{outcome}_matched", int(weights.size)
        yield {"estimand": name, "value": value, "mcse": mcse, "population": size}


def _ratio_of_odds_ratios(
    outcomes: Outcomes, outcome: str, weights: FloatArray, upper: BoolArray
) -> tuple[float, float]:
    """Return the log odds ratio in the upper stratum minus that in the lower, and its Monte Carlo SE."""
    (above, error_above), (below, error_below) = (
        log_odds_ratio(
            Risks(
                treated=outcomes.treated.event[outcome][stratum],
                untreated=outcomes.untreated.event[outcome][stratum],
                weights=weights[stratum],
            )
        )
        for stratum in (upper, ~upper)
    )
    return above - below, float(np.hypot(error_above, error_below))


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
    """A cell, settled, and the methods and analysis whose truths are wanted."""

    cell: Cell
    methods: tuple[str, ...]
    population: int
    seed: int
    spec: AnalysisSpec = field(default_factory=default_spec)

    def method(self, name: str) -> Method:
        """Return a method of the analysis."""
        return methods_of(self.spec)[name]


def truth_work(run: RunSettings, cell: Cell, methods: tuple[str, ...]) -> TruthWork:
    """Return what a plan asks of the truths of a cell."""
    return TruthWork(
        cell=cell, methods=methods, population=run.truth_population, seed=run.seed, spec=run.analysis
    )


def true_values(work: TruthWork) -> pd.DataFrame:
    """Return the truth of every estimand of every method in one cell.

    Notes
    -----
    ``att``, ``ate`` and ``ato`` are contrasts of potential outcomes, and so is ``matched``, in the treated
    whom the method itself matches, and of policies in everybody. ``twin`` is the mean of the
    method's own estimates where treatment is given by coin, since conditional odds ratios and hazard ratios
    are no average over patients. Where treatment does nothing every effect is 0, exactly. What describes a
    matched set has no truth.
    """
    pairs = [
        (name, estimand) for name in work.methods for estimand in work.method(name).estimands_of(work.spec)
    ]
    table = pd.DataFrame(pairs, columns=["method", "estimand"])
    if work.cell.scenario.is_null:
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
        spec=work.spec,
    )
    twins = _twin_means(work, _with("twin", work))
    own = pd.concat([part for part in (twins, matched) if len(part)] or [twins], ignore_index=True)
    population = table["estimand"].map(_population)
    is_own = population.isin(("twin", "matched"))
    marginal = _contrasts(work, set(population[~is_own]), set(table["estimand"]))
    parts = (
        table[~is_own].merge(marginal, on="estimand", how="left"),
        table[is_own].merge(own, on=["method", "estimand"], how="left"),
    )
    joined = pd.concat([part for part in parts if len(part)], ignore_index=True)
    joined["population"] = joined["population"].fillna(0).astype(np.int64)
    return joined.fillna({"mcse": 0.0})


def _population(name: str) -> str:
    return Estimand.parse(name).population


def _contrasts(work: TruthWork, populations: set[str], wanted: set[str]) -> pd.DataFrame:
    """Return the contrasts of potential outcomes that are asked for."""
    columns = ["estimand", "value", "mcse", "population"]
    if not populations:
        return pd.DataFrame(columns=columns)
    seed = work.seed + TRUTH_OFFSET
    outcomes = work.cell.scenario.potential_outcomes(population=work.population, seed=seed)
    chance = outcomes.propensity
    weights = {"att": chance, "ate": np.ones_like(chance), "ato": chance * (1.0 - chance)}
    rows = [
        row
        for name in weights
        if name in populations
        for row in truth_rows(outcomes, weights[name], name, wanted)
    ]
    for policy, compared in outcomes.under().items():
        if policy in populations:
            rows += truth_rows(compared, weights["ate"], policy, wanted)
    return pd.DataFrame(rows, columns=columns)


def _with(population: str, work: TruthWork) -> tuple[str, ...]:
    return tuple(name for name in work.methods if population in work.method(name).populations)


def _twin_means(work: TruthWork, methods: Sequence[str]) -> pd.DataFrame:
    """Return the mean of each method's estimates over randomized registries."""
    columns = ["method", "estimand", "value", "mcse", "population"]
    if not methods:
        return pd.DataFrame(columns=columns)
    rows = pd.concat(_twin_estimates(work, methods), ignore_index=True)
    rows = rows[rows["converged"] & (rows["estimand"].map(_population) == "twin")]
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
        rows = run_methods(
            tuple(dict.fromkeys(plain.values())),
            twin.records,
            draw=draw,
            oracle=twin.oracle,
            spec=work.spec,
        )
        for name, own in plain.items():
            yield rows[rows["method"] == own].assign(method=name)
