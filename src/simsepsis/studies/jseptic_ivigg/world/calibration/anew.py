"""A world calibrated anew: to the tables that a registry of its own would print, with other ICUs."""

from __future__ import annotations

from simsepsis.analysis.cells import cells
from simsepsis.analysis.thesis_analysis import run_thesis_analysis
from simsepsis.errors import ConvergenceError
from simsepsis.streams import stream
from simsepsis.studies.jseptic_ivigg.world.calibration.assumed import declared_mechanisms
from simsepsis.studies.jseptic_ivigg.world.calibration.fit import fit_calibration
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import Targets, fitted_cells, targets_of
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.study.layout import Key
from simsepsis.study.published import open_study
from simsepsis.world.cohort import generate_cohort

ATTEMPTS = 5
"""Registries that are tried; the tables of some cannot be met."""
KEPT = ("name", "label", "n", "effect", "dose", "unmeasured", "observation")
"""Parts of a world that no table before matching tells."""


def printed_by(scenario: Scenario, *, seed: int, replicate: int) -> Targets:
    """Return the before-matching cells of one registry of a world, as the thesis would have printed them."""
    study = open_study("jseptic-ivigg")
    registry = generate_cohort(scenario, seed=seed, replicate=replicate).records
    found = cells(run_thesis_analysis(registry, rng=stream(seed, "matching", replicate=replicate)))
    frame = study.printed(corrected=True)
    keys = frame[list(Key._fields)].itertuples(index=False, name=None)
    frame = frame.assign(printed=[found.get(key, float("nan")) for key in keys])
    return targets_of(fitted_cells(study.layout.written(frame)))


def recalibrate(scenario: Scenario, *, seed: int) -> Scenario:
    """Return a scenario calibrated to the tables of one of its own registries, with ICUs drawn anew."""
    added = declared_mechanisms(scenario.fitted_after_looking)
    for attempt in range(ATTEMPTS):
        targets = printed_by(scenario, seed=seed, replicate=attempt)
        try:
            fitted = fit_calibration(added, targets=targets, seed=seed)
        except ConvergenceError:
            continue
        return fitted.model_copy(update={name: getattr(scenario, name) for name in KEPT})
    raise ConvergenceError(
        f"scenario '{scenario.name}': the tables of {ATTEMPTS} of its registries cannot be met; give another "
        "--seed"
    )
