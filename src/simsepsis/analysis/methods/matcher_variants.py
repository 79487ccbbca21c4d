"""Matching by other rules: one choice changed at a time, everything else as the thesis's first score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import scipy.special

from simsepsis.analysis.balance import group_moments, pooled_sd, standardized
from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.estimates import Estimate, normal_estimate
from simsepsis.analysis.matched import exact_strata
from simsepsis.analysis.matching import Matches, match_pairs, match_weights
from simsepsis.analysis.methods.method import MATCHED_SET, Method, Task
from simsepsis.analysis.methods.rows import Risks, risk_rows, risks_of
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.thesis import PSM_CLUSTER_SE, PSM_PAIRED_SE, RISKS_MATCHED
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError, NotEstimableError

THOEMMES = "Thoemmes F. arXiv 2012;1201.6385 (SPSS)."
AUSTIN_2011 = "Austin PC. Pharm Stat 2011;10:150."
AUSTIN_2010 = "Austin PC. Am J Epidemiol 2010;172:1092."
AUSTIN_2014 = "Austin PC. Stat Med 2014;33:1057."
ARPINO_MEALLI = "Arpino B, Mealli F. Comput Stat Data Anal 2011;55:1770."
ARPINO_CANNAS = "Arpino B, Cannas M. Stat Med 2016;35:2074."
SE = "sandwich over patients with their matching weights; pairs ignored, score taken as known"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """Who may be matched, on what.

    Attributes
    ----------
    rows
        (m,): their rows in the cohort.
    score, treated
        (m,): score and arm.
    cluster
        (m,): number of the ICU; None where the spec names none.
    spec
        Caliper, order and choice.
    rng
        For a random order or choice.
    exact
        (m,): number of the stratum in which each may be matched; None: anywhere.
    """

    rows: IntArray
    score: FloatArray
    treated: BoolArray
    cluster: IntArray | None
    spec: AnalysisSpec
    rng: np.random.Generator
    exact: IntArray | None = None

    def match(self, **changes: Any) -> Matches:
        """Match by the spec's rule, with some options changed."""
        options: dict[str, Any] = {
            "caliper": self.spec.caliper,
            "caliper_sd": self.spec.caliper_sd,
            "order": self.spec.order,
            "select": self.spec.select,
            "ratio": self.spec.ratio,
            "replace": self.spec.replace,
            "exact": self.exact,
            "rng": self.rng,
        }
        return match_pairs(self.score, self.treated, **options | changes)

    def only(self, keep: IntArray) -> Units:
        """Return some of the units."""
        return replace(
            self,
            rows=self.rows[keep],
            score=self.score[keep],
            treated=self.treated[keep],
            cluster=None if self.cluster is None else self.cluster[keep],
            exact=None if self.exact is None else self.exact[keep],
        )


Rule = Callable[[Units], Matches]


def units_of(task: Task, cohort: CohortArrays, logit: FloatArray) -> Units:
    """Return the patients with a finite score, on the scale of the spec."""
    rows = np.flatnonzero(np.isfinite(logit))
    treated = cohort.treated[rows]
    if not treated.any() or treated.all():
        raise ConvergenceError("the score is 0 or 1 for a whole arm")
    score = logit[rows]
    return Units(
        rows=rows,
        score=score if task.spec.scale == "logit" else scipy.special.expit(score),
        treated=treated,
        cluster=None if cohort.cluster is None else cohort.cluster[rows],
        spec=task.spec,
        rng=task.shared.matching_rng(),
        exact=exact_strata(cohort, task.spec.exact)[rows] if task.spec.exact else None,
    )


def variant_rows(task: Task, *, rule: Rule) -> Iterator[Estimate]:
    """Yield the risks compared after matching on the estimated score by one rule."""
    cohort, propensity = known(task.shared.cohort), known(task.shared.propensity)
    weights = weights_of(task, cohort, propensity.logit, rule)
    yield from weighted_rows(task, cohort, weights)
    yield from set_rows(task, cohort, weights)


