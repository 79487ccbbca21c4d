"""Every method by name: what it estimates, what it needs, and how to run it on a registry."""

from simsepsis.analysis.methods.method import Method
from simsepsis.analysis.methods.registry import GROUPS, METHODS, methods_of
from simsepsis.analysis.methods.run import method_names, method_rows, run_method, run_methods

__all__ = [
    "GROUPS",
    "METHODS",
    "Method",
    "method_names",
    "method_rows",
    "methods_of",
    "run_method",
    "run_methods",
]
