"""The thesis's matching on other scores: its second one, and those of other Japanese studies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pandas as pd

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.matcher_variants import SE, set_rows, weighted_rows, weights_of
from simsepsis.analysis.methods.matcher_variants import by_options as plain
from simsepsis.analysis.methods.method import MATCHED_SET, Method, Task
from simsepsis.analysis.methods.shared import Shared, known
from simsepsis.analysis.methods.thesis import RISKS_MATCHED
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.errors import NotEstimableError
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, SOFA_DAY1

SEVERITY_GROUPS = ("sirs", "severity", "sofa_day1", "lab", "lab_missing")
"""Groups of the dictionary that a claims database lacks."""

REGISTRY_2007 = ("age", "male", "apache2", "sofa_total", "lactate", "culture_taken")
"""Covariates of the first registry's score. Its seventh, antibiotics before the ICU, is not recorded here."""

Change = Callable[[Shared], Shared]


def other_score_rows(task: Task, *, change: Change) -> Iterator[Estimate]:
    """Yield the risks compared after matching on another score, the pairs and the balance of its columns.

    Parameters
    ----------
    task
        The registry.
    change
        From the thesis's registry and spec to those of the other score.
    """
    shared = change(task.shared)
    other = replace(task, shared=shared)
    cohort = known(shared.cohort)
    weights = weights_of(other, cohort, known(shared.propensity).logit, plain)
    yield from weighted_rows(other, cohort, weights)
    yield from set_rows(other, cohort, weights)


def as_in_2007(shared: Shared) -> Shared:
    """Return the registry with the first Japanese registry's covariates as those of the score.

    Parameters
    ----------
    shared
        The thesis's registry and spec.

    Raises
    ------
    NotEstimableError
        If the registry lacks a column that they are made of.
    """
    registry, sources = shared.frame, (*SOFA_DAY1, "blood_culture", "age", "male", "apache2", "lactate")
    lacking = [name for name in sources if name not in registry.columns]
    if lacking:
        raise NotEstimableError(f"needs the column '{lacking[0]}', which this registry does not have")
    sofa = registry[list(SOFA_DAY1)].apply(pd.to_numeric, errors="coerce").sum(axis=1, skipna=False)
    culture = registry["blood_culture"]
    taken = (culture != "not_taken").astype(float).where(culture.notna())
    made = registry.assign(sofa_total=sofa, culture_taken=taken)
    return replace(shared, registry=made, spec=_scored_by(shared.spec, REGISTRY_2007))


def as_in_claims(shared: Shared, *, procedures: bool) -> Shared:
    """Return the registry without severity scores and laboratory values.

    Parameters
    ----------
    shared
        The thesis's registry and spec.
    procedures
        Whether adjuncts and transfusions, which are billed, stand in for severity.

    Raises
    ------
    NotEstimableError
        If no covariate is left.
    """
    spec = shared.spec
    kept = tuple(name for name in spec.covariates if not _is_severity(name))
    billed = spec.adjusters if procedures else ()
    if not kept and not billed:
        raise NotEstimableError("nothing but severity is among the covariates")
    return replace(shared, spec=_scored_by(spec, (*kept, *billed)))


def with_adjuncts(shared: Shared, *, alone: bool) -> Shared:
    """Return the registry with adjuncts and transfusions in the score.

    Parameters
    ----------
    shared
        The thesis's registry and spec.
    alone
        Whether the covariates leave the score.

    Raises
    ------
    NotEstimableError
        If the spec names no adjunct.
    """
    spec = shared.spec
    if not spec.adjusters:
        raise NotEstimableError("the spec names no adjunct")
    return replace(shared, spec=_scored_by(spec, (*(() if alone else spec.covariates), *spec.adjusters)))


def _is_severity(name: str) -> bool:
    return name in COLUMNS and COLUMNS[name].group in SEVERITY_GROUPS


def _scored_by(spec: AnalysisSpec, covariates: tuple[str, ...]) -> AnalysisSpec:
    """Return a spec whose score and complete cases are about other covariates."""
    categories = tuple(name for name in spec.score_categories if name in covariates)
    missing = {name: rule for name, rule in spec.missing.items() if name in covariates}
    return replace(
        spec,
        covariates=covariates,
        score=(),
        score_categories=categories,
        missing=missing,
        allow_after_start=(*spec.allow_after_start, *spec.adjusters),
    )


def _other_score(name: str, label: str, change: Change, reference: str) -> Method:
    return Method(
        name=name,
        label=label,
        group="matching",
        estimands=(*RISKS_MATCHED, *MATCHED_SET),
        std_error=SE,
        reference=reference,
        function=partial(other_score_rows, change=change),
        uses=(),
    )


TAGAMI = "Tagami T et al. J Infect 2015;71:158."
THESIS = "Iizuka Y et al. Crit Care 2017;21:181."
OTHER_SCORES = (
    _other_score(
        "psm_second_score",
        "Adjuncts in the score, with pairs and balance",
        partial(with_adjuncts, alone=False),
        THESIS,
    ),
    _other_score(
        "psm_adjuncts_only",
        "Nothing but adjuncts in the score",
        partial(with_adjuncts, alone=True),
        THESIS,
    ),
    _other_score(
        "psm_registry_2007",
        "Matched on the covariates of the registry of 2007",
        as_in_2007,
        "JSICM Sepsis Registry. J Jpn Soc Intensive Care Med 2013;20:329.",
    ),
    _other_score(
        "psm_claims",
        "Matched without severity scores and laboratory values",
        partial(as_in_claims, procedures=False),
        TAGAMI,
    ),
    _other_score(
        "psm_claims_procedures",
        "Matched without severity scores, procedures in their place",
        partial(as_in_claims, procedures=True),
        TAGAMI,
    ),
)
"""Scores that know other things than the thesis's first."""
