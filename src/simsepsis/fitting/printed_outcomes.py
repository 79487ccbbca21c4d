"""Outcomes as tables print them: the model of each, at which both arms have their printed numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from simsepsis.arrays import FloatArray
from simsepsis.fitting.assumed_prognosis import Population, crude_coefficients, spread_for
from simsepsis.fitting.printed_clusters import spread_of
from simsepsis.fitting.printed_cohort import PrintedCohort
from simsepsis.fitting.printed_margins import PrintedColumn
from simsepsis.world.fitted.profile import NODES, Column, Later, Model, Profile
from simsepsis.world.fitted.simulate import quantiles

ROUNDS = 4
"""Rounds in which the normal scores of a number get their SD of 1."""


def means_of(number: PrintedColumn, printed: PrintedCohort) -> tuple[float, float]:
    """Return the printed means of the treated and of the controls."""
    apart = float(number.gap[0]) * number.column.spread
    middle, share = number.column.center, printed.share
    return middle + (1.0 - share) * apart, middle - share * apart


def later_of(printed: PrintedCohort) -> dict[str, Later]:
    """Return the outcomes as columns that are drawn after the treatment."""
    events = {name: (_event(printed, name), printed.wider[name]) for name in printed.crude}
    numbers = {name: (own.column, ()) for name, own in printed.numbers.items()}
    return {
        name: Later(role="outcome", model=name, column=column, implied_by=wider)
        for name, (column, wider) in {**events, **numbers}.items()
    }


def _event(printed: PrintedCohort, name: str) -> Column:
    share = float(np.average(printed.crude[name], weights=printed.sizes))
    return Column(kind="binary", values=(0.0, 1.0), shares=(1.0 - share, share))


def outcome_models(
    printed: PrintedCohort,
    profile: Profile,
    people: Population,
    unit: FloatArray,
    c_statistic: float,
    rng: np.random.Generator,
) -> dict[str, tuple[Model, float]]:
    """Return each outcome's model, its predictor along `unit`, and the SD of clusters' effects in it."""
    models: dict[str, tuple[Model, float]] = {}
    if printed.crude:
        models |= _event_models(printed, profile, people, unit, c_statistic)
    for name, own in printed.numbers.items():
        models[name] = _number_model(profile, own.column, name, people, unit, c_statistic, rng)
    return models


def linear_model(
    profile: Profile, intercept: float, coefficients: FloatArray, treatment: float = 0.0, **own: Any
) -> Model:
    """Return a model of a profile's covariates, logistic unless `own` names another kind."""
    ends = np.cumsum([column.terms for column in profile.columns.values()])
    parts = np.split(np.round(np.clip(coefficients, -100.0, 100.0), 6), ends[:-1])
    return Model(
        kind=own.pop("kind", "logistic"),
        intercept=round(intercept, 6),
        coefficients={
            name: tuple(map(float, part)) for name, part in zip(profile.columns, parts, strict=True)
        },
        treatment=round(treatment, 6),
        **own,
    )


def _event_models(
    printed: PrintedCohort, profile: Profile, people: Population, unit: FloatArray, c_statistic: float
) -> Iterator[tuple[str, tuple[Model, float]]]:
    """Yield the models of what happens or not: one prognosis for all, each with its own crude events."""
    values = people.X @ unit
    widest = max(printed.crude, key=lambda name: len(printed.wider[name]) == 0)
    spread = spread_for(people, values - values.mean(), printed.crude[widest], c_statistic)
    share, homes = float(np.average(printed.crude[widest], weights=printed.sizes)), people.homes
    apart = spread_of(homes.icc, share, spread * values, homes.outcome, homes.shares)
    predictor = spread * values + apart * homes.on_outcome
    chances: dict[str, FloatArray] = {}
    for name, crude in printed.crude.items():
        still = np.ones((2, predictor.size))
        for part in printed.wider[name]:
            still *= 1.0 - chances[part]
        open_to = (people.chance, 1.0 - people.chance)
        left = [float(np.average(one, weights=own)) for one, own in zip(still, open_to, strict=True)]
        own = [1.0 - (1.0 - share) / max(rest, 1e-9) for share, rest in zip(crude, left, strict=True)]
        bounded = tuple(min(max(share, 1e-4), 1.0 - 1e-4) for share in own)
        control, treatment = crude_coefficients(people, predictor, (bounded[0], bounded[1]), 1.0 - still)
        given = np.array([[treatment], [0.0]])
        chances[name] = 1.0 - still * (1.0 - expit(control + given + predictor))
        yield name, (linear_model(profile, control, spread * unit, treatment), apart)


def _number_model(
    profile: Profile,
    column: Column,
    name: str,
    people: Population,
    unit: FloatArray,
    c_statistic: float,
    rng: np.random.Generator,
) -> tuple[Model, float]:
    r"""Return the model of a number: both arms have their printed means, together the printed margin.

    The C-statistic is the share of concordant pairs: of normal scores with a correlation ρ,
    :math:`1/2 + \arcsin(\rho)/\pi`.
    """
    correlation = float(np.sin(np.pi * (c_statistic - 0.5)))
    apart = float(np.sqrt(people.homes.icc))
    rest = float(np.sqrt(max(1.0 - correlation**2 - people.homes.icc, 0.0)))
    score = (
        correlation * (people.X @ unit)
        + apart * people.homes.on_outcome
        + rest * rng.standard_normal(people.chance.size)
    )
    weights = np.array([people.chance, 1.0 - people.chance])
    size, ends = 1.0, np.zeros(2)
    for _ in range(ROUNDS):
        means = zip(profile.crude[name], weights, strict=True)
        ends = np.array([_shift(column, size * score, mean, own) for mean, own in means])
        every = size * score + ends[:, None]
        size /= float(np.sqrt(np.cov(every.ravel(), aweights=weights.ravel())))
    model = linear_model(
        profile,
        ends[1],
        size * correlation * unit,
        ends[0] - ends[1],
        kind="number",
        residual=round(size * rest, 6),
    )
    return model, size * apart


def _shift(column: Column, score: FloatArray, mean: float, weights: FloatArray) -> float:
    """Return what is to be added to normal scores so that the number has this mean."""
    farthest = float(NODES[-1] + np.abs(score).max())
    values = np.array(column.values)
    wanted = float(np.clip(mean, values[0], values[-1]))
    if values[0] == values[-1]:
        return 0.0

    def gap(shift: float) -> float:
        return float(np.average(quantiles(column, score + shift), weights=weights)) - wanted

    return float(brentq(gap, -farthest, farthest, xtol=1e-6))
