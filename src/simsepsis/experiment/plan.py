"""The plan of an experiment: question, worlds, methods and claims, read from TOML and checked."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from simsepsis.analysis.methods import METHODS, method_names
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.errors import ExperimentError, UsageError, did_you_mean
from simsepsis.experiment.choices import AnswerChoice, FigureChoice, check_choice, flat
from simsepsis.experiment.claim import Claim, parse_claim
from simsepsis.experiment.stopping import check_targets
from simsepsis.scenario.section import Section

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

Replicates = Annotated[int, Field(ge=1, le=10_000_000)]

Changes = dict[str, Any]
"""Dotted key of a scenario → value."""


class Ademp(Section):
    """What the study is, in words (Morris, White, Crowther. Stat Med 2019;38:2074)."""

    aims: str
    data: str
    estimands: str
    methods: str
    performance: str


class Changed(Section):
    """A scenario with changes."""

    set: dict[str, Any] = Field(default_factory=dict)
    """Dotted key → value; tables of tables are read as dotted keys."""

    @field_validator("set")
    @classmethod
    def _dotted(cls, changes: dict[str, Any]) -> dict[str, Any]:
        return dict(flat(changes))


class WorldChoice(Changed):
    """The scenario that the cells start from, and what is changed in every cell."""

    base: str
    """Name of a shipped scenario, or path of a file, beside the plan or from the working folder."""


class ListedCell(Changed):
    """One cell that is written out, and what is changed in it."""

    name: str
    base: str | None = None
    """Another scenario than that of the plan."""


class RunSettings(Section):
    """What is run in every cell."""

    methods: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of methods or of groups of methods."""
    estimands: Annotated[tuple[str, ...], Field(min_length=1)]
    """Estimands that are judged, with or without the last word, which says whose truth it is."""
    replicates: Replicates | None = None
    """Replicates of every cell; or `until_mcse`."""
    until_mcse: dict[str, float] = Field(default_factory=dict)
    """Measure → Monte Carlo standard error; a cell has replicates enough once every series has reached it."""
    max_replicates: Replicates | None = None
    """Replicates of a cell at which `until_mcse` gives up."""
    method_seconds: Annotated[float, Field(gt=0)] | None = None
    """Time limit of each method, after which it is a failure."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of all random numbers."""
    reference: str | None = None
    """Method that relative precision is measured against."""
    truth_population: Annotated[int, Field(ge=1_000, le=10_000_000)] = 200_000
    """Patients on whom each truth is computed."""

    @field_validator("methods")
    @classmethod
    def _spelled_out(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return method_names(names)
        except UsageError as error:
            raise ValueError(str(error)) from error

    @property
    def most_replicates(self) -> int:
        """Return the number of replicates that no cell exceeds."""
        return self.replicates or self.max_replicates or 0

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        check_targets(self.until_mcse)
        if (self.replicates is None) == (not self.until_mcse):
            raise ValueError("give either replicates, or until_mcse with max_replicates")
        if (self.max_replicates is None) == bool(self.until_mcse):
            raise ValueError("until_mcse and max_replicates go together; give both or none")
        return self

    @model_validator(mode="after")
    def _known(self) -> Self:
        given = {name for method in self.methods for name in METHODS[method].estimands_of(THESIS_SPEC)}
        for wanted in self.estimands:
            if not any(is_estimand(name, wanted) for name in given):
                near = did_you_mean(wanted, [*given, *(_stem(name) for name in given)])
                raise ValueError(f"no method of this plan estimates '{wanted}'{near}")
        if self.reference is not None and self.reference not in self.methods:
            near = did_you_mean(self.reference, self.methods)
            raise ValueError(f"the reference '{self.reference}' is not a method of this plan{near}")
        return self


class Plan(Section):
    """An experiment: everything that decides its numbers, and the words around them."""

    name: str
    question: str
    ademp: Ademp
    world: WorldChoice
    vary: dict[str, Any] = Field(default_factory=dict)
    """Dotted key → values; the cells are all combinations."""
    cells: tuple[ListedCell, ...] = ()
    """Cells written out, in place of `vary`."""
    run: RunSettings
    accept: dict[str, str] = Field(default_factory=dict)
    """Words → claim, declared beforehand."""
    figures: tuple[FigureChoice, ...] = ()
    """Figures of the run; none: a choice that any plan can have."""
    answers: tuple[AnswerChoice, ...] = ()
    """Answers in words; none: a choice that any plan can have."""

    @field_validator("vary")
    @classmethod
    def _lists(cls, vary: dict[str, Any]) -> dict[str, Any]:
        found = dict(flat(vary))
        for key, values in found.items():
            if not isinstance(values, list) or not values:
                raise ValueError(f"{key} = {values!r}: give a list of one value or more")
        return found

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.vary and self.cells:
            raise ValueError("vary and cells are two ways to say the same; keep one of them")
        _ = self.claims
        return self

    @model_validator(mode="after")
    def _showable(self) -> Self:
        names = [name for name in self.estimands_given if self.judged(name)]
        known = {"methods": self.run.methods, "estimands": [*self.run.estimands, *names]}
        for where in ("figures", "answers"):
            for number, choice in enumerate(getattr(self, where)):
                try:
                    check_choice(choice, settings=self.settings, **known)
                except ValueError as error:
                    raise ValueError(f"{where}.{number}: {error}") from error
        return self

    @property
    def settings(self) -> dict[str, tuple[Any, ...]]:
        """Return the dotted keys that differ between cells, with their values in the order of the plan."""
        if self.vary:
            return {key: tuple(values) for key, values in self.vary.items()}
        keys = dict.fromkeys(key for cell in self.cells for key in cell.set)
        return {
            key: tuple(item for n, item in enumerate(values) if item not in values[:n])
            for key in keys
            for values in [[cell.set[key] for cell in self.cells if key in cell.set]]
        }

    @property
    def estimands_given(self) -> tuple[str, ...]:
        """Return the estimands of the plan's methods, whole."""
        return tuple(
            dict.fromkeys(
                name for method in self.run.methods for name in METHODS[method].estimands_of(THESIS_SPEC)
            )
        )

    @cached_property
    def claims(self) -> dict[str, Claim]:
        """Return the claims, parsed."""
        return {words: parse_claim(text, self.run.methods) for words, text in self.accept.items()}

    @cached_property
    def hash(self) -> str:
        """Return 16 hexadecimal digits that change with anything the plan says."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def judged(self, estimand: str) -> bool:
        """Return whether an estimand is one of those that the plan judges."""
        return any(is_estimand(estimand, wanted) for wanted in self.run.estimands)


def is_estimand(name: str, wanted: str) -> bool:
    """Return whether an estimand is the one wanted, which may lack the last word."""
    return wanted in (name, _stem(name))


def _stem(estimand: str) -> str:
    return estimand.rpartition("_")[0]


def _shipped_folder() -> Path:
    package = Path(str(files("simsepsis")))
    inside = package / "shipped" / "experiments"
    return inside if inside.is_dir() else package.parents[1] / "experiments"


def experiment_names() -> list[str]:
    """Return the names of the experiments that come with the package."""
    names = []
    for path in sorted(_shipped_folder().glob("*.toml")):
        if "ademp" in tomllib.loads(path.read_text(encoding="utf-8")):
            names.append(path.stem)
    return names


def find_experiment(name_or_path: str | Path) -> Path:
    """Return the file of a shipped experiment or of a path.

    Parameters
    ----------
    name_or_path
        A name of `experiment_names`, or the path of a ``.toml`` file.

    Raises
    ------
    ExperimentError
        If there is none.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise ExperimentError(f"{path}: no such plan; give a path that exists or a shipped name")
        return path
    known = experiment_names()
    if str(name_or_path) not in known:
        near = did_you_mean(str(name_or_path), known)
        raise ExperimentError(
            f"experiment '{name_or_path}' is unknown{near}; shipped are {', '.join(known)}, or give the "
            "path of a .toml file"
        )
    return _shipped_folder() / f"{name_or_path}.toml"


def load_plan(name_or_path: str | Path) -> Plan:
    """Return the plan of a shipped experiment or of a TOML file.

    Parameters
    ----------
    name_or_path
        As in `find_experiment`.

    Raises
    ------
    ExperimentError
        If there is no such file, it is not TOML, or a key or value is not legal.
    """
    path = find_experiment(name_or_path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ExperimentError(f"{path}: cannot be read as TOML ({error}); mend the file") from error
    try:
        plan = Plan.model_validate({"name": path.stem, **raw})
    except ValidationError as error:
        raise ExperimentError(f"{path}: {sentence(error, Plan)}") from error
    return _with_paths(plan, path.parent)


def _with_paths(plan: Plan, folder: Path) -> Plan:
    """Return the plan with scenario files that stand beside it named by their whole path."""
    values = plan.model_dump()
    for choice in (values["world"], *values["cells"]):
        if choice["base"] is not None and (folder / choice["base"]).suffix == ".toml":
            beside = folder / choice["base"]
            choice["base"] = str((beside if beside.is_file() else Path(choice["base"])).resolve())
    return Plan.model_validate(values)


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first fault that validation found, with its place and the remedy.

    Parameters
    ----------
    error
        What was raised.
    model
        What was to be made, for the keys that could have been meant.
    """
    faults = error.errors()
    # A key with a spelling mistake is missing too; the unknown one tells why.
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = did_you_mean(str(first["loc"][-1]), _keys_beside(model, first["loc"]))
        return f"{where}: unknown key{near or '; remove it'}"
    if first["type"] == "missing":
        return f"{where}: missing; give it"
    if first["type"] == "value_error":
        return f"{where + ': ' if where else ''}{first['ctx']['error']}"
    return f"{where} = {first['input']!r:.60}: {first['msg'].lower()}; correct the value"


def _keys_beside(model: Any, location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None and not isinstance(part, int):
            return []
        annotation = model if field is None else field.annotation
        inner = [item for item in getattr(annotation, "__args__", ()) if hasattr(item, "model_fields")]
        model = inner[0] if inner else annotation
    return list(getattr(model, "model_fields", {}))


def plan_toml(plan: Plan) -> str:
    """Return a plan as TOML that `load_plan` reads back unchanged.

    Parameters
    ----------
    plan
        The plan.
    """
    values = plan.model_dump(mode="json", exclude_none=True)
    changed = values["world"].pop("set")
    lists = {name: values.pop(name) for name in ("cells", "figures", "answers")}
    sections = {name: value for name, value in values.items() if isinstance(value, dict)}
    blocks = [_entries({name: value for name, value in values.items() if name not in sections})]
    if changed:
        sections["world.set"] = changed
    blocks += [f"[{name}]\n{_entries(value)}" for name, value in sections.items() if value]
    blocks += [f"[[{name}]]\n{_entries(_said(item))}" for name, items in lists.items() for item in items]
    return "\n".join(blocks)


def _said(table: Changes) -> Changes:
    """Return a table without what is empty."""
    return {key: value for key, value in table.items() if value not in ("", [], {})}


def _entries(table: Changes) -> str:
    return "".join(f"{_key(key)} = {_toml(value)}\n" for key, value in table.items())


def _key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _toml(value: Any) -> str:
    """Return a value as TOML; scalars are written as in JSON."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_toml(item)}' for key, item in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
