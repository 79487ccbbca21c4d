"""The summary in words: every sentence is computed from the comparison, none is written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from simsepsis.reproduction.comparison import LEAST, held
from simsepsis.reproduction.evidence import Evidence, Position, position, share
from simsepsis.reproduction.misses import name_failures, name_misses, name_tests
from simsepsis.reproduction.words import interval, percent, sentence, share_of, table_name
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, ORGANS
from simsepsis.thesis.printed import Key
from simsepsis.words.numbers import listed

RARE = 0.05
"""A pattern seen in fewer replicates than this is called rare."""
OUTCOMES = ("icu_death", "hospital_death")
EXTENDED_TABLES = {"icu_death": "table5", "hospital_death": "table6"}
PHASES = {
    False: "Held out (predictions: everything after matching)",
    True: "Fitted (targets of the calibration: everything before matching)",
}


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


def summarize_in_words(evidence: Evidence) -> tuple[str, ...]:
    """Return what the replicates say of the printed numbers, sentence by sentence."""
    return tuple(line for rule in RULES for line in rule(evidence))


def _few_replicates(evidence: Evidence) -> Iterator[str]:
    """That an interval of few replicates is their range."""
    n = evidence.n_replicates
    if n < LEAST:
        yield sentence(
            f"{n} replicate{' is' if n == 1 else 's are'} too few for a 95% interval: each interval here",
            "runs from the lowest to the highest value and holds a further one in",
            f"{percent(held(n))} of cases only; give --replicates {LEAST} or more",
        )


def _coverage(evidence: Evidence) -> Iterator[str]:
    """How many printed numbers lie inside, held out and fitted apart, by table."""
    for fitted, words in PHASES.items():
        rows = evidence.compared(fitted=fitted)
        if rows.empty:
            continue
        by_table = [
            f"{table_name(str(table))} {share_of(group['inside_corrected'])}"
            for table, group in rows.groupby("table", sort=False)
        ]
        inside = f"{share_of(rows['inside_corrected'])} printed numbers lie in their 95% simulation interval"
        yield sentence(f"{words}: {inside}: {listed(by_table)}")


def _chance(evidence: Evidence) -> Iterator[str]:
    """How many held-out numbers would lie outside by chance."""
    rows = evidence.compared(fitted=False)
    if len(rows):
        outside = int((~rows["inside_corrected"]).sum())
        expected = (1.0 - held(evidence.n_replicates)) * len(rows)
        yield sentence(
            f"In the right world about {expected:.0f} of {len(rows)} held-out numbers would lie",
            f"outside by chance; {outside} do. Many hang together (a count and its percentage, a ratio and",
            "its limits), so that one number outside proves nothing, and the count is no test",
        )


def _counts_follow_pairs(evidence: Evidence) -> Iterator[str]:
    """How many counts after matching are outside only because there are more or fewer pairs."""
    rows = evidence.compared(fitted=False)
    row = ["table", "variable", "level", "arm"]
    counts, percents = (rows[rows["statistic"] == statistic] for statistic in ("count", "percent"))
    both = counts.merge(percents, on=row, suffixes=("", "_percent"))
    outside = both[~both["inside_corrected"].astype(bool)]
    if len(outside):
        mended = int(outside["inside_corrected_percent"].sum())
        yield sentence(
            f"Counts after matching depend on the number of pairs: of {len(outside)} outside, {mended} have",
            "their percentage inside",
        )


def _misprints(evidence: Evidence) -> Iterator[str]:
    """What becomes of proven misprints."""
    rows = evidence.comparison
    rows = rows[rows["corrected"].notna() & rows["inside"].notna()]
    if len(rows):
        as_printed, corrected = int(rows["inside"].sum()), int(rows["inside_corrected"].sum())
        yield sentence(
            f"Of these numbers {len(rows)} are misprints by the audit, and count with their corrected",
            f"values: as printed {as_printed} lie inside, corrected {corrected}",
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
    """Return the adjusted odds ratio of IVIgG without and with SOFA of days 3 and 7 in the model.

    Parameters
    ----------
    outcome
        One of `OUTCOMES`.
    second
        Of the second score's patients instead of the first's.
    """
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


RULES: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    _few_replicates,
    _coverage,
    _chance,
    _counts_follow_pairs,
    _misprints,
    _sign_flip,
    _gee_fall,
    _pairs,
    _extended,
    _organs,
    name_tests,
    name_failures,
    name_misses,
)
"""What is said, in this order."""
