"""Commands about experiments: run, summarize, figures, report, replay, verify."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simsepsis.cli.app import Jobs, Seed, StudyName, app
from simsepsis.cli.progress import progress_bar
from simsepsis.cli.show import say, show_table
from simsepsis.errors import InterruptedRunError

if TYPE_CHECKING:
    from simsepsis.experiment import Run, Standing
    from simsepsis.show.pages.experiment import Shown

Folder = Annotated[Path, typer.Argument(help="A run folder.")]


def _summarized(folder: Path) -> Run:
    """Return a run's summary, after having printed what was found changed or lost."""
    from simsepsis.experiment import summarize_run

    result = summarize_run(folder)
    for note in result.notes:
        say(note)
    return result


def _tell(result: Run) -> None:
    """Print what a run has come to."""
    if len(result.verdicts):
        import pandas as pd

        from simsepsis.experiment.answers.ranges import fewest_text

        claims = pd.DataFrame(list(result.accepted.items()), columns=["claim", "verdict"])
        judged = result.verdicts.groupby("claim", sort=False)
        claims["rows"] = [fewest_text(judged.get_group(claim)) for claim in claims["claim"]]
        heads = ["claim", "verdict", *(["rows"] if claims["rows"].any() else [])]
        show_table(claims, "Claims declared beforehand", dict(zip(heads, heads, strict=True)))
    if result.unfinished:
        say(f"{_many(result.unfinished, 'world')} without some of the replicates that the plan asks for")
    say(
        f"{_many(result.computed, 'replicate')} computed, {_many(result.failures, 'row')} without an estimate"
    )


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _note(standing: Standing) -> str:
    """Return what stands beside the bar."""
    words = [f"{standing.per_second:.1f}/s", _many(standing.failures, "failed row")]
    if not math.isnan(standing.coverage_mcse):
        words.append(f"worst MCSE of coverage {standing.coverage_mcse:.4f}")
    return ", ".join(words)


