"""The world that is simulated: frozen and validated; TOML in, TOML out, hash."""

from simsepsis.scenario.files import load_scenario, scenario_names
from simsepsis.scenario.schema import (
    Adjunct,
    Coefficients,
    Course,
    Hazard,
    Margin,
    Patients,
    Roster,
    Scenario,
    Support,
    Transfusion,
)
from simsepsis.scenario.write import scenario_toml

__all__ = [
    "Adjunct",
    "Coefficients",
    "Course",
    "Hazard",
    "Margin",
    "Patients",
    "Roster",
    "Scenario",
    "Support",
    "Transfusion",
    "load_scenario",
    "scenario_names",
    "scenario_toml",
]
