"""Clusters of which tables print the number, and at best an ICC: sizes and effects are assumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, gammaincinv

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError
from simsepsis.fitting.printed_cells import Cells
from simsepsis.study.printed import OF_CLUSTERS
from simsepsis.world.fitted.profile import Clusters, Profile

ICCS = (0.0, 0.05, 0.15)
"""What clusters may differ by where no table prints it: not at all, moderately, much.

Of what 84 practices did and reached the median ICC was 0.056, the largest 0.173 (Singh J et al. BMC Res Notes
2015;8:89).
"""

SIZES = 0.65
"""Coefficient of variation of clusters' sizes (Eldridge SM et al. Int J Epidemiol 2006;35:1292)."""

LARGEST_SD = 12.0
"""Largest SD of clusters' effects that is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedClusters:
    """What is printed of clusters: their column, their number, and the outcomes' ICC or None."""

    column: str
    number: int
    icc: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Homes:
    """Clusters of a drawn population.

    Attributes
    ----------
    home
        (n,) cluster of each patient.
    shares
        (clusters,) of patients.
    treatment, outcome
        (clusters,) effects on the log odds of treatment; on what becomes of patients, of SD 1.
    icc
        Of the outcomes.
    """

    home: IntArray
    shares: FloatArray
    treatment: FloatArray
    outcome: FloatArray
    icc: float

    @property
    def on_treatment(self) -> FloatArray:
        """Return (n,) what each patient's cluster adds to the log odds of treatment."""
        return np.asarray(self.treatment[self.home])

    @property
    def on_outcome(self) -> FloatArray:
        """Return (n,) what each patient's cluster is to outcomes, of SD 1."""
        return np.asarray(self.outcome[self.home])


def printed_clusters(cells: Cells) -> PrintedClusters | None:
    """Return what is printed of clusters; None where nothing is."""
    found = {key.statistic: key for key in cells.printed if key.statistic in OF_CLUSTERS}
    patients = round(sum(arm.size for arm in cells.arms))
    if not found:
        return None
    if "clusters" not in found:
        key = found["icc"]
        raise DataError(
            f"{cells.at(key)} stands alone; add the number of clusters: variable = '{key.variable}', "
            "statistic = 'clusters'"
        )
    number = cells.printed[found["clusters"]].value
    if number != round(number) or not 2 <= number <= patients:
        raise DataError(
            f"{cells.at(found['clusters'])} clusters of {patients} patients; write a whole number from 2 to "
            f"{patients}"
        )
    icc = cells.printed[found["icc"]].value if "icc" in found else None
    if icc is not None and not 0.0 <= icc < 1.0:
        raise DataError(
            f"{cells.at(found['icc'])} is no ICC; write 0 or more and less than 1, or leave the row out "
            "where none is printed"
        )
    return PrintedClusters(column=found["clusters"].variable, number=round(number), icc=icc)


def sizes_of(printed: PrintedClusters) -> FloatArray:
    """Return the share of patients in each cluster: a gamma distribution's quantiles."""
    shape = SIZES**-2
    sizes = gammaincinv(shape, (np.arange(printed.number) + 0.5) / printed.number)
    return np.asarray(sizes / sizes.sum())


def without_effects(printed: PrintedClusters | None, latents: int) -> Clusters | None:
    """Return clusters that have sizes only; None for none."""
    if printed is None:
        return None
    shares = tuple(map(float, sizes_of(printed)))
    return Clusters(
        column=printed.column, shares=shares, latents=((0.0,) * latents,) * printed.number, models={}
    )


def draw_homes(
    printed: PrintedClusters | None,
    profile: Profile,
    home: IntArray,
    correlation: float,
    between: float,
    rng: np.random.Generator,
) -> Homes:
    """Return effects of clusters: `between` is the ICC of the treatment, and of outcomes without one.

    Where the treated fare worse anyhow, clusters that treat more do so too, with the same correlation.
    """
    if printed is None or profile.clusters is None:
        return Homes(home=home, shares=np.ones(1), treatment=np.zeros(1), outcome=np.zeros(1), icc=0.0)
    shares = np.array(profile.clusters.shares)
    treatment, other = (_unit(rng.standard_normal(shares.size), shares) for _ in range(2))
    other = _unit(other - (shares @ (other * treatment)) * treatment, shares) if shares.size > 2 else other
    both = correlation * treatment + np.sqrt(1.0 - correlation**2) * other
    return Homes(
        home=home,
        shares=shares,
        treatment=spread_of(between, profile.prevalence, np.zeros(1), treatment, shares) * treatment,
        outcome=_unit(both, shares),
        icc=between if printed.icc is None else printed.icc,
    )


def with_effects(profile: Profile, homes: Homes, spreads: Mapping[str, float]) -> Clusters | None:
    """Return clusters with what they add to the model of each outcome, by the SD of that."""
    if profile.clusters is None:
        return None
    effects = {"treatment": homes.treatment} | {name: own * homes.outcome for name, own in spreads.items()}
    models = {name: tuple(round(float(one), 5) for one in own) for name, own in effects.items()}
    return profile.clusters.model_copy(update={"models": models})


def _unit(values: FloatArray, shares: FloatArray) -> FloatArray:
    centered = values - shares @ values
    return np.asarray(centered / np.sqrt(shares @ centered**2))


def logistic_share(predictor: FloatArray) -> FloatArray:
    """Return probabilities of what happens or not."""
    return np.asarray(expit(predictor))


def spread_of(
    icc: float,
    share: float,
    score: FloatArray,
    unit: FloatArray,
    shares: FloatArray,
    risk: Callable[[FloatArray], FloatArray] = logistic_share,
) -> float:
    r"""Return the SD of clusters' effects at which their shares of events have this ICC.

    That is :math:`\mathrm{var}(p_j) / p(1 - p)` with :math:`p_j` the share in cluster j, which analyses of
    variance estimate.
    """
    if icc == 0.0:
        return 0.0
    people = np.quantile(score, (np.arange(200) + 0.5) / 200)

    def events(spread: float, level: float) -> FloatArray:
        return np.asarray(risk(level + people + spread * unit[:, None]).mean(axis=1))

    def gap(spread: float) -> float:
        far = 20.0 + float(np.abs(people).max() + spread * np.abs(unit).max())
        level = brentq(lambda level: float(shares @ events(spread, level)) - share, -far, far, xtol=1e-6)
        return float(shares @ (events(spread, level) - share) ** 2) / (share * (1.0 - share)) - icc

    return float(brentq(gap, 1e-6, LARGEST_SD, xtol=1e-3)) if gap(LARGEST_SD) > 0.0 else LARGEST_SD
