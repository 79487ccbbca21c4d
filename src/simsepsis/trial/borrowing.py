"""Controls borrowed from a registry or earlier trials: beta mixtures, and what they do to the errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincc, betaln, expit, gammaln, logit, xlog1py, xlogy

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.trial.inputs import positive, probability, within


@lru_cache(maxsize=1)
def _grid() -> tuple[FloatArray, FloatArray]:
    """Return risks over which beta densities are integrated, and their weights; made on first use."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    return 0.5 * (nodes + 1.0), 0.5 * weights


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaMixture:
    """A mixture of beta distributions of a risk: weights, which sum to 1, and both shapes of each part."""

    weights: tuple[float, ...]
    a: tuple[float, ...]
    b: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.a) == len(self.b) or abs(sum(self.weights) - 1.0) > 1e-9:
            raise UsageError(
                f"weights={self.weights} must sum to 1 and match the shapes a={self.a}, b={self.b}"
            )

    @property
    def mean(self) -> float:
        """Mean risk."""
        return sum(w * a / (a + b) for w, a, b in zip(self.weights, self.a, self.b, strict=True))

    def robust(self, weight: float) -> BetaMixture:
        """Return the mixture with a part that knows nothing, which takes over where the data disagree."""
        vague = within(weight, "weight", 0.0, 1.0, closed=True)
        kept = tuple((1.0 - vague) * own for own in self.weights)
        return BetaMixture(weights=(*kept, vague), a=(*self.a, 1.0), b=(*self.b, 1.0))

    def posterior(self, events: int, patients: int) -> BetaMixture:
        """Return the distribution after more patients; parts that foresaw them gain weight."""
        a, b = np.array(self.a), np.array(self.b)
        log = (
            np.log(np.maximum(self.weights, 1e-300))
            + betaln(a + events, b + patients - events)
            - betaln(a, b)
        )
        share = np.exp(log - log.max())
        return BetaMixture(
            weights=tuple((share / share.sum()).tolist()),
            a=tuple((a + events).tolist()),
            b=tuple((b + patients - events).tolist()),
        )

    def density(self) -> FloatArray:
        """Return the density over the grid of risks."""
        risks, _ = _grid()
        parts = zip(self.weights, self.a, self.b, strict=True)
        found = np.zeros_like(risks)
        for weight, a, b in parts:
            found += weight * np.exp((a - 1.0) * np.log(risks) + (b - 1.0) * np.log1p(-risks) - betaln(a, b))
        return found

    @property
    def effective_patients(self) -> float:
        """Patients whom the parts are worth, on average."""
        return sum(w * (a + b) for w, a, b in zip(self.weights, self.a, self.b, strict=True))


def map_prior(events: Sequence[int], patients: Sequence[int], *, tau: float = 1.0) -> BetaMixture:
    """Meta-analytic predictive prior of a new trial's control risk, as one beta distribution."""
    # Normal approximation of each log odds; the SD between trials by integration over a grid, the mean
    # flat; the predictive distribution of the risk is matched by its mean and variance. R: ``RBesT::gMAP``.
    # Neuenschwander B et al. Clin Trials 2010;7:5. Schmidli H et al. Biometrics 2014;70:1023.
    died, n = np.array(events, np.float64), np.array(patients, np.float64)
    if died.shape != n.shape or died.size < 2 or np.any(died <= 0) or np.any(died >= n):
        raise UsageError(
            f"events={list(events)}, patients={list(patients)}: give two groups or more with events and "
            f"survivors"
        )
    log_odds, variance = logit(died / n), 1.0 / died + 1.0 / (n - died)
    grid = np.linspace(0.0, 4.0 * positive(tau, "tau"), 401)
    precision = 1.0 / (variance + grid[:, None] ** 2)
    total = precision.sum(axis=1)
    centre = (precision @ log_odds) / total
    fit = -0.5 * (precision * (log_odds - centre[:, None]) ** 2).sum(axis=1) + 0.5 * np.log(precision).sum(
        axis=1
    )
    log = fit - 0.5 * np.log(total) - 0.5 * (grid / tau) ** 2
    share = np.exp(log - log.max())
    share /= share.sum()
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    risk = expit(centre[:, None] + np.sqrt(1.0 / total + grid**2)[:, None] * nodes)
    chance = share[:, None] * weights / weights.sum()
    mean = float((chance * risk).sum())
    spread = float((chance * (risk - mean) ** 2).sum())
    size = mean * (1.0 - mean) / spread - 1.0
    return BetaMixture(weights=(1.0,), a=(mean * size,), b=((1.0 - mean) * size,))


def borrowing_power(
    prior: BetaMixture,
    n_control: int,
    n_treated: int,
    p_control: ArrayLike,
    *,
    odds_ratio: float = 1.0,
    threshold: float = 0.975,
    lower_is_better: bool = True,
) -> FloatArray:
    """Probability that a trial with borrowed controls claims a benefit: its type I error at odds ratio 1.

    Parameters
    ----------
    prior
        Of the control risk; that of the treated risk is uniform.
    n_control, n_treated
        Patients of the trial itself.
    p_control
        True control risks; shape (k,).
    odds_ratio
        True effect of treatment.
    threshold
        Posterior probability of benefit from which it is claimed.
    lower_is_better
        Whether benefit is a lower risk.

    Returns
    -------
    ndarray
        Exact probabilities, shape (k,).

    Notes
    -----
    Sum over all outcomes of both arms of P(p₁ better than p₀ | data) > threshold. R: ``RBesT::oc2S``.

    References
    ----------
    Viele K et al. Pharm Stat 2014;13:41.

    Examples
    --------
    >>> prior = BetaMixture(weights=(1.0,), a=(4.0,), b=(16.0,))
    >>> errors = borrowing_power(prior, 20, 40, [0.1, 0.3, 0.6], lower_is_better=False)
    >>> (100 * errors).round(1).tolist()
    [0.1, 6.1, 44.9]
    """
    probability(threshold, "threshold")
    risks, mass = _grid()
    control = np.array([prior.posterior(x, n_control).density() for x in range(n_control + 1)]) * mass
    events = np.arange(n_treated + 1)[:, None]
    above = betaincc(1.0 + events, 1.0 + n_treated - events, risks)
    better = control @ (1.0 - above if lower_is_better else above).T
    found = []
    for risk in np.atleast_1d(np.asarray(p_control, np.float64)):
        treated = float(expit(logit(probability(float(risk), "p_control")) + math.log(odds_ratio)))
        chances = np.outer(_binomial(n_control, risk), _binomial(n_treated, treated))
        found.append(float((chances * (better > threshold)).sum()))
    return np.array(found)


def _binomial(n: int, risk: float) -> FloatArray:
    """Return the probabilities of 0 to n events."""
    k = np.arange(n + 1)
    ways = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return np.asarray(np.exp(ways + xlogy(k, risk) + xlog1py(n - k, -risk)))
