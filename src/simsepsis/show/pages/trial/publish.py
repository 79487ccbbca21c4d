"""Planning a trial from its file to a folder."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from simsepsis.errors import UsageError
from simsepsis.files import check_folder, write_files
from simsepsis.show.figure import files_of
from simsepsis.show.pages.trial.document import contents_of, document_of
from simsepsis.show.pages.trial.page import plan_page
from simsepsis.show.plots.trial import draw_plan
from simsepsis.threads import one_thread
from simsepsis.trial.planning import Effort, Progress, TrialPlan, compute_plan
from simsepsis.trial.protocol import TrialProtocol, load_trial


@one_thread()
def plan_trial(
    path_or_plan: str | Path | TrialProtocol,
    out: Path | str,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    jobs: int = -1,
    progress: Progress | None = None,
) -> TrialPlan:
    """Plan a randomized trial, and write ``plan.json``, ``plan.md``, ``report.html`` and ``figures/``.

    The simulated trials are kept in ``trials/`` as they come: a plan that was cut off, or whose words or
    priors have changed, simulates only what is lacking.

    Parameters
    ----------
    path_or_plan
        Name of a shipped trial, path of a ``.toml`` file, or a protocol.
    out
        Folder; made if it does not exist. Files of an earlier plan are replaced once all new ones are there.
    replicates
        Simulated trials under each truth; None for those of the protocol, 0 for formulas only.
    seed
        Seed of population and trials; None for that of the protocol.
    jobs
        Worker processes, −1 for one per core; the numbers do not depend on it.
    progress
        Called after each batch of trials.

    Returns
    -------
    TrialPlan
        Every table of the plan.

    Raises
    ------
    ExperimentError
        If the protocol cannot be read, or its population cannot have what it asks for.
    UsageError
        If a number is out of range, or no number of patients is enough.
    OutputError
        If the files cannot be written; then none has been replaced.
    """
    protocol = path_or_plan if isinstance(path_or_plan, TrialProtocol) else load_trial(path_or_plan)
    if seed is not None and seed < 0:
        raise UsageError(f"seed {seed} is negative; give 0 or more")
    folder = check_folder(out)
    effort = Effort(replicates=replicates, seed=seed, jobs=jobs, store=folder / "trials")
    plan = compute_plan(protocol, effort=effort, progress=progress)
    write_files(folder, plan_contents(plan, command=_command(path_or_plan, protocol, replicates, seed)))
    return plan


def plan_contents(plan: TrialPlan, *, command: str) -> dict[str, bytes]:
    """Return every file of a plan by its name in the folder.

    Parameters
    ----------
    plan
        The plan.
    command
        What to type to get the same files.
    """
    document = document_of(plan, command=command)
    figures = draw_plan(plan, version=version("simsepsis"))
    return (
        contents_of(document)
        | files_of(figures)
        | {"report.html": plan_page(document, figures).html.encode()}
    )


def _command(
    given: str | Path | TrialProtocol, protocol: TrialProtocol, replicates: int | None, seed: int | None
) -> str:
    """Return what to type for the same plan; a file is named without its folder."""
    name = protocol.name if isinstance(given, TrialProtocol) else Path(given).name
    options = {"--replicates": replicates, "--seed": seed}
    return " ".join(
        ["simsepsis plan", name, *(f"{key} {value}" for key, value in options.items() if value is not None)]
    )
