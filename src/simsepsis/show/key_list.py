"""The keys of every file that people write, told by the schemas and docstrings that check them."""

from __future__ import annotations

import inspect
import re
import tomllib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from simsepsis.documents import shipped_folder
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.study.published import Study, open_study, study_names
from simsepsis.words import cut
from simsepsis.world.section import meanings

_NAMES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Any: "any value",
    Path: "path",
}
_SCALARS = {"text", "whole number", "number", "true or false"}
_LIMITS = {
    "ge": "at least {}",
    "gt": "above {}",
    "le": "at most {}",
    "lt": "below {}",
    "min_length": "{} or more",
}
_UNITS = "g per kg|g|kg|percent|percentage points|points|hours|days|weeks|months|years|seconds"
_UNIT = re.compile(rf"\b(?:in|per) ({_UNITS})\b")
_LONGEST_EXAMPLE = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a file.

    Attributes
    ----------
    name
        Dotted; ``[]`` stands behind a list of tables, ``*`` for a name that the user gives.
    type, default
        In words; the default is empty where the key must be given.
    unit
        Of the value, empty where it has none.
    meaning
        As the schema explains it.
    example
        As a shipped file writes it, empty where none does.
    """

    name: str
    type: str
    default: str
    unit: str
    meaning: str
    example: str

    @property
    def lines(self) -> str:
        """Return the key as a paragraph of plain text."""
        kind = f"{self.type}, {f'default {self.default}' if self.default else 'must be given'}"
        unit = f", in {self.unit}" if self.unit else ""
        parts = (f"{self.name}  ({kind}{unit})", self.meaning, f"e.g. {self.example}" if self.example else "")
        return "\n    ".join(filter(None, parts))


def list_keys(noun: str, study: str | Path | Study | None = None) -> tuple[Key, ...]:
    """Return every key of a kind of file.

    Parameters
    ----------
    noun
        One of `SOURCES`.
    study
        Whose scenarios and treatments; without, scenarios are those of worlds that are fitted to a file.

    Raises
    ------
    UsageError
        If there is no such kind.

    Examples
    --------
    >>> [key.name for key in list_keys("study")][:3]
    ['name', 'title', 'also']
    """
    if noun not in SOURCES:
        near = did_you_mean(noun, SOURCES) or f"; choose {', '.join(SOURCES)}"
        raise UsageError(f"show-keys '{noun}' is unknown{near}")
    return tuple(SOURCES[noun](study))


def _spec(_: Any) -> Iterator[Key]:
    from simsepsis.analysis.eligibility import Rule
    from simsepsis.analysis.spec import AnalysisSpec, Subgroup
    from simsepsis.analysis.spec_files import defaults_of_file

    given = _examples(shipped_folder("experiments").glob("analysis-*.toml"), *_of_studies("analysis.toml"))
    yield from _of_dataclass(AnalysisSpec, given, defaults=defaults_of_file())
    yield from _of_dataclass(Subgroup, given, before="subgroups[].")
    yield from _of_dataclass(Rule, given, before="exclude[] or include[].")


def _study(_: Any) -> Iterator[Key]:
    given = _examples(*_of_studies("study.toml"))
    yield from (key for key in _of_dataclass(Study, given) if key.name not in ("folder", "package", "stamp"))


def _variables(_: Any) -> Iterator[Key]:
    from simsepsis.study.variables import REQUIRED, Variable

    for key in _of_dataclass(Variable, {}):
        default = key.default or ("" if key.name in REQUIRED else "empty")
        yield Key(name=key.name, type=key.type, default=default, unit="", meaning=key.meaning, example="")


def _scenario(study: Any) -> Iterator[Key]:
    from simsepsis.world.fitted.scenario import FittedScenario
    from simsepsis.world.kinds import scenario_type

    chosen = None if study is None else open_study(study)
    own = chosen is not None and chosen.module("world.scenario") is not None
    kind = scenario_type(chosen.key) if own and chosen is not None else FittedScenario
    given = _examples(shipped_folder("scenarios").glob("*.toml")) if own else {}
    return _of_model(kind, given)


def _experiment(_: Any) -> Iterator[Key]:
    from simsepsis.experiment.plan import Plan

    return _of_model(Plan, _examples(shipped_folder("experiments").glob("[!at]*.toml")))


def _inference(_: Any) -> Iterator[Key]:
    from simsepsis.experiment.inference import InferencePlan

    return _of_model(InferencePlan, _examples(shipped_folder("experiments").glob("*_inference.toml")))


def _trial(study: Any) -> Iterator[Key]:
    from simsepsis.trial.protocol.schema import TrialProtocol
    from simsepsis.world.kinds import regimen_of

    given = _examples(shipped_folder("experiments").glob("trial-*.toml"))
    yield from _of_model(TrialProtocol, given)
    # What a treatment is, the worlds of a study say.
    for place in ("arms[].", "conduct.contamination."):
        yield from _of_model(regimen_of(open_study(study).key), given, place)


SOURCES: Mapping[str, Callable[[Any], Iterator[Key]]] = {
    "spec": _spec,
    "scenario": _scenario,
    "experiment": _experiment,
    "inference": _inference,
    "trial": _trial,
    "study": _study,
    "variables": _variables,
}
"""Kind of file → its keys; each opens the rooms it needs when it is asked."""


def _of_studies(name: str) -> Iterator[Path]:
    return (open_study(study).folder / name for study in study_names())


def _examples(*files: Iterable[Path] | Path) -> dict[str, str]:
    """Return how the first file that has a key writes it, by dotted key."""
    paths = [path for one in files for path in ([one] if isinstance(one, Path) else sorted(one))]
    found: dict[str, str] = {}
    for path in paths:
        for key, value in _flat(tomllib.loads(path.read_text("utf-8"))):
            found.setdefault(key, f"{key.rpartition('.')[2]} = {_toml(value)}")
    return {key: text for key, text in found.items() if len(text) <= _LONGEST_EXAMPLE}


def _flat(value: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables by dotted key, and each table as one value."""
    for key, inner in value.items():
        listed = inner if isinstance(inner, list) and inner and isinstance(inner[0], dict) else None
        for table in listed or ():
            yield from _flat(table, f"{before}{key}[].")
        if isinstance(inner, dict):
            yield from _flat(inner, f"{before}{key}.")
        if listed is None:
            yield f"{before}{key}", inner


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_quoted(key)} = {_toml(item)}' for key, item in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else f'"{key}"'


