"""What is not reproduced, by name: numbers outside, tests that turn, steps that fail."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from simsepsis.reproduction.evidence import Evidence, share
from simsepsis.reproduction.words import percent, sentence, table_name
from simsepsis.study.layout import Key
from simsepsis.study.printed import KEY, Printed
from simsepsis.words.numbers import DECIMALS, QUANTILES, listed, of_statistic

SIGNIFICANT = 0.05
MOST_NAMED = 6
_DIGITS = {**DECIMALS, **dict.fromkeys(QUANTILES, 1)}
"""Statistic → decimals in print, where they are fewer than three."""


def name_misses(evidence: Evidence) -> Iterator[str]:
    """Yield the numbers outside their intervals, by table; of each row and arm the farthest one is named."""
    for fitted, words in ((False, "held out"), (True, "fitted")):
        rows = evidence.compared(fitted=fitted)
        outside = rows[~rows["inside_corrected"].astype(bool)]
        for table, group in outside.groupby("table", sort=False):
            ordered = group.loc[_farthest_first(group)].drop_duplicates(["variable", "level", "arm"])
            named = [_named_miss(row, evidence.study.numbers) for _, row in ordered.iterrows()]
            count = f"{len(group)} of {int((rows['table'] == table).sum())}"
            yield sentence(
                f"Outside in {table_name(str(table))}, {words}, {count}: {listed(named, MOST_NAMED)}"
            )


def _farthest_first(rows: pd.DataFrame) -> pd.Index:
    """Return the rows' labels by their distance from the interval, in its widths (or last digits if 0)."""
    printed = rows["corrected"].fillna(rows["printed"])
    beyond = np.maximum(rows["low"] - printed, printed - rows["high"])
    digit = 10.0 ** -rows["statistic"].map(_DIGITS).fillna(3)
    distance = beyond / np.maximum(rows["high"] - rows["low"], digit)
    return distance.sort_values(ascending=False, kind="stable").index


def _named_miss(row: pd.Series, numbers: Printed) -> str:
    key = Key(*row[list(KEY)])
    low, high = (of_statistic(row[end], key.statistic, full=True) for end in ("low", "high"))
    printed = (
        row["text"] if pd.isna(row["corrected"]) else of_statistic(row["corrected"], key.statistic, full=True)
    )
    return f"{numbers.short(key)} {printed} (simulated {low} to {high})"


def name_tests(evidence: Evidence) -> Iterator[str]:
    """Yield which held-out tests are significant in print but not in most replicates, and the reverse."""
    rows = evidence.compared(fitted=False)
    tests = [Key(*key) for key in rows.loc[rows["statistic"] == "p_value", list(KEY)].itertuples(index=False)]
    shares = {key: share(evidence.values(key) < SIGNIFICANT, evidence.values(key)) for key in tests}
    numbers = evidence.study.numbers
    for printed, words in ((True, "with"), (False, "without")):
        group = [key for key in tests if (evidence.printed(key) < SIGNIFICANT) == printed]
        turned = [key for key in group if (shares[key] >= 0.5) != printed]
        if group:
            yield sentence(
                f"Of {len(group)} held-out tests {words} p < {SIGNIFICANT} in print,",
                f"{len(group) - len(turned)} are so in most replicates{_turned(turned, shares, numbers)}",
            )


def _turned(keys: list[Key], shares: dict[Key, float], numbers: Printed) -> str:
    """Return tests with the share of replicates in which they are significant, as an aside."""
    named = [f"{table_name(key.table)} {numbers.row(key)} {percent(shares[key])}" for key in keys]
    aside = f"; the others, with the share of replicates that have p < {SIGNIFICANT}"
    return f"{aside}: {listed(named, MOST_NAMED)}" if named else ""


def name_failures(evidence: Evidence) -> Iterator[str]:
    """Yield the steps that failed, and the numbers that have no value in some or all replicates."""
    n = evidence.n_replicates
    if evidence.failures.empty:
        yield sentence(f"No step of the analysis failed in any of {n} replicates")
    else:
        named = [f"{row.step} in {row.replicates}" for row in evidence.failures.itertuples()]
        yield sentence(
            f"Steps without an estimate, or not for all terms, of {n} replicates: {listed(named, 4)}"
        )
    own = evidence.comparison[evidence.comparison["repeats"] == ""]
    partly = int(((own["n_used"] > 0) & (own["n_used"] < n)).sum())
    if partly:
        yield sentence(
            f"Numbers without a value in some replicates, whose intervals rest on the others: {partly}"
        )
    never = own[own["n_used"] == 0]
    if len(never):
        names = [evidence.study.numbers.short(Key(*key)) for key in never[list(KEY)].itertuples(index=False)]
        yield sentence(f"Printed but not simulated: {listed(names, MOST_NAMED)}")
