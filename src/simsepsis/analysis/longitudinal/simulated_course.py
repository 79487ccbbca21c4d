"""The parametric g-formula: courses drawn from models of what happens at each visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special

from simsepsis.analysis.longitudinal.choices import Choice, fit_choice, fit_line, weights_of
from simsepsis.analysis.longitudinal.hazards import Hazard, at_risk, fit_hazard
from simsepsis.analysis.longitudinal.marginal import by_visit, treatment_choices
from simsepsis.analysis.longitudinal.policies import STATIC, Curve, asked_policies, curves_of, standardized
from simsepsis.analysis.longitudinal.visits import Visits, read_visits
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import UsageError
from simsepsis.threads import one_thread

NATURAL = "natural_course"
"""The policy under which treatment is given as it was."""
PATHS = 5_000
"""Courses drawn under each policy, at least; every person begins the same number of them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A model of one thing that is drawn at a visit.

    Attributes
    ----------
    visits
        Those that the design has a column for; the first is the constant.
    params, columns
        Coefficients, and the columns of the design that they belong to.
    sd
        Of the residuals; 0 for what is 0 or 1.
    influence
        (n, q): how far each person moves the coefficients and, last, the standard deviation.
    """

    visits: IntArray
    params: FloatArray
    columns: IntArray
    sd: float
    influence: FloatArray

    def draw(self, k: int, known: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Draw at visit k from what is known; return values, (r,), and their score, (r, q)."""
        visits = np.broadcast_to(np.r_[1.0, self.visits[1:] == k], (known.shape[0], self.visits.size))
        X = np.hstack([visits, known])[:, self.columns]
        linear = X @ self.params
        if self.sd == 0:
            chance = scipy.special.expit(linear)
            value = (rng.random(chance.size) < chance).astype(np.float64)
            return value, X * (value - chance)[:, None]
        noise = rng.standard_normal(linear.size)
        return linear + self.sd * noise, np.column_stack([X * noise[:, None], noise**2 - 1]) / self.sd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Models:
    """What a course is drawn from: changing covariates by column, treatment by that of the visit before.

    After a treatment that has no model everybody went on as before.
    """

    covariates: dict[int, Part]
    treatment: dict[float, Part]


@one_thread()
def g_formula(
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
    truncate: None = None,
    policies: Sequence[str] = ("always", "never", NATURAL),
    seed: int = 0,
) -> pd.DataFrame:
    r"""Survival if everybody were treated at every visit, or nobody: the parametric g-formula.

    Each covariate is modelled by visit, treatment and covariates of the visit before, death by treatment and
    covariates of the day. Courses are then drawn from these models with treatment set by the policy, and
    survival is averaged over them. The natural course, in which treatment too is drawn as it was given,
    should agree with what was observed (`kaplan_meier`); where it does not, a model is wrong.

    Parameters
    ----------
    long, id, visit, treatment, event, duration, horizon, hazard
        As in `marginal_structural_model`.
    covariates
        As there, in the order in which they arise. Those of 0 and 1 are drawn by logistic, others by linear
        regression with normal residuals.
    truncate
        None: there are no weights.
    policies
        ``"always"``, ``"never"``, ``"natural_course"``, or a difference such as ``"always - never"``.
    seed
        Of the draws. All policies are drawn with the same one.

    Returns
    -------
    DataFrame
        policy, time, survival, std_error, ci_low, ci_high: one row for each policy and visit's end.

    Raises
    ------
    DataError
        If the rows are no courses of persons.
    ConvergenceError
        If a model has no solution.
    UsageError
        If a policy, hazard or horizon is none.

    Notes
    -----
    Estimand: :math:`S^{\bar a}(\tau)`, given that covariates of the day tell all about why treatment was
    given, that both treatments were possible, and that the models are right; whoever is lost is so by chance.
    :math:`\hat S^{\bar a}(\tau) = E \prod_{k<\tau} q_k(a_k, L_k)` over drawn :math:`L`, with q the chance of
    living through a visit. The standard error is the sandwich over persons of all models and of the first
    visit's covariates; the derivative by the covariate models is the mean of survival times the score of
    what was drawn, so that nothing is fitted twice. R: ``gfoRmula::gformula_survival``, with a bootstrap.

    References
    ----------
    Robins J. Math Modelling 1986;7:1393. McGrath S et al. Patterns 2020;1:100008.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from simsepsis import g_formula
    >>> rng = np.random.default_rng(1)
    >>> long = pd.DataFrame({"id": np.repeat(np.arange(600), 2), "visit": np.tile([0, 1], 600)})
    >>> long["severity"] = rng.normal(size=1200)
    >>> long["treated"] = rng.binomial(1, 0.3 + 0.3 * (long["severity"] > 0))
    >>> long["died"] = rng.binomial(1, 0.2 - 0.1 * long["treated"])
    >>> long = long[(long["visit"] == 0) | (long["died"].shift() == 0)]
    >>> g_formula(long, id="id", visit="visit", treatment="treated", covariates="severity", event="died",
    ...           horizon=2, policies=["always - never"]).round(2)
               policy  time  survival  std_error  ci_low  ci_high
    0  always - never     1      0.10       0.03    0.04     0.16
    1  always - never     2      0.18       0.04    0.11     0.25
    """
    asked, needed = asked_policies(policies, (*STATIC, NATURAL))
    if truncate is not None:
        raise UsageError(f"truncate is {truncate}, and the g-formula has no weights; leave it out")
    data = read_visits(
        long, id=id, visit=visit, treatment=treatment, covariates=covariates, event=event, duration=duration,
        horizon=horizon,
    )  # fmt: skip
    terms = np.column_stack([data.treated, data.covariates])
    weights = weights_of([], data.first[data.person], None)
    periods = [
        at_risk(data, weights, rows, rows, terms[rows])
        for rows in (np.flatnonzero(data.visit == k) for k in range(data.horizon))
    ]
    fitted = fit_hazard(hazard, periods, continuous=data.continuous)
    names = [covariates] if isinstance(covariates, str) else [*covariates]
    models = Models(covariates=_covariate_parts(data, names), treatment=_treatment_parts(data))
    curves = {name: _simulated(name, data, fitted, models, np.random.default_rng(seed)) for name in needed}
    return curves_of(curves, policies=asked, hazard=fitted, weights=weights, person=data.person)


