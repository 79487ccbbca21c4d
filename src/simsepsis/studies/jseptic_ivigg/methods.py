"""The thesis's matching on the scores of other Japanese studies."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pandas as pd

from simsepsis.analysis.methods.other_scores import other_score, scored_by
from simsepsis.analysis.methods.shared import Shared
from simsepsis.errors import NotEstimableError
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, SOFA_DAY1

SEVERITY_GROUPS = ("sirs", "severity", "sofa_day1", "lab", "lab_missing")
"""Groups of the dictionary that a claims database lacks."""

REGISTRY_2007 = ("age", "male", "apache2", "sofa_total", "lactate", "culture_taken")
"""Covariates of the first registry's score. Its seventh, antibiotics before the ICU, is not recorded here."""


def as_in_2007(shared: Shared) -> Shared:
    """Return the registry with the first Japanese registry's covariates as those of the score."""
    registry, sources = shared.frame, (*SOFA_DAY1, "blood_culture", "age", "male", "apache2", "lactate")
    lacking = [name for name in sources if name not in registry.columns]
    if lacking:
        raise NotEstimableError(f"needs the column '{lacking[0]}', which this registry does not have")
    sofa = registry[list(SOFA_DAY1)].apply(pd.to_numeric, errors="coerce").sum(axis=1, skipna=False)
    culture = registry["blood_culture"]
    taken = (culture != "not_taken").astype(float).where(culture.notna())
    made = registry.assign(sofa_total=sofa, culture_taken=taken)
    return replace(shared, registry=made, spec=scored_by(shared.spec, REGISTRY_2007))


def as_in_claims(shared: Shared, *, procedures: bool) -> Shared:
    """Return the registry without severity scores and laboratory values."""
    spec = shared.spec
    kept = tuple(name for name in spec.covariates if not _is_severity(name))
    billed = spec.adjusters if procedures else ()
    if not kept and not billed:
        raise NotEstimableError("nothing but severity is among the covariates")
    return replace(shared, spec=scored_by(spec, (*kept, *billed)))


def _is_severity(name: str) -> bool:
    return name in COLUMNS and COLUMNS[name].group in SEVERITY_GROUPS


TAGAMI = "Tagami T et al. J Infect 2015;71:158."
METHODS = (
    other_score(
        "psm_registry_2007",
        "Matched on the covariates of the registry of 2007",
        as_in_2007,
        "JSICM Sepsis Registry. J Jpn Soc Intensive Care Med 2013;20:329.",
    ),
    other_score(
        "psm_claims",
        "Matched without severity scores and laboratory values",
        partial(as_in_claims, procedures=False),
        TAGAMI,
    ),
    other_score(
        "psm_claims_procedures",
        "Matched without severity scores, procedures in their place",
        partial(as_in_claims, procedures=True),
        TAGAMI,
    ),
)
"""What the study adds to the list of methods."""
