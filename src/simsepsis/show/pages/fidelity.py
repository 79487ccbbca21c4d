"""The page of a fitted world: what does not fit comes first, then everything beside its source."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.fitting.fidelity import PART
from simsepsis.show.figure import Figure
from simsepsis.show.figure import files_of as figure_files
from simsepsis.show.page import Bullets, Page, Section, how_made
from simsepsis.show.plots.fidelity import fidelity_figures
from simsepsis.show.table import Table
from simsepsis.spreadsheet import csv_bytes

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.fitting.fidelity import Fidelity

MOST = 12
"""Rows of a table of what lies farthest apart; the files have all."""

DETECTED = 0.6
"""Area under the curve above which a classifier tells the world from its source."""


def fidelity_files(found: Fidelity, *, command: str, seed: int) -> dict[str, bytes]:
    """Return file name → content of all that ``simsepsis fit`` writes about how the world fits."""
    figures = fidelity_figures(found, version=version("simsepsis"))
    page = fidelity_page(found, figures, command=command, seed=seed)
    tables = {
        f"tables/{name}.csv": csv_bytes(frame, float_format="%.10g", lineterminator="\n")
        for name, frame in found.tables.items()
    }
    return tables | figure_files(figures) | {"report.html": page.html.encode()}


def misfits(found: Fidelity) -> list[str]:
    """Return what does not fit, the farthest first, one sentence each; all that fits is not mentioned."""
    return [*_wide_margins(found), *_wide_pairs(found), *_outside(found), *_detected(found)]


def _wide_margins(found: Fidelity) -> Iterator[str]:
    rows = _farthest(found.margins)
    rows = rows.loc[rows["difference"].abs() > PART]
    for row in rows.head(MOST).itertuples(index=False):
        level = f", {row.level}" if row.level else ""
        arm = f" in the {row.arm} arm" if row.arm else ""
        yield (
            f"{row.variable}{level}: {row.synthetic:.3g} in the world, {row.real:.3g} in the source{arm} "
            f"({row.difference:+.2f} SD)."
        )


def _wide_pairs(found: Fidelity) -> Iterator[str]:
    rows = _farthest(found.pairs)
    for row in rows.loc[rows["difference"].abs() > PART].head(MOST).itertuples(index=False):
        yield f"{row.first} with {row.second}: correlation {row.synthetic:.2f} for {row.real:.2f}."


def _outside(found: Fidelity) -> Iterator[str]:
    for row in found.quantities.loc[~found.quantities["inside"]].itertuples(index=False):
        yield (
            f"{row.quantity}: {row.real:.3g} in the source, {row.low:.3g} to {row.high:.3g} in the "
            "world's cohorts."
        )
    for row in found.estimates.loc[~found.estimates["inside"].astype(bool)].itertuples(index=False):
        yield (
            f"{row.method}, {row.estimand}: {row.real:.3g} in the source, {row.low:.3g} to {row.high:.3g} "
            "in the world's cohorts."
        )


def _detected(found: Fidelity) -> Iterator[str]:
    worst = dict(zip(("one column", "two columns"), found.detection.worst, strict=True))
    for row in found.detection.frame.itertuples(index=False):
        if row.auc > DETECTED:
            which = f" ({worst[row.what]})" if row.what in worst else ""
            yield (
                f"A classifier of {row.what}{which} tells the world from its source: area {row.auc:.2f}; "
                f"{row.null_mean:.2f} between two cohorts of the world."
            )


def _farthest(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.loc[frame["difference"].abs().sort_values(ascending=False).index]


def fidelity_page(found: Fidelity, figures: list[Figure], *, command: str, seed: int) -> Page:
    """Return the page."""
    wrong = misfits(found)
    profile = found.world.profile
    answer = (
        f"{profile.patients:,} patients, {len(profile.columns)} covariates; every number in the profile "
        f"rests on {profile.minimum} patients or more.",
        _distances(found),
        f"{int(found.estimates['inside'].sum())} of {len(found.estimates)} estimates of the study's own "
        "analysis lie inside the world's 95%.",
        f"{len(wrong)} things do not fit; they are listed first." if wrong else "Nothing stands out.",
    )
    by_name = {figure.name: figure for figure in figures}
    return Page(
        kind="fidelity",
        title=f"World fitted to {profile.source}",
        question="How like its source is this world?",
        heading="In short",
        answer=answer,
        sections=(
            Section("misfits", "What does not fit", (Bullets(wrong or ["Nothing found."]),)),
            Section("decided", "What was decided", (Bullets(found.world.notes or ("Nothing special.",)),)),
            Section("analysis", "The study's own analysis on both", (_estimates(found),)),
            Section(
                "numbers",
                "Score, events, clusters",
                (_quantities(found), *_of(by_name, "overlap", "events", "clusters")),
            ),
            Section("margins", "Margins", (*_of(by_name, "margins"), _margins(found))),
            Section("dependence", "Dependence", (_pairs(found), _detection(found))),
            how_made(command, (("Seed", str(seed)), *versions().items())),
        ),
    )


def _distances(found: Fidelity) -> str:
    """Return how far margins and correlations are apart, in one sentence."""
    farthest = found.margins["difference"].abs().max()
    if not len(found.pairs):
        return f"Largest difference of a margin {farthest:.2f} SD."
    apart = found.pairs["difference"].abs().mean()
    return f"Largest difference of a margin {farthest:.2f} SD; correlations differ by {apart:.3f} on average."


def _of(figures: dict[str, Figure], *names: str) -> tuple[Figure, ...]:
    return tuple(figures[name] for name in names if name in figures)


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _estimates(found: Fidelity) -> Table:
    rows = tuple(
        (
            f"{row.method}: {row.estimand}",
            _number(row.real),
            _number(row.synthetic),
            f"{_number(row.low)} to {_number(row.high)}",
        )
        for row in found.estimates.itertuples(index=False)
    )
    return Table(
        title="Estimates in the source and in the world's cohorts",
        heads=("Method and estimand", "Source", "World, mean", "95% of cohorts"),
        rows=rows,
    )


def _quantities(found: Fidelity) -> Table:
    return Table(
        title="Quantities that no single column shows",
        heads=("Quantity", "Source", "World, mean", "95% of cohorts"),
        rows=tuple(
            (
                str(row.quantity),
                _number(row.real),
                _number(row.synthetic),
                f"{_number(row.low)} to {_number(row.high)}",
            )
            for row in found.quantities.itertuples(index=False)
        ),
    )


def _margins(found: Fidelity) -> Table:
    rows = _farthest(found.margins).head(MOST).itertuples(index=False)
    return Table(
        title=f"The {MOST} margins farthest apart; tables/margins.csv has all",
        heads=("Column", "Arm", "Source", "World", "Difference (SD)"),
        rows=tuple(
            (
                f"{row.variable}{f', {row.level}' if row.level else ''}",
                str(row.arm),
                _number(row.real),
                _number(row.synthetic),
                _number(row.difference),
            )
            for row in rows
        ),
    )


def _pairs(found: Fidelity) -> Table:
    rows = _farthest(found.pairs).head(MOST).itertuples(index=False)
    return Table(
        title=f"The {MOST} correlations farthest apart; tables/pairs.csv has all",
        heads=("Columns", "Source", "World", "Difference"),
        rows=tuple(
            (f"{row.first}, {row.second}", _number(row.real), _number(row.synthetic), _number(row.difference))
            for row in rows
        ),
    )


def _detection(found: Fidelity) -> Table:
    return Table(
        title="Can a classifier tell? Area under its curve, 0.5 for no",
        heads=(
            "It sees",
            "World against source",
            "World against world, mean",
            "World against world, largest",
        ),
        rows=tuple(
            (str(row.what), f"{row.auc:.3f}", f"{row.null_mean:.3f}", f"{row.null_high:.3f}")
            for row in found.detection.frame.itertuples(index=False)
        ),
    )
