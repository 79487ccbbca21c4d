"""Trials in which ICUs, not patients, are randomized."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.trial.designs.design import RANDOMIZATIONS, Design
from simsepsis.trial.inputs import chosen, positive, within

_FEW_CLUSTERS = 40
_PERIODS = {"parallel_cluster": 1, "cluster_crossover": 2}


def cluster_design_effect(
    cluster_size: float, icc: float, *, cac: float = 0.0, cv: float = 0.0, inverse: float = 1.0
) -> float:
    """Design effect of a parallel or a crossover trial of clusters."""
    # `cac` is η/ρ, 0 for a parallel trial; `cv` that of sizes that weigh; `inverse` of `inverse_size` where
    # all clusters count alike. (1 + cv²)m(ρ − η) + (1 − ρ)h, with h = `inverse`; each cluster is as large
    # in both periods. Weighting by size makes large clusters' own deviations count for more; counting
    # clusters alike makes the few patients of small ones do so. Eldridge SM, Ashby D, Kerry S. Int J
    # Epidemiol 2006;35:1292. Giraudeau B, Ravaud P, Donner A. Stat Med 2008;27:5578. Arnup SJ et al. Trials
    # 2017;18:381.
    size, rho = _size(cluster_size), _icc(icc)
    return _repeated(size, rho, cac, cv) + (1.0 - rho) * positive(inverse, "inverse")


def _repeated(size: float, rho: float, cac: float, cv: float) -> float:
    """Return the part of the design effect that more patients of the same clusters do not lower."""
    return (1.0 + within(cv, "cv", 0.0, 10.0, closed=True) ** 2) * size * rho * (1.0 - _cac(cac))


def small_sample_factor(design: Design, df: float) -> float:
    """Return what a test by t takes more patients than one by z."""
    # [(t_α + t_β)/(z_α + z_β)]², with the quantiles of t in place of the noncentral distribution.
    level = design.level
    if math.isinf(positive(df, "df") if math.isfinite(df) else df):
        return 1.0
    reach = float(stdtrit(df, 1.0 - level.one_sided) + stdtrit(df, design.power))
    return (reach / (level.z + level.z_power(design.power))) ** 2


def size_variation(sizes: ArrayLike) -> tuple[float, float]:
    """Return mean and coefficient of variation of cluster sizes."""
    counts = np.asarray(sizes, np.float64)
    if counts.ndim != 1 or counts.size == 0 or not np.all(counts > 0):
        raise UsageError(
            f"sizes={counts.tolist()} has no cluster, or an empty one; give the patients of each"
        )
    return float(counts.mean()), float(counts.std() / counts.mean())


def inverse_size(sizes: ArrayLike) -> float:
    """Return the mean of cluster sizes × the mean of their inverses: 1 where all are alike, else more."""
    mean, _ = size_variation(sizes)
    return float(mean * np.mean(1.0 / np.asarray(sizes, np.float64)))


def stepped_wedge_schedule(steps: int, *, clusters_per_step: int = 1, baseline: int = 1) -> FloatArray:
    """Return which clusters are treated in which period of a stepped-wedge trial."""
    if steps < 2 or clusters_per_step < 1 or baseline < 1:
        raise UsageError(
            f"steps={steps}, clusters_per_step={clusters_per_step}, baseline={baseline} make no stepped "
            "wedge; give at least 2 steps, 1 cluster for each and 1 period before the first"
        )
    first = baseline + np.repeat(np.arange(steps), clusters_per_step)
    return (np.arange(baseline + steps) >= first[:, None]).astype(np.float64)


def cluster_variance(
    schedule: ArrayLike, cluster_size: float, icc: float, *, cac: float = 1.0, decay: bool = False
) -> float:
    """Variance of the treatment effect by generalized least squares, for outcomes of variance 1."""
    # Fixed effects of treatment and of each period; cluster-period means have variance ρ + (1 − ρ)/m and
    # covariance ρ·cac or ρ·cac^|s − t|. With cac = 1 it is the model of Hussey and Hughes. Hussey MA,
    # Hughes JP. Contemp Clin Trials 2007;28:182. Hooper R et al. Stat Med 2016;35:4718. Kasza J et al. Stat
    # Methods Med Res 2019;28:703.
    plan = np.asarray(schedule, np.float64)
    periods = np.arange(plan.shape[1])
    apart = np.abs(periods[:, None] - periods)
    shared = _cac(cac) ** (apart if decay else np.minimum(apart, 1))
    size, rho = _size(cluster_size), _icc(icc)
    inverse = np.linalg.inv(rho * shared + (1.0 - rho) / size * np.eye(periods.size))
    # Period effects are taken out: what is left is the precision of treatment.
    seen = plan.sum(axis=0)
    precision = np.einsum("ij,jk,ik->", plan, inverse, plan) - seen @ inverse @ seen / plan.shape[0]
    if precision <= 1e-12:
        raise UsageError("schedule does not tell treatment from period; let clusters differ within a period")
    return float(1.0 / precision)


def schedule_design_effect(
    schedule: ArrayLike, cluster_size: float, icc: float, *, cac: float = 1.0, decay: bool = False
) -> float:
    """Design effect of a schedule: its variance over that of as many patients randomized one by one, 1:1."""
    patients = np.asarray(schedule).size * cluster_size
    return cluster_variance(schedule, cluster_size, icc, cac=cac, decay=decay) * patients / 4.0


def design_cluster(
    design: Design,
    *,
    randomization: str,
    cluster_size: float,
    icc: float,
    cac: float | None = None,
    cv: float = 0.0,
    inverse: float = 1.0,
    df: float = math.inf,
    steps: int | None = None,
    decay: bool = False,
) -> Design:
    """Sample size when clusters are randomized, from the design for patients randomized one by one."""
    chosen(randomization, RANDOMIZATIONS, "randomization")
    if randomization == "individual" or design.randomization != "individual":
        _refuse_design_effect(design, randomization, icc)
    sizes = cv, inverse
    periods, inflation = _design_effect(design, randomization, cluster_size, icc, cac, sizes, steps, decay)
    inflation *= small_sample_factor(design, df)
    total = design.n_total * inflation
    clusters = total / (cluster_size * periods)
    few = (
        f"{math.ceil(clusters)} clusters: normal critical values overstate the power below about "
        f"{_FEW_CLUSTERS}; add a cluster for each arm or step, or simulate.",
    )
    return replace(
        design,
        randomization=randomization,
        design_effect=inflation,
        n_total=total,
        clusters=clusters,
        notes=design.notes + (few if clusters < _FEW_CLUSTERS and math.isinf(df) else ()),
    )


def _refuse_design_effect(design: Design, randomization: str, icc: float) -> None:
    if randomization == "individual":
        raise UsageError(
            f"icc={icc:g} with randomization='individual' asks for a design effect that does not exist: "
            f"patients of one ICU are in both arms; keep n_total={design.n_total:.1f} and stratify the "
            "analysis by ICU"
        )
    raise UsageError(
        f"design is {design.randomization} already; start from the individually randomized design"
    )


def _design_effect(
    design: Design,
    randomization: str,
    cluster_size: float,
    icc: float,
    cac: float | None,
    sizes: tuple[float, float],
    steps: int | None,
    decay: bool,
) -> tuple[int, float]:
    """Return the number of periods and the design effect."""
    cv, inverse = sizes
    if randomization == "parallel_cluster":
        return 1, cluster_design_effect(cluster_size, icc, cv=cv, inverse=inverse)
    if cac is None:
        raise UsageError(
            f"cac is missing for randomization={randomization!r}; give the correlation in another period "
            "over that in the same one, such as cac=0.8"
        )
    if design.ratio != 1.0:
        raise UsageError(
            f"ratio={design.ratio:g} does not fit randomization={randomization!r}, whose clusters take "
            "turns; use ratio=1"
        )
    if randomization == "cluster_crossover":
        return 2, cluster_design_effect(cluster_size, icc, cac=cac, cv=cv, inverse=inverse)
    if steps is None or sizes != (0.0, 1.0):
        raise UsageError(
            f"steps={steps}, cv={cv:g}, inverse={inverse:g}: a stepped wedge needs steps and "
            "clusters of one size"
        )
    schedule = stepped_wedge_schedule(steps)
    return schedule.shape[1], schedule_design_effect(schedule, cluster_size, icc, cac=cac, decay=decay)


def cluster_size_for(
    design: Design,
    clusters: float,
    *,
    randomization: str,
    icc: float,
    cac: float = 0.0,
    cv: float = 0.0,
    inverse: float = 1.0,
    df: float = math.inf,
) -> float:
    """Patients per cluster and period that a fixed number of clusters needs."""
    # m = N(1 − ρ)h/(kP − N(1 + cv²)(ρ − η)), P periods, k clusters, N patients of the design tested by t.
    # Hemming K et al. BMC Med Res Methodol 2011;11:102.
    periods = _PERIODS[chosen(randomization, _PERIODS, "randomization")]
    rho = _icc(icc)
    total = design.n_total * small_sample_factor(design, df)
    repeated = total * _repeated(1.0, rho, cac, cv)
    room = positive(clusters, "clusters") * periods - repeated
    if room <= 0:
        least = math.floor(repeated / periods) + 1
        raise UsageError(
            f"clusters={clusters:g} never reach a power of {design.power:g} with icc={rho:g}, whatever "
            f"their size; use at least {least}, or randomize patients within clusters"
        )
    return total * (1.0 - rho) * positive(inverse, "inverse") / room


def _icc(icc: float) -> float:
    if icc == 0:
        return 0.0
    return within(icc, "icc", 0.0, 1.0)


def _cac(cac: float) -> float:
    return within(cac, "cac", 0.0, 1.0, closed=True)


def _size(cluster_size: float) -> float:
    if positive(cluster_size, "cluster_size") < 1:
        raise UsageError(f"cluster_size={cluster_size:g} is below 1; give patients per cluster and period")
    return cluster_size
