"""The one rule for names that become folders and files: experiments, scenarios, trials, specs, studies."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath

from simsepsis.words import shown

LONGEST_NAME = 60
"""Letters of a name at the most; in no writing does it then exceed what file systems take."""

SHAPE = re.compile(r"[^\W_](?:[\w.-]| (?! ))*")
ENDS = (".", " ")
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever follows after a dot."""

ALIKE = frozenset({"LATIN", "GREEK", "CYRILLIC"})
"""Writings that share the look of many letters."""


def check_name(name: str) -> str:
    """Return a name that may become a file or folder on any system.

    Letters and digits of any writing, ``_``, ``-``, ``.`` and single spaces; a letter or digit first;
    neither a dot nor a space last; up to `LONGEST_NAME` letters. Letters stand in their usual form (NFKC: no
    full-width or decomposed ones), and Latin, Greek and Cyrillic ones, which look alike, are not mixed. What
    Windows keeps for devices, such as ``con``, is none.
    """
    fault = _fault(name)
    if fault:
        raise ValueError(f"{shown(name)} {fault}; write letters, digits, '_', '-' or '.', such as 'my-study'")
    return name


def _fault(name: str) -> str:
    """Return what is wrong with a name; nothing where it is right."""
    checks = {
        "is empty": not name.strip(),
        f"has {len(name)} letters, more than {LONGEST_NAME}": len(name) > LONGEST_NAME,
        "does not begin with a letter or digit, or has a character that file names may not have": (
            SHAPE.fullmatch(name) is None
        ),
        "ends in a dot or space": name.endswith(ENDS),
        "is a name that Windows keeps for a device": RESERVED.fullmatch(name) is not None,
        "has letters that only look like the usual ones": unicodedata.normalize("NFKC", name) != name,
        "mixes Latin, Greek or Cyrillic letters, which look alike": len(_writings(name) & ALIKE) > 1,
    }
    return next((fault for fault, wrong in checks.items() if wrong), "")


def _writings(name: str) -> set[str]:
    return {unicodedata.name(letter, "").partition(" ")[0] for letter in name if letter.isalpha()}


def name_from(path: PurePath) -> str:
    """Return the name that a file without one is known by: its own, without the suffix, made fit."""
    try:
        return check_name(path.stem)
    except ValueError:
        usual = unicodedata.normalize("NFKC", path.stem)
        return check_name(re.sub(r"\W+", "-", usual)[:LONGEST_NAME].strip("-_"))
