"""The whole calibration: printed tables and assumptions in, scenario out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simsepsis.streams import stream
from simsepsis.studies.jseptic_ivigg.world.calibration.assumed import load_assumptions, mechanisms
from simsepsis.studies.jseptic_ivigg.world.calibration.care import fit_adjuncts, fit_support, fit_transfusion
from simsepsis.studies.jseptic_ivigg.world.calibration.course import Supposed, fit_course, hazards, judged
from simsepsis.studies.jseptic_ivigg.world.calibration.margins import fit_patients
from simsepsis.studies.jseptic_ivigg.world.calibration.population import Population, draw_population
from simsepsis.studies.jseptic_ivigg.world.calibration.provenance import LOOKED_AT, NOTES, UNSEEN
from simsepsis.studies.jseptic_ivigg.world.calibration.roster import fit_roster
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import Targets, load_targets
from simsepsis.studies.jseptic_ivigg.world.calibration.tilt import treatment_mark, treatment_section
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.threads import one_thread
from simsepsis.world.write import scenario_toml

Say = Callable[[str], None]


def draft(targets: Targets, assumptions: dict[str, Any], added: Sequence[str], seed: int) -> Scenario:
    """Return a scenario with fitted patients and ICUs, and everything after admission as judged."""
    n = assumptions["n"]
    roster = fit_roster(targets, assumptions["between_icus"], n, stream(seed, "icus"))
    course = assumptions["course"] | {k: v.model_dump() for k, v in hazards(judged()[0]).items()}
    return Scenario.model_validate(
        {
            "name": "thesis" if added else "thesis-v1",
            "label": "The registry that the thesis analysed, under no treatment effect",
            "n": n,
            "icus": {"roster": roster},
            "patients": fit_patients(targets, assumptions),
            "treatment": {"intercept": 0.0, "numbers": {}, "levels": {}, **assumptions["treatment"]},
            "course": course,
            **_unfitted(assumptions),
            "scores": assumptions["scores"],
            "observation": assumptions["observation"],
            "effect": assumptions["effect"],
            "fitted_after_looking": [str(mechanisms()[name]["words"]) for name in added],
        }
    )


def _unfitted(assumptions: dict[str, Any]) -> dict[str, Any]:
    """Return supports, adjuncts and transfusions as assumed; what is fitted is 0 until it is."""
    nothing = {"intercept": 0.0, "care": 0.0}

    def begun(assumed: dict[str, Any]) -> dict[str, Any]:
        inner = {key: nothing | value for key, value in assumed.items() if isinstance(value, dict)}
        return assumed | inner

    return {
        "supports": {name: begun(assumed) for name, assumed in assumptions["supports"].items()},
        "adjuncts": {name: nothing | assumed for name, assumed in assumptions["adjuncts"].items()},
        "transfusions": {name: begun(assumed) for name, assumed in assumptions["transfusions"].items()},
    }


@one_thread()
def fit_calibration(
    added: Sequence[str] | None = None,
    *,
    targets: Targets | None = None,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Scenario:
    """Return the scenario fitted to the before-matching columns of Tables 1 to 3.

    Notes
    -----
    In order: roster and pooled margins from Table 1; hazards of death and discharge from Table 3, each
    trial with the treatment tilt of Table 1 solved anew; then adjuncts, transfusions and organ
    support one at a time. Nothing after matching is looked at.
    """
    added = tuple(mechanisms()) if added is None else tuple(added)
    targets, assumptions = targets or load_targets(), load_assumptions(added)
    say("patients and ICUs from Table 1")
    population: Population = draw_population(draft(targets, assumptions, added, seed), targets, seed)
    say("deaths and stays from Table 3, treatment from Table 1")
    early, free = (assumptions["supposed"][name] for name in ("deaths_by_day_7", "care_deaths"))
    supposed = Supposed(deaths_by_day_7=tuple(early), care_deaths=free)
    scenario, treated, beta = fit_course(population, supposed)
    treatment = scenario.treatment.model_copy(update=treatment_section(population.tilt, beta))
    scenario = scenario.model_copy(update={"treatment": treatment})
    say("adjuncts and transfusions from Table 2")
    adjuncts = fit_adjuncts(population, treated, assumptions["adjuncts"])
    scenario = scenario.model_copy(update={"adjuncts": adjuncts})
    transfusions = {
        name: fit_transfusion(population, treated, name, assumed, row)
        for row, (name, assumed) in enumerate(assumptions["transfusions"].items())
    }
    say("organ support from Table 3")
    supports = {
        name: fit_support(population, scenario, treated, name, assumed, row + 3)
        for row, (name, assumed) in enumerate(assumptions["supports"].items())
    }
    fitted = scenario.model_copy(update={"transfusions": transfusions, "supports": supports})
    rounded = Scenario.model_validate(_rounded(fitted.model_dump(mode="json")))
    marked = rounded.treatment.model_copy(update={"solved_for": treatment_mark(rounded)})
    return rounded.model_copy(update={"treatment": marked})


def _rounded(value: Any) -> Any:
    """Return nested values with numbers to six digits, as they stand in the file."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def calibrated_toml(scenario: Scenario) -> str:
    """Return the calibrated scenario as a file that says of each part where it comes from."""
    header = LOOKED_AT if scenario.fitted_after_looking else UNSEEN
    return header + scenario_toml(scenario, NOTES)
