"""Commands about a user's own study: new, check, show-keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simsepsis.cli.app import app
from simsepsis.cli.show import say
from simsepsis.errors import UsageError


@app.command()
def new(
    folder: Annotated[
        Path, typer.Argument(help="Folder of the study, which is made; its name is the study's.")
    ],
    cohort: Annotated[
        Path, typer.Option("--from", help="The patients: a table in any of the usual formats.")
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

    Example: simsepsis generate thesis --seed 1 -o cohort.csv

    Example: simsepsis new mystudy --from cohort.csv
    """
    from simsepsis.analysis.cohort_path import check_cohort_path

    check_cohort_path(cohort)
    from simsepsis.analysis.drafting.draft import Named, draft_study, what_is_left
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
    draft = draft_study(cohort, folder, named)
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
    say(f"Next: simsepsis {'check' if left else 'analyze'} {folder}")
