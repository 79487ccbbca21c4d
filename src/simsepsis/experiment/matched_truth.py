"""The effect in the treated patients whom each method matches: what it can at best find."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.methods import METHODS
from simsepsis.analysis.methods.kept import kept_patients, matched_set_of
from simsepsis.analysis.methods.method import Method
from simsepsis.analysis.methods.shared import Shared
from simsepsis.analysis.methods.thesis import TWIN
from simsepsis.analysis.outcomes import upper_stratum
from simsepsis.analysis.result import attempt
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.estimand import Outcomes, truth_rows
from simsepsis.streams import streams
from simsepsis.studies.jseptic_ivigg.world.generate import Assignment, Cohort, generate_cohort
from simsepsis.studies.jseptic_ivigg.world.oracle import join_potentials
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.world.contrast import Risks, log_odds_ratio

COLUMNS = ["method", "estimand", "value", "mcse", "population"]

ASKED = ("psm", "psm_adjuncts")
"""Methods of the thesis whose matched sets all others of its analysis rest on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """Treated patients whom a method matched in one registry, (m,) each.

    Attributes
    ----------
    outcomes
        How they leave with and without treatment.
    weights
        How much each of them counts.
    upper
        Which of them are in the upper stratum of the subgroup that the method tests; none without one.
    """

    outcomes: Outcomes
    weights: FloatArray
    upper: BoolArray


def matched_truths(scenario: Scenario, methods: Sequence[str], *, population: int, seed: int) -> pd.DataFrame:
    """Return the truth of every effect that ends in ``_matched``, for each method in its own patients.

    Registries of the scenario's size are simulated and matched by each method, those of the randomized twin
    in registries treated by coin, until `population` patients have been registered.

    Parameters
    ----------
    scenario
        The world, settled.
    methods
        Names of methods.
    population
        Patients to register in all.
    seed
        Seed of the registries.

    Returns
    -------
    DataFrame
        ``method, estimand, value, mcse, population``; a method that never matches anybody has no rows.
    """
    kept: dict[str, list[Kept]] = defaultdict(list)
    for shared, own, cohort in _registries(scenario, methods, population, seed):
        for name in own:
            step = attempt(_kept, METHODS[name], shared, cohort)
            if step.value is not None:
                kept[name].append(step.value)
    rows = [row | {"method": name} for name, parts in kept.items() for row in _truths(METHODS[name], parts)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _registries(
    scenario: Scenario, methods: Sequence[str], population: int, seed: int
) -> Iterator[tuple[Shared, list[str], Cohort]]:
    """Yield registries with the methods that are run on them; those of the twin are treated by coin."""
    in_twin = [name for name in methods if METHODS[name].group == TWIN]
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
                spec=THESIS_SPEC,
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
        outcomes=Outcomes(
            treated=oracle.treated.subset(rows),
            untreated=oracle.untreated.subset(rows),
            propensity=oracle.propensity[rows],
        ),
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


def _truths(method: Method, parts: Sequence[Kept]) -> Iterator[dict[str, object]]:
    """Yield the truths of one method in all the patients whom it matched."""
    outcomes = Outcomes(
        treated=join_potentials([part.outcomes.treated for part in parts]),
        untreated=join_potentials([part.outcomes.untreated for part in parts]),
        propensity=np.concatenate([part.outcomes.propensity for part in parts]),
    )
    weights = np.concatenate([part.weights for part in parts])
    given = method.estimands_of(THESIS_SPEC)
    if method.subgroup is None:
        yield from (row for row in truth_rows(outcomes, weights, "matched") if row["estimand"] in given)
        return
    upper = np.concatenate([part.upper for part in parts])
    for outcome in THESIS_SPEC.outcomes:
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
                treated=getattr(outcomes.treated, outcome)[stratum],
                untreated=getattr(outcomes.untreated, outcome)[stratum],
                weights=weights[stratum],
            )
        )
        for stratum in (upper, ~upper)
    )
    return above - below, float(np.hypot(error_above, error_below))
