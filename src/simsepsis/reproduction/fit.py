"""How well a world fits what was printed: by block, overall, and given what is known from before matching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.readings import Reading
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.performance.conditional import Prediction, predict
from simsepsis.performance.goodness_of_fit import FEWEST, Judged, Vectors, distance, mean_square
from simsepsis.reproduction.words import sentence
from simsepsis.study.blocks import BACK, Item, before_items, blocks_of, items_of
from simsepsis.study.layout import Key
from simsepsis.study.printed import KEY
from simsepsis.study.published import Study
from simsepsis.words.numbers import listed

ALL = "all"
WHOLE = "all of them"
COLUMNS = ("reading", "block", "items", "mean_z2", "p")
"""Columns of ``fit.csv``."""
CONDITIONAL = (
    *("reading", "block", *KEY, "printed", "low", "high", "inside"),
    *("low_given_before", "high_given_before", "inside_given_before", "narrower"),
)
"""Columns of ``conditional.csv``."""
Z_95 = 1.959963984540054
UNLIKELY = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingFit:
    """How well one reading of the methods fits.

    Attributes
    ----------
    items
        What is judged: all held-out numbers that vary and follow from no other.
    vectors
        Their values, printed and in each replicate.
    blocks
        Block → mean squared standardized distance, `ALL` first.
    distance
        Squared Mahalanobis distance per item.
    fixed, missed
        How many numbers do not vary in this world, and how many of these were printed otherwise.
    given_before
        The prediction of the items from the printed cells before matching.
    halves
        ``looked_at`` and ``held_out`` → their mean squared distance, by a stored random draw; empty without.
    """

    items: tuple[Item, ...]
    vectors: Vectors
    blocks: Mapping[str, Judged]
    distance: Judged
    fixed: int
    missed: int
    given_before: Prediction
    halves: Mapping[str, Judged]

    @property
    def inside_given_before(self) -> float:
        """Return the share of items inside their intervals given what is known from before matching."""
        if not self.items:
            return float("nan")
        gaps = np.abs(self.vectors.observed - self.given_before.mean) / self.given_before.sd
        return float(np.mean(gaps <= Z_95))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """The goodness of fit of one world.

    Attributes
    ----------
    labels
        Block → its words, `ALL` first.
    readings
        Name of the reading → its fit; the literal one first.
    names
        Name of the reading → its words.
    declared
        What of the world was chosen after held-out numbers had been seen.
    few
        Whether there are too few replicates to judge.
    """

    labels: Mapping[str, str]
    readings: Mapping[str, ReadingFit]
    names: Mapping[str, str]
    declared: tuple[str, ...] = ()
    few: bool = False

    @property
    def best(self) -> str:
        """Return the name of the reading that fits best."""
        return min(self.readings, key=lambda name: self.readings[name].blocks[ALL].observed)

    @property
    def table(self) -> pd.DataFrame:
        """Return the `COLUMNS`, one row per reading and block."""
        rows = [
            (name, block, int(member(fit.items, block).sum()), judged.observed, judged.p)
            for name, fit in self.readings.items()
            for block, judged in fit.blocks.items()
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    @property
    def conditional(self) -> pd.DataFrame:
        """Return the `CONDITIONAL`, one row per reading and item that is one printed number."""
        rows = [row for name, fit in self.readings.items() for row in _conditional(name, fit)]
        return pd.DataFrame(rows, columns=list(CONDITIONAL))

    @property
    def summary(self) -> tuple[str, ...]:
        """Return the fit in words: the literal reading, and what the others reach."""
        first, *others = self.readings
        if self.few:
            return (
                sentence(f"Goodness of fit: fewer than {FEWEST} replicates cannot be judged by each other"),
            )
        if not self.readings[first].items:
            return ()
        words = (*_words(self.readings[first], self.labels), *self._declared())
        compared = [f"{self.names[name]} {self.readings[name].blocks[ALL].observed:.2f}" for name in others]
        if not compared:
            return words
        return (*words, sentence(f"Mean squared distance in other readings: {listed(compared)}"))

    def _declared(self) -> Iterator[str]:
        """Yield what was chosen after looking, and what that does to numbers that were kept from it."""
        if not self.declared:
            return
        yield sentence("Chosen after held-out numbers had been seen: " + "; ".join(self.declared))
        chosen = dict.fromkeys((next(iter(self.readings)), self.best))
        told = [
            f"{half['held_out'].observed:.2f} against {half['looked_at'].observed:.2f} ({self.names[name]})"
            for name in chosen
            for half in (self.readings[name].halves,)
            if half
        ]
        if told:
            yield sentence(
                "Mean squared distance of the half of these numbers (a stored random draw) that the last",
                "choice left out, against that of the other half; all had been seen before, so that neither",
                f"is an untouched test: {listed(told)}",
            )


def _words(fit: ReadingFit, labels: Mapping[str, str]) -> Iterator[str]:
    whole, apart = fit.blocks[ALL], fit.distance
    bad = [
        f"{labels[block]} {judged.observed:.2f}"
        for block, judged in fit.blocks.items()
        if block != ALL and judged.p < UNLIKELY
    ]
    yield sentence(
        f"Goodness of fit: {len(fit.items)} held-out numbers, none of which follows from another, lie at a",
        f"mean squared distance of {whole.observed:.2f} from what this world gives (1 in the right world;",
        f"{_p(whole)}), of {apart.observed:.2f} with their correlations ({_p(apart)}).",
        f"What fits badly (p < {UNLIKELY}): {listed(bad)}" if bad else "No block fits badly",
    )
    yield from _given_before(fit)


def _p(judged: Judged) -> str:
    least = 1.0 / (1 + judged.replicates.size)
    return f"p ≤ {least:.3f}" if judged.p <= least else f"p = {judged.p:.3f}"


def _given_before(fit: ReadingFit) -> Iterator[str]:
    narrower = fit.given_before.narrower
    if np.isfinite(narrower).any():
        yield sentence(
            "Given the printed cells from before matching the intervals are narrower by a factor of",
            f"{np.nanmedian(narrower):.2f} in the median, and {100 * fit.inside_given_before:.0f}% of",
            f"the {len(fit.items)} numbers lie inside; in the right world about 95% would",
        )
    if fit.fixed:
        yield sentence(
            f"{fit.fixed} further numbers, quartiles of scores and days, hardly vary in this world and are",
            f"not judged; {fit.missed} of them were printed otherwise",
        )


def goodness_of_fit(
    study: Study,
    draws: Mapping[str, FloatArray],
    readings: tuple[Reading, ...],
    declared: tuple[str, ...] = (),
) -> Fit:
    """Return how well a world fits a study's held-out numbers in each reading of the methods."""
    printed = study.printed(corrected=True)["printed"].to_numpy(np.float64)
    places = {key: place for place, key in enumerate(study.numbers)}
    items, before = items_of(study), before_items(study)
    related = [_related(study, item, before) for item in items]
    labels = {block.name: block.label or study.layout.label(block.name) for block in blocks_of(study)}
    return Fit(
        labels={ALL: WHOLE} | labels,
        readings={
            name: _of_reading(study, items, before, related, printed, values, places, (ALL, *labels))
            for name, values in draws.items()
        },
        names={reading.name: reading.label for reading in readings},
        declared=declared,
        few=bool(items) and len(next(iter(draws.values()))) < FEWEST,
    )


