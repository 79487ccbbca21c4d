"""What a plan asks to see of its numbers: figures and answers in words, as data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Annotated, Any

from pydantic import Field, field_validator

from simsepsis.errors import did_you_mean
from simsepsis.estimand import Estimand
from simsepsis.performance import MEASURES
from simsepsis.world.changes import dotted
from simsepsis.world.section import Name, Section

CELL = "cell"
"""Stands for a key of a world where the cells themselves are meant, by name, in the order of the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of figure or answer.

    Attributes
    ----------
    shows
        What it says, for lists and messages.
    measure
        The measure that it is about unless the plan names another; None: it is about none.
    needs, takes
        Keys of its own that must, and that may, be given.
    """

    shows: str
    measure: str | None = None
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


KINDS_OF_FIGURES = "simsepsis.show.plots.experiment"
"""Where kinds of figures are found, by name, when a plan first asks for one."""


@cache
def figure_kinds() -> Mapping[str, Kind]:
    """Return name → kind of figure."""
    found: Mapping[str, Kind] = import_module(KINDS_OF_FIGURES).figure_kinds()
    return found


ANSWERS: dict[str, Kind] = {
    "extremes": Kind(shows="the lowest and the highest value, and where", measure="bias"),
    "verdict": Kind(
        shows="whether each method keeps a measure within a band", measure="coverage", takes=("band",)
    ),
    "frontier": Kind(
        shows="where along a setting a measure crosses a level",
        measure="coverage",
        needs=("x",),
        takes=("level",),
    ),
    "contour": Kind(
        shows="where over two settings a measure equals a value",
        measure="mean",
        needs=("x", "y"),
        takes=("level", "ratio"),
    ),
    "contrast": Kind(shows="how two methods differ on the same replicates", needs=("methods",)),
    "ladder": Kind(shows="what each source of error adds from one method to the next"),
    "claims": Kind(shows="what became of the claims"),
}
"""Kinds of answers in words."""

NOTHING: tuple[Any, ...] = (None, "", (), {})
"""Values of keys that were not given."""

COMMON = ("kind", "title", "estimand", "methods", "cells", "where")


class Choice(Section):
    """A kind of figure or answer, and the part of the numbers that it is about."""

    kind: str
    """What is shown."""
    title: str = ""
    """Heading; default: made from what is shown."""
    measure: str | None = None
    """Performance measure; default: that of the kind."""
    estimand: str | None = None
    """With or without the last word; default: the first that the plan judges."""
    methods: tuple[str, ...] = ()
    """Methods of the plan, in the order to be shown; default: all."""
    cells: str | None = None
    """Part of the cells' names; default: all cells."""
    where: dict[str, Any] = Field(default_factory=dict)
    """Varied key → value, or list of values: only these cells."""
    x: str | None = None
    """Varied key that runs along."""
    y: str | None = None
    """Varied key that runs upwards."""

    @field_validator("where", mode="before")
    @classmethod
    def _dotted(cls, where: Any) -> Any:
        return dict(dotted(dict(where))) if isinstance(where, Mapping) else where

    @field_validator("measure")
    @classmethod
    def _is_measure(cls, name: str | None) -> str | None:
        if name is not None and name not in MEASURES:
            near = did_you_mean(name, MEASURES) or f"; known are {', '.join(MEASURES)}"
            raise ValueError(f"measure '{name}' is unknown{near}")
        return name


