"""Which parts of the thesis's analysis the methods that were asked for read, so that no other is computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simsepsis.analysis.spec import AnalysisSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A part of the analysis: what a spec without it says, and whose rows come from it.

    Attributes
    ----------
    without
        Settings of a spec that leaves it out.
    starts, ends
        How the names of the methods begin and end that read it.
    """

    without: Mapping[str, Any] = field(hash=False)
    starts: tuple[str, ...] = ("",)
    ends: tuple[str, ...] = ("",)

    def read_by(self, name: str) -> bool:
        """Return whether a method reads it."""
        return name.startswith(self.starts) and name.endswith(self.ends)


def parts_of(spec: AnalysisSpec) -> tuple[_Part, ...]:
    """Return the parts that can be left out without any other result changing."""
    later, survival = f"_gee_{spec.later.name}", {"survival_time": None, "survival_event": None}
    return (
        _Part(without={"second_score": "none"}, starts=("psm_adjuncts",)),
        _Part(without={"later_scores": ()}, ends=(later,)),
        _Part(without={"cluster": None}, ends=("_gee", later)),
        _Part(without=survival, starts=("psm_cox", "psm_paired_se", "rmst")),
        _Part(without={"subgroups": ()}, starts=("breslow_day",)),
    )


def with_parts_for(spec: AnalysisSpec, methods: Collection[str]) -> AnalysisSpec:
    """Return the spec without the parts of the thesis's analysis that none of the methods reads.

    The results of the others stay the same bits: each score is matched with a generator of its own.
    """
    changes: dict[str, Any] = {}
    for part in parts_of(spec):
        if not any(part.read_by(name) for name in methods):
            changes |= part.without
    return replace(spec, **changes)
