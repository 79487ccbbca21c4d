"""How like its source a fitted world is: margins, dependence, score, events, clusters, the analysis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.logistic import fit_logistic
from simsepsis.analysis.propensity import c_statistic
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.survival import kaplan_meier
from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import SimsepsisError
from simsepsis.fitting.detection import Detection, detect
from simsepsis.fitting.fit import FittedWorld
from simsepsis.fitting.later_columns import normal_scores
from simsepsis.records import Records, Registry
from simsepsis.threads import one_thread
from simsepsis.world.cohort import generate_cohort

COHORTS = 20
"""Cohorts that the world generates; their middle 95% is what the source is held against."""

PART = 0.1
"""Standardized difference, or difference of correlations, above which a margin or a pair does not fit."""

TIMES = 40
BINS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fidelity:
    """A world beside its source.

    Attributes
    ----------
    world
        The world.
    margins
        ``variable, level, arm, real, synthetic, difference``: means or shares; the difference in the source's
        standard deviations.
    pairs
        ``first, second, real, synthetic, difference``: correlations of normal scores.
    quantities
        ``quantity, real, synthetic, low, high, inside``: C-statistic of the score, spread of its log odds,
        share of variance between clusters, events.
    curves
        ``arm, time, real, synthetic, low, high``: events by time in percent.
    scores
        ``arm, source, bin_low, bin_high, share``: log odds of treatment.
    clusters
        ``cluster, patients, real, synthetic``: share of the treated.
    time_unit
        Of the curves.
    detection
        Whether a classifier tells real from synthetic patients.
    estimates
        ``method, estimand, real, synthetic, low, high, inside``: the study's own analysis on both.
    """

    world: FittedWorld
    margins: pd.DataFrame
    pairs: pd.DataFrame
    quantities: pd.DataFrame
    curves: pd.DataFrame
    scores: pd.DataFrame
    clusters: pd.DataFrame
    time_unit: str
    detection: Detection
    estimates: pd.DataFrame

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return all numbers by name."""
        names = ("margins", "pairs", "quantities", "curves", "scores", "clusters", "estimates")
        return {name: getattr(self, name) for name in names} | {"detection": self.detection.frame}


@one_thread()
def fidelity(
    world: FittedWorld, registry: Registry, spec: AnalysisSpec, *, seed: int, cohorts: int = COHORTS
) -> Fidelity:
    """Return a world beside its source."""
    drawn = [
        generate_cohort(world.scenario, seed=seed, replicate=number, oracle=False).records
        for number in range(cohorts)
    ]
    made = [encode_cohort(records, spec) for records in drawn]
    real = world.source
    return Fidelity(
        world=world,
        margins=pd.DataFrame(_margins(world, real, made)),
        pairs=_pairs(world, real, made),
        quantities=pd.DataFrame(_quantities(world, spec, real, made)),
        curves=_curves(spec, real, made),
        scores=pd.DataFrame(_scores(world, real, made[0])),
        clusters=_clusters(real, made),
        time_unit=spec.time_unit,
        detection=detect(list(world.profile.columns), real, made, seed=seed),
        estimates=_estimates(spec, registry, drawn),
    )


def _levels(world: FittedWorld, name: str) -> list[tuple[str, float | None]]:
    column = world.profile.columns.get(name)
    if column is not None and column.kind == "category":
        return list(zip(column.levels, column.values, strict=True))
    return [("", None)]


def _margins(
    world: FittedWorld, real: CohortArrays, made: Sequence[CohortArrays]
) -> Iterator[dict[str, object]]:
    """Yield means and shares of every column that is drawn, by arm."""
    names = [
        *world.profile.columns,
        *world.profile.outcomes,
        *world.profile.numeric_outcomes,
        *world.profile.later,
    ]
    for name in dict.fromkeys(name for name in names if name in real.rows):
        for level, value in _levels(world, name):
            for arm, side in (("treated", True), ("control", False)):
                own = _chosen(real, name, value, side)
                others = [_chosen(cohort, name, value, side) for cohort in made]
                mean, synthetic = float(np.nanmean(own)), float(np.mean([np.nanmean(one) for one in others]))
                spread = float(np.nanstd(_chosen(real, name, value, None)))
                difference = (synthetic - mean) / spread if spread > 0.0 else 0.0
                yield {
                    "variable": name,
                    "level": level,
                    "arm": arm,
                    "real": mean,
                    "synthetic": synthetic,
                    "difference": difference,
                }
        if np.isnan(real.column(name)).any():
            shares = [float(np.isnan(cohort.column(name)).mean()) for cohort in (real, *made)]
            yield {
                "variable": name,
                "level": "missing",
                "arm": "",
                "real": shares[0],
                "synthetic": float(np.mean(shares[1:])),
                "difference": (float(np.mean(shares[1:])) - shares[0])
                / np.sqrt(max(shares[0] * (1 - shares[0]), 1e-9)),
            }


