"""Specs in TOML files: found by name or path, read with care, checked value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from simsepsis.analysis.eligibility import Rule
from simsepsis.analysis.spec import ABSENT, OWN, REQUIRED, AnalysisSpec, Subgroup
from simsepsis.documents import frozen, is_file, read_toml, refuse_unknown, sentence, shipped_folder
from simsepsis.errors import DataError, UsageError, did_you_mean
from simsepsis.study.published import DEFAULT, Study, open_study
from simsepsis.words import shown

Made = TypeVar("Made", AnalysisSpec, Subgroup)

LEFT_OPEN = "?"
"""Stands in a drafted spec where the user has to choose."""


def spec_names() -> list[str]:
    """Return the names of the specs that come with the package."""
    return sorted(path.stem for path in shipped_folder("experiments").glob("analysis-*.toml"))


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    known = spec_names()
    if path.suffix == ".toml" or is_file(path):
        return path
    if str(name_or_path) not in known:
        raise DataError(
            f"spec '{name_or_path}' is unknown{did_you_mean(str(name_or_path), known)}; shipped are "
            f"{', '.join(known)}, or give the path of a .toml file"
        )
    return shipped_folder("experiments") / f"{name_or_path}.toml"


def load_spec(name_or_path: str | Path) -> AnalysisSpec:
    """Return the analysis that a TOML file describes.

    A file says what it uses: parts that it does not name (clusters, adjuncts, survival …) are absent.
    With ``extends`` and the name of a study they are the study's instead. Matching and model settings have
    the thesis's values unless named. An empty string stands for "no such column".

    Parameters
    ----------
    name_or_path
        A name of `spec_names`, or a file whose keys are the attributes of `AnalysisSpec`.

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, has an unknown key, lacks a required one, or a value is
        of the wrong kind.
    """
    path = _find(name_or_path)
    document = read_toml(path, DataError)
    extends = document.pop("extends", None)
    if extends is None:
        return _complete(document, path.name, OWN)
    refuse_unknown(document, [item.name for item in fields(AnalysisSpec)], path.name, DataError)
    try:
        base = open_study(extends).spec
    except UsageError:
        known = f'write "{DEFAULT}" or leave it out'
        raise DataError(f"{path.name}: extends = {shown(extends)} is unknown; {known}") from None
    return _validate(document, path.name, base)


def study_spec(study: Study) -> AnalysisSpec:
    """Return the analysis of a study in its literal reading, from its ``analysis.toml``."""
    path = study.folder / "analysis.toml"
    return _complete(read_toml(path, DataError), f"{study.name}/{path.name}", study.key)


def left_open(document: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield the dotted keys of what a draft leaves to the user.

    Parameters
    ----------
    document
        Of a spec.
    before
        What stands before each key.

    Examples
    --------
    >>> list(left_open({"treatment": "?", "event": {"dead": "?"}, "outcomes": ["dead"]}))
    ['treatment', 'event.dead']
    """
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from left_open(value, f"{before}{key}.")
        elif value == LEFT_OPEN or (isinstance(value, list) and LEFT_OPEN in value):
            yield f"{before}{key}"


def _complete(document: dict[str, Any], place: str, study: str) -> AnalysisSpec:
    """Return the analysis of a file that says all that it uses."""
    for key in left_open(document):
        raise DataError(
            f'{place}: {key} = "{LEFT_OPEN}" is left to you; the comment above it names the candidates, '
            "write one "
            "of them"
        )
    refuse_unknown(document, [item.name for item in fields(AnalysisSpec)], place, DataError)
    document = {**ABSENT, "study": study, **document}
    if "numeric_outcomes" in document:
        document.setdefault("outcomes", ())
    for name in REQUIRED:
        if name not in document:
            raise DataError(f"{place}: '{name}' is missing; name it, or add extends = \"{DEFAULT}\"")
    return _validate(document, place)


def defaults_of_file() -> dict[str, Any]:
    """Return what is taken of a key that a file does not have, where that is not the spec's own default."""
    return {**ABSENT, "study": OWN, **dict.fromkeys(REQUIRED, MISSING)}


_RECORDS: dict[str, type[Any]] = {"subgroups": Subgroup, "exclude": Rule, "include": Rule}
"""Keys that list tables, and what each table becomes."""


def _validate(document: Mapping[str, Any], place: str, base: AnalysisSpec | None = None) -> AnalysisSpec:
    values = {key: None if value == "" else frozen(value) for key, value in document.items()}
    for key, kind in _RECORDS.items():
        listed = values.get(key)
        if isinstance(listed, tuple):
            values[key] = tuple(
                _made(kind, one, f"{place}: {key}.{number}") if isinstance(one, Mapping) else one
                for number, one in enumerate(listed)
            )
    return _made(AnalysisSpec, values, place, base)


def _made(kind: type[Made], table: Mapping[str, Any], place: str, base: Made | None = None) -> Made:
    """Return a record of a table, each value of which must be of the kind declared: "0.2" is no number.

    What the table does not say is as in `base`.
    """
    # Imported here because no replicate needs it and it is the slowest import of this room.
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    refuse_unknown(table, [item.name for item in fields(kind)], place, DataError)
    for item in fields(kind):
        if item.name not in table and item.default is MISSING and item.default_factory is MISSING:
            raise DataError(f"{place}.{item.name}: missing; give it")
    hints, values = get_type_hints(kind), {}
    for name, value in table.items():
        # records are made already, and pydantic takes no settings where a record is part of the type
        strict = None if name in _RECORDS else ConfigDict(strict=True)
        try:
            values[name] = TypeAdapter(hints[name], config=strict).validate_python(value)
        except ValidationError as error:
            raise DataError(f"{place}: {sentence(error, None, within=name)}") from error
    try:
        return kind(**values) if base is None else replace(base, **values)
    except UsageError as error:
        raise DataError(f"{place}: {error}") from error
