"""A protocol and its population, made ready: all that the simulated trials have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ExperimentError
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.condition import SITE
from simsepsis.trial.protocol.sections import Departure, Loss
from simsepsis.trial.simulation.adjusted import covariate_matrix
from simsepsis.trial.simulation.outcomes import Categories, coded, died
from simsepsis.trial.simulation.pool import Pool, icc_drawn, patient_weights

MANY = 1_000_000
"""Size of a trial of which only the population is asked."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """What patients are stratified by."""

    by_icu: bool
    codes: IntArray

    def levels(self, site: IntArray, patient: IntArray) -> IntArray:
        """Return (factors, m) the level of each factor, the ICU's first."""
        own = self.codes[:, patient]
        return np.concatenate([site[None], own]) if self.by_icu else own

    def strata(self, site: IntArray, patient: IntArray) -> IntArray:
        """Return (m,) the stratum that the levels make together; parameters as in `levels`."""
        code = np.zeros(patient.size, dtype=np.int64) if not self.by_icu else site.astype(np.int64)
        for level in self.codes:
            code = 2 * code + level[patient]
        return code

    def number(self, sites: int) -> int:
        """Return the number of strata."""
        return int((sites if self.by_icu else 1) * 2 ** len(self.codes))


def factors_of(protocol: TrialProtocol, pool: Pool, names: tuple[str, ...]) -> Factors:
    """Return factors, ready for a population."""
    conditions = [protocol.parsed(name) for name in names if name != SITE]
    codes = [condition.holds(pool.columns).astype(np.int64) for condition in conditions]
    return Factors(by_icu=SITE in names, codes=np.array(codes, dtype=np.int64).reshape(-1, pool.size))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """All that the trials of a protocol have in common."""

    protocol: TrialProtocol
    pool: Pool
    n_total: int
    ratio: FloatArray
    at_looks: IntArray
    codes: Categories
    dead: Categories
    lost: FloatArray | None
    untreated: FloatArray | None
    open_label: FloatArray | None
    factors: Factors
    strata: Factors
    covariates: FloatArray
    icc: tuple[float, float]

    @property
    def weights(self) -> FloatArray:
        """(n,) weights of the patients in what the trial estimates: those of recruitment, or ICUs alike."""
        if self.protocol.test.analysis != "cluster_means":
            return self.pool.weights
        used = (self.pool.rates > 0.0).astype(np.float64)
        return patient_weights(self.pool.icu, used / used.sum())

    def lean(self) -> Setting:
        """Return the setting without what no trial needs any more, to be sent to worker processes."""
        return replace(self, pool=replace(self.pool, columns={}, courses=()))

    def unstratified(self) -> Setting:
        """Return the setting with an analysis that knows no strata."""
        return replace(self, strata=replace(self.strata, by_icu=False, codes=self.strata.codes[:0]))

    @property
    def per_month(self) -> float:
        """Patients randomized in a month once all ICUs recruit."""
        sites = self.protocol.sites
        return sites.number * sites.screened_per_month * self.pool.eligible_share * sites.consent


def prepare(protocol: TrialProtocol, pool: Pool, n_total: int) -> Setting:
    """Return a protocol and its population, ready to simulate trials from."""
    conduct = protocol.conduct
    strata = protocol.test.strata if protocol.test.analysis == "stratified" else ()
    setting = Setting(
        protocol=protocol,
        pool=pool,
        n_total=n_total,
        ratio=np.array([1.0, *(arm.ratio for arm in protocol.arms)]),
        at_looks=np.round(np.array(protocol.looks.information) * n_total).astype(np.int64),
        codes=np.array([coded(course, protocol.outcome) for course in pool.courses]),
        dead=np.array([died(course, protocol.outcome) for course in pool.courses]).astype(np.int16),
        lost=_loss(conduct.loss, pool, protocol),
        untreated=_departure(conduct.nonadherence, pool),
        open_label=_departure(conduct.contamination, pool),
        factors=factors_of(protocol, pool, protocol.allocation.factors),
        strata=factors_of(protocol, pool, strata),
        covariates=_covariates(protocol, pool),
        icc=icc_drawn(protocol, pool),
    )
    if setting.at_looks[0] < 4 * len(setting.ratio):
        raise ExperimentError(
            f"{protocol.name}: the first look comes at {setting.at_looks[0]} of {n_total} patients; look "
            "later or randomize more"
        )
    return setting


@lru_cache(maxsize=4)
def unsized(protocol: TrialProtocol, pool: Pool) -> Setting:
    """Return the setting of a trial of so many patients that its size says nothing."""
    return prepare(protocol, pool, MANY)


def _covariates(protocol: TrialProtocol, pool: Pool) -> FloatArray:
    if protocol.test.analysis != "adjusted":
        return np.zeros((pool.size, 0))
    return covariate_matrix(pool, protocol.test.covariates, protocol.offer.known)


def _with_mean(share: float, log_odds: FloatArray, place: IntArray, weights: FloatArray) -> FloatArray:
    """Return probabilities with a weighted mean: each its place among given differences of log odds."""

    def gap(intercept: float) -> float:
        return float(np.average(expit(intercept + log_odds)[place], weights=weights)) - share

    centre, reach = float(logit(share)), float(np.abs(log_odds).max()) + 1.0
    found = float(brentq(gap, centre - reach, centre + reach))
    return np.asarray(expit(found + log_odds)[place])


def _departure(departure: Departure, pool: Pool) -> FloatArray | None:
    if departure.share == 0.0:
        return None
    if departure.by_severity == 0.0:
        return _with_mean(departure.share, np.zeros(1), np.zeros(pool.size, np.int64), pool.weights)
    log_odds = departure.by_severity * pool.severity
    return _with_mean(departure.share, log_odds, np.arange(pool.size), pool.weights)


def _loss(loss: Loss, pool: Pool, protocol: TrialProtocol) -> FloatArray | None:
    """Return probabilities of loss whose mean over the arms as given is the stated share."""
    if loss.share == 0.0:
        return None
    dead = np.array([died(course, protocol.outcome) for course in pool.courses], dtype=np.int64)
    weights = np.tile(pool.weights, (len(dead), 1))
    weights[pool.arms + 1 :] = 0.0
    return _with_mean(loss.share, np.array([0.0, np.log(loss.dead_odds_ratio)]), dead, weights)
