"""The one list of methods: those of any study, and those that a study adds."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, get_args

from simsepsis.analysis.methods.clone_censor import CLONE_CENSOR_WEIGHT
from simsepsis.analysis.methods.competing import FINE_GRAY
from simsepsis.analysis.methods.doubly_robust import AIPW
from simsepsis.analysis.methods.gee_variants import GEE_METHODS
from simsepsis.analysis.methods.instrument import ICU_PREFERENCE
from simsepsis.analysis.methods.matcher_variants import MATCHER_METHODS
from simsepsis.analysis.methods.method import Group, Method
from simsepsis.analysis.methods.missing_data import MISSING_METHODS
from simsepsis.analysis.methods.oracle import ORACLE_METHODS
from simsepsis.analysis.methods.other_scores import OTHER_SCORES
from simsepsis.analysis.methods.regression import REGRESSION_METHODS
from simsepsis.analysis.methods.thesis import RMST28, in_twin, interaction, thesis_methods
from simsepsis.analysis.methods.timing import COX_METHODS
from simsepsis.analysis.methods.weighting import WEIGHTING_METHODS
from simsepsis.analysis.spec import AnalysisSpec, Subgroup, default_spec
from simsepsis.study.published import DEFAULT, open_study

KINDS = (*MATCHER_METHODS, *GEE_METHODS, *OTHER_SCORES)
MORE = (
    *MISSING_METHODS,
    *REGRESSION_METHODS,
    *WEIGHTING_METHODS,
    AIPW,
    ICU_PREFERENCE,
    *COX_METHODS,
    CLONE_CENSOR_WEIGHT,
    RMST28,
    FINE_GRAY,
    *ORACLE_METHODS,
)


def methods_of_files() -> Iterator[Method]:
    """Yield the method of each file here that calls one ``METHOD``: such a file needs no place in a list."""
    folder = __name__.rpartition(".")[0]
    for file in pkgutil.iter_modules(import_module(folder).__path__, f"{folder}."):
        method = getattr(import_module(file.name), "METHOD", None)
        if method is not None:
            yield method


def methods_of(spec: AnalysisSpec) -> Mapping[str, Method]:
    """Return every method by name, in the order of lists.

    Among them are the interaction tests of the spec's subgroups, those of the study that stands where none is
    named, and the methods that its study has of its own.

    Parameters
    ----------
    spec
        Names the subgroups and the study.
    """
    return _methods(spec.subgroups, DEFAULT if spec.own else str(spec.study))


@cache
def _methods(subgroups: tuple[Subgroup, ...], study: str) -> Mapping[str, Method]:
    usual = default_spec().subgroups
    shown = {one.name for one in usual}
    known = open_study(study)
    thesis = (*thesis_methods(known.layout.later), *map(interaction, usual))
    tests = [interaction(one) for one in subgroups if one.name not in shown]
    code = known.module("methods")
    own: tuple[Method, ...] = () if code is None else code.METHODS
    more = sorted((*MORE, *methods_of_files()), key=lambda method: get_args(Group).index(method.group))
    asked = (method for test in tests for method in (test, in_twin(test)))
    listed = (*thesis, *KINDS, *own, *more, *map(in_twin, thesis), *asked)
    return MappingProxyType({method.name: method for method in listed})


def groups_of(methods: Mapping[str, Method]) -> Mapping[str, tuple[str, ...]]:
    """Return the names of the methods of each group; a group's name may stand wherever a method's may."""
    groups = dict.fromkeys(method.group for method in methods.values())
    return {
        group: tuple(name for name, method in methods.items() if method.group == group) for group in groups
    }


METHODS: Mapping[str, Method]
GROUPS: Mapping[str, tuple[str, ...]]


def __getattr__(name: str) -> Any:
    if name == "METHODS":
        return methods_of(default_spec())
    if name == "GROUPS":
        return groups_of(methods_of(default_spec()))
    raise AttributeError(f"module '{__name__}' has no name '{name}'")
