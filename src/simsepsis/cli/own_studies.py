"""Commands about a user's own study: new, check, show-keys."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simsepsis.cli.app import StudyName, app
from simsepsis.cli.show import say
from simsepsis.errors import DataError, UsageError
from simsepsis.estimand import Estimand, outcome_words

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.study.published import Study


@app.command()
def new(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the study, which is made; its name is the study's.")
    ],
    cohort: Annotated[
        Path, typer.Option("--from", help="The patients in any usual format, or a printed table.")
    ],
    treatment: Annotated[str | None, typer.Option(help="Column of the treatment.")] = None,
    outcome: Annotated[
        list[str] | None, typer.Option(help="Column of an outcome; may stand several times.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="Column of the time to the outcome.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Column of the hospital, or another cluster.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Column that names the patients.")] = None,
    treated: Annotated[str | None, typer.Option(help="Value of the treatment that means treated.")] = None,
    event: Annotated[str | None, typer.Option(help="Value of the outcome that means the event.")] = None,
) -> None:
    """Draft a study from a file of patients: what each column is, guessed, with the reason of every guess.

    From a printed table (variable, level, statistic, arm, text) it drafts one that worlds can be fitted to.

    Example: simsepsis generate thesis --seed 1 -o cohort.csv

    Example: simsepsis new mystudy --from cohort.csv
    """
    from simsepsis.analysis.cohort_path import check_cohort_path

    check_cohort_path(cohort)
    from simsepsis.analysis.drafting.draft import Named, draft_study, what_is_left
    from simsepsis.analysis.drafting.printed_draft import draft_printed, is_printed
    from simsepsis.files import check_folder, write_files

    named = Named(
        treatment=treatment,
        outcome=tuple(outcome or ()),
        time=time,
        cluster=cluster,
        patient=id_,
        treated=treated,
        event=event,
    )
    printed = is_printed(cohort)
    draft = (draft_printed if printed else draft_study)(cohort, folder, named)
    there = next((name for name in draft.files if (folder / name).exists()), None)
    if there is not None:
        raise UsageError(f"{folder / there}: is there already and is not overwritten; name another folder")
    check_folder(folder)
    write_files(folder, {name: text.encode() for name, text in draft.files.items()})
    for sentence in draft.summary:
        say(f"• {sentence}")
    say(f"\nThe study is in {folder}: read {folder / 'analysis.toml'}, where every guess is explained")
    left = what_is_left(draft, folder)
    for sentence in left:
        say(sentence)
    following = f"fit {folder} --printed" if printed else f"{'check' if left else 'analyze'} {folder}"
    say(f"Next: simsepsis {following}")


@app.command()
def check(
    study_or_cohort: Annotated[
        Path, typer.Argument(help="Folder of a study that names its cohort, or a file of patients.")
    ],
    spec: Annotated[Path | None, typer.Option(help="Of a file: what the columns are, a .toml file.")] = None,
    study: StudyName = None,
    out: Annotated[Path | None, typer.Option(help="Folder for check.csv, the whole table.")] = None,
) -> None:
    """Look a cohort through before it is analysed: what is decided, what is doubtful, what is wrong.

    Ends with 2 if something is wrong, with its sentence.

    Example: simsepsis generate thesis --seed 1 -o cohort.csv

    Example: simsepsis check cohort.csv
    """
    from simsepsis.analysis.spec_files import load_spec
    from simsepsis.study.published import is_study, open_study

    if spec is not None and study is not None:
        raise UsageError(f'--spec and --study both say what to do; write extends = "{study}" in the spec')
    if is_study(study_or_cohort):
        if spec is not None or study is not None:
            raise UsageError(
                f"{study_or_cohort} is a study, which says what to do; leave out --spec and --study"
            )
        found = open_study(study_or_cohort).check()
    else:
        from simsepsis.analysis.cohort_path import check_cohort_path

        chosen = open_study(study).spec if spec is None else load_spec(spec)
        check_cohort_path(study_or_cohort)
        from simsepsis.analysis.checking.check import check_cohort

        found = check_cohort(study_or_cohort, chosen)
    _tell(found, out)


def _tell(found: pd.DataFrame, out: Path | None) -> None:
    """Print findings, and refuse with the first that is wrong."""
    from simsepsis.analysis.checking.check import VERDICTS, WRONG
    from simsepsis.files import table_bytes, write_files

    if out is not None:
        write_files(out, {"check.csv": table_bytes(Path("check.csv"), found)})
    for verdict in VERDICTS:
        rows = found[found["verdict"] == verdict]
        say(f"{verdict.capitalize()}: {len(rows) or 'nothing'}")
        for row in rows.itertuples():
            say(f"  • {_line(row)}")
    wrong = found[found["verdict"] == WRONG]
    if len(wrong):
        raise DataError("; ".join(filter(None, wrong[["what", "remedy"]].iloc[0])))


def _line(row: Any) -> str:
    """Return a finding as one line."""
    if row.verdict == "decided":
        count = f": {row.count:,}" if row.count and "missing in" not in row.what else ""
        return f"{row.column + ': ' if row.column else ''}{row.what}{count}"
    rows = f" (rows {row.rows})" if row.rows and row.rows not in row.what else ""
    return f"{'; '.join(filter(None, (f'{row.what}{rows}', row.remedy)))}"


@app.command(name="show-keys")
def show_keys(
    noun: Annotated[
        str, typer.Argument(help="spec, scenario, experiment, inference, trial, study or variables.")
    ],
    study: Annotated[
        str | None,
        typer.Option(help="With scenario and trial: whose; default: worlds that are fitted to a file."),
    ] = None,
) -> None:
    """Show every key of a kind of file: type, default, unit, meaning, and an example from a shipped file.

    Example: simsepsis show-keys spec
    """
    from simsepsis.show.key_list import list_keys

    for key in list_keys(noun, study):
        say(key.lines)


_DESCRIBED = {
    "c_statistic": ("C-statistic of the score", "{:.3f}"),
    "pairs": ("Matched pairs", "{:,.0f}"),
    "largest_smd_percent": ("Largest standardized difference after matching", "{:.1f}%"),
}


def _band_line(row: Any) -> str:
    """Return the band of a number as people read it: ratios as such, differences of risks in points."""
    method, _, name = row.quantity.rpartition(" ")
    estimand = Estimand.parse(name)
    scale = estimand.on
    words, form = _DESCRIBED.get(
        name, (f"{scale.shown.capitalize()} of {outcome_words(estimand.outcome)}, {method}", "")
    )
    ends = (math.exp(end) if scale.kind == "ratio" else scale.factor * end for end in (row.low, row.high))
    form = form or ("{:.2f}" if scale.kind == "ratio" else "{:+.1f}")
    unit = f" {scale.unit}" if scale.unit else ""
    return f"{words}: {' to '.join(form.format(end) for end in ends)}{unit}"


def _fit_printed(study: Study, out: Path | None, *, members: int, seed: int) -> None:
    """Write the worlds that could have printed a study's tables, and the band of its analysis over them."""
    from simsepsis.files import check_folder, write_files
    from simsepsis.fitting.bands import band
    from simsepsis.fitting.from_tables import fit_ensemble
    from simsepsis.fitting.printed_cohort import printed_cohort
    from simsepsis.spreadsheet import csv_bytes

    if out is None and study.package:
        raise UsageError(f"study '{study.name}' is installed; give --out with a folder for its worlds")
    folder = check_folder(study.folder / "scenarios" if out is None else out)
    printed = printed_cohort(study)
    ensemble = fit_ensemble(printed, members=members, seed=seed)
    found = band(ensemble, printed.spec, seed=seed)
    contents = {name: data for world in ensemble for name, data in world.files(world.scenario.name).items()}
    write_files(folder, contents | {"band.csv": csv_bytes(found, lineterminator="\n")})
    for sentence in ensemble[0].notes:
        say(f"• {sentence}")
    for row in found.itertuples(index=False):
        say(f"• {_band_line(row)}")
    say(f"\n{len(ensemble)} worlds that could have printed the tables are in {folder}, with band.csv")


