"""A figure ready to be shown: drawing, words, and the numbers that it draws."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simsepsis.errors import OutputError
from simsepsis.figures.style import in_house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

PNG_DPI = 160


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plate:
    """A figure with the words and the numbers that belong to it.

    Attributes
    ----------
    name
        File name without suffix.
    title
        One line for people.
    caption
        What is drawn, with scenario, replicates, seed and version.
    alt
        The message of the figure for a reader who cannot see it.
    figure
        The drawing.
    data
        The numbers that are drawn, one row per mark.
    """

    name: str
    title: str
    caption: str
    alt: str
    figure: Figure
    data: DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlate:
    """A plate on disk, and what a page needs to show it.

    Attributes
    ----------
    name, title, caption, alt
        As in `Plate`.
    png, svg, csv
        The files written.
    """

    name: str
    title: str
    caption: str
    alt: str
    png: Path
    svg: Path
    csv: Path


@in_house_style
def _rendered(figure: Figure, kind: str) -> bytes:
    # Without these, both formats carry the moment of writing or the library's version in their bytes.
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=metadata[kind])
    return buffer.getvalue()


def save_figure(figure: Figure, path_without_suffix: Path | str, data: DataFrame) -> tuple[Path, Path, Path]:
    """Write a figure as PNG and SVG with its numbers as CSV beside it; the same input gives the same bytes.

    Parameters
    ----------
    figure
        The drawing.
    path_without_suffix
        Folder and name; the folder is made if it does not exist.
    data
        The numbers that are drawn.

    Returns
    -------
    png, svg, csv
        The files written.

    Raises
    ------
    OutputError
        If a file cannot be written there.
    """
    stem = Path(path_without_suffix)
    png, svg, csv = (stem.with_name(f"{stem.name}.{suffix}") for suffix in ("png", "svg", "csv"))
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        png.write_bytes(_rendered(figure, "png"))
        svg.write_bytes(_rendered(figure, "svg"))
        data.to_csv(csv, index=False, float_format="%.10g", lineterminator="\n")
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"{stem}: the figure cannot be written ({reason.lower()}); choose another folder with --out"
        raise OutputError(message) from error
    return png, svg, csv


def save_plates(plates: Iterable[Plate], folder: Path | str) -> tuple[SavedPlate, ...]:
    """Write every plate into one folder under its own name.

    Parameters
    ----------
    plates
        What to write.
    folder
        Where; made if it does not exist.

    Raises
    ------
    OutputError
        If a file cannot be written there.
    """
    return tuple(_save_plate(plate, Path(folder)) for plate in plates)


def _save_plate(plate: Plate, folder: Path) -> SavedPlate:
    png, svg, csv = save_figure(plate.figure, folder / plate.name, plate.data)
    return SavedPlate(
        name=plate.name,
        title=plate.title,
        caption=plate.caption,
        alt=plate.alt,
        png=png,
        svg=svg,
        csv=csv,
    )
