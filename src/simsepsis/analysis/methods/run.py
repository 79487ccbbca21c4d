"""Methods run on a registry; what cannot be estimated becomes a row with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter

import pandas as pd

from simsepsis.analysis.estimates import Estimate, estimates_frame, failed, with_spread
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.registry import groups_of, methods_of
from simsepsis.analysis.methods.shared import OracleView, Shared
from simsepsis.analysis.methods.thesis import INTERACTION_PREFIX, TWIN
from simsepsis.analysis.result import Attempt
from simsepsis.analysis.spec import AnalysisSpec, default_spec
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.records import Registry
from simsepsis.streams import Streams, streams
from simsepsis.threads import one_thread

NOTHING: Attempt[None] = Attempt(
    value=None,
    failure="the spec names nothing that this method could estimate",
    seconds=0.0,
    kind="not available",
)
"""Why a method that did not fail gives no row for one of its estimands."""


@one_thread()
def run_method(
    name: str,
    registry: Registry,
    *,
    seed: int = 0,
    oracle: OracleView | None = None,
    twin: Registry | None = None,
    spec: AnalysisSpec | None = None,
) -> pd.DataFrame:
    """Return the estimates of one method, or of a group of methods, on one registry.

    Parameters
    ----------
    name
        A name of `METHODS` or of `GROUPS`.
    registry
        One row per patient.
    seed
        For random orders of matching; the thesis's methods give the rows of `analyze` with the same seed.
    oracle
        What only the simulator knows, in the order of the registry, for the methods that ask for it.
    twin
        Registry of the randomized twin, for the methods that ask for it.
    spec
        What the registry's columns are; None for the thesis's.

    Returns
    -------
    DataFrame
        One row per method and estimand, columns `simsepsis.analysis.estimates.ESTIMATE_COLUMNS`; a row that
        has no estimate says why.

    Raises
    ------
    UsageError
        If the name is unknown, the seed negative, or the oracle one of other patients.
    """
    return run_methods((name,), registry, draw=streams(seed), oracle=oracle, twin=twin, spec=spec)


@one_thread()
def run_methods(
    names: Sequence[str],
    registry: Registry,
    *,
    draw: Streams,
    oracle: OracleView | None = None,
    twin: Registry | None = None,
    spec: AnalysisSpec | None = None,
) -> pd.DataFrame:
    """Return the estimates of several methods on one registry; what they share is computed once.

    Parameters
    ----------
    names
        Names of `METHODS` or `GROUPS`.
    registry, oracle, twin, spec
        As in `run_method`.
    draw
        Name of a mechanism → its generator, as `simsepsis.streams.streams` gives it for a seed and replicate.
        No method's numbers depend on which others run.

    Returns
    -------
    DataFrame
        As `run_method`; ``seconds`` are those of the method and of the shared steps that it uses.

    Raises
    ------
    UsageError
        As in `run_method`.
    """
    return estimates_frame(method_rows(names, registry, draw=draw, oracle=oracle, twin=twin, spec=spec))


def method_rows(
    names: Sequence[str],
    registry: Registry,
    *,
    draw: Streams,
    oracle: OracleView | None = None,
    twin: Registry | None = None,
    spec: AnalysisSpec | None = None,
    limit: float | None = None,
) -> list[Estimate]:
    """Return what `run_methods` does as a list, for those who collect rows of many registries.

    Parameters
    ----------
    names, registry, draw, oracle, twin, spec
        As in `run_methods`.
    limit
        Seconds that each method, and each step that methods share, may take; then it is a failure. None: as
        long as it takes.

    Raises
    ------
    UsageError
        As in `run_method`.
    """
    if oracle is not None and len(oracle.propensity) != len(registry):
        raise UsageError(
            f"the oracle knows {len(oracle.propensity)} patients and the registry has {len(registry)}; "
            "give the oracle of this registry"
        )
    spec = spec or default_spec()
    wanted, methods = method_names(names, spec), methods_of(spec)
    shared = Shared(
        registry=registry,
        spec=spec,
        draw=draw,
        randomized=twin,
        limit=limit,
        asked=wanted,
        asked_of_twin=tuple(name.removeprefix(f"{TWIN}_") for name in wanted if name.startswith(TWIN)),
    )
    rows: list[Estimate] = []
    for name in wanted:
        method = methods[name]
        seen = oracle if "oracle" in method.needs else None
        rows.extend(_rows(method, Task(method=name, shared=shared, oracle=seen)))
    return rows


def method_names(names: Iterable[str], spec: AnalysisSpec | None = None) -> tuple[str, ...]:
    """Return the names of methods, those of groups spelled out, each once.

    Parameters
    ----------
    names
        Names of `methods_of` the spec, or of `GROUPS`.
    spec
        Names the subgroups, each of which has a test ``breslow_day_<name>``.

    Raises
    ------
    UsageError
        If one is neither.
    """
    spec = spec or default_spec()
    methods, found = methods_of(spec), dict[str, None]()
    for name in names:
        if name not in methods and name not in groups_of(methods):
            raise UsageError(f"method '{name}' is unknown{_hint(name, methods, spec)}")
        found.update(dict.fromkeys((name,) if name in methods else _members(name, methods, spec)))
    return tuple(found)


def _hint(name: str, methods: Mapping[str, Method], spec: AnalysisSpec) -> str:
    """Return what to write in place of an unknown name."""
    subgroup = name.removeprefix(f"{TWIN}_").removeprefix(INTERACTION_PREFIX)
    if INTERACTION_PREFIX in name:
        own = " and ".join(f"'{one.name}'" for one in spec.subgroups) or "none"
        return f": the spec has no subgroup '{subgroup}'; it has {own}"
    return did_you_mean(name, [*methods, *groups_of(methods)]) or "; `simsepsis list methods` shows them"


def _members(group: str, methods: Mapping[str, Method], spec: AnalysisSpec) -> Iterator[str]:
    """Yield the methods of a group, tests of subgroups only where the spec has these."""
    subgroups = {one.name for one in spec.subgroups}
    for name, method in methods.items():
        if method.group == group and (method.subgroup is None or method.subgroup in subgroups):
            yield name


def _rows(method: Method, task: Task) -> Iterator[Estimate]:
    """Yield one row for each estimand of a method, in its order."""
    estimands = method.estimands_of(task.spec)
    shared = sum(getattr(task.shared, step).seconds for step in method.uses)
    begin = perf_counter()
    found = task.shared.attempt(lambda: {row.estimand: row for row in method.function(task)})
    seconds = perf_counter() - begin + shared
    rows = found.value or {}
    none = found if found.value is None else NOTHING
    for name in estimands:
        row = rows.get(name) or failed(method.name, name, replace(none, seconds=seconds))
        yield with_spread(row if row.seconds > 0 else replace(row, seconds=seconds))