class FigureChoice(Choice):
    """A figure of a plan."""

    name: Annotated[Name, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    """File name without suffix; default: the kind, numbered where it stands more than once."""
    series: str | None = None
    """Varied key, each value of which has a line of its own."""
    by: tuple[str, ...] = ()
    """Varied keys from the outermost loop to the innermost; default: all."""
    levels: tuple[float, ...] = ()
    """Values at which contours or lines of reference are drawn."""

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        return _known(kind, figure_kinds(), "figure")

    @property
    def about(self) -> Kind:
        """Return what is known of its kind."""
        return figure_kinds()[self.kind]


class AnswerChoice(Choice):
    """An answer in words of a plan."""

    level: float | None = None
    """Value that is looked for, in the units of the measure; default: that of the measure."""
    ratio: Annotated[float | None, Field(gt=0.0)] = None
    """In place of `level` for estimands that are logarithms: the ratio itself, such as 0.957."""
    band: tuple[float, float] | None = None
    """Range in which a measure is as it should be; default: that of the measure."""

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        return _known(kind, ANSWERS, "answer")

    @property
    def about(self) -> Kind:
        """Return what is known of its kind."""
        return ANSWERS[self.kind]


def check_choice(
    choice: FigureChoice | AnswerChoice,
    *,
    settings: Mapping[str, Collection[Any]],
    methods: Collection[str],
    estimands: Sequence[str],
) -> None:
    """Raise unless a plan can show what is asked for."""
    _check_keys(choice)
    keys = [*settings, CELL]
    axes = [choice.x, choice.y, getattr(choice, "series", None)]
    for key in (*filter(None, axes), *getattr(choice, "by", ()), *choice.where):
        if key not in keys:
            _refuse(f"the cells do not differ by '{key}'", key, keys)
    for key, wanted in choice.where.items():
        _check_values(key, wanted, settings)
    if choice.x is not None and choice.x == choice.y:
        raise ValueError(f"x and y are both '{choice.x}'; name two keys")
    for method in choice.methods:
        if method not in methods:
            _refuse(f"'{method}' is no method of the plan", method, methods)
    if choice.estimand is not None and choice.estimand not in estimands:
        _refuse(f"the plan does not judge '{choice.estimand}'", choice.estimand, estimands)
    if isinstance(choice, AnswerChoice):
        _check_answer(choice, choice.estimand or estimands[0])


def listed(wanted: Any) -> list[Any]:
    """Return the values that a `where` asks for: a list as it is, one value as a list of one."""
    return list(wanted) if isinstance(wanted, list | tuple) else [wanted]


def hashable(value: Any) -> Any:
    """Return a setting's value as one that groups of cells can be made by: lists as tuples."""
    return tuple(map(hashable, value)) if isinstance(value, list) else value


def _check_values(key: str, wanted: Any, settings: Mapping[str, Collection[Any]]) -> None:
    if key == CELL:
        raise ValueError(f"where: '{CELL}' is chosen by the key 'cells'; give a part of the names there")
    for value in listed(wanted):
        if value not in settings[key]:
            has = ", ".join(str(item) for item in settings[key])
            raise ValueError(f"where: no cell has {key} = {value}; it is one of {has}")


def _check_keys(choice: FigureChoice | AnswerChoice) -> None:
    """Raise if a key was given that the kind has no use for, or not given that it needs."""
    kind = choice.about
    own = {*kind.needs, *kind.takes, *(("measure",) if kind.measure else ())}
    usual = {*COMMON, *(("name",) if isinstance(choice, FigureChoice) else ())}
    given = {key for key, value in choice if value not in NOTHING}
    for key in sorted(given - own - usual):
        can = ", ".join(sorted(own)) or "no key of its own"
        raise ValueError(f"{key}: a {choice.kind} has no use for it; remove it (it takes {can})")
    for key in kind.needs:
        if not getattr(choice, key):
            raise ValueError(f"a {choice.kind} needs '{key}'; give it")


def _check_answer(choice: AnswerChoice, estimand: str) -> None:
    if choice.kind == "contrast" and len(choice.methods) != 2:
        raise ValueError(f"methods: a contrast is between two methods, not {len(choice.methods)}")
    if choice.kind == "contour" and (choice.level is None) == (choice.ratio is None):
        raise ValueError("a contour needs either 'level' or 'ratio'; give one of them")
    measure = choice.measure or choice.about.measure
    for kind, key in (("frontier", "level"), ("verdict", "band")):
        asked = choice.kind == kind and getattr(choice, key) is None
        if asked and getattr(MEASURES[str(measure)], key) is None:
            raise ValueError(f"a {kind} of '{measure}' needs '{key}'; give it")
    if choice.ratio is not None and Estimand.parse(estimand).on.kind != "ratio":
        raise ValueError(f"ratio: '{estimand}' is no logarithm; give 'level' in its own units")
    if choice.band is not None and not choice.band[0] < choice.band[1]:
        raise ValueError(f"band = {list(choice.band)}: put the smaller limit first")


def _known(kind: str, kinds: Mapping[str, Kind], what: str) -> str:
    if kind not in kinds:
        _refuse(f"'{kind}' is no kind of {what}", kind, kinds)
    return kind


def _refuse(words: str, name: str, known: Collection[str]) -> None:
    near = did_you_mean(name, known) or f"; it may be {', '.join(known) or 'none'}"
    raise ValueError(f"{words}{near}")
