"""Rows stand under the headings of the thesis, with words from the dictionary."""

from __future__ import annotations

import pytest

from simsepsis.show.outline import number_label, outline
from simsepsis.study.published import open_study

STUDY = open_study()


def words(keys: list[tuple[str, str]]) -> list[tuple[int, str]]:
    return [(line.depth, line.label) for line in outline(keys, STUDY.wording)]


def test_groups_and_categories_become_headings():
    keys = [("icu_beds", ""), ("icu_type", "er"), ("icu_type", "general"), ("age", "")]
    assert words(keys) == [
        (0, "ICU characteristics"),
        (1, "ICU beds volume"),
        (1, "ICU type"),
        (2, "ER ICU"),
        (2, "General ICU"),
        (0, "Patient characteristics"),
        (1, "Age"),
    ]


def test_a_repeated_key_is_laid_out_once():
    assert words([("age", ""), ("age", "")]) == [(0, "Patient characteristics"), (1, "Age")]


def test_the_treatment_does_not_split_the_block_of_adjuncts():
    labels = [label for _, label in words([("heparinoid", ""), ("ivigg", ""), ("rrt", "")])]
    assert labels == ["Adjunctive treatment of sepsis", "Heparinoid", "IVIgG", "Renal replacement therapy"]


def test_organ_scores_are_short_under_their_heading_and_full_alone():
    assert words([("sofa_renal_day7", "")]) == [(0, "SOFA score day 7"), (1, "Renal")]
    assert STUDY.wording.row("sofa_renal_day7") == "SOFA renal day 7"


def test_names_outside_the_dictionary_are_their_own_labels():
    assert words([("meanbp1", ""), ("cat1", "COPD")]) == [(0, "meanbp1"), (0, "cat1"), (1, "COPD")]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (("age", "", "median", "before", "treated"), "Age, median, IVIgG before matching"),
        (("icu_type", "er", "smd_percent", "", "contrast"), "ICU type: ER ICU, standardized difference (%)"),
        (("hospital_death", "cox", "hazard_ratio", "", ""), "In-hospital mortality: Cox, hazard ratio"),
    ],
)
def test_number_label(key: tuple[str, str, str, str, str], name: str):
    assert number_label(STUDY, *key) == name


def test_a_long_name_loses_the_end_of_its_row_label_only():
    name = number_label(STUDY, "rrt_nonrenal", "", "percent", "", "control", longest=40)
    assert len(name) <= 40
    assert name.endswith("…, %, control")
