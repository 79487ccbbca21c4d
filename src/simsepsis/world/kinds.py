"""The kinds of worlds there are: each study brings its own, found by the study's name."""

from __future__ import annotations

from importlib import import_module

from simsepsis.world.scenario import Scenario

DEFAULT = "jseptic-ivigg"
"""The study that stands where none is named."""


def scenario_type(study: str = DEFAULT) -> type[Scenario]:
    """Return the class of a study's scenarios.

    Parameters
    ----------
    study
        Name of the study, as in its folder.
    """
    module = import_module(f"simsepsis.studies.{study.replace('-', '_')}.world.scenario")
    kind: type[Scenario] = module.Scenario
    return kind
