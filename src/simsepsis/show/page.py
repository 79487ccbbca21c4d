"""A page of blocks as one self-contained HTML file: no network, no script, readable on paper."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import merge
from importlib.resources import files
from typing import NamedTuple

import jinja2

from simsepsis.documents import is_file, read_toml
from simsepsis.errors import UsageError
from simsepsis.show.figure import Figure
from simsepsis.show.table import Table
from simsepsis.study.published import Study
from simsepsis.words import plain

Line = tuple[str, tuple[str, ...]]
"""A sentence with those below it."""


class Aside(NamedTuple):
    """A remark in small letters."""

    text: str
    kind: str = "aside"


class Command(NamedTuple):
    """What to type."""

    text: str
    kind: str = "command"


class Bullets(NamedTuple):
    """Sentences, one below the other."""

    items: Sequence[str | Line]
    small: bool = False
    kind: str = "bullets"


class Terms(NamedTuple):
    """Terms with what they mean, or with their values."""

    pairs: Sequence[tuple[str, str]]
    style: str = "glossary"
    kind: str = "terms"


Block = str | Aside | Command | Bullets | Terms | Table | Figure
"""What a section shows; a text is a paragraph."""


class Section(NamedTuple):
    """A part of a page with its heading.

    Attributes
    ----------
    anchor, title
        What links name, and the heading.
    blocks
        From top to bottom.
    link
        The heading in the table of contents, where it is another.
    lang, style
        Language and style of the section, where they are not those of the page.
    """

    anchor: str
    title: str
    blocks: Sequence[Block]
    link: str = ""
    lang: str = ""
    style: str = ""

    @property
    def tables(self) -> tuple[Table, ...]:
        """Return its tables."""
        return tuple(block for block in self.blocks if isinstance(block, Table))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page says, in its order.

    Attributes
    ----------
    kind
        Of which kind it is, such as ``experiment``.
    title, question
        What it is about, and what was asked.
    answer
        Sentences, computed; they stand at the top.
    heading, aside
        Above and below the answer.
    preface
        Sections above the table of contents.
    sections
        The others.
    """

    kind: str
    title: str
    question: str
    answer: tuple[str | Line, ...]
    sections: tuple[Section, ...]
    heading: str = "Answer"
    aside: str = ""
    preface: tuple[Section, ...] = ()

    def __getitem__(self, anchor: str) -> Section:
        """Return the section of an anchor."""
        return {section.anchor: section for section in (*self.preface, *self.sections)}[anchor]

    @property
    def html(self) -> str:
        """Return the file; every text is escaped, and what nobody sees is spelled out."""
        text = _environment().get_template("page.html.j2").render(page=self)
        return plain(text.lstrip(), keep="\n\t")


def how_made(command: str, facts: Iterable[tuple[str, str]], *between: str) -> Section:
    """Return the section that says how to get the same page."""
    return Section("made", "How it was made", (Command(command), *between, Terms(tuple(facts), "facts")))


def glossary(kind: str, study: Study | None = None) -> Section:
    """Return the terms that a kind of page explains at its end, those of the study it is about among them."""
    terms = list(_terms().get(kind, {}).items())
    if study is not None:
        named = {"called": study.called, "treatment": study.layout.short_arms.get("treated", "the treatment")}
        path = study.folder / "glossary.toml"
        own = read_toml(path, UsageError).get(kind, {}) if is_file(path) else {}
        known = [(term, words.format_map(named)) for term, words in terms]
        terms = list(merge(known, own.items(), key=lambda term: term[0].casefold()))
    return Section("glossary", "Glossary", (Terms(tuple(terms)),))


@cache
def _terms() -> Mapping[str, Mapping[str, str]]:
    text = files("simsepsis.show").joinpath("templates", "glossary.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("simsepsis.show"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