def matched_rows(task: Task, cohort: CohortArrays, logit: FloatArray, rule: Rule) -> Iterator[Estimate]:
    """Yield the risks compared after matching on a score by one rule."""
    return weighted_rows(task, cohort, weights_of(task, cohort, logit, rule))


def weights_of(task: Task, cohort: CohortArrays, logit: FloatArray, rule: Rule) -> FloatArray:
    """Return the matching weights of all patients, (n,), 0 for the unmatched."""
    units = units_of(task, cohort, logit)
    matches = rule(units)
    if matches.n_pairs == 0:
        raise ConvergenceError(f"no pair within the caliper of {matches.caliper:.3g}")
    weights = np.zeros(cohort.n)
    weights[units.rows] = match_weights(matches, units.rows.size)
    if task.note is not None:
        task.note(cohort, weights)
    return weights


def weighted_rows(task: Task, cohort: CohortArrays, weights: FloatArray) -> Iterator[Estimate]:
    """Yield the weighted risks compared."""
    for outcome in task.spec.outcomes:
        risks = weighted_risks(cohort, cohort.column(outcome), weights)
        yield from risk_rows(task.method, outcome, "matched", risks)


def set_rows(task: Task, cohort: CohortArrays, weights: FloatArray) -> Iterator[Estimate]:
    """Yield the number of treated patients with a match, and the largest imbalance that is left.

    Notes
    -----
    The number's standard error is binomial, as if each treated patient found a match independently; two of
    each kind are added (Agresti and Coull), for it must not be 0 where everybody has a match. The imbalance
    is the largest absolute standardized difference among the columns of the score, with the pooled SD from
    before matching; its standard error is that of one standardized difference, √(Σw₁² + Σw₀²) with weights
    that sum to 1 in each arm.
    """
    pairs, candidates = int((weights[cohort.treated] > 0).sum()), int(cohort.treated.sum())
    share = (pairs + 2) / (candidates + 4)
    used = int((weights > 0).sum())
    error = float(np.sqrt(candidates * share * (1 - share)))
    yield normal_estimate(task.method, MATCHED_SET[0], pairs, error, n_used=used)
    arms = np.column_stack([cohort.treated, ~cohort.treated]).astype(np.float64)
    part = arms * weights[:, None]
    part /= part.sum(axis=0)
    largest = float(np.max(imbalance(known(task.shared.design).T[1:], arms, part), initial=0.0))
    yield normal_estimate(task.method, MATCHED_SET[1], largest, float(np.sqrt((part**2).sum())), n_used=used)


def imbalance(columns: FloatArray, arms: FloatArray, part: FloatArray) -> FloatArray:
    """Return absolute standardized differences between weighted arms; none where a column does not vary."""
    _, variances = group_moments(columns, arms)
    spread = pooled_sd(variances[:, 0], variances[:, 1])
    varied = spread > 0.0
    means = columns[varied] @ part
    return np.abs(standardized(means[:, 0] - means[:, 1], spread[varied]))


def weighted_risks(cohort: CohortArrays, outcome: FloatArray, weights: FloatArray) -> Risks:
    """Estimate the weighted risks of both arms, the weights taken as known.

    Notes
    -----
    p = Σwy/Σw in each arm; covariance Σ d², with d = w(y − p)/Σw.
    """
    share = np.column_stack([weights * cohort.treated, weights * ~cohort.treated])
    share /= share.sum(axis=0)
    risks = outcome @ share
    influence = share * (outcome[:, None] - risks)
    return risks_of(float(risks[0]), float(risks[1]), influence, int((weights > 0).sum()))


def by_options(units: Units, **changes: Any) -> Matches:
    """Match with some options changed."""
    return units.match(**changes)


def within_icu(units: Units) -> Matches:
    """Match inside each ICU only, with the caliper of the whole sample."""
    return units.match(exact=_clusters(units))


