import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.methods import METHODS
from simsepsis.analysis.methods import registry as registry_module
from simsepsis.errors import ExperimentError, OutputError, UsageError
from simsepsis.experiment import (
    Plan,
    cells_of,
    load_plan,
    open_run,
    replay,
    run_experiment,
    summarize_run,
    verify,
)
from simsepsis.performance import wilson_half_width
from simsepsis.replication import scan_parts, write_part

# The package names its function as the module.

NUMBERS = ["estimate", "std_error", "ci_low", "ci_high", "p_value", "n_used", "converged", "failure"]
COLUMNS = ["cell", "scenario", "replicate", "method", "estimand", *NUMBERS, "seconds", "failure_kind"]


def rows_of(out) -> pd.DataFrame:
    return open_run(out).rows().drop(columns="seconds")


def assert_same(one, other) -> None:
    """Tables are the same bits, rows in the same order."""
    pd.testing.assert_frame_equal(rows_of(one), rows_of(other), check_exact=True)
    for name in ("performance.csv", "plan.toml"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    pd.testing.assert_frame_equal(open_run(one).truth(), open_run(other).truth(), check_exact=True)


@pytest.fixture(scope="module")
def small(tmp_path_factory, plan_text):
    """Return the folder of a plan and a finished run of it, which tests must not change."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.toml").write_text(plan_text())
    run = run_experiment(folder / "small.toml", folder / "out", jobs=1)
    return folder, run


def test_a_run_leaves_everything_in_its_folder(small):
    folder, run = small
    out = folder / "out"
    names = {path.name for path in out.iterdir()}
    assert names == {
        "plan.toml",
        "cells",
        "estimates",
        "truth.parquet",
        "performance.csv",
        "accept.csv",
        "manifest.json",
    }
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["complete"]
    assert [cell["replicates"] for cell in manifest["cells"]] == [6, 6]
    assert manifest["versions"]["numpy"] == np.__version__
    assert run.computed == 12
    assert run.accepted == {"the crude difference is small": "pass"}
    assert load_plan(out / "plan.toml") == load_plan(folder / "small.toml")


def test_rows_have_the_promised_columns_one_per_method_and_estimand(small):
    rows = open_run(small[0] / "out").rows()
    assert list(rows.columns) == COLUMNS
    per_replicate = sum(len(METHODS[name].estimands) * 2 for name in ("crude", "psm"))
    assert len(rows) == 2 * 6 * per_replicate


def test_performance_is_about_the_estimands_of_the_plan(small):
    performance = small[1].performance
    assert set(performance["estimand"]) == {"rd_hospital_death_att", "rd_hospital_death_matched"}
    assert set(performance["scenario"]) == {"by_severity=0.0", "by_severity=1.0"}
    bias = performance.query("measure == 'bias' and method == 'crude'")
    rows = open_run(small[0] / "out").rows().query("estimand == 'rd_hospital_death_att'")
    # The truth of a world without effect is 0, so bias is the mean estimate.
    assert np.allclose(bias["value"], rows.groupby("cell")["estimate"].mean())


def test_two_workers_give_the_same_bits(small, tmp_path):
    folder, _ = small
    run_experiment(folder / "small.toml", tmp_path / "two", jobs=2)
    assert_same(folder / "out", tmp_path / "two")


def test_a_finished_run_computes_nothing_again(small):
    folder, _ = small
    before = sorted((folder / "out" / "estimates").iterdir())
    assert run_experiment(folder / "small.toml", folder / "out", jobs=1).computed == 0
    assert sorted((folder / "out" / "estimates").iterdir()) == before


def test_a_run_grows_by_replicates_methods_and_cells(small, plan_file, tmp_path):
    folder, _ = small
    one = plan_file(('["crude", "psm"]', '["crude"]'), ("[0.0, 1.0]", "[1.0]"), ("= 6", "= 3"), name="one")
    more = plan_file(('["crude", "psm"]', '["crude"]'), ("[0.0, 1.0]", "[1.0]"), name="more")
    out = tmp_path / "grown"
    assert run_experiment(one, out, jobs=1).computed == 3
    assert run_experiment(more, out, jobs=1).computed == 3
    assert run_experiment(folder / "small.toml", out, jobs=1).computed == 12
    assert_same(folder / "out", out)


def test_fewer_replicates_look_at_the_first_ones_and_keep_the_others(small, tmp_path):
    folder, _ = small
    out = tmp_path / "fewer"
    full = run_experiment(folder / "small.toml", out, jobs=1)
    few = run_experiment(folder / "small.toml", out, jobs=1, replicates=4)
    assert few.computed == 0
    assert set(few.performance["n_sim"]) == {4}
    again = run_experiment(folder / "small.toml", out, jobs=1)
    assert again.computed == 0
    pd.testing.assert_frame_equal(again.performance, full.performance)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("seed = 5", "seed = 6"), "run.seed is 5 there and 6 in the plan"),
        (('name = "small"', 'name = "big"'), "name is 'small' there and 'big' in the plan"),
        (('["crude", "psm"]', '["crude"]'), "method 'psm' is there and not in the plan"),
        (("[0.0, 1.0]", "[0.0]"), "the world 'by_severity=1.0' is there and not in the plan"),
    ],
)
def test_a_foreign_folder_is_refused_with_what_differs(small, plan_file, change, words):
    before = (small[0] / "out" / "plan.toml").read_bytes()
    with pytest.raises(ExperimentError, match=f"holds another run: {words}; name another folder"):
        run_experiment(plan_file(change), small[0] / "out", jobs=1)
    assert (small[0] / "out" / "plan.toml").read_bytes() == before


def test_what_is_no_run_folder_is_refused(tmp_path, plan_file):
    with pytest.raises(ExperimentError, match="is no run folder"):
        summarize_run(tmp_path)
    (tmp_path / "estimates").mkdir()
    (tmp_path / "estimates" / "x.parquet").write_bytes(b"")
    with pytest.raises(ExperimentError, match=r"has estimates but no plan\.toml"):
        run_experiment(plan_file(), tmp_path, jobs=1)


@pytest.mark.parametrize("replicates", [0, 1.5, True])
def test_impossible_numbers_of_replicates_are_refused(plan_file, tmp_path, replicates):
    with pytest.raises(UsageError, match="whole number of 1 or more"):
        run_experiment(plan_file(), tmp_path / "out", replicates=replicates)
    assert not (tmp_path / "out").exists()


def test_a_damaged_part_is_computed_again(small, tmp_path):
    folder, _ = small
    out = tmp_path / "damaged"
    run_experiment(folder / "small.toml", out, jobs=1)
    part = sorted((out / "estimates").iterdir())[1]
    part.write_bytes(part.read_bytes()[:-100])
    run = run_experiment(folder / "small.toml", out, jobs=1)
    assert run.computed >= 1
    assert "is damaged" in run.notes[0]
    assert_same(folder / "out", out)


def test_progress_rises_to_the_total(plan_file, tmp_path):
    calls = []
    run_experiment(
        plan_file(("[0.0, 1.0]", "[0.0]")),
        tmp_path / "out",
        jobs=1,
        replicates=3,
        progress=calls.append,
    )
    done = [call.done for call in calls]
    # Nothing is known of the pace before the first batch, which is of one replicate.
    assert done[0] == 1
    assert done == sorted(set(done))
    assert done[-1] == 3
    assert {call.total for call in calls} == {3}
    assert {call.failures for call in calls} == {0}
    assert all(call.per_second > 0 for call in calls)
    assert calls[-1].seconds_left == 0
    # Wilson's interval of 3 of 3: half width over its normal quantile.
    assert calls[-1].coverage_mcse == pytest.approx(wilson_half_width(1.0, 3) / 1.959963984540054)


# --- failures ---------------------------------------------------------------------------------------


def in_place_of(real, other, monkeypatch):
    methods = registry_module._methods
    monkeypatch.setattr(registry_module, "_methods", lambda *key: {**methods(*key), real.name: other})


def test_a_method_that_raises_is_rows_with_the_reason_and_the_others_stay(small, tmp_path, monkeypatch):
    folder, _ = small
    real = METHODS["psm"]

    def broken(task):
        raise LookupError("a defect")

    in_place_of(real, replace(real, function=broken), monkeypatch)
    out, calls = tmp_path / "broken", []
    run = run_experiment(folder / "small.toml", out, jobs=1, replicates=2, progress=calls.append)
    rows = open_run(out).rows()
    psm, crude = (rows[rows["method"] == name] for name in ("psm", "crude"))
    assert set(psm["failure"]) == {"LookupError: a defect"}
    assert not psm["converged"].any()
    assert crude["converged"].all()
    assert run.failures == len(psm[psm["estimand"] == "rd_hospital_death_matched"])
    # Workers count what they compute, and the last word on progress is the table's.
    assert calls[-1].failures == run.failures
    expected = rows_of(folder / "out").query("method == 'crude' and replicate < 2")
    pd.testing.assert_frame_equal(
        crude.drop(columns="seconds").reset_index(drop=True), expected.reset_index(drop=True)
    )


def test_a_world_too_small_for_a_method_gives_rows_with_reasons(plan_file, tmp_path):
    plan = plan_file(("n = 260", "n = 6"), ("[0.0, 1.0]", "[0.0]"), ("= 6\n", "= 3\n"))
    run = run_experiment(plan, tmp_path / "out", jobs=1)
    rows = open_run(tmp_path / "out").rows()
    failed = rows[~rows["converged"]]
    assert len(failed)
    assert (failed["failure"] != "").all()
    assert run.failures > 0
    convergence = run.performance.query("measure == 'convergence' and method == 'psm'")["value"]
    assert (convergence < 1).all()


# --- truth ------------------------------------------------------------------------------------------


def test_truths_belong_to_the_population_of_the_method(plan_file, tmp_path):
    plan = plan_file(
        ("[0.0, 1.0]", "[0.0]"),
        ("n = 260", 'n = 900, "effect.log_hazard_ratio" = -0.7'),
        ('["crude", "psm"]', '["crude", "iptw", "overlap_weights", "psm_gee", "psm"]'),
        ('["rd_hospital_death"]', '["rd_hospital_death", "log_or_hospital_death"]'),
        ("replicates = 6", "replicates = 2\ntruth_population = 24000"),
    )
    run_experiment(plan, tmp_path / "out", jobs=1)
    truth = open_run(tmp_path / "out").truth().set_index(["method", "estimand"])
    risk = {
        name: truth.loc[(method, f"rd_hospital_death_{name}"), "value"]
        for name, method in (
            ("att", "crude"),
            ("ate", "iptw"),
            ("ato", "overlap_weights"),
            ("matched", "psm"),
        )
    }
    assert all(-0.25 < value < -0.05 for value in risk.values())
    assert len(set(risk.values())) == 4
    conditional = truth.loc[("psm_gee", "log_or_hospital_death_twin")]
    assert conditional["value"] + 4 * conditional["mcse"] < 0
    assert conditional["mcse"] > 0


# --- replay and verify ------------------------------------------------------------------------------


def test_a_replicate_is_replayed_bit_for_bit(small):
    out = small[0] / "out"
    stored = rows_of(out).query("scenario == 'by_severity=1.0' and replicate == 4")
    again = replay(out, cell="by_severity=1.0", replicate=4)
    found = again.estimates.drop(columns="seconds").sort_values(["method", "estimand"], ignore_index=True)
    pd.testing.assert_frame_equal(found, stored.reset_index(drop=True), check_exact=True)
    assert again.cohort.registry.shape[0] == 260
    key = int(stored["cell"].iloc[0])
    assert set(replay(out, cell=key, replicate=4, method="crude").estimates["method"]) == {"crude"}


def test_replay_refuses_what_is_not_there(small):
    out = small[0] / "out"
    with pytest.raises(ExperimentError, match=r"no cell 'by_severity=1'; did you mean 'by_severity=1\.0'"):
        replay(out, cell="by_severity=1", replicate=0)
    with pytest.raises(UsageError, match="counted from 0"):
        replay(out, cell="by_severity=1.0", replicate=-1)
    with pytest.raises(UsageError, match="fraction = 0"):
        verify(out, fraction=0)


def test_replay_shows_where_a_method_gave_up(plan_file, tmp_path):
    plan = plan_file(("n = 260", "n = 6"), ("[0.0, 1.0]", "[0.0]"), ("= 6\n", "= 1\n"))
    run_experiment(plan, tmp_path / "out", jobs=1)
    again = replay(tmp_path / "out", cell="by_severity=0.0", replicate=0)
    assert not again.estimates["converged"].all()
    assert all("Error" in text for text in again.tracebacks.values())


def test_verify_agrees_with_what_is_stored_and_sees_what_was_changed(small, tmp_path):
    folder, _ = small
    found = verify(folder / "out", fraction=0.5, jobs=1)
    assert found.replicates == 6
    assert found.different.empty
    out = tmp_path / "changed"
    run_experiment(folder / "small.toml", out, jobs=1)
    _change_a_row(out)
    different = verify(out, fraction=1.0, jobs=1).different
    assert different[["method", "estimand", "column"]].values.tolist() == [
        ["crude", "rd_hospital_death_att", "estimate"]
    ]


def _change_a_row(out) -> None:
    """Store a part with the last bit of one estimate changed."""
    part = scan_parts(out / "estimates", lambda _: True).parts[0]
    rows = pd.read_parquet(part.path)
    place = rows.index[rows["estimand"] == "rd_hospital_death_att"][0]
    rows.loc[place, "estimate"] = np.nextafter(rows.loc[place, "estimate"], np.inf)
    part.path.unlink()
    write_part(out / "estimates", part.batch, rows)


def test_a_plan_may_be_given_as_an_object(plan_file, tmp_path):
    plan = load_plan(plan_file(("[0.0, 1.0]", "[0.0]")))
    assert isinstance(plan, Plan)
    run = run_experiment(plan, tmp_path / "out", jobs=1, replicates=1)
    assert [cell.key for cell in run.folder.cells] == [cell.key for cell in cells_of(plan)]


def test_what_takes_long_before_the_first_batch_is_said(plan_file, tmp_path):
    words: list[str] = []
    plan = plan_file(("[0.0, 1.0]", "[0.0]"))
    run_experiment(plan, tmp_path / "out", jobs=1, replicates=1, say=words.append)
    assert words == ["settling 1 world", "computing the truths of 1 world"]
    run_experiment(plan, tmp_path / "out", jobs=1, replicates=2, say=words.append)
    assert len(words) == 2


def test_a_method_that_never_ends_is_rows_with_the_reason_and_the_replicate_goes_on(
    quick_plan, tmp_path, monkeypatch
):
    real = METHODS["icu_preference_iv"]

    def endless(task):
        while True:
            pass

    in_place_of(real, replace(real, function=endless), monkeypatch)
    plan = quick_plan(("replicates = 6", "replicates = 2\nmethod_seconds = 0.2"), ("[0.0, 1.0]", "[0.0]"))
    run_experiment(plan, tmp_path / "out", jobs=1)
    rows = open_run(tmp_path / "out").rows()
    ended, other = (rows[rows["method"] == name] for name in ("icu_preference_iv", "oracle_ps"))
    assert set(ended["failure"]) == {"ended at the time limit of 0.2 s"}
    assert (ended["seconds"] >= 0.2).all()
    assert not ended["converged"].any()
    assert other["converged"].all()
    assert set(rows["replicate"]) == {0, 1}
    again = replay(tmp_path / "out", cell="by_severity=0.0", replicate=1)
    assert "in endless" in again.tracebacks["icu_preference_iv"]
    with pytest.raises(ExperimentError, match=r"run.method_seconds is 0\.2 there and None in the plan"):
        run_experiment(quick_plan(("[0.0, 1.0]", "[0.0]")), tmp_path / "out", jobs=1)


def test_a_folder_where_another_run_is_at_work_is_left_alone(tmp_path, plan_file):
    plan, out, refused = plan_file(), tmp_path / "out", []

    def again(standing) -> None:
        with pytest.raises(OutputError, match="out: another process is at work there; wait until"):
            run_experiment(plan, out, jobs=1)
        refused.append(standing.done)

    assert run_experiment(plan, out, jobs=1, replicates=2, progress=again).computed == 4
    assert refused
    assert not (out / ".in-use").exists()
    assert run_experiment(plan, out, jobs=1, replicates=2).computed == 0
