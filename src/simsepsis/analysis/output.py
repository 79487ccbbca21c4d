"""The files of one analysis."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from simsepsis.analysis.thesis_analysis import Analysis
from simsepsis.errors import OutputError


def write_analysis(analysis: Analysis, out: str | Path) -> tuple[Path, ...]:
    """Write the frames of an analysis as CSV files.

    Parameters
    ----------
    analysis
        From `analyze`.
    out
        Folder; made if it does not exist.

    Returns
    -------
    tuple
        The files: ``tables/*.csv``, ``matched_pairs.csv``, ``estimates.csv``.

    Raises
    ------
    OutputError
        If the folder cannot be made or written; then no file has been replaced.

    Notes
    -----
    All files are written beside their places first and moved there together at the end.
    """
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=out) as draft:
            return _written(_frames(analysis), Path(draft), out)
    except OSError as error:
        raise OutputError(
            f"{out}: cannot be written ({error.strerror}); name a folder that you may write"
        ) from error


def _frames(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Return the frame of each file by its path in the folder."""
    extra = {
        "flow": analysis.flow,
        "balance": analysis.balance,
        "scores": analysis.scores,
        "models": analysis.models,
        "survival": analysis.survival,
        "survival_tests": analysis.survival_tests,
    }
    tables = {**analysis.tables, **{name: frame for name, frame in extra.items() if len(frame)}}
    return {
        **{f"tables/{name}.csv": frame for name, frame in tables.items()},
        "matched_pairs.csv": analysis.pairs,
        "estimates.csv": analysis.estimates,
    }


def _written(frames: Mapping[str, pd.DataFrame], draft: Path, out: Path) -> tuple[Path, ...]:
    (draft / "tables").mkdir()
    for name, frame in frames.items():
        frame.to_csv(draft / name, index=False)
    (out / "tables").mkdir(exist_ok=True)
    for name in frames:
        os.replace(draft / name, out / name)
    return tuple(out / name for name in frames)
