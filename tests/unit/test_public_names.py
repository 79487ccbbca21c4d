"""The front page: every public name leads to something, and only those."""

import ast
from pathlib import Path

import pytest

import simsepsis


@pytest.mark.parametrize("name", sorted(simsepsis.HOMES))
def test_public_names_exist_and_are_documented(name):
    assert name in dir(simsepsis)
    assert getattr(simsepsis, name).__doc__


def test_other_names_are_refused_with_those_that_exist():
    with pytest.raises(AttributeError, match=r"no name 'lode_scenario'; it has load_scenario"):
        simsepsis.lode_scenario  # noqa: B018


def test_the_typed_front_door_opens_the_same_rooms():
    stub = ast.parse(Path(simsepsis.__file__).with_suffix(".pyi").read_text("utf-8"))
    opened = {
        name.asname: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert opened == {name: f"simsepsis.{home}" for name, home in simsepsis.HOMES.items()}
