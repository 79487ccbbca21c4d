"""A study opened by its name or folder: everything that was published of it, and how to simulate it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsepsis.documents import is_file, read_toml, refuse_unknown, shipped_folder
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.names import check_name
from simsepsis.rooms import opened
from simsepsis.study.layout import Layout, read_layout
from simsepsis.study.variables import Variables, read_variables
from simsepsis.study.wording import wording_of
from simsepsis.words import shown
from simsepsis.words.labels import Wording

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.analysis.readings import Reading
    from simsepsis.analysis.spec import AnalysisSpec
    from simsepsis.experiment.plan import Plan
    from simsepsis.study.printed import Printed
    from simsepsis.trial.protocol import TrialProtocol

DEFAULT = "jseptic-ivigg"
"""The study that stands where none is named."""
GROUP = "simsepsis.studies"
"""Entry points under which other packages offer studies: name → package whose folder has a ``study.toml``."""
STUDY_FILE = "study.toml"
_WATCHED = (STUDY_FILE, "variables.csv", "analysis.toml", "tables/layout.toml")
"""Files of a folder that a user may change between two calls."""
LISTS = ("also", "words")
"""Keys of ``study.toml`` that list texts."""
HALVES_COLUMNS = ("table", "variable", "level", "half")
LITERATURE_COLUMNS = ("source", "quantity", "printed", "text", "unit", "note")


@dataclass(frozen=True, kw_only=True)
class Study:
    """A published study as a value.

    Attributes
    ----------
    name, title
        Key, and words for people.
    folder
        Where its files lie: ``study.toml``, ``variables.csv``, ``analysis.toml``, ``tables/``.
    also
        Other names that it goes by.
    words
        What nobody says who does not speak of this study: drugs, scores, devices.
    world
        Name of the scenario that is meant to be what happened; empty where there is none.
    cohort
        Path of the file of its patients, from the folder; empty where there is none.
    called
        How sentences call it.
    stay
        Column of the days during which alone the treatment starts; empty where there is none.
    package
        Python package that it is installed as; empty for a folder.
    stamp
        When the files of a folder were changed, so that it is read again after that.

    Examples
    --------
    >>> study = open_study("jseptic-ivigg")
    >>> len(study.variables.of("outcome"))
    4
    """

    name: str
    title: str
    folder: Path
    also: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    world: str = ""
    cohort: str = ""
    called: str = "the study"
    stay: str = ""
    package: str = ""
    stamp: tuple[int, ...] = ()

    @property
    def patients(self) -> Path:
        """Return the path of the file of its patients."""
        if not self.cohort:
            raise UsageError(
                f'{self.folder / STUDY_FILE}: names no cohort; write cohort = "…" with the path of its '
                "file, from there"
            )
        return self.folder / self.cohort

    @property
    def key(self) -> str:
        """Return what `open_study` finds it by: its name, or the path of a folder that is not installed."""
        return self.name if self.package else str(self.folder)

    @property
    def has_starts(self) -> bool:
        """Return whether its treatment starts at a time of its own."""
        return bool(self.stay or self.spec.start)

    @cached_property
    def variables(self) -> Variables:
        """Return the data dictionary."""
        return read_variables(self.folder / "variables.csv")

    @cached_property
    def layout(self) -> Layout:
        """Return how the printed tables are laid out."""
        return read_layout(self.folder / "tables" / "layout.toml")

    @cached_property
    def wording(self) -> Wording:
        """Return the words for variables, quantities and named analyses."""
        return wording_of(self.variables, self.layout)

    @cached_property
    def setting_names(self) -> dict[str, str]:
        """Return the words for settings of the study's scenarios, by dotted key."""
        path = self.folder / "settings.toml"
        return read_toml(path, UsageError) if is_file(path) else {}

    @cached_property
    def halves(self) -> dict[tuple[str, str, str], bool]:
        """Return for rows of tables (table, variable, level) whether a random draw keeps them from fitting.

        Empty where the study has no ``halves.csv``.
        """
        from simsepsis.study.printed import read_numbers

        path = self.folder / "halves.csv"
        if not is_file(path):
            return {}
        frame = read_numbers(path, HALVES_COLUMNS)
        rows = zip(*(frame[name] for name in HALVES_COLUMNS), strict=True)
        return {(table, variable, level): half == "held_out" for table, variable, level, half in rows}

    @cached_property
    def _tables(self) -> pd.DataFrame:
        from simsepsis.study.printed import read_tables

        return read_tables(self.folder / "tables", self.variables, self.layout)

    @cached_property
    def numbers(self) -> Printed:
        """Return every printed number by its key."""
        return self.numbers_of(self._tables)

    def numbers_of(self, frame: pd.DataFrame) -> Printed:
        """Return the numbers of a frame in the form of `printed`, by their keys."""
        from simsepsis.study.printed import Printed, cells_of

        return Printed(cells=cells_of(frame), variables=self.variables, layout=self.layout)

    def printed(self, *, corrected: bool = False) -> pd.DataFrame:
        """Return every number of the study's tables and results text, one row per number.

        Returns
        -------
        DataFrame
            `table, variable, level, statistic, phase, arm` (the key, unique), `printed` (the number),
            `text` (the string in print, never corrected), `bound` (``"<"`` for an upper bound such as
            p <0.001, stored as 0.001), `decimals`, and `corrected` (True where `printed` was replaced).
        """
        from simsepsis.study.auditing import corrections
        from simsepsis.study.layout import Key

        printed = self._tables.assign(corrected=False)
        if not corrected:
            return printed
        values = corrections(self._findings)
        keys = list(printed[list(Key._fields)].itertuples(index=False, name=None))
        replaced = [key in values for key in keys]
        numbers = [values.get(key, number) for key, number in zip(keys, printed["printed"], strict=True)]
        return printed.assign(printed=numbers, corrected=replaced)

    def audit(self) -> pd.DataFrame:
        """Return every printed number that does not fit the others, as `audit_printed`."""
        return self._findings.copy()

    @cached_property
    def _findings(self) -> pd.DataFrame:
        from simsepsis.study.auditing import audit_printed

        return audit_printed(self.numbers)

    def literature(self) -> pd.DataFrame:
        """Return the numbers that the study quotes from other work, or assumes: `LITERATURE_COLUMNS`."""
        from simsepsis.study.printed import read_numbers

        return read_numbers(self.folder / "literature.csv", LITERATURE_COLUMNS)

    @cached_property
    def spec(self) -> AnalysisSpec:
        """Return the analysis in its literal reading."""
        spec: AnalysisSpec = opened("analysis.spec_files", "study_spec")(self)
        return spec

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """Return the ways to read the study's methods, the literal one first."""
        readings: tuple[Reading, ...] = opened("analysis.readings", "load_readings")(
            self.folder / "readings.toml"
        )
        return readings

    @cached_property
    def joint_readings(self) -> tuple[Reading, ...]:
        """Return the readings that join several others, by which a fit is judged beside them."""
        found: tuple[Reading, ...] = opened("analysis.readings", "load_joint_readings")(
            self.folder / "readings.toml", self.readings
        )
        return found

    def scenario(self, name: str | Path) -> Any:
        """Return one of the study's worlds, by its name or from a file."""
        return opened("world.files", "load_scenario")(self.place("scenarios", name))

    def experiment(self, name: str | Path) -> Plan:
        """Return one of the study's experiments, by its name or from a file."""
        plan: Plan = opened("experiment", "load_plan")(self.place("experiments", name))
        return plan

    def trial(self, name: str | Path) -> TrialProtocol:
        """Return one of the study's trials, by its name or from a file."""
        protocol: TrialProtocol = opened("trial.protocol", "load_trial")(self.place("trials", name), self.key)
        return protocol

    def files(self, kind: str) -> dict[str, Path]:
        """Return the study's files of a kind, ``scenarios``, ``experiments`` or ``trials``, by name.

        Trials stand among the experiments or in a folder of their own, which comes first.
        """
        kinds = ("experiments", "trials") if kind == "trials" else (kind,)
        folders = (shipped_folder(one) if self.name == DEFAULT else self.folder / one for one in kinds)
        return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}

    def check(self) -> pd.DataFrame:
        """Return what is decided, doubtful and wrong in the study's cohort, as `check_study`."""
        found: pd.DataFrame = opened("analysis.checking.check", "check_study")(self)
        return found

    def place(self, kind: str, name: str | Path) -> str | Path:
        """Return the file of a name of `files`; a path, and a name of the default study, as they are."""
        if self.name == DEFAULT or Path(name).suffix == ".toml":
            return name
        known = self.files(kind)
        if str(name) not in known:
            has = did_you_mean(str(name), known) or f"; it has {', '.join(known) or 'none'}"
            raise UsageError(f"study '{self.name}' has no {kind.removesuffix('s')} {shown(str(name))}{has}")
        return known[str(name)]

    def module(self, name: str) -> Any:
        """Return a module of the study's own code, None where it has none of that name."""
        if not self.package or not is_file(self.folder / f"{name.replace('.', '/')}.py"):
            return None
        return import_module(f"{self.package}.{name}")


