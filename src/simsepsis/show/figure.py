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
    """A figure, drawn when one of its formats is asked for, and once.

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
    def _drawing(self) -> Drawing:
        with house_style():
            return self.draw()

    @cached_property
    def numbered(self) -> tuple[str, ...]:
        """The words in the drawing that no font has, numbered; it is legible from here on."""
        with house_style():
            return tuple(make_legible(self._drawing))

    @cached_property
    def png(self) -> bytes:
        """The drawing as PNG."""
        return _saved(self, "png")

    @cached_property
    def svg(self) -> bytes:
        """The drawing as SVG, which is what a page shows."""
        return _saved(self, "svg")

    @property
    def drawn(self) -> Drawn:
        """The drawing in both formats, and its words without a font."""
        return self.png, self.svg, self.numbered

    def take(self, drawn: Drawn) -> None:
        """Keep what another process has drawn."""
        vars(self).update(zip(("png", "svg", "numbered"), drawn, strict=True))

    @property
    def full_caption(self) -> str:
        """Return the caption with the words that stand as numbers in the drawing."""
        key = f" In the drawing, numbers stand for words without a font: {'; '.join(self.numbered)}."
        return self.caption + (key if self.numbered else "")

    @property
    def files(self) -> dict[str, bytes]:
        """Return file name → content: the drawing twice and its numbers, each time the same bytes."""
        csv = csv_bytes(self.data, float_format="%.10g", lineterminator="\n")
        return {f"{self.name}.png": self.png, f"{self.name}.svg": self.svg, f"{self.name}.csv": csv}

    @property
    def uri(self) -> str:
        """Return the drawing as the address of a picture that stands in the page itself."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg).decode('ascii')}"

    def save(self, folder: Path | str) -> tuple[Path, ...]:
        """Write PNG, SVG and CSV into a folder, made if it does not exist; return their paths."""
        return write_files(folder, self.files)


def written(figures: Iterable[Figure], layout: Layout) -> tuple[Figure, ...]:
    """Return figures whose numbers call the arms as a study's files do; parameters: they, and its layout."""
    return tuple(replace(figure, data=layout.written(figure.data)) for figure in figures)


def files_of(figures: Iterable[Figure], folder: str = "figures") -> dict[str, bytes]:
    """Return file name → content of several figures."""
    return {f"{folder}/{name}": data for figure in figures for name, data in figure.files.items()}


def _saved(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    with house_style(), warnings.catch_warnings():
        # A letter that the chosen font has in one weight only: a box says as much as a warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        _ = figure.numbered
        figure._drawing.savefig(buffer, format=kind, dpi=PNG_DPI, **_OPTIONS[kind])
    return buffer.getvalue()
