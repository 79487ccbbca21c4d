"""Sentences around an experiment's answers: what was planned and run, and how to run it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simsepsis.experiment import answers_of, experiment_names, load_plan

if TYPE_CHECKING:
    from simsepsis.experiment import Findings, Plan


Line = tuple[str, tuple[str, ...]]
"""A sentence, and the lines below it where it is a heading."""


def answer_lines(findings: Findings) -> tuple[Line, ...]:
    """Return the answer in sentences, led by what is missing where the run is unfinished.

    Parameters
    ----------
    findings
        The run.
    """
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
    """Return lines as text, each after a mark, those below a heading set in.

    Parameters
    ----------
    lines
        As of `answer_lines`.
    mark
        What a line begins with.
    """
    return tuple(
        text
        for head, items in lines
        for text in (f"{mark} {head}", *(f"    {mark} {item}" for item in items))
    )


def unfinished_sentence(findings: Findings) -> str:
    """Return how far a run has come that is not at its end."""
    fewest, most = findings.replicates
    each = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return (
        f"Unfinished: {each} of {planned(findings.plan)} replicates per cell are stored, and every number is "
        "of these."
    )


def planned(plan: Plan) -> str:
    """Return how many replicates of a cell were planned, in words.

    Parameters
    ----------
    plan
        As it was run.
    """
    if not plan.run.until_mcse:
        return f"{plan.run.most_replicates:,} planned"
    targets = ", ".join(f"{name} {mcse:g}" for name, mcse in plan.run.until_mcse.items())
    return f"at most {plan.run.most_replicates:,} (until the Monte Carlo errors reach {targets})"


def deviations(findings: Findings) -> tuple[str, ...]:
    """Return in what the run is not what was planned.

    Parameters
    ----------
    findings
        The run.
    """
    return tuple(_deviations(findings))


def _deviations(findings: Findings) -> Iterator[str]:
    done, wanted = findings.progress["replicates"], findings.progress["wanted"]
    if not findings.complete:
        short = int((done < wanted).sum())
        yield f"{short} of {len(done)} cells have fewer than {planned(findings.plan)} replicates."
    elif findings.plan.run.until_mcse:
        yield f"All {len(done)} cells are done, with {done.min():,} to {done.max():,} replicates."
    else:
        yield f"All {planned(findings.plan)} replicates of all {len(done)} cells are done."
    failed = int(findings.progress["failures"].sum())
    rows = int(findings.progress["rows"].sum())
    yield (
        f"{failed:,} of {rows:,} rows have no estimate; no replicate was drawn anew or left out."
        if failed
        else f"All {rows:,} rows have an estimate."
    )
    yield from findings.run.notes


def command_of(plan: Plan) -> str:
    """Return what to type to get the same numbers.

    Parameters
    ----------
    plan
        As it was run; of a plan that is not shipped as it is, the run folder's copy is named.
    """
    if plan.name in experiment_names() and plan.run.replicates is not None:
        shipped = load_plan(plan.name)
        same = shipped.run.model_copy(update={"replicates": plan.run.replicates})
        if shipped.model_copy(update={"run": same}) == plan:
            return f"simsepsis run {plan.name} --replicates {plan.run.replicates}"
    return "simsepsis run plan.toml    # the plan.toml of this run folder"
