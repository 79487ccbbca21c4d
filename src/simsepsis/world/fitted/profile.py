"""What was learned of a cohort: margins, dependence, clusters and models; no patient's row is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, field_validator, model_validator

from simsepsis.documents import frozen, is_file, sentence
from simsepsis.errors import ScenarioError
from simsepsis.world.section import Section

NODES = np.round(np.linspace(-3.3, 3.3, 133), 3)
"""Standard normal values at which the quantile function of a number is known; linear between them."""

UNKNOWN = ""
"""Word for the level of a category that stands for a missing value."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Finite = Annotated[float, Field(ge=-1e12, le=1e12)]
Predictor = Annotated[float, Field(ge=-100.0, le=100.0)]
"""A coefficient, or part of a linear predictor."""


class Column(Section):
    """A covariate and how it is distributed in everybody."""

    kind: Literal["number", "ordinal", "binary", "category"]
    values: tuple[Finite, ...] = ()
    """Quantiles of a number at the `NODES`; else all values, the numbers of the levels for a category."""
    shares: tuple[Share, ...] = ()
    """Share of each value of what is no number."""
    levels: tuple[str, ...] = ()
    """Words for the values of a category."""
    atom: Finite | None = None
    """Value of a number that many patients share, such as 0; the quantiles are those of the others."""
    atom_share: Share = 0.0
    """Share of patients with it."""
    decimals: Annotated[int, Field(ge=0, le=12)] | None = None
    """Decimals with which it is recorded; absent: as many as there are."""
    missing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of patients in whose record it is missing."""
    fill: Finite = 0.0
    """Value that models take where it is missing."""
    knots: tuple[Finite, ...] = ()
    """Knots of the restricted cubic spline by which models bend; none: straight lines."""
    center: Finite = 0.0
    """Subtracted before a model's coefficient; its mean."""
    spread: Annotated[float, Field(gt=0.0, le=1e12)] = 1.0
    """Unit of a model's coefficient; its standard deviation."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.kind == "number":
            if len(self.values) != NODES.size or self.shares:
                raise ValueError(f"values: a number has {NODES.size} quantiles and no shares")
            if list(self.values) != sorted(self.values):
                raise ValueError("values: quantiles must not fall; put them in order")
        else:
            if len(self.values) < 1 or len(self.values) != len(self.shares):
                raise ValueError("shares: give one for each of the values")
            if abs(sum(self.shares) - 1.0) > 1e-6:
                raise ValueError(f"shares sum to {sum(self.shares):g}; they must sum to 1")
        if self.kind == "category" and len(self.levels) != len(self.values):
            raise ValueError("levels: give one word for each of the values")
        if (self.atom is None) != (self.atom_share == 0.0) or self.atom_share == 1.0:
            raise ValueError("atom and atom_share, between 0 and 1, belong together; give both or neither")
        if list(self.knots) != sorted(set(self.knots)) or len(self.knots) in (1, 2):
            raise ValueError("knots: give three or more that rise, or none")
        return self

    @property
    def latents(self) -> int:
        """Return how many normal variables it is made of."""
        sticks = {"category": len(self.values) - 1, "number": 1 + (self.atom is not None)}
        return (self.missing > 0.0) + sticks.get(self.kind, 1)

    @property
    def terms(self) -> int:
        """Return how many coefficients a model has for it."""
        if self.kind == "category":
            return len(self.values) - 1
        return 1 if not self.knots else len(self.knots) - 1


class Model(Section):
    """A linear predictor: of treatment, of an outcome, of what else is recorded."""

    kind: Literal["logistic", "hazard", "number"]
    """Log odds, log hazard ratio, or normal score of a number."""
    intercept: Predictor = 0.0
    coefficients: dict[str, tuple[Predictor, ...]] = Field(default_factory=dict)
    """Covariate → its coefficients, as `basis` has its terms."""
    missing: dict[str, Predictor] = Field(default_factory=dict)
    """Covariate → coefficient where it is missing; for the others the value behind the record counts."""
    treatment: Predictor = 0.0
    """Coefficient of the treatment, as it was found."""
    after: dict[str, Predictor] = Field(default_factory=dict)
    """What came before, beside the covariates → its coefficient."""
    residual: Annotated[float, Field(ge=0.0, le=10.0)] = 1.0
    """Standard deviation of the normal score given all this (number)."""


class Later(Section):
    """What is recorded beside covariates, treatment and survival, drawn in this order."""

    role: Literal["before", "outcome", "after"]
    """Drawn before the treatment, an outcome that treatment may change, or recorded only."""
    model: str
    column: Column
    """Its margin, with missing values; a number's only."""
    within: tuple[str, ...] = ()
    """Happens only to those to whom these happened."""
    implied_by: tuple[str, ...] = ()
    """Happens to all to whom one of these happened."""


class Derived(Section):
    """An outcome that is the event of the survival analysis by some day."""

    day: Annotated[float, Field(gt=0.0, le=1e6)] | None = None
    """Last day; absent: at any time of follow-up."""


