"""Commands about worlds: generate, describe, calibrate, list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simsepsis.cli.app import Seed, StudyName, World, app
from simsepsis.cli.catalogue import CATALOGUES
from simsepsis.cli.show import say, show_rows, show_table
from simsepsis.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from simsepsis.world.scenario import Scenario


@app.command(name="list")
def list_(
    what: Annotated[str, typer.Argument(help="scenarios, experiments, methods, …")] = "scenarios",
    study: StudyName = None,
) -> None:
    """List what there is.

    Example: simsepsis list scenarios
    """
    if what not in CATALOGUES:
        known = ", ".join(CATALOGUES)
        raise UsageError(f"list '{what}' is unknown{did_you_mean(what, CATALOGUES)}; known are {known}")
    show_rows(CATALOGUES[what](study), what.capitalize(), ("name", "label"))


@app.command()
def generate(
    scenario: World,
    output: Annotated[Path, typer.Option("-o", "--output", help="The registry: .csv or .parquet.")],
    study: StudyName = None,
    seed: Seed = 0,
    n: Annotated[int | None, typer.Option(help="Patients registered; default: the scenario's.")] = None,
    oracle: Annotated[
        Path | None, typer.Option(help="What only the simulator knows: .csv or .parquet.")
    ] = None,
) -> None:
    """Simulate one registry.

    Example: simsepsis generate thesis --seed 1 -o cohort.csv
    """
    from simsepsis.files import check_table_path, table_bytes, write_files
    from simsepsis.study.published import open_study
    from simsepsis.world.cohort import generate_cohort

    for path in (output, oracle):
        if path is not None:
            check_table_path(path)
    cohort = generate_cohort(open_study(study).scenario(scenario), seed=seed, n=n, oracle=oracle is not None)
    write_files(output.parent, {output.name: table_bytes(output, cohort.registry)})
    if oracle is not None and cohort.oracle is not None:
        write_files(oracle.parent, {oracle.name: table_bytes(oracle, cohort.oracle.frame())})
    say(f"{len(cohort.registry)} patients in {output}")


@app.command()
def describe(
    scenario: World,
    out: Annotated[
        Path | None, typer.Option(help="Folder for page and figures; default: worlds/NAME.")
    ] = None,
    study: StudyName = None,
    seed: Seed = 0,
    population: Annotated[int, typer.Option(help="Patients behind the truth.")] = 200_000,
) -> None:
    """Show a world: what it changes, its causal diagram, margins, overlap, event curves and the truth in it.

    Example: simsepsis describe rr081 --out worlds/rr081
    """
    from simsepsis.files import check_folder, write_files
    from simsepsis.study.published import open_study
    from simsepsis.world.fitted.scenario import FittedScenario
    from simsepsis.world.kinds import room_of

    world = open_study(study).scenario(scenario)
    folder = check_folder(Path("worlds") / world.name if out is None else out)
    command = f"simsepsis describe {scenario} --seed {seed} --population {population}"
    command += f" --study {study}" if study else ""
    if isinstance(world, FittedScenario):
        from simsepsis.show.pages.learned_world import learned_world_files

        files_of = learned_world_files
    else:
        files_of = room_of(world.study, "describe.page").files_of
    contents = files_of(world, seed=seed, population=population, command=command)
    write_files(folder, contents)
    say(f"The page is {folder / 'report.html'}")


@app.command()
def calibrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only measure the fit; exit 1 below the bar.")
    ] = False,
    scenario: Annotated[str, typer.Option(help="With --check: the scenario to measure.")] = "thesis",
    out: Annotated[
        Path, typer.Option(help="Folder for the scenario's file or, with --check, calibration.csv.")
    ] = Path("calibration"),
    seed: Seed = 0,
    patients: Annotated[int, typer.Option(help="Patients simulated to measure the fit.")] = 500_000,
    without: Annotated[
        list[str] | None,
        typer.Option(help="A mechanism that is left out of the world; once for each, or all."),
    ] = None,
) -> None:
    """Fit the generator to the printed tables, or measure how well a scenario fits them.

    Example: simsepsis calibrate --out calibration

    Example: simsepsis calibrate --check
    """
    from simsepsis.files import check_folder, write_files
    from simsepsis.study.published import DEFAULT
    from simsepsis.world.files import load_scenario
    from simsepsis.world.kinds import room_of

    check_folder(out)
    if check:
        raise typer.Exit(_check(load_scenario(scenario), patients, seed + 1, out))
    calibration = room_of(DEFAULT, "world.calibration.fit")
    added = room_of(DEFAULT, "world.calibration.assumed").mechanisms_without(without or ())
    fitted = calibration.fit_calibration(added, seed=seed, say=lambda line: say(f"  {line}"))
    (path,) = write_files(out, {f"{fitted.name}.toml": calibration.calibrated_toml(fitted).encode()})
    status = _check(fitted, patients, seed + 1, out)
    say(f"\nThe scenario is in {path}")
    raise typer.Exit(status)


def _check(scenario: Scenario, patients: int, seed: int, out: Path) -> int:
    """Print and store the goodness of fit; return the exit status."""
    from simsepsis.files import write_files
    from simsepsis.spreadsheet import csv_bytes
    from simsepsis.world.kinds import room_of

    fit = room_of(scenario.study, "world.calibration.check")
    table = fit.check_calibration(scenario, patients=patients, seed=seed)
    (path,) = write_files(out, {"calibration.csv": csv_bytes(table)})
    shown = table.round({"printed": 1, "simulated": 1, "difference_se": 2})
    heads = {name: name.replace("_", " ") for name in table.columns}
    show_table(shown, "Printed against simulated", heads, right=("printed", "simulated", "difference_se"))
    for sentence in fit.describe_fit(table):
        say(sentence)
    say(f"Every cell is in {path}")
    return 0 if fit.summarize_check(table).passed else 1
