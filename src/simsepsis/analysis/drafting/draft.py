"""A study drafted from a cohort's file: guesses made into the files of a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from simsepsis.analysis.cohort_file import read_cohort
from simsepsis.analysis.drafting.column_facts import facts_of
from simsepsis.analysis.drafting.guessed_roles import Chosen, Facts, choose
from simsepsis.analysis.drafting.spec_text import spec_text
from simsepsis.analysis.drafting.study_text import (
    dictionary_text,
    experiment_text,
    is_number,
    study_text,
    trial_text,
)
from simsepsis.analysis.spec_files import left_open
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.names import name_from
from simsepsis.words import plain
from simsepsis.words.numbers import listed

SPEC_FILE = "analysis.toml"
_OPTIONS = {
    "treatment": "--treatment COLUMN",
    "treated": "--treated VALUE",
    "arms": "--treated VALUE",
    "outcomes": "--outcome COLUMN",
    "event": "--event VALUE",
}
"""Line of a spec that may be left open → the option that fills it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a user says of the columns; everything else is guessed.

    Attributes
    ----------
    treatment, outcome, time, cluster, patient
        Columns of the file.
    treated, event
        The value of the treatment that means treated; that of the outcomes that means the event.
    """

    treatment: str | None = None
    outcome: Sequence[str] = ()
    time: str | None = None
    cluster: str | None = None
    patient: str | None = None
    treated: str | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A study that is not yet written.

    Attributes
    ----------
    files
        Path in the folder → text.
    open
        Lines of the spec that are left to the user, as dotted keys.
    summary
        What was guessed, one sentence each.
    """

    files: Mapping[str, str]
    open: tuple[str, ...]
    summary: tuple[str, ...]


def draft_study(path: str | Path, folder: str | Path, named: Named | None = None) -> Draft:
    r"""Return the files of a study of a cohort, with every guess explained in a comment.

    Parameters
    ----------
    path
        The patients: any file that `read_cohort` reads.
    folder
        Where the study will stand; its name is the study's.
    named
        What is known of the columns.

    Raises
    ------
    DataError
        If the file cannot be read.
    UsageError
        If a column that was named is not in the file.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "cohort.csv"
    >>> _ = path.write_text("treated,died,age\n1,0,70\n0,1,81\n1,1,64\n0,0,59\n")
    >>> draft = draft_study(path, "mine")
    >>> draft.open, sorted(draft.files)
    ((), ['analysis.toml', 'experiments/first.toml', 'study.toml', 'trials/first.toml', 'variables.csv'])
    """
    path, folder = Path(path), Path(folder)
    try:
        name = name_from(folder.absolute())
    except ValueError as error:
        raise UsageError(f"{folder}: the name of the folder cannot be the study's: {error}") from error
    frame = read_cohort(path)
    facts = {str(column): facts_of(str(column), frame[column]) for column in frame.columns}
    chosen = choose(facts, _given(facts, named or Named(), path))
    source = plain(path.name)
    spec = spec_text(name, source, facts, chosen)
    files = {
        "study.toml": study_text(name, f"The cohort of {source}", _from(folder, path)),
        "variables.csv": dictionary_text(facts, chosen),
        SPEC_FILE: spec,
        "experiments/first.toml": experiment_text(facts, chosen),
    }
    if not is_number(chosen):
        files["trials/first.toml"] = trial_text(chosen)
    return Draft(files=files, open=_open_lines(spec), summary=tuple(_summary(frame, facts, chosen)))


def _from(folder: Path, path: Path) -> str:
    """Return the path of a file from a folder; the whole path where it is not beside it or inside."""
    path, folder = path.resolve(), folder.resolve()
    beside = path.is_relative_to(folder.parent)
    return (Path(os.path.relpath(path, folder)) if beside else path).as_posix()


def _open_lines(spec: str) -> tuple[str, ...]:
    import tomllib

    return tuple(left_open(tomllib.loads(spec)))


def _given(facts: Facts, named: Named, path: Path) -> Chosen:
    """Return what the user named, after having found it in the file."""
    columns = {
        "treatment": named.treatment,
        "time": named.time,
        "cluster": named.cluster,
        "id": named.patient,
        **{f"outcome {number}": name for number, name in enumerate(named.outcome)},
    }
    for option, name in columns.items():
        if name is not None and name not in facts:
            near = did_you_mean(name, facts) or f"; it has {listed(facts, most=10)}"
            raise UsageError(f"--{option.split()[0]} '{name}': {path.name} has no such column{near}")
    numbers = [name for name in named.outcome if _is_amount(facts, name)]
    why = dict.fromkeys(filter(None, columns.values()), "you named it")
    return Chosen(
        treatment=named.treatment,
        outcomes=tuple(name for name in named.outcome if name not in numbers),
        amounts=tuple(numbers),
        time=named.time,
        cluster=named.cluster,
        patient=named.patient,
        treated_value=_value(facts, named.treatment, named.treated, "treated"),
        event_value=_value(facts, next(iter(named.outcome), None), named.event, "event"),
        why=why,
        given=frozenset(option.split()[0] for option, name in columns.items() if name is not None),
    )


def _is_amount(facts: Facts, name: str) -> bool:
    return facts[name].numbers is not None and len(facts[name].values) > 3


def _value(facts: Facts, name: str | None, value: str | None, option: str) -> str | None:
    """Return a value that the user named, after having found it in its column."""
    if value is None:
        return None
    if name is None:
        column = "treatment" if option == "treated" else "outcome"
        raise UsageError(f"--{option} '{value}' is a value of which column? Write --{column} too")
    if value not in facts[name].labels:
        near = did_you_mean(value, facts[name].labels) or f"; it has {facts[name].shares(6)}"
        raise UsageError(f"--{option} '{value}': '{name}' has no such value{near}")
    return value


def _summary(frame: pd.DataFrame, facts: Facts, chosen: Chosen) -> list[str]:
    """Return what was guessed, one sentence each, and what was found out about the file."""
    parts = {
        "Treatment": chosen.treatment,
        "Outcome": ", ".join(chosen.all_outcomes),
        "Time": chosen.time,
        "Patient": chosen.patient,
        "Cluster": chosen.cluster,
    }
    said = [f"{role}: {name}" for role, name in parts.items() if name]
    counts = {
        "covariate": len(chosen.covariates),
        "duration": len(chosen.durations),
        "column not used": sum(name not in chosen.taken for name in facts),
    }
    rest = listed(f"{count} {_plural(noun, count)}" for noun, count in counts.items())
    return [
        f"{len(frame):,} patients, {len(facts)} columns.",
        *frame.attrs.get("notes", ()),
        f"{'; '.join([*said, rest])}.",
    ]


def what_is_left(draft: Draft, folder: str | Path) -> tuple[str, ...]:
    """Return what the user has to do before the study can be analysed, one sentence each."""
    if not draft.open:
        return ()
    count = "One line is" if len(draft.open) == 1 else f"{len(draft.open)} lines are"
    place = Path(folder) / SPEC_FILE
    said = (_OPTIONS.get(key.partition(".")[0]) for key in draft.open)
    options = dict.fromkeys(option for option in said if option)
    more = (
        f"Or remove {folder} and write `simsepsis new` again with {' and '.join(options)}." if options else ""
    )
    sentences = (
        f"{count} left to you in {place}: {', '.join(draft.open)}; the comment above each names the "
        "candidates.",
        more,
    )
    return tuple(filter(None, sentences))


def _plural(noun: str, count: int) -> str:
    first, _, rest = noun.partition(" ")
    return noun if count == 1 else f"{first}s {rest}".strip()
