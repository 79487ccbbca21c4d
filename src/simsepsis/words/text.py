"""Words that were read from somewhere, made fit to be shown to somebody."""

from __future__ import annotations

import datetime
import re

LONGEST = 80
"""Letters of a value that a sentence repeats at the most."""

LONGEST_SENTENCE = 900
"""Letters of a sentence at the most, whatever it lists; its end, which says what to do, stays."""

HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, marks that turn the direction of writing, and halves of characters: nobody sees them,
and a terminal, a page or a file may obey them."""

# A closing quote has no blank or bracket before it and a blank behind it, unlike an opening one.
_QUOTED = re.compile(r"""(?<![^\s(\[{=:,])(['"])(?!\s)((?:(?!\1(?!\w)).){81,})\1""")
_UNBROKEN = re.compile(r"[^\s/\\]{81,}")


def plain(text: str, *, keep: str = "") -> str:
    r"""Return words in which what nobody sees is spelled out, such as ``\x1b``."""
    return HIDDEN.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def cut(text: str, length: int = LONGEST) -> str:
    """Return words of no more than some letters, with an ellipsis in place of the rest."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def literal(text: str) -> str:
    """Return words that stand for themselves in a template, whose places are braces."""
    return text.replace("{", "{{").replace("}", "}}")


def shown(value: object) -> str:
    """Return a value as a sentence repeats it: as TOML writes it, and cut to `LONGEST` letters."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    try:
        return cut(plain(repr(value)))
    except ValueError:
        return "a number of thousands of digits"


def one_sentence(text: str) -> str:
    """Return a message on one line, in which no value takes more than `LONGEST` letters."""
    line = plain(" ".join(text.split()))
    line = _QUOTED.sub(lambda found: f"{found[1]}{cut(found[2])}{found[1]}", line)
    line = _UNBROKEN.sub(lambda found: cut(found[0]), line)
    rest = LONGEST_SENTENCE - 2 * LONGEST
    return line if len(line) <= LONGEST_SENTENCE else f"{line[:rest]}…{line[1 - 2 * LONGEST :]}"
