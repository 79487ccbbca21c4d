"""Cox's partial likelihood by cumulative sums over sorted times: ties, weights, strata, late entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from simsepsis.arrays import BoolArray, FloatArray, IntArray

_UNTIED: FloatArray = np.empty(0)
_NOBODY: IntArray = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskSets:
    """Where the risk set of each death lies in rows sorted by stratum, then time descending.

    Deaths at one time of one stratum form a group; each death gives one term of the likelihood.

    Attributes
    ----------
    deaths
        Rows that have the event, in sorted order, shape (d,).
    first, count
        Where each group begins in `deaths`, and its number of deaths, shape (g,).
    group
        Group of each death and of each term, shape (d,).
    fraction
        Share of the tied deaths already gone in each term (Efron), shape (d,); None without ties or for
        Breslow.
    stop_from, stop_to
        Rows of the stratum still followed at each group's time are [stop_from, stop_to), shape (g,).
    entered, late_to
        Rows by stratum, then entry descending, shape (n,); those of the stratum that enter at the group's
        time or later are [stop_from, late_to), shape (g,). None when everybody is there from the start.
    terms_from, terms_to
        Groups whose risk set holds a row are [terms_from, terms_to), shape (n,).
    """

    deaths: IntArray
    first: IntArray
    count: FloatArray
    group: IntArray
    fraction: FloatArray | None
    stop_from: IntArray
    stop_to: IntArray
    entered: IntArray | None
    late_to: IntArray | None
    terms_from: IntArray
    terms_to: IntArray


def changes(values: FloatArray | IntArray) -> BoolArray:
    """Tell which of some values differ from the one before; the first one does."""
    differs = np.ones(values.size, np.bool_)
    np.not_equal(values[1:], values[:-1], out=differs[1:])
    return differs


def risk_sets(
    time_code: IntArray, event: FloatArray, stratum: IntArray, entry_code: IntArray | None, ties: str
) -> RiskSets:
    """Index the risk sets of rows sorted by stratum and descending time."""
    top = 1 + int(max(time_code.max(), time_code.max() if entry_code is None else entry_code.max()))
    # the later time has the lower key, so that a risk set is a run of rows
    key = stratum * top + (top - 1 - time_code)
    deaths = np.flatnonzero(event > 0)
    death_keys = key[deaths]
    first = np.flatnonzero(changes(death_keys))
    group_key = death_keys[first]
    count = np.concatenate((first[1:], [deaths.size])) - first
    group = np.repeat(np.arange(first.size), count)
    fraction = (np.arange(deaths.size) - first[group]) / count[group] if ties == "efron" else None
    entered = late_to = None
    if entry_code is None:
        ends = np.searchsorted(group_key, np.arange(1, stratum[-1] + 2) * top)
        terms_to = ends[stratum]
    else:
        entry_key = stratum * top + (top - 1 - entry_code)
        entered = np.argsort(entry_key, kind="stable")
        late_to = np.searchsorted(entry_key[entered], group_key, side="right")
        terms_to = np.searchsorted(group_key, entry_key)
    return RiskSets(
        deaths=deaths,
        first=first,
        count=count.astype(np.float64),
        group=group,
        fraction=fraction if fraction is not None and fraction.any() else None,
        stop_from=np.searchsorted(key, group_key - group_key % top),
        stop_to=np.searchsorted(key, group_key, side="right"),
        entered=entered,
        late_to=late_to,
        terms_from=np.searchsorted(group_key, key),
        terms_to=terms_to,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """The partial likelihood at one set of coefficients.

    Attributes
    ----------
    value
        Log partial likelihood.
    gradient, information
        Its first and negative second derivative, shapes (p,) and (p, p).
    risk
        exp(Xβ) of each row up to a factor common to its stratum, without weights, shape (n,).
    means
        Mean covariates of the risk set in each term, shape (d, p).
    increments
        Hazard increment of each term, shape (d,).
    """

    value: float
    gradient: FloatArray
    information: FloatArray
    risk: FloatArray
    means: FloatArray
    increments: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartialLikelihood:
    """Sorted data of a Cox regression.

    Attributes
    ----------
    X, weights, stratum
        Covariates (n, p), case weights (n,) and stratum codes (n,) of the sorted rows.
    stratum_begin
        First row of each stratum.
    sets
        Risk sets.
    """

    X: FloatArray
    weights: FloatArray
    stratum: IntArray
    stratum_begin: IntArray
    sets: RiskSets

    def at(self, params: FloatArray) -> Evaluation:
        """Evaluate value, gradient and information."""
        eta = self.X @ params
        single = self.stratum_begin.size == 1
        eta = eta - (eta.max() if single else np.maximum.reduceat(eta, self.stratum_begin)[self.stratum])
        risk = np.exp(eta)
        if self.sets.entered is not None:
            return self._by_differences(eta, risk)
        sets = self.sets
        value, gradient, information, means, increments = _evaluate(
            self.X,
            eta,
            risk,
            self.weights,
            sets.deaths,
            sets.first,
            sets.stop_from,
            sets.stop_to,
            _UNTIED if sets.fraction is None else sets.fraction,
        )
        return Evaluation(
            value=value,
            gradient=gradient,
            information=information,
            risk=risk,
            means=means,
            increments=increments,
        )

    def _by_differences(self, eta: FloatArray, risk: FloatArray) -> Evaluation:
        """Evaluate where rows enter late, so that sums over risk sets are differences of cumulative sums.

        The second moments, summed over all terms, are X' diag(w r h) X with h the hazard that each row
        accumulates, so that no p × p matrices are cumulated.
        """
        sets = self.sets
        weighted = risk * self.weights
        sums = self._over_terms(weighted, self.X)
        means = sums[:, 1:] / sums[:, :1]
        term_weights = self.term_weights()
        increments = term_weights / sums[:, 0]
        hazard = self.accumulated(increments[:, None])[:, 0]
        death_weights = self.weights[sets.deaths]
        second = self.X.T @ (self.X * (weighted * hazard)[:, None])
        information = second - means.T @ (means * term_weights[:, None])
        return Evaluation(
            value=float(death_weights @ eta[sets.deaths] - term_weights @ np.log(sums[:, 0])),
            gradient=death_weights @ self.X[sets.deaths] - term_weights @ means,
            information=(information + information.T) / 2,
            risk=risk,
            means=means,
            increments=increments,
        )

    def term_weights(self) -> FloatArray:
        """Mean weight of the tied deaths, for each term, shape (d,)."""
        totals = np.add.reduceat(self.weights[self.sets.deaths], self.sets.first)
        return np.asarray((totals / self.sets.count)[self.sets.group])

    def accumulated(self, terms: FloatArray) -> FloatArray:
        """Sum terms (d, k) over the risk sets that hold each row, shape (n, k).

        A row that dies is in the terms of its own time in part only (Efron).
        """
        sets = self.sets
        groups = np.add.reduceat(terms, sets.first, axis=0)
        later = self._cumulated(groups[::-1])[::-1]
        collected = np.take(later, sets.terms_from, axis=0)
        if self.sums_are_differences:
            collected -= np.take(later, sets.terms_to, axis=0)
        collected = collected.astype(np.float64, copy=False)
        if sets.fraction is not None:
            own = np.add.reduceat(terms * sets.fraction[:, None], sets.first, axis=0)
            collected[sets.deaths] -= own[sets.group]
        return np.asarray(collected)

    def score_residuals(self, at: Evaluation) -> FloatArray:
        """Score residual of each row, shape (n, p); times the weights they sum to the gradient."""
        sets = self.sets
        hazard = self.accumulated(at.increments[:, None])
        expected = self.X * hazard - self.accumulated(at.means * at.increments[:, None])
        residuals = -expected * at.risk[:, None]
        mean = np.add.reduceat(at.means, sets.first, axis=0) / sets.count[:, None]
        residuals[sets.deaths] += self.X[sets.deaths] - mean[sets.group]
        return residuals

    def term_variances(self, at: Evaluation) -> FloatArray:
        """Weighted covariance of the covariates in each term (d, p, p); their sum is the information."""
        width = self.X.shape[1]
        squares = (self.X[:, :, None] * self.X[:, None, :]).reshape(len(self.X), -1)
        sums = self._over_terms(at.risk * self.weights, squares)
        second = (sums[:, 1:] / sums[:, :1]).reshape(-1, width, width)
        centred = second - at.means[:, :, None] * at.means[:, None, :]
        return np.asarray(centred * self.term_weights()[:, None, None])

    def over_risk_sets(self, values: FloatArray) -> FloatArray:
        """Sum rows of values (n, k) over the risk set of each group of deaths, shape (g, k)."""
        sets = self.sets
        entered, late_to = sets.entered, sets.late_to
        if entered is None or late_to is None:
            entered, late_to = _NOBODY, sets.stop_from
        return np.asarray(_summed(values, sets.stop_from, sets.stop_to, entered, late_to))

    def _over_terms(self, weighted: FloatArray, columns: FloatArray) -> FloatArray:
        """Sum the weighted risk, alone and times each column, over each term's risk set, shape (d, 1 + k)."""
        sets = self.sets
        moments = np.empty((len(columns), 1 + columns.shape[1]))
        moments[:, 0] = weighted
        np.multiply(columns, weighted[:, None], out=moments[:, 1:])
        by_term = np.take(self.over_risk_sets(moments), sets.group, axis=0)
        if sets.fraction is not None:
            tied = np.add.reduceat(np.take(moments, sets.deaths, axis=0), sets.first, axis=0)
            by_term -= sets.fraction[:, None] * np.take(tied, sets.group, axis=0)
        return np.asarray(by_term)

    @property
    def sums_are_differences(self) -> bool:
        """Whether a risk set is the difference of two runs of rows, as with strata and late entry."""
        return self.sets.entered is not None or self.stratum_begin.size > 1

    def _cumulated(self, values: FloatArray) -> np.typing.NDArray[np.floating]:
        """Cumulative sums from zero, shape (n + 1, k).

        Where sums are differences of these, extended precision guards the small risk sets.
        """
        precision = np.longdouble if self.sums_are_differences else np.float64
        total = np.zeros((len(values) + 1, values.shape[1]), precision)
        np.cumsum(values, axis=0, out=total[1:])
        return total


