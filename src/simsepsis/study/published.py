"""A study opened by its name or folder: everything that was published of it, and how to simulate it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsepsis.documents import is_file, read_toml, refuse_unknown
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.names import check_name
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
    world
        Name of the scenario that is meant to be what happened; empty where there is none.
    package
        Python package that it is installed as; empty for a folder.

    Examples
    --------
    >>> study = open_study("jseptic-ivigg")
    >>> study.variables["apache2"].label
    'APACHE II'
    """

    name: str
    title: str
    folder: Path
    also: tuple[str, ...] = ()
    world: str = ""
    package: str = ""

    @property
    def key(self) -> str:
        """Return what `open_study` finds it by: its name, or the path of a folder that is not installed."""
        return self.name if self.package else str(self.folder)

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

        Parameters
        ----------
        corrected
            If True, `printed` holds the corrected value where the audit proves a misprint or a number
            computed from one. The correction is derived from the other printed numbers, never stored.

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
        values = corrections(self.numbers)
        keys = list(printed[list(Key._fields)].itertuples(index=False, name=None))
        replaced = [key in values for key in keys]
        numbers = [values.get(key, number) for key, number in zip(keys, printed["printed"], strict=True)]
        return printed.assign(printed=numbers, corrected=replaced)

    def audit(self) -> pd.DataFrame:
        """Return every printed number that does not fit the others, as `audit_printed`."""
        from simsepsis.study.auditing import audit_printed

        return audit_printed(self.numbers)

    def literature(self) -> pd.DataFrame:
        """Return the numbers that the study quotes from other work, or assumes: `LITERATURE_COLUMNS`."""
        from simsepsis.study.printed import read_numbers

        return read_numbers(self.folder / "literature.csv", LITERATURE_COLUMNS)

    @cached_property
    def spec(self) -> AnalysisSpec:
        """Return the analysis in its literal reading."""
        spec: AnalysisSpec = _opened("analysis.spec", "study_spec")(self)
        return spec

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """Return the ways to read the study's methods, the literal one first."""
        readings: tuple[Reading, ...] = _opened("analysis.readings", "load_readings")(
            self.folder / "readings.toml"
        )
        return readings

    def scenario(self, name: str) -> Any:
        """Return one of the study's worlds."""
        return _opened("world.files", "load_scenario")(self._file("scenarios", name))

    def experiment(self, name: str) -> Plan:
        """Return one of the study's experiments."""
        plan: Plan = _opened("experiment", "load_plan")(self._file("experiments", name))
        return plan

    def trial(self, name: str) -> TrialProtocol:
        """Return one of the study's trials."""
        protocol: TrialProtocol = _opened("trial.protocol", "load_trial")(self._file("experiments", name))
        return protocol

    def module(self, name: str) -> Any:
        """Return a module of the study's own code, None where it has none of that name."""
        if not self.package or not is_file(self.folder / f"{name}.py"):
            return None
        return import_module(f"{self.package}.{name}")

    def _file(self, kind: str, name: str) -> str | Path:
        """Return the study's own file of a name, and the name itself where it is left to be looked up."""
        own = self.folder / kind / f"{name}.toml"
        return own if is_file(own) or self.name != DEFAULT else name


def open_study(name_or_path: str | Path | Study | None = None) -> Study:
    """Return a study by its name, or from a folder with a ``study.toml``.

    Parameters
    ----------
    name_or_path
        A name of `study_names`, or the path of a folder; None: the study of IVIgG in sepsis.

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
    return _open(DEFAULT if name_or_path is None else str(name_or_path))


@cache
def _open(name: str) -> Study:
    if is_file(Path(name) / "study.toml"):
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


@cache
def _read(folder: Path, package: str = "") -> Study:
    path = folder / "study.toml"
    document = read_toml(path, UsageError)
    known = [item.name for item in fields(Study) if item.name not in ("folder", "package")]
    refuse_unknown(document, known, str(path), UsageError)
    for key in ("name", "title"):
        if not isinstance(document.get(key), str):
            raise UsageError(f'{path}: {key} is missing or no text; write {key} = "…"')
    try:
        check_name(document["name"])
    except ValueError as error:
        raise UsageError(f"{path}: name = {error}") from error
    also = tuple(document.get("also", ()))
    return Study(
        name=document["name"],
        title=document["title"],
        also=also,
        world=document.get("world", ""),
        folder=folder,
        package=package,
    )


def _opened(module: str, name: str) -> Any:
    """Return what opens a part of a study; the rooms above this one are entered when a part is asked for."""
    return getattr(import_module(f"simsepsis.{module}"), name)


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