class Survival(Section):
    """Time to an event, and to leaving without it."""

    time: str
    event: str
    cuts: tuple[Annotated[float, Field(ge=0.0, le=1e9)], ...]
    """Ends of the pieces in which hazards are constant, from 0 to the end of all follow-up."""
    hazards: tuple[Annotated[float, Field(ge=0.0, le=1e9)], ...]
    """Hazard of the event in each piece, for a linear predictor of 0."""
    leaving: tuple[Annotated[float, Field(ge=0.0, le=1e9)], ...]
    """Hazard of leaving without it."""
    rounding: Literal["none", "up", "down"] = "none"
    """How times are recorded: as they are, or as whole numbers."""
    decimals: Annotated[int, Field(ge=0, le=12)] | None = None
    horizon: Annotated[float, Field(gt=0.0, le=1e9)]
    """Time to which restricted means and cumulative incidences are counted."""
    discharge: bool = False
    """Whether who leaves is alive and out of risk, not lost to follow-up."""

    @model_validator(mode="after")
    def _pieces(self) -> Self:
        if len(self.cuts) < 2 or self.cuts[0] != 0.0 or list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError("cuts: begin with 0 and rise")
        if not len(self.hazards) == len(self.leaving) == len(self.cuts) - 1:
            raise ValueError("hazards and leaving: give one for each piece between the cuts")
        return self


class Start(Section):
    """When the treatment starts, by a hazard in everybody who is still there and untreated.

    Where it is given, the predictor of the model `treatment` is a log hazard ratio.
    """

    column: str
    cuts: tuple[Annotated[float, Field(ge=-1.0, le=1e9)], ...]
    """Ends of the pieces in which the hazard is constant; from −1, where some start at once, to the last."""
    hazards: tuple[Annotated[float, Field(ge=0.0, le=1e9)], ...]
    """Hazard of starting in each piece, for a linear predictor of 0."""
    scale: Annotated[float, Field(gt=0.0, le=1e6)] = 1.0
    """What is recorded per unit of follow-up: 24 for hours beside days."""
    rounding: Literal["none", "up", "down"] = "none"
    """How times are recorded: as they are, or as whole numbers."""
    decimals: Annotated[int, Field(ge=0, le=12)] | None = None
    early: Annotated[float, Field(gt=0.0, le=1e6)] = 2.0
    """48 hours, in the unit of follow-up."""

    @model_validator(mode="after")
    def _pieces(self) -> Self:
        if len(self.cuts) < 2 or self.cuts[0] not in (0.0, -1.0) or list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError("cuts: begin with 0, or with −1 where some start at once, and rise")
        if len(self.hazards) != len(self.cuts) - 1 or not any(self.hazards):
            raise ValueError("hazards: give one for each piece between the cuts, and not only zeros")
        return self

    @property
    def cumulative(self) -> np.ndarray:
        """Return the cumulative hazard at the cuts."""
        return np.concatenate([[0.0], np.cumsum(np.array(self.hazards) * np.diff(self.cuts))])


class Clusters(Section):
    """The clusters of the cohort, each with what is special about it."""

    column: str
    shares: tuple[Share, ...]
    """Share of patients in each."""
    latents: tuple[tuple[Annotated[float, Field(ge=-5.0, le=5.0)], ...], ...]
    """Of each cluster the means of the normal variables behind the covariates."""
    models: dict[str, tuple[Predictor, ...]]
    """Model → effect of each cluster on its predictor."""
    constants: dict[str, tuple[Annotated[int, Field(ge=0)], ...]] = Field(default_factory=dict)
    """Covariate that all patients of a cluster share → which of its values each cluster has, from 0."""

    @model_validator(mode="after")
    def _alike(self) -> Self:
        if abs(sum(self.shares) - 1.0) > 1e-6:
            raise ValueError(f"shares sum to {sum(self.shares):g}; they must sum to 1")
        sizes = {len(self.latents), *map(len, self.models.values()), *map(len, self.constants.values())}
        if sizes != {len(self.shares)}:
            raise ValueError("latents and models: give one row or effect for each cluster")
        return self


