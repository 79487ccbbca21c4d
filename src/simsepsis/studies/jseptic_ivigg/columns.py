"""The columns of the study's registry, and the names under which its own code knows groups of them."""

from __future__ import annotations

from simsepsis.study.published import open_study

ORGANS = ("resp", "coag", "liver", "cv", "cns", "renal")
SCORE_DAYS = (1, 3, 7)

STUDY = open_study("jseptic-ivigg")
COLUMNS = STUDY.variables
"""Every column of the registry by name, in file order."""

names_of = COLUMNS.of_group
"""Return the names of the columns of the given groups, in file order."""

SOFA_DAY1 = names_of("sofa_day1")
SOFA_LATER = names_of("sofa_day3", "sofa_day7")
ADJUNCTS = names_of("adjunct")
TRANSFUSIONS = names_of("transfusion")
DURATIONS = names_of("duration")
SCORE_COVARIATES = (
    *names_of("icu", "patient"),
    "sirs_day1",
    "apache2",
    *SOFA_DAY1,
    *names_of("lab", "comorbidity", "coagulopathy", "infection"),
)
"""What the thesis's propensity score uses, in the order of Table 1."""
