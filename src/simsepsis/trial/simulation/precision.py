"""How much of the variance of a comparison the planned analysis leaves: what it gains from prognosis."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import gammaln, xlogy

from simsepsis.arrays import FloatArray
from simsepsis.streams import streams
from simsepsis.trial.simulation.adjusted import standardized_risks
from simsepsis.trial.simulation.draw import draw_trial
from simsepsis.trial.simulation.setting import Setting
from simsepsis.trial.simulation.truth import distributions, true_effects

LARGE = 400_000
"""Patients of the trial in whose analysis the gain of an adjustment is measured."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Precision:
    """What the planned analysis makes of the variance of the unadjusted one."""

    lasting: float
    shares: FloatArray = field(default_factory=lambda: np.zeros(0))
    risks: FloatArray = field(default_factory=lambda: np.zeros(0))
    gaps: FloatArray = field(default_factory=lambda: np.zeros(0))
    block: tuple[int, int] | None = None
    ratio: float = 1.0
    sites: float = 1.0

    def left(self, patients: float) -> float:
        """Return variance over that of the unadjusted analysis; parameter: patients compared, outcome known.

        Notes
        -----
        A stratum of n patients weighs w = n₀n₁/n, nothing where one arm has nobody. With Poisson numbers of
        patients, the variance left is Nπ₀π₁·Σ E(w)p̄(1 − p̄)/[(Σ E(w))²·P̄(1 − P̄)].
        """
        if not self.shares.size or math.isnan(self.lasting):
            return self.lasting
        each = _expected_weights(patients / self.sites * self.shares, self.ratio, self.block)
        weight, rest = self.sites * each
        whole = patients * self.ratio / (1.0 + self.ratio) ** 2
        if weight.sum() <= 0.0:
            return math.inf
        inside, gap = (self.risks * (1.0 - self.risks), self.gaps) if self.risks.size else (1.0, 0.0)
        # With both arms in it a small stratum has more variance without regard to the arms than p̄(1 − p̄).
        spread = float((weight * inside + rest * np.square(gap) / 4.0).sum())
        return self.lasting * whole * spread / float(weight.sum()) ** 2 / float((self.shares * inside).sum())


LARGE_STRATUM = 200
"""Patients of a stratum from which both arms of it are as large as planned."""


def _expected_weights(patients: FloatArray, ratio: float, block: tuple[int, int] | None) -> FloatArray:
    """Return E(n₀n₁/n) and E(n₀n₁/[n(n − 1)]) of strata with Poisson numbers of patients, (2, strata)."""
    both = ratio / (1.0 + ratio) ** 2
    if block is None:
        alone = np.exp(-patients)
        return both * np.array([patients - 1.0 + alone, 1.0 - alone * (1.0 + patients)])
    n = np.arange(1, 2 * LARGE_STRATUM)
    rest = n % sum(block)
    # Within a block the treated are hypergeometric; whole blocks are as planned.
    weight = both * (n - rest * (sum(block) - rest) / max(sum(block) - 1, 1) / n)
    small = np.minimum(patients, LARGE_STRATUM)[:, None]
    chances = np.exp(xlogy(n, small) - small - gammaln(n + 1.0))
    expected = chances @ weight, chances @ (weight / np.maximum(n - 1, 1))
    return np.where(patients > LARGE_STRATUM, both * np.array([patients, np.ones_like(patients)]), expected)


def precision_of(setting: Setting) -> Precision:
    """Return what the planned analysis makes of the variance of the unadjusted one."""
    protocol = setting.protocol
    analysis, outcome = protocol.test.analysis, protocol.outcome
    if analysis == "adjusted":
        return Precision(lasting=_adjusted(setting))
    if analysis != "stratified":
        return Precision(lasting=1.0)
    arm = protocol.effect_arm + 1
    arms = setting.ratio[[0, arm], None] * distributions(setting)[0][:, [0, arm]]
    # (strata, arms, kinds) of two arms as large as they are randomized; of both together.
    counts = arms.sum(axis=1)
    patients = counts.sum(axis=1)
    ratio = float(setting.ratio[arm])
    balanced = protocol.allocation.method == "blocks" and set(protocol.test.strata) <= set(
        protocol.allocation.factors
    )
    size = protocol.allocation.block
    told: dict[str, Any] = {
        "shares": patients / patients.sum(),
        "block": (size, round(size * ratio)) if balanced else None,
        "ratio": ratio,
        "sites": _sites(setting),
    }
    if not outcome.binary:
        lasting = _within_time(setting) if outcome.kind == "time" else math.nan
        return Precision(lasting=lasting, **told)
    risks = counts[:, 1] / np.where(patients > 0.0, patients, 1.0)
    overall = float(counts[:, 1].sum() / patients.sum())
    within = float(patients @ (risks * (1.0 - risks)) / patients.sum())
    own = arms[:, :, 1] / np.maximum(arms.sum(axis=2), 1e-300)
    gaps = own[:, 1] - own[:, 0]
    return Precision(lasting=within / (overall * (1.0 - overall)), risks=risks, gaps=gaps, **told)


def _sites(setting: Setting) -> float:
    if not (setting.strata.by_icu and setting.protocol.sites.sampled):
        return 1.0
    return setting.protocol.sites.number / int(np.count_nonzero(setting.pool.rates))


def variance_left(setting: Setting) -> float:
    """Return the variance of the planned analysis over that of the unadjusted one, with its own patients."""
    protocol = setting.protocol
    arm = protocol.arms[protocol.effect_arm].ratio
    compared = (1.0 + arm) / float(setting.ratio.sum()) * (1.0 - protocol.conduct.loss.share)
    return precision_of(setting).left(setting.n_total * compared)


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
    _, covariance = standardized_risks(setting.covariates[patient], given, dead, arms)
    adjusted = covariance[0, 0] + covariance[arm, arm] - 2.0 * covariance[0, arm]
    sizes = np.bincount(given, minlength=arms)[[0, arm]]
    crude = np.bincount(given, dead, minlength=arms)[[0, arm]] / sizes
    return float(adjusted / (crude * (1.0 - crude) / sizes).sum())
