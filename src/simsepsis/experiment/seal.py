"""Files that a run trusts carry a seal: where they belong, the mark of their run, and a checksum of all."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

SEAL = re.compile(rb'simsepsis seal (\["[^\n]*?"\]) ([0-9a-f]{16})')
BLANK = "0" * 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a file says of itself.

    Attributes
    ----------
    place
        Its name within the run folder.
    mark
        Of the run that wrote it.
    whole
        Whether not a bit has changed since.
    """

    place: str
    mark: str
    whole: bool


def open_seal(place: str, mark: str) -> str:
    """Return the text of a seal that `close_seal` closes; it holds ASCII on one line only."""
    return f"simsepsis seal {json.dumps([place, mark])} {BLANK}"


def close_seal(content: bytes) -> bytes:
    """Return a file that has one open seal with the checksum of all its bytes filled in."""
    (found,) = SEAL.finditer(content)
    return content[: found.start(2)] + _checksum(content) + content[found.end(2) :]


def seal_of(content: bytes) -> Seal | None:
    """Return the seal of a file; None where it has none that can be read."""
    found = SEAL.search(content)
    if found is None:
        return None
    try:
        place, mark = json.loads(found[1])
    except ValueError:
        return None
    blank = content[: found.start(2)] + BLANK.encode() + content[found.end(2) :]
    return Seal(place=str(place), mark=str(mark), whole=found[2] == _checksum(blank))


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest()[:16].encode()
