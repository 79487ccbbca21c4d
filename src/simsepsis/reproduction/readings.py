"""Which readings of the thesis's methods can produce its printed numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.readings import LITERAL, Reading
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.reproduction.comparison import compare
from simsepsis.reproduction.evidence import Position
from simsepsis.reproduction.misses import MOST_NAMED
from simsepsis.reproduction.words import interval, percent, sentence, table_name
from simsepsis.study.layout import Key
from simsepsis.study.printed import KEY
from simsepsis.study.published import Study
from simsepsis.words.numbers import listed

COLUMNS_OF_TABLE = (
    *("table", "variable", "level", "statistic", "phase", "arm", "reading"),
    *("printed", "simulated", "low", "high", "inside", "below", "text", "corrected", "mcse", "n_used"),
)
"""Columns of ``readings.csv``."""
RATIOS = ("odds_ratio", "hazard_ratio")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingsComparison:
    """The printed numbers beside every reading of the thesis's methods, on the same replicates.

    Attributes
    ----------
    readings
        What was read, the literal reading first.
    draws
        Name of the reading → (replicates, numbers).
    table
        `COLUMNS_OF_TABLE`: each held-out number in the literal reading, and in each reading that changes it.
        `inside` is the verdict on the corrected number; `below` is the percentage of replicates below it,
        ties counted half.
    summary
        Sentences, computed.
    """

    readings: tuple[Reading, ...]
    draws: Mapping[str, FloatArray]
    table: pd.DataFrame
    summary: tuple[str, ...]


def compare_readings(study: Study, readings: Sequence[Reading], draws: FloatArray) -> ReadingsComparison:
    """Compare the printed numbers with every reading, and say which can produce them."""
    by_name = {reading.name: draws[:, place] for place, reading in enumerate(readings)}
    tables = {name: _placed(compare(study, values), values) for name, values in by_name.items()}
    held_out = ~tables[LITERAL]["fitted"].to_numpy(np.bool_)
    changed = {name: held_out & _differs(by_name[LITERAL], values) for name, values in by_name.items()}
    changed[LITERAL] = held_out
    parts = [
        table.assign(reading=name, inside=table["inside_corrected"], order=np.arange(len(table)))[
            changed[name]
        ]
        for name, table in tables.items()
    ]
    rows = pd.concat(parts).sort_values("order", kind="stable", ignore_index=True)
    code = study.module("sentences")
    own = () if code is None else code.READING_SENTENCES
    found = Found(
        study=study,
        readings=tuple(readings),
        draws=by_name,
        tables=tables,
        changed=changed,
        places={Key(*key): place for place, key in enumerate(study.numbers)},
    )
    return ReadingsComparison(
        readings=found.readings,
        draws=by_name,
        table=rows[list(COLUMNS_OF_TABLE)],
        summary=tuple(line for rule in (_overview, *own, _p_values, _tests_alone) for line in rule(found)),
    )


def _placed(comparison: pd.DataFrame, draws: FloatArray) -> pd.DataFrame:
    """Judge corrected numbers, and add the percentage of usable replicates below each, ties counted half."""
    printed = comparison["corrected"].fillna(comparison["printed"]).to_numpy()
    usable = np.isfinite(draws)
    lower = (draws < printed).sum(axis=0) + (draws == printed).sum(axis=0) / 2
    count = np.where(usable.any(axis=0), usable.sum(axis=0), np.nan)
    return comparison.assign(below=100 * lower / count, inside=comparison["inside_corrected"])


def _differs(one: FloatArray, other: FloatArray) -> BoolArray:
    """Tell which numbers differ in any replicate, (numbers,)."""
    same = (one == other) | (np.isnan(one) & np.isnan(other)) | (np.abs(one - other) <= 1e-9 * np.abs(one))
    differs: BoolArray = ~same.all(axis=0)
    return differs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What the sentences are computed from: by reading its draws, its table, and the numbers it changes."""

    study: Study
    readings: tuple[Reading, ...]
    draws: Mapping[str, FloatArray]
    tables: Mapping[str, pd.DataFrame]
    changed: Mapping[str, BoolArray]
    places: Mapping[Key, int]

    def values(self, name: str, key: Key) -> FloatArray:
        """Return a number in every replicate of a reading."""
        values: FloatArray = self.draws[name][:, self.places[key]]
        return values

    def printed(self, key: Key) -> float:
        """Return the printed number, corrected where it is a misprint."""
        row = self.tables[LITERAL].iloc[self.places[key]]
        return float(row["printed"] if pd.isna(row["corrected"]) else row["corrected"])

    def verdicts(self) -> pd.DataFrame:
        """Return whether each held-out number lies inside, one row per number, one column per reading."""
        table = self.tables[LITERAL]
        chosen = ~table["fitted"] & (table["repeats"] == "") & table["inside"].notna()
        inside = {name: own["inside"] for name, own in self.tables.items()}
        return pd.DataFrame(inside)[chosen].fillna(False).astype(bool)

    def changing(self, *keys: Key) -> list[str]:
        """Return the readings that change any of these numbers, the literal one first."""
        places = [self.places[key] for key in keys]
        return [
            name for name, changed in self.changed.items() if name == LITERAL or bool(changed[places].any())
        ]

    def keys(self, rows: pd.Index) -> list[Key]:
        """Return the keys of some rows of the tables."""
        named = self.tables[LITERAL].loc[rows, list(KEY)]
        return [Key(*key) for key in named.itertuples(index=False, name=None)]


