"""What cannot be estimated becomes a row with its reason, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.cohort_file import read_cohort
from simsepsis.analysis.output import write_analysis
from simsepsis.analysis.spec import THESIS_SPEC, load_spec
from simsepsis.analysis.thesis_analysis import Analysis, analyze, cells
from simsepsis.errors import DataError, OutputError

NO_MODELS = replace(
    THESIS_SPEC,
    cluster=None,
    adjuncts=(),
    transfusions=(),
    durations=(),
    later_scores=(),
    survival_time=None,
    survival_event=None,
    subgroups=(),
    patient=None,
)


def failures(analysis: Analysis) -> pd.DataFrame:
    rows = analysis.estimates
    assert (rows["failure"].notna() == ~rows["converged"]).all()
    assert (rows["estimate"].isna() == ~rows["converged"]).all()
    return rows[~rows["converged"]]


def test_no_pair_fails_every_matched_row_and_keeps_the_crude_ones(registry: pd.DataFrame) -> None:
    analysis = analyze(registry, replace(THESIS_SPEC, caliper=0.0))
    failed = failures(analysis)
    assert set(analysis.estimates["method"]) - set(failed["method"]) == {"crude"}
    assert failed["failure"].str.contains("no pair within the caliper of 0").all()
    found = cells(analysis.result)
    assert np.isnan(found["text", "matched_pairs", "", "count", "after", ""])
    assert np.isnan(found["table1", "male", "", "count", "after", "treated"])
    assert np.isnan(found["table5", "ivigg", "", "odds_ratio", "after", "contrast"])
    assert np.isfinite(found["table1", "male", "", "smd_percent", "before", "contrast"])
    assert found.keys() == cells(analyze(registry).result).keys()
    assert analysis.pairs.empty
    assert analysis.scores["note"].str.contains("no pair").all()


def test_repeated_columns_are_named_and_change_nothing(registry: pd.DataFrame) -> None:
    plain = analyze(registry)
    doubled = registry.assign(liver_disease=registry["male"], cirrhosis=0)
    twice = analyze(doubled, replace(THESIS_SPEC, second_score="none"))
    note = twice.scores["note"][0]
    assert "dropped as repeating other terms: liver_disease, cirrhosis" in note
    fewer = tuple(name for name in THESIS_SPEC.covariates if name not in ("liver_disease", "cirrhosis"))
    alone = analyze(registry, replace(THESIS_SPEC, covariates=fewer, second_score="none"))
    np.testing.assert_allclose(
        twice.score["propensity_covariates"], alone.score["propensity_covariates"], atol=1e-10
    )
    assert not np.allclose(twice.score["propensity_covariates"], plain.score["propensity_covariates"])


def test_patients_whose_treatment_is_certain_are_named_and_not_matched(registry: pd.DataFrame) -> None:
    certain = registry["chemotherapy"] == 1
    separated = registry.assign(ivigg=np.where(certain, 1, registry["ivigg"]))
    analysis = analyze(separated, replace(THESIS_SPEC, second_score="none"))
    row = analysis.scores.iloc[0]
    assert row["note"] == "no finite estimate because of separation: chemotherapy"
    score = analysis.score.set_index("row")
    decided = score.index[certain.iloc[score.index]]
    assert row["certain"] == len(decided) > 0
    assert (score.loc[decided, "propensity_covariates"] == 1).all()
    assert not score.loc[decided, "matched_covariates"].any()
    assert failures(analysis).empty
    assert score["matched_covariates"].sum() > 200


def test_an_adjunct_that_decides_the_outcome_loses_only_its_own_odds_ratio(registry: pd.DataFrame) -> None:
    doomed = registry.assign(icu_death=np.where(registry["vv_ecmo"] == 1, 1, registry["icu_death"]))
    doomed = doomed.assign(hospital_death=np.maximum(doomed["icu_death"], doomed["hospital_death"]))
    analysis = analyze(doomed)
    model = analysis.result.models["covariates", True, "icu_death"].value
    assert model is not None
    assert model.note == "no finite estimate because of separation: vv_ecmo"
    found = cells(analysis.result)
    assert np.isnan(found["table5", "vv_ecmo", "", "odds_ratio", "after", "contrast"])
    others = [value for key, value in found.items() if key[0] == "table5" and key[1] != "vv_ecmo"]
    assert np.isfinite(others).all()
    row = analysis.estimates.query("method == 'psm_gee_sofa' and estimand == 'log_or_icu_death_twin'").iloc[0]
    assert row["converged"]


def test_rare_adjuncts_are_left_out_by_the_stated_rule(registry: pd.DataFrame) -> None:
    rare = registry.assign(iabp=0)
    rare.loc[rare.index[rare["ivigg"] == 1][:2], "iabp"] = 1
    analysis = analyze(rare)
    model = analysis.result.models["covariates", False, "icu_death"].value
    assert model is not None
    assert model.data.left_out == ("iabp",)
    assert ("iabp", "") not in model.terms
    everyone = analyze(rare, replace(THESIS_SPEC, min_adjunct_users=0))
    kept = everyone.result.models["covariates", False, "icu_death"].value
    assert kept is not None
    assert ("iabp", "") in kept.terms


def test_no_deaths_fail_the_ratios_with_a_reason(registry: pd.DataFrame) -> None:
    analysis = analyze(registry.assign(icu_death=0))
    failed = failures(analysis)
    mine = failed[failed["estimand"].str.contains("icu_death")]
    assert {"crude", "psm", "psm_gee", "psm_gee_sofa", "breslow_day_apache2"} <= set(mine["method"])
    assert mine["failure"].str.len().gt(10).all()
    rest = analysis.estimates[analysis.estimates["estimand"].str.contains("hospital_death")]
    assert rest["converged"].all()


def test_arms_that_the_covariates_split_fail_with_a_reason(registry: pd.DataFrame) -> None:
    split = registry.assign(age=np.where(registry["ivigg"] == 1, 80.0, 40.0))
    failed = failures(analyze(split))
    assert failed.loc[failed["method"] == "psm", "failure"].str.contains("separation: ").all()


def test_absent_parts_are_absent(registry: pd.DataFrame) -> None:
    analysis = analyze(registry, NO_MODELS)
    assert set(analysis.tables) == {"table1", "table3", "table4", "text"}
    assert set(analysis.estimates["method"]) == {"crude", "psm", "psm_paired_se"}
    assert analysis.survival.empty
    assert analysis.survival_tests.empty
    assert failures(analysis).empty


def test_without_clusters_there_is_no_model(registry: pd.DataFrame) -> None:
    analysis = analyze(registry, replace(THESIS_SPEC, cluster=None))
    assert set(analysis.tables) == {"table1", "table2", "table3", "table4", "text"}
    assert not analysis.estimates["method"].str.contains("gee").any()
    assert set(analysis.models["model"]) == {"propensity"}
    assert failures(analysis).empty


def test_an_arm_lost_with_the_incomplete_patients_is_a_failure(registry: pd.DataFrame) -> None:
    analysis = analyze(registry.assign(wbc=registry["wbc"].where(registry["ivigg"] == 0)))
    failed = failures(analysis)
    assert set(failed["method"]) == set(analysis.estimates["method"])
    assert failed["failure"].notna().all()


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_tiny_registries_never_raise(registry_of: Callable[..., pd.DataFrame], seed: int) -> None:
    tiny = registry_of(seed, 60)
    analysis = analyze(tiny)
    assert len(analysis.estimates) == 35
    failures(analysis)


def test_censoring_rules(registry: pd.DataFrame) -> None:
    kept = {
        rule: analyze(registry, replace(THESIS_SPEC, censoring=rule, second_score="none")).result.survival
        for rule in ("discharge", "day28_alive", 28.0)
    }
    times = {}
    for rule, step in kept.items():
        assert step is not None
        assert step.value is not None
        times[rule] = step.value.follow_up
    by_day_28 = times["discharge"].event & (times["discharge"].duration <= 28)
    for rule in ("day28_alive", 28.0):
        np.testing.assert_array_equal(times[rule].event, by_day_28)
        assert times[rule].duration.max() == 28
    assert (times["day28_alive"].duration[~by_day_28] == 28).all()
    np.testing.assert_array_equal(times[28.0].duration, np.minimum(times["discharge"].duration, 28))
    assert (times[28.0].left == (~times["discharge"].event & (times["discharge"].duration <= 28))).all()


def test_files_hold_the_frames(registry: pd.DataFrame, tmp_path: Path) -> None:
    analysis = analyze(registry)
    files = write_analysis(analysis, tmp_path / "new" / "folder")
    names = {str(path.relative_to(tmp_path / "new" / "folder")) for path in files}
    assert {f"tables/table{k}.csv" for k in range(1, 7)} <= names
    assert {"tables/text.csv", "matched_pairs.csv", "estimates.csv"} <= names
    assert {str(p.relative_to(tmp_path / "new" / "folder")) for p in tmp_path.rglob("*.csv")} == names
    assert not list(tmp_path.rglob(".writing-*"))
    table = pd.read_csv(tmp_path / "new" / "folder" / "tables" / "table4.csv", float_precision="round_trip")
    np.testing.assert_array_equal(table["value"], analysis.tables["table4"]["value"])


def test_unwritable_folder_is_one_sentence_and_leaves_nothing(registry: pd.DataFrame, tmp_path: Path) -> None:
    analysis = analyze(registry, NO_MODELS)
    blocked = tmp_path / "file"
    blocked.write_text("mine")
    for out in (blocked, blocked / "below"):
        with pytest.raises(OutputError, match="cannot be written"):
            write_analysis(analysis, out)
    assert blocked.read_text() == "mine"
    taken = tmp_path / "taken"
    (taken / "tables").mkdir(parents=True)
    (taken / "estimates.csv").mkdir()
    with pytest.raises(OutputError):
        write_analysis(analysis, taken)
    assert not list(taken.rglob(".writing-*"))


def test_bad_cohort_raises_before_anything_runs(registry: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="one arm is empty"):
        analyze(registry.assign(ivigg=1))


RHC_SPEC = """
name = "rhc"
treatment = "swang1"
outcomes = ["dth30"]
patient = "ptid"
covariates = ["cat1", "ca", "age", "sex", "aps1", "scoma1", "surv2md1", "meanbp1", "hrt1", "pafi1", "wtkilo1"]
survival_time = "t3d30"
survival_event = "dth30"
[recode.swang1]
RHC = 1
"No RHC" = 0
[recode.dth30]
Yes = 1
No = 0
[recode.wtkilo1]
0 = nan
"""


def test_another_file_through_a_spec(tmp_path: Path) -> None:
    """A file with other names, codes and no ICUs; drawn here, in the manner of a public cohort."""
    rng = np.random.default_rng(3)
    n = 400
    frame = pd.DataFrame({name: rng.normal(60, 10, n) for name in ("age", "aps1", "scoma1", "surv2md1")})
    frame = frame.assign(**{name: rng.normal(80, 15, n) for name in ("meanbp1", "hrt1", "pafi1")})
    frame["ptid"] = [f"{number:05d}" for number in range(n)]
    frame["wtkilo1"] = np.where(rng.random(n) < 0.1, 0.0, rng.normal(70, 12, n))
    frame["cat1"] = rng.choice(["ARF", "MOSF w/Sepsis", "COPD"], n)
    frame["ca"] = rng.choice(["No", "Yes", "Metastatic"], n)
    frame["sex"] = rng.choice(["Male", "Female"], n)
    frame["swang1"] = np.where(rng.random(n) < 1 / (1 + np.exp((62 - frame["aps1"]) / 8)), "RHC", "No RHC")
    frame["dth30"] = np.where(rng.random(n) < 0.35, "Yes", "No")
    frame["t3d30"] = np.where(frame["dth30"] == "Yes", rng.integers(1, 31, n), 30)
    frame.to_csv(tmp_path / "other.csv", index=False)
    (tmp_path / "other.toml").write_text(RHC_SPEC)
    analysis = analyze(read_cohort(tmp_path / "other.csv"), load_spec(tmp_path / "other.toml"))
    assert failures(analysis).empty
    assert set(analysis.estimates["method"]) == {"crude", "psm", "psm_paired_se", "psm_cox", "rmst28"}
    flow = analysis.flow.set_index("step")["patients"]
    assert flow["without complete day-1 data"] == (frame["wtkilo1"] == 0).sum()
    levels = analysis.tables["table1"].query("variable == 'cat1'")["level"].unique()
    assert list(levels) == list(frame["cat1"].value_counts().index)
    assert analysis.tables["text"].query("level == 'cox'")["value"].notna().all()


def row_of(analysis: Analysis, quantity: str) -> pd.Series:
    return analysis.survival_tests.set_index("quantity").loc[quantity]


def test_all_times_equal_leave_the_hazard_ratio_and_say_why_there_is_no_trend(registry: pd.DataFrame) -> None:
    analysis = analyze(registry.assign(hospital_days=28.0))
    assert np.isfinite(row_of(analysis, "hazard_ratio")["estimate"])
    trend = row_of(analysis, "proportional_hazards")
    assert np.isnan(trend["p_value"])
    assert trend["failure"] == "all events happen at one time, so hazards cannot change with time"
    assert analysis.estimates.set_index("method").loc["psm_cox", "converged"]


def test_a_restricted_mean_without_spread_is_no_estimate(registry: pd.DataFrame) -> None:
    """Time in seconds: nobody dies in the first 28, and nothing is certain for that."""
    seconds = registry.assign(hospital_days=registry["hospital_days"] * 86_400 + 100)
    analysis = analyze(seconds, replace(THESIS_SPEC, study="own"))
    reason = "the standard error is zero, so there is no interval and no test"
    row = analysis.estimates.set_index("method").loc["rmst28"]
    assert not row["converged"]
    assert row["failure"] == reason
    difference = row_of(analysis, "rmst28_difference")
    assert np.isnan(difference[["estimate", "ci_low", "ci_high", "p_value"]].astype(float)).all()
    assert difference["failure"] == reason
    arm = row_of(analysis, "rmst28_treated")
    assert arm["estimate"] == 28
    assert np.isnan(arm["ci_low"])
    assert row_of(analysis, "log_rank")["failure"] is None


def test_a_horizon_beyond_follow_up_says_how_far_it_may_go(registry: pd.DataFrame) -> None:
    short = registry.assign(
        hospital_days=registry["hospital_days"].clip(upper=20.0),
        hospital_death=np.where(registry["hospital_days"] < 20, registry["hospital_death"], 0),
    )
    analysis = analyze(short)
    reason = "ends at 20, before rmst_horizon = 28; set rmst_horizon to 20 or less"
    assert analysis.estimates.set_index("method").loc["rmst28", "failure"].endswith(reason)
    for quantity in ("rmst28_treated", "rmst28_control", "rmst28_difference"):
        assert row_of(analysis, quantity)["failure"].endswith(reason)
    reached = analyze(short, replace(THESIS_SPEC, rmst_horizon=20.0))
    assert np.isfinite(row_of(reached, "rmst20_difference")["p_value"])


def test_without_events_every_survival_test_has_its_reason(registry: pd.DataFrame) -> None:
    analysis = analyze(registry.assign(hospital_death=0))
    tests = analysis.survival_tests.set_index("quantity")
    assert (tests["failure"].notna() == tests["p_value"].isna()).all()
    assert tests.loc["log_rank", "failure"] == "no event tells the arms apart"
    assert "there is no event" in tests.loc["hazard_ratio", "failure"]
    assert (analysis.survival["incidence"] == 0).all()
    failed = failures(analysis)
    assert {"psm_cox", "rmst28"} <= set(failed["method"])


def test_a_huge_unit_of_a_covariate_changes_no_pair(registry: pd.DataFrame) -> None:
    own = replace(NO_MODELS, study="own")
    plain = analyze(registry, own)
    for unit in (1e200, 1e-200):
        scaled = analyze(registry.assign(wbc=registry["wbc"] * unit), own)
        pd.testing.assert_frame_equal(scaled.pairs, plain.pairs)
