"""Covariates of patients from normal variables, and what they add to every model, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.world.fitted.profile import NODES, Profile
from simsepsis.world.fitted.tabulated import NUMBER, STEPS, Tables, factor, tabulated

STEP = float(NODES[1] - NODES[0])
MOST_MISSING = 0.95
"""Share of missing values that no factor goes beyond."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covariates:
    """Covariates of n patients.

    Attributes
    ----------
    cluster
        (n,) number of the cluster, zeros where there are none.
    values
        (columns, n) as they are, whether recorded or not.
    missing
        (columns, n) where the record lacks them.
    predictors
        (models, n) what they and the cluster add up to in each model, intercept included.
    """

    cluster: IntArray
    values: FloatArray
    missing: BoolArray
    predictors: FloatArray

    def subset(self, rows: IntArray) -> Covariates:
        """Return some of the patients."""
        return Covariates(
            cluster=self.cluster[rows],
            values=self.values[:, rows],
            missing=self.missing[:, rows],
            predictors=self.predictors[:, rows],
        )


def draw_covariates(
    profile: Profile,
    cluster: IntArray,
    effects: FloatArray,
    means: FloatArray,
    fixed: IntArray,
    rng: np.random.Generator,
    *,
    missing: float = 1.0,
) -> Covariates:
    """Return covariates from the copula."""
    tables, root = tabulated(profile), factor(profile)
    normal = rng.standard_normal((cluster.size, len(root)), dtype=np.float32)
    latent = normal @ root.T.astype(np.float32)
    n = cluster.size
    values = np.empty((len(tables.names), n))
    absent = np.zeros((len(tables.names), n), dtype=np.bool_)
    predictors = np.empty((len(tables.models), n))
    intercepts = np.array([model.intercept for model in profile.models.values()])
    _translate(
        latent,
        cluster,
        means.astype(np.float32),
        effects,
        intercepts,
        tables.kind,
        tables.first,
        tables.start,
        tables.size,
        tables.missing > -np.inf,
        _more_missing(tables, missing),
        tables.atom,
        tables.atom_value,
        tables.scale,
        fixed,
        tables.snaps,
        tables.limits,
        tables.values,
        tables.adds.T.copy(),
        tables.atom_adds.T.copy(),
        tables.missing_adds.T.copy(),
        values,
        absent,
        predictors,
    )
    return Covariates(cluster=cluster, values=values, missing=absent, predictors=predictors)


def _more_missing(tables: Tables, factor: float) -> FloatArray:
    """Return the limits below which values are missing, with their shares multiplied."""
    if factor == 1.0:
        return tables.missing
    limits: FloatArray = np.where(
        np.isneginf(tables.missing), -np.inf, ndtri(np.minimum(ndtr(tables.missing) * factor, MOST_MISSING))
    )
    return limits


@njit(cache=True)
def _translate(  # noqa: C901, PLR0915 - one loop, so that nothing of a patient leaves the cache
    latent: NDArray[np.float32],
    cluster: IntArray,
    means: NDArray[np.float32],
    effects: FloatArray,
    intercepts: FloatArray,
    kind: IntArray,
    first: IntArray,
    start: IntArray,
    size: IntArray,
    may_miss: BoolArray,
    missing_below: FloatArray,
    atom_below: FloatArray,
    atom_value: FloatArray,
    scale: FloatArray,
    fixed: IntArray,
    snaps: BoolArray,
    limits: FloatArray,
    values_at: FloatArray,
    adds: FloatArray,
    atom_adds: FloatArray,
    missing_adds: FloatArray,
    values: FloatArray,
    missing: BoolArray,
    predictors: FloatArray,
) -> None:
    """Fill values, missing and predictors, patient by patient."""
    models = intercepts.size
    total = np.empty(models)
    for i in range(cluster.size):
        home = cluster[i]
        for m in range(models):
            total[m] = intercepts[m] + effects[home, m]
        for c in range(kind.size):
            at, entry, part, is_atom = first[c], start[c], 0.0, False
            if may_miss[c]:
                missing[c, i] = latent[i, at] + means[home, at] < missing_below[c]
                at += 1
            if fixed[home, c] >= 0:
                entry += fixed[home, c]
                value = values_at[entry]
            elif kind[c] == NUMBER:
                if atom_below[c] > -np.inf:
                    is_atom = latent[i, at] + means[home, at] < atom_below[c]
                    at += 1
                if is_atom:
                    value = atom_value[c]
                else:
                    place = (latent[i, at] + means[home, at] - limits[entry]) / STEP
                    place = min(max(place, 0.0), size[c] - 1.000001)
                    whole = int(place)
                    entry, part = entry + whole, place - whole
                    if snaps[entry]:
                        entry, part = entry + (part >= 0.5), 0.0
                    value = values_at[entry]
                    if part > 0.0:
                        value += part * (values_at[entry + 1] - value)
                    if scale[c] > 0.0:
                        value = np.rint(value * scale[c]) / scale[c]
            elif kind[c] == STEPS:
                here = latent[i, at] + means[home, at]
                last = entry + size[c] - 1
                while entry < last and here >= limits[entry]:
                    entry += 1
                value = values_at[entry]
            else:
                last = entry + size[c] - 1
                while entry < last and latent[i, at] + means[home, at] >= limits[entry]:
                    entry += 1
                    at += 1
                value = values_at[entry]
            values[c, i] = value
            if missing[c, i]:
                for m in range(models):
                    add = missing_adds[c, m]
                    if np.isnan(add):
                        add = atom_adds[c, m] if is_atom else adds[entry, m]
                        if part > 0.0:
                            add += part * (adds[entry + 1, m] - add)
                    total[m] += add
            elif is_atom:
                for m in range(models):
                    total[m] += atom_adds[c, m]
            elif part > 0.0:
                for m in range(models):
                    total[m] += adds[entry, m] + part * (adds[entry + 1, m] - adds[entry, m])
            else:
                for m in range(models):
                    total[m] += adds[entry, m]
        for m in range(models):
            predictors[m, i] = total[m]