def _overview(found: Found) -> Iterator[str]:
    """How many held-out numbers lie inside in each reading."""
    verdicts = found.verdicts()
    counts = [f"{reading.label} {verdicts[reading.name].sum()}" for reading in found.readings[1:]]
    literal = verdicts[LITERAL]
    yield sentence(
        f"Of {len(verdicts)} held-out numbers {literal.sum()} lie in their 95% simulation interval in the",
        f"literal reading. In the others, each on the same replicates: {listed(counts)}",
    )
    outside = verdicts[~literal]
    if len(outside):
        none = outside[~outside.any(axis=1)]
        names = [found.study.numbers.short(Key(*key)) for key in found.keys(none.index)]
        rest = f". Outside in every reading: {listed(names, MOST_NAMED)}" if names else ""
        yield sentence(
            f"Of the {len(outside)} outside in the literal reading {len(outside) - len(none)} lie inside in",
            f"another{rest}",
        )


def producers(found: Found, shown: str, placed: Mapping[str, Position], statistic: str) -> Iterator[str]:
    """Say where a number stands in the literal reading, and which other readings can and cannot give it."""
    literal = placed[LITERAL]
    if not literal.known:
        return
    verdict = "it can" if literal.side == "inside" else "it cannot"
    parts = [
        f"{shown}. Literal reading: {interval(literal, statistic)}, {percent(literal.below)} of replicates "
        f"below print, {verdict} produce that"
    ]
    for words, inside in (("Others that can", True), ("Others that cannot", False)):
        named = [
            f"{reading.label} {interval(placed[reading.name], statistic)}"
            for reading in found.readings[1:]
            if reading.name in placed
            and placed[reading.name].known
            and (placed[reading.name].side == "inside") == inside
        ]
        if named:
            parts.append(f"{words}: {listed(named)}")
    yield sentence(". ".join(parts))


def _p_values(found: Found) -> Iterator[str]:
    """Which printed p values another reading than the literal one can give."""
    verdicts = found.verdicts()
    table = found.tables[LITERAL]
    tests = verdicts[table.loc[verdicts.index, "statistic"] == "p_value"]
    outside = tests[~tests[LITERAL]]
    others, none = [], []
    for key, (row, verdict) in zip(found.keys(outside.index), outside.iterrows(), strict=True):
        able = [reading.label for reading in found.readings[1:] if verdict[reading.name]]
        name = f"{table_name(key.table)} {found.study.numbers.short(key)} {table.loc[row, 'text']}"
        if able:
            others.append(f"{name} ({listed(able, 3)})")
        else:
            none.append(name)
    parts = [f"Of {len(tests)} held-out p values the literal reading can give {len(tests) - len(outside)}"]
    if others:
        parts.append(f"Only others can give {listed(others, MOST_NAMED)}")
    if none:
        parts.append(f"None can give {listed(none, MOST_NAMED)}")
    yield sentence(". ".join(parts))


def _tests_alone(found: Found) -> Iterator[str]:
    """What the readings of the tests alone change."""
    verdicts = found.verdicts()
    for reading in found.readings[1:]:
        if not {"chi_square", "fisher"} & set(reading.settings):
            continue
        changed = verdicts[found.changed[reading.name][verdicts.index]]
        gained = int((changed[reading.name] & ~changed[LITERAL]).sum())
        lost = int((~changed[reading.name] & changed[LITERAL]).sum())
        yield sentence(
            f"{reading.label[0].upper()}{reading.label[1:]} changes {len(changed)} held-out p values, of",
            f"which {gained} come inside and {lost} go outside",
        )
