"""Which worlds make a whole set of printed results likely: synthetic likelihood over the cells of a run."""

from simsepsis.experiment.inference.checks import Checks, checks_of
from simsepsis.experiment.inference.infer import Inference, infer_thesis, inference_table, inference_words
from simsepsis.experiment.inference.posterior import PRIORS, Prior
from simsepsis.experiment.inference.printed_results import (
    Result,
    printed_vector,
    replicate_vectors,
    results_of,
)
from simsepsis.experiment.inference.synthetic import Adequacy, Likelihood, adequacy, synthetic_likelihood

__all__ = [
    "PRIORS",
    "Adequacy",
    "Checks",
    "Inference",
    "Likelihood",
    "Prior",
    "Result",
    "adequacy",
    "checks_of",
    "infer_thesis",
    "inference_table",
    "inference_words",
    "printed_vector",
    "replicate_vectors",
    "results_of",
    "synthetic_likelihood",
]
