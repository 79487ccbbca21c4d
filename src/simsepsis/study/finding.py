"""One thing that does not fit in the printed tables, with its arithmetic and its likely cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from simsepsis.study.layout import Key
from simsepsis.study.printed import KEY, Cell, Printed

MISPRINT = "misprint"
FOLLOWS = "follows from a misprint"
UNEXPLAINED = "not reproducible from the printed numbers"
ONE_SIDED = "one-sided test"
VERDICTS = {
    MISPRINT: "one number is wrong, and the numbers around it prove which and what it should be",
    FOLLOWS: "rightly computed, but from a number that is itself a misprint",
    UNEXPLAINED: "the printed numbers cannot all be true; which of them is wrong remains open",
    ONE_SIDED: "agrees with the one-sided exact test only",
}
NO_CAUSE = "no likely cause was found"
FINDING_COLUMNS = (
    *KEY,
    "where",
    "printed",
    "recomputed",
    "corrected",
    "verdict",
    "arithmetic",
    "cause",
    "explain",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A printed number that does not fit.

    Attributes
    ----------
    key, cell
        Where it stands, and what stands there.
    recomputed
        What the other printed numbers give, or None where they give no single number.
    corrected
        What it should read, not yet rounded; None where nothing is proven.
    verdict
        One of `VERDICTS`.
    arithmetic, cause
        The sum that does not come out; what probably happened.
    """

    key: Key
    cell: Cell
    verdict: str
    arithmetic: str
    cause: str = NO_CAUSE
    recomputed: float | None = None
    corrected: float | None = None

    @property
    def decimals(self) -> int:
        """Return the digits of a corrected value: p values have three, though a last 0 is not printed."""
        return max(self.cell.decimals, 3) if self.key.statistic == "p_value" else self.cell.decimals

    def explain(self, where: str) -> str:
        """Return the finding as one line of text, its address in words first."""
        better = "" if self.corrected is None else f" It should read {self.corrected:.{self.decimals}f}."
        return f"{where} reads {self.cell.text}, but {self.arithmetic}; {self.cause}.{better}"


def frame_of(findings: Iterable[Finding], cells: Printed) -> pd.DataFrame:
    """Return findings as a table, one row each, columns `FINDING_COLUMNS`."""
    rows = [
        (
            *finding.key,
            cells.where(finding.key),
            finding.cell.text,
            finding.recomputed,
            None if finding.corrected is None else round(finding.corrected, finding.decimals),
            finding.verdict,
            finding.arithmetic,
            finding.cause,
            finding.explain(cells.where(finding.key)),
        )
        for finding in findings
    ]
    frame = pd.DataFrame(rows, columns=list(FINDING_COLUMNS))
    return frame.astype({"recomputed": "float64", "corrected": "float64"})


def repaired(cells: Printed, findings: Iterable[Finding]) -> Printed:
    """Return the numbers with every proven correction in place."""
    right = {finding.key: _corrected(finding) for finding in findings if finding.corrected is not None}
    return replace(cells, cells={**cells, **right})


def _corrected(finding: Finding) -> Cell:
    assert finding.corrected is not None
    text = f"{finding.corrected:.{finding.decimals}f}"
    return Cell(value=float(text), text=text, decimals=finding.decimals)
