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
