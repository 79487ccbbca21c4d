"""Experiments: a question, its worlds and methods, run so that one may stop, go on and check."""

from simsepsis.experiment.answers import Answer, answers_of
from simsepsis.experiment.cells import Cell, cells_of
from simsepsis.experiment.claims import (
    ACCEPT_COLUMNS,
    VERDICTS,
    Claim,
    judge,
    monte_carlo_limits,
    parse_claim,
)
from simsepsis.experiment.inference import Inference, InferencePlan, infer, load_inference
from simsepsis.experiment.plan import Plan, experiment_names, find_experiment, load_plan
from simsepsis.experiment.replay import Replay, Verified, replay, verify
from simsepsis.experiment.replicates import Standing
from simsepsis.experiment.results import Run
from simsepsis.experiment.run import run_experiment, summarize_run
from simsepsis.experiment.run_folder import RunFolder, open_run
from simsepsis.experiment.stopping import Look, looks, parse_targets
from simsepsis.experiment.truths import TRUTH_COLUMNS

__all__ = [
    "ACCEPT_COLUMNS",
    "TRUTH_COLUMNS",
    "VERDICTS",
    "Answer",
    "Cell",
    "Claim",
    "Inference",
    "InferencePlan",
    "Look",
    "Plan",
    "Replay",
    "Run",
    "RunFolder",
    "Standing",
    "Verified",
    "answers_of",
    "cells_of",
    "experiment_names",
    "find_experiment",
    "infer",
    "judge",
    "load_inference",
    "load_plan",
    "looks",
    "monte_carlo_limits",
    "open_run",
    "parse_claim",
    "parse_targets",
    "replay",
    "run_experiment",
    "summarize_run",
    "verify",
]
