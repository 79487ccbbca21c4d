"""How much of the variance of a comparison the planned analysis leaves: what it gains from prognosis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simsepsis.streams import streams
from simsepsis.trial.simulation.adjusted import standardized_risks
from simsepsis.trial.simulation.draw import draw_trial
from simsepsis.trial.simulation.setting import Setting
from simsepsis.trial.simulation.truth import distributions, true_effects

LARGE = 400_000
"""Patients of the trial in whose analysis the gain of an adjustment is measured."""


def variance_left(setting: Setting) -> float:
    """Return the variance of the planned analysis over that of the unadjusted one.

    A trial with N patients has the power that the formula of the unadjusted analysis gives N over this.

    Notes
    -----
    Mantel–Haenszel: variance within strata, Σ f·p̄(1 − p̄) over p̄(1 − p̄) of all, f the share of a stratum and
    p̄ the mean risk of its arms. Stratified log-rank: the hazard ratio within strata is farther from 1, so
    [ln HR/ln HR within strata]². Adjusted: variance of the standardized risk difference over that of the
    crude one in a trial of 400,000 patients.
    """
    analysis, outcome = setting.protocol.test.analysis, setting.protocol.outcome
    if analysis == "adjusted":
        return _adjusted(setting)
    if analysis != "stratified":
        return 1.0
    if outcome.binary:
        return _within_strata(setting)
    return _within_time(setting) if outcome.kind == "time" else float("nan")


def _within_strata(setting: Setting) -> float:
    arm = setting.protocol.effect_arm + 1
    dead = setting.ratio[[0, arm], None] * distributions(setting)[0][:, [0, arm]]
    # (strata, 2) → alive and dead of both arms together, each arm as large as it is randomized.
    counts = dead.sum(axis=1)
    patients = counts.sum(axis=1)
    risk = counts[:, 1] / np.where(patients > 0.0, patients, 1.0)
    overall = float(counts[:, 1].sum() / patients.sum())
    within = float(patients @ (risk * (1.0 - risk)) / patients.sum())
    return within / (overall * (1.0 - overall))


def _within_time(setting: Setting) -> float:
    arm = setting.protocol.effect_arm
    inside = float(true_effects(setting)[0, arm])
    return (float(true_effects(setting.unstratified())[0, arm]) / inside) ** 2 if inside else 1.0


def _adjusted(setting: Setting) -> float:
    arm, arms = setting.protocol.effect_arm + 1, len(setting.ratio)
    drawn = draw_trial(replace(setting, n_total=LARGE), streams(setting.protocol.run.seed))
    seen = np.flatnonzero(drawn.observed)
    patient, given = drawn.patient[seen], drawn.arm[seen]
    dead = setting.dead[drawn.course[seen], patient].astype(np.int64)
    covariance = standardized_risks(setting.covariates[patient], given, dead, arms).covariance
    adjusted = covariance[0, 0] + covariance[arm, arm] - 2.0 * covariance[0, arm]
    sizes = np.bincount(given, minlength=arms)[[0, arm]]
    crude = np.bincount(given, dead, minlength=arms)[[0, arm]] / sizes
    return float(adjusted / (crude * (1.0 - crude) / sizes).sum())
