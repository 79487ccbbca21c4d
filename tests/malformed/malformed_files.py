"""Files that nobody should be able to use: valid shipped ones, each spoilt in one systematic way.

`documents` spoils scenarios, experiments, trials and specs; `cohorts` spoils tables of patients. Every case
is a file and the command that is given it; the only right answer is a refusal.
"""

from __future__ import annotations

import datetime
import os
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from toml_text import Raw, changed, document_text, leaves, lists, tables, without

SHIPPED = Path(__file__).parents[2]

FREE_WORDS = ("label", "question", "title", "source", "aims", "data", "estimands", "methods", "performance")
"""Last keys of values that may be any words."""

LONG = "A" * 5_000
SPACED = "ab cd " * 1_000


@dataclass(frozen=True, kw_only=True)
class Malformed:
    """A spoilt file.

    Attributes
    ----------
    name
        What was done to it.
    file
        Its name.
    write
        Makes it, given its path.
    arguments
        What the command is given, the file among it.
    """

    name: str
    file: str
    write: Callable[[Path], object]
    arguments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of document: a good one, and the command that reads it.

    Attributes
    ----------
    name
        What it is called.
    good
        A document without fault.
    command
        The command, with FILE where the file belongs.
    optional
        Paths of keys that a document may lack.
    """

    name: str
    good: dict[str, Any]
    command: tuple[str, ...]
    optional: frozenset[tuple[Any, ...]] = frozenset()

    def given(self, file: str) -> tuple[str, ...]:
        return tuple(file if part == "FILE" else part for part in self.command)

    def case(self, name: str, document: dict[str, Any]) -> Malformed:
        return self.made(name, lambda path: path.write_text(document_text(document), encoding="utf-8"))

    def text(self, name: str, text: str | bytes) -> Malformed:
        content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return self.made(name, lambda path: path.write_bytes(content))

    def made(self, name: str, write: Callable[[Path], object], file: str = "spoilt.toml") -> Malformed:
        return Malformed(name=f"{self.name}: {name}", file=file, write=write, arguments=self.given(file))


def _shipped(folder: str, name: str) -> dict[str, Any]:
    return tomllib.loads((SHIPPED / folder / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def kinds() -> tuple[Kind, ...]:
    """Return the kinds of documents that people write."""
    scenario = _shipped("scenarios", "thesis")
    scenario["treatment"] |= {"late_share": 0.3}
    scenario["icus"] |= {"kind": "sampled", "number": 30}
    scenario["effect"] |= {"measure": "risk_ratio", "value": 0.9}
    trial = _shipped("experiments", "trial-ivigg-conventional")
    trial["name"] = "trial"
    del trial["priors"][2]["bias"]
    spec = _spec()
    return (
        Kind(name="scenario", good=scenario, command=("generate", "FILE", "-o", "c.csv", "--n", "40")),
        Kind(name="experiment", good=_shipped("experiments", "null"), command=("run", "FILE", "--jobs", "1")),
        Kind(name="trial", good=trial, command=("plan", "FILE", "--replicates", "0", "--jobs", "1")),
        Kind(name="spec", good=spec, command=("analyze", "good.csv", "--spec", "FILE", "--out", "out")),
    )


def _spec() -> dict[str, Any]:
    return {
        "name": "own",
        "treatment": "ivigg",
        "outcomes": ["hospital_death"],
        "covariates": ["age", "male", "apache2", "infection_site"],
        "cluster": "icu_id",
        "patient": "patient_id",
        "adjuncts": ["low_dose_steroid"],
        "durations": ["icu_days"],
        "survival_time": "hospital_days",
        "survival_event": "hospital_death",
        "censoring": "discharge",
        "rmst_horizon": 28.0,
        "caliper": 0.2,
        "caliper_sd": "overall",
        "scale": "logit",
        "order": "random",
        "second_score": "added",
        "correlation": "exchangeable",
        "cox_adjusted": False,
        "min_adjunct_users": 5,
        "subgroups": [{"name": "old", "column": "age", "at_least": 70.0}],
        "columns": {"apache2": "apache2"},
        "recode": {"male": {"0": 0, "1": 1}},
        "levels": {"infection_site": ["abdomen", "lung", "urinary"]},
        "missing": {"age": "complete"},
        "labels": {"age": "Age"},
    }


WRONG_NUMBERS: dict[str, Any] = {
    "true": True,
    "text": "0.5",
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "1e300": 1e300,
    "-1e300": -1e300,
    "31 digits": 10**30,
    "5000 digits": Raw("9" * 5_000),
    "hexadecimal": Raw("0x" + "F" * 6_000),
    "date": datetime.date(2019, 4, 1),
    "time": datetime.time(12, 30),
    "list": [0.5],
    "table": {"value": 0.5},
    "empty text": "",
}
WRONG_WORDS: dict[str, Any] = {
    "number": 1,
    "fraction": 0.5,
    "true": True,
    "date": datetime.date(2019, 4, 1),
    "list": ["a"],
    "table": {"a": "b"},
    "nan": float("nan"),
}
WRONG_CHOICES: dict[str, Any] = {
    **WRONG_WORDS,
    "unknown": "nonsense",
    "upper case": "NONSENSE",
    "long": LONG,
    "spaced": SPACED,
    "markup": "[/x][bold]",
    "NUL": "a\0b",
    "escape": "\x1b[31mred",
    "newline": "a\nb",
}
WRONG_SWITCHES: dict[str, Any] = {"number": 1, "text": "true", "yes": "yes", "list": [True], "fraction": 1.0}
WRONG_LISTS: dict[str, Any] = {"number": 1, "text": "a", "true": True, "table": {"a": 1}, "nested": [[["a"]]]}
WRONG_TABLES: dict[str, Any] = {"number": 1, "text": "a", "true": True, "list of numbers": [1, 2]}


def _wrong(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return what is not a value of this kind."""
    if isinstance(value, bool):
        return WRONG_SWITCHES
    if isinstance(value, int):
        return {**WRONG_NUMBERS, "fraction": 1.5, "negative": -7}
    if isinstance(value, int | float):
        return WRONG_NUMBERS
    return WRONG_WORDS if _free(path) else WRONG_CHOICES


