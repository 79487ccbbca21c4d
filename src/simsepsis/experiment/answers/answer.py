"""The answers of a run: those that its plan asks for, or those that any plan can have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simsepsis.experiment.answers.bands import verdict_sentences
from simsepsis.experiment.answers.components import contrast_sentences, ladder_sentences
from simsepsis.experiment.answers.frontiers import contour_sentences, frontier_sentences
from simsepsis.experiment.answers.ranges import claim_sentences, extreme_sentences
from simsepsis.experiment.requests import AnswerChoice
from simsepsis.experiment.results import Run

ANSWERING: dict[str, Callable[[AnswerChoice, Run], Iterator[str]]] = {
    "extremes": extreme_sentences,
    "verdict": verdict_sentences,
    "frontier": frontier_sentences,
    "contour": contour_sentences,
    "contrast": contrast_sentences,
    "ladder": ladder_sentences,
    "claims": claim_sentences,
}
"""Kind of answer → what makes its sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer.

    Attributes
    ----------
    kind
        Of `simsepsis.experiment.requests.ANSWERS`.
    title
        What it is about, perhaps empty.
    sentences
        What the numbers say, with Monte Carlo standard errors in brackets.
    """

    kind: str
    title: str
    sentences: tuple[str, ...]


def answers_of(run: Run) -> tuple[Answer, ...]:
    """Return the answers of a run in words.

    Parameters
    ----------
    run
        As returned by `run_experiment`.
    """
    choices = run.plan.answers or default_answers(run)
    return tuple(
        Answer(kind=choice.kind, title=choice.title, sentences=tuple(ANSWERING[choice.kind](choice, run)))
        for choice in choices
    )


def default_answers(run: Run) -> tuple[AnswerChoice, ...]:
    """Return what is asked where a plan asks for no answers."""
    chosen = [AnswerChoice(kind="extremes")]
    if (run.truth["value"] == 0.0).any():
        chosen.append(AnswerChoice(kind="verdict", measure="rejection"))
    chosen.append(AnswerChoice(kind="verdict", measure="coverage"))
    if len(run.ladder):
        chosen.append(AnswerChoice(kind="ladder"))
    if run.plan.accept:
        chosen.append(AnswerChoice(kind="claims"))
    return tuple(chosen)