def icu_first(units: Units) -> Matches:
    """Match inside each ICU, and the treated patients left over with the controls left over anywhere.

    References
    ----------
    Arpino B, Cannas M. Stat Med 2016;35:2074 (preferential within-cluster matching).
    """
    first = units.match(exact=_clusters(units))
    left = np.setdiff1d(np.arange(units.rows.size), np.concatenate([first.treated, first.control]))
    rest = units.only(left)
    if not rest.treated.any() or rest.treated.all():
        return first
    second = rest.match(caliper=first.caliper, caliper_sd="raw")
    return Matches(
        treated=np.concatenate([first.treated, left[second.treated]]),
        control=np.concatenate([first.control, left[second.control]]),
        distance=np.concatenate([first.distance, second.distance]),
        caliper=first.caliper,
        unmatched_treated=left[second.unmatched_treated],
    )


def on_probability(units: Units, **changes: Any) -> Matches:
    """Match on the probability instead of its logit, with some options changed."""
    chance = scipy.special.expit(units.score) if units.spec.scale == "logit" else units.score
    return replace(units, score=chance).match(**changes)


def half_caliper(units: Units) -> Matches:
    """Match within half of the spec's caliper; without one it stays without."""
    width = units.spec.caliper
    return units.match(caliper=None if width is None else width / 2)


def _clusters(units: Units) -> IntArray:
    if units.cluster is None:
        raise NotEstimableError("the spec names no column for the clusters")
    return units.cluster


def _variant(name: str, label: str, rule: Rule, reference: str = "") -> Method:
    return Method(
        name=name,
        label=label,
        group="matching",
        estimands=(*RISKS_MATCHED, *MATCHED_SET),
        std_error=SE,
        reference=reference,
        function=partial(variant_rows, rule=rule),
        uses=("cohort", "design", "propensity"),
        needs=("clusters",) if rule in (within_icu, icu_first) else (),
    )


def _options(**changes: Any) -> Rule:
    return partial(by_options, **changes)


MATCHER_METHODS = (
    _variant("psm_literal", "The thesis's rule, with pairs and balance", _options()),
    _variant("psm_ps_scale", "Caliper on the probability, not its logit", on_probability),
    _variant("psm_ps_absolute", "Probabilities at most 0.2 apart", partial(on_probability, caliper_sd="raw")),
    _variant("psm_absolute", "Logits at most 0.2 apart", _options(caliper_sd="raw")),
    _variant(
        "psm_pooled_sd", "Caliper in pooled SDs of the arms", _options(caliper_sd="pooled"), AUSTIN_2011
    ),
    _variant("psm_half_caliper", "Half the caliper", half_caliper),
    _variant("psm_no_caliper", "No caliper", _options(caliper=None)),
    _variant(
        "psm_random_in_caliper",
        "Any control inside the caliper, at random",
        _options(select="random_in_caliper", order="random"),
        THOEMMES,
    ),
    _variant(
        "psm_spss",
        "Any control inside a caliper on the probability, at random",
        partial(on_probability, select="random_in_caliper", order="random"),
        THOEMMES,
    ),
    _variant("psm_smallest", "Smallest score first", _options(order="smallest"), AUSTIN_2014),
    _variant("psm_largest", "Largest score first", _options(order="largest"), AUSTIN_2014),
    _variant("psm_closest", "Closest pair first", _options(order="closest", select="nearest"), AUSTIN_2014),
    _variant("psm_replace", "Controls used again", _options(replace=True), AUSTIN_2014),
    _variant("psm_2to1", "Two controls for each treated patient", _options(ratio=2), AUSTIN_2010),
    _variant("psm_within_icu", "Controls of the same ICU only", within_icu, ARPINO_MEALLI),
    _variant("psm_icu_first", "Controls of the same ICU first", icu_first, ARPINO_CANNAS),
    PSM_PAIRED_SE,
    PSM_CLUSTER_SE,
)
"""Variants of the matcher; the last two have the thesis's pairs and other standard errors."""
