"""The thesis's whole analysis on any cohort, laid out for people and files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from simsepsis.analysis.cells import Cells, Key, cells
from simsepsis.analysis.estimates import Estimate, estimates_frame
from simsepsis.analysis.frames import (
    balance_frame,
    flow_frame,
    models_frame,
    pairs_frame,
    score_frame,
    scores_frame,
    survival_frame,
    survival_tests_frame,
    table_frames,
)
from simsepsis.analysis.methods import method_names, method_rows, methods_of
from simsepsis.analysis.result import ThesisResult
from simsepsis.analysis.spec import AnalysisSpec, default_spec
from simsepsis.analysis.steps import run_thesis_analysis
from simsepsis.analysis.thesis_estimates import thesis_estimates
from simsepsis.errors import UsageError
from simsepsis.streams import stream, streams
from simsepsis.threads import one_thread

__all__ = ["Analysis", "Cells", "Key", "ThesisResult", "analyze", "cells", "run_thesis_analysis"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """The analysis of one cohort as frames for people and files, each made when it is asked for.

    Attributes
    ----------
    result
        What all of this is made from.
    further
        Rows of the methods that the spec asks for besides.
    """

    result: ThesisResult
    further: tuple[Estimate, ...] = ()

    @cached_property
    @one_thread()
    def estimates(self) -> pd.DataFrame:
        """One row per result, columns as in `simsepsis.analysis.estimates.Estimate`."""
        return estimates_frame((*thesis_estimates(self.result), *self.further))

    @cached_property
    @one_thread()
    def tables(self) -> dict[str, pd.DataFrame]:
        """``table1`` … ``table6`` and ``text``: variable, level, statistic, phase, arm, value."""
        return table_frames(cells(self.result))

    @cached_property
    @one_thread()
    def pairs(self) -> pd.DataFrame:
        """Matched pairs of each score: row (from 0) and identifier of both patients, distance."""
        return pairs_frame(self.result)

    @cached_property
    @one_thread()
    def balance(self) -> pd.DataFrame:
        """Standardized differences by every denominator, variance ratios, eCDF distances."""
        return balance_frame(self.result)

    @cached_property
    @one_thread()
    def flow(self) -> pd.DataFrame:
        """Patients at each step."""
        return flow_frame(self.result)

    @cached_property
    @one_thread()
    def scores(self) -> pd.DataFrame:
        """One row per propensity score: C-statistic, overlap, caliper, pairs, notes."""
        return scores_frame(self.result)

    @cached_property
    @one_thread()
    def score(self) -> pd.DataFrame:
        """One row per analysed patient: propensity and whether matched, for each score."""
        return score_frame(self.result)

    @cached_property
    @one_thread()
    def models(self) -> pd.DataFrame:
        """Every coefficient of every GEE and of both propensity models."""
        return models_frame(self.result)

    @cached_property
    @one_thread()
    def survival(self) -> pd.DataFrame:
        """Kaplan–Meier curve and cumulative incidence of each matched arm."""
        return survival_frame(self.result)

    @cached_property
    @one_thread()
    def survival_tests(self) -> pd.DataFrame:
        """Cox, log-rank, proportional hazards, restricted means."""
        return survival_tests_frame(self.result)


@one_thread()
def analyze(registry: pd.DataFrame, spec: AnalysisSpec | None = None, *, seed: int = 0) -> Analysis:
    """Run the thesis's analysis on a cohort and lay it out in frames.

    Parameters
    ----------
    registry
        One row per patient, with the columns that the spec names.
    spec
        What to use; None for the thesis's literal reading.
    seed
        For the random order of matching.

    Raises
    ------
    DataError
        If the cohort cannot be taken.
    UsageError
        If a method that the spec names is unknown, or needs what no file has.
    """
    spec = default_spec() if spec is None else spec
    wanted = further_methods(spec)
    result = run_thesis_analysis(registry, spec, rng=stream(seed, "matching"))
    return Analysis(result=result, further=_further_rows(registry, result, wanted, seed))


def further_methods(spec: AnalysisSpec) -> tuple[str, ...]:
    """Return the names of the methods that a spec asks for, those of groups spelled out."""
    names, methods = method_names(spec.methods, spec), methods_of(spec)
    for name in names:
        method = methods[name]
        if {"oracle", "twin"} & set(method.needs):
            raise UsageError(
                f"method '{name}' needs what only a simulator knows, and a file has no truth; "
                "take it out of 'methods'"
            )
        if not method.estimands_of(spec):
            raise UsageError(
                f"method '{name}' estimates nothing of outcomes that are numbers; take it out of 'methods'"
            )
    return names


def _further_rows(
    registry: pd.DataFrame, result: ThesisResult, wanted: tuple[str, ...], seed: int
) -> tuple[Estimate, ...]:
    """Return the rows of the methods that the analysis itself does not have."""
    if not wanted:
        return ()
    there = {"rmst28" if row.method.startswith("rmst") else row.method for row in thesis_estimates(result)}
    left = tuple(name for name in wanted if name not in there)
    return tuple(method_rows(left, registry, draw=streams(seed), spec=result.spec)) if left else ()
