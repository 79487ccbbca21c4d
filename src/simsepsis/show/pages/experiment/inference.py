"""The report of an inference: prior and posterior, what drives it, what does not fit, its checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from simsepsis.environment import versions
from simsepsis.experiment.inference.findings import ALL
from simsepsis.experiment.inference.sentences import ADDS_LITTLE
from simsepsis.show.figure import Figure, files_of
from simsepsis.show.page import Block, Bullets, Page, Section, how_made
from simsepsis.show.plots.inference import inference_figures
from simsepsis.show.table import Table
from simsepsis.words.numbers import count, fixed, p_value

if TYPE_CHECKING:
    from simsepsis.experiment.inference import Inference

READ = (
    "Worlds are drawn from the priors below. In each, registries are simulated and analysed as the study "
    "was. What was printed is compared with them by its distance on the axes in which worlds differ, a "
    "quadratic surface standing for the worlds between those that were simulated."
)
DISCREPANCY = (
    "Every world is wrong somewhere. Where blocks may be off, each block of results has a standard deviation "
    "of its own by which it may differ from what the world prints, half-normal with scale 1, in standard "
    "deviations of a replicate."
)
PRIORS = (
    "The ratio of the standard deviations after and before the results says how much they add; above "
    f"{ADDS_LITTLE} they add little."
)
COVERAGE = (
    "Replicates of worlds that the emulator has not seen are taken for print, one in each world; intervals "
    "should hold the world's own value as often as they say."
)
CONFLICTS = (
    "Two results at a time: their squared distance from the nearest of all worlds, its p with two degrees of "
    "freedom, and that p times the number of pairs."
)
MOST = 12
"""Pairs of results that are shown."""


def inference_page(found: Inference, figures: Sequence[Figure]) -> Page:
    """Return the page."""
    plan = found.plan

    def drawn(name: str) -> tuple[Figure, ...]:
        return tuple(figure for figure in figures if figure.name == name)

    return Page(
        kind="experiment",
        title=plan.name,
        question=plan.question,
        answer=found.summary,
        sections=(
            Section("read", "How to read it", (READ, DISCREPANCY)),
            Section(
                "posterior",
                "Prior and posterior",
                (PRIORS, *drawn("prior-and-posterior"), *_posteriors(found)),
            ),
            Section("readings", "Does any world fit?", (*drawn("distances"), *_readings(found))),
            Section("influence", "What drives the answer", (*drawn("influence"), *_influence(found))),
            Section(
                "conflicts", "What cannot come together", (CONFLICTS, *drawn("conflicts"), _conflicts(found))
            ),
            Section("coverage", "Does it hold the truth?", (COVERAGE, _coverage(found))),
            how_made(_command(found), _facts(found)),
        ),
    )


def _command(found: Inference) -> str:
    plan = found.plan
    return f"simsepsis infer {plan.name} --worlds {plan.infer.worlds} --replicates {plan.infer.replicates}"


def _facts(found: Inference) -> Iterator[tuple[str, str]]:
    settings = found.plan.infer
    yield "worlds", f"{count(settings.worlds)}, then {', '.join(map(str, settings.waves)) or 'no'} more"
    yield "registries in each", count(settings.replicates)
    yield "seed", str(settings.seed)
    yield from versions().items()


def _posteriors(found: Inference) -> Iterator[Block]:
    lines = [f"{found.plan.words[key]}: {prior.text}." for key, prior in found.plan.infer.priors.items()]
    lines += [f"{found.plan.words[key]}: drawn anew in every world." for key in found.plan.infer.world_seeds]
    yield Bullets(tuple(lines), small=True)
    for reading in (ALL,) if len(found.readings) > 1 else tuple(found.readings):
        rows = found.table[found.table["reading"] == reading]
        yield Table(
            title="Mean (95% interval) before and after the results",
            heads=("", "Before", "Worlds right", "Blocks may be off", "SD ratio"),
            rows=tuple(
                (
                    str(row["words"]),
                    *(_range(row, of) for of in ("_prior", "", "_discrepancy")),
                    fixed(float(row["sd_ratio"]), 2),
                )
                for _, row in rows.iterrows()
            ),
        )
    yield Table(
        title=f"The first quantity by reading: {found.plan.words[found.headline]}",
        heads=("Reading", "Worlds right", "Blocks may be off", "Below 0", "Below 0, off"),
        rows=tuple(
            (
                str(row["reading"]).replace("_", " "),
                *(_range(row, of) for of in ("", "_discrepancy")),
                *(fixed(float(row[name]), 2) for name in ("below_0", "below_0_discrepancy")),
            )
            for _, row in found.table[found.table["key"] == found.headline].iterrows()
        ),
    )


def _range(row: pd.Series, of: str) -> str:
    middle, low, high = (fixed(float(row[name + of]), 2) for name in ("mean", "low", "high"))
    return f"{middle} ({low} to {high})"


def _readings(found: Inference) -> Iterator[Block]:
    yield Table(
        title="Nearest world, emulator and probability of each reading",
        heads=("Reading", "Numbers", "Mean z²", "p", "Axes", "R²", "Effective draws", "Probability"),
        rows=tuple(
            (
                str(row.words),
                *(count(row.results), fixed(row.mean_z2, 2), p_value(row.p), count(row.axes)),
                *(fixed(row.r2, 2), count(row.effective_discrepancy), fixed(row.weight, 2)),
            )
            for row in found.reading_table.itertuples()
        ),
    )
    wide = found.off.pivot(index="block", columns="reading", values="off")
    labels = dict(zip(found.reading_table["reading"], found.reading_table["words"], strict=True))
    yield Table(
        title="By how many standard deviations each block is off (0.8 before the results)",
        heads=("Block", *labels.values()),
        rows=tuple(
            (found.plan.blocks[block], *(fixed(float(wide.loc[block, name]), 1) for name in labels))
            for block in dict.fromkeys(found.off["block"])
        ),
    )


def _influence(found: Inference) -> Iterator[Table]:
    rows = found.influence[found.influence["key"] == found.headline]
    names = found.plan.blocks
    yield Table(
        title=f"Mean ± SD of {found.plan.words[found.headline]}, most probable reading",
        heads=("Without", "Worlds right", "Blocks may be off"),
        rows=tuple(
            (
                names.get(str(row["dropped"]), str(row["dropped"])),
                *(
                    f"{fixed(row[f'mean{of}'], 2)} ± {fixed(row[f'sd{of}'], 2)}"
                    for of in ("", "_discrepancy")
                ),
            )
            for _, row in rows.iterrows()
        ),
    )


def _conflicts(found: Inference) -> Table:
    return Table(
        title="The pairs of results that lie farthest from every world",
        heads=("One", "Other", "Squared distance", "p", "p for all"),
        rows=tuple(
            (row.one, row.other, fixed(row.distance, 1), p_value(row.p), p_value(row.p_all))
            for row in found.conflicts[found.conflicts["reading"] == found.leading].head(MOST).itertuples()
        ),
    )


def _coverage(found: Inference) -> Table:
    wide = found.coverage.pivot(index="key", columns="level", values="covered")
    errors = found.coverage.drop_duplicates("level").set_index("level")["mcse"]
    return Table(
        title="Share of replicates whose interval holds the truth, in %",
        heads=("", *(f"{100 * level:.0f}% ± {100 * errors[level]:.0f}" for level in wide.columns)),
        rows=tuple(
            (found.plan.words[key], *(fixed(100 * float(wide.loc[key, level]), 0) for level in wide.columns))
            for key in found.names
        ),
    )


def files_of_inference(found: Inference) -> dict[str, bytes]:
    """Return the report and the figures by their paths."""
    figures = inference_figures(found)
    page = inference_page(found, figures)
    return {"report.html": page.html.encode()} | files_of(figures, "figures")