def _chosen(cohort: CohortArrays, name: str, level: float | None, treated: bool | None) -> FloatArray:
    values = cohort.column(name)
    if level is not None:
        values = np.where(np.isnan(values), np.nan, values == level)
    return values if treated is None else values[cohort.treated == treated]


def coded(names: Sequence[str], cohort: CohortArrays) -> FloatArray:
    """Return each column as one row of numbers, (columns, n): normal scores, 0 where it is missing."""
    rows = [np.nan_to_num(normal_scores(cohort.column(name))) for name in names]
    return np.array(rows)


def _pairs(world: FittedWorld, real: CohortArrays, made: Sequence[CohortArrays]) -> pd.DataFrame:
    """Return the correlations of all pairs of covariates; levels of a category count by their number."""
    names = [name for name in world.profile.columns if np.nanstd(real.column(name)) > 0.0]
    with np.errstate(invalid="ignore"):
        # of one covariate numpy returns no matrix but a number
        own, *others = (
            np.atleast_2d(np.nan_to_num(np.corrcoef(coded(names, cohort)))) for cohort in (real, *made[:5])
        )
    synthetic = np.asarray(np.sum(others, axis=0) / len(others))
    first, second = np.triu_indices(len(names), 1)
    frame = pd.DataFrame(
        {
            "first": [names[place] for place in first],
            "second": [names[place] for place in second],
            "real": own[first, second],
            "synthetic": synthetic[first, second],
        }
    )
    return frame.assign(difference=frame["synthetic"] - frame["real"])


def _quantities(
    world: FittedWorld, spec: AnalysisSpec, real: CohortArrays, made: Sequence[CohortArrays]
) -> Iterator[dict[str, object]]:
    scored = [_fitted_score(world, cohort) for cohort in (real, *made)]
    yield _row("C-statistic of the score, as fitted", [c_statistic(*one) for one in scored])
    yield _row("SD of the log odds of treatment, as fitted", [float(np.std(score)) for score, _ in scored])
    yield _row("Share of the treated", [float(cohort.treated.mean()) for cohort in (real, *made)])
    for name in (*spec.outcomes, *spec.numeric_outcomes):
        yield _row(f"Mean of {name}", [float(np.nanmean(cohort.column(name))) for cohort in (real, *made)])
    if real.cluster is not None:
        for what, column in (("treatment", None), *((name, name) for name in spec.outcomes)):
            values = [
                between_clusters(
                    cohort.treated.astype(float) if column is None else cohort.column(column), cohort
                )
                for cohort in (real, *made)
            ]
            yield _row(f"Share of the variance of {what} between clusters", [value for value, _ in values])
            yield _row(f"Median odds ratio of {what} between clusters", [odds for _, odds in values])


def _row(quantity: str, values: Sequence[float]) -> dict[str, object]:
    real, *synthetic = values
    low, high = np.quantile(synthetic, [0.025, 0.975])
    return {
        "quantity": quantity,
        "real": real,
        "synthetic": float(np.mean(synthetic)),
        "low": float(low),
        "high": float(high),
        "inside": bool(min(synthetic) <= real <= max(synthetic)),
    }


def _fitted_score(world: FittedWorld, cohort: CohortArrays) -> tuple[FloatArray, BoolArray]:
    """Return the log odds of a logistic model of all covariates, fitted anew in a cohort."""
    columns = []
    for name, column in world.profile.columns.items():
        values = cohort.column(name)
        if column.kind == "category":
            columns += [(values == level).astype(float) for level in column.values[1:]]
        else:
            columns.append(np.where(np.isnan(values), column.fill, (values - column.center) / column.spread))
    X = np.column_stack([np.ones(cohort.n), *(one for one in columns if np.ptp(one) > 0.0)])
    fit = fit_logistic(X, cohort.treated.astype(float))
    return np.asarray(X @ np.clip(np.nan_to_num(fit.params), -30.0, 30.0)), cohort.treated


def between_clusters(values: FloatArray, cohort: CohortArrays) -> tuple[float, float]:
    r"""Return the intraclass correlation of 0/1, and the median odds ratio that it means.

    By one-way analysis of variance, ρ on the scale of the outcome; the median odds ratio is
    :math:`\exp(0.954 \sigma)` with σ² = ρ π² / (3 (1 − ρ)) (Larsen K, Merlo J. Am J Epidemiol 2005;161:81).
    """
    assert cohort.cluster is not None
    known: BoolArray = ~np.isnan(values)
    cluster, y = cohort.cluster[known], values[known]
    n: FloatArray = np.bincount(cluster).astype(np.float64)
    n_used = n[n > 0]
    means = np.bincount(cluster, y)[n > 0] / n_used
    groups, total = n_used.size, n_used.sum()
    if groups < 2 or total <= groups:
        return 0.0, 1.0
    between = float((n_used * (means - y.mean()) ** 2).sum() / (groups - 1))
    within = float((y**2).sum() - (n_used * means**2).sum()) / (total - groups)
    typical = (total - (n_used**2).sum() / total) / (groups - 1)
    share = max(0.0, (between - within) / max(between + (typical - 1.0) * within, 1e-12))
    share = min(share, 0.99)
    return share, float(np.exp(0.954 * np.sqrt(share * np.pi**2 / (3.0 * (1.0 - share)))))