@contextmanager
def _going_on(folder: Path) -> Iterator[None]:
    """Have Ctrl-C, and what ends a command like it, say how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        command = shlex.join(["simsepsis", *sys.argv[1:]])
        raise InterruptedRunError(
            f"interrupted; every finished batch is kept in {folder}: type `{command}` to go on"
        ) from None


def _report(result: Run, folder: Path) -> None:
    """Write figures, answer and report of a run, and print the answer."""
    from simsepsis.show.pages.experiment import plain_lines, show_findings, write_shown

    shown = show_findings(result)
    write_shown(folder, shown)
    say(f"\n{result.folder.plan.question}")
    for line in plain_lines(shown.answer, "•"):
        say(line)
    say(
        "In brackets: Monte Carlo standard errors, and how many rows a number rests on where more than 5% "
        "lack it."
    )
    say(f"\nThe report is {folder / 'report.html'}; performance, answer and figures are beside it")


def _tell_unfinished(shown: Shown) -> None:
    from simsepsis.show.pages.experiment import unfinished_sentence

    if not shown.findings.complete:
        say(unfinished_sentence(shown.findings))


@app.command()
def run(
    experiment: Annotated[str, typer.Argument(help="Name of a shipped experiment, or path of a .toml file.")],
    out: Annotated[Path | None, typer.Option(help="Run folder; default: runs/NAME.")] = None,
    replicates: Annotated[int | None, typer.Option(help="In place of the plan's.")] = None,
    until_mcse: Annotated[
        str | None,
        typer.Option(
            help="Go on until every judged series has this Monte Carlo standard error: a number, for "
            "coverage and rejection, or NAME=NUMBER for any measure, separated by commas."
        ),
    ] = None,
    max_replicates: Annotated[
        int | None, typer.Option(help="Where --until-mcse gives up; default: the plan's, or 10000.")
    ] = None,
    study: StudyName = None,
    jobs: Jobs = -1,
    backend: Annotated[str, typer.Option(help="loky, dask or ray.")] = "loky",
    scheduler: Annotated[str | None, typer.Option(help="Address of a dask or ray cluster.")] = None,
) -> None:
    """Run an experiment, or go on with it: what is stored already is not computed again.

    Example: simsepsis run null --replicates 20
    """
    from simsepsis.experiment import load_plan, parse_targets, run_experiment
    from simsepsis.study.published import open_study

    targets = None if until_mcse is None else parse_targets(until_mcse)
    plan = load_plan(open_study(study).place("experiments", experiment))
    folder = Path("runs") / plan.name if out is None else out
    with _going_on(folder), progress_bar("Replicates") as progress:
        result = run_experiment(
            plan,
            folder,
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
            replicates=replicates,
            until_mcse=targets,
            max_replicates=max_replicates,
            progress=lambda standing: progress(standing.done, standing.total, _note(standing)),
            say=progress.say,
        )
    for note in result.notes:
        say(note)
    _tell(result)
    _report(result, folder)


@app.command()
def summarize(folder: Folder) -> None:
    """Compute performance and verdicts again from the stored rows.

    Example: simsepsis run null --replicates 20

    Example: simsepsis summarize runs/null
    """
    _tell(_summarized(folder))
    say(f"Performance with Monte Carlo errors is in {folder / 'performance.csv'}")


@app.command()
def figures(folder: Folder) -> None:
    """Draw the figures of a run again from its stored rows, also of one that is unfinished.

    Example: simsepsis run null --replicates 20

    Example: simsepsis figures runs/null
    """
    from simsepsis.show.pages.experiment import show_findings, write_figures

    shown = show_findings(_summarized(folder))
    write_figures(folder, shown)
    _tell_unfinished(shown)
    say(f"{len(shown.figures)} figures with their numbers are in {folder / 'figures'}")


@app.command()
def report(folder: Folder) -> None:
    """Write figures, answer and report of a run again from its stored rows, also of one that is unfinished.

    Example: simsepsis run null --replicates 20

    Example: simsepsis report runs/null
    """
    _report(_summarized(folder), folder)


@app.command()
def infer(
    experiment: Annotated[
        str, typer.Argument(help="Name of a shipped inference, or path of a .toml file with [infer].")
    ],
    out: Annotated[Path | None, typer.Option(help="Run folder; default: runs/NAME.")] = None,
    worlds: Annotated[
        int | None, typer.Option(help="In place of the plan's; there are no later waves then.")
    ] = None,
    replicates: Annotated[int | None, typer.Option(help="Registries in each world.")] = None,
    study: StudyName = None,
    jobs: Jobs = -1,
    backend: Annotated[str, typer.Option(help="loky, dask or ray.")] = "loky",
    scheduler: Annotated[str | None, typer.Option(help="Address of a dask or ray cluster.")] = None,
) -> None:
    """Say which worlds a study's printed results can have come from; go on where it was interrupted.

    Example: simsepsis infer thesis_inference --worlds 12 --replicates 4
    """
    from simsepsis.experiment import infer as infer_worlds
    from simsepsis.experiment import load_inference
    from simsepsis.study.published import open_study

    plan = load_inference(open_study(study).place("experiments", experiment))
    folder = Path("runs") / plan.name if out is None else out
    with _going_on(folder), progress_bar("Worlds") as progress:
        found = infer_worlds(
            plan,
            folder,
            worlds=worlds,
            replicates=replicates,
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
            progress=progress,
        )
    found.save(folder)
    for note in found.notes:
        say(note)
    say(f"\n{plan.question}")
    for line in found.summary:
        say(f"• {line}")
    say(f"\nThe report is {folder / 'report.html'}; tables and figures are beside it")


@app.command()
def replay(
    folder: Folder,
    cell: Annotated[str, typer.Option(help="Name or key of the cell.")],
    replicate: Annotated[int, typer.Option(help="Number of the replicate, from 0.")],
    method: Annotated[str | None, typer.Option(help="One method; default: all of the plan.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the registry and the estimates.")] = Path("replay"),
) -> None:
    """Compute one replicate again, bit for bit, and show where a method gave up.

    Example: simsepsis run null --replicates 20

    Example: simsepsis replay runs/null --cell "nothing hidden" --replicate 3
    """
    from simsepsis.experiment import replay as compute_again
    from simsepsis.files import check_folder, table_bytes, write_files

    check_folder(out)
    again = compute_again(folder, cell=cell, replicate=replicate, method=method)
    frames = {"cohort.csv": again.cohort.registry, "estimates.csv": again.estimates}
    write_files(out, {name: table_bytes(Path(name), frame) for name, frame in frames.items()})
    for name, text in again.tracebacks.items():
        say(f"{name}:\n{text}")
    say(f"Registry and estimates are in {out}")


@app.command()
def verify(
    folder: Folder,
    fraction: Annotated[
        float, typer.Option(help="Share of the stored replicates, and of the worlds' truths.")
    ] = 0.02,
    seed: Seed = 0,
    jobs: Jobs = -1,
) -> None:
    """Compute a random share of rows and truths again and compare; exit 1 if more than rounding differs.

    Example: simsepsis run null --replicates 20

    Example: simsepsis verify runs/null --fraction 0.05
    """
    from simsepsis.experiment import verify as compare

    found = compare(folder, fraction=fraction, seed=seed, jobs=jobs)
    differ = len(found.different) + len(found.different_truths)
    say(
        f"{found.rows} rows of {found.replicates} replicates and {found.truths} truths computed again: "
        f"{differ} differ"
    )
    for note in found.notes:
        say(note)
    if differ and not found.beyond_rounding:
        say(
            "All by less than a millionth of the number, as another processor or other versions of packages "
            "round it"
        )
    raise typer.Exit(1 if found.beyond_rounding else 0)