def open_study(name_or_path: str | Path | Study | None = None) -> Study:
    """Return a study by its name, or from a folder with a ``study.toml``.

    Parameters
    ----------
    name_or_path
        A name of `study_names`, or the path of a folder; None: `DEFAULT`.

    Raises
    ------
    UsageError
        If there is no such study, or its ``study.toml`` cannot be taken.

    Examples
    --------
    >>> open_study().name
    'jseptic-ivigg'
    """
    if isinstance(name_or_path, Study):
        return name_or_path
    name = DEFAULT if name_or_path is None else str(name_or_path)
    found = opened_before(name)
    if found.package or found.stamp == _stamp(found.folder):
        return found
    opened_before.cache_clear()
    _read.cache_clear()
    return opened_before(name)


def is_study(folder: str | Path) -> bool:
    """Return whether a path is that of a study's folder."""
    return is_file(Path(folder) / STUDY_FILE)


@cache
def opened_before(name: str) -> Study:
    """Return a study as it was when `open_study` last looked at its files, for those who ask often."""
    if is_study(name):
        return _read(Path(name))
    for folder, package in _shipped():
        study = _read(folder, package)
        if name in (study.name, *study.also):
            return study
    offered = _installed()
    if name in offered:
        return _read(Path(str(files(offered[name]))), offered[name])
    known = study_names()
    near = did_you_mean(name, known) or f"; known are {', '.join(known)}"
    raise UsageError(f"study {shown(name)} is unknown{near}, or give a folder that has a study.toml")


