"""The page of an experiment, and the files beside it."""

from simsepsis.show.pages.experiment.page import (
    Shown,
    experiment_page,
    show_findings,
    write_figures,
    write_shown,
)
from simsepsis.show.pages.experiment.words import plain_lines, unfinished_sentence

__all__ = [
    "Shown",
    "experiment_page",
    "plain_lines",
    "show_findings",
    "unfinished_sentence",
    "write_figures",
    "write_shown",
]
