"""A method that lacks what it needs is told from one that fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.methods import METHODS, run_method, run_methods
from simsepsis.analysis.result import attempt, kind_of
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec, Subgroup
from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.errors import ConvergenceError, DataError, NotEstimableError, UsageError
from simsepsis.streams import streams

PLAIN = AnalysisSpec(
    name="plain",
    outcomes=("icu_death",),
    covariates=("age", "apache2", "male"),
    cluster=None,
    patient=None,
    adjuncts=(),
    transfusions=(),
    durations=(),
    later_scores=(),
    survival_time=None,
    survival_event=None,
    subgroups=(),
)


def kinds(rows: pd.DataFrame) -> set[str]:
    return set(rows["failure_kind"])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotEstimableError("x"), "not available"),
        (ConvergenceError("x"), "not converged"),
        (DataError("x"), "data"),
        (FloatingPointError("x"), "not converged"),
        (np.linalg.LinAlgError("x"), "not converged"),
        (ValueError("x"), "error"),
    ],
)
def test_every_error_has_a_kind(error: Exception, kind: str) -> None:
    def step() -> None:
        raise error

    assert kind_of(error) == kind
    assert attempt(step).kind == kind


@pytest.mark.parametrize("name", ["oracle_ps", "psm_with_u", "randomized_twin", "cox_time_varying"])
def test_what_a_registry_lacks_is_not_available(registry: pd.DataFrame, name: str) -> None:
    rows = run_method(name, registry)
    assert not rows["converged"].any()
    assert kinds(rows) == {"not available"}


def test_what_a_spec_lacks_is_not_available(registry: pd.DataFrame) -> None:
    lacking = ("gee_full", "psm_gee", "psm_cox", "rmst28", "fine_gray", "psm_within_icu", "psm_second_score")
    rows = run_methods(lacking, registry, draw=streams(0), spec=PLAIN)
    assert kinds(rows) == {"not available"}


def test_a_column_that_the_file_lacks_is_not_available(registry: pd.DataFrame) -> None:
    rows = run_methods(("psm", "iptw"), registry.drop(columns="apache2"), draw=streams(0))
    assert rows["failure"].str.contains("'apache2' is missing").all()
    assert kinds(rows) == {"not available"}


def test_patients_without_counterparts_are_a_failure_of_the_method(registry: pd.DataFrame) -> None:
    apart = registry.assign(age=np.linspace(20, 90, len(registry)))
    rows = run_methods(("psm",), apart, draw=streams(0), spec=replace(PLAIN, caliper=0.0))
    assert kinds(rows) == {"not converged"}
    rows = run_methods(("psm",), registry.assign(ivigg=1), draw=streams(0))
    assert kinds(rows) == {"data"}


def test_an_estimate_has_no_kind_of_failure(registry: pd.DataFrame) -> None:
    assert kinds(run_method("psm", registry)) == {""}


AGED = replace(THESIS_SPEC, subgroups=(Subgroup(name="old", column="age", at_least=70.0),))


def test_every_subgroup_of_a_spec_has_its_test(registry: pd.DataFrame) -> None:
    rows = run_method("breslow_day_old", registry, seed=3, spec=AGED)
    assert rows["converged"].all()
    expected = analyze(registry, AGED, seed=3).estimates.query("method == 'breslow_day_old'")
    assert rows["estimate"].tolist() == expected["estimate"].tolist()
    twin = run_method("randomized_twin_breslow_day_old", registry, twin=registry, spec=AGED)
    assert set(twin["method"]) == {"randomized_twin_breslow_day_old"}
    assert twin["converged"].all()


def test_a_group_has_the_tests_of_the_spec(registry: pd.DataFrame) -> None:
    rows = run_method("thesis", registry, spec=AGED)
    tests = {name for name in rows["method"] if name.startswith("breslow_day_")}
    assert tests == {"breslow_day_old"}


def test_an_unknown_subgroup_is_one_sentence(registry: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="the spec has no subgroup 'young'; it has 'apache2' and"):
        run_method("breslow_day_young", registry)
    row = run_method("breslow_day_apache2", registry, spec=AGED).iloc[0]
    assert row["failure"] == "the spec has no subgroup 'apache2'; it has old"
    assert row["failure_kind"] == "not available"


def test_the_thesis_has_the_names_it_had() -> None:
    assert METHODS["breslow_day_apache2"].label == "Interaction with APACHE II ≥ 29"
    assert METHODS["breslow_day_immunocompromised"].label == "Interaction with immunocompromise"
