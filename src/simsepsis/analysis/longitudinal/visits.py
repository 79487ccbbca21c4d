"""A long frame, one row per person and visit at risk, as arrays in order; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simsepsis.analysis.inputs import binary_vector, finite_vector
from simsepsis.analysis.numeric import shown, whole_number
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import DataError, MissingColumnError, UsageError, did_you_mean

ROUNDING = 1e-6
"""By so much a whole visit may differ from 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Visits:
    """Rows at risk, sorted by person and visit; m rows of n persons.

    Attributes
    ----------
    person, visit
        (m,): number of the person and of the visit, both from 0.
    treated, covariates, event
        (m,), (m, p), (m,): treatment during the visit, what is known at its beginning, death within it.
    stop
        (m,): time at risk within the visit, up to 1; all 1 where times are not recorded.
    continuous
        Whether they are.
    horizon
        Visits to follow.
    """

    person: IntArray
    visit: IntArray
    treated: FloatArray
    covariates: FloatArray
    event: FloatArray
    stop: FloatArray
    continuous: bool
    horizon: int

    @cached_property
    def first(self) -> IntArray:
        """The row of each person's first visit, (n,)."""
        return np.flatnonzero(self.visit == 0)

    @cached_property
    def baseline(self) -> FloatArray:
        """Each person's covariates at the first visit, (n, p)."""
        return self.covariates[self.first]

    @property
    def n(self) -> int:
        """Number of persons."""
        return int(self.first.size)

    @cached_property
    def before(self) -> FloatArray:
        """Treatment at the visit before, 0 at the first, (m,)."""
        return np.where(self.visit == 0, 0.0, np.roll(self.treated, 1))

    @cached_property
    def treated_before(self) -> FloatArray:
        """Number of earlier visits with treatment, (m,)."""
        return self.so_far(self.treated[:, None])[:, 0] - self.treated

    def so_far(self, values: FloatArray) -> FloatArray:
        """Return the sums of each person's values up to each row, (m, q)."""
        total = np.cumsum(values, axis=0)
        before_first = total[self.first] - values[self.first]
        return total - before_first[self.person]

    def treatment_at(self, visit: int, rows: IntArray) -> FloatArray:
        """Return the treatment that the persons of some rows had at a visit that they all had."""
        return self.treated[self.first[self.person[rows]] + visit]


def read_visits(
    long: pd.DataFrame,
    *,
    id: str,
    visit: str,
    treatment: str,
    covariates: Sequence[str] | str,
    event: str,
    duration: str | None,
    horizon: int,
) -> Visits:
    """Return the visits up to the horizon, sorted."""
    names = [covariates] if isinstance(covariates, str) else [*covariates]
    _check_columns(long, {"id": id, "visit": visit, "treatment": treatment, "event": event}, names, duration)
    person, number = _persons(long[id], id), _whole_visits(long[visit], visit)
    order = np.lexsort((number, person))
    person, number = person[order], number[order]
    where = _Place(order=order, label=long[id].to_numpy()[order], visit=number)
    follows = np.r_[False, person[1:] == person[:-1]]
    _check_courses(number, follows, where)
    died = binary_vector(long[event], str(event))[order]
    _refuse(follows & (np.roll(died, 1) == 1), where, f"comes after a death ({event} = 1); leave it out")
    stop = np.ones(order.size)
    if duration is not None:
        stop = finite_vector(long[duration], str(duration))[order]
        _check_durations(stop, np.r_[follows[1:], False], where, duration)
    treated = binary_vector(long[treatment], str(treatment))[order]
    known = [finite_vector(long[name], str(name))[order] for name in names]
    number = number - number.min()
    keep = number < _checked_horizon(horizon, int(number.max()) + 1)
    return Visits(
        person=person[keep],
        visit=number[keep],
        treated=treated[keep],
        covariates=np.column_stack([np.empty((order.size, 0)), *known])[keep],
        event=died[keep],
        stop=stop[keep],
        continuous=duration is not None,
        horizon=int(horizon),
    )


def _checked_horizon(horizon: int, most: int) -> int:
    number = whole_number(horizon, "horizon", least=1)
    if number > most:
        raise UsageError(f"horizon is {number} and there are {most} visits; write horizon={most} or less")
    return number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Place:
    """Where each sorted row stands in the frame, and whose it is."""

    order: IntArray
    label: NDArray[Any]
    visit: IntArray

    def __call__(self, row: int) -> str:
        return f"row {self.order[row]} (person {shown(self.label[row])}, visit {self.visit[row]})"


def _refuse(wrong: BoolArray, where: _Place, reason: str) -> None:
    """Refuse rows; the reason begins with a verb."""
    if wrong.any():
        raise DataError(f"{where(int(np.argmax(wrong)))} {reason}")


def _check_columns(
    long: pd.DataFrame, roles: dict[str, str], covariates: Sequence[str], duration: str | None
) -> None:
    if not isinstance(long, pd.DataFrame):
        raise DataError(
            f"long is a {type(long).__name__}; give a DataFrame, one row for each person and visit"
        )
    asked = [(name, f'{role}="…"') for role, name in roles.items()]
    asked += [(name, "covariates=[…]") for name in covariates]
    asked += [] if duration is None else [(duration, 'duration="…"')]
    names = [name for name, _ in asked]
    for name, line in asked:
        if name not in long.columns:
            hint = did_you_mean(str(name), map(str, long.columns))
            raise MissingColumnError(
                f"there is no column {shown(name)}{hint}; write {line} with a column's name"
            )
        if names.count(name) > 1:
            raise UsageError(f"column {shown(name)} is named twice; give each column one role")
    if long.empty:
        raise DataError("there are no rows; give one row for each person and visit at risk")


def _persons(labels: pd.Series, name: str) -> IntArray:
    codes: IntArray = pd.factorize(labels)[0].astype(np.int64)
    missing = np.flatnonzero(codes < 0)
    if missing.size:
        raise DataError(f"{name}: row {missing[0]} has no label; say whose row it is, or leave it out")
    return codes


def _whole_visits(values: pd.Series, name: str) -> IntArray:
    number = finite_vector(values, name)
    broken = np.flatnonzero(number != np.rint(number))
    if broken.size:
        raise DataError(f"{name}: row {broken[0]} is {number[broken[0]]:g}; number the visits 0, 1, 2, …")
    return number.astype(np.int64)


def _check_courses(number: IntArray, follows: BoolArray, where: _Place) -> None:
    """Refuse visits that are there twice, that are missing before a later one, and late first ones."""
    step = np.where(follows, np.diff(number, prepend=0), 1)
    _refuse(step == 0, where, "is there twice; keep one row for each person and visit")
    _refuse(
        step > 1,
        where,
        "comes after a gap; add the visits between with the last values known, or end before it",
    )
    first = int(number.min())
    late = ~follows & (number > first)
    _refuse(
        late, where, f"is that person's first, and others begin at {first}; number visits from each start"
    )


def _check_durations(stop: FloatArray, followed: BoolArray, where: _Place, name: str) -> None:
    """Refuse times that do not lie within a visit, or leave out a part of one that another follows."""
    wrong = (stop < 0) | (stop > 1 + ROUNDING)
    value = f"{stop[int(np.argmax(wrong))]:g}"
    _refuse(wrong, where, f"has {name} = {value}; give it in parts of the time between visits, 0 to 1")
    short = followed & (stop < 1 - ROUNDING)
    value = f"{stop[int(np.argmax(short))]:g}"
    _refuse(short, where, f"has {name} = {value} though another visit follows; write 1 for a whole visit")
