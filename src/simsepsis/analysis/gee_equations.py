"""The estimating equations of a clustered binary outcome: clusters, residuals, correlation, matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from simsepsis.arrays import FloatArray, IntArray

_SMALL_PRODUCT = 800_000
"""Multiplications up to which matrices are multiplied without being packed first, in half the time."""
FARTHEST = 300.0
"""Half the log odds beyond which squares of residuals would overflow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Rows in cluster order.

    Attributes
    ----------
    edges
        First row of each cluster, and the number of rows, (K + 1,).
    size
        Rows of each cluster, (K,).
    pairs
        Number of pairs of rows that share a cluster.
    largest
        Rows of the largest cluster.
    """

    edges: IntArray
    size: FloatArray
    pairs: float
    largest: float

    def total(self, values: FloatArray) -> FloatArray:
        """Sum values (…, n) over each cluster, (…, K)."""
        return np.asarray(np.add.reduceat(values, self.edges[:-1], axis=-1))


def clusters_of(codes: IntArray) -> Clusters:
    """Return the clusters of sorted codes 0 … K − 1, shape (n,)."""
    count = np.bincount(codes)
    size = count.astype(np.float64)
    edges = np.zeros(count.size + 1, np.int64)
    np.cumsum(count, out=edges[1:])
    pairs = float((size * (size - 1)).sum() / 2)
    return Clusters(edges=edges, size=size, pairs=pairs, largest=float(size.max(initial=0.0)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Equations:
    """The equations on the columns and rows that have a finite solution.

    Attributes
    ----------
    columns
        The transposed design, (p, n).
    half_sign
        ½ for events and −½ for others, (n,); 0 for rows that separation decides.
    clusters
        Where each cluster lies.
    exchangeable
        Whether rows of a cluster are correlated.
    lost
        What the moment estimator of α takes off the numbers of rows and pairs.
    """

    columns: FloatArray
    half_sign: FloatArray
    clusters: Clusters
    exchangeable: bool
    lost: int

    @property
    def numbers(self) -> tuple[float, float]:
        """Return the numbers of pairs and rows by which the estimator of α divides; no pairs without α."""
        pairs = self.clusters.pairs - self.lost if self.exchangeable else 0.0
        return pairs, float(self.half_sign.size - self.lost)

    def at(self, params: FloatArray) -> State:
        """Evaluate the equations, with α estimated at the coefficients, shape (p,)."""
        towards = params @ self.columns * self.half_sign
        size = np.exp(-np.minimum(np.maximum(towards, -FARTHEST), FARTHEST))
        root, weighted, shared, alpha = evaluate(size, self.half_sign, self.clusters.edges, *self.numbers)
        return State(equations=self, root=root, weighted=weighted, shared=shared, alpha=alpha)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """The estimating equations at one set of coefficients.

    With R⁻¹ = (I − c 11')/(1 − α) and c = α/(1 + (n − 1)α) in each cluster, only sums over clusters are
    needed.

    Attributes
    ----------
    equations
        What is evaluated.
    root
        √v, (n,).
    weighted
        √v (r − c Σr), with r the Pearson residuals and Σr their sum over the cluster, (n,).
    shared
        c, (K,).
    alpha
        Working correlation.
    """

    equations: Equations
    root: FloatArray
    weighted: FloatArray
    shared: FloatArray
    alpha: float

    def score(self) -> FloatArray:
        """Σ D'V⁻¹(y − μ), shape (p,)."""
        return np.asarray(self.equations.columns @ self.weighted / (1 - self.alpha))

    def scores(self) -> FloatArray:
        """D'V⁻¹(y − μ) of each cluster, shape (K, p)."""
        totals = cluster_totals(self.equations.columns, self.weighted, self.equations.clusters.edges)
        return np.asarray(totals.T / (1 - self.alpha))

    def bread(self) -> FloatArray:
        """Σ D'V⁻¹D, shape (p, p)."""
        equations = self.equations
        bread = bread_of(equations.columns, self.root, self.shared, equations.clusters.edges, self.alpha)
        return np.asarray(bread)

    def breads(self) -> FloatArray:
        """D'V⁻¹D of each cluster, shape (K, p, p)."""
        scaled, clusters = self.equations.columns * self.root, self.equations.clusters
        sums = clusters.total(scaled)
        breads = np.empty((clusters.size.size, len(scaled), len(scaled)))
        for k, (begin, end) in enumerate(zip(clusters.edges, clusters.edges[1:], strict=False)):
            rows = scaled[:, begin:end]
            breads[k] = rows @ rows.T - self.shared[k] * np.outer(sums[:, k], sums[:, k])
        return breads / (1 - self.alpha)


@njit(cache=True)
def weighted_gram(columns: FloatArray, root: FloatArray) -> FloatArray:
    """X' diag(root²) X, shape (p, p), from the transposed design, shape (p, n)."""
    scaled = columns * root
    width, rows = scaled.shape
    block = max(_SMALL_PRODUCT // (width * width), width)
    gram: FloatArray = np.zeros((width, width))
    if rows <= block:
        np.dot(scaled, scaled.T, gram)
        return gram
    for begin in range(0, rows, block):
        some = np.ascontiguousarray(scaled[:, begin : begin + block])
        gram += np.dot(some, some.T)
    return gram


@njit(cache=True)
def cluster_totals(values: FloatArray, weight: FloatArray, edges: IntArray) -> FloatArray:
    """Sum weighted values (p, n) over the rows of each cluster, shape (p, K)."""
    totals = np.zeros((len(values), edges.size - 1))
    for k in range(edges.size - 1):
        # sums of four columns do not wait for each other
        for j in range(0, len(values) - 3, 4):
            one, two, three, four = 0.0, 0.0, 0.0, 0.0
            for i in range(edges[k], edges[k + 1]):
                one += values[j, i] * weight[i]
                two += values[j + 1, i] * weight[i]
                three += values[j + 2, i] * weight[i]
                four += values[j + 3, i] * weight[i]
            totals[j, k], totals[j + 1, k], totals[j + 2, k], totals[j + 3, k] = one, two, three, four
        for j in range(len(values) - len(values) % 4, len(values)):
            for i in range(edges[k], edges[k + 1]):
                totals[j, k] += values[j, i] * weight[i]
    return totals


@njit(cache=True)
def bread_of(
    columns: FloatArray, root: FloatArray, shared: FloatArray, edges: IntArray, alpha: float
) -> FloatArray:
    """Σ D'V⁻¹D as in `State.bread`."""
    sums = cluster_totals(columns, root, edges)
    bread: FloatArray = (weighted_gram(columns, root) - np.dot(sums * shared, sums.T)) / (1 - alpha)
    return bread


@njit(cache=True)
def evaluate(
    size: FloatArray, half_sign: FloatArray, edges: IntArray, pairs: float, rows: float
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Return √v, √v (r − c Σr), c and α in two passes over the rows.

    The Pearson residual is r = ±exp(∓η/2), of the given size, and √v = 1/(|r| + 1/|r|), free of cancellation.
    α = Σ_pairs r r' / (pairs φ), φ = Σr²/rows; 0 without pairs.
    """
    root, weighted = np.empty(size.size), np.empty(size.size)
    sums, shared = np.zeros(edges.size - 1), np.zeros(edges.size - 1)
    squares, products, alpha = 0.0, 0.0, 0.0
    # without sums and branches, so that several rows are done at a time
    for i in range(size.size):
        weighted[i] = 2.0 * size[i] * half_sign[i]
        root[i] = abs(weighted[i]) / (size[i] * size[i] + 1.0)
    for k in range(sums.size):
        for i in range(edges[k], edges[k + 1]):
            sums[k] += weighted[i]
            squares += weighted[i] * weighted[i]
        products += sums[k] * sums[k]
    if squares > 0.0 and pairs > 0.0:
        alpha = (products - squares) / 2.0 / (pairs * squares / rows)
    for k in range(sums.size):
        inflation = 1.0 + (edges[k + 1] - edges[k] - 1) * alpha
        shared[k] = alpha / inflation if inflation > 0.0 else 0.0
        for i in range(edges[k], edges[k + 1]):
            weighted[i] = root[i] * (weighted[i] - shared[k] * sums[k])
    return root, weighted, shared, alpha
