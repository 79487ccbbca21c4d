"""Every method by name: what it estimates, what it needs, and how to run it on a registry."""

from collections.abc import Mapping
from typing import Any

from simsepsis.analysis.methods import registry
from simsepsis.analysis.methods.method import Method
from simsepsis.analysis.methods.registry import methods_of
from simsepsis.analysis.methods.run import method_names, method_rows, run_method, run_methods

__all__ = [
    "Method",
    "method_names",
    "method_rows",
    "methods_of",
    "run_method",
    "run_methods",
]


METHODS: Mapping[str, Method]
GROUPS: Mapping[str, tuple[str, ...]]


def __getattr__(name: str) -> Any:
    # What the study has that stands where none is named; it is opened when it is asked for.
    if name in ("GROUPS", "METHODS"):
        return getattr(registry, name)
    raise AttributeError(f"module '{__name__}' has no name '{name}'")
