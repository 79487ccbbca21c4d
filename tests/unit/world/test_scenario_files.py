"""Scenarios: read, written, inherited, and refused with one sentence."""

import hashlib
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from simsepsis.errors import ScenarioError
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario, scenario_names
from simsepsis.world.write import scenario_schema, scenario_toml


@pytest.fixture
def child(tmp_path):
    """Return a function that writes a scenario file extending the thesis's."""

    def write(text, name="child"):
        path = tmp_path / f"{name}.toml"
        path.write_text(f'extends = "thesis"\n{text}', encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", scenario_names())
def test_shipped_scenarios_come_back_from_toml_unchanged(name, tmp_path):
    scenario = load_scenario(name)
    path = tmp_path / "copy.toml"
    path.write_text(scenario_toml(scenario), encoding="utf-8")
    assert load_scenario(path) == scenario


def test_a_file_holds_only_what_differs(child):
    base, path = load_scenario("thesis"), child("[effect]\nlog_hazard_ratio = -0.2\n")
    changed = load_scenario(path)
    assert changed.effect.log_hazard_ratio == -0.2
    assert changed.patients == base.patients
    assert changed.hash != base.hash


def test_names_do_not_change_the_hash(child):
    assert (
        load_scenario(child('name = "other"\nlabel = "Another name"\n')).hash == load_scenario("thesis").hash
    )


def test_a_file_is_known_by_its_own_name(child):
    assert load_scenario(child("", name="mine")).name == "mine"
    assert [load_scenario(name).name for name in scenario_names()] == scenario_names()


def test_a_changed_copy_has_a_hash_of_its_own():
    thesis = load_scenario("thesis")
    before = thesis.hash
    assert thesis.model_copy(update={"n": 99}).hash != before
    assert thesis.model_copy().hash == before


def test_scenarios_are_frozen():
    with pytest.raises(ValidationError):
        load_scenario("thesis").n = 5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[effect]\nlog_hazard_rati = 1.0\n",
            "effect.log_hazard_rati: unknown key; did you mean 'log_hazard_ratio'",
        ),
        ("m = 5\n", "m: unknown key"),
        ("n = -5\n", "n = -5: input should be greater than or equal to 1"),
        ("[patients]\nsource_control = 1.5\n", r"patients.source_control = 1.5: .*less than or equal to 1"),
        ("[icus.roster]\nsize = [1, 2]\n", "one entry per ICU"),
        ("n = \n", "cannot be read as TOML"),
    ],
)
def test_refusals_are_one_sentence_with_place_and_remedy(child, text, sentence):
    path = child(text)
    with pytest.raises(ScenarioError, match=sentence) as refusal:
        load_scenario(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


def test_missing_parts_are_named(tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text("n = 10\n")
    with pytest.raises(ScenarioError, match=r"icus: missing; give it or add extends"):
        load_scenario(path)


def test_unknown_names_get_the_nearest():
    with pytest.raises(ScenarioError, match="scenario 'tesis' is unknown; did you mean 'thesis'"):
        load_scenario("tesis")


def test_absent_files_are_named():
    with pytest.raises(ScenarioError, match=r"absent\.toml: no such scenario file"):
        load_scenario("absent.toml")


def test_a_file_that_extends_itself_is_refused(tmp_path):
    path = tmp_path / "loop.toml"
    path.write_text('extends = "loop"\n')
    with pytest.raises(ScenarioError, match="extends itself"):
        load_scenario(path)


def test_every_field_says_what_it_is():
    schema = json.loads(scenario_schema())
    parts = {"Scenario": schema, **schema["$defs"]}
    silent = [
        f"{part}.{name}"
        for part, content in parts.items()
        for name, field in content.get("properties", {}).items()
        if not field.get("description")
    ]
    assert silent == []


def test_the_exported_schema_is_the_current_one():
    path = Path(__file__).parents[3] / "scenarios" / "schema.json"
    exported, current = path.read_text(encoding="utf-8"), scenario_schema()
    # Pydantic before 2.9 writes a reference with words beside it as a list of one, and no names of keys.
    assert exported == current or '"allOf"' in current
    assert json.loads(exported, object_hook=_plain) == json.loads(current, object_hook=_plain)


def _plain(part: dict) -> dict:
    (reference,) = part.pop("allOf", [{}])
    if isinstance(part.get("propertyNames"), dict):
        del part["propertyNames"]
    return part | reference


def test_the_first_world_stays_what_it_was_to_the_bit():
    scenario = load_scenario("thesis-v1")
    assert scenario.hash == "5a05a40946473111"
    cohort = generate_cohort(scenario, seed=1, n=1000).registry.round(6)
    assert hashlib.sha256(cohort.to_csv(index=False).encode()).hexdigest()[:16] == "ea1c5a8e6d5f9261"
    assert scenario.fitted_after_looking == ()
