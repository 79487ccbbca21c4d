"""Sequential trials: one begins at every visit among those not yet treated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.longitudinal.choices import Factor, Weights, fit_choice, weights_of
from simsepsis.analysis.longitudinal.hazards import at_risk, fit_hazard
from simsepsis.analysis.longitudinal.marginal import by_time, check_followed, treatment_choices
from simsepsis.analysis.longitudinal.policies import STATIC, asked_policies, curves_of, standardized
from simsepsis.analysis.longitudinal.visits import Visits, read_visits
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.threads import one_thread


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trials:
    """The rows of all trials, r of them, in the order of person, trial and time.

    Attributes
    ----------
    row, trial, time, start
        (r,): place among the visits, the visit at which the trial began, visits since, and place among the
        trials' rows of the person's first one in this trial.
    treated
        (r,): treatment with which the person began the trial.
    deviates
        (r,): whether treatment is no longer that; such a row is the last, and not analysed.
    """

    row: IntArray
    trial: IntArray
    time: IntArray
    start: IntArray
    treated: FloatArray
    deviates: BoolArray


@one_thread()
def sequential_trials(
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
    r"""Survival if everybody were treated from the start, or nobody: a trial emulated from every visit.

    At each visit those not treated before begin a trial, treated or not, and are followed until their
    treatment changes. Those who stay stand for those who are lost to that, by weights; all trials are pooled
    on time since their beginning, adjusted for the covariates then, and survival is averaged over everybody
    at the first visit.

    Parameters
    ----------
    long, id, visit, treatment, covariates, event, duration, horizon, hazard, truncate, policies
        As in `marginal_structural_model`.

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
    Estimand: that of `marginal_structural_model`; the hazard's model is one of time since a trial began,
    treatment then and covariates then, the same in all trials. Where the hazard changes with the day itself,
    give the day as a covariate. Weights for staying: above the bar the chance by time in the trial and
    covariates at its beginning, below it the chance by the covariates of the day, from one model of all
    visits. The sandwich over persons, who may be in several trials, knows that weights are estimated. Less
    extreme weights than those of the marginal structural model, so more precise early on; few who stay
    untreated for long make it less precise later. R: ``TrialEmulation::trial_sequence("PP")`` (logistic).

    References
    ----------
    Hernán MA et al. Epidemiology 2008;19:766. Gran JM et al. Stat Med 2010;29:2757. Keogh RH et al. Stat Med
    2023;42:2191, eq. 35.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from simsepsis import sequential_trials
    >>> rng = np.random.default_rng(1)
    >>> long = pd.DataFrame({"id": np.repeat(np.arange(600), 2), "visit": np.tile([0, 1], 600)})
    >>> long["severity"] = rng.normal(size=1200)
    >>> long["treated"] = rng.binomial(1, 0.3 + 0.3 * (long["severity"] > 0))
    >>> long["died"] = rng.binomial(1, 0.2 - 0.1 * long["treated"])
    >>> long = long[(long["visit"] == 0) | (long["died"].shift() == 0)]
    >>> sequential_trials(
    ...     long, id="id", visit="visit", treatment="treated", covariates="severity", event="died", horizon=2
    ... ).round(2)
      policy  time  survival  std_error  ci_low  ci_high
    0  always     1      0.88       0.02    0.84     0.91
    1  always     2      0.82       0.03    0.76     0.86
    2   never     1      0.78       0.02    0.74     0.82
    3   never     2      0.61       0.04    0.53     0.68
    """
    asked, needed = asked_policies(policies, tuple(STATIC))
    data = read_visits(
        long, id=id, visit=visit, treatment=treatment, covariates=covariates, event=event, duration=duration,
        horizon=horizon,
    )  # fmt: skip
    check_followed(data, ("always", "never"))
    trials = expanded(data)
    weights = _staying_weights(data, trials, truncate)
    baseline = data.covariates[trials.row[trials.start]]
    terms = np.column_stack([trials.treated, baseline])
    periods = [
        at_risk(data, weights, rows, trials.row[rows], terms[rows])
        for rows in (np.flatnonzero((trials.time == k) & ~trials.deviates) for k in range(data.horizon))
    ]
    fitted = fit_hazard(hazard, periods, continuous=data.continuous)
    curves = {
        name: standardized(
            fitted, [np.column_stack([np.full(data.n, STATIC[name]), data.baseline])] * data.horizon
        )
        for name in needed
    }
    return curves_of(curves, policies=asked, hazard=fitted, weights=weights, person=data.person[trials.row])


def expanded(data: Visits) -> Trials:
    """Let whoever was not treated before begin a trial at each visit, until treatment changes."""
    begin = np.flatnonzero(data.treated_before == 0)
    last = np.r_[data.first[1:], data.person.size][data.person[begin]]
    changed = np.r_[data.treated[1:] != data.treated[:-1], True]
    changed[data.first[1:] - 1] = True
    steady_until = _next_true(changed)
    # A course without change until its end has no row that deviates.
    end = np.minimum(steady_until[begin] + 2, last)
    length = end - begin
    start = np.repeat(np.cumsum(length) - length, length)
    time = np.arange(int(length.sum())) - start
    row = np.repeat(begin, length) + time
    treated = data.treated[row[start]]
    return Trials(
        row=row,
        trial=data.visit[row] - time,
        time=time,
        start=start,
        treated=treated,
        deviates=data.treated[row] != treated,
    )


def _next_true(flags: BoolArray) -> IntArray:
    """Return the place of the next true value at or after each place; the last one is true."""
    places = np.flatnonzero(flags)
    return places[np.searchsorted(places, np.arange(flags.size))]


def _staying_weights(data: Visits, trials: Trials, truncate: float | None) -> Weights:
    """Return weights for staying with the treatment of the trial's beginning.

    Below the bar the chance of that given covariates of the day, by one model of all visits; above it the
    chance given time in the trial and covariates at its beginning.
    """
    factors = []
    person = data.person[trials.row]
    baseline = data.covariates[trials.row[trials.start]]
    for below in treatment_choices(data):
        place = np.zeros(data.person.size, np.int64)
        place[below.rows] = np.arange(below.rows.size)
        rows = np.flatnonzero((trials.time > 0) & (trials.treated == data.before[below.rows[0]]))
        stays = (~trials.deviates[rows]).astype(np.float64)
        if stays.all():
            continue
        X, free = by_time(trials.time[rows], baseline[rows])
        above = fit_choice("staying in a trial", rows, X, stays, free=free)
        factors += [
            Factor(
                choice=choice, sign=sign, rows=rows, places=places, influence=choice.influence(whose, data.n)
            )
            for choice, sign, places, whose in (
                (above, 1, slice(None), person),
                (below, -1, place[trials.row[rows]], data.person),
            )
        ]
    return weights_of(factors, trials.start, truncate)