@njit(cache=True)
def _summed(
    values: FloatArray, stop_from: IntArray, stop_to: IntArray, entered: IntArray, late_to: IntArray
) -> FloatArray:
    """Return the sums of rows over each risk set, (g, k).

    Rows come in as time is gone through backwards, and go where they entered late. What rounding loses is
    carried along (Neumaier), for a small risk set may be what a large one leaves.
    """
    sums = np.empty((stop_from.size, values.shape[1]))
    total, lost = np.zeros((2, values.shape[1]))
    row = gone = 0
    for g in range(stop_from.size):
        if g == 0 or stop_from[g] != stop_from[g - 1]:
            row = gone = stop_from[g]
            total[:] = 0.0
            lost[:] = 0.0
        for i in range(row, stop_to[g]):
            _add(values, i, 1.0, total, lost)
        for i in range(gone, late_to[g]):
            _add(values, entered[i], -1.0, total, lost)
        row, gone = stop_to[g], late_to[g]
        # a whole row at once takes three seconds to compile
        for a in range(total.size):
            sums[g, a] = total[a] + lost[a]
    return sums


@njit(cache=True, inline="always")
def _add(values: FloatArray, i: int, sign: float, total: FloatArray, lost: FloatArray) -> None:
    """Add a row to a total, and what rounding takes from it to `lost`."""
    for a in range(total.size):
        value = sign * values[i, a]
        both = total[a] + value
        if abs(total[a]) >= abs(value):
            lost[a] += (total[a] - both) + value
        else:
            lost[a] += (value - both) + total[a]
        total[a] = both


