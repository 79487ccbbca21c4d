"""A scenario described: what it changes and asks, what it makes of patients, what is true in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.errors import ScenarioError, UsageError
from simsepsis.studies.jseptic_ivigg.describe.changes import changes_frame, solved_frame
from simsepsis.studies.jseptic_ivigg.describe.correlation import correlation_rows
from simsepsis.studies.jseptic_ivigg.describe.diagram import diagram_arrows, diagram_nodes
from simsepsis.studies.jseptic_ivigg.describe.dosing import dose_rows
from simsepsis.studies.jseptic_ivigg.describe.incidence import incidence_rows, risk_facts
from simsepsis.studies.jseptic_ivigg.describe.margins import margin_rows
from simsepsis.studies.jseptic_ivigg.describe.propensity import propensity_facts, propensity_rows
from simsepsis.studies.jseptic_ivigg.describe.starts import start_facts, start_rows
from simsepsis.studies.jseptic_ivigg.world.oracle import Oracle, join_oracles
from simsepsis.studies.jseptic_ivigg.world.resolve import resolve, resolve_scenario
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario, own
from simsepsis.threads import one_thread
from simsepsis.truth import true_estimands
from simsepsis.world import scenario as world
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario

PATIENTS = 50_000
POPULATION = 500_000
LEAST = 2_000
"""Patients below which the arms are too small to describe."""

LEAST_TREATED = 50
"""Patients that each arm must have."""

BASE = "thesis"
"""The scenario that all others are compared with."""

SAMPLED_DRAWS = 10
"""Registries that the patients are divided into where each registry has its own ICUs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScenarioDescription:
    """All that a page of a scenario says, in numbers.

    Attributes
    ----------
    scenario, settled
        As written, and with nothing left to solve.
    base
        Name of the scenario that it is compared with.
    seed, n, population
        Seed of all simulations; patients in the pictures and margins; patients in the truth.
    changes
        ``key, base, here, meaning``: settings that differ from the base.
    reached
        ``what, asked, value, mcse``: requests and what the solved coefficients give.
    solved
        ``key, asked, solved, meaning``: the coefficients solved for them.
    nodes, arrows
        The causal diagram, as of `diagram_nodes` and `diagram_arrows`.
    margins
        Numbers of Tables 1 to 3 before matching, as of `margin_rows`.
    correlations, propensity, starts, incidence, doses
        What the figures draw.
    facts
        ``fact, value, mcse``: numbers that the words of the page need.
    truth
        ``estimand, value, mcse, population``.
    """

    scenario: Scenario
    settled: Scenario
    base: str
    seed: int
    n: int
    population: int
    changes: pd.DataFrame
    reached: pd.DataFrame
    solved: pd.DataFrame
    nodes: pd.DataFrame
    arrows: pd.DataFrame
    margins: pd.DataFrame
    correlations: pd.DataFrame
    propensity: pd.DataFrame
    starts: pd.DataFrame
    incidence: pd.DataFrame
    doses: pd.DataFrame
    facts: pd.DataFrame
    truth: pd.DataFrame


@one_thread()
def describe_scenario(
    scenario: world.Scenario, *, seed: int, n: int = PATIENTS, population: int = POPULATION
) -> ScenarioDescription:
    """Return what a scenario changes and asks, what it makes of patients, and what is true in it."""
    if n < LEAST:
        raise UsageError(f"n = {n}: too few patients to describe a scenario; give {LEAST:,} or more")
    asked = own(scenario)
    resolution = resolve_scenario(asked)
    settled, base = resolution.scenario, own(load_scenario(BASE))
    draws = 1 if settled.icus.kind == "registry" else SAMPLED_DRAWS
    recorded = _fully_recorded(settled)
    registry, oracle = _patients(recorded, n=n, draws=draws, seed=seed)
    _check_arms(asked, int(registry["ivigg"].sum()), n)
    return ScenarioDescription(
        scenario=asked,
        settled=settled,
        base=base.name,
        seed=seed,
        n=n,
        population=population,
        changes=changes_frame(base, asked),
        reached=pd.DataFrame(
            [(r.what, r.asked, r.value, r.mcse) for r in resolution.reached],
            columns=["what", "asked", "value", "mcse"],
        ),
        solved=solved_frame(asked, settled),
        nodes=diagram_nodes(settled),
        arrows=diagram_arrows(asked, settled, resolve(base)),
        margins=margin_rows(recorded, patients=n, draws=draws, seed=seed),
        correlations=correlation_rows(registry, oracle),
        propensity=propensity_rows(oracle),
        starts=start_rows(registry, oracle),
        incidence=incidence_rows(oracle),
        doses=dose_rows(settled, oracle),
        facts=pd.concat(
            [risk_facts(oracle), propensity_facts(oracle), start_facts(oracle)], ignore_index=True
        ),
        truth=true_estimands(settled, population=population, seed=seed),
    )


def _fully_recorded(settled: Scenario) -> Scenario:
    """Return the scenario with the columns that its registry omits, which the patients have all the same."""
    observation = settled.observation.model_copy(update={"omit": ()})
    return settled.model_copy(update={"observation": observation})


def _check_arms(scenario: Scenario, treated: int, n: int) -> None:
    if not LEAST_TREATED <= treated <= n - LEAST_TREATED:
        raise ScenarioError(
            f"scenario '{scenario.name}': {treated} of {n} patients are given IVIgG; a description compares "
            f"two arms of {LEAST_TREATED} or more, so change the settings of treatment or simulate more"
        )


def _patients(settled: Scenario, *, n: int, draws: int, seed: int) -> tuple[pd.DataFrame, Oracle]:
    """Return the registry and the oracle of `n` patients from one or several replicates."""
    sizes = np.diff(np.linspace(0, n, draws + 1).round().astype(np.int64)).tolist()
    cohorts = [
        generate_cohort(settled, seed=seed, n=size, replicate=replicate)
        for replicate, size in enumerate(sizes)
    ]
    registry = pd.concat([cohort.registry for cohort in cohorts], ignore_index=True)
    return registry, join_oracles([cohort.oracle for cohort in cohorts if isinstance(cohort.oracle, Oracle)])