def _of_model(model: type[BaseModel], given: Mapping[str, str], before: str = "") -> Iterator[Key]:
    """Yield the keys of a model, those of the models inside it behind their own name."""
    for name, field in model.model_fields.items():
        annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        inner, mark = _models_in(field.annotation)
        place = f"{before}{name}{mark}"
        if inner:
            for one in dict.fromkeys(inner):
                yield from _of_model(one, given, f"{place}.")
            continue
        default = "" if field.is_required() else _default(field.get_default(call_default_factory=True))
        # A key without words of its own is explained by what it is a part of.
        meaning = " ".join(
            (meanings(model).get(name) or (inspect.getdoc(model) or "").split("\n\n")[0]).split()
        )
        yield _key(f"{before}{name}", annotation, default, meaning, given)


def _models_in(annotation: Any) -> tuple[tuple[type[BaseModel], ...], str]:
    """Return the models that a value may be, and what stands behind the name where it is several of them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,), ""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _models_in(parts[0])
    found = [_models_in(part) for part in parts if part is not Ellipsis]
    mark = {tuple: "[]", list: "[]", dict: ".*"}.get(origin, "")
    marks = [inner for models, inner in found if models]
    return tuple(one for models, _ in found for one in models), f"{mark}{marks[0] if marks else ''}"


def _of_dataclass(
    kind: Any, given: Mapping[str, str], *, before: str = "", defaults: Mapping[str, Any] | None = None
) -> Iterator[Key]:
    """Yield the keys of a dataclass, explained in the section Attributes of its docstring."""
    hints, meanings, known = get_type_hints(kind), attributes_of(kind), defaults or {}
    for item in fields(kind):
        value = item.default if item.default_factory is MISSING else item.default_factory()
        value = known.get(item.name, value)
        default = "" if value is MISSING else _default(value)
        yield _key(f"{before}{item.name}", hints[item.name], default, meanings.get(item.name, ""), given)


def attributes_of(kind: Any) -> dict[str, str]:
    """Return what the section Attributes of a docstring says of each name."""
    section = (inspect.getdoc(kind) or "").partition("Attributes\n----------\n")[2]
    section = re.split(r"\n\n\w+\n-+\n", section)[0]
    heads = [match for match in re.finditer(r"^(\S.*)$", section, re.MULTILINE)]
    ends = [*(second.start() for _, second in pairwise(heads)), len(section)]
    found: dict[str, str] = {}
    for head, end in zip(heads, ends, strict=True):
        words = " ".join(section[head.end() : end].split())
        found |= {name.strip(): words for name in head[1].split(",")}
    return found


def _key(name: str, annotation: Any, default: str, meaning: str, given: Mapping[str, str]) -> Key:
    unit = _UNIT.search(meaning)
    return Key(
        name=name,
        type=_type(annotation),
        default=default,
        unit=unit[1] if unit else "",
        meaning=meaning,
        example=given.get(name.replace(" or include[]", ""), ""),
    )


def _type(annotation: Any) -> str:
    """Return a type in words, with its limits."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        limits = ", ".join(_limits(parts[1:]))
        return f"{_type(parts[0])}{f', {limits}' if limits else ''}"
    if origin is Literal:
        return " or ".join(f'"{part}"' for part in parts if part != "")
    if origin in (Union, types.UnionType):
        kinds = dict.fromkeys(_type(part) for part in parts if part is not type(None))
        if kinds.keys() >= _SCALARS:
            kinds = {"text, number or true/false": None} | {
                kind: None for kind in kinds if kind not in _SCALARS
            }
        return " or ".join(kinds)
    if origin in (tuple, list):
        return f"list of {_type(parts[0])}"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table of {_type(parts[1])}"
    return _NAMES.get(annotation, getattr(annotation, "__name__", "value").lower())


def _limits(metadata: Iterable[Any]) -> Iterator[str]:
    for item in metadata:
        for part in (item, *getattr(item, "metadata", ())):
            for name, words in _LIMITS.items():
                limit = getattr(part, name, None)
                if limit is not None:
                    yield words.format(f"{limit:,g}")


def _default(value: Any) -> str:
    """Return a default in words."""
    if value is None or value in ("", (), {}, []):
        return "none"
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, (tuple, list)):
        return cut(_toml(list(value)))
    return cut(_toml(value))