def _free(path: tuple[Any, ...]) -> bool:
    parts = [part for part in path if isinstance(part, str)]
    words = any(part in ("words", "ademp", "labels") for part in parts)
    return words or parts[-1] in (*FREE_WORDS, "name", "solved_for")


def values(kind: Kind) -> Iterator[Malformed]:
    """Yield documents with one value of another kind than it must be."""
    for path, value in leaves(kind.good):
        for name, wrong in _wrong(path, value).items():
            if not _allowed(kind, path, name):
                yield kind.case(f"{_told(path)} is {name}", changed(kind.good, path, wrong))
    for path in lists(kind.good):
        for name, wrong in WRONG_LISTS.items():
            yield kind.case(f"{_told(path)} is {name}", changed(kind.good, path, wrong))
    for path in tables(kind.good)[1:]:
        for name, wrong in WRONG_TABLES.items():
            yield kind.case(f"{_told(path)} is {name}", changed(kind.good, path, wrong))


def _allowed(kind: Kind, path: tuple[Any, ...], wrong: str) -> bool:
    """Return whether a change is none: an empty text stands for no column, a label's number is a cell's."""
    if kind.name == "spec":
        # any column may be named, a level may be called anything, a value may be recoded to anything finite
        return path[0] in ("recode", "columns", "levels") or (path[0] == "caliper" and wrong == "empty text")
    return False


