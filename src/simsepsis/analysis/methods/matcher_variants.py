"""Matching by other rules: one choice changed at a time, everything else as the thesis's first score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import scipy.special

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.matching import Matches, match_pairs, match_weights
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import Risks, risk_rows, risks_of
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.thesis import PSM_PAIRED_SE, RISKS_MATCHED
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError

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
    """

    rows: IntArray
    score: FloatArray
    treated: BoolArray
    cluster: IntArray | None
    spec: AnalysisSpec
    rng: np.random.Generator

    def match(self, **changes: Any) -> Matches:
        """Match by the spec's rule, with some options changed."""
        options: dict[str, Any] = {
            "caliper": self.spec.caliper,
            "caliper_sd": self.spec.caliper_sd,
            "order": self.spec.order,
            "select": self.spec.select,
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
        )


Rule = Callable[[Units], Matches]


def units_of(task: Task, cohort: CohortArrays, logit: FloatArray) -> Units:
    """Return the patients with a finite score, on the scale of the spec.

    Parameters
    ----------
    task
        For the spec and the random numbers.
    cohort, logit
        The patients and the linear predictor of their treatment, (n,).

    Raises
    ------
    ConvergenceError
        If an arm has nobody with a finite score.
    """
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
    )


def variant_rows(task: Task, *, rule: Rule) -> Iterator[Estimate]:
    """Yield the risks compared after matching on the estimated score by one rule.

    Parameters
    ----------
    task
        The registry.
    rule
        How to match.
    """
    cohort, propensity = known(task.shared.cohort), known(task.shared.propensity)
    return matched_rows(task, cohort, propensity.logit, rule)


def matched_rows(task: Task, cohort: CohortArrays, logit: FloatArray, rule: Rule) -> Iterator[Estimate]:
    """Yield the risks compared after matching on a score by one rule.

    Parameters
    ----------
    task
        For names, spec and random numbers.
    cohort, logit
        The patients and the score.
    rule
        How to match.

    Raises
    ------
    ConvergenceError
        If there is no pair.
    """
    units = units_of(task, cohort, logit)
    matches = rule(units)
    if matches.n_pairs == 0:
        raise ConvergenceError(f"no pair within the caliper of {matches.caliper:.3g}")
    weights = np.zeros(cohort.n)
    weights[units.rows] = match_weights(matches, units.rows.size)
    for outcome in task.spec.outcomes:
        yield from risk_rows(
            task.method, outcome, "matched", weighted_risks(cohort, cohort.column(outcome), weights)
        )


def weighted_risks(cohort: CohortArrays, outcome: FloatArray, weights: FloatArray) -> Risks:
    """Estimate the weighted risks of both arms, the weights taken as known.

    Parameters
    ----------
    cohort
        For the arms.
    outcome, weights
        (n,): 0 or 1; weights ≥ 0.

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


def on_probability(units: Units) -> Matches:
    """Match on the probability instead of its logit."""
    chance = scipy.special.expit(units.score) if units.spec.scale == "logit" else units.score
    return replace(units, score=chance).match()


def _clusters(units: Units) -> IntArray:
    if units.cluster is None:
        raise ConvergenceError("the spec names no column for the clusters")
    return units.cluster


def _variant(name: str, label: str, rule: Rule, reference: str = "") -> Method:
    return Method(
        name=name,
        label=label,
        group="matching",
        estimands=RISKS_MATCHED,
        std_error=SE,
        reference=reference,
        function=partial(variant_rows, rule=rule),
        uses=("cohort", "propensity"),
        needs=("clusters",) if rule in (within_icu, icu_first) else (),
    )


def _options(**changes: Any) -> Rule:
    return partial(by_options, **changes)


MATCHER_METHODS = (
    _variant("psm_ps_scale", "Caliper on the probability, not its logit", on_probability),
    _variant(
        "psm_random_in_caliper",
        "Any control inside the caliper, at random",
        _options(select="random_in_caliper", order="random"),
        "Thoemmes F. arXiv 2012;1201.6385 (SPSS).",
    ),
    _variant("psm_largest", "Largest score first", _options(order="largest"), AUSTIN_2014),
    _variant("psm_closest", "Closest pair first", _options(order="closest", select="nearest"), AUSTIN_2014),
    _variant("psm_replace", "Controls used again", _options(replace=True), AUSTIN_2014),
    _variant("psm_2to1", "Two controls for each treated patient", _options(ratio=2), AUSTIN_2010),
    _variant("psm_within_icu", "Controls of the same ICU only", within_icu, ARPINO_MEALLI),
    _variant("psm_icu_first", "Controls of the same ICU first", icu_first, ARPINO_CANNAS),
    PSM_PAIRED_SE,
)
"""Variants of the matcher; the last one has the thesis's pairs and other standard errors."""
