"""What every part of a scenario has in common."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema

from simsepsis.names import check_name

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
OpenProbability = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0, le=1e6)]
NonNegative = Annotated[float, Field(ge=0.0, le=1e6)]
Coefficient = Annotated[float, Field(ge=-50.0, le=50.0)]
"""Log hazard, probit or change of either: e⁵⁰ is beyond anything that happens to patients."""
Spread = Annotated[float, Field(gt=0.0, le=10.0)]
"""Standard deviation of a logarithm."""
Ratio = Annotated[float, Field(ge=1e-3, le=1e3)]
"""Odds, hazard or risk ratio."""
Grams = Annotated[float, Field(gt=0.0, le=1_000.0)]
"""Total dose in g."""
GramsPerKg = Annotated[float, Field(gt=0.0, le=20.0)]
"""Total dose in g per kg."""
Coefficients = dict[str, Coefficient]

Name = Annotated[str, AfterValidator(check_name)]
"""What may become a file or folder."""


class Section(BaseModel):
    """A part of a scenario: frozen, no key beyond those declared, each field explained under its name.

    Values are of the kind declared: ``true`` and ``"0.5"`` are no numbers, ``1`` is not ``true``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _arrays(cls, values: Any) -> Any:
        """Take lists, the only arrays that files have, where tuples are declared."""
        if not isinstance(values, Mapping):
            return values
        fixed = {name for name, field in cls.model_fields.items() if _is_tuple(field.annotation)}
        return {
            name: tuple(value) if name in fixed and isinstance(value, list) else value
            for name, value in values.items()
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe each field in the schema by what stands under its name."""
        schema = handler(core)
        described = handler.resolve_ref_schema(schema).get("properties", {})
        for name, meaning in meanings(cls).items():
            if name in described:
                described[name].setdefault("description", meaning)
        return schema


@cache
def meanings(section: type[BaseModel]) -> dict[str, str]:
    """Return the fields of a section, and of what it is derived from, with what stands under their names."""
    told: dict[str, str] = {}
    # Read only when somebody asks: every command declares sections, and few explain them.
    for part in (one for one in section.__mro__[::-1] if issubclass(one, BaseModel) and one is not BaseModel):
        (declared,) = ast.parse(textwrap.dedent(inspect.getsource(part))).body
        assert isinstance(declared, ast.ClassDef)
        for field, text in pairwise(declared.body):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(meaning))),
                ):
                    told[name] = inspect.cleandoc(meaning)
    return told


def _is_tuple(annotation: Any) -> bool:
    return any(get_origin(part) is tuple for part in (annotation, *get_args(annotation)))
