"""Documents that people write: TOML that is read with care, and what is wrong with it in one sentence."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsepsis.errors import SimsepsisError, did_you_mean
from simsepsis.words import HIDDEN, shown

if TYPE_CHECKING:
    from pydantic import ValidationError

LARGEST = 1_000_000
"""Bytes of a document at the most; the largest that is shipped has 17,000."""

DEEPEST = 20
"""Tables and lists within one another at the most."""

LARGEST_WHOLE = 2**63
"""Whole numbers of TOML lie below this and not below its negative."""

# Possessive, so that a document without such a key is looked through once.
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_ENDLESS_KEY = re.compile(rf"""(?<![\w"'-])(?:{_PART}\s*+\.\s*+){{{DEEPEST * 2},}}""")

RULES = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text in quotes",
    "list_type": "must be a list in brackets",
    "tuple_type": "must be a list in brackets",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dataclass_type": "must be a table",
}
"""Kind of fault → the rule in words; where none stands here, those of the validation are good enough."""


def shipped_folder(kind: str) -> Path:
    """Return the folder of the data files that come with the package."""
    package = Path(__file__).parent
    inside = package / "shipped" / kind
    return inside if inside.is_dir() else package.parents[1] / kind


def is_file(path: Path) -> bool:
    """Return whether a path is that of a file that can be read to its end; no path is too odd to be asked."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_toml(path: Path, refusal: type[SimsepsisError]) -> dict[str, Any]:
    """Return what a TOML file says."""
    try:
        return deepcopy(_parsed(_text(path)))
    except RecursionError:
        raise refusal(
            f"{path}: is nested too deeply; a document has up to {DEEPEST} tables in one another"
        ) from None
    except OSError as error:
        reason = (error.strerror or "not a readable file").lower()
        raise refusal(f"{path}: cannot be read ({reason}); give the path of a .toml file") from error
    except tomllib.TOMLDecodeError as error:
        raise refusal(f"{path}: cannot be read as TOML ({error}); correct it there") from error
    except ValueError as error:
        raise refusal(f"{path}: {_reason(error)}") from error


@lru_cache(maxsize=32)
def _parsed(text: str) -> dict[str, Any]:
    """Return the document of a text; the worlds of a plan all begin with the same one."""
    if _ENDLESS_KEY.search(text):
        raise RecursionError
    document = tomllib.loads(text)
    _check_parts(document)
    return document


def _reason(error: ValueError) -> str:
    # Python's own sentence about numbers of thousands of digits speaks to programmers.
    digits = "set_int_max_str_digits" in str(error)
    return "holds a number of thousands of digits; write a shorter one" if digits else str(error)


def _text(path: Path) -> str:
    if not is_file(path):
        raise FileNotFoundError(0, "no such file")
    if path.stat().st_size > LARGEST:
        raise ValueError(
            f"has {path.stat().st_size:,} bytes; a document has up to {LARGEST:,}, so shorten it"
        )
    content = path.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError("is written in UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is no text in UTF-8 (byte {error.start + 1}); save it as UTF-8") from None


def _check_parts(document: dict[str, Any]) -> None:
    for place, value, depth in _parts(document):
        if depth > DEEPEST:
            raise RecursionError
        hidden = HIDDEN.search(value.replace("\n", "").replace("\t", "")) if isinstance(value, str) else None
        if hidden is not None:
            raise ValueError(f"{place or 'a key'}: has the character {shown(hidden[0])}; remove it")
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and not -LARGEST_WHOLE <= value < LARGEST_WHOLE:
            raise ValueError(f"{place}: is a whole number beyond 64 bits; write a smaller one")


def _parts(document: dict[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Yield the place, value and depth of everything in a document, keys among them."""
    waiting: list[tuple[str, Any, int]] = [("", document, 0)]
    while waiting:
        place, value, depth = waiting.pop()
        yield place, value, depth
        if isinstance(value, dict):
            yield from ((place, key, depth) for key in value)
            inner: Iterable[tuple[Any, Any]] = value.items()
        else:
            inner = enumerate(value) if isinstance(value, list) else ()
        before = f"{place}." if place else ""
        # deeper places are refused before they are told
        waiting += [(f"{before}{key}" if depth < DEEPEST else "", item, depth + 1) for key, item in inner]


def refuse_unknown(
    document: Mapping[str, Any], known: Iterable[str], place: str, refusal: type[SimsepsisError]
) -> None:
    """Raise unless a table has known keys only."""
    known = list(known)
    for key in document:
        if key not in known:
            raise refusal(f"{place}: {key}: unknown key{did_you_mean(key, known) or '; leave it out'}")


def sentence(error: ValidationError, model: Any, *, remedy: str = "give it", within: str = "") -> str:
    """Return the first fault that validation found, with its place and what to write."""
    faults = error.errors(include_url=False)
    # A key with a spelling mistake is missing too; the unknown one tells why.
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    # Where one of several kinds is possible, validation adds the kind to the place.
    where = ".".join(str(part) for part in (within, *first["loc"]) if part != "" and "[" not in str(part))
    if first["type"] == "extra_forbidden":
        near = did_you_mean(str(first["loc"][-1]), _keys_beside(model, first["loc"]))
        return f"{where}: unknown key{near or '; remove it'}"
    if first["type"] == "missing":
        return f"{where}: missing; {remedy}"
    if first["type"] == "value_error":
        fault = str(first["ctx"]["error"])
        sign = " = " if fault.startswith(shown(first["input"])) else ": "
        return f"{where}{sign if where else ''}{fault}"
    rule = RULES.get(first["type"], first["msg"].lower())
    return f"{where} = {shown(first['input'])}: {rule}; correct the value"


def _keys_beside(model: Any, location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None and not isinstance(part, int):
            return []
        annotation = model if field is None else field.annotation
        inner = [item for item in getattr(annotation, "__args__", ()) if hasattr(item, "model_fields")]
        model = inner[0] if inner else annotation
    return list(getattr(model, "model_fields", {}))


def frozen(value: Any) -> Any:
    """Return a value whose lists, the only arrays that files have, are tuples."""
    if isinstance(value, Mapping):
        return {key: frozen(item) for key, item in value.items()}
    return tuple(map(frozen, value)) if isinstance(value, list) else value
