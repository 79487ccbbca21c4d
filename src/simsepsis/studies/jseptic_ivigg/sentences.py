"""What the replicates say of this study's own findings, sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from simsepsis.reproduction.evidence import Evidence, Position, position, share
from simsepsis.reproduction.readings import RATIOS, Found, producers
from simsepsis.reproduction.words import interval, percent, sentence, table_name
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, ORGANS
from simsepsis.study.layout import Key
from simsepsis.words.numbers import of_statistic

RARE = 0.05
"""A pattern seen in fewer replicates than this is called rare."""
OUTCOMES = ("icu_death", "hospital_death")
EXTENDED_TABLES = {"icu_death": "table5", "hospital_death": "table6"}


class Reading(NamedTuple):
    """What it says if the printed number lies below, in or above the simulated interval."""

    below: str
    inside: str
    above: str

    def of(self, place: Position) -> str:
        """Return the words for where a number lies."""
        return str(getattr(self, place.side))


PAIRS = Reading(
    below="the thesis's score parted the arms more than the simulated one does, or its caliper was narrower",
    inside="score and caliper as read here give as many",
    above="the thesis's score parted the arms less than the simulated one does, or had less in it",
)
FALL = Reading(
    below="the simulated fall is too small",
    inside="the fall is reproduced",
    above="the simulated fall is too large",
)
GAP = Reading(
    below="the simulated gap is too wide",
    inside="the gap is reproduced",
    above="the simulated gap is too narrow",
)


def _sign_flip(evidence: Evidence) -> Iterator[str]:
    """Matched odds ratio above 1 with a hazard ratio below 1."""
    keys = (
        Key("table4", "hospital_death", "unadjusted", "odds_ratio", "after", "contrast"),
        Key("text", "hospital_death", "cox", "hazard_ratio", "after", "contrast"),
    )
    odds, hazard = (evidence.position(key) for key in keys)
    if not (odds.known and hazard.known):
        return
    values = [evidence.values(key) for key in keys]
    flips = share((values[0] > 1) & (values[1] < 1), *values)
    sides = "opposite sides" if (odds.number - 1) * (hazard.number - 1) < 0 else "one side"
    yield sentence(
        f"Hospital death in matched patients: odds ratio {odds.number:.3f} and hazard ratio",
        f"{hazard.number:.3f} in print, on {sides} of 1. An odds ratio above 1 with a hazard ratio below 1",
        f"occurs in {percent(flips)} of replicates: {_meaning(evidence, flips)}",
    )
    gap = position(odds.number / hazard.number, values[0] / values[1], ratio=True)
    yield sentence(
        f"The printed odds ratio lies above {percent(odds.below)} of replicates, which average",
        f"{interval(odds, 'odds_ratio')}, the hazard ratio above {percent(hazard.below)}, average",
        f"{interval(hazard, 'hazard_ratio')}; odds over hazard ratio is {gap.number:.2f} in print and",
        f"{_factor(gap)} in simulation: {GAP.of(gap)}",
    )


def _meaning(evidence: Evidence, frequency: float) -> str:
    """What a pattern's frequency says of the world that was simulated."""
    world = "a world without any effect of IVIgG" if evidence.null else "this world"
    return f"{world} hardly gives it" if frequency < RARE else f"{world} gives it by itself"


def _factor(place: Position) -> str:
    return f"{place.mean:.2f} ({place.low:.2f} to {place.high:.2f})"


def _gee_fall(evidence: Evidence) -> Iterator[str]:
    """From the crude to the adjusted odds ratio."""
    for outcome in OUTCOMES:
        crude, adjusted = (
            Key("table4", outcome, level, "odds_ratio", "after", "contrast")
            for level in ("unadjusted", "adjusted")
        )
        before, after = evidence.printed(crude), evidence.printed(adjusted)
        factor = position(after / before, evidence.values(adjusted) / evidence.values(crude), ratio=True)
        if factor.known:
            yield sentence(
                f"{COLUMNS[outcome].label}: adjusting for the adjuncts (GEE) takes the odds ratio from",
                f"{before:.3f} to {after:.3f} in print, a factor of {factor.number:.2f}; simulated",
                f"{_factor(factor)}: {FALL.of(factor)}",
            )


def _pairs(evidence: Evidence) -> Iterator[str]:
    """Matched pairs of both scores."""
    for level, score in (("", "without"), ("adjuncts", "with")):
        place = evidence.position(Key("text", "matched_pairs", level, "count", "after", ""))
        if place.known:
            yield sentence(
                f"{place.number:.0f} matched pairs in print with the score {score} adjuncts,",
                f"{interval(place, 'count')} in simulation: {PAIRS.of(place)}",
            )


