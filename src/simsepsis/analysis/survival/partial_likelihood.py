"""Cox's partial likelihood by cumulative sums over sorted times, with ties, weights, strata and late entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskSets:
    """Where the risk set of each death lies in the sorted rows. Rows are sorted by stratum, then time descending.

    Attributes
    ----------
    deaths
        Rows that have the event, in sorted order, shape (d,).
    first
        Position in `deaths` at which each group of tied deaths begins, shape (g,).
    count
        Deaths in each group, as floats, shape (g,).
    group
        Group of each term of the likelihood, shape (d,).
    fraction
        Share of the tied deaths already gone in each term (Efron), 0 for Breslow, shape (d,).
    stop_from, stop_to
        Rows of the stratum still followed at each group's time are [stop_from, stop_to), shape (g,).
    entered
        Rows by stratum, then entry time descending, shape (n,); None when everybody enters at the start.
    late_to
        Among `entered`, rows of the stratum not yet entered are [stop_from, late_to), shape (g,).
    terms_from, terms_to
        Groups whose risk set holds a row are [terms_from, terms_to) in group order, shape (n,).
    own
        Group at whose time a death dies, shape (d,).
    """

    deaths: IntArray
    first: IntArray
    count: FloatArray
    group: IntArray
    fraction: FloatArray
    stop_from: IntArray
    stop_to: IntArray
    entered: IntArray | None
    late_to: IntArray | None
    terms_from: IntArray
    terms_to: IntArray
    own: IntArray


def risk_sets(
    time_code: IntArray, event: FloatArray, stratum: IntArray, entry_code: IntArray | None, ties: str
) -> RiskSets:
    """Index the risk sets of rows sorted by stratum and descending time.

    Parameters
    ----------
    time_code, entry_code
        Times as ranks 0, 1, 2 …, common to both, shape (n,); a row is at risk in (entry, time].
    event
        1 for a death, shape (n,).
    stratum
        Stratum codes, ascending, shape (n,).
    ties
        ``"efron"`` or ``"breslow"``.
    """
    top = int(time_code.max()) + 1
    if entry_code is not None:
        top = max(top, int(entry_code.max()) + 1)
    # later times come first within a stratum, so that a risk set is a run of rows
    key = stratum * top + (top - 1 - time_code)
    deaths = np.flatnonzero(event > 0)
    death_key, first, count = np.unique(key[deaths], return_index=True, return_counts=True)
    stratum_key = death_key - death_key % top
    own = np.repeat(np.arange(first.size), count)
    within = np.arange(deaths.size) - first[own]
    entered = late_to = None
    terms_to = np.searchsorted(death_key, stratum * top + top)
    if entry_code is not None:
        entry_key = stratum * top + (top - 1 - entry_code)
        entered = np.argsort(entry_key, kind="stable")
        late_to = np.searchsorted(entry_key[entered], death_key, side="right")
        terms_to = np.searchsorted(death_key, entry_key, side="left")
    return RiskSets(
        deaths=deaths,
        first=first,
        count=count.astype(np.float64),
        group=own,
        fraction=within / count[own] if ties == "efron" else np.zeros(deaths.size),
        stop_from=np.searchsorted(key, stratum_key, side="left"),
        stop_to=np.searchsorted(key, death_key, side="right"),
        entered=entered,
        late_to=late_to,
        terms_from=np.searchsorted(death_key, key, side="left"),
        terms_to=terms_to,
        own=own,
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
    hazard
        Hazard accumulated by each row while at risk, shape (n,).
    """

    value: float
    gradient: FloatArray
    information: FloatArray
    risk: FloatArray
    means: FloatArray
    increments: FloatArray
    hazard: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PartialLikelihood:
    """Sorted data of a Cox regression: covariates (n, p), weights (n,), strata and risk sets.

    `stratum_begin` holds the first row of each stratum, `stratum` the code of each row.
    """

    X: FloatArray
    weights: FloatArray
    stratum: IntArray
    stratum_begin: IntArray
    sets: RiskSets

    def at(self, params: FloatArray) -> Evaluation:
        """Evaluate value, gradient and information.

        Σ_terms [x̄ over the risk set] needs cumulative sums of p columns; Σ_terms of the second moments is
        X' diag(r h) X with h the hazard each row accumulates, so no p × p matrices are accumulated.
        """
        sets = self.sets
        eta = self.X @ params
        eta = eta - np.maximum.reduceat(eta, self.stratum_begin)[self.stratum]
        risk = np.exp(eta)
        weighted = risk * self.weights
        moments = np.column_stack((weighted, self.X * weighted[:, None]))
        sums = self.over_risk_sets(moments)[sets.group]
        if sets.fraction.any():
            tied = np.add.reduceat(moments[sets.deaths], sets.first, axis=0)
            sums = sums - sets.fraction[:, None] * tied[sets.group]
        means = sums[:, 1:] / sums[:, :1]
        term_weights = self.term_weights()
        increments = term_weights / sums[:, 0]
        hazard = self.accumulated(increments[:, None])[:, 0]
        death_weights = self.weights[sets.deaths]
        value = death_weights @ eta[sets.deaths] - term_weights @ np.log(sums[:, 0])
        information = self.X.T @ (self.X * (weighted * hazard)[:, None]) - means.T @ (
            means * term_weights[:, None]
        )
        return Evaluation(
            value=float(value),
            gradient=death_weights @ self.X[sets.deaths] - term_weights @ means,
            information=(information + information.T) / 2,
            risk=risk,
            means=means,
            increments=increments,
            hazard=hazard,
        )

    def term_weights(self) -> FloatArray:
        """Mean weight of the tied deaths, for each term, shape (d,)."""
        totals = np.add.reduceat(self.weights[self.sets.deaths], self.sets.first)
        return np.asarray((totals / self.sets.count)[self.sets.group])

    def over_risk_sets(self, values: FloatArray) -> FloatArray:
        """Sum rows of values (n, k) over the risk set of each group of deaths, shape (g, k)."""
        sets = self.sets
        if sets.entered is None and self.stratum_begin.size == 1:
            return np.asarray(np.cumsum(values, axis=0)[sets.stop_to - 1])
        # extended precision, since these are differences of sums over all strata
        total = _cumulated(values)
        sums = total[sets.stop_to] - total[sets.stop_from]
        if sets.entered is not None and sets.late_to is not None:
            late = _cumulated(values[sets.entered])
            sums = sums - (late[sets.late_to] - late[sets.stop_from])
        return sums.astype(np.float64)

    def accumulated(self, terms: FloatArray) -> FloatArray:
        """Sum terms (d, k) over the groups in whose risk set each row is, shape (n, k); a tied death counts in part."""
        sets = self.sets
        total = _cumulated(np.add.reduceat(terms, sets.first, axis=0))
        collected = (total[sets.terms_to] - total[sets.terms_from]).astype(np.float64)
        if sets.fraction.any():
            own = np.add.reduceat(terms * sets.fraction[:, None], sets.first, axis=0)
            collected[sets.deaths] -= own[sets.own]
        return np.asarray(collected)

    def term_variances(self, at: Evaluation) -> FloatArray:
        """Weighted covariance of the covariates in the risk set of each term, shape (d, p, p); they sum to the information."""
        sets, width = self.sets, self.X.shape[1]
        weighted = at.risk * self.weights
        squares = (self.X[:, :, None] * self.X[:, None, :]).reshape(len(self.X), -1)
        moments = np.column_stack((weighted, squares * weighted[:, None]))
        sums = self.over_risk_sets(moments)[sets.group]
        if sets.fraction.any():
            tied = np.add.reduceat(moments[sets.deaths], sets.first, axis=0)
            sums = sums - sets.fraction[:, None] * tied[sets.group]
        second = (sums[:, 1:] / sums[:, :1]).reshape(-1, width, width)
        centred = second - at.means[:, :, None] * at.means[:, None, :]
        return np.asarray(centred * self.term_weights()[:, None, None])

    def score_residuals(self, at: Evaluation) -> FloatArray:
        """Score residual of each row without its weight, shape (n, p); they sum to the gradient when weighted."""
        sets = self.sets
        expected = self.X * at.hazard[:, None] - self.accumulated(at.means * at.increments[:, None])
        residuals = -expected * at.risk[:, None]
        mean = np.add.reduceat(at.means, sets.first, axis=0) / sets.count[:, None]
        residuals[sets.deaths] += self.X[sets.deaths] - mean[sets.own]
        return residuals


def _cumulated(values: FloatArray) -> np.typing.NDArray[np.longdouble]:
    """Cumulative sums from zero in extended precision, shape (n + 1, k)."""
    total = np.zeros((len(values) + 1, values.shape[1]), np.longdouble)
    np.cumsum(values, axis=0, out=total[1:])
    return total
