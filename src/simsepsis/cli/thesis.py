"""Commands about the thesis and its analysis: audit, reproduce, analyze."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simsepsis.cli.app import Jobs, Seed, StudyName, app
from simsepsis.cli.progress import progress_bar
from simsepsis.cli.show import say, show_comparison, show_estimates, show_fit
from simsepsis.errors import UsageError
from simsepsis.words import plain

if TYPE_CHECKING:
    from simsepsis.analysis.spec import AnalysisSpec
    from simsepsis.analysis.thesis_analysis import Analysis
    from simsepsis.show.drawers import Server
    from simsepsis.show.page import Page


@app.command()
def audit(
    study: StudyName = None,
    out: Annotated[Path, typer.Option(help="Folder for audit.csv.")] = Path("."),
) -> None:
    """List what does not fit among a study's printed numbers, with the arithmetic.

    Example: simsepsis audit --out audit
    """
    from simsepsis.files import write_files
    from simsepsis.spreadsheet import csv_bytes
    from simsepsis.study.published import open_study

    chosen = open_study(study)
    findings = chosen.audit()
    write_files(out, {"audit.csv": csv_bytes(chosen.layout.written(findings))})
    for number, text in enumerate(findings["explain"], start=1):
        say(f"{number:3d}. {text}")
    say(f"\n{len(findings)} findings; as a table in {out / 'audit.csv'}")


@app.command()
def reproduce(
    replicates: Annotated[int, typer.Option(help="Registries to simulate.")] = 200,
    jobs: Jobs = -1,
    seed: Seed = 20260101,
    scenario: Annotated[
        str | None, typer.Option(help="The world: a name or the path of a .toml file; default: the study's.")
    ] = None,
    study: StudyName = None,
    readings: Annotated[
        bool,
        typer.Option("--readings", help="Run every reading of the thesis's words, not the literal one only."),
    ] = False,
    ensemble: Annotated[
        int,
        typer.Option(help="Worlds calibrated anew, to tell how uncertain the world is; 0 for none."),
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for tables, figures and the report; default: reproduction, with --readings "
            "reproduction-readings."
        ),
    ] = None,
) -> None:
    """Simulate a study's registry, analyse every replicate as the study did, and set print beside it.

    Example: simsepsis reproduce --replicates 40 --out reproduction
    """
    from simsepsis.files import check_folder
    from simsepsis.reproduction import reproduce as run_reproduction
    from simsepsis.reproduction.reproduce import study_and_world

    chosen, world = study_and_world(study, scenario)
    if replicates < 1:
        raise UsageError(f"--replicates {replicates}: at least one registry is needed; give 1 or more")
    folder = check_folder(
        Path("reproduction-readings" if readings else "reproduction") if out is None else out
    )
    with progress_bar("Registries simulated and analysed") as progress:
        result = run_reproduction(
            chosen,
            scenario=world,
            replicates=replicates,
            jobs=jobs,
            seed=seed,
            readings=readings,
            ensemble=ensemble,
            progress=progress,
        )
    named = result.command.replace(f"--scenario {world.name} ", f"--scenario {scenario or world.name} ")
    result.save(folder, command=named)
    show_fit(result.fit)
    show_comparison(result.comparison)
    for sentence in (*result.summary, *(result.readings.summary if result.readings else ())):
        say(f"• {sentence}")
    say(f"\nThe report is {folder / 'report.html'}")


def _asked(cohort: Path, spec: Path | None, study: str | None) -> tuple[Path, AnalysisSpec]:
    """Return the file of the patients and the analysis, which a study's folder names itself."""
    from simsepsis.analysis.spec_files import load_spec
    from simsepsis.study.published import is_study, open_study

    if spec is not None and study is not None:
        raise UsageError(f'--spec and --study both say what to do; write extends = "{study}" in the spec')
    if is_study(cohort):
        if spec is not None or study is not None:
            raise UsageError(f"{cohort} is a study, which says what to do; leave out --spec and --study")
        opened = open_study(cohort)
        return opened.patients, opened.spec
    return cohort, open_study(study).spec if spec is None else load_spec(spec)


