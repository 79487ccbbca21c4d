"""Settings of worlds have words, the study's own first."""

from __future__ import annotations

import pytest

from simsepsis.world.fitted.scenario import FittedScenario  # deep: keys are read off its schema
from simsepsis.world.kinds import setting_words


def schema_keys(schema: dict, root: dict, before: str = "") -> set[str]:
    """Return the dotted keys of a schema."""
    found = set()
    for name, value in schema.get("properties", {}).items():
        found.add(before + name)
        # Pydantic before 2.9 writes a reference with other words beside it as a list of one.
        for part in (value, *value.get("anyOf", ()), *value.get("allOf", ())):
            if "$ref" in part:
                found |= schema_keys(root["$defs"][part["$ref"].split("/")[-1]], root, f"{before}{name}.")
    return found


def test_words_are_those_of_settings_that_there_are() -> None:
    schema = FittedScenario.model_json_schema()
    known = schema_keys(schema, schema)
    assert "effect.modifier.factor" in known
    assert set(setting_words("rhc")) <= known


@pytest.mark.parametrize(
    ("study", "key", "words"),
    [
        ("rhc", "unmeasured.kind", "hidden confounder"),
        ("jseptic-ivigg", "unmeasured.kind", "hidden confounder"),
        ("jseptic-ivigg", "icus.spread", "spread between ICUs (1: as fitted)"),
    ],
)
def test_a_study_adds_its_own_words(study: str, key: str, words: str) -> None:
    assert setting_words(study)[key] == words
