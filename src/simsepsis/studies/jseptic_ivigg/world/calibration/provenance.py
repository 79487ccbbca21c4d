"""Where each part of the calibrated scenario comes from: fitted, and to what; or assumed, and why."""

from __future__ import annotations

NOTES = {
    "n": "Given: patients registered.",
    "icus.roster": (
        "Fitted: sizes and traits by a swap search on Table 1's pooled shares and beds quartiles. "
        "Assumed: random effects (SDs)."
    ),
    "patients.ivigg_share": "Given: 960 of 3,118.",
    "patients.ordinal": "Fitted: smoothest levels 0–4 with both arms' quartiles and the printed difference.",
    "patients.continuous": "Given: Table 1's quartiles of both arms. Assumed: family, limits.",
    "patients.binary": "Given: Table 1, both arms together; cirrhosis is its share among liver disease.",
    "patients.route": "Given: Table 1, both arms together.",
    "patients.infection_site": "Given: Table 1, both arms together.",
    "patients.blood_culture": "Given: Table 1, both arms together.",
    "patients.microorganism": "Given: Table 1, both arms together.",
    "patients.source_control": "Given: Table 1, both arms together.",
    "patients.loadings": "Assumed: loadings on the common factors severity, hematologic, aging, size.",
    "patients.labs": "Assumed: labs outside the score; medians after the registry's other papers.",
    "treatment.intercept": "Fitted: 960 treated.",
    "treatment.numbers": "Fitted: Table 1's IVIgG column (latent score and smoothed steps at its quartiles).",
    "treatment.levels": "Fitted: Table 1's IVIgG column (log hazard against the first level).",
    "treatment.care": "Assumed: effect of the intensity of care.",
    "treatment.severity": "Assumed, not identified by the tables: effect of current severity.",
    "treatment.decay": "Assumed, not identified by the tables: how fast starts become rarer, per day.",
    "course.persistence": "Assumed: share of day-1 severity kept from day to day.",
    "course.drift_sd": "Assumed: spread of the trend, so that SOFA's change foretells death as published.",
    "course.noise_sd": "Assumed: day-to-day noise.",
    "course.noise_correlation": "Assumed: its correlation from day to day.",
    "course.icu_death": (
        "Fitted to Table 3 (deaths, stays): intercepts, early, log_day, severity, care. "
        "Assumed: weights of risk and ICU."
    ),
    "course.risk": "Assumed: log hazard ratios after the registry's other papers, shrunk.",
    "supports": "Fitted to Table 3: intercepts, care, log_sd. Assumed: the other coefficients.",
    "adjuncts": "Fitted to Table 2: intercept and care. Assumed: icu, severity and effects.",
    "transfusions": "Fitted to Table 2: intercepts and care. Assumed: the other coefficients, log_sd, pack.",
    "scores": "Assumed: how later scores follow the severity path.",
    "observation.incomplete_day1": "Given: 77 of 3,195.",
    "effect.log_hazard_ratio": "Assumed: IVIgG does nothing.",
}
"""Dotted key → note; written as comments into the scenario file."""

UNSEEN = """\
# The registry that the thesis analysed, in a world where IVIgG does nothing.
# Written by `simsepsis calibrate --without all` from the before-matching columns of Tables 1 to 3 and stated
# assumptions; no number from after matching was looked at. `thesis` is the world that fits those better.
"""
LOOKED_AT = """\
# The registry that the thesis analysed, in a world where IVIgG does nothing and nothing hidden protects.
# Written by `simsepsis calibrate` from the before-matching columns of Tables 1 to 3 and stated assumptions.
# Some of these were chosen after numbers from after matching had been looked at (fitted_after_looking, below;
# mechanisms.toml has their sources). `thesis-v1` is the world from before that.
# Change a copy, or a file that says extends = "thesis".
"""
