"""The printed results that worlds are judged by."""

from __future__ import annotations

from simsepsis.experiment.inference.printed_results import Part, Result
from simsepsis.study.layout import ARMS, Key


def _contrast(table: str, variable: str, level: str, statistic: str) -> Key:
    return Key(table, variable, level, statistic, "after", "contrast")


def _odds(name: str, part: Part, method: str, outcome: str, truth: str, *keys: Key) -> Result:
    estimand = f"log_or_{outcome}_{truth}"
    return Result(name=f"{name}_{outcome}", part=part, method=method, estimand=estimand, keys=keys)


def _of_outcome(outcome: str, extended_table: str) -> tuple[Result, ...]:
    def second(level: str) -> Key:
        return _contrast("text", outcome, level, "odds_ratio")

    shares = tuple(Key("text", outcome, "adjuncts_crude", "percent", "after", arm) for arm in ARMS)
    extended = _contrast(extended_table, "ivigg", "", "odds_ratio")
    first: Part = "first score"
    other: Part = "second score"
    return (
        _odds("matched", first, "psm", outcome, "matched", _printed_odds(outcome, "unadjusted")),
        _odds("gee", first, "psm_gee", outcome, "twin", _printed_odds(outcome, "adjusted")),
        _odds("gee_sofa", first, "psm_gee_sofa", outcome, "twin", extended),
        _odds("second_matched", other, "psm_adjuncts", outcome, "matched", *shares),
        _odds("second_gee", other, "psm_adjuncts_gee", outcome, "twin", second("adjuncts_gee")),
        _odds(
            "second_gee_sofa", other, "psm_adjuncts_gee_sofa", outcome, "twin", second("adjuncts_gee_sofa")
        ),
        *(_interaction(outcome, subgroup) for subgroup in ("apache2", "immunocompromised")),
    )


def _printed_odds(outcome: str, level: str) -> Key:
    return _contrast("table4", outcome, level, "odds_ratio")


def _interaction(outcome: str, subgroup: str) -> Result:
    method = f"breslow_day_{subgroup}"
    return Result(
        name=f"{method}_{outcome}",
        part="interaction",
        method=method,
        estimand=f"log_or_ratio_{outcome}_matched",
        keys=(_contrast("text", outcome, method, "p_value"),),
        column="p_value",
    )


RESULTS: tuple[Result, ...] = (
    Result(
        name="cox_hospital_death",
        part="first score",
        method="psm_cox",
        estimand="log_hr_hospital_death_matched",
        keys=(_contrast("text", "hospital_death", "cox", "hazard_ratio"),),
    ),
    *_of_outcome("icu_death", "table5"),
    *_of_outcome("hospital_death", "table6"),
)
"""Every effect and test of the matched patients in Tables 4 to 6 and the text, once each.

Left out: what repeats them (confidence limits, p values of the same effects, percentages of the first score);
everything before matching, to which the generator was fitted; and the numbers of pairs, which the literal
reading of the methods gives in no world, so that they tell of the reading and not of the truth.
"""

WORDS = {
    "effect.value": "risk ratio of hospital death",
    "effect.log_hazard_ratio": "log hazard ratio of death under IVIgG",
    "unmeasured.or_treatment": "odds ratio of IVIgG of the hidden confounder",
    "treatment.decay": "fall of the log hazard of a start per day",
    "treatment.severity": "log hazard of a start per SD of the day's severity",
}
"""Setting of a scenario → what the answer calls it."""

Place = tuple[str, str, str, str]
COUNTS: dict[str, Place] = {
    "Pairs": ("text", "matched_pairs", "", "count"),
    "Pairs, second score": ("text", "matched_pairs", "adjuncts", "count"),
    "Hazard ratio, hospital death": ("text", "hospital_death", "cox", "hazard_ratio"),
    "Its p value": ("text", "hospital_death", "cox", "p_value"),
}


def _places(outcome: str, table: str) -> dict[str, Place]:
    return {
        "Crude": ("table4", outcome, "unadjusted", "odds_ratio"),
        "GEE": ("table4", outcome, "adjusted", "odds_ratio"),
        "GEE, later SOFA": (table, "ivigg", "", "odds_ratio"),
        "Second score, GEE": ("text", outcome, "adjuncts_gee", "odds_ratio"),
        "Second score, GEE, later SOFA": ("text", outcome, "adjuncts_gee_sofa", "odds_ratio"),
    }


READING_TABLES: tuple[tuple[str, dict[str, Place]], ...] = (
    ("Matched pairs and survival by reading", COUNTS),
    ("Odds ratio of ICU death by reading", _places("icu_death", "table5")),
    ("Odds ratio of hospital death by reading", _places("hospital_death", "table6")),
)
"""Title of a table of readings → the numbers that it shows by their headings."""
