"""What there is, by kind: names with a line for people."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import partial

from simsepsis.study.published import open_study, study_names

Rows = list[tuple[str, str]]


def _documents(folder: str, key: str, line: str, study: str | None) -> Rows:
    """Return a line of each of a study's documents that has a key; as they are valid, none is checked."""
    read = {name: path.read_text("utf-8") for name, path in open_study(study).files(folder).items()}
    documents = {name: tomllib.loads(text) for name, text in read.items()}
    return [(name, said.get(line, name)) for name, said in documents.items() if key in said]


def _studies(_: str | None) -> Rows:
    return [(name, open_study(name).title) for name in study_names()]


def _methods(study: str | None) -> Rows:
    from simsepsis.analysis.methods import methods_of

    rows = [
        (name, f"{method.label} (needs {method.needed})" if method.needed else method.label)
        for name, method in methods_of(open_study(study).spec).items()
    ]
    return [*rows, ("breslow_day_NAME", "Interaction with any subgroup NAME of a spec")]


def _estimands(study: str | None) -> Rows:
    from simsepsis.truth import estimands_by_experiment, known_estimands

    return [*known_estimands(study).items(), *estimands_by_experiment(study).items()]


def _measures(_: str | None) -> Rows:
    from simsepsis.performance import MEASURES

    return [(name, f"{measure.label} ({measure.unit})") for name, measure in MEASURES.items()]


CATALOGUES: dict[str, Callable[[str | None], Rows]] = {
    "scenarios": partial(_documents, "scenarios", "label", "label"),
    "experiments": partial(_documents, "experiments", "ademp", "question"),
    "inferences": partial(_documents, "experiments", "infer", "question"),
    "trials": partial(_documents, "trials", "arms", "question"),
    "methods": _methods,
    "estimands": _estimands,
    "measures": _measures,
    "studies": _studies,
}
"""Kind → its rows; each opens the rooms it needs when it is asked."""
