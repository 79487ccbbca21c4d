"""A scenario described and drawn: its switches, its patients, its truth."""

from simsepsis.show.plots.scenario.description import ScenarioDescription, describe_scenario
from simsepsis.show.plots.scenario.scenario_figures import draw_description

__all__ = ["ScenarioDescription", "describe_scenario", "draw_description"]
