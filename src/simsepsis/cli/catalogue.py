"""What there is, by kind: names with a line for people."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import partial

from simsepsis.documents import shipped_folder

Rows = list[tuple[str, str]]


def _documents(folder: str, key: str, line: str) -> Rows:
    """Return a line of each shipped document that has a key; as they are valid, none is checked."""
    read = {path.stem: path.read_text("utf-8") for path in sorted(shipped_folder(folder).glob("*.toml"))}
    documents = {name: tomllib.loads(text) for name, text in read.items()}
    return [(name, said.get(line, name)) for name, said in documents.items() if key in said]


def _methods() -> Rows:
    from simsepsis.analysis.methods.registry import METHODS

    rows = [(name, method.label) for name, method in METHODS.items()]
    return [*rows, ("breslow_day_NAME", "Interaction with any subgroup NAME of a spec")]


def _estimands() -> Rows:
    from simsepsis.truth import BY_EXPERIMENT, ESTIMANDS

    return [*ESTIMANDS.items(), *BY_EXPERIMENT.items()]


def _measures() -> Rows:
    from simsepsis.performance import MEASURES

    return [(name, f"{measure.label} ({measure.unit})") for name, measure in MEASURES.items()]


CATALOGUES: dict[str, Callable[[], Rows]] = {
    "scenarios": partial(_documents, "scenarios", "label", "label"),
    "experiments": partial(_documents, "experiments", "ademp", "question"),
    "trials": partial(_documents, "experiments", "arms", "question"),
    "methods": _methods,
    "estimands": _estimands,
    "measures": _measures,
}
"""Kind → its rows; each opens the rooms it needs when it is asked."""
