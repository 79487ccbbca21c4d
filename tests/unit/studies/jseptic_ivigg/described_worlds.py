"""Worlds to be described, without the time that solving them takes."""

from __future__ import annotations

from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario


def switched(scenario: Scenario, **sections: dict[str, object]) -> Scenario:
    """Return the scenario with some fields of some sections replaced, as if they had been solved."""
    parts = {name: getattr(scenario, name).model_copy(update=fields) for name, fields in sections.items()}
    return scenario.model_copy(update=parts)
