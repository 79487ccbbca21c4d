"""The world that is simulated: frozen and validated; TOML in, TOML out, hash."""

from simsepsis.scenario.care import Adjunct, Support, Transfusion, Treatment
from simsepsis.scenario.effect import Dose, Effect, Modifier, Regimen, Unmeasured
from simsepsis.scenario.files import load_scenario, scenario_names
from simsepsis.scenario.outcome import Course, Hazard, Scores
from simsepsis.scenario.people import Icus, Lab, Margin, Patients, Roster
from simsepsis.scenario.schema import Observation, Scenario
from simsepsis.scenario.section import Coefficients
from simsepsis.scenario.write import scenario_schema, scenario_toml

__all__ = [
    "Adjunct",
    "Coefficients",
    "Course",
    "Dose",
    "Effect",
    "Hazard",
    "Icus",
    "Lab",
    "Margin",
    "Modifier",
    "Observation",
    "Patients",
    "Regimen",
    "Roster",
    "Scenario",
    "Scores",
    "Support",
    "Transfusion",
    "Treatment",
    "Unmeasured",
    "load_scenario",
    "scenario_names",
    "scenario_schema",
    "scenario_toml",
]
