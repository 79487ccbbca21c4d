"""A study drafted from a printed table: what its rows are, so that worlds can be fitted to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from simsepsis.analysis.drafting.draft import SPEC_FILE, Draft, Named
from simsepsis.analysis.drafting.spec_text import entry, quoted, remark
from simsepsis.analysis.drafting.study_text import comparison_texts, label_of
from simsepsis.analysis.drafting.vocabulary import COLUMNS, untreated_of
from simsepsis.errors import DataError, UsageError, did_you_mean
from simsepsis.names import name_from
from simsepsis.study.layout import ARMS, Arms, Layout
from simsepsis.study.printed import SHORT_COLUMNS, check_printed, read_table
from simsepsis.study.variables import HEADER, Variable, Variables
from simsepsis.words.numbers import listed

WRITTEN = ("variable", "level", "statistic", "phase", "arm", "text")
"""Columns of the table in the study's folder."""
CONTRAST = ("contrast", "")
"""Arms of numbers that are of neither arm."""
SITES = ("clusters", "icc")
"""Statistics of clusters, which stand without an arm."""
COUNTED = {"count", "percent"}
MEMBERS = 12
"""Worlds that the first experiment runs through, as many as `simsepsis fit --printed` makes."""
OUTCOMES = (
    ("outcomes", "counts", False),
    ("numeric_outcomes", "mean and SD, or quartiles", True),
)
"""Key of outcomes in the spec, how they are printed, and whether they are numbers."""
FIRST = Path(__file__).with_name("printed_experiment.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """What a table prints: its frame, its arms, kind and levels of each variable, and what clusters are."""

    frame: pd.DataFrame
    arms: Arms
    kinds: Mapping[str, str]
    levels: Mapping[str, tuple[str, ...]]
    cluster: str | None


def is_printed(path: str | Path) -> bool:
    """Return whether a file is a printed table, a number in each row, and no table of patients."""
    path = Path(path)
    if path.suffix.lower() != ".csv":
        return False
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            header = next(csv.reader(lines), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    return set(SHORT_COLUMNS) <= set(header) and "arm" in header


def draft_printed(path: str | Path, folder: str | Path, named: Named | None = None) -> Draft:
    r"""Return the files of a study of which only a printed table is known.

    Parameters
    ----------
    path
        The table, one number a row: ``variable, level, statistic, phase, arm, text``.
    folder
        Where the study will stand; its name is the study's.
    named
        What is known: treatment, outcomes, and the arm that was treated.

    Raises
    ------
    DataError
        If the table has not two arms, or a row that is no number.
    UsageError
        If a name is not in the table, or what is needed cannot be told from it.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "table1.csv"
    >>> rows = ["n,count,drug,100", "n,count,placebo,120", "age,mean,drug,61.2", "age,sd,drug,9.8"]
    >>> rows += ["age,mean,placebo,58.0", "age,sd,placebo,10.1"]
    >>> rows += ["died,count,drug,20", "died,count,placebo,31"]
    >>> _ = path.write_text("\n".join(["variable,statistic,arm,text", *rows]))
    >>> draft = draft_printed(path, "mine")
    >>> draft.summary[0]
    'Arms: drug (treated) and placebo (control).'
    """
    path, folder, named = Path(path), Path(folder), named or Named()
    try:
        name = name_from(folder.absolute())
    except ValueError as error:
        raise UsageError(f"{folder}: the name of the folder cannot be the study's: {error}") from error
    rows = _rows(path, named)
    treatment = named.treatment or "treatment"
    outcomes = _outcomes(rows, named, path)
    covariates = tuple(variable for variable in rows.kinds if variable not in outcomes)
    if not covariates:
        raise DataError(f"{path.name}: prints outcomes only; add what patients were like before treatment")
    dictionary = _dictionary(rows, treatment, outcomes)
    layout = Layout(arms=rows.arms)
    check_printed(layout.read(rows.frame), Variables(dictionary), layout)
    return Draft(
        files={
            "study.toml": _study_text(name, path),
            "variables.csv": _csv(HEADER, [_row(variable) for variable in dictionary]),
            SPEC_FILE: _spec_text(name, path, treatment, outcomes, covariates, rows),
            f"tables/{path.stem}.csv": _csv(WRITTEN, rows.frame[list(WRITTEN)].to_dict("records")),
            "tables/layout.toml": _layout_text(path.stem, rows.arms),
            "experiments/first.toml": _experiment_text(outcomes[0], rows),
        },
        open=(),
        summary=(
            f"Arms: {rows.arms.treated} (treated) and {rows.arms.control} (control).",
            f"Outcome: {listed(outcomes)}; {len(covariates)} covariates: {listed(covariates, most=6)}.",
            "A number of which nothing negative is printed is taken to begin at 0; variables.csv says low.",
            "No table prints how covariates hang together, or what links them with the outcome: "
            "worlds differ in it, and each answer is a band.",
        ),
    )


def _row(variable: Variable) -> dict[str, str]:
    """Return a row of ``variables.csv``."""
    own = {key: str(getattr(variable, key)) for key in ("name", "label", "role", "kind")}
    low = "" if variable.low is None else f"{variable.low:g}"
    return own | {"levels": "; ".join(variable.level_names), "low": low}


def _rows(path: Path, named: Named) -> _Rows:
    frame = read_table(path)
    if not set(frame["phase"]) & {"before", ""}:
        raise DataError(f"{path.name}: has no row of phase 'before', before patients were matched; add them")
    frame = frame.assign(phase=frame["phase"].replace("", "before"))
    arms = _arms(tuple(dict.fromkeys(arm for arm in frame["arm"] if arm not in CONTRAST)), named, path)
    sites = frame["statistic"].isin(SITES)
    own = frame[frame["arm"].isin(arms) & ~sites]
    kinds: dict[str, str] = {}
    levels: dict[str, tuple[str, ...]] = {}
    for variable, cells in own[own["variable"] != "n"].groupby("variable", sort=False):
        found = tuple(dict.fromkeys(level for level in cells["level"] if level))
        bad = next((level for level in found if set(";=") & set(level)), None)
        if bad is not None:
            raise DataError(f"{path.name}: level '{bad}' of '{variable}': ; and = part levels; take them out")
        counted = set(cells["statistic"]) <= COUNTED
        kinds[str(variable)] = ("category" if found else "binary") if counted else "number"
        levels[str(variable)] = found if counted else ()
    cluster = next(iter(frame.loc[sites, "variable"]), None)
    return _Rows(frame=frame, arms=arms, kinds=kinds, levels=levels, cluster=cluster)


def _arms(found: Sequence[str], named: Named, path: Path) -> Arms:
    """Return which arm is the treated one."""
    if len(found) != 2:
        raise DataError(
            f"{path.name}: column 'arm' has {listed(found) if found else 'nothing'}; a study compares two "
            "arms, so keep the rows of two"
        )
    treated = named.treated
    if treated is None:
        control = ARMS.control if ARMS.control in found else untreated_of(tuple(found))
        if control is None:
            raise UsageError(
                f"{path.name}: which arm was treated, {' or '.join(found)}? Write --treated '{found[0]}'"
            )
        treated = next(arm for arm in found if arm != control)
    if treated not in found:
        raise UsageError(f"--treated '{treated}': {path.name} has no such arm; it has {listed(found)}")
    return Arms(treated=treated, control=next(arm for arm in found if arm != treated))


def _outcomes(rows: _Rows, named: Named, path: Path) -> tuple[str, ...]:
    """Return the outcomes: those that were named, or what happens or not and whose name says so."""
    binary = [variable for variable, kind in rows.kinds.items() if kind == "binary"]
    for name in named.outcome:
        if name not in rows.kinds:
            near = did_you_mean(name, rows.kinds) or f"; it has {listed(rows.kinds, most=10)}"
            raise UsageError(f"--outcome '{name}': {path.name} has no such variable{near}")
        if rows.kinds[name] == "category":
            raise UsageError(
                f"--outcome '{name}': is a category in {path.name}; an outcome of a printed world happens or "
                "not, or is a number, so name one with a count, or mean and sd"
            )
    found = tuple(named.outcome) or tuple(name for name in binary if COLUMNS["outcome"].strength(name))
    if not found:
        which = f" Write --outcome with one of {listed(binary, most=10)}, or" if binary else ""
        raise UsageError(
            f"{path.name}: which variable is the outcome?{which} add its counts by arm, or name a number"
        )
    return found


def _dictionary(rows: _Rows, treatment: str, outcomes: Sequence[str]) -> tuple[Variable, ...]:
    """Return the treatment and the variables of the table; a number is taken to begin at 0 if it seems so."""
    if treatment in rows.kinds:
        raise UsageError(f"--treatment '{treatment}': is a row of the table; give the treatment another name")
    least = rows.frame[rows.frame["arm"].isin(rows.arms)].groupby("variable")["printed"].min()
    site = (
        [Variable(name=rows.cluster, label=label_of(rows.cluster), role="site", kind="")]
        if rows.cluster
        else []
    )
    return (
        Variable(name=treatment, label=label_of(treatment), role="treatment", kind="binary"),
        *site,
        *(
            Variable(
                name=name,
                label=label_of(name),
                role="outcome" if name in outcomes else "covariate",
                kind=kind,  # type: ignore[arg-type]
                levels=tuple((level, level) for level in rows.levels[name]),
                low=0.0 if kind == "number" and least[name] >= 0.0 else None,
            )
            for name, kind in rows.kinds.items()
        ),
    )


def _csv(header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _study_text(name: str, path: Path) -> str:
    words = "What this study is. Its printed numbers are in tables/, what they are about in variables.csv."
    return f"{remark(words)}\nname = {quoted(name)}\ntitle = {quoted(f'The study of {path.name}')}\n"


def _layout_text(table: str, arms: Arms) -> str:
    words = "The arms as the table calls them; add labels, groups and sums that must fit as you like."
    return (
        f"{remark(words)}\ntables = [{quoted(table)}]\nsizes = {quoted(table)}\n\n[arms]\n"
        f"treated = {quoted(arms.treated)}\ncontrol = {quoted(arms.control)}\n\n[arm_labels]\n"
        f"treated = {quoted(arms.treated)}\ncontrol = {quoted(arms.control)}\n"
    )


def _spec_text(
    name: str,
    path: Path,
    treatment: str,
    outcomes: Sequence[str],
    covariates: Sequence[str],
    rows: _Rows,
) -> str:
    """Return the spec of the analysis that is tried on the table's worlds."""

    def texts(names: Sequence[str]) -> str:
        return f"[{', '.join(map(quoted, names))}]"

    head = f"The analysis that is tried on worlds which could have printed {path.name}."
    return "\n".join(
        [
            f"{remark(head)}\nname = {quoted(name)}\n",
            entry("0 and 1 in the patients that are simulated.", f"treatment = {quoted(treatment)}"),
            *(
                entry(f"Printed by arm, as {what}.", f"{key} = {texts(own)}")
                for key, what, number in OUTCOMES
                if (own := [name for name in outcomes if (rows.kinds[name] == "number") == number])
            ),
            *([entry("Printed by number.", f"cluster = {quoted(rows.cluster)}")] if rows.cluster else []),
            entry(
                "Everything else that is printed: the score is made of it.",
                f"covariates = {texts(covariates)}",
            ),
        ]
    )


def _experiment_text(outcome: str, rows: _Rows) -> str:
    """Return the first experiment: no effect in each of the worlds."""
    number = rows.kinds[outcome] == "number"
    cells = "\n".join(
        f'[[cells]]\nname = "world {place}"\nbase = "../scenarios/tables-{place:02d}.toml"\n'
        for place in range(1, MEMBERS + 1)
    )
    return FIRST.read_text("utf-8").format(
        outcome=outcome,
        cells=cells,
        first=f"{'md' if number else 'rd'}_{outcome}",
        **comparison_texts(outcome, number=number, cluster=rows.cluster, event=None),
    )
