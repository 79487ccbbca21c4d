"""The kinds of worlds there are: each study brings its own, found by the study's name."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from simsepsis.errors import UsageError
from simsepsis.study.published import DEFAULT
from simsepsis.world.scenario import Scenario

HOME = ".world.scenario"
"""Where in a study the class of its scenarios is."""


def scenario_type(study: str = DEFAULT) -> type[Scenario]:
    """Return the class of a study's scenarios.

    Parameters
    ----------
    study
        Name of the study, as in its folder.
    """
    kind: type[Scenario] = import_module(f"simsepsis.studies.{study.replace('-', '_')}{HOME}").Scenario
    return kind


def room_of(kind: type[Scenario], room: str) -> ModuleType:
    """Return a module of the study that a class of scenarios belongs to.

    Parameters
    ----------
    kind
        The class.
    room
        Name of the module, such as ``describe``.

    Raises
    ------
    UsageError
        If the study has none.
    """
    study = kind.__module__.removesuffix(HOME)
    try:
        return import_module(f"{study}.{room}")
    except ModuleNotFoundError as error:
        name = study.rpartition(".")[2].replace("_", "-")
        raise UsageError(
            f"study '{name}' has no room '{room}'; what was asked for needs a study that has"
        ) from error