@app.command()
def analyze(
    cohort: Annotated[
        Path, typer.Argument(help="The patients: .csv, .parquet …; or the folder of a study that names them.")
    ],
    spec: Annotated[
        Path | None, typer.Option(help="What the columns are and what to do: a .toml file.")
    ] = None,
    study: StudyName = None,
    daily: Annotated[
        Path | None, typer.Option(help="What is recorded of each day: one row per patient and day.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for tables, figures, pairs and estimates.")] = Path(
        "analysis"
    ),
    seed: Seed = 0,
) -> None:
    """Run a study's analysis, or a spec's, on a file of patients; or a study's folder on its own file.

    Example: simsepsis generate thesis --seed 1 -o cohort.csv

    Example: simsepsis analyze cohort.csv --out analysis
    """
    # Each room is opened when what comes before it was in order, so that a refusal is quick.
    from simsepsis.show.drawers import drawers

    with drawers() as server:
        from simsepsis.analysis.cohort_path import check_cohort_path

        command = f"simsepsis analyze {cohort} --seed {seed}" + (f" --spec {spec}" if spec else "")
        command += f" --study {study}" if study else ""
        command += f" --daily {daily}" if daily else ""
        cohort, chosen = _asked(cohort, spec, study)
        check_cohort_path(cohort)
        from simsepsis.analysis.cohort_file import read_cohort
        from simsepsis.files import check_folder

        patients = read_cohort(cohort, chosen)
        if daily is not None:
            from simsepsis.analysis.daily_records import with_days

            patients = with_days(patients, read_cohort(daily), chosen)
        check_folder(out)
        from simsepsis.analysis.thesis_analysis import analyze as run_analysis

        analysis = run_analysis(patients, chosen, seed=seed)
        del patients  # the half of the memory that a large file takes
        page, left_out = _written(analysis, out, server, source=plain(cohort.name), command=command)
    for sentence in analysis.result.cohort.notes:
        say(f"• {sentence}")
    show_estimates(analysis.estimates)
    for line in page.answer:
        say(f"• {line}")
    for title, reason in left_out:
        say(f"• No figure '{title}': {reason}.")
    say(f"\nThe report is {out / 'report.html'}; tables, figures, pairs and estimates are beside it")


def _written(
    analysis: Analysis, out: Path, server: Server | None, *, source: str, command: str
) -> tuple[Page, tuple[tuple[str, str], ...]]:
    """Write tables, figures and report of an analysis; return the page, and what could not be drawn."""
    from importlib.metadata import version

    from simsepsis.analysis.output import analysis_contents, layout_of
    from simsepsis.analysis.sensitivity import sensitivity_table
    from simsepsis.files import table_bytes, write_files
    from simsepsis.show.checklist import checklist_file
    from simsepsis.show.drawers import drawn_by
    from simsepsis.show.figure import files_of, written
    from simsepsis.show.pages.analysis import analysis_page
    from simsepsis.show.pages.analysis.checklist import AUTHOR, STROBE
    from simsepsis.show.plots.drawings import drawing_of

    drawn, left_out = drawing_of(analysis, source=source, version=version("simsepsis"))
    figures = written(drawn, layout_of(analysis.result.spec))
    with drawn_by(server, figures):
        sensitivity = sensitivity_table(analysis)
        contents = analysis_contents(analysis)
        contents["sensitivity.csv"] = table_bytes(Path("sensitivity.csv"), sensitivity)
        contents |= checklist_file(STROBE, analysis, AUTHOR)
        page = analysis_page(
            analysis, figures, sensitivity, source=source, command=command, left_out=left_out
        )
    write_files(out, contents | files_of(figures) | {"report.html": page.html.encode()})
    return page, left_out
