"""A roster of ICUs whose patient-weighted margins are those of Table 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit, logit, ndtri

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import Targets
from simsepsis.studies.jseptic_ivigg.world.icus import EFFECTS
from simsepsis.studies.jseptic_ivigg.world.people import Roster
from simsepsis.studies.jseptic_ivigg.world.predictor import ROSTER_TRAITS
from simsepsis.studies.jseptic_ivigg.world.treatment import BED_STEPS

N_ICUS = 42
SIZE_LOG_SD = 0.65
"""Spread of the numbers of patients per ICU. Judgement: the largest brings some ten times the smallest."""

ICUS_WITH = {
    "icu_type": {"er": 21, "general": 21},
    "icu_model": {"closed": 19, "open": 16, "comanagement": 7},
    "dic_policy": {"active": 24, "conservative": 7, "neither": 11},
}
"""ICUs per trait, in proportion to their patients; another paper counts 18 closed and 17 open."""

BEDS_AT_MOST = {7: 0.215, 8: 0.262, 9: 0.275, 10: 0.305, 11: 0.455, 12: 0.54, 18: 0.733, 19: 0.77}
"""Share of patients in ICUs of at most so many beds, between what the quartiles of both arms need."""

TREATED_BEDS_AT_MOST = {9: 0.235, 10: 0.28, 11: 0.46, 12: 0.54, 18: 0.735, 19: 0.77}
"""The same among the treated: just inside their printed quartiles of 10, 12 and 19."""

TYPE_ROUTE_SHIFT = 0.35
"""Mean of the latent route in general ICUs, and its negative in emergency ICUs, in SDs. Judgement."""

SWEEPS = 20_000


def _sizes(n: int) -> IntArray:
    quantile = np.exp(SIZE_LOG_SD * ndtri((np.arange(N_ICUS) + 0.5) / N_ICUS))
    exact = quantile * (n / quantile.sum())
    sizes = np.floor(exact).astype(np.int64)
    sizes[np.argsort(sizes - exact)[: n - int(sizes.sum())]] += 1
    return np.asarray(sizes)


def _start(rng: np.random.Generator) -> dict[str, IntArray]:
    codes = {
        name: rng.permutation(np.repeat(np.arange(len(counts)), list(counts.values())))
        for name, counts in ICUS_WITH.items()
    }
    beds = np.round(12.0 * np.exp(0.62 * ndtri((np.arange(N_ICUS) + 0.5) / N_ICUS)))
    codes["icu_beds"] = rng.permutation(np.clip(beds, 4, 40).astype(np.int64))
    return codes


def _category_loss(sizes: IntArray, wanted: FloatArray) -> Callable[[IntArray], float]:
    def loss(codes: IntArray) -> float:
        share = np.bincount(codes, weights=sizes, minlength=wanted.size) / sizes.sum()
        return float(np.square(share - wanted).sum())

    return loss


def _beds_loss(sizes: IntArray, treated: FloatArray) -> Callable[[IntArray], float]:
    """Return the loss of a bed allocation in all patients and in those treated at their policy's rate.

    Without the second part the tilt would have to undo a chance association of beds and policy.
    """
    aims = [
        (np.array(list(aim)), np.array(list(aim.values())), weights / weights.sum())
        for aim, weights in ((BEDS_AT_MOST, sizes), (TREATED_BEDS_AT_MOST, treated))
    ]

    def loss(beds: IntArray) -> float:
        gaps = [(beds <= limits[:, None]) @ weights - wanted for limits, wanted, weights in aims]
        return float(np.square(np.concatenate(gaps)).sum())

    return loss


def _swap_search(
    codes: IntArray, loss: Callable[[IntArray], float], rng: np.random.Generator, *, step: bool
) -> IntArray:
    """Return the codes after a swap search: exchange two ICUs' values, or move one bed, if it helps."""
    best, score = codes.copy(), loss(codes)
    for _ in range(SWEEPS):
        trial = best.copy()
        i, j = rng.integers(N_ICUS, size=2)
        if step and rng.random() < 0.3:
            trial[i] = max(4, trial[i] + rng.choice((-1, 1)))
        else:
            trial[i], trial[j] = best[j], best[i]
        new = loss(trial)
        if new < score:
            best, score = trial, new
    return best


def _traits(codes: dict[str, IntArray]) -> FloatArray:
    """Return (ICUs, k) indicators of what the tilt may adjust for, with a constant."""
    columns: list[FloatArray | BoolArray] = [np.ones(N_ICUS)]
    for name in ICUS_WITH:
        columns += [codes[name] == level for level in range(1, len(ICUS_WITH[name]))]
    columns += [codes["icu_beds"] < step for step in BED_STEPS]
    return np.column_stack(columns).astype(np.float64)


def _unrelated(value: FloatArray, to: FloatArray, sizes: IntArray) -> FloatArray:
    """Return what is left of `value` after weighted regression on the columns of `to`, with variance one."""
    root = np.sqrt(sizes)
    left = value - to @ np.linalg.lstsq(to * root[:, None], value * root, rcond=None)[0]
    return np.asarray(left / np.sqrt(np.average(left**2, weights=sizes)))


