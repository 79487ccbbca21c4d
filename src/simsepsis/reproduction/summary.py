"""The summary in words: every sentence is computed from the comparison, none is written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from simsepsis.performance.goodness_of_fit import FEWEST
from simsepsis.reproduction.comparison import LEAST, TAIL, held, inside_of_replicates
from simsepsis.reproduction.evidence import Evidence
from simsepsis.reproduction.misses import name_failures, name_misses, name_tests
from simsepsis.reproduction.words import percent, sentence, share_of, table_name
from simsepsis.words.numbers import listed

PHASES = {
    False: "Held out (predictions: everything after matching)",
    True: "Fitted (targets of the calibration: everything before matching)",
}


def summarize_in_words(evidence: Evidence) -> tuple[str, ...]:
    """Return what the replicates say of the printed numbers, sentence by sentence."""
    code = evidence.study.module("sentences")
    own: tuple[Rule, ...] = () if code is None else code.SENTENCES
    return tuple(line for rule in (*FIRST, *own, *LAST) for line in rule(evidence))


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
    """How many held-out numbers would lie inside in the right world."""
    rows = evidence.compared(fitted=False)
    if len(rows) and evidence.n_replicates > FEWEST:
        share = inside_of_replicates(rows, evidence.draws[:, rows.index.to_numpy()])
        yield sentence(
            f"A replicate of this world has {100 * share.mean():.1f}% of these numbers in the intervals of",
            f"the others, and at least {100 * np.quantile(share, TAIL):.1f}% in 39 of 40 replicates;",
            f"print has {100 * rows['inside_corrected'].astype(bool).mean():.1f}%. Many hang together",
            "(a count and its percentage, a ratio and its limits), so that the count is no measure of fit",
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


Rule = Callable[[Evidence], Iterator[str]]
FIRST: tuple[Rule, ...] = (_few_replicates, _coverage, _chance, _counts_follow_pairs, _misprints)
LAST: tuple[Rule, ...] = (name_tests, name_failures, name_misses)
"""What is said of any study before and after the sentences of its own."""
