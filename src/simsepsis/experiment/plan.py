"""The plan of an experiment: question, worlds, methods and claims, read from TOML and checked."""

from __future__ import annotations

import hashlib
import json
import math
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from simsepsis.analysis.methods import Method, method_names, methods_of
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.spec_files import load_spec
from simsepsis.documents import is_file, sentence
from simsepsis.errors import DataError, ExperimentError, UsageError, did_you_mean
from simsepsis.estimand import Estimand
from simsepsis.experiment.claims import Claim, parse_claim
from simsepsis.experiment.requests import AnswerChoice, FigureChoice, check_choice
from simsepsis.experiment.stopping import check_targets
from simsepsis.study.published import DEFAULT, is_study, open_study
from simsepsis.words import shown
from simsepsis.world.changes import Changed, Changes, WorldChoice, dotted
from simsepsis.world.plans import find_plan, plan_names, read_plan, scenario_beside
from simsepsis.world.section import Name, Positive, Section

KEY = "ademp"
"""Table that marks a plan as one of an experiment."""

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

MOST_CELLS = 2_000
"""Cells of a plan at the most; the largest that is shipped has a fiftieth of them."""

Replicates = Annotated[int, Field(ge=1, le=10_000_000)]


def _analysis(study: str, spec: str | None) -> AnalysisSpec:
    """Return what is analysed, and how, unless there is no such study or spec."""
    try:
        return open_study(study).spec if spec is None else load_spec(spec)
    except (DataError, UsageError) as error:
        raise ValueError(str(error)) from error


class Ademp(Section):
    """What the study is, in words (Morris, White, Crowther. Stat Med 2019;38:2074)."""

    aims: str
    data: str
    estimands: str
    methods: str
    performance: str


class ListedCell(Changed):
    """One cell that is written out, and what is changed in it."""

    name: Annotated[str, Field(min_length=1)]
    base: str | None = None
    """Another scenario than that of the plan."""


