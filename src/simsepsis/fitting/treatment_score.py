"""Who is treated: a score whose confounding is kept and whose overfitting is taken out, or a coin."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import FloatArray
from simsepsis.fitting.learning import Learning, bounded, columns_of, fit_model, known_rows
from simsepsis.fitting.regression import Fit
from simsepsis.world.fitted.profile import Derived, Later, Model


def fit_treatment(state: Learning, earlier: Mapping[str, float]) -> Fit:
    """Fit the score of covariates, and of what was given beside the treatment."""
    treated = state.cohort.treated.astype(float)
    after = columns_of(state, earlier)
    return fit_model(
        state, "treatment", treated, known_rows(state), kind="logistic", treated=False, after=after
    )


def prognosis_model(spec: AnalysisSpec, derived: Mapping[str, Derived], later: Mapping[str, Later]) -> str:
    """Return the model of the first outcome."""
    first = next(iter(spec.all_outcomes))
    return "event" if first in derived or first not in later else later[first].model


def draw_by_coin(state: Learning, fit: Fit) -> None:
    """Have a coin decide who is treated: what tells the arms apart is no more than chance.

    A score of chance differences would make every registry of the world differ in the same way, which is
    confounding that the source did not have.
    """
    share, kind = float(state.cohort.treated[state.usable].mean()), state.models["treatment"].kind
    state.models["treatment"] = Model(kind=kind, intercept=bounded(np.log(share / (1.0 - share))))
    state.notes.append(
        f"The arms are as alike as chance makes them (likelihood ratio test, p = {fit.p_value:.2g}), so "
        "a coin treats, as in a trial."
    )


def temper_score(state: Learning, shrinkage: float, prognosis: str) -> None:
    r"""Take out of the score what it overfits, without touching the confounding.

    A fitted score varies more than the true one, whose variance is the fitted one's times the shrinkage
    factor :math:`\gamma`; its covariance with the fitted prognosis, which is the confounding, is right on
    average, because the errors of the two fits are nearly independent. So the score is split into its part
    along the prognosis, which stays, and the rest, which is multiplied so that the variance becomes γ times
    what it was.
    """
    rows, names = state.usable, ("treatment", prognosis)
    beta, outlook = (_vector(state, state.models[name]) for name in names)
    score, prognostic = ((state.design[rows] @ one) for one in (beta, outlook))
    spread = float(prognostic.var())
    if spread < 1e-9 or not score.var() > 0.0:
        return
    slope = float(np.cov(score, prognostic)[0, 1]) / spread
    rest = score - slope * prognostic
    wanted = max(shrinkage * float(score.var()) - slope**2 * spread, 0.0)
    factor = min(1.0, float(np.sqrt(wanted / max(float(rest.var()), 1e-12))))
    tempered = slope * outlook + factor * (beta - slope * outlook)
    state.models["treatment"] = state.models["treatment"].model_copy(
        update={
            "coefficients": {
                column: tuple(map(bounded, tempered[span])) for column, span in state.spans.items()
            },
            "missing": {column: bounded(tempered[place]) for column, place in state.indicators.items()},
        }
    )


def _vector(state: Learning, model: Model) -> FloatArray:
    """Return a model's coefficients of the covariates in the order of the design."""
    found = np.zeros(state.design.shape[1])
    for column, span in state.spans.items():
        found[span] = model.coefficients.get(column, 0.0)
    for column, place in state.indicators.items():
        found[place] = model.missing.get(column, 0.0)
    return found
