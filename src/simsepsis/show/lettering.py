"""Letters of every script: a font that has them, or a number that the caption explains."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontEntry

HOUSE_FONT = "DejaVu Sans"
"""Comes with matplotlib, so that figures look the same on every machine."""
_PREFERRED = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "IPAexGothic",
    "IPAGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "Meiryo",
    "MS Gothic",
    "Noto Sans CJK SC",
    "Noto Sans CJK KR",
    "PingFang SC",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Arial Unicode MS",
)
"""Sans-serif fonts of East Asian scripts, asked before all others."""
_NO_LETTERS = ("last resort", "lastresort", "adobe blank", "emoji", "symbol", "unifont")
"""Fonts that show boxes or pictures, or that matplotlib cannot draw as outlines."""
_JOINED = ((0x0900, 0x0EFF), (0x0F00, 0x109F), (0x1780, 0x18AF))
"""Scripts whose letters change shape beside others: Indic, Thai, Tibetan, Burmese, Khmer, Mongolian."""


def make_legible(figure: Figure) -> tuple[str, ...]:
    """Give every text of a figure letters that can be drawn, and return the words behind numbers."""
    from matplotlib.text import Text

    numbers: dict[str, int] = {}
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            _rewrite_ticks(axis, numbers)
    for text in figure.findobj(Text):
        words, fonts = _written(text.get_text(), numbers)
        if fonts is not None:
            text.set_text(words)
            text.set_fontfamily(fonts)
    return tuple(f"[{number}] {words}" for words, number in numbers.items())


def _rewrite_ticks(axis: Axis, numbers: dict[str, int]) -> None:
    """Fix the labels of an axis that names things; those of numbers are left to matplotlib."""
    shown = [_written(label.get_text(), numbers) for label in axis.get_ticklabels()]
    used = [fonts for _, fonts in shown if fonts]
    if used:
        axis.set_ticks(axis.get_ticklocs(), [words for words, _ in shown])
        axis.set_tick_params(labelfontfamily=max(used, key=len))


def _written(text: str, numbers: dict[str, int]) -> tuple[str, list[str] | None]:
    """Return a text as it can be drawn and the fonts for it; None where the house font has every letter."""
    if (text.isascii() and text.isprintable()) or all(_at_home(letter) for letter in text):
        return text, None
    fonts, lacking = _fonts_for(text)
    return _numbered(_plain(text), lacking, numbers), [HOUSE_FONT, *fonts]


def _at_home(letter: str) -> bool:
    drawn = ord(letter) in _house_letters() and not _invisible(letter) and not _needs_shaping(letter)
    return drawn or letter == "\n"


def _plain(text: str) -> str:
    """Return a text without invisible marks, with blanks for what controls a printer."""
    shown = (" " if unicodedata.category(letter) == "Cc" and letter != "\n" else letter for letter in text)
    return "".join(letter for letter in shown if not _invisible(letter))


def _invisible(letter: str) -> bool:
    return unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f"


def _fonts_for(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the installed fonts that have what the house font lacks, and the letters that none can draw."""
    letters = {letter for letter in text if not letter.isspace() and not _invisible(letter)}
    shaped = {letter for letter in letters if _needs_shaping(letter)}
    lacking = {letter for letter in letters - shaped if ord(letter) not in _house_letters()}
    fonts: list[str] = []
    for entry in _candidates() if lacking else ():
        found = {letter for letter in lacking if ord(letter) in _letters_in(entry.fname)}
        if found:
            fonts.append(entry.name)
            lacking -= found
        if not lacking:
            break
    return tuple(fonts), frozenset(shaped | lacking)


def _needs_shaping(letter: str) -> bool:
    """Return whether a letter is written from the right or joins its neighbours: no font does that alone."""
    code = ord(letter)
    return unicodedata.bidirectional(letter) in ("R", "AL") or any(
        low <= code <= high for low, high in _JOINED
    )


@cache
def _house_letters() -> frozenset[int]:
    """Return the letters that the house font has in both of the weights that figures use."""
    from matplotlib.font_manager import FontProperties, findfont

    paths = (findfont(FontProperties(family=HOUSE_FONT, weight=weight)) for weight in ("normal", "bold"))
    return frozenset.intersection(*(_letters_in(path) for path in paths))


@cache
def _letters_in(path: str) -> frozenset[int]:
    """Return the code points that a font file has; none where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def _candidates() -> list[FontEntry]:
    """Return the installed fonts in the order in which they are asked."""
    from matplotlib.font_manager import fontManager

    rank = {name: place for place, name in enumerate(_PREFERRED)}
    usable = (
        entry
        for entry in fontManager.ttflist
        if entry.style == "normal" and not any(part in entry.name.casefold() for part in _NO_LETTERS)
    )
    return sorted(
        usable,
        key=lambda entry: (rank.get(entry.name, len(rank)), entry.name, str(entry.weight), entry.fname),
    )


def _numbered(text: str, lacking: Iterable[str], numbers: dict[str, int]) -> str:
    """Return a text with a number in place of each run of words that cannot be drawn."""
    missing = frozenset(lacking)
    parts = [""]
    for piece in _runs(text, missing):
        run = piece.strip()
        if missing.isdisjoint(piece):
            parts.append(piece)
            continue
        number = numbers.setdefault(run, len(numbers) + 1)
        parts.append(piece.replace(run, f"[{number}]"))
    return "".join(parts)


def _runs(text: str, missing: frozenset[str]) -> Iterator[str]:
    """Yield a text in pieces that can be drawn, and runs of letters that cannot; a blank divides no run."""
    piece, kind = "", False
    for letter in text:
        lacks = letter in missing
        joins = letter == " " or unicodedata.combining(letter) > 0
        if piece and lacks != kind and not (kind and joins):
            yield piece
            piece = ""
        kind = kind if piece and joins else lacks
        piece += letter
    if piece:
        yield piece
