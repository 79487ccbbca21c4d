"""One self-contained HTML file: no network, no script, readable on paper."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jinja2

from simsepsis.show.figure import RenderedPlate
from simsepsis.show.table import LaidOutTable
from simsepsis.words import plain


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
        Texts; the first of each row is its heading. A row of one text is a heading over those below.
    groups
        Heading over several columns and how many it spans, from the second column on; none by default.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...] = ()
    groups: tuple[tuple[str, int], ...] = ()


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
    answer, details
        Sentences, computed; the answer stands at the top.
    command
        What to type to get the same page.
    facts
        Term and value: versions, seed, replicates, seconds.
    figures, tables
        Pictures, and the thesis's tables with the simulated numbers.
    failures
        Analyses that failed, with their reasons.
    readings
        Sentences on the other readings of the thesis's methods; none where they were not run.
    extras
        Tables of these readings.
    """

    title: str
    question: str
    answer: tuple[str, ...]
    details: tuple[str, ...]
    command: str
    facts: tuple[tuple[str, str], ...]
    figures: tuple[EmbeddedFigure, ...]
    tables: tuple[LaidOutTable, ...]
    failures: PlainTable
    readings: tuple[str, ...] = ()
    extras: tuple[PlainTable, ...] = ()


def embed_figures(plates: Sequence[RenderedPlate]) -> tuple[EmbeddedFigure, ...]:
    """Return the vector drawings of plates as data URIs with their words.

    Parameters
    ----------
    plates
        As returned by `simsepsis.show.plots.render_plate`.
    """
    return tuple(
        EmbeddedFigure(
            name=plate.name,
            title=plate.title,
            caption=plate.caption,
            alt=plate.alt,
            uri=f"data:image/svg+xml;base64,{base64.b64encode(plate.svg).decode('ascii')}",
        )
        for plate in plates
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("simsepsis.show"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(template: str, page: object) -> str:
    """Return the page as HTML; every text is escaped, and what nobody sees is spelled out.

    Parameters
    ----------
    template
        Name of a template of this package, such as ``reproduction.html.j2``.
    page
        What the template shows, under the name ``page``.
    """
    return plain(_environment().get_template(template).render(page=page), keep="\n\t")