def later_sofa_keys(outcome: str, *, second: bool = False) -> tuple[Key, Key]:
    """Return the adjusted odds ratio of IVIgG without and with SOFA of days 3 and 7 in the model."""
    if second:
        without, with_sofa = (
            Key("text", outcome, level, "odds_ratio", "after", "contrast")
            for level in ("adjuncts_gee", "adjuncts_gee_sofa")
        )
        return without, with_sofa
    return (
        Key("table4", outcome, "adjusted", "odds_ratio", "after", "contrast"),
        Key(EXTENDED_TABLES[outcome], "ivigg", "", "odds_ratio", "after", "contrast"),
    )


def _extended(evidence: Evidence) -> Iterator[str]:
    """What SOFA of days 3 and 7 does to the odds ratio of IVIgG."""
    for outcome, table in EXTENDED_TABLES.items():
        keys = later_sofa_keys(outcome)
        before, after = (evidence.values(key) for key in keys)
        printed = [evidence.printed(key) for key in keys]
        falls = printed[1] < printed[0]
        same = share((after < before) == falls, before, after)
        if not np.isnan(same):
            yield sentence(
                f"{COLUMNS[outcome].label}: with SOFA of days 3 and 7 in the model the odds ratio of IVIgG",
                f"{'falls' if falls else 'rises'} from {printed[0]:.3f} to {printed[1]:.3f} in print",
                f"({table_name(table)}), and so it does in {percent(same)} of replicates",
            )


def _organs(evidence: Evidence) -> Iterator[str]:
    """Whether day-7 scores weigh more than day-3 scores, organ by organ."""
    for outcome, table in EXTENDED_TABLES.items():
        days = [
            [Key(table, f"sofa_{organ}_day{day}", "", "odds_ratio", "after", "contrast") for organ in ORGANS]
            for day in (3, 7)
        ]
        printed = [np.array([evidence.printed(key) for key in keys]) for keys in days]
        early, late = (np.stack([evidence.values(key) for key in keys], axis=1) for keys in days)
        known = np.isfinite(early).all(axis=1) & np.isfinite(late).all(axis=1)
        if not known.any():
            continue
        more = (late > early)[known].sum(axis=1).mean()
        below = (early < 1)[known].sum(axis=1).mean()
        yield sentence(
            f"{table_name(table)} ({COLUMNS[outcome].label}): the odds ratio of day 7 exceeds that of day 3",
            f"in {(printed[1] > printed[0]).sum()} of {len(ORGANS)} organs in print, in {more:.1f} in",
            f"simulation; that of day 3 is below 1 in {(printed[0] < 1).sum()} in print, in {below:.1f}",
            "in simulation",
        )


def _named_numbers(found: Found) -> Iterator[str]:
    """Which readings give the pairs and the hazard ratio."""
    numbers = (
        ("matched pairs with the score without adjuncts", "matched_pairs", "", "count", ""),
        ("matched pairs with the second score", "matched_pairs", "adjuncts", "count", ""),
        ("as hazard ratio of hospital death", "hospital_death", "cox", "hazard_ratio", "contrast"),
    )
    for words, variable, level, statistic, arm in numbers:
        key = Key("text", variable, level, statistic, "after", arm)
        placed = {
            name: position(found.printed(key), found.values(name, key), ratio=statistic in RATIOS)
            for name in found.changing(key)
        }
        yield from producers(
            found, f"{of_statistic(found.printed(key), statistic, full=True)} {words}", placed, statistic
        )


def _fall(found: Found) -> Iterator[str]:
    """Which readings change the odds ratio of IVIgG as it did when later SOFA scores came into the model."""
    for outcome, second in product(OUTCOMES, (False, True)):
        before, after = later_sofa_keys(outcome, second=second)
        factor = found.printed(after) / found.printed(before)
        placed = {
            name: position(factor, found.values(name, after) / found.values(name, before), ratio=True)
            for name in found.changing(before, after)
        }
        change = "fall" if factor < 1 else "rise"
        score = "second score" if second else "first score"
        words = f"{COLUMNS[outcome].label}, {score}: {change} of IVIgG's odds ratio with SOFA of days 3 and 7"
        yield from producers(found, f"{words} by a factor of {factor:.3f}", placed, "odds_ratio")


SENTENCES = (_sign_flip, _gee_fall, _pairs, _extended, _organs)
"""What is said of a reproduction, in this order."""
READING_SENTENCES = (_named_numbers, _fall)
"""What is said of all readings of the methods, in this order."""
