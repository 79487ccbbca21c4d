"""The goodness of fit as tables: by block in the literal reading, and overall in each reading."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simsepsis.reproduction.fit import ALL
from simsepsis.show.page import Bullets, Section
from simsepsis.show.table import Table
from simsepsis.words.numbers import fixed, p_value

if TYPE_CHECKING:
    from simsepsis.performance.goodness_of_fit import Judged
    from simsepsis.reproduction.fit import Fit

READ = (
    "Each number is measured by its distance from the mean of the replicates in their standard deviations; "
    "the mean of the squares is 1 where the world is right. P is how often a replicate, measured by the "
    "others, lies as far or farther. Percentages are taken on the arcsine scale, ratios and standard errors "
    "as logarithms, p values of interactions as probits, quartiles with half a step of recording to either "
    "side."
)


DECLARED = "Of this world the following was chosen after numbers that it should predict had been seen:"


def fit_sections(fit: Fit) -> Iterator[Section]:
    """Yield the section on goodness of fit; none where nothing is held out."""
    first = next(iter(fit.readings.values()))
    if first.items:
        tables = tuple(_blocks(fit)) + ((_readings(fit),) if len(fit.readings) > 1 else ())
        declared = (DECLARED, Bullets(fit.declared, small=True)) if fit.declared else ()
        yield Section("fit", "Goodness of fit", (READ, *tables, *declared))


def _blocks(fit: Fit) -> Iterator[Table]:
    """Yield the table of blocks: the first reading and, where others were run, the best one beside it."""
    chosen = list(fit.readings)[:1]
    if len(fit.readings) > 1:
        chosen += [fit.best] if fit.best not in chosen else []
    table = fit.table.set_index(["reading", "block"])
    yield Table(
        title="Mean squared distance by block",
        heads=("Block", *(("Numbers", "Mean z²", "p") * len(chosen))),
        groups=tuple((fit.names[name], 3) for name in chosen) if len(chosen) > 1 else (),
        rows=tuple(
            (
                label,
                *(
                    text
                    for name in chosen
                    for text in (
                        str(table.loc[(name, block), "items"]),
                        *_judged(fit.readings[name].blocks[block]),
                    )
                ),
            )
            for block, label in fit.labels.items()
        ),
    )


def _readings(fit: Fit) -> Table:
    """Return what each reading reaches overall."""
    return Table(
        title="All numbers, by reading",
        heads=("Reading", "Numbers", "Mean z²", "p", "Distance per number", "p", "Inside, given before"),
        rows=tuple(
            (
                fit.names[name],
                str(len(one.items)),
                *_judged(one.blocks[ALL]),
                *_judged(one.distance),
                fixed(100 * one.inside_given_before, 0, unit="%"),
            )
            for name, one in fit.readings.items()
        ),
    )


def _judged(judged: Judged) -> tuple[str, str]:
    if not math.isfinite(judged.observed):
        return "–", "–"
    least = 1.0 / (1 + judged.replicates.size)
    return fixed(judged.observed, 2), ("≤ " if judged.p <= least else "") + p_value(judged.p)
