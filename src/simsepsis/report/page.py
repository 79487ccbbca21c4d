"""One self-contained HTML file: no network, no script, readable on paper."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from simsepsis.errors import OutputError
from simsepsis.figures.plate import SavedPlate
from simsepsis.report.layout import LaidOutTable


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTable:
    """A table of ready texts.

    Attributes
    ----------
    title
        Caption.
    heads
        Headings of the columns.
    rows
        Texts; the first of each row is its heading.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedFigure:
    """A figure inside the page.

    Attributes
    ----------
    name, title, caption, alt
        As of the plate.
    uri
        The picture itself as a data URI.
    """

    name: str
    title: str
    caption: str
    alt: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproductionPage:
    """What the reproduction report says, in the order of the page.

    Attributes
    ----------
    title, question
        What the page is about, and what was asked.
    answer
        Sentences, computed.
    command
        What to type to get the same page.
    facts
        Term and value: versions, seed, replicates, seconds.
    figures, tables
        Pictures, and the thesis's tables with the simulated numbers.
    failures
        Analyses that failed, with their reasons.
    extras
        Further tables, after the thesis's own.
    """

    title: str
    question: str
    answer: tuple[str, ...]
    command: str
    facts: tuple[tuple[str, str], ...]
    figures: tuple[EmbeddedFigure, ...]
    tables: tuple[LaidOutTable, ...]
    failures: PlainTable
    extras: tuple[PlainTable, ...] = ()


def embed_figures(plates: Sequence[SavedPlate]) -> tuple[EmbeddedFigure, ...]:
    """Read the vector files of saved plates into data URIs.

    Parameters
    ----------
    plates
        As returned by `simsepsis.figures.save_plates`.
    """
    return tuple(
        EmbeddedFigure(
            name=plate.name,
            title=plate.title,
            caption=plate.caption,
            alt=plate.alt,
            uri=f"data:image/svg+xml;base64,{base64.b64encode(plate.svg.read_bytes()).decode('ascii')}",
        )
        for plate in plates
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("simsepsis.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(template: str, page: object) -> str:
    """Return the page as HTML; every text is escaped.

    Parameters
    ----------
    template
        Name of a template of this package, such as ``reproduction.html.j2``.
    page
        What the template shows, under the name ``page``.
    """
    return _environment().get_template(template).render(page=page)


def write_page(html: str, path: Path | str) -> Path:
    """Write the page and return where it stands.

    Parameters
    ----------
    html
        The page.
    path
        File to write; its folder is made if it does not exist.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(html, encoding="utf-8", newline="\n")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"{target}: the report cannot be written ({reason}); choose another folder with --out"
        raise OutputError(message) from error
    return target
