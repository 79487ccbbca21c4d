"""Commands about trials: plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simsepsis.cli.app import Jobs, StudyName, app
from simsepsis.cli.progress import progress_bar
from simsepsis.cli.show import say
from simsepsis.errors import UsageError


@app.command()
def plan(
    trial: Annotated[list[str], typer.Argument(help="Name of a shipped trial, or path of a .toml file.")],
    out: Annotated[Path | None, typer.Option(help="Folder; default: plans/NAME.")] = None,
    replicates: Annotated[
        int | None, typer.Option(help="Simulated trials, in place of the protocol's; 0: formulas only.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed, in place of the protocol's.")] = None,
    study: StudyName = None,
    jobs: Jobs = -1,
    compare: Annotated[bool, typer.Option("--compare", help="Set several trials side by side.")] = False,
) -> None:
    """Plan a randomized trial: patients, looks, assurance, what if, months, with text to paste.

    Example: simsepsis plan trial-sbits --replicates 200
    """
    if compare:
        return _compare(trial, out, study, replicates or 0, jobs)
    if len(trial) > 1:
        raise UsageError(f"{len(trial)} trials are named; add --compare, or name one")
    _plan(trial[0], out, replicates, seed, study, jobs)


def _compare(trials: list[str], out: Path | None, study: str | None, replicates: int, jobs: int) -> None:
    from simsepsis.show.pages.trial import compare_trials
    from simsepsis.show.pages.trial.side_by_side import compared_table
    from simsepsis.study.published import open_study

    folder = Path("plans") / "compared" if out is None else out
    places = [open_study(study).place("trials", trial) for trial in trials]
    with progress_bar("Simulated trials") as progress:
        rows = compare_trials(
            places, folder, study=study, replicates=replicates, jobs=jobs, progress=progress
        )
    say(compared_table(rows).markdown)
    say(f"Table and page are in {folder}")


def _plan(
    trial: str, out: Path | None, replicates: int | None, seed: int | None, study: str | None, jobs: int
) -> None:
    from simsepsis.study.published import open_study
    from simsepsis.trial.protocol import load_trial

    # What is wrong with the file is told before the rest is even opened.
    place = open_study(study).place("trials", trial)
    name = load_trial(place, study).name
    folder = Path("plans") / name if out is None else out
    from simsepsis.show.pages.trial import plan_trial
    from simsepsis.show.pages.trial.facts import facts_of
    from simsepsis.show.pages.trial.summary import summary

    with progress_bar("Simulated trials") as progress:
        planned = plan_trial(
            place, folder, study=study, replicates=replicates, seed=seed, jobs=jobs, progress=progress
        )
    for sentence in summary(planned, facts_of(planned)):
        say(sentence)
    say(f"Plan, page and figures are in {folder}")
