"""The registry of methods and how it is run."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.methods import GROUPS, METHODS, Method, method_names, run_method, run_methods
from simsepsis.analysis.methods import shared as shared_steps
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.registry import methods_of_files
from simsepsis.analysis.methods.shared import Shared
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.errors import UsageError
from simsepsis.estimand import POPULATIONS
from simsepsis.streams import streams

NAMES = {
    "thesis": "crude psm psm_gee psm_gee_sofa psm_cox psm_adjuncts psm_adjuncts_gee psm_adjuncts_gee_sofa "
    "breslow_day_apache2 breslow_day_immunocompromised",
    "matching": "psm_ps_scale psm_random_in_caliper psm_largest psm_closest psm_replace psm_2to1 "
    "psm_within_icu psm_icu_first psm_paired_se psm_cluster_se",
    "adjustment": "logistic iptw overlap_weights aipw gee_full conditional_logistic_icu icu_preference_iv",
    "time": "cox_time_fixed cox_time_varying landmark_day3 clone_censor_weight rmst28 fine_gray "
    "exclude_early_deaths",
    "oracle": "oracle_ps psm_with_u",
}
GEE_VARIANTS = [
    "psm_gee_independence",
    "psm_gee_mancl_derouen",
    "psm_gee_kauermann_carroll",
    "psm_gee_fay_graubard",
    "psm_gee_alone",
    "psm_gee_alone_mancl_derouen",
]
OTHER_SCORES = [
    "psm_second_score",
    "psm_adjuncts_only",
    "psm_registry_2007",
    "psm_claims",
    "psm_claims_procedures",
    "psm_indicator",
    "psm_imputed",
]
CALIPERS = [
    "psm_literal",
    "psm_ps_absolute",
    "psm_absolute",
    "psm_pooled_sd",
    "psm_half_caliper",
    "psm_no_caliper",
    "psm_spss",
    "psm_smallest",
]
BEYOND_THE_DESIGN = {"matching": {*GEE_VARIANTS, *OTHER_SCORES, *CALIPERS}}
"""What the studies needed besides."""


@pytest.mark.parametrize("group", NAMES)
def test_the_names_are_those_of_the_design(group: str) -> None:
    listed = set(GROUPS[group]) - {method.name for method in methods_of_files()}
    assert listed == set(NAMES[group].split()) | BEYOND_THE_DESIGN.get(group, set())


def test_a_method_of_a_file_needs_no_place_in_a_list() -> None:
    assert {method.name: METHODS[method.name] for method in methods_of_files()} == {
        method.name: method for method in methods_of_files()
    }
    assert "entropy_balance" in GROUPS["adjustment"]


def test_every_thesis_method_has_its_randomized_twin() -> None:
    assert GROUPS["randomized_twin"] == tuple(f"randomized_twin_{name}" for name in GROUPS["thesis"])
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(METHODS)


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_every_method_says_what_it_is(method: Method) -> None:
    assert METHODS[method.name] is method
    assert method.label
    assert method.std_error
    assert set(method.populations) <= set(POPULATIONS)
    assert set(method.populations)
    names = method.estimands_of(THESIS_SPEC)
    assert len(set(names)) == len(names) > 0
    assert not any("{" in name for name in names)


def test_labels_and_methods_are_distinct_and_fixed() -> None:
    labels = [method.label for method in METHODS.values()]
    assert len(set(labels)) == len(labels)
    with pytest.raises(TypeError):
        METHODS["mine"] = METHODS["crude"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        METHODS["crude"].label = "x"  # type: ignore[misc]


def test_estimands_follow_the_spec() -> None:
    spec = replace(THESIS_SPEC, outcomes=("death_28d",), rmst_horizon=14.0, survival_event="icu_death")
    names = METHODS["iptw"].estimands_of(spec)
    assert names == ("log_or_death_28d_ate", "log_rr_death_28d_ate", "rd_death_28d_ate")
    assert METHODS["rmst28"].estimands_of(spec) == ("rmst14_difference_matched",)
    assert METHODS["psm_paired_se"].estimands_of(spec) == ("rd_death_28d_matched", "log_hr_icu_death_matched")


def test_the_thesis_methods_are_the_rows_of_analyze(registry: pd.DataFrame) -> None:
    rows = run_methods(("thesis", "rmst28", "psm_paired_se"), registry, draw=streams(3))
    keys = ["method", "estimand"]
    expected = analyze(registry, seed=3).estimates.set_index(keys).sort_index()
    found = rows.set_index(keys).sort_index()
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected.drop(columns="seconds"))


def test_ten_methods_of_the_thesis_cost_one_analysis(
    registry: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = shared_steps.analyse_patients

    def counted(*args: object, **kwargs: object) -> object:
        calls.append(1)
        return original(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(shared_steps, "analyse_patients", counted)
    run_methods(("thesis", "fine_gray", "rmst28", "psm_paired_se", "psm_largest"), registry, draw=streams(0))
    assert len(calls) == 1


def test_a_group_stands_for_its_methods() -> None:
    oracle = GROUPS["oracle"]
    assert oracle[:2] == ("oracle_ps", "psm_with_u")
    assert method_names(["oracle", "psm", "thesis"])[: len(oracle) + 2] == (*oracle, "psm", "crude")
    assert len(method_names(["psm", "thesis", "psm"])) == len(GROUPS["thesis"])


@pytest.mark.parametrize(
    ("name", "hint"), [("psm_gea", "did you mean 'psm_gee'?"), ("zzzz", "simsepsis list methods")]
)
def test_an_unknown_method_is_refused(registry: pd.DataFrame, name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=rf"method '{name}' is unknown.*{hint}".replace("?", r"\?")):
        run_method(name, registry)


def test_an_oracle_of_other_patients_is_refused(registry: pd.DataFrame) -> None:
    class Other:
        propensity = np.full(3, 0.5)
        unmeasured = np.zeros(3)

    with pytest.raises(UsageError, match="the oracle knows 3 patients and the registry has 1200"):
        run_method("oracle_ps", registry, oracle=Other())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("oracle_ps", "needs the oracle"),
        ("psm_with_u", "needs the oracle"),
        ("randomized_twin", "needs the registry of the randomized twin"),
        ("cox_time_varying", "needs the column 'ivigg_hour'"),
        ("landmark_day3", "needs the column 'ivigg_hour'"),
        ("clone_censor_weight", "needs the column 'ivigg_hour'"),
    ],
)
def test_what_a_registry_lacks_is_the_reason(registry: pd.DataFrame, name: str, reason: str) -> None:
    rows = run_method(name, registry)
    assert not rows["converged"].any()
    assert rows["failure"].str.startswith(reason).all()


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
OF_FILES = {
    need: {method.name for method in methods_of_files() if need in method.needs}
    for need in ("clusters", "survival", "start_times", "controls")
}
WITHOUT = {
    "clusters": {
        "gee_full",
        "conditional_logistic_icu",
        "icu_preference_iv",
        "psm_within_icu",
        "psm_icu_first",
        "psm_cluster_se",
        *GEE_VARIANTS,
        *OF_FILES["clusters"],
    },
    "other covariates": {"psm_registry_2007", "psm_second_score", "psm_adjuncts_only"},
    "time": {"psm_cox", *NAMES["time"].split(), *OF_FILES["survival"]},
    "controls": OF_FILES["controls"],
    "second score": {"psm_gee", "psm_gee_sofa", *(name for name in GROUPS["thesis"] if "adjuncts" in name)},
    "subgroups": {"breslow_day_apache2", "breslow_day_immunocompromised"},
}


def test_a_file_without_clusters_times_and_adjuncts(registry: pd.DataFrame) -> None:
    """What the file has is analysed, what it lacks is a reason."""
    small = registry[["ivigg", "icu_death", "age", "apache2", "male"]]
    wanted = [name for group, names in GROUPS.items() if group in NAMES for name in names]
    rows = run_methods(wanted, small, draw=streams(0), spec=PLAIN)
    failed = set(rows.loc[~rows["converged"], "method"])
    assert failed == set().union(*WITHOUT.values(), {"psm_paired_se", "oracle_ps", "psm_with_u"})
    assert not rows[rows["method"] == "psm_paired_se"]["converged"].all()
    reasons = rows.set_index("method")["failure"]
    assert "no column for the clusters" in reasons["gee_full"]
    assert "no time to death" in reasons["cox_time_fixed"]
    assert "names nothing that this method could estimate" in reasons["psm_adjuncts"].iloc[0]


def test_needs_are_declared(registry: pd.DataFrame) -> None:
    assert {name for name, m in METHODS.items() if "clusters" in m.needs} == WITHOUT["clusters"]
    assert {n for n, m in METHODS.items() if "survival" in m.needs} == {
        *NAMES["time"].split(),
        *OF_FILES["survival"],
    }
    assert {name for name, m in METHODS.items() if "start_times" in m.needs} == {
        "cox_time_varying",
        "landmark_day3",
        "clone_censor_weight",
        *OF_FILES["start_times"],
    }


def test_columns_of_another_name(registry: pd.DataFrame) -> None:
    spec = replace(PLAIN, columns={"ivigg": "immunoglobulin", "apache2": "APACHE"})
    renamed = registry.rename(columns={"ivigg": "immunoglobulin", "apache2": "APACHE"})
    found, expected = (
        run_method("iptw", frame, spec=s).drop(columns="seconds")
        for frame, s in ((renamed, spec), (registry, PLAIN))
    )
    pd.testing.assert_frame_equal(found, expected)


def test_seconds_count_the_shared_steps_of_each_method(registry: pd.DataFrame) -> None:
    rows = run_methods(("iptw", "overlap_weights"), registry, draw=streams(0))
    shared = Shared(registry=registry, spec=THESIS_SPEC, draw=streams(0))
    assert shared.propensity.seconds > 0
    assert (rows["seconds"] > 0).all()


def test_a_step_is_computed_once_and_its_failure_is_kept(registry: pd.DataFrame) -> None:
    shared = Shared(registry=registry.assign(ivigg=1), spec=THESIS_SPEC, draw=streams(0))
    assert shared.cohort is shared.cohort
    assert shared.propensity.failure == shared.cohort.failure == shared.thesis.failure
    assert "one arm is empty" in str(shared.cohort.failure)


def test_a_task_without_an_oracle_says_so(registry: pd.DataFrame) -> None:
    task = Task(method="x", shared=Shared(registry=registry, spec=THESIS_SPEC, draw=streams(0)))
    assert task.oracle is None
    assert task.spec is THESIS_SPEC


def test_every_function_yields_what_its_method_declares(registry: pd.DataFrame) -> None:
    shared = Shared(registry=by_day(registry), spec=THESIS_SPEC, draw=streams(0), randomized=registry)
    for method in METHODS.values():
        rows = list(method.function(Task(method=method.name, shared=shared, oracle=Made(len(registry)))))
        assert [row.method for row in rows] == [method.name] * len(rows)
        assert sorted(row.estimand for row in rows) == sorted(method.estimands_of(THESIS_SPEC))


def by_day(registry: pd.DataFrame) -> pd.DataFrame:
    """Return the registry with hours of start, records of each day, and outcomes that cannot be effects."""
    rng = np.random.default_rng(3)
    days = {f"daily_lactate_{day}": rng.normal(size=len(registry)) for day in range(1, 8)}
    controls = {f"control_{k}": rng.integers(0, 2, len(registry)) for k in range(8)}
    hours = np.where(registry["ivigg"] == 1, 1.0, np.nan)
    return registry.assign(ivigg_hour=hours, **days, **controls)


class Made:
    """An oracle of made-up numbers."""

    def __init__(self, n: int) -> None:
        self.propensity = np.random.default_rng(1).uniform(0.1, 0.9, n)
        self.unmeasured = np.random.default_rng(2).normal(size=n)
        self.path = np.random.default_rng(4).normal(size=(n, 7))


@pytest.mark.parametrize(
    "changes",
    [
        {"order": "closest", "second_score": "none", "correlation": "independence"},
        {"order": "largest", "select": "random_in_caliper"},
        {"caliper": None},
        {"caliper": 0.05, "caliper_sd": "raw"},
        {"censoring": "day28_alive"},
        {"censoring": 14.0},
        {"censoring": "administrative"},
        {
            "missing": {"wbc": "indicator"},
            "score_categories": ("sirs_day1",),
            "select": "random_in_caliper",
            "scale": "ps",
        },
    ],
)
def test_every_reading_of_the_spec_runs_every_method(
    registry: pd.DataFrame, changes: dict[str, object]
) -> None:
    spec = replace(THESIS_SPEC, **changes)  # type: ignore[arg-type]
    rows = run_methods(
        tuple(METHODS),
        by_day(registry),
        draw=streams(0),
        oracle=Made(len(registry)),
        twin=registry,
        spec=spec,
    )
    expected_failures = {
        "fine_gray": changes.get("censoring") == "administrative",
        "rmst28": changes.get("censoring") == 14.0,
        "g_formula": changes.get("censoring") == 14.0,
    }
    failed = set(rows.loc[~rows["converged"], "method"])
    both = {name for group in ("thesis", "randomized_twin") for name in GROUPS[group] if "adjuncts" in name}
    second = both if changes.get("second_score") else set()
    assert failed == second | {name for name, fails in expected_failures.items() if fails}
