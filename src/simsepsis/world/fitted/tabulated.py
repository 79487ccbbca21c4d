"""A profile as arrays: thresholds, quantiles, and what each value adds to each model's predictor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.world.fitted.profile import NODES, Column, Model, Profile

STICK_DRAWS = 200_000
"""Patients among whom the limits of a category are found: a share is then right to 0.1 percentage points."""

NUMBER, STEPS, STICKS = 0, 1, 2
"""How a value comes from its normal variables: by quantiles, by thresholds, by level after level."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """What the covariates of a profile are drawn from.

    Attributes
    ----------
    kind, first, start, size
        (columns,) one of `NUMBER`, `STEPS` and `STICKS`; its first normal variable; where its entries begin
        in `limits` and `values`, and how many they are.
    missing, atom
        (columns,) normal value below which it is missing, or has its frequent value; −inf for none.
    atom_value, scale
        (columns,) that value; 10 to the number of its decimals, 0 where it is not rounded.
    snaps
        (entries,) where a number jumps from one frequent value to the next, with none between them.
    limits, values
        Normal values, and the values there (number) or up to there (the others).
    adds
        (models, entries) what each entry adds to a predictor.
    atom_adds, missing_adds
        (models, columns) what the frequent value adds; what a missing one adds, NaN where the value behind
        it counts.
    names
        Covariates, in order.
    models
        Models, in order.
    """

    names: tuple[str, ...]
    models: tuple[str, ...]
    kind: IntArray
    first: IntArray
    start: IntArray
    size: IntArray
    missing: FloatArray
    atom: FloatArray
    atom_value: FloatArray
    scale: FloatArray
    snaps: BoolArray
    limits: FloatArray
    values: FloatArray
    adds: FloatArray
    atom_adds: FloatArray
    missing_adds: FloatArray


def basis(column: Column, values: FloatArray) -> FloatArray:
    r"""Return what a model's coefficients of a covariate are multiplied by, (terms, n).

    A category has an indicator of each level but the first. A number has itself, centered and scaled, and
    with knots :math:`t_1 < \dots < t_k` the k − 2 restricted cubic splines

    .. math:: \frac{(x-t_j)_+^3 - (x-t_{k-1})_+^3 \frac{t_k-t_j}{t_k-t_{k-1}}
              + (x-t_k)_+^3 \frac{t_{k-1}-t_j}{t_k-t_{k-1}}}{(t_k-t_1)^2},

    over the spread, as ``Hmisc::rcspline.eval`` of R has them (Harrell, Regression Modeling Strategies).
    """
    if column.kind == "category":
        return np.asarray(values == np.array(column.values[1:])[:, None], dtype=np.float64)
    linear: FloatArray = (values - column.center) / column.spread
    if not column.knots:
        return linear[None, :]
    knots = np.array(column.knots)
    last, before = knots[-1], knots[-2]
    cubes = [np.maximum(values - knot, 0.0) ** 3 for knot in knots]
    bends = [
        (cube - cubes[-2] * (last - knot) / (last - before) + cubes[-1] * (before - knot) / (last - before))
        / ((last - knots[0]) ** 2 * column.spread)
        for knot, cube in zip(knots[:-2], cubes[:-2], strict=True)
    ]
    return np.array([linear, *bends])


def contribution(column: Column, model: Model, name: str, values: FloatArray) -> FloatArray:
    """Return what values of a covariate add to a predictor, (n,)."""
    own = model.coefficients.get(name)
    if own is None:
        return np.zeros(np.size(values))
    added: FloatArray = np.asarray(own) @ basis(column, np.asarray(values))
    return added


@lru_cache(maxsize=8)
def tabulated(profile: Profile) -> Tables:
    """Return a profile's covariates as arrays."""
    columns = list(profile.columns.items())
    models = list(profile.models.items())
    first = np.cumsum([0, *(column.latents for _, column in columns)])
    matrix = profile.matrix
    entries = [
        _entries(column, matrix[start:end, start:end])
        for (_, column), start, end in zip(columns, first, first[1:], strict=False)
    ]
    sizes = np.array([limits.size for limits, _ in entries])
    adds = [
        [
            contribution(column, model, name, values)
            for (name, column), (_, values) in zip(columns, entries, strict=True)
        ]
        for _, model in models
    ]
    return Tables(
        names=tuple(name for name, _ in columns),
        models=tuple(name for name, _ in models),
        kind=np.array([_kind(column) for _, column in columns]),
        first=first[:-1],
        start=np.cumsum([0, *sizes])[:-1],
        size=sizes,
        missing=ndtri([column.missing for _, column in columns]),
        atom=ndtri([column.atom_share for _, column in columns]),
        atom_value=np.array([column.atom or 0.0 for _, column in columns]),
        scale=np.array([0.0 if column.decimals is None else 10.0**column.decimals for _, column in columns]),
        snaps=np.concatenate([_snaps(column) for _, column in columns]),
        limits=np.concatenate([limits for limits, _ in entries]),
        values=np.concatenate([values for _, values in entries]),
        adds=np.array([np.concatenate(parts) for parts in adds]),
        atom_adds=np.array(
            [
                [
                    float(contribution(column, model, name, np.array([column.atom or 0.0]))[0])
                    for name, column in columns
                ]
                for _, model in models
            ]
        ),
        missing_adds=np.array(
            [[if_missing(column, model, name) for name, column in columns] for _, model in models]
        ),
    )


