"""The columns of a cohort that a spec needs: found, unwrapped, recoded, with where they stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simsepsis.analysis.dates import elapsed
from simsepsis.analysis.spec import AnalysisSpec, in_own_words
from simsepsis.analysis.spec_types import DAYS_IN, Scalar
from simsepsis.analysis.values import (
    Place,
    Values,
    bare,
    without_codes,
)
from simsepsis.arrays import BoolArray, IntArray
from simsepsis.errors import DataError, MissingColumnError, did_you_mean
from simsepsis.records import Records, Registry


@dataclass(frozen=True, slots=True, eq=False)
class CohortColumns:
    """The columns of a file that a spec needs, and where they stand."""

    columns: Mapping[Any, Values]
    spec: AnalysisSpec
    source: str
    record: IntArray
    checked: bool
    """Whether the cells are a user's, so that what looks wrong is looked for; simulated ones are known."""

    def rows(self, keep: BoolArray) -> CohortColumns:
        """Return some of the patients."""
        columns = {name: column[keep] for name, column in self.columns.items()}
        return replace(self, columns=columns, record=self.record[keep])

    def place(self, name: str) -> Place:
        """Return where a column of the spec stands in the file."""
        column = self.spec.columns.get(name, name)
        return Place(source=self.source, column=column, name=name, record=self.record)

    def cells(self, name: str) -> Values:
        """Return a column without declared codes for missing values, recoded; or a difference of two."""
        spec = self.spec
        if name in spec.differences:
            start, end = spec.differences[name]
            places = (self.place(start), self.place(end))
            days = elapsed(self.cells(start), self.cells(end), places, spec.date_format)
            return days / DAYS_IN[spec.time_unit]
        column = self.written(name)
        codes = self.codes(name)
        column = without_codes(column, codes) if codes else column
        return _unwrapped(_recoded(pd.Series(column), spec.recode[name])) if name in spec.recode else column

    def written(self, name: str) -> Values:
        """Return a column as it is in the file."""
        return self.columns[self.spec.columns.get(name, name)]

    def codes(self, name: str) -> tuple[Scalar, ...]:
        """Return the declared codes for a missing value of a column."""
        declared = self.spec.missing_codes
        return tuple(declared.get(name, ())) if isinstance(declared, Mapping) else declared


def is_in_own_words(registry: Registry, spec: AnalysisSpec) -> bool:
    """Return whether a frame is one that a learned world wrote, so that the spec has nothing to translate.

    It then has every column by the spec's own name, none by the name in the source's file, and an arm of 0/1
    where the source has words.
    """
    if not isinstance(registry, pd.DataFrame) or spec is in_own_words(spec):
        return False
    present = set(registry.columns)
    renamed = {file for own, file in spec.columns.items() if file != own}
    sources = {spec.columns.get(one, one) for pair in spec.differences.values() for one in pair}
    if (renamed | sources) & present or not set(spec.numbers_used) <= present:
        return False
    if not renamed and not sources and spec.treated is None and not spec.arms:
        return False
    arm = registry[spec.treatment]
    return pd.api.types.is_numeric_dtype(arm.dtype) and bool(arm.isin((0, 1)).all())


def columns_of(registry: Registry, spec: AnalysisSpec, source: str) -> Mapping[Any, Values]:
    """Return the columns of the file that the spec needs, without pandas's wrapping where possible."""
    if not isinstance(registry, (Records, pd.DataFrame)):
        raise DataError(f"a {type(registry).__name__} is no table of patients; give a pandas DataFrame")
    if len(registry) == 0:
        raise DataError(f"{source}: has no rows; give one row per patient")
    if isinstance(registry, Records):
        _require_columns(registry.columns, spec, source)
        return registry.columns
    if not registry.columns.is_unique:
        twice = registry.columns[registry.columns.duplicated()][0]
        raise DataError(f"{source}: column '{twice}' stands twice; leave one")
    return {name: _unwrapped(registry[name]) for name in _require_columns(registry.columns, spec, source)}


def _unwrapped(series: pd.Series) -> Values:
    """Return an array of numbers or a categorical; anything else stays what it is."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return _native(series.to_numpy()) if dtype.kind in "biuf" else series
    if isinstance(dtype, (pd.ArrowDtype, pd.SparseDtype)):
        return _unwrapped(series.astype(object).infer_objects())
    return series.array if isinstance(dtype, pd.CategoricalDtype) else series


def _native(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return numbers of a kind that compiled code takes: no halves, no extended ones, bytes in order."""
    usual = numbers.dtype.itemsize in (4, 8) or numbers.dtype.kind != "f"
    return numbers.astype(numbers.dtype.newbyteorder("=") if usual else np.float64, copy=False)


def _require_columns(present: Collection[Any], spec: AnalysisSpec, source: str) -> list[str]:
    """Return the columns of the file that the spec needs, all of which must be there."""
    names = (*spec.numbers_used, *(name for name in (spec.cluster, spec.patient) if name))
    names += tuple(rule.column for rule in (*spec.exclude, *spec.include))
    asked = [column for name in names for column in spec.differences.get(name, (name,))]
    needed = [spec.columns.get(column, column) for column in asked]
    lacking = [place for place, name in enumerate(needed) if name not in present]
    if lacking:
        raise MissingColumnError(f"{source}: {_lacking(lacking, asked, needed, present, spec)}")
    return needed


def _lacking(
    lacking: list[int], asked: list[str], needed: list[str], present: Collection[Any], spec: AnalysisSpec
) -> str:
    name = needed[lacking[0]]
    if not spec.own and 2 * len(lacking) > len(needed):
        return (
            f"is no cohort of the study '{spec.study}': it lacks {len(lacking)} of {len(needed)} columns, "
            f"'{name}' among them; give a spec that names your own columns, as in --spec study.toml"
        )
    hint = did_you_mean(name, [str(known) for known in present])
    key = f"columns.{bare(asked[lacking[0]])}"
    return (
        f"column '{name}' is missing{hint}; add it, or write {key} = \"…\" in the spec with the name that "
        "the file has for it"
    )


def _recoded(series: pd.Series, recode: Mapping[str, Scalar]) -> pd.Series:
    table: dict[Any, Scalar] = dict(recode)
    for key, value in recode.items():
        try:
            table[float(key)] = value
        except ValueError:
            continue
    recoded = series.astype(object).map(lambda value: table.get(value, value))
    return (recoded.fillna(recode[""]) if "" in recode else recoded).infer_objects()
