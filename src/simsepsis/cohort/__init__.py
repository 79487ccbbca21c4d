"""The generator: ICUs, patients, treatment, course and the registry's view of them."""

from simsepsis.cohort.generate import Cohort, generate_cohort
from simsepsis.cohort.oracle import Oracle, oracle_frame

__all__ = ["Cohort", "Oracle", "generate_cohort", "oracle_frame"]
