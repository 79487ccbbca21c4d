"""A cohort's file, in any of the usual formats, as a frame that has lost nothing the spec may need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa

from simsepsis.analysis.cohort_path import KIND_OF, check_cohort_path, unreadable
from simsepsis.analysis.column_types import typed_columns
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.text_table import read_text_table
from simsepsis.errors import DataError
from simsepsis.spreadsheet import without_marks
from simsepsis.words import plain

_Reader: TypeAlias = Callable[[Path, AnalysisSpec | None], pd.DataFrame]


def read_cohort(path: str | Path, spec: AnalysisSpec | None = None) -> pd.DataFrame:
    """Return the cohort in a file.

    Columns of numbers become numbers; everything else stays as it is written: identifiers with leading
    zeros, levels called ``None``, dates. What was found out about the file is in ``attrs["notes"]``, its name
    in ``attrs["source"]``.

    Parameters
    ----------
    path
        One row per patient, one column per variable: ``.csv``, ``.tsv``, ``.tab`` or ``.txt``, also
        compressed (``.gz``, ``.bz2``, ``.xz``); ``.parquet``; with the extra ``formats`` also Excel
        (``.xlsx``), Stata (``.dta``), SPSS (``.sav``) and R (``.rds``, ``.RData``).
    spec
        Its ``file``, ``missing_codes``, ``patient`` and ``cluster`` say how the file is read.

    Raises
    ------
    DataError
        If the file does not exist, is of another type, cannot be parsed, or has no row.
    """
    path = Path(path)
    kind = check_cohort_path(path)
    try:
        frame = READERS[KIND_OF[kind]](path, spec)
    except OSError as error:
        raise unreadable(path, error) from error
    except ImportError as error:
        raise DataError(
            f"{path}: {kind} files need a package that is not there; write python -m pip install "
            "'simsepsis[formats]'"
        ) from error
    except DataError:
        raise
    except Exception as error:
        # The readers of other formats raise whatever their parsers do.
        reason = (str(error).strip().splitlines() or ["unknown reason"])[0][:80]
        raise DataError(f"{path}: not a valid {kind[1:]} file ({reason}); write it again") from error
    if frame.empty:
        raise DataError(f"{path}: has no rows; give a file with one row per patient")
    found = {"source": plain(path.name), "notes": tuple(map(plain, frame.attrs.get("notes", ())))}
    frame = without_marks(frame)
    frame.attrs = found
    return frame


def _read_text(path: Path, spec: AnalysisSpec | None) -> pd.DataFrame:
    table = read_text_table(path, {} if spec is None else spec.file)
    columns, notes = typed_columns(table, spec)
    frame = pd.DataFrame(columns, copy=False)
    frame.attrs["notes"] = (*table.notes, *notes)
    del table
    pa.default_memory_pool().release_unused()  # else what the text took stays taken
    return frame


def _read_parquet(path: Path, spec: AnalysisSpec | None) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    named = [name for name in frame.index.names if name is not None]
    return frame.reset_index(level=named) if named else frame


def _read_excel(path: Path, spec: AnalysisSpec | None) -> pd.DataFrame:
    sheets = pd.read_excel(
        path, sheet_name=None, header=None, dtype=object, keep_default_na=False, na_values=[""]
    )
    name, cells = _chosen(sheets, spec, path, "sheet")
    written = ["" if pd.isna(cell) else str(cell).strip() for cell in cells.iloc[0]]
    header = [title or f"column {place}" for place, title in enumerate(written, 1)]
    repeated = next((title for place, title in enumerate(header) if title in header[:place]), None)
    if repeated is not None:
        raise DataError(f"{path}: column '{repeated}' stands twice in the header; rename or remove one")
    frame = cells.iloc[1:].set_axis(header, axis=1).reset_index(drop=True).infer_objects()
    frame.attrs["notes"] = (f"The sheet '{name}' was read, one of {len(sheets)}.",) if len(sheets) > 1 else ()
    return frame


def _read_stata(path: Path, spec: AnalysisSpec | None) -> pd.DataFrame:
    return pd.read_stata(path)


def _read_spss(path: Path, spec: AnalysisSpec | None) -> pd.DataFrame:
    return pd.read_spss(path)


def _read_r(path: Path, spec: AnalysisSpec | None) -> pd.DataFrame:
    import pyreadr

    return _chosen(dict(pyreadr.read_r(path)), spec, path, "object")[1]


def _chosen(
    tables: dict[Any, pd.DataFrame], spec: AnalysisSpec | None, path: Path, kind: str
) -> tuple[Any, pd.DataFrame]:
    """Return the table that the spec names, else the first."""
    named = None if spec is None else spec.file.get("sheet")
    if named is None:
        return next(iter(tables.items()))
    if named not in tables:
        known = ", ".join(str(name) for name in tables)
        raise DataError(f"{path}: has no {kind} '{named}'; name one of {known} as file.sheet")
    return named, tables[named]


READERS: dict[str, _Reader] = {
    "text": _read_text,
    "parquet": _read_parquet,
    "excel": _read_excel,
    "stata": _read_stata,
    "spss": _read_spss,
    "r": _read_r,
}
"""Kind of file → what reads it."""