def _curves(spec: AnalysisSpec, real: CohortArrays, made: Sequence[CohortArrays]) -> pd.DataFrame:
    """Return the events by time in both arms, with the middle 95% of the generated cohorts."""
    columns = ["arm", "time", "real", "synthetic", "low", "high"]
    if spec.survival_time is None or spec.survival_event is None:
        return pd.DataFrame(columns=columns)
    end = float(np.nanmax(real.column(spec.survival_time)))
    times = np.linspace(0.0, end, TIMES + 1)
    parts = []
    for arm, side in (("treated", True), ("control", False)):
        own, *others = (_events_by(cohort, spec, side, times) for cohort in (real, *made))
        low, high = np.quantile(others, [0.025, 0.975], axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "arm": arm,
                    "time": times,
                    "real": own,
                    "synthetic": np.mean(others, axis=0),
                    "low": low,
                    "high": high,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)[columns]


def _events_by(cohort: CohortArrays, spec: AnalysisSpec, treated: bool, times: FloatArray) -> FloatArray:
    time, event = cohort.column(str(spec.survival_time)), cohort.column(str(spec.survival_event))
    chosen = (cohort.treated == treated) & ~np.isnan(time) & ~np.isnan(event)
    curve = kaplan_meier(time[chosen], event[chosen])
    steps = np.searchsorted(curve["time"].to_numpy(), times, side="right")
    alive = np.concatenate([[1.0], curve["survival"].to_numpy()])
    return 100.0 * (1.0 - alive[steps])


def _scores(world: FittedWorld, real: CohortArrays, made: CohortArrays) -> Iterator[dict[str, object]]:
    scored = {"real": _fitted_score(world, real), "synthetic": _fitted_score(world, made)}
    pooled = np.concatenate([score for score, _ in scored.values()])
    lowest, highest = np.quantile(pooled, [0.005, 0.995])
    edges = np.linspace(float(lowest), float(highest), BINS + 1)
    for source, (score, treated) in scored.items():
        for arm, side in (("treated", treated), ("control", ~treated)):
            counts, _ = np.histogram(np.clip(score[side], edges[0], edges[-1]), edges)
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
                yield {
                    "arm": arm,
                    "source": source,
                    "bin_low": low,
                    "bin_high": high,
                    "share": 100.0 * count / max(int(side.sum()), 1),
                }


def _clusters(real: CohortArrays, made: Sequence[CohortArrays]) -> pd.DataFrame:
    """Return the share of the treated in each cluster, in the source and on average in the world."""
    if real.cluster is None:
        return pd.DataFrame(columns=["cluster", "patients", "real", "synthetic"])
    n = np.bincount(real.cluster)
    own = np.bincount(real.cluster, real.treated) / np.maximum(n, 1)
    others = []
    for cohort in made:
        assert cohort.cluster is not None
        size = np.bincount(cohort.cluster, minlength=n.size)[: n.size]
        others.append(
            np.bincount(cohort.cluster, cohort.treated, minlength=n.size)[: n.size] / np.maximum(size, 1)
        )
    return pd.DataFrame(
        {
            "cluster": np.arange(1, n.size + 1),
            "patients": n,
            "real": own,
            "synthetic": np.mean(others, axis=0),
        }
    )


def _estimates(spec: AnalysisSpec, registry: Registry, drawn: Sequence[Records]) -> pd.DataFrame:
    """Return the estimates of the study's own analysis in the source and in the generated cohorts."""
    own = _analysed(registry, spec)
    others = [found for records in drawn if (found := _analysed(records, spec)) is not None]
    if own is None or not others:
        return pd.DataFrame(columns=["method", "estimand", "real", "synthetic", "low", "high", "inside"])
    keyed = own.set_index(["method", "estimand"])["estimate"].rename("real")
    stacked = pd.concat([one.set_index(["method", "estimand"])["estimate"] for one in others], axis=1)
    found = pd.DataFrame(
        {
            "synthetic": stacked.mean(axis=1),
            "low": stacked.quantile(0.025, axis=1),
            "high": stacked.quantile(0.975, axis=1),
        }
    )
    table = pd.concat([keyed, found], axis=1).dropna(subset=["real"]).reset_index()
    return table.assign(inside=table["real"].between(table["low"], table["high"]))


def _analysed(registry: Registry, spec: AnalysisSpec) -> pd.DataFrame | None:
    """Return the estimates of an analysis; None where it is not possible."""
    try:
        frame = analyze(registry, spec).estimates
    except SimsepsisError:
        return None
    return frame.loc[frame["converged"]]