def keys(kind: Kind) -> Iterator[Malformed]:
    """Yield documents with a key too many, one too few, or one spelled otherwise."""
    for path in tables(kind.good):
        if kind.name == "spec" and path and path[0] in ("recode", "columns", "levels", "labels", "missing"):
            continue
        if path[-1:] in (("accept",), ("where",)):
            continue
        yield kind.case(f"{_told(path)} has an unknown key", changed(kind.good, (*path, "colour"), 1))
        yield kind.case(f"{_told(path)} has an unknown table", changed(kind.good, (*path, "x y"), {"a": 1}))
    for path, value in leaves(kind.good):
        if path[-1] == 0 or not isinstance(path[-1], str) or path[-1].upper() == path[-1]:
            continue
        if kind.name == "spec" and path[0] in ("recode", "columns", "levels", "labels", "missing"):
            continue
        if path[0] == "accept":
            continue
        spoilt = changed(without(kind.good, path), (*path[:-1], path[-1].upper()), value)
        yield kind.case(f"{_told(path)} in capitals", spoilt)


REQUIRED = {
    "scenario": (
        *(("patients", name) for name in ("ivigg_share", "continuous", "route", "loadings", "labs")),
        *(("patients", "continuous", name) for name in ("age", "weight_kg", "apache2", "wbc", "platelets")),
        ("patients", "continuous", "age", "family"),
        ("patients", "continuous", "age", "ivigg"),
        ("patients", "continuous", "weight_kg", "high"),
        *(("patients", "route", name) for name in ("er", "ward", "transfer")),
        *(("patients", "infection_site", name) for name in ("abdomen", "unknown")),
        ("patients", "blood_culture", "positive"),
        ("patients", "microorganism", "virus"),
        ("patients", "binary", "male"),
        ("patients", "binary", "warfarin"),
        ("patients", "ordinal", "sofa_cv_day1"),
        ("patients", "labs", "lactate"),
        ("patients", "labs", "lactate", "median"),
        ("patients", "loadings", "age"),
        ("patients", "loadings", "male"),
        (
            "patients",
            "source_control",
        ),
        ("treatment", "intercept"),
        *(("course", name) for name in ("icu_death", "risk", "persistence")),
        ("course", "icu_death", "intercept"),
        *(("supports", name) for name in ("ventilator", "vasopressor", "rrt")),
        ("supports", "rrt", "ever"),
        ("supports", "rrt", "ever", "intercept"),
        ("supports", "rrt", "days", "intercept"),
        *(("adjuncts", name) for name in ("pmx", "rrt", "rrt_nonrenal", "iabp")),
        ("adjuncts", "pmx", "intercept"),
        *(("transfusions", name) for name in ("rbc", "ffp", "platelet")),
        ("transfusions", "rbc", "units", "intercept"),
        ("transfusions", "rbc", "pack"),
        ("icus", "roster"),
        ("icus", "roster", "size"),
        ("icus", "roster", "death"),
        ("scores", "slope"),
        ("observation",),
        ("observation", "incomplete_day1"),
    ),
    "experiment": (
        *((name,) for name in ("question", "ademp", "world", "run")),
        *(("ademp", name) for name in ("aims", "data", "estimands", "methods", "performance")),
        ("world", "base"),
        *(("run", name) for name in ("methods", "estimands", "replicates", "seed")),
        ("cells", 0, "name"),
        ("figures", 0, "kind"),
        ("answers", 0, "kind"),
    ),
    "trial": (
        *((name,) for name in ("question", "world", "arms", "endpoint", "effect")),
        ("world", "base"),
        *(("arms", 0, name) for name in ("name", "grams")),
        ("endpoint", "name"),
        *(("effect", name) for name in ("scale", "value")),
        *(("priors", 0, name) for name in ("name", "weight", "estimate", "low", "high", "scale")),
    ),
    "spec": (
        *((name,) for name in ("treatment", "outcomes", "covariates", "survival_time", "survival_event")),
        *(("subgroups", 0, name) for name in ("name", "column", "at_least")),
    ),
}
"""Keys that no document of a kind can do without."""


