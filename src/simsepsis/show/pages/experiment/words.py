"""Sentences around an experiment's answers: what was planned and run, and how to run it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simsepsis.experiment import answers_of, experiment_names, load_plan

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.experiment import Plan, Run
    from simsepsis.show.page import Line


def answer_lines(findings: Run) -> tuple[Line, ...]:
    """Return the answer in sentences, led by what is missing where the run is unfinished."""
    lines: list[Line] = [] if findings.complete else [(unfinished_sentence(findings), ())]
    for answer in answers_of(findings):
        head, *others = answer.sentences or ("No number answers this.",)
        first = f"{answer.title}: {head}" if answer.title else head
        if head.endswith(":"):
            lines.append((first, tuple(others)))
        else:
            lines += [(first, ()), *((line, ()) for line in others)]
    return tuple(lines)


def plain_lines(lines: tuple[Line, ...], mark: str) -> tuple[str, ...]:
    """Return lines as text, each after a mark, those below a heading set in."""
    return tuple(
        text
        for head, items in lines
        for text in (f"{mark} {head}", *(f"    {mark} {item}" for item in items))
    )


def unfinished_sentence(findings: Run) -> str:
    """Return how far a run has come that is not at its end."""
    return (
        f"Unfinished: {range_text(findings.progress['replicates'])} of {planned_text(findings)} per cell are "
        "stored, and every number is of these."
    )


def range_text(counts: pd.Series) -> str:
    """Return counts as one number, or as the lowest and the highest."""
    low, high = int(counts.min()), int(counts.max())
    return f"{high:,}" if low == high else f"{low:,} to {high:,}"


def planned_text(findings: Run) -> str:
    """Return how many replicates the plan asks for: a number, or as many as its targets need."""
    run = findings.plan.run
    if run.replicates is not None:
        return f"{run.replicates:,} planned replicates"
    targets = ", ".join(f"{measure} {error:g}" for measure, error in run.until_mcse.items())
    return (
        f"the replicates needed for Monte Carlo standard errors of {targets} (at most "
        f"{run.most_replicates:,})"
    )


def deviations(findings: Run) -> tuple[str, ...]:
    """Return in what the run is not what was planned."""
    return tuple(_deviations(findings))


def _deviations(findings: Run) -> Iterator[str]:
    done, wanted = findings.progress["replicates"], findings.progress["wanted"]
    short, planned = int((done < wanted).sum()), planned_text(findings)
    yield (
        f"{short} of {len(done)} cells lack some of {planned}."
        if short
        else f"All {len(done)} cells have {_reached(findings)}."
    )
    failed = int(findings.progress["failures"].sum())
    rows = int(findings.progress["rows"].sum())
    yield (
        f"{failed:,} of {rows:,} rows have no estimate; no replicate was drawn anew or left out."
        if failed
        else f"All {rows:,} rows have an estimate."
    )
    yield from findings.notes


def _reached(findings: Run) -> str:
    """Return how many replicates a cell has of which none is missing."""
    planned, done = planned_text(findings), findings.progress["replicates"]
    return f"the {planned}" if findings.plan.run.replicates is not None else f"{planned}: {range_text(done)}"


def command_of(plan: Plan) -> str:
    """Return what to type to get the same numbers."""
    if plan.name in experiment_names():
        shipped = load_plan(plan.name)
        ends = ("replicates", "until_mcse", "max_replicates")
        same = shipped.run.model_copy(update={name: getattr(plan.run, name) for name in ends})
        if shipped.model_copy(update={"run": same}) == plan:
            return f"simsepsis run {plan.name} {_end_option(plan)}"
    return "simsepsis run plan.toml    # the plan.toml of this run folder"


def _end_option(plan: Plan) -> str:
    """Return the options of the command line that end a run where a plan does."""
    if plan.run.replicates is not None:
        return f"--replicates {plan.run.replicates}"
    targets = ",".join(f"{measure}={error:g}" for measure, error in plan.run.until_mcse.items())
    return f"--until-mcse {targets} --max-replicates {plan.run.max_replicates}"