def _treatment_parts(data: Visits) -> dict[float, Part]:
    """Model treatment apart by treatment at the visit before, where there was a choice."""
    return {float(data.before[model.rows[0]]): _binary(data, model) for model in treatment_choices(data)}


def _covariate_parts(data: Visits, names: Sequence[str]) -> dict[int, Part]:
    """Model each covariate that changes, by the visit before and what is named earlier; others stay."""
    rows = np.flatnonzero(data.visit > 0)
    changing = (data.covariates != data.baseline[data.person]).any(axis=0)
    found: dict[int, Part] = {}
    for column in np.flatnonzero(changing).tolist():
        before = [data.treated[rows - 1], data.covariates[rows - 1]]
        X, free = by_visit(data.visit[rows], np.column_stack([*before, data.covariates[rows][:, [*found]]]))
        y = data.covariates[rows, column]
        if np.isin(y, (0.0, 1.0)).all():
            found[column] = _binary(data, fit_choice(f"covariate '{names[column]}'", rows, X, y, free=free))
        else:
            found[column] = _normal(data, rows, X, y)
    return found


def _binary(data: Visits, model: Choice) -> Part:
    return Part(
        visits=np.unique(data.visit[model.rows]),
        params=model.params,
        columns=model.columns,
        sd=0.0,
        influence=model.influence(data.person, data.n),
    )


def _normal(data: Visits, rows: IntArray, X: FloatArray, y: FloatArray) -> Part:
    params, sd, influence = fit_line(X, y, data.person[rows], data.n)
    return Part(
        visits=np.unique(data.visit[rows]),
        params=params,
        columns=np.arange(X.shape[1]),
        sd=sd,
        influence=influence,
    )


def _simulated(policy: str, data: Visits, hazard: Hazard, models: Models, rng: np.random.Generator) -> Curve:
    """Draw courses under a policy; return survival, and what each person moves apart from the hazard."""
    repeats = -(-PATHS // data.n)
    begin = np.repeat(data.first, repeats)
    now, treated = data.covariates[begin], data.treated[begin]
    if policy in STATIC:
        treated = np.full(begin.size, STATIC[policy])
    used = [*models.covariates.values(), *(models.treatment.values() if policy == NATURAL else ())]
    score = [np.zeros((begin.size, part.influence.shape[1])) for part in used]
    terms, scores = [np.column_stack([treated, now])], [score]
    for k in range(1, data.horizon):
        past, now, score = np.column_stack([treated, now]), now.copy(), []
        drawn: list[int] = []
        for column, part in models.covariates.items():
            now[:, column], found = part.draw(k, np.column_stack([past, now[:, drawn]]), rng)
            drawn.append(column)
            score.append(found)
        for previous, part in models.treatment.items() if policy == NATURAL else ():
            after = past[:, 0] == previous
            value, found = part.draw(k, now, rng)
            treated = np.where(after, value, treated)
            score.append(np.where(after[:, None], found, 0.0))
        terms.append(np.column_stack([treated, now]))
        scores.append([old + new for old, new in zip(scores[-1], score, strict=True)])
    curve = standardized(hazard, terms)
    own = curve.own.reshape(data.n, repeats, -1).sum(axis=1)
    for j, part in enumerate(used):
        gradient = [scores[k][j].T @ curve.own[:, k] for k in range(data.horizon)]
        own += part.influence @ np.column_stack(gradient)
    return Curve(survival=curve.survival, gradients=curve.gradients, own=own)