def missing(kind: Kind) -> Iterator[Malformed]:
    """Yield documents without a key that they need."""
    for path in REQUIRED[kind.name]:
        yield kind.case(f"{_told(path)} is missing", without(kind.good, path))


NESTED = {
    "lists": "x = " + "[" * 30_000,
    "closed lists": "x = " + "[" * 5_000 + "]" * 5_000,
    "tables": "x = " + "{a=" * 5_000 + "1" + "}" * 5_000,
    "dotted": "x" + ".a" * 3_000 + " = 1",
    "headers": "[x" + ".a" * 3_000 + "]",
    "hundred": "x" + ".a" * 100 + " = 1",
}
SYNTAX = {
    "empty": "",
    "blank": " \n\t\n",
    "comment": "# nothing\n",
    "no value": "name = \n",
    "no quotes": "name = thesis\n",
    "open quotes": 'name = "thesis\n',
    "open list": "x = [1, 2\n",
    "open table": "[x\n",
    "JSON": '{"name": "thesis"}',
    "YAML": "name: thesis\n- a\n",
    "INI": "name; thesis\n",
    "HTML": "<html><script>alert(1)</script></html>",
    "tab in key": "na\tme = 1",
    "NUL": 'name = "a\0b"',
    "escape character": 'name = "a\x1b[31mb"',
    "bad escape": 'name = "a\\qb"',
    "lone surrogate": 'name = "\\ud800"',
    "leading zero": "n = 0123",
    "comma number": "n = 1,5",
    "percent": "n = 5%",
    "bad date": "n = 2019-13-45",
    "carriage returns only": 'name = "a"\rn = 1\r',
}
BYTES = {
    "UTF-16": 'name = "a"\n'.encode("utf-16"),
    "UTF-16 without mark": 'name = "a"\n'.encode("utf-16-le"),
    "UTF-32": 'name = "a"\n'.encode("utf-32"),
    "latin-1": 'label = "Ménière"\n'.encode("latin-1"),
    "cp932": 'label = "敗血症"\n'.encode("cp932"),
    "all bytes": bytes(range(256)),
    "zeros": bytes(4_096),
    "zip": b"PK\x03\x04" + bytes(200),
    "parquet": b"PAR1" + bytes(100) + b"PAR1",
    "gzip": b"\x1f\x8b\x08" + bytes(100),
}


HUGE = {
    "list of 50 MB": (b"zz = [", b"1,", 25_000_000, b"]\n"),
    "comment of 20 MB": (b"# ", b"x", 20_000_000, b"\n"),
    "text of 5 MB": (b'zz = "', b"x", 5_000_000, b'"\n'),
    "200,000 unknown tables": (b"", b"[[k]]\n", 200_000, b"\n"),
}


def _write_huge(path: Path, good: bytes, start: bytes, middle: tuple[bytes, int], end: bytes) -> None:
    path.write_bytes(good + start + middle[0] * middle[1] + end)