class RunSettings(Section):
    """What is run in every cell."""

    study: str = DEFAULT
    """The study whose registry is simulated and analysed."""
    spec: str | None = None
    """Name or path of another analysis than the study's own."""
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
    method_seconds: Positive | None = None
    """Time limit of each method, after which it is a failure."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of all random numbers."""
    reference: str | None = None
    """Method that relative precision is measured against."""
    truth_population: Annotated[int, Field(ge=1_000, le=10_000_000)] = 200_000
    """Patients on whom each truth is computed."""

    @field_validator("methods", "estimands")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise ValueError(f"'{twice}' stands twice; leave one")
        return names

    @field_validator("spec")
    @classmethod
    def _opens(cls, spec: str | None, info: ValidationInfo) -> str | None:
        _analysis(info.data.get("study", DEFAULT), spec)
        return spec

    @field_validator("study")
    @classmethod
    def _found(cls, study: str) -> str:
        _analysis(study, None)
        return study

    @field_validator("methods")
    @classmethod
    def _spelled_out(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        analysis = _analysis(info.data.get("study", DEFAULT), info.data.get("spec"))
        try:
            return method_names(names, analysis)
        except UsageError as error:
            raise ValueError(str(error)) from error

    @cached_property
    def analysis(self) -> AnalysisSpec:
        """Return the analysis that methods are given."""
        return _analysis(self.study, self.spec)

    def method(self, name: str) -> Method:
        """Return a method of the plan's analysis."""
        return methods_of(self.analysis)[name]

    @cached_property
    def series(self) -> tuple[tuple[str, str], ...]:
        """Return every method with each of its estimands."""
        return tuple(
            (name, own) for name in self.methods for own in self.method(name).estimands_of(self.analysis)
        )

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
        names = list(dict.fromkeys(name for _, name in self.series))
        given = [Estimand.parse(name) for name in names]
        for wanted in self.estimands:
            if not any(estimand.matches(wanted) for estimand in given):
                near = did_you_mean(wanted, [*names, *(estimand.stem for estimand in given)])
                raise ValueError(f"no method of this plan estimates '{wanted}'{near}")
        if self.reference is not None and self.reference not in self.methods:
            near = did_you_mean(self.reference, self.methods)
            raise ValueError(f"the reference '{self.reference}' is not a method of this plan{near}")
        return self


class Plan(Section):
    """An experiment: everything that decides its numbers, and the words around them."""

    name: Name
    """Short name, as in file names."""
    question: str
    ademp: Ademp
    world: WorldChoice
    vary: dict[str, Any] = Field(default_factory=dict)
    """Dotted key → values; the cells are all combinations."""
    cells: tuple[ListedCell, ...] = ()
    """Cells written out, in place of `vary`."""
    run: RunSettings
    accept: dict[Annotated[str, Field(min_length=1)], str] = Field(default_factory=dict)
    """Words → claim, declared beforehand."""
    figures: tuple[FigureChoice, ...] = ()
    """Figures of the run; none: a choice that any plan can have."""
    answers: tuple[AnswerChoice, ...] = ()
    """Answers in words; none: a choice that any plan can have."""

    @field_validator("vary")
    @classmethod
    def _lists(cls, vary: dict[str, Any]) -> dict[str, Any]:
        found = dict(dotted(vary))
        for key, values in found.items():
            if not isinstance(values, list) or not values:
                raise ValueError(f"{key} = {shown(values)}: give a list of one value or more")
        return found

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.vary and self.cells:
            raise ValueError("vary and cells are two ways to say the same; keep one of them")
        many = math.prod(map(len, self.vary.values())) if self.vary else len(self.cells)
        if many > MOST_CELLS:
            raise ValueError(f"{many:,} cells are too many; vary fewer values, up to {MOST_CELLS:,} cells")
        names = [cell.name for cell in self.cells]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise ValueError(f"cells.{number}: name '{name}' stands twice; give each cell one of its own")
        _ = self.claims
        return self

    @field_validator("figures")
    @classmethod
    def _named_apart(cls, figures: tuple[FigureChoice, ...]) -> tuple[FigureChoice, ...]:
        names = [figure.name.lower() for figure in figures if figure.name is not None]
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise ValueError(f"the name '{twice}' stands twice; give each figure one of its own")
        return figures

    @model_validator(mode="after")
    def _showable(self) -> Self:
        names = list(dict.fromkeys(name for _, name in self.judged_series))
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
    def judged_series(self) -> tuple[tuple[str, str], ...]:
        """Return the methods with those of their estimands that the plan judges."""
        return tuple((method, name) for method, name in self.run.series if self.judged(name))

    @cached_property
    def claims(self) -> dict[str, Claim]:
        """Return the claims, parsed."""
        return {words: parse_claim(text, self.run.methods) for words, text in self.accept.items()}

    @cached_property
    def hash(self) -> str:
        """Return 16 hexadecimal digits that change with anything the plan says."""
        values = self.model_dump(mode="json")
        if values["run"]["study"] == DEFAULT:
            # Plans of before there were others keep their hash.
            del values["run"]["study"]
        if values["run"]["spec"] is None:
            del values["run"]["spec"]
        content = json.dumps(values, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def judged(self, estimand: str) -> bool:
        """Return whether an estimand is one of those that the plan judges."""
        return any(Estimand.parse(estimand).matches(wanted) for wanted in self.run.estimands)


def experiment_names() -> list[str]:
    """Return the names of the experiments that come with the package."""
    return plan_names(KEY)


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
    return find_plan(name_or_path, KEY)


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
        plan = Plan.model_validate(_with_spec(read_plan(path), path.parent))
    except ValidationError as error:
        raise ExperimentError(f"{path}: {sentence(error, Plan)}") from error
    return _with_paths(plan, path.parent)


def _with_spec(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a plan in which a study or spec that stands beside it is named by its whole path."""
    run = document.get("run")
    if not isinstance(run, dict):
        return document
    beside = {}
    for key, there in (("study", is_study), ("spec", is_file)):
        name = run.get(key)
        if isinstance(name, str) and there(folder / name):
            beside[key] = str((folder / name).resolve())
    return document | {"run": run | beside} if beside else document


def _with_paths(plan: Plan, folder: Path) -> Plan:
    """Return the plan with scenario files that stand beside it named by their whole path."""
    values = plan.model_dump()
    study = open_study(plan.run.study)
    for choice in (values["world"], *values["cells"]):
        if choice["base"] is not None:
            choice["base"] = str(study.place("scenarios", scenario_beside(choice["base"], folder)))
    return Plan.model_validate(values)


def plan_toml(plan: Plan) -> str:
    """Return a plan as TOML that `load_plan` reads back unchanged."""
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
