"""A plan from its file to a folder: words, numbers, figures and the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from simsepsis.environment import versions
from simsepsis.errors import UsageError
from simsepsis.files import check_folder, write_files
from simsepsis.show.checklist import checklist_file
from simsepsis.show.figure import Figure, files_of
from simsepsis.show.page import Aside, Block, Page, Section, how_made
from simsepsis.show.pages.trial.checklist import ITEMS, TEAM, Answers
from simsepsis.show.pages.trial.document import SECTIONS, Document, contents_of, document_of
from simsepsis.threads import one_thread
from simsepsis.trial.planning import Effort, Progress, TrialPlan, compute_plan
from simsepsis.trial.protocol import TrialProtocol, load_trial
from simsepsis.trial.protocol.offer import Phrase

FIGURES = {
    "Patients": ("power", "sizes"),
    "Interim analyses": ("boundaries",),
    "Belief and assurance": ("assurance",),
    "If the assumptions are wrong": ("sensitivity",),
    "Endpoints, doses and patients": ("endpoints", "enrichment"),
    "Time and flow": ("accrual", "flow"),
}
"""Heading → figures under it, those that there are."""
PASTE = Phrase(
    "To paste into a protocol; it reports what DELTA2 asks for.",
    "実施計画書にそのまま転記できる（DELTA2準拠）。",
)


def plan_page(document: Document, figures: Sequence[Figure]) -> Page:
    """Return the page of a plan."""
    protocol = document.plan.protocol
    return Page(
        kind="plan of a trial",
        title=protocol.label,
        question=protocol.question,
        heading="In short",
        answer=document.summary,
        aside=protocol.offer.calibration.en,
        sections=(
            Section("statement", "Sample size", (Aside(PASTE.en), *document.statement)),
            Section(
                "statement-ja",
                "症例数設定",
                (
                    Aside(PASTE.ja),
                    *document.statement_ja,
                    Aside(protocol.offer.calibration.phrase.ja),
                    document.estimand_ja,
                ),
                lang="ja",
            ),
            Section("estimand", "Estimand", (document.estimand,)),
            *_sections(document, figures),
            how_made(document.command, _facts(document)),
        ),
    )


def _sections(document: Document, figures: Sequence[Figure]) -> Iterator[Section]:
    """Yield the tables and figures under each heading that has any."""
    for number, (title, names) in enumerate(SECTIONS, start=1):
        shown = (item for item in figures if item.name in FIGURES.get(title, ()))
        blocks: tuple[Block, ...] = (*document.section(names), *shown)
        if blocks:
            yield Section(f"section-{number}", title, blocks, style="wrapping")


def _facts(document: Document) -> tuple[tuple[str, str], ...]:
    plan = document.plan
    return (
        ("Seed", str(plan.protocol.run.seed)),
        ("Simulated trials under each truth", f"{plan.simulated_trials:,}"),
        *((f"Seconds: {part}", f"{seconds:.1f}") for part, seconds in plan.seconds.items()),
        *versions().items(),
    )


@one_thread()
def plan_trial(
    path_or_plan: str | Path | TrialProtocol,
    out: Path | str,
    *,
    study: str | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    jobs: int = -1,
    progress: Progress | None = None,
) -> TrialPlan:
    """Plan a randomized trial: ``plan.json``, ``plan.md``, ``plan-ja.md``, ``report.html`` and ``figures/``.

    ``checklist.csv`` has the items of DELTA2 and SPIRIT: which the plan answers, where, and in what words.

    The simulated trials are kept in ``trials/`` as they come: a plan that was cut off, or whose words or
    priors have changed, simulates only what is lacking.

    Parameters
    ----------
    path_or_plan
        Name of a shipped trial, path of a ``.toml`` file, or a protocol.
    out
        Folder; made if it does not exist. Files of an earlier plan are replaced once all new ones are there.
    study
        Study of a plan that names none, as in `open_study`.
    replicates
        Simulated trials under each truth; None for those of the protocol, 0 for formulas without figures.
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
    protocol = path_or_plan if isinstance(path_or_plan, TrialProtocol) else load_trial(path_or_plan, study)
    if seed is not None and seed < 0:
        raise UsageError(f"seed {seed} is negative; give 0 or more")
    folder = check_folder(out)
    effort = Effort(replicates=replicates, seed=seed, jobs=jobs, store=folder / "trials")
    plan = compute_plan(protocol, effort=effort, progress=progress)
    write_files(
        folder, plan_contents(plan, command=_command(path_or_plan, protocol, study, replicates, seed))
    )
    return plan


def plan_contents(plan: TrialPlan, *, command: str) -> dict[str, bytes]:
    """Return every file of a plan by its name in the folder."""
    document = document_of(plan, command=command)
    figures = _figures(plan)
    return (
        contents_of(document)
        | files_of(figures)
        | checklist_file(ITEMS, Answers(document), TEAM)
        | {"report.html": plan_page(document, figures).html.encode()}
    )


def _figures(plan: TrialPlan) -> tuple[Figure, ...]:
    """Return the figures; none of formulas alone, whose answer is wanted at once."""
    if not plan.simulated_trials:
        return ()
    from simsepsis.show.plots.trial import draw_plan

    return draw_plan(plan, version=version("simsepsis"))


def _command(
    given: str | Path | TrialProtocol,
    protocol: TrialProtocol,
    study: str | None,
    replicates: int | None,
    seed: int | None,
) -> str:
    """Return what to type for the same plan; a file is named without its folder."""
    name = protocol.name if isinstance(given, TrialProtocol) else Path(given).name
    options = {"--study": study, "--replicates": replicates, "--seed": seed}
    return " ".join(
        ["simsepsis plan", name, *(f"{key} {value}" for key, value in options.items() if value is not None)]
    )