def syntax(kind: Kind) -> Iterator[Malformed]:
    """Yield files that are no TOML, or TOML that goes too far."""
    good = document_text(kind.good)
    for name, text in (NESTED | SYNTAX).items():
        yield kind.text(f"file is {name}", text)
    for name, content in BYTES.items():
        yield kind.text(f"file is {name}", content)
    first = next(iter(kind.good))
    yield kind.text("key twice", f"{good}{first} = 1\n")
    yield kind.text("table twice", f"{good}[zz]\na = 1\n[zz]\na = 2\n")
    yield kind.text("key with other escapes twice", f'{good}"zz" = 1\n"\\u007az" = 2\n')
    for nested in ("lists", "tables", "dotted", "hundred"):
        yield kind.text(f"nested {nested} after a good start", f"{good}{NESTED[nested]}\n")
    yield kind.text("cut in the middle", good[: len(good) // 2].rstrip() + ' "')
    yield kind.text("zeros at the end", good.encode() + bytes(512))
    for name, (start, part, times, end) in HUGE.items():
        parts = (good.encode(), start, (part, times), end)
        yield kind.made(name, lambda path, parts=parts: _write_huge(path, *parts))
    for name, key in {
        "NUL": "a\0b",
        "escape": "\x1b[2J",
        "long": LONG,
        "empty": "",
        "markup": "[/x]",
    }.items():
        yield kind.case(f"key is {name}", {**kind.good, key: 1})


def places(kind: Kind) -> Iterator[Malformed]:
    """Yield what stands where a file should."""
    yield kind.made("folder", lambda path: path.mkdir())
    yield kind.made("no file", lambda path: None)
    yield kind.made("link to nothing", lambda path: path.symlink_to("nothing.toml"))
    yield kind.made("link to itself", lambda path: path.symlink_to(path.name))
    yield kind.made("pipe", lambda path: os.mkfifo(path))
    yield kind.made("endless device", lambda path: path.symlink_to("/dev/zero"))
    yield kind.made("name of 300 letters", lambda path: None, file="a" * 300 + ".toml")
    yield kind.made("name of 5000 letters", lambda path: None, file="a" * 5_000)
    yield kind.made("markup in the name", lambda path: path.write_text("x = ["), file="[/x][red].toml")
    yield kind.made("escape in the name", lambda path: path.write_text("x = ["), file="\x1b[31m.toml")
    yield kind.made("newline in the name", lambda path: path.write_text("x = ["), file="a\nb.toml")
    yield kind.made("no suffix, unknown", lambda path: None, file="nonsense")
    yield kind.made("suffix of another kind", lambda path: None, file="spoilt.yaml")
    yield kind.made("shipped, out of the folder", lambda path: None, file="../scenarios/../scenarios/null")
    yield kind.made("shipped, in capitals", lambda path: None, file="NULL")
    yield kind.made("empty", lambda path: None, file="")
    yield kind.made("dots", lambda path: None, file="..")


NAMES = {
    "outside": "../../outside",
    "absolute": "/outside",
    "parent": "..",
    "here": ".",
    "empty": "",
    "blank": "   ",
    "slash": "a/b",
    "backslash": "a\\b",
    "drive": "C:\\a",
    "NUL character": "a\0b",
    "newline": "a\nb",
    "tab": "a\tb",
    "escape": "a\x1b[31mb",
    "long": "a" * 300,
    "very long": LONG,
    "dot at the end": "a.",
    "space at the end": "a ",
    "space in front": " a",
    "hidden": ".a",
    "option": "--help",
    "reserved": "CON",
    "reserved, lower case": "nul",
    "reserved with suffix": "com1.toml",
    "star": "a*b",
    "question mark": "a?b",
    "pipe": "a|b",
    "less": "a<b>",
    "quotes": 'a"b',
    "markup": "[/x]",
    "script": "<script>alert(1)</script>",
    "formula": "=1+1",
    "full width slash": "a／b",
    "fraction slash": "a⁄b",
    "division slash": "a∕b",
    "full width letters": "ｎｕｌｌ",
    "dot leader": "a․b",
    "direction": "a\u202eb",
    "no width": "a\u200bb",
    "two scripts": "p\u0430ypal",
    "not composed": "e\u0301a",
    "number": 1,
    "true": True,
    "list": ["a"],
    "dollar": "$x_1$",
    "home": "~root",
    "variable": "$HOME",
    "two spaces": "a  b",
}


def names(kind: Kind) -> Iterator[Malformed]:
    """Yield documents whose own name, or that of a part that names files, is none."""
    for name, text in NAMES.items():
        yield kind.case(f"name is {name}", {**kind.good, "name": text})


def documents() -> Iterator[Malformed]:
    """Yield every spoilt document."""
    from malformed_meanings import meanings

    for kind in kinds():
        for family in (values, keys, missing, syntax, places, names):
            yield from family(kind)
        yield from meanings(kind)


def _told(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path)) or "document"
