"""The generator: ICUs, patients, treatment, course and the registry's view of them."""

from simsepsis.cohort.generate import Cohort, Oracle, generate_cohort, oracle_frame

__all__ = ["Cohort", "Oracle", "generate_cohort", "oracle_frame"]