def _of_reading(
    study: Study,
    items: tuple[Item, ...],
    before: tuple[Item, ...],
    related: list[list[int]],
    printed: FloatArray,
    draws: FloatArray,
    places: Mapping[Key, int],
    blocks: tuple[str, ...],
) -> ReadingFit:
    every = vectors_of(items, printed, draws, places)
    chosen = every.varies
    kept, vectors = tuple(item for item, keep in zip(items, chosen, strict=True) if keep), every.of(chosen)
    fixed = ~chosen & np.isfinite(every.observed) & np.isfinite(every.draws).any(axis=0)
    fixed &= len(draws) >= FEWEST
    middle = np.nanmedian(every.draws[:, fixed], axis=0)
    akin = [columns for columns, keep in zip(related, chosen, strict=True) if keep]
    return ReadingFit(
        items=kept,
        vectors=vectors,
        blocks={block: mean_square(vectors.of(member(kept, block))) for block in blocks},
        distance=distance(vectors),
        fixed=int(fixed.sum()),
        missed=int((np.abs(middle - every.observed[fixed]) > 1e-9).sum()),
        given_before=predict(vectors_of(before, printed, draws, places), vectors, akin),
        halves=_halves(study, kept, vectors),
    )


def _halves(study: Study, items: tuple[Item, ...], vectors: Vectors) -> dict[str, Judged]:
    """Return the fit of both halves of a study's stored draw; empty where it has none."""
    if not study.halves:
        return {}
    apart = np.array([study.halves.get(item.keys[0][:3], False) for item in items], dtype=np.bool_)
    return {"looked_at": mean_square(vectors.of(~apart)), "held_out": mean_square(vectors.of(apart))}


def member(items: tuple[Item, ...], block: str) -> BoolArray:
    """Return which items belong to a block, (items,)."""
    return np.array([block in (ALL, item.block) for item in items], dtype=np.bool_)


def vectors_of(
    items: tuple[Item, ...], printed: FloatArray, draws: FloatArray, places: Mapping[Key, int]
) -> Vectors:
    """Return the items' values in print and in each replicate."""
    return Vectors(
        observed=np.array([item.values(printed, places) for item in items], dtype=np.float64),
        draws=np.array([item.values(draws, places) for item in items]).reshape(len(items), -1).T,
        rounding=np.array([item.step**2 / 12.0 for item in items]),
    )


def _related(study: Study, item: Item, before: tuple[Item, ...]) -> list[int]:
    """Return the cells from before matching of the same row, and of the outcomes."""
    own = item.keys[0]
    outcomes = study.variables.of("outcome")
    return [
        place
        for place, other in enumerate(before)
        if other.keys[0][1:3] == own[1:3] or other.keys[0].variable in outcomes
    ]


def _conditional(name: str, fit: ReadingFit) -> Iterator[tuple[object, ...]]:
    """Yield the rows of one reading, on the scale of print."""
    vectors, given = fit.vectors, fit.given_before
    mean, n = np.nanmean(vectors.draws, axis=0), len(vectors.draws)
    sd = np.sqrt(np.nanvar(vectors.draws, axis=0, ddof=1) * (1.0 + 1.0 / n) + vectors.rounding)
    for place, item in enumerate(fit.items):
        if len(item.keys) > 1 or item.scale not in BACK:
            continue
        back, value = BACK[item.scale], vectors.observed[place]
        ends = [
            (center[place] - Z_95 * spread[place], center[place] + Z_95 * spread[place])
            for center, spread in ((mean, sd), (given.mean, given.sd))
        ]
        (low, high), (low_given, high_given) = (
            tuple(float(back(np.array(end))) for end in two) for two in ends
        )
        inside = [low <= value <= high for low, high in ends]
        yield (
            *(name, item.block, *item.keys[0], float(back(np.array(value)))),
            *(low, high, inside[0], low_given, high_given, inside[1], float(given.narrower[place])),
        )
