"""The files of one analysis."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.thesis_analysis import Analysis
from simsepsis.files import table_bytes, write_files
from simsepsis.study.layout import Layout
from simsepsis.study.published import open_study


def write_analysis(analysis: Analysis, out: str | Path) -> tuple[Path, ...]:
    """Write the frames of an analysis as CSV files."""
    return write_files(out, analysis_contents(analysis))


def analysis_contents(analysis: Analysis) -> dict[str, bytes]:
    """Return every file of an analysis by its path in the folder."""
    written = layout_of(analysis.result.spec).written
    return {name: table_bytes(Path(name), written(frame)) for name, frame in _frames(analysis).items()}


def layout_of(spec: AnalysisSpec) -> Layout:
    """Return how the files of an analysis call the arms: as its study does, or as anybody's."""
    return Layout() if spec.own else open_study(spec.study).layout


def _frames(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """Return the frame of each file by its path in the folder; what was not analysed has no file."""
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
