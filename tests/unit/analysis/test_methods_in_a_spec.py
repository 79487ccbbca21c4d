"""Methods by name in a spec: their rows follow those of the analysis."""

from __future__ import annotations

import pytest
from own_cohorts import own_cohort, own_spec, row_of

from simsepsis.analysis.methods import METHODS, run_method
from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.errors import UsageError

COHORT = own_cohort()
WANTED = ("iptw", "overlap_weights", "aipw", "logistic", "psm_2to1", "psm")


def test_rows_are_those_of_the_method_alone() -> None:
    spec = own_spec(methods=WANTED)
    found = analyze(COHORT, spec, seed=3).estimates
    plain = analyze(COHORT, own_spec(), seed=3).estimates
    columns = ["method", "estimand", "estimate", "std_error", "ci_low", "ci_high", "p_value", "n_used"]
    assert found[columns].head(len(plain)).equals(plain[columns])
    for name in WANTED:
        alone = run_method(name, COHORT, seed=3, spec=spec)
        for estimand in METHODS[name].estimands_of(spec):
            here = row_of(found, name, estimand)
            assert here[columns].equals(row_of(alone, name, estimand)[columns]), (name, estimand)


def test_groups_are_spelled_out_and_what_cannot_be_had_is_a_row_with_its_reason() -> None:
    found = analyze(COHORT, own_spec(methods=("adjustment",)), seed=3).estimates
    assert {"iptw", "gee_full", "icu_preference_iv"} <= set(found["method"])
    assert "no column for the clusters" in row_of(found, "gee_full", "log_or_dead_twin")["failure"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("iptv", "method 'iptv' is unknown; did you mean 'iptw'"),
        ("oracle_ps", "method 'oracle_ps' needs what only a simulator knows"),
        ("randomized_twin_psm", "method 'randomized_twin_psm' needs what only a simulator knows"),
        ("oracle", "needs what only a simulator knows"),
    ],
)
def test_refusals(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        analyze(COHORT, own_spec(methods=(name,)))


def test_restricted_means_by_name_have_the_horizon_of_the_spec() -> None:
    spec = own_spec(survival_time="time", survival_event="dead", rmst_horizon=20)
    row = row_of(run_method("rmst28", COHORT, seed=3, spec=spec), "rmst28", "rmst20_difference_matched")
    own = row_of(analyze(COHORT, spec, seed=3).estimates, "rmst20", "rmst20_difference_matched")
    assert row["converged"]
    assert (row["estimate"], row["std_error"]) == (own["estimate"], own["std_error"])
