"""Covariates that are patients' own rows, drawn anew within clusters; the treatment is never among them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.documents import is_file
from simsepsis.errors import ScenarioError
from simsepsis.world.fitted.covariates import Covariates
from simsepsis.world.fitted.profile import Profile
from simsepsis.world.fitted.tabulated import contribution, if_missing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Patients' covariates.

    Attributes
    ----------
    values
        (columns, patients), as a profile's columns are in order; NaN is missing.
    cluster
        (patients,) number of the cluster, zeros without clusters; ascending.
    """

    values: FloatArray
    cluster: IntArray

    @property
    def content(self) -> bytes:
        """Return them as the content of a file."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, values=self.values, cluster=self.cluster)
        return buffer.getvalue()


def rows_hash(rows: Rows) -> str:
    """Return 16 hexadecimal digits of what rows hold."""
    content = np.ascontiguousarray(rows.values).tobytes() + np.ascontiguousarray(rows.cluster).tobytes()
    return hashlib.sha256(content).hexdigest()[:16]


def read_rows(path: Path, wanted: str) -> Rows:
    """Return the rows of a file."""
    if not is_file(path):
        raise ScenarioError(
            f"{path}: no such rows; keep the file where `simsepsis fit` wrote it, or fit again"
        )
    try:
        with np.load(path, allow_pickle=False) as stored:
            rows = Rows(values=stored["values"], cluster=stored["cluster"])
    except (OSError, ValueError, KeyError) as error:
        raise ScenarioError(f"{path}: cannot be read as rows ({error}); fit the world again") from error
    if rows_hash(rows) != wanted:
        raise ScenarioError(f"{path}: holds other rows than the scenario was made with; fit the world again")
    return rows


@lru_cache(maxsize=4)
def _predictors(profile: Profile, rows: Rows) -> FloatArray:
    """Return what the covariates of each row add up to in each model, (models, patients)."""
    found = np.zeros((len(profile.models), rows.cluster.size))
    for place, model in enumerate(profile.models.values()):
        found[place] = model.intercept
        for values, (name, column) in zip(rows.values, profile.columns.items(), strict=True):
            gone = np.isnan(values)
            added = contribution(column, model, name, np.where(gone, column.fill, values))
            instead = if_missing(column, model, name)
            found[place] += added if np.isnan(instead) else np.where(gone, instead, added)
    return found


def draw_rows(
    profile: Profile,
    rows: Rows,
    cluster: IntArray,
    effects: FloatArray,
    origin: IntArray,
    rng: np.random.Generator,
) -> Covariates:
    """Return patients whose covariates are rows drawn with replacement from their own cluster."""
    ends = np.cumsum(np.bincount(rows.cluster))
    sizes = np.diff(ends, prepend=0)
    home = origin[cluster]
    chosen = ends[home] - sizes[home] + (rng.random(cluster.size) * sizes[home]).astype(np.int64)
    values = rows.values[:, chosen]
    missing = np.isnan(values)
    fills = np.array([column.fill for column in profile.columns.values()])[:, None]
    return Covariates(
        cluster=cluster,
        values=np.where(missing, fills, values),
        missing=missing,
        predictors=_predictors(profile, rows)[:, chosen] + effects[cluster].T,
    )
