"""How people call their columns and values, in English and Japanese: the words that guesses rest on."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_WRITING = re.compile(r"[^\W\d_A-Za-z]+|[A-Za-z0-9]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_LATIN = re.compile(r"[a-z]")


@lru_cache(maxsize=4096)
def parts_of(name: str) -> tuple[str, ...]:
    """Return the parts of a column's name in small letters.

    Examples
    --------
    >>> parts_of("DEATH_EVENT"), parts_of("currentSmoker"), parts_of("visit12")
    (('death', 'event'), ('current', 'smoker'), ('visit12',))
    """
    usual = unicodedata.normalize("NFKC", name)
    return tuple(part.casefold() for word in _WRITING.findall(usual) for part in _HUMPS.split(word) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What columns of a role are called.

    Attributes
    ----------
    parts
        Words that say it wherever they stand in a name.
    names
        Words that say it only where they are the whole name.
    ends, starts
        What a part of the name may end or begin with; a number may follow.
    never
        Words beside which it is something else.
    """

    parts: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    ends: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    never: frozenset[str] = frozenset()

    def strength(self, name: str) -> int:
        """Return 0 where a name does not say it, and up to 3 the more plainly it does."""
        parts = parts_of(name)
        bare = tuple(part.rstrip("0123456789") for part in parts)
        if any(word in part for part in parts for word in self.never if not _LATIN.search(word)):
            return 0
        if self.never & {*parts, *bare}:
            return 0
        whole = "_".join(parts)
        if whole in self.parts or whole in self.names:
            return 3
        if self.parts & {*parts, *bare} or any(self._in_writing(part) for part in parts):
            return 2
        ended = any(part.endswith(self.ends) for part in bare) if self.ends else False
        begun = any(part.startswith(self.starts) for part in parts) if self.starts else False
        return int(ended or begun)

    def _in_writing(self, part: str) -> bool:
        """Return whether a part without spaces between its words, as in Japanese, holds one of the words."""
        return not _LATIN.search(part) and any(word in part for word in self.parts if not _LATIN.search(word))


_SAID: Mapping[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def _words(said: Mapping[str, str]) -> Words:
    """Return the words of one role, those that make it something of before the treatment among `never`."""
    texts = {key: said.get(key, "").split() for key in ("parts", "names", "ends", "starts", "never")}
    earlier = _SAID["earlier"].split() if said.get("earlier") is not None else []
    return Words(
        parts=frozenset(texts["parts"]),
        names=frozenset(texts["names"]),
        ends=tuple(texts["ends"]),
        starts=tuple(texts["starts"]),
        never=frozenset((*texts["never"], *earlier)),
    )


COLUMNS: Mapping[str, Words] = {role: _words(said) for role, said in _SAID["columns"].items()}
"""Role → what columns of it are called."""
BESIDE_CLUSTER = frozenset(_SAID["columns"]["cluster"]["beside"].split())
"""What may stand in a name beside the words for a cluster."""
UNITS: Mapping[str, frozenset[str]] = {unit: frozenset(text.split()) for unit, text in _SAID["units"].items()}
"""Unit of time → words for it."""
UNTREATED, EVENT, NO_EVENT = (frozenset(_SAID["values"][key]) for key in ("untreated", "event", "no_event"))
_NEGATION = re.compile(r"(?:no|non|not|without|un|without any|非|未)[\s_-]*(.+)")
_DAY = re.compile(
    r"(?:day|d|week|wk|month|mo)(\d+)|(\d+)(?:d|days?|wk|weeks?|mo|months?|日目?|週|か月|ヶ月|カ月|ヵ月)"
)


def day_in(name: str) -> int:
    """Return the day, week or month that a name speaks of, 0 where it does not.

    Examples
    --------
    >>> day_in("score_day3"), day_in("event_28d"), day_in("d_value")
    (3, 28, 0)
    """
    parts = [*parts_of(name), *(a + b for a, b in zip(parts_of(name), parts_of(name)[1:], strict=False))]
    found = (_DAY.fullmatch(part) for part in parts)
    return next((int(one[1] or one[2]) for one in found if one), 0)


def untreated_of(values: tuple[str, ...]) -> str | None:
    """Return the one of two values that obviously is the untreated one.

    Examples
    --------
    >>> untreated_of(("drug A", "placebo")), untreated_of(("A", "B")), untreated_of(("No X", "X"))
    ('placebo', None, 'No X')
    """
    plain = {value: value.strip().casefold() for value in values}
    named = [value for value in values if plain[value] in UNTREATED]
    if not named:
        named = [value for value in values if _denies(plain[value], set(plain.values()))]
    return named[0] if len(named) == 1 else None


def _denies(value: str, others: set[str]) -> bool:
    found = _NEGATION.fullmatch(value)
    return found is not None and found[1] in others


def event_of(values: tuple[str, ...]) -> str | None:
    """Return the one of two values that obviously is the event.

    Examples
    --------
    >>> event_of(("survived", "died")), event_of(("1", "2"))
    ('died', None)
    """
    plain = {value: value.strip().casefold() for value in values}
    events = [value for value in values if plain[value] in EVENT]
    others = [value for value in values if plain[value] in NO_EVENT]
    if len(events) == 1:
        return events[0]
    left = [value for value in values if value not in others]
    return left[0] if len(others) == 1 and len(left) == 1 and not events else None