def _is_active(codes: dict[str, IntArray]) -> BoolArray:
    return np.asarray(codes["dic_policy"] == COLUMNS["dic_policy"].level_names.index("active"))


def _beds_and_policy(codes: dict[str, IntArray]) -> FloatArray:
    """Return log beds where the policy is active, and the reverse elsewhere."""
    return np.asarray(np.log(codes["icu_beds"] / np.median(codes["icu_beds"])) * _is_active(codes))


def _habit(
    drawn: FloatArray, between: dict[str, float], codes: dict[str, IntArray], sizes: IntArray
) -> FloatArray:
    """Return the ICUs' habit of giving IVIgG, from what is drawn of it with variance one."""
    elsewhere = between.get("ivigg_elsewhere", between["ivigg"]) / between["ivigg"]
    habit = drawn * between["ivigg"] * np.where(_is_active(codes), 1.0, elsewhere)
    joint = between.get("beds_and_policy", 0.0)
    if joint:
        habit = habit + joint * _unrelated(_beds_and_policy(codes), _traits(codes), sizes)
    return np.asarray(habit)


def _effects(
    between: dict[str, float],
    codes: dict[str, IntArray],
    sizes: IntArray,
    treated: FloatArray,
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """Return random effects with exactly the stated standard deviations and correlations.

    In one roster of 42 ICUs a chance correlation would be a fixed confounder. So each effect is made
    unrelated to the traits, to the effects before it and, where habits differ by more than a normal effect,
    to the share of each ICU's patients that is given IVIgG; only the stated correlation of giving adjuncts
    with giving IVIgG is put back.
    """
    known = _traits(codes)
    effects: dict[str, FloatArray] = {}
    for name in EFFECTS:
        effects[name] = _unrelated(rng.standard_normal(N_ICUS), known, sizes)
        known = np.column_stack([known, effects[name]])
        if name == "ivigg" and {"ivigg_elsewhere", "beds_and_policy"} & set(between):
            habit = _habit(effects[name], between, codes, sizes)
            share = expit(logit(np.clip(treated, 0.01, 0.99)) + habit)
            known = np.column_stack([known, habit, share])
    shared = between["adjuncts_with_ivigg"]
    effects["adjuncts"] = shared * effects["ivigg"] + np.sqrt(1.0 - shared**2) * effects["adjuncts"]
    emergency = codes["icu_type"] == COLUMNS["icu_type"].level_names.index("er")
    shift = np.where(emergency, -TYPE_ROUTE_SHIFT, TYPE_ROUTE_SHIFT)
    scaled = {name: value * between[name] for name, value in effects.items()}
    scaled["ivigg"] = _habit(effects["ivigg"], between, codes, sizes)
    scaled["route"] = scaled["route"] + shift - np.average(shift, weights=sizes)
    return {name: np.round(value, 3) for name, value in scaled.items()}


def _treated_by_policy(codes: dict[str, IntArray], targets: Targets) -> FloatArray:
    """Return how much more often than all patients each ICU's are given IVIgG, by its policy."""
    rate = [
        targets.proportion("dic_policy", level, "ivigg") / targets.pooled("dic_policy", level)
        for level in COLUMNS["dic_policy"].level_names
    ]
    return np.array(rate)[codes["dic_policy"]]


def fit_roster(
    targets: Targets, between: dict[str, float], n: int, rng: np.random.Generator
) -> dict[str, list[Any]]:
    """Return the roster: sizes, traits found by a swap search on Table 1's margins, and random effects."""
    sizes = rng.permutation(_sizes(n))
    codes = _start(rng)
    for name in ICUS_WITH:
        wanted = np.array([targets.pooled(name, level) for level in COLUMNS[name].level_names])
        codes[name] = _swap_search(codes[name], _category_loss(sizes, wanted), rng, step=False)
    rate = _treated_by_policy(codes, targets)
    codes["icu_beds"] = _swap_search(codes["icu_beds"], _beds_loss(sizes, sizes * rate), rng, step=True)
    effects = _effects(between, codes, sizes, rate * targets.share, rng)
    traits = {
        ROSTER_TRAITS[name]: [COLUMNS[name].level_names[code] for code in codes[name]] for name in ICUS_WITH
    }
    return {
        "size": sizes.tolist(),
        "beds": codes["icu_beds"].tolist(),
        **traits,
        **{name: value.tolist() for name, value in effects.items()},
    }


def effects_anew(
    roster: Roster, targets: Targets, between: dict[str, float], rng: np.random.Generator
) -> Roster:
    """Return the roster with its sizes and traits, and random effects drawn anew."""
    codes = {
        name: np.array([COLUMNS[name].level_names.index(of) for of in getattr(roster, ROSTER_TRAITS[name])])
        for name in ICUS_WITH
    }
    codes["icu_beds"] = np.array(roster.beds)
    rate = _treated_by_policy(codes, targets) * targets.share
    effects = _effects(between, codes, np.array(roster.size), rate, rng)
    return roster.model_copy(update={name: value.tolist() for name, value in effects.items()})
