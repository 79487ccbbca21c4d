"""A registry as columns, which simulated studies use as they are, and as the frame that people expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import pandas as pd
from numpy.typing import NDArray

Column: TypeAlias = NDArray[Any] | pd.Categorical
"""Values of one variable, one per patient."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """The columns of a registry.

    A frame costs as much as many a method when a registry is simulated, used once and thrown away; it is made
    when it is asked for.

    Attributes
    ----------
    columns
        Name → values, all of one length.
    """

    columns: Mapping[str, Column]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Return one row per patient; numbers are shared, not copied."""
        return pd.DataFrame(dict(self.columns), copy=False)

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(next(iter(self.columns.values()), ()))


Registry: TypeAlias = pd.DataFrame | Records
"""One row per patient."""


def frame_of(registry: Registry) -> pd.DataFrame:
    """Return a registry as a frame."""
    return registry.frame if isinstance(registry, Records) else registry
