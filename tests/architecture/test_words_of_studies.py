"""The engine knows no study: what only a study says stands in its own folder."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import simsepsis
from simsepsis.study.layout import ARMS
from simsepsis.study.published import open_study, study_names

SOURCE = Path(simsepsis.__file__).parent
ENGLISH = {
    *("age", "male", "race", "death", "card", "meta", "resp", "trauma", "renal", "bleeding", "ca"),
    *("platelets", "hemoglobin", "lactate", "income"),
}
"""Names of variables that are words or letters of everybody's."""


def words_of(name: str) -> set[str]:
    """Return what only a study says: its variables, its arms, and the words that it lists."""
    study = open_study(name)
    said = {*study.variables, *study.layout.arms, *study.words} - {*ARMS} - ENGLISH
    return {word.lower() for word in said}


WRITTEN = {".py", ".pyi", ".toml", ".j2", ".css"}
"""Ends of the names of files that are searched."""
NAMED = re.compile("|".join(f"""['"]{re.escape(name)}['"]""" for name in study_names()))
WORDS = {word for name in study_names() for word in words_of(name)}


def pieces(text: str) -> list[str]:
    """Return the words of a text in small letters, identifiers whole and in parts; a study's name is none."""
    text = NAMED.sub("", text)
    names = [name.lower() for name in re.findall(r"\w+", text)]
    return [*names, *(part for name in names if "_" in name for part in name.split("_"))]


def found() -> Counter[str]:
    """Return how many words of studies each file outside their folders says."""
    files = [
        path
        for path in SOURCE.rglob("*")
        if path.suffix in WRITTEN and not {"studies", "shipped"} & {*path.relative_to(SOURCE).parts}
    ]
    said = {path: sum(piece in WORDS for piece in pieces(path.read_text("utf-8"))) for path in files}
    return Counter({str(path.relative_to(SOURCE)): count for path, count in said.items() if count})


def test_no_file_of_the_engine_says_a_word_of_a_study():
    assert found() == {}


@pytest.mark.parametrize("text", ['"apache2"', "# APACHE II", "after_ivigg = 1", "mean_sofa", "def rhc()"])
def test_a_word_is_found_wherever_it_stands(text: str):
    assert any(piece in WORDS for piece in pieces(text))


def test_one_file_names_a_study():
    files = [path for path in SOURCE.rglob("*.py") if "studies" not in path.relative_to(SOURCE).parts]
    named = [str(path.relative_to(SOURCE)) for path in files if NAMED.search(path.read_text("utf-8"))]
    assert named == ["study/published.py"]


def test_each_study_has_words_of_its_own():
    assert all(len(words_of(name)) > 10 for name in study_names())
    assert {"ivigg", "sofa", "swang1"} & WORDS >= {"ivigg", "sofa"}