def if_missing(column: Column, model: Model, name: str) -> float:
    """Return what a missing value adds to a predictor; NaN where the value behind it counts."""
    if name not in model.missing:
        return float("nan")
    return model.missing[name] + float(contribution(column, model, name, np.array([column.fill]))[0])


def _kind(column: Column) -> int:
    return {"number": NUMBER, "category": STICKS}.get(column.kind, STEPS)


def _snaps(column: Column) -> BoolArray:
    """Return the entries after which a number jumps: the same value before, another one after."""
    values = np.array(column.values)
    jumps = np.zeros(values.size, dtype=np.bool_)
    if column.kind == "number":
        flat = np.diff(values) == 0.0
        jumps[1:-2] = flat[:-2] & ~flat[1:-1] & flat[2:]
    return jumps


def _entries(column: Column, correlation: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the normal values that decide, and the values that they decide between."""
    values = np.array(column.values)
    if column.kind == "number":
        return NODES, values
    shares = np.array(column.shares)
    if column.kind == "category":
        sticks = len(values) - 1
        own = correlation[-sticks:, -sticks:] if sticks else np.eye(0)
        return _stick_limits(column.shares, tuple(map(tuple, own.tolist()))), values
    limits = ndtri(np.clip(np.cumsum(shares), 0.0, 1.0))
    limits[-1] = np.inf
    return limits, values


@lru_cache(maxsize=256)
def _stick_limits(shares: tuple[float, ...], correlations: tuple[tuple[float, ...], ...]) -> FloatArray:
    """Return below which value of its normal variable each level is taken by whom no level before it took.

    Where the variables are independent, that is the quantile of the share of those who are left; otherwise
    it is found level after level among simulated patients.
    """
    correlation = np.array(correlations).reshape(len(correlations), -1)
    left = 1.0 - np.concatenate([[0.0], np.cumsum(shares)[:-1]])
    part = np.clip(np.where(left > 1e-12, np.array(shares) / np.maximum(left, 1e-12), 1.0), 0.0, 1.0)
    limits = ndtri(part)
    if np.abs(correlation - np.eye(len(correlation))).max(initial=0.0) == 0.0:
        return np.asarray(limits)
    draws = np.random.default_rng(0).standard_normal((len(correlation), STICK_DRAWS))
    values, vectors = np.linalg.eigh(correlation)
    normal = (vectors * np.sqrt(np.maximum(values, 0.0))) @ draws
    for place in range(1, len(correlation)):
        normal = normal[:, normal[place - 1] >= limits[place - 1]]
        if 0.0 < part[place] < 1.0 and normal.shape[1]:
            limits[place] = np.quantile(normal[place], part[place])
    return np.asarray(limits)


@lru_cache(maxsize=8)
def factor(profile: Profile) -> FloatArray:
    """Return the root of the correlations within clusters, (normal variables,) squared.

    What clusters have in common is taken off, so that with it every normal variable has variance 1.
    """
    within = profile.matrix
    if profile.clusters is not None and len(profile.clusters.latents[0]):
        means, shares = np.array(profile.clusters.latents), np.array(profile.clusters.shares)
        within = within - (means * shares[:, None]).T @ means
    values, vectors = np.linalg.eigh(within)
    root = vectors * np.sqrt(np.maximum(values, 1e-10))
    # A cluster's share of a variance may be too large for the correlations; variances come first.
    wanted = np.maximum(np.diag(within), 1e-6)
    scaled: FloatArray = root * np.sqrt(wanted / np.maximum((root**2).sum(axis=1), 1e-12))[:, None]
    return scaled
