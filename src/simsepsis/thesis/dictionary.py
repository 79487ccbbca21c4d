"""The registry's data dictionary: every column that a cohort may have, with label, unit and levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "continuous", "ordinal", "binary", "category"]

ORGANS = ("resp", "coag", "liver", "cv", "cns", "renal")
SCORE_DAYS = (1, 3, 7)
ORGAN_LABELS = {
    "resp": "Respiratory",
    "coag": "Hematologic",
    "liver": "Hepatic",
    "cv": "Cardiovascular",
    "cns": "Neurologic",
    "renal": "Renal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the registry.

    Attributes
    ----------
    name, label
        Key in files; words for people, after the thesis's tables.
    kind
        How values are read and summarized.
    group
        The block of the thesis's tables that the column belongs to.
    unit
        Unit of the value, empty where it has none.
    levels
        Level → label of a category, in the order of the thesis; empty otherwise.
    low, high
        Inclusive limits of a legal value, or None where there is no limit.
    """

    name: str
    label: str
    kind: Kind
    group: str
    unit: str = ""
    levels: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def level_names(self) -> tuple[str, ...]:
        """Return the keys of the levels."""
        return tuple(name for name, _ in self.levels)


def _number(
    name: str, label: str, group: str, unit: str = "", low: float | None = 0.0, high: float | None = None
) -> Column:
    return Column(name=name, label=label, kind="continuous", group=group, unit=unit, low=low, high=high)


def _binary(name: str, label: str, group: str) -> Column:
    return Column(name=name, label=label, kind="binary", group=group, low=0.0, high=1.0)


def _ordinal(name: str, label: str, group: str) -> Column:
    return Column(name=name, label=label, kind="ordinal", group=group, unit="points", low=0.0, high=4.0)


def _category(name: str, label: str, group: str, **levels: str) -> Column:
    return Column(name=name, label=label, kind="category", group=group, levels=tuple(levels.items()))


