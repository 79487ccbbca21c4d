"""Which worlds a study's printed results can have come from: priors, worlds, emulator, posterior, checks."""

from simsepsis.experiment.inference.findings import Inference, infer
from simsepsis.experiment.inference.priors import InferencePlan, Prior, load_inference

__all__ = ["Inference", "InferencePlan", "Prior", "infer", "load_inference"]