class Profile(Section):
    """All that was learned of a cohort."""

    study: str
    """Name of the study."""
    source: str
    """What it was learned from."""
    patients: Annotated[int, Field(ge=1)]
    """How many patients that had."""
    minimum: Annotated[int, Field(ge=1)] = 10
    """Patients that every number in here rests on at least."""
    treatment: str
    """Column of the treatment."""
    prevalence: Annotated[float, Field(gt=0.0, lt=1.0)]
    """Share of the treated."""
    patient: str = ""
    """Column of the patient's number; empty where there is none."""
    columns: dict[str, Column]
    """Covariates."""
    correlation: tuple[tuple[Annotated[float, Field(ge=-1.0, le=1.0)], ...], ...]
    """Lower triangle, without the diagonal, of the correlations between the normal variables behind them."""
    models: dict[str, Model]
    """Predictors; `treatment`, and those that `survival` and `later` name."""
    survival: Survival | None = None
    """Models `event` and `leaving`."""
    start: Start | None = None
    """When the treatment starts, where that was recorded."""
    derived: dict[str, Derived] = Field(default_factory=dict)
    """Outcomes that follow from it."""
    later: dict[str, Later] = Field(default_factory=dict)
    """Everything else that is recorded."""
    clusters: Clusters | None = None
    crude: dict[str, tuple[Finite, Finite]] = Field(default_factory=dict)
    """Outcome → its mean in the treated and in the control arm."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Column → its words."""

    @field_validator("columns")
    @classmethod
    def _some(cls, columns: dict[str, Column]) -> dict[str, Column]:
        if not columns:
            raise ValueError("a world needs at least one covariate")
        return columns

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        count = sum(column.latents for column in self.columns.values())
        if [len(row) for row in self.correlation] != list(range(1, count)):
            raise ValueError(
                f"correlation: the columns are made of {count} normal variables; give rows of 1 to "
                f"{count - 1}"
            )
        if count > 1 and np.linalg.eigvalsh(self.matrix).min() < -1e-3:
            raise ValueError("correlation: no such correlations are possible together; fit the world again")
        if self.derived and self.survival is None:
            raise ValueError("derived: outcomes by some day need survival")
        if self.clusters is not None:
            self._clusters_fit(self.clusters, count)
        return self

    def _clusters_fit(self, clusters: Clusters, count: int) -> None:
        if any(len(row) != count for row in clusters.latents):
            raise ValueError(f"clusters.latents: give {count} means for each cluster")
        for name, places in clusters.constants.items():
            column = self.columns.get(name)
            if column is None or column.kind == "number" or max(places) >= len(column.values):
                raise ValueError(f"clusters.constants: '{name}' has no such values")

    @model_validator(mode="after")
    def _models_fit(self) -> Self:
        needed = {"treatment", *(one.model for one in self.later.values())}
        needed |= {"event", "leaving"} if self.survival else set()
        for name in sorted(needed - set(self.models)):
            raise ValueError(f"models: '{name}' is missing")
        kind = "logistic" if self.start is None else "hazard"
        if self.models["treatment"].kind != kind:
            raise ValueError(f'models.treatment: kind must be "{kind}", as start is there or not')
        known = {
            *self.later,
            *self.columns,
            *self.derived,
            *((self.survival.event,) if self.survival else ()),
        }
        for name, model in self.models.items():
            for column, own in model.coefficients.items():
                if column not in self.columns or len(own) != self.columns[column].terms:
                    raise ValueError(f"models.{name}: coefficients of '{column}' do not fit the column")
            for column in (*model.missing, *model.after):
                if column not in known:
                    raise ValueError(f"models.{name}: '{column}' is no column of this profile")
        return self

    @cached_property
    def digest(self) -> str:
        """Return the hash of its text."""
        return content_hash(self.json_text())

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields replaced, whose hash is its own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("digest", None)
        return copied

    def __hash__(self) -> int:
        """Return a hash by content, so that tables made of a profile can be kept."""
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        """Return whether two profiles say the same."""
        return isinstance(other, Profile) and self.digest == other.digest

    @property
    def matrix(self) -> np.ndarray:
        """Return the correlations between the normal variables as a whole matrix."""
        size = len(self.correlation) + 1
        whole = np.eye(size)
        for row, values in enumerate(self.correlation, start=1):
            whole[row, :row] = whole[:row, row] = values
        return whole

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Return the outcomes that happen or not."""
        own = (
            name for name, one in self.later.items() if one.role == "outcome" and one.column.kind != "number"
        )
        return (*self.derived, *own)

    @property
    def numeric_outcomes(self) -> tuple[str, ...]:
        """Return the outcomes that are numbers."""
        return tuple(
            name for name, one in self.later.items() if one.role == "outcome" and one.column.kind == "number"
        )

    def json_text(self) -> str:
        """Return it as text that `read_profile` takes: one line for each list of numbers."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        return _lines(values, "") + "\n"


_json = json.JSONEncoder(ensure_ascii=False).encode


def _lines(value: object, indent: str) -> str:
    if isinstance(value, dict) and value:
        inner = indent + " "
        parts = (f"{inner}{_json(key)}: {_lines(one, inner)}" for key, one in value.items())
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return _json(value)


def content_hash(text: str) -> str:
    """Return 16 hexadecimal digits of a profile's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_profile(path: Path) -> tuple[Profile, str]:
    """Return a profile and the hash of its text."""
    if not is_file(path):
        raise ScenarioError(f"{path}: no such profile; keep it where `simsepsis fit` wrote it, or fit again")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read as UTF-8 ({error}); fit the world again") from error
    return _parsed(str(path), text), content_hash(text)


@lru_cache(maxsize=8)
def _parsed(place: str, text: str) -> Profile:
    try:
        return Profile.model_validate(frozen(json.loads(text)))
    except ValidationError as error:
        raise ScenarioError(f"{place}: {sentence(error, Profile)}") from error
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"{place}: cannot be read as JSON ({error}); fit the world again") from error
