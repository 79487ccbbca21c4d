"""A learned world's intercepts, set so that what it generates has the cohort's own means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from simsepsis.arrays import FloatArray
from simsepsis.world.fitted.profile import Model, Profile
from simsepsis.world.fitted.resolve import solve_population
from simsepsis.world.fitted.rows import Rows
from simsepsis.world.fitted.scenario import FittedScenario, in_memory
from simsepsis.world.fitted.simulate import People, draw_later, fate_of, predictor, record_later
from simsepsis.world.fitted.starts import starts_of
from simsepsis.world.fitted.tabulated import tabulated

LARGEST_SHIFT = 10.0


def calibrated(profile: Profile, means: Mapping[str, float], rows: Rows | None = None) -> Profile:
    """Return a profile whose world, as it was found, generates the cohort's means of all that is recorded.

    Each model was fitted on real patients. Generated covariates hang together a little differently, so that
    its mean may be off; one number of each model mends that, in the order in which they draw.
    """
    world = in_memory(profile, rows=rows).resolved()
    people = solve_population(world)
    before = [name for name, later in profile.later.items() if later.role == "before"]
    for name in before:
        world, people = _mended(world, people, name, means)
        people = _redrawn(people, world.learned, name)
    if before:
        # What is drawn before the treatment changes who is treated.
        world = in_memory(world.learned, rows=rows).resolved()
        people = solve_population(world)
    follow_up = [profile.survival.event] if profile.survival is not None else []
    for name in (*follow_up, *(name for name in profile.later if name not in before)):
        world, people = _mended(world, people, name, means)
    return world.learned


def _mended(
    world: FittedScenario, people: People, name: str, means: Mapping[str, float]
) -> tuple[FittedScenario, People]:
    """Return the world with one model set right, and its patients."""
    model_name = _model_of(world.learned, name)
    model = world.learned.models[model_name]
    number = model.kind == "number"
    right = _standardized(world, people, name) if number else _shifted(world, people, name, means)
    changed = _with_model(world, model_name, right)
    return changed, _moved(people, changed.learned, model_name, right.intercept - model.intercept)


def _redrawn(people: People, profile: Profile, name: str) -> People:
    """Return the patients with a column of before the treatment drawn by its new model."""
    later = profile.later[name]
    values = draw_later(profile, later, people.covariates, 0.0, people.before, people.luck.later[name])
    return replace(people, before={**people.before, name: values})


def _model_of(profile: Profile, name: str) -> str:
    return profile.later[name].model if name in profile.later else "event"


def _with_model(world: FittedScenario, name: str, model: Model) -> FittedScenario:
    profile = world.learned.model_copy(update={"models": world.learned.models | {name: model}})
    return in_memory(profile, rows=world.own_rows, solved=world.solved)


def _moved(people: People, profile: Profile, model: str, shift: float) -> People:
    """Return the patients with one predictor moved."""
    predictors = people.covariates.predictors.copy()
    predictors[_place(profile, model)] += shift
    return replace(people, covariates=replace(people.covariates, predictors=predictors))


def _place(profile: Profile, model: str) -> int:
    return tabulated(profile).models.index(model)


def _drawn(world: FittedScenario, people: People, name: str) -> FloatArray:
    """Return a column of everybody as they are treated."""
    starts = starts_of(world, people)
    given = starts.treated.astype(np.float64)
    fate = fate_of(world, people, given, starts.begins)
    survival = world.learned.survival
    if survival is not None and name == survival.event and fate.event is not None:
        return fate.event.astype(np.float64)
    return record_later(world, people, fate, given, until=name)[name]


def _shifted(world: FittedScenario, people: People, name: str, means: Mapping[str, float]) -> Model:
    """Return the model of an event whose intercept gives the event's share."""
    model_name = _model_of(world.learned, name)
    model = world.learned.models[model_name]
    moved, place = _moved(people, world.learned, model_name, 0.0), _place(world.learned, model_name)

    def gap(shift: float) -> float:
        # In its own copy, as the predictors of all models are too many to be copied at each step.
        np.add(people.covariates.predictors[place], shift, out=moved.covariates.predictors[place])
        if name in world.learned.later and world.learned.later[name].role == "before":
            # It is drawn with the patients: its share is that of its probabilities.
            score = predictor(world.learned, model_name, moved.covariates, moved.before)
            return float(np.mean(1.0 / (1.0 + np.exp(-score)))) - means[name]
        return float(np.nanmean(_drawn(world, moved, name))) - means[name]

    return model.model_copy(update={"intercept": model.intercept + _root(gap)})


def _root(gap: Callable[[float], float]) -> float:
    """Return where a rising function is 0; 0 where it is nowhere, as for what never happens."""
    if gap(-LARGEST_SHIFT) > 0.0 or gap(LARGEST_SHIFT) < 0.0:
        return 0.0
    return float(brentq(gap, -LARGEST_SHIFT, LARGEST_SHIFT, xtol=1e-4))


def _standardized(world: FittedScenario, people: People, name: str) -> Model:
    """Return the model of a number whose normal score has mean 0 and SD 1, so that its margin is kept."""
    profile = world.learned
    model_name = _model_of(profile, name)
    model = profile.models[model_name]
    starts = starts_of(world, people)
    given = starts.treated.astype(np.float64)
    fate = fate_of(world, people, given, starts.begins)
    earlier = dict(people.before) | dict(fate.outcomes)
    if profile.survival is not None and fate.event is not None:
        earlier[profile.survival.event] = fate.event.astype(np.float64)
    if profile.later[name].role == "after":
        earlier |= record_later(world, people, fate, given, until=name)
    score = predictor(profile, model_name, people.covariates, earlier) + model.treatment * given
    explained = min(float(score.var()), 0.999)
    return model.model_copy(
        update={
            "intercept": model.intercept - float(score.mean()),
            "residual": float(np.sqrt(1.0 - explained)),
        }
    )