def _shipped() -> Iterator[tuple[Path, str]]:
    """Yield folder and package of each study that comes with simsepsis."""
    for file in sorted((Path(str(files("simsepsis"))) / "studies").glob("*/study.toml")):
        yield file.parent, f"simsepsis.studies.{file.parent.name}"


def study_names() -> list[str]:
    """Return the names of the studies that are shipped or installed."""
    shipped = [_read(folder, package).name for folder, package in _shipped()]
    return [*shipped, *(name for name in _installed() if name not in shipped)]


def _installed() -> dict[str, str]:
    """Return the package of each study that another package offers, by its name."""
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=GROUP)}


def _stamp(folder: Path) -> tuple[int, ...]:
    """Return when the files of a folder were last changed, 0 for one that is not there."""
    paths = (folder / name for name in _WATCHED)
    return tuple(path.stat().st_mtime_ns if is_file(path) else 0 for path in paths)


@cache
def _read(folder: Path, package: str = "") -> Study:
    path = folder / STUDY_FILE
    stamp = () if package else _stamp(folder)
    document = read_toml(path, UsageError)
    known = [item.name for item in fields(Study) if item.name not in ("folder", "package", "stamp")]
    refuse_unknown(document, known, str(path), UsageError)
    for key, value in {"name": None, "title": None, **document}.items():
        listed = key in LISTS
        texts = value if listed and isinstance(value, list) else [None] if listed else [value]
        if not all(isinstance(text, str) for text in texts):
            example = f'{key} = ["…"]' if listed else f'{key} = "…"'
            raise UsageError(f"{path}: {key} is missing or no text; write {example}")
    try:
        check_name(document["name"])
    except ValueError as error:
        raise UsageError(f"{path}: name = {error}") from error
    lists = {key: tuple(document.get(key, ())) for key in LISTS}
    return Study(**document | lists, folder=folder, package=package, stamp=stamp)


def audit(study: str | Path | Study | None = None) -> pd.DataFrame:
    """Return every printed number of a study that does not fit the other printed numbers.

    Parameters
    ----------
    study
        As in `open_study`.

    Returns
    -------
    DataFrame
        As `simsepsis.study.auditing.audit_printed`.

    Examples
    --------
    >>> audit("jseptic-ivigg")["verdict"].iloc[0]
    'misprint'
    """
    return open_study(study).audit()


def audit_thesis() -> pd.DataFrame:
    """Return the `audit` of the study that stands where none is named."""
    return audit()
