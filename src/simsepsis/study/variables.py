"""The data dictionary of a study: every column that a cohort may have, read from ``variables.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from simsepsis.errors import DataError, did_you_mean

Role = Literal[
    "id",
    "site",
    "covariate",
    "treatment",
    "cointervention",
    "later",
    "daily",
    "outcome",
    "time",
    "duration",
    "start",
    "never",
]
Kind = Literal["number", "ordinal", "binary", "category", ""]
NAMING: tuple[Role, ...] = ("id", "site", "start", "never")
"""Roles whose values name patients and sites, or that no analysis summarizes; they need no kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One column of a cohort.

    Attributes
    ----------
    name, label
        Key in files; words for people, as the study prints them.
    role
        What the column is in the study, which decides how it is read: ``covariate`` was known before the
        treatment, ``cointervention`` and ``later`` were recorded after it, ``daily`` every day (in columns
        ``daily_NAME_DAY``, or a file of days), ``start`` is when it began, ``time`` and ``duration`` are
        spans, ``never`` is not used.
    kind
        How values are summarized; points of a score are ``ordinal``. May be empty where values only name a
        patient or a site, are when treatment began, or are not used.
    group
        The block of the study's tables that the column belongs to.
    unit
        Unit of the value, empty where it has none.
    levels
        Level → label of a category, in the study's order; empty otherwise.
    low, high
        Inclusive limits of a legal value, or None where there is no limit.
    short
        The label under the heading of its group, where that is shorter.

    Examples
    --------
    >>> lactate = Variable(name="lactate", label="Lactate", role="covariate", kind="number", unit="mmol/L")
    >>> lactate.low is None
    True
    """

    name: str
    label: str
    role: Role
    kind: Kind
    group: str = ""
    unit: str = ""
    levels: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None
    short: str = ""

    @property
    def level_names(self) -> tuple[str, ...]:
        """Return the keys of the levels."""
        return tuple(name for name, _ in self.levels)


class Variables(Mapping[str, Variable]):
    """The variables of a study by name, in the order of its file.

    Examples
    --------
    >>> dead = Variable(name="dead", label="Death", role="outcome", kind="binary")
    >>> Variables([dead]).of("outcome")
    ('dead',)
    """

    def __init__(self, variables: Iterable[Variable] = ()) -> None:
        self._by_name = {variable.name: variable for variable in variables}

    def __getitem__(self, name: str) -> Variable:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __eq__(self, other: object) -> bool:
        # Unlike a dictionary's, the order counts: rows of tables follow it.
        return isinstance(other, Variables) and list(self.values()) == list(other.values())

    def __hash__(self) -> int:
        return hash(tuple(self.values()))

    def __repr__(self) -> str:
        return f"Variables({', '.join(self)})"

    def of(self, *roles: Role) -> tuple[str, ...]:
        """Return the names of the variables of some roles."""
        return tuple(name for name, variable in self.items() if variable.role in roles)

    def of_group(self, *groups: str) -> tuple[str, ...]:
        """Return the names of the variables of some groups."""
        return tuple(name for name, variable in self.items() if variable.group in groups)


HEADER = tuple(field.name for field in fields(Variable))
REQUIRED = ("name", "role", "kind")
CHOICES: dict[str, tuple[str, ...]] = {"role": get_args(Role), "kind": get_args(Kind)[:-1]}


def read_variables(path: Path) -> Variables:
    """Return the variables that a CSV file describes, one per row.

    Columns are the attributes of `Variable`; those beside name, role and kind may be absent. Levels are
    written as ``closed = Closed ICU; open = Open ICU``, or without labels as ``closed; open``.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(reader.fieldnames or [], path)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV in UTF-8 ({error}); correct it there") from error
    made: dict[str, Variable] = {}
    for line, row in rows:
        variable = _variable(row, f"{path} line {line}")
        if variable.name in made:
            raise DataError(f"{path} line {line}: '{variable.name}' stands twice; keep one row")
        made[variable.name] = variable
    return Variables(made.values())


def _check_header(header: Iterable[str], path: Path) -> None:
    found = list(header)
    for name in found:
        if name not in HEADER:
            near = did_you_mean(name, HEADER) or f"; columns are {', '.join(HEADER)}"
            raise DataError(f"{path}: column '{name}' is unknown{near}")
    for name in REQUIRED:
        if name not in found:
            raise DataError(f"{path}: column '{name}' is missing; add it")


def _variable(row: Mapping[str | None, str | list[str] | None], place: str) -> Variable:
    if None in row or None in row.values():
        raise DataError(f"{place}: has more or fewer cells than the header; put text with commas in quotes")
    cells = {str(name): str(cell).strip() for name, cell in row.items()}
    if not cells["name"]:
        raise DataError(f"{place}: name is empty; write the column's name")
    for key, known in CHOICES.items():
        if cells[key] not in known and not (key == "kind" and cells["role"] in NAMING and not cells[key]):
            near = did_you_mean(cells[key], known) or f"; choose {', '.join(known)}"
            raise DataError(f"{place}: {key} '{cells[key]}' is unknown{near}")
    limits = {key: _limit(cells.pop(key, ""), f"{place}: {key}") for key in ("low", "high")}
    levels = _levels(cells.pop("levels", ""))
    label = cells.pop("label", "") or cells["name"]
    return Variable(**cells, label=label, levels=levels, **limits)  # type: ignore[arg-type]


def _limit(text: str, place: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise DataError(f"{place} '{text}' is no number; write a limit or leave it empty") from None


def _levels(text: str) -> tuple[tuple[str, str], ...]:
    parts = [part.partition("=") for part in text.split(";") if part.strip()]
    return tuple((name.strip(), label.strip() or name.strip()) for name, _, label in parts)
