"""The page of an experiment, and the files beside it."""

from simsepsis.report.experiment.page import experiment_html, experiment_page
from simsepsis.report.experiment.shown import Shown, figure_contents, show_findings, shown_contents
from simsepsis.report.experiment.words import plain_lines, unfinished_sentence

__all__ = [
    "Shown",
    "experiment_html",
    "experiment_page",
    "figure_contents",
    "plain_lines",
    "show_findings",
    "shown_contents",
    "unfinished_sentence",
]