_ICU = (
    _number("icu_beds", "ICU beds volume", "icu", "beds", low=1.0, high=1_000.0),
    _category("icu_type", "ICU type", "icu", er="ER ICU", general="General ICU"),
    _category(
        "icu_model",
        "Intensity of intensivists",
        "icu",
        closed="Closed ICU model",
        open="Open ICU model",
        comanagement="Intensivist co-management model",
    ),
    _category(
        "dic_policy",
        "Preference to DIC therapy",
        "icu",
        active="Actively (radical)",
        conservative="Not actively (conservative)",
        neither="Neither (treat DIC occasionally)",
    ),
)
_PATIENT = (
    _number("age", "Age", "patient", "years", low=16.0, high=120.0),
    _binary("male", "Gender (male)", "patient"),
    _number("weight_kg", "Weight", "patient", "kg", low=1.0, high=500.0),
    _category(
        "admission_route",
        "Prior location",
        "patient",
        er="Outpatient (ER)",
        ward="Inhospital (general ward)",
        transfer="Transferred from other hospital",
    ),
)
_SIRS = tuple(_ordinal(f"sirs_day{day}", f"SIRS score day {day}", "sirs") for day in SCORE_DAYS)
_APACHE = (_number("apache2", "APACHE II", "severity", "points", high=71.0),)
_SOFA = tuple(
    _ordinal(f"sofa_{organ}_day{day}", f"SOFA {ORGAN_LABELS[organ].lower()} day {day}", f"sofa_day{day}")
    for day in SCORE_DAYS
    for organ in ORGANS
)
_LABS = (
    _number("wbc", "White blood cell count", "lab", "10⁹/L", high=2_000.0),
    _number("hemoglobin", "Hemoglobin", "lab", "g/dL", high=40.0),
    _number("platelets", "Platelet count", "lab", "10⁹/L", high=10_000.0),
)
_LABS_OUTSIDE_SCORE = (
    _number("pt_inr", "PT-INR", "lab_missing", high=100.0),
    _number("fibrinogen", "Fibrinogen", "lab_missing", "mg/dL", high=5_000.0),
    _number("fdp", "FDP", "lab_missing", "µg/mL", high=50_000.0),
    _number("d_dimer", "D-dimer", "lab_missing", "µg/mL", high=50_000.0),
    _number("antithrombin", "Antithrombin activity", "lab_missing", "%", high=500.0),
    _number("lactate", "Lactate", "lab_missing", "mmol/L", high=100.0),
)
_COMORBIDITY = (
    _binary("liver_disease", "Liver", "comorbidity"),
    _binary("respiratory_disease", "Respiratory", "comorbidity"),
    _binary("cardiovascular_disease", "Cardiovascular", "comorbidity"),
    _binary("renal_disease", "Renal", "comorbidity"),
    _binary("immunocompromised", "Immunocompromised", "comorbidity"),
)
_COAGULOPATHY = (
    _binary("cirrhosis", "Cirrhosis/liver failure", "coagulopathy"),
    _binary("chemotherapy", "Chemotherapy", "coagulopathy"),
    _binary("hematologic_malignancy", "Hematologic malignancy", "coagulopathy"),
    _binary("warfarin", "Medication of warfarin", "coagulopathy"),
    _binary("other_coagulopathy", "Others", "coagulopathy"),
)
_INFECTION = (
    _category(
        "infection_site",
        "Infection site",
        "infection",
        abdomen="Abdomen",
        lung="Lung",
        urinary="Urinary tract",
        musculoskeletal="Musculoskeletal",
        endocarditis="Infectious endocarditis",
        other="Others",
        cns="Central nerve system",
        crbsi="CRBSI",
        unknown="Unknown",
    ),
    _category(
        "blood_culture",
        "Blood culture",
        "infection",
        positive="Positive",
        negative="Negative",
        not_taken="Not taken",
    ),
    _category(
        "microorganism",
        "Microorganism",
        "infection",
        gram_negative_rod="Gram-negative rod",
        gram_positive_coccus="Gram-positive coccus",
        combined="Combined",
        other="Others",
        fungus="Fungus",
        virus="Virus",
        unknown="Unknown",
    ),
    _binary("source_control", "Surgical intervention/drainage", "infection"),
)
_TREATMENT = (_binary("ivigg", "IVIgG", "treatment"),)
_ADJUNCTS = (
    _binary("antithrombin_therapy", "Antithrombin", "adjunct"),
    _binary("thrombomodulin", "Recombinant human soluble thrombomodulin", "adjunct"),
    _binary("heparinoid", "Heparinoid", "adjunct"),
    _binary("protease_inhibitor", "Protease inhibitor", "adjunct"),
    _binary("low_dose_steroid", "Low dose steroid", "adjunct"),
    _binary("rrt", "Renal replacement therapy", "adjunct"),
    _binary("rrt_nonrenal", "Renal replacement therapy for non-renal indications", "adjunct"),
    _binary("pmx", "Polymyxin B direct hemoperfusion", "adjunct"),
    _binary("plasma_exchange", "Plasma exchange", "adjunct"),
    _binary("va_ecmo", "Veno-arterial ECMO", "adjunct"),
    _binary("vv_ecmo", "Veno-venous ECMO", "adjunct"),
    _binary("iabp", "Intra-aortic balloon pumping", "adjunct"),
)
_TRANSFUSION = (
    _number("rbc_units", "RBC", "transfusion", "units", high=10_000.0),
    _number("ffp_units", "FFP", "transfusion", "units", high=10_000.0),
    _number("platelet_units", "Platelet concentration", "transfusion", "units", high=10_000.0),
)
_SAFETY = (_binary("bleeding", "Bleeding", "safety"),)
_DURATION = (
    _number("ventilator_days", "Duration of mechanical ventilation", "duration", "days", high=28.0),
    _number("vasopressor_days", "Duration of vasoactive drugs", "duration", "days", high=28.0),
    _number("rrt_days", "Duration of renal replacement therapy", "duration", "days", high=28.0),
    _number("icu_days", "Length of stay in ICU", "duration", "days", high=36_500.0),
    _number(
        "hospital_days", "Length of stay from ICU admission to discharge", "duration", "days", high=36_500.0
    ),
)
_OUTCOME = (
    _binary("icu_death", "ICU mortality", "outcome"),
    _binary("hospital_death", "In-hospital mortality", "outcome"),
    _binary("death_28d", "28-day mortality", "outcome"),
)
_IDS = (
    Column(name="patient_id", label="Patient", kind="id", group="id"),
    Column(name="icu_id", label="ICU", kind="id", group="id"),
)

COLUMNS: dict[str, Column] = {
    column.name: column
    for block in (
        _IDS,
        _ICU,
        _PATIENT,
        _SIRS,
        _APACHE,
        _SOFA,
        _LABS,
        _LABS_OUTSIDE_SCORE,
        _COMORBIDITY,
        _COAGULOPATHY,
        _INFECTION,
        _TREATMENT,
        _ADJUNCTS,
        _TRANSFUSION,
        _SAFETY,
        _DURATION,
        _OUTCOME,
    )
    for column in block
}
"""Every column of the registry by name, in file order."""


def names_of(*groups: str) -> tuple[str, ...]:
    """Return the names of the columns of the given groups, in file order."""
    return tuple(column.name for column in COLUMNS.values() if column.group in groups)


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
