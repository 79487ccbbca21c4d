"""The one list of methods."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from simsepsis.analysis.methods.clone_censor import CLONE_CENSOR_WEIGHT
from simsepsis.analysis.methods.competing import FINE_GRAY
from simsepsis.analysis.methods.doubly_robust import AIPW
from simsepsis.analysis.methods.gee_variants import GEE_METHODS
from simsepsis.analysis.methods.instrument import ICU_PREFERENCE
from simsepsis.analysis.methods.matcher_variants import MATCHER_METHODS
from simsepsis.analysis.methods.method import Method
from simsepsis.analysis.methods.missing_data import MISSING_METHODS
from simsepsis.analysis.methods.oracle import ORACLE_METHODS
from simsepsis.analysis.methods.other_scores import OTHER_SCORES
from simsepsis.analysis.methods.regression import REGRESSION_METHODS
from simsepsis.analysis.methods.thesis import RMST28, THESIS_METHODS, TWIN_METHODS, in_twin, interaction
from simsepsis.analysis.methods.timing import COX_METHODS
from simsepsis.analysis.methods.weighting import WEIGHTING_METHODS
from simsepsis.analysis.spec import AnalysisSpec

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            *THESIS_METHODS,
            *MATCHER_METHODS,
            *GEE_METHODS,
            *OTHER_SCORES,
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
            *TWIN_METHODS,
        )
    }
)
"""Method by name, in the order of lists."""


def methods_of(spec: AnalysisSpec) -> Mapping[str, Method]:
    """Return `METHODS`, and the interaction tests of the spec's own subgroups.

    Parameters
    ----------
    spec
        Names the subgroups.
    """
    tests = [interaction(subgroup) for subgroup in spec.subgroups]
    own = {method.name: method for test in tests for method in (test, in_twin(test))}
    return {**METHODS, **{name: method for name, method in own.items() if name not in METHODS}}


GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        group: tuple(name for name, method in METHODS.items() if method.group == group)
        for group in dict.fromkeys(method.group for method in METHODS.values())
    }
)
"""Names of the methods of each group; a group's name may stand wherever a method's may."""
