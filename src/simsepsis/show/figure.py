"""A figure: its words, the numbers that it shows, and how it is drawn."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsepsis.files import write_files
from simsepsis.show.lettering import make_legible
from simsepsis.show.style import house_style
from simsepsis.spreadsheet import csv_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing
    from pandas import DataFrame

    from simsepsis.study.layout import Layout

Drawn = tuple[bytes, bytes, tuple[str, ...]]
PNG_DPI = 160
# Without these, both formats carry the moment of writing or the library's version in their bytes.
_OPTIONS: dict[str, dict[str, Any]] = {
    # The same pixels in 4% more bytes, and twice as quick as the usual level of 6.
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Figure:
    """A figure, drawn when its files are asked for, and once.

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
    draw
        Returns the drawing.
    data
        The numbers that are drawn, one row per mark.
    """

    name: str
    draw: Callable[[], Drawing]
    data: DataFrame
    title: str = ""
    caption: str = ""
    alt: str = ""
    kind = "figure"

    @cached_property
    def drawn(self) -> Drawn:
        """The drawing as PNG and SVG, and the words in it that no font has, numbered."""
        with house_style():
            drawing = self.draw()
            numbered = make_legible(drawing)
            return _saved(drawing, "png"), _saved(drawing, "svg"), tuple(numbered)

    def take(self, drawn: Drawn) -> None:
        """Keep what another process has drawn."""
        vars(self)["drawn"] = drawn

    @property
    def full_caption(self) -> str:
        """Return the caption with the words that stand as numbers in the drawing."""
        numbered = self.drawn[2]
        key = f" In the drawing, numbers stand for words without a font: {'; '.join(numbered)}."
        return self.caption + (key if numbered else "")

    @property
    def files(self) -> dict[str, bytes]:
        """Return file name → content: the drawing twice and its numbers, each time the same bytes."""
        png, svg, _ = self.drawn
        csv = csv_bytes(self.data, float_format="%.10g", lineterminator="\n")
        return {f"{self.name}.png": png, f"{self.name}.svg": svg, f"{self.name}.csv": csv}

    @property
    def uri(self) -> str:
        """Return the drawing as the address of a picture that stands in the page itself."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.drawn[1]).decode('ascii')}"

    def save(self, folder: Path | str) -> tuple[Path, ...]:
        """Write PNG, SVG and CSV into a folder, made if it does not exist; return their paths."""
        return write_files(folder, self.files)


def written(figures: Iterable[Figure], layout: Layout) -> tuple[Figure, ...]:
    """Return figures whose numbers call the arms as a study's files do; parameters: they, and its layout."""
    return tuple(replace(figure, data=layout.written(figure.data)) for figure in figures)


def files_of(figures: Iterable[Figure], folder: str = "figures") -> dict[str, bytes]:
    """Return file name → content of several figures."""
    return {f"{folder}/{name}": data for figure in figures for name, data in figure.files.items()}


def _saved(drawing: Drawing, kind: str) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A letter that the chosen font has in one weight only: a box says as much as a warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        drawing.savefig(buffer, format=kind, dpi=PNG_DPI, **_OPTIONS[kind])
    return buffer.getvalue()
