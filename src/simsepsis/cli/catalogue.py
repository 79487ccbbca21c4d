"""What there is, by kind: names with a line for people."""

from __future__ import annotations

from collections.abc import Callable

Rows = list[tuple[str, str]]


def _scenarios() -> Rows:
    from simsepsis.world.files import load_scenario, scenario_names

    return [(name, load_scenario(name).label) for name in scenario_names()]


def _experiments() -> Rows:
    from simsepsis.experiment import experiment_names, load_plan

    return [(name, load_plan(name).question) for name in experiment_names()]


def _trials() -> Rows:
    from simsepsis.trial.protocol import load_trial, trial_names

    return [(name, load_trial(name).question) for name in trial_names()]


def _methods() -> Rows:
    from simsepsis.analysis.methods.registry import METHODS

    rows = [(name, method.label) for name, method in METHODS.items()]
    return [*rows, ("breslow_day_NAME", "Interaction with any subgroup NAME of a spec")]


def _estimands() -> Rows:
    from simsepsis.estimand import BY_EXPERIMENT, ESTIMANDS

    return [*ESTIMANDS.items(), *BY_EXPERIMENT.items()]


def _measures() -> Rows:
    from simsepsis.performance import MEASURES

    return [(name, f"{measure.label} ({measure.unit})") for name, measure in MEASURES.items()]


CATALOGUES: dict[str, Callable[[], Rows]] = {
    "scenarios": _scenarios,
    "experiments": _experiments,
    "trials": _trials,
    "methods": _methods,
    "estimands": _estimands,
    "measures": _measures,
}
"""Kind → its rows; each opens the rooms it needs when it is asked."""
