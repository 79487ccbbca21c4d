"""Marginal structural models of survival, fitted with inverse probability of treatment weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simsepsis.analysis.longitudinal.choices import Choice, Factor, Weights, fit_choice, weights_of
from simsepsis.analysis.longitudinal.hazards import at_risk, fit_hazard
from simsepsis.analysis.longitudinal.policies import STATIC, asked_policies, curves_of, standardized
from simsepsis.analysis.longitudinal.visits import Visits, read_visits
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError
from simsepsis.threads import one_thread


@one_thread()
def marginal_structural_model(
    long: pd.DataFrame,
    *,
    id: str,
    visit: str,
    treatment: str,
    covariates: Sequence[str] | str,
    event: str,
    duration: str | None = None,
    horizon: int,
    hazard: str = "additive",
    truncate: float | None = None,
    policies: Sequence[str] = ("always", "never"),
) -> pd.DataFrame:
    r"""Survival if everybody were treated at every visit, or nobody: a weighted marginal structural model.

    Each person at each visit is weighted by the inverse of the chance of the treatment history that was had,
    given what was known at each visit, and stabilized by its chance given the first visit alone. The hazard
    of death is then modelled by the history of treatment and the first visit's covariates, and survival under
    a policy averaged over everybody at the first visit.

    Parameters
    ----------
    long
        One row for each person and visit at risk, from a first visit that all have in common.
    id, visit, treatment, event
        Columns: whose row it is; the number of the visit; treatment during it, 0 or 1; 1 where the person
        dies before the next visit.
    covariates
        Columns of what is known at the visit and decides on treatment.
    duration
        Column of the time at risk within the visit, 0 to 1 of the time between visits; None where only the
        visit of a death is known.
    horizon
        Number of visits to follow.
    hazard
        ``"additive"`` (Aalen, each visit apart) or ``"logistic"`` (pooled, with a constant for each visit).
    truncate
        Quantile of the weights that none exceeds, such as 0.99; None leaves them alone.
    policies
        ``"always"``, ``"never"``, or a difference such as ``"always - never"``.

    Returns
    -------
    DataFrame
        policy, time, survival, std_error, ci_low, ci_high: one row for each policy and visit's end.

    Raises
    ------
    DataError
        If the rows are no courses of persons, or nobody follows a policy until the horizon.
    ConvergenceError
        If a model has no solution.
    UsageError
        If a policy, hazard, quantile or horizon is none.

    Notes
    -----
    Estimand: :math:`S^{\bar a}(\tau)`, survival if treatment were :math:`\bar a` at every visit, given that
    covariates of the day tell all about why treatment was given, that both treatments were possible, and that
    the hazard's model is right; whoever is lost is lost by chance. Weights
    :math:`\prod_{j \le k} P(A_j \mid A_{j-1}, j, L_0) / P(A_j \mid A_{j-1}, j, L_j)` by logistic regressions,
    apart by treatment at the visit before; where that never stops there is no choice after a start.
    Additive: :math:`dB_k(t)` on :math:`(1, A_k, \dots, A_0, L_0)` within each visit,
    :math:`S = E \prod_t (1 - x_k' dB_k(t))` (to the second order), as Kaplan–Meier's; logistic: on the
    treatment of the visit and the number of treated visits before it. The sandwich over persons knows
    that weights are estimated and averages over L₀. R: ``timereg::aalen(…, weights = ipw)`` after
    ``ipw::ipwtm``, which has no standard error of S.

    References
    ----------
    Robins JM, Hernán MA, Brumback B. Epidemiology 2000;11:550. Keogh RH et al. Stat Med 2023;42:2191, eq. 34.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from simsepsis import marginal_structural_model
    >>> rng = np.random.default_rng(1)
    >>> long = pd.DataFrame({"id": np.repeat(np.arange(600), 2), "visit": np.tile([0, 1], 600)})
    >>> long["severity"] = rng.normal(size=1200)
    >>> long["treated"] = rng.binomial(1, 0.3 + 0.3 * (long["severity"] > 0))
    >>> long["died"] = rng.binomial(1, 0.2 - 0.1 * long["treated"])
    >>> long = long[(long["visit"] == 0) | (long["died"].shift() == 0)]
    >>> marginal_structural_model(
    ...     long, id="id", visit="visit", treatment="treated", covariates="severity", event="died", horizon=2
    ... ).round(2)
      policy  time  survival  std_error  ci_low  ci_high
    0  always     1      0.88       0.02    0.84     0.92
    1  always     2      0.81       0.03    0.75     0.86
    2   never     1      0.79       0.02    0.74     0.83
    3   never     2      0.61       0.03    0.55     0.67
    """
    asked, needed = asked_policies(policies, tuple(STATIC))
    data = read_visits(
        long, id=id, visit=visit, treatment=treatment, covariates=covariates, event=event, duration=duration,
        horizon=horizon,
    )  # fmt: skip
    check_followed(data, needed)
    weights = _stabilized(data, truncate)
    periods = [
        at_risk(data, weights, rows, rows, _history(data, k, rows, hazard))
        for k, rows in ((k, np.flatnonzero(data.visit == k)) for k in range(data.horizon))
    ]
    fitted = fit_hazard(hazard, periods, continuous=data.continuous)
    curves = {
        name: standardized(fitted, [_fixed(STATIC[name], data, k, hazard) for k in range(data.horizon)])
        for name in needed
    }
    return curves_of(curves, policies=asked, hazard=fitted, weights=weights, person=data.person)


def _history(data: Visits, k: int, rows: IntArray, hazard: str) -> FloatArray:
    """Return treatment now, and at each visit before or (pooled) how often, and first covariates, (r, p)."""
    if hazard == "additive":
        treated = [data.treatment_at(j, rows) for j in range(k, -1, -1)]
    else:
        treated = [data.treated[rows], data.treated_before[rows]]
    return np.column_stack([*treated, data.baseline[data.person[rows]]])


def _fixed(treated: float, data: Visits, k: int, hazard: str) -> FloatArray:
    """Return the same for everybody under a policy that treats at every visit or at none, (n, p)."""
    history = np.full(k + 1, treated) if hazard == "additive" else np.array([treated, treated * k])
    return np.hstack([np.broadcast_to(history, (data.n, history.size)), data.baseline])


def check_followed(data: Visits, policies: Sequence[str]) -> None:
    """Refuse policies that nobody at risk follows until the last visit."""
    total = data.so_far(data.treated[:, None])[:, 0]
    for name in policies:
        follows = total == STATIC[name] * (data.visit + 1)
        followers = np.bincount(data.visit[follows], minlength=data.horizon)
        if not followers.all():
            lost = int(np.argmin(followers > 0))
            raise DataError(
                f"nobody at risk at visit {lost} (counted from 0) follows '{name}' until then; write "
                + (f"horizon={lost}" if lost else f"policies without '{name}'")
            )


def treatment_choices(data: Visits) -> list[Choice]:
    """Model treatment at each visit by visit and covariates, apart by treatment at the visit before.

    Where everybody goes on as before (a treatment that never stops) there is no choice and no model.
    """
    found = []
    for previous in (0.0, 1.0):
        rows = np.flatnonzero((data.before == previous) & ((data.visit > 0) | (previous == 0)))
        y = data.treated[rows]
        if rows.size and y.any() and not y.all():
            X, free = by_visit(data.visit[rows], data.covariates[rows])
            found.append(fit_choice("treatment", rows, X, y, free=free))
    return found


def by_visit(visit: IntArray, covariates: FloatArray) -> tuple[FloatArray, int]:
    """Return a design of a constant, each later visit, and covariates; and how many columns are visits."""
    visits = np.column_stack([np.ones(visit.size), *(visit == k for k in np.unique(visit)[1:])])
    return np.hstack([visits, covariates]), visits.shape[1]


def by_time(time: IntArray, baseline: FloatArray) -> tuple[FloatArray, int]:
    """Return a design of a constant, later times, and their products with what was known at first."""
    times, free = by_visit(time, np.empty((time.size, 0)))
    return np.hstack([times, *(times * column[:, None] for column in baseline.T)]), free


def _stabilized(data: Visits, truncate: float | None) -> Weights:
    """Return chances of treatment by visit and first covariates, over those by covariates of the day."""
    factors = []
    for below in treatment_choices(data):
        rows = below.rows
        X, free = by_time(data.visit[rows], data.baseline[data.person[rows]])
        above = fit_choice("treatment", rows, X, data.treated[rows], free=free)
        factors += [
            Factor(
                choice=choice,
                sign=sign,
                rows=rows,
                places=slice(None),
                influence=choice.influence(data.person, data.n),
            )
            for choice, sign in ((above, 1), (below, -1))
        ]
    return weights_of(factors, data.first[data.person], truncate)
