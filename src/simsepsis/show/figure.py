"""A figure ready to be shown: drawing, words, and the numbers that it draws."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simsepsis.files import write_files
from simsepsis.show.lettering import make_legible
from simsepsis.show.style import in_house_style
from simsepsis.spreadsheet import csv_bytes

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
class RenderedPlate:
    """A plate as the content of files.

    Attributes
    ----------
    name, title, caption, alt
        As in `Plate`.
    png, svg, csv
        The drawing twice, and its numbers.
    """

    name: str
    title: str
    caption: str
    alt: str
    png: bytes
    svg: bytes
    csv: bytes

    @property
    def contents(self) -> dict[str, bytes]:
        """Return file name → content."""
        return {f"{self.name}.png": self.png, f"{self.name}.svg": self.svg, f"{self.name}.csv": self.csv}


def render_plate(plate: Plate) -> RenderedPlate:
    """Draw a plate as PNG and SVG and write its numbers as CSV; the same plate gives the same bytes.

    Parameters
    ----------
    plate
        What to draw.
    """
    numbered = make_legible(plate.figure)
    key = f" In the drawing, numbers stand for words without a font: {'; '.join(numbered)}."
    return RenderedPlate(
        name=plate.name,
        title=plate.title,
        caption=plate.caption + (key if numbered else ""),
        alt=plate.alt,
        png=_drawn(plate.figure, "png"),
        svg=_drawn(plate.figure, "svg"),
        csv=_table(plate.data),
    )


def save_plates(plates: Iterable[RenderedPlate], folder: Path | str) -> tuple[Path, ...]:
    """Write the files of all plates into one folder.

    Parameters
    ----------
    plates
        As returned by `render_plate`.
    folder
        Where; made if it does not exist.

    Raises
    ------
    OutputError
        If a file cannot be written there; then none has been replaced.
    """
    contents: dict[str, bytes] = {}
    for plate in plates:
        contents |= plate.contents
    return write_files(folder, contents)


def save_figure(figure: Figure, path_without_suffix: Path | str, data: DataFrame) -> tuple[Path, ...]:
    """Write one figure as PNG and SVG with its numbers as CSV beside it.

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
        If a file cannot be written there; then none has been replaced.
    """
    stem = Path(path_without_suffix)
    plate = Plate(name=stem.name, title="", caption="", alt="", figure=figure, data=data)
    return write_files(stem.parent, render_plate(plate).contents)


@in_house_style
def _drawn(figure: Figure, kind: str) -> bytes:
    # Without these, both formats carry the moment of writing or the library's version in their bytes.
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A letter that the chosen font has in one weight only: a box says as much as a warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=metadata[kind])
    return buffer.getvalue()


def _table(data: DataFrame) -> bytes:
    return csv_bytes(data, float_format="%.10g", lineterminator="\n")
