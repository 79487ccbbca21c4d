"""The commands."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simsepsis.cli.show import progress_bar, say, show_comparison, show_estimates, show_table
from simsepsis.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from simsepsis.scenario import Scenario

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Synthetic sepsis registries with a known truth, and the analyses that clinicians judge "
    "treatments by.",
)

Seed = Annotated[int, typer.Option(help="Seed of all random numbers, 0 or more.")]
Jobs = Annotated[int, typer.Option(help="Worker processes; -1: one per core.")]


@app.command()
def audit(out: Annotated[Path, typer.Option(help="Folder for audit.csv.")] = Path(".")) -> None:
    """List the thesis's internal inconsistencies, with the arithmetic.

    Example: simsepsis audit --out audit
    """
    from simsepsis.files import write_files
    from simsepsis.thesis.audit import audit_thesis

    findings = audit_thesis()
    write_files(out, {"audit.csv": findings.to_csv(index=False).encode()})
    for number, text in enumerate(findings["explain"], start=1):
        say(f"{number:3d}. {text}")
    say(f"\n{len(findings)} findings; as a table in {out / 'audit.csv'}")


@app.command(name="list")
def list_(what: Annotated[str, typer.Argument(help="scenarios")] = "scenarios") -> None:
    """List what there is.

    Example: simsepsis list scenarios
    """
    import pandas as pd

    from simsepsis.scenario import load_scenario, scenario_names

    known = ("scenarios",)
    if what not in known:
        raise UsageError(f"list '{what}' is unknown{did_you_mean(what, known)}; known are {', '.join(known)}")
    rows = [{"name": name, "label": load_scenario(name).label} for name in scenario_names()]
    show_table(pd.DataFrame(rows), "Scenarios", {"name": "name", "label": "label"})


@app.command()
def generate(
    scenario: Annotated[str, typer.Argument(help="Name of a shipped scenario, or path of a .toml file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The registry: .csv or .parquet.")],
    seed: Seed = 0,
    n: Annotated[int | None, typer.Option(help="Patients registered; default: the scenario's.")] = None,
    oracle: Annotated[
        Path | None, typer.Option(help="What only the simulator knows: .csv or .parquet.")
    ] = None,
) -> None:
    """Simulate one registry.

    Example: simsepsis generate thesis --seed 1 -o cohort.csv
    """
    from simsepsis.cohort import generate_cohort, oracle_frame
    from simsepsis.files import check_table_path, table_bytes, write_files
    from simsepsis.scenario import load_scenario

    for path in (output, oracle):
        if path is not None:
            check_table_path(path)
    cohort = generate_cohort(load_scenario(scenario), seed=seed, n=n, oracle=oracle is not None)
    write_files(output.parent, {output.name: table_bytes(output, cohort.registry)})
    if oracle is not None and cohort.oracle is not None:
        write_files(oracle.parent, {oracle.name: table_bytes(oracle, oracle_frame(cohort.oracle))})
    say(f"{len(cohort.registry)} patients in {output}")


@app.command()
def calibrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only measure the fit; exit 1 below the bar.")
    ] = False,
    scenario: Annotated[str, typer.Option(help="With --check: the scenario to measure.")] = "thesis",
    out: Annotated[
        Path, typer.Option(help="Folder for thesis.toml or, with --check, calibration.csv.")
    ] = Path("calibration"),
    seed: Seed = 0,
    patients: Annotated[int, typer.Option(help="Patients simulated to measure the fit.")] = 500_000,
) -> None:
    """Fit the generator to the printed tables, or measure how well a scenario fits them.

    Example: simsepsis calibrate --out scenarios
    Example: simsepsis calibrate --check
    """
    from simsepsis.cohort.calibration.fit import calibrated_toml, fit_calibration
    from simsepsis.files import check_folder, write_files
    from simsepsis.scenario import load_scenario

    check_folder(out)
    if check:
        raise typer.Exit(_check(load_scenario(scenario), patients, seed + 1, out))
    fitted = fit_calibration(seed=seed, say=lambda line: say(f"  {line}"))
    (path,) = write_files(out, {"thesis.toml": calibrated_toml(fitted).encode()})
    status = _check(fitted, patients, seed + 1, out)
    say(f"\nThe scenario is in {path}")
    raise typer.Exit(status)


def _check(scenario: Scenario, patients: int, seed: int, out: Path) -> int:
    """Print and store the goodness of fit; return the exit status."""
    from simsepsis.cohort.calibration.check import check_calibration, describe_fit, summarize_check
    from simsepsis.files import write_files

    table = check_calibration(scenario, patients=patients, seed=seed)
    (path,) = write_files(out, {"calibration.csv": table.to_csv(index=False).encode()})
    shown = table.round({"printed": 1, "simulated": 1, "difference_se": 2})
    heads = {name: name.replace("_", " ") for name in table.columns}
    show_table(shown, "Printed against simulated", heads, right=("printed", "simulated", "difference_se"))
    for sentence in describe_fit(table):
        say(sentence)
    say(f"Every cell is in {path}")
    return 0 if summarize_check(table).passed else 1


@app.command()
def analyze(
    cohort: Annotated[Path, typer.Argument(help="The patients: .csv or .parquet.")],
    spec: Annotated[
        Path | None, typer.Option(help="What the columns are and what to do: a .toml file.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for tables, figures, pairs and estimates.")] = Path(
        "analysis"
    ),
    seed: Seed = 0,
) -> None:
    """Run the thesis's analysis, or a spec's, on a file of patients.

    Example: simsepsis analyze cohort.csv --out analysis
    """
    from simsepsis.analysis.data import read_cohort
    from simsepsis.analysis.output import analysis_contents
    from simsepsis.analysis.spec import THESIS_SPEC, load_spec
    from simsepsis.analysis.thesis_analysis import analyze as run_analysis
    from simsepsis.figures import draw_analysis, render_plate
    from simsepsis.files import check_folder, write_files

    chosen = THESIS_SPEC if spec is None else load_spec(spec)
    patients = read_cohort(cohort)
    check_folder(out)
    analysis = run_analysis(patients, chosen, seed=seed)
    figures: dict[str, bytes] = {}
    for plate in draw_analysis(analysis, source=cohort.name, version=version("simsepsis")):
        figures |= {f"figures/{name}": content for name, content in render_plate(plate).contents.items()}
    write_files(out, analysis_contents(analysis) | figures)
    show_estimates(analysis.estimates)
    say(f"\nTables, figures, pairs and estimates are in {out}")


@app.command()
def reproduce(
    replicates: Annotated[int, typer.Option(help="Registries to simulate.")] = 200,
    jobs: Jobs = -1,
    seed: Seed = 20260101,
    scenario: Annotated[
        str, typer.Option(help="The world: a shipped name or the path of a .toml file.")
    ] = "thesis",
    out: Annotated[Path, typer.Option(help="Folder for tables, figures and the report.")] = Path(
        "reproduction"
    ),
) -> None:
    """Simulate the thesis's registry, analyse every replicate as the thesis did, and set print beside it.

    Example: simsepsis reproduce --replicates 200 --out reproduction
    """
    from simsepsis.figures import draw_reproduction, render_plate
    from simsepsis.files import check_folder, write_files
    from simsepsis.report import reproduction_html
    from simsepsis.reproduction import contents_of
    from simsepsis.reproduction import reproduce as run_reproduction
    from simsepsis.scenario import load_scenario

    world = load_scenario(scenario)
    if replicates < 1:
        raise UsageError(f"--replicates {replicates}: at least one registry is needed; give 1 or more")
    check_folder(out)
    with progress_bar("Registries simulated and analysed") as progress:
        result = run_reproduction(world, replicates=replicates, jobs=jobs, seed=seed, progress=progress)
    plates = [render_plate(plate) for plate in draw_reproduction(result, version=version("simsepsis"))]
    command = f"simsepsis reproduce --scenario {scenario} --replicates {replicates} --seed {seed}"
    contents = contents_of(result)
    for plate in plates:
        contents |= {f"figures/{name}": content for name, content in plate.contents.items()}
    contents["report.html"] = reproduction_html(result, plates, command=command).encode()
    write_files(out, contents)
    show_comparison(result.comparison)
    for sentence in result.summary:
        say(f"• {sentence}")
    say(f"\nThe report is {out / 'report.html'}")