@njit(cache=True)
def leading_rows(levels: IntArray, terms_from: IntArray, terms_to: IntArray, groups: int) -> IntArray:
    """Return the first row of the highest level in the risk set of each group of deaths, (g,)."""
    leaders = np.full(groups, -1)
    for i in range(levels.size):
        for g in range(terms_from[i], terms_to[i]):
            if leaders[g] < 0 or levels[i] > levels[leaders[g]]:
                leaders[g] = i
    return leaders


@njit(cache=True, error_model="numpy")
def _evaluate(
    X: FloatArray,
    eta: FloatArray,
    risk: FloatArray,
    weights: FloatArray,
    deaths: IntArray,
    first: IntArray,
    stop_from: IntArray,
    stop_to: IntArray,
    fraction: FloatArray,
) -> tuple[float, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return value, gradient and information, and means and increments of each term.

    Nobody enters late, so that each stratum's risk set only grows as time is gone through backwards. Of the
    tied deaths, those already gone are taken off in part (Efron).
    """
    terms, width = deaths.size, X.shape[1]
    value, gradient, information = 0.0, np.zeros(width), np.zeros((width, width))
    means, increments = np.empty((terms, width)), np.empty(terms)
    risk_set, tied = np.zeros((2, 1 + width, 1 + width))
    row, begin = 0, -1
    for g in range(first.size):
        if stop_from[g] != begin:
            begin = row = stop_from[g]
            risk_set[:] = 0.0
        for i in range(row, stop_to[g]):
            _add_moments(X, i, risk[i] * weights[i], risk_set)
        row = stop_to[g]
        together = deaths[first[g] : first[g + 1] if g + 1 < first.size else terms]
        tied[:] = 0.0
        weight = 0.0
        for i in together:
            weight += weights[i] / together.size
            value += weights[i] * eta[i]
            for a in range(width):
                gradient[a] += weights[i] * X[i, a]
            _add_moments(X, i, risk[i] * weights[i], tied)
        for j in range(first[g], first[g] + together.size):
            gone = fraction[j] if fraction.size > 0 else 0.0
            increments[j] = weight / (risk_set[0, 0] - gone * tied[0, 0])
            value -= weight * np.log(risk_set[0, 0] - gone * tied[0, 0])
            _add_term(risk_set, tied, gone, weight, means, j, gradient, information)
    return value, gradient, information, means, increments


@njit(cache=True, inline="always")
def _add_moments(X: FloatArray, i: int, weight: float, moments: FloatArray) -> None:
    """Add Σ w (1, x)(1, x)' of one row to the lower triangle of the moments, (1 + p, 1 + p)."""
    moments[0, 0] += weight
    for a in range(X.shape[1]):
        moments[1 + a, 0] += weight * X[i, a]
        for b in range(a + 1):
            moments[1 + a, 1 + b] += weight * X[i, a] * X[i, b]


@njit(cache=True, error_model="numpy", inline="always")
def _add_term(
    risk_set: FloatArray,
    tied: FloatArray,
    gone: float,
    weight: float,
    means: FloatArray,
    j: int,
    gradient: FloatArray,
    information: FloatArray,
) -> None:
    """Set the mean of a term's risk set, and add the term to gradient and information."""
    total = risk_set[0, 0] - gone * tied[0, 0]
    for a in range(gradient.size):
        means[j, a] = (risk_set[1 + a, 0] - gone * tied[1 + a, 0]) / total
        gradient[a] -= weight * means[j, a]
        for b in range(a + 1):
            second = (risk_set[1 + a, 1 + b] - gone * tied[1 + a, 1 + b]) / total
            information[a, b] += weight * (second - means[j, a] * means[j, b])
            information[b, a] = information[a, b]
