"""What differs from another scenario is found, named and explained, down to the last key."""

from __future__ import annotations

import math

import pytest

from simsepsis.studies.jseptic_ivigg.describe.changes import (
    changes_frame,
    meaning_of,
    number_text,
    solved_frame,
)
from simsepsis.studies.jseptic_ivigg.world.effect import Regimen
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.world.files import load_scenario


@pytest.fixture(scope="module")
def thesis() -> Scenario:
    return load_scenario("thesis")


def changed(scenario: Scenario, section: str, **values: object) -> Scenario:
    part = getattr(scenario, section).model_copy(update=values)
    return scenario.model_copy(update={section: part})


def rows_of(frame) -> dict[str, tuple[str, ...]]:
    return {row[0]: tuple(row[1:]) for row in frame.itertuples(index=False)}


def test_a_scenario_does_not_differ_from_itself_whatever_its_name(thesis):
    renamed = thesis.model_copy(update={"name": "other", "label": "Another"})
    assert changes_frame(thesis, renamed).empty


def test_each_changed_setting_has_both_values_and_what_the_schema_says(thesis):
    world = changed(changed(thesis, "treatment", severity=0.0, late_share=0.6), "dose", response="emax")
    rows = rows_of(changes_frame(thesis, world))
    assert list(rows) == ["treatment.severity", "treatment.late_share", "dose.response"]
    assert rows["treatment.severity"][:2] == (number_text(thesis.treatment.severity), "0")
    assert rows["treatment.late_share"][:2] == ("–", "0.6")
    assert rows["treatment.late_share"][2].startswith("Share of starts after 48 hours")
    assert rows["dose.response"][:2] == ("none", "emax")


def test_free_keys_are_explained_by_the_table_that_holds_them(thesis):
    world = changed(thesis, "course", risk={**thesis.course.risk, "warfarin": 0.3})
    adjunct = thesis.adjuncts["rrt"].model_copy(update={"after_ivigg": 0.4, "effects": {}})
    world = world.model_copy(update={"adjuncts": {**thesis.adjuncts, "rrt": adjunct}})
    rows = rows_of(changes_frame(thesis, world))
    assert rows["course.risk.warfarin"][:2] == ("–", "0.3")
    assert rows["course.risk.warfarin"][2].startswith("Term → log hazard ratio of death")
    assert rows["adjuncts.rrt.after_ivigg"][2].startswith("Change of the log hazard once IVIgG")
    assert rows["adjuncts.rrt.effects.renal_disease"][1] == "–"
    assert "adjuncts.rrt.effects" not in rows


def test_lists_are_written_out_when_short_and_counted_when_long(thesis):
    mixed = (Regimen(share=0.6, grams=15.0), Regimen(share=0.4, grams_per_kg=1.0))
    roster = thesis.icus.roster.model_copy(update={"death": [0.0, 0.0, *thesis.icus.roster.death[2:]]})
    world = changed(changed(thesis, "dose", regimens=mixed), "icus", roster=roster)
    rows = rows_of(changes_frame(thesis, world))
    assert rows["dose.regimens"][:2] == (
        "share 1, grams 15",
        "share 0.6, grams 15; share 0.4, grams_per_kg 1",
    )
    assert rows["icus.roster.death"][:2] == ("42 values", "42 values, 2 differ")
    lacking = changed(thesis, "observation", omit=("wbc", "apache2"))
    assert rows_of(changes_frame(thesis, lacking))["observation.omit"][:2] == ("none", "wbc, apache2")


def test_solved_coefficients_are_told_apart_from_requests(thesis):
    asked = changed(thesis, "effect", measure="risk_ratio", value=0.81)
    settled = changed(thesis, "effect", log_hazard_ratio=-0.4)
    rows = rows_of(solved_frame(asked, settled))
    assert list(rows) == ["effect.log_hazard_ratio"]
    assert rows["effect.log_hazard_ratio"][:2] == ("0", "−0.4")


def test_every_key_of_the_schema_has_a_meaning(thesis):
    def leaves(table, path=()):
        for name, value in table.items():
            yield from leaves(value, (*path, name)) if isinstance(value, dict) else [(*path, name)]

    unexplained = [path for path in leaves(thesis.model_dump()) if not meaning_of(path)]
    assert unexplained == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(3195, "3,195"), (-0.5, "−0.5"), (1.0, "1"), (0.8100001, "0.81"), (1e-5, "1e−05"), (math.pi, "3.1416")],
)
def test_numbers_are_short_and_have_a_true_minus(value, text):
    assert number_text(value) == text
