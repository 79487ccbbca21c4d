"""The kinds of worlds there are: each study brings its own, with what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from simsepsis.documents import read_toml
from simsepsis.errors import UsageError
from simsepsis.study.published import DEFAULT, open_study
from simsepsis.world.scenario import Scenario
from simsepsis.world.section import Section


def kind_of(values: Mapping[str, Any]) -> type[Scenario]:
    """Return the class of the scenario that a file describes: a learned one says so in its ``kind``."""
    if "kind" in values and "profile" in values:
        from simsepsis.world.fitted.scenario import FittedScenario

        return FittedScenario
    return scenario_type()


def scenario_type(study: str = DEFAULT) -> type[Scenario]:
    """Return the class of a study's scenarios."""
    kind: type[Scenario] = room_of(study, "world.scenario").Scenario
    return kind


def regimen_of(study: str) -> type[Section]:
    """Return what a plan may say of a treatment in a study's worlds; nothing where the study has no code."""
    room = open_study(study).module("world.scenario")
    regimen: type[Section] = Section if room is None else room.Scenario.regimen
    return regimen


def setting_words(study: str | None = None) -> dict[str, str]:
    """Return what settings of worlds are called, by dotted key: the study's own words, else everybody's."""
    return {**_common_words(), **open_study(study).setting_names}


@cache
def _common_words() -> dict[str, str]:
    return read_toml(Path(__file__).with_name("settings.toml"), UsageError)


def room_of(study: str, room: str) -> Any:
    """Return a module of a study's own code."""
    module = open_study(study).module(room)
    if module is None:
        raise UsageError(f"study '{study}' has no room '{room}'; what was asked for needs a study that has")
    return module