@app.command()
def fit(
    study: Annotated[str, typer.Argument(help="Folder of a study that names its cohort, or a study's name.")],
    cohort: Annotated[
        Path | None, typer.Option("--cohort", help="The patients; default: the file that the study names.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the scenario; default: the study's scenarios/.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the scenario.")] = "base",
    minimum: Annotated[
        int, typer.Option(help="Patients that every number of the world rests on at least.")
    ] = 10,
    baseline: Annotated[
        str, typer.Option(help="copula: no patient's row is kept; rows: covariates are patients' own.")
    ] = "copula",
    printed: Annotated[
        bool, typer.Option("--printed", help="Several worlds from the study's printed tables alone.")
    ] = False,
    members: Annotated[int, typer.Option(help="With --printed: how many.")] = 12,
    seed: Annotated[int, typer.Option(help="Seed of the cohorts on the fidelity page, 0 or more.")] = 0,
) -> None:
    """Fit a world to a study's cohort: a scenario with a known truth, and a page on how it fits.

    Example: simsepsis generate thesis --seed 1 -o cohort.csv

    Example: simsepsis fit thesis --cohort cohort.csv --out refitted

    Example: simsepsis fit thesis --printed --members 3 --out printed
    """
    from simsepsis.analysis.cohort_path import check_cohort_path
    from simsepsis.names import check_name
    from simsepsis.study.published import open_study

    opened = open_study(study)
    try:
        check_name(name)
    except ValueError as error:
        raise UsageError(f"--name {error}") from error
    if printed:
        _fit_printed(opened, out, members=members, seed=seed)
        return
    if minimum < 1:
        raise UsageError(f"--minimum {minimum}: give 1 or more; 10 is usual")
    patients = opened.patients if cohort is None else cohort
    check_cohort_path(patients)
    if out is None and opened.package:
        raise UsageError(f"study '{opened.name}' is installed; give --out with a folder for the world")
    folder = opened.folder / "scenarios" if out is None else out
    from simsepsis.analysis.cohort_file import read_cohort
    from simsepsis.files import check_folder, write_files
    from simsepsis.fitting.fidelity import fidelity
    from simsepsis.fitting.fit import fit_world

    check_folder(folder)
    spec = opened.spec
    registry = read_cohort(patients, spec)
    world = fit_world(registry, spec, study=opened.key, minimum=minimum, baseline=baseline)
    write_files(folder, world.files(name))
    for sentence in world.notes:
        say(f"• {sentence}")
    from simsepsis.show.pages.fidelity import fidelity_files, misfits

    found = fidelity(world, registry, spec, seed=seed)
    pages = folder.parent / "fidelity" if out is None else folder / f"{name}-fidelity"
    command = f"simsepsis fit {study}" + (f" --cohort {cohort}" if cohort else "")
    write_files(pages, fidelity_files(found, command=f"{command} --seed {seed}", seed=seed))
    wrong = misfits(found)
    for sentence in wrong[:5]:
        say(f"• {sentence}")
    if len(wrong) > 5:
        say(f"• … and {len(wrong) - 5} more, on the page")
    say(f"\nThe world is {folder / f'{name}.toml'}; how it fits: {pages / 'report.html'}")
