import json

import numpy as np
import pandas as pd
import pytest

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.experiment import load_plan, looks, open_run, parse_targets, run_experiment, summarize_run
from simsepsis.experiment import run_folder as folder_module
from simsepsis.experiment import stopping as stopping_module
from simsepsis.experiment.stopping import look_at
from simsepsis.performance import summarize, wilson_half_width

Z_95 = 1.959963984540054


def test_looks_are_at_the_same_numbers_whatever_the_most_is():
    assert list(looks(900)) == [100, 125, 150, 175, 200, 250, 300, 350, 400, 500, 600, 700, 800, 900]
    assert list(looks(60)) == [60]
    assert list(looks(100)) == [100]
    assert list(looks(900))[:-1] == list(looks(5000))[: len(list(looks(900))) - 1]


def estimates(n: int, spread: float) -> pd.DataFrame:
    value = np.linspace(-spread, spread, n)
    return pd.DataFrame(
        {
            "cell": 1,
            "scenario": "a",
            "replicate": np.arange(n),
            "method": "psm",
            "estimand": "rd",
            "estimate": value,
            "std_error": 1.0,
            "ci_low": value - Z_95,
            "ci_high": value + Z_95,
            "p_value": 0.5,
            "converged": True,
        }
    )


TRUTH = pd.DataFrame({"estimand": ["rd"], "value": [0.0], "mcse": [0.0]})


def seen(rows, n, truth, targets):
    """Return the look at the first replicates."""
    return look_at(summarize(rows[rows["replicate"] < n], truth, measures=list(targets)), n, targets)


def test_a_coverage_of_one_does_not_end_a_run():
    # The binomial error of 100 of 100 is 0, which is below any target.
    look = seen(estimates(400, 1.0), 100, TRUTH, {"coverage": 0.005})
    expected = float(wilson_half_width(1.0, 100)) / Z_95
    assert look.excess == pytest.approx(expected / 0.005, rel=1e-12)
    assert not look.enough
    assert look.worst == "coverage of psm, rd"


def test_a_look_sees_the_first_replicates_and_the_worst_target():
    rows = estimates(400, 3.0)
    first = rows["estimate"].to_numpy()[:100]
    look = seen(rows, 100, TRUTH, {"coverage": 1.0, "bias": 0.05})
    assert look.excess == pytest.approx(first.std(ddof=1) / 10.0 / 0.05, rel=1e-12)
    assert look.worst == "bias of psm, rd"


def test_a_method_that_always_fails_never_has_replicates_enough():
    rows = estimates(100, 1.0).assign(converged=False)
    assert seen(rows, 100, TRUTH, {"bias": 10.0}).excess == np.inf


def test_targets_are_a_number_or_named_numbers():
    assert parse_targets("0.005") == {"coverage": 0.005, "rejection": 0.005}
    assert parse_targets("bias=0.01, model_se=0.02") == {"bias": 0.01, "model_se": 0.02}
    assert parse_targets("0.005,bias=0.01") == {"coverage": 0.005, "rejection": 0.005, "bias": 0.01}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("small", "until-mcse 'small' does not parse; write it like 0.005 or coverage=0.005,bias=0.01"),
        ("biass=0.1", "unknown measure 'biass'; did you mean 'bias'"),
        ("bias=0", "bias = 0; give a positive number"),
        ("nan", "coverage = nan; give a positive number"),
    ],
)
def test_targets_that_mean_nothing_are_refused(text, words):
    with pytest.raises(UsageError, match=words):
        parse_targets(text)


UNTIL = "until_mcse = { coverage = 0.005 }\nmax_replicates = 900"

PLANS = [
    (
        "until_mcse = { coverge = 0.005 }\nmax_replicates = 900",
        "unknown measure 'coverge'; did you mean",
    ),
    ("until_mcse = { coverage = 0.0 }\nmax_replicates = 900", "coverage = 0; give a positive number"),
    ("until_mcse = { coverage = 0.005 }", "until_mcse and max_replicates go together"),
    ("replicates = 6\nmax_replicates = 900", "until_mcse and max_replicates go together"),
    (f"replicates = 6\n{UNTIL}", "give either replicates, or until_mcse with max_replicates"),
    ("", "give either replicates, or until_mcse with max_replicates"),
    ("replicates = 6\nmethod_seconds = 0", "run.method_seconds = 0: .*greater than 0"),
]


@pytest.mark.parametrize(("end", "words"), PLANS)
def test_a_plan_with_an_impossible_end_is_refused(plan_file, end, words):
    with pytest.raises(ExperimentError, match=f"small.toml: (?s:.*){words}"):
        load_plan(plan_file(("replicates = 6", end)))


def test_a_plan_with_a_target_is_read_back_as_written(plan_file, tmp_path):
    plan = load_plan(plan_file(("replicates = 6", UNTIL)))
    assert plan.run.most_replicates == 900
    run = run_experiment(plan, tmp_path / "out", jobs=1, replicates=1)
    assert run.folder.plan.run.until_mcse == {}
    assert load_plan(tmp_path / "out" / "plan.toml").run.most_replicates == 1


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ({"replicates": 5, "until_mcse": {"bias": 1.0}}, "two ends"),
        ({"max_replicates": 5}, "max_replicates = 5 has no use without until_mcse"),
        ({"until_mcse": {"bias": 1.0}, "max_replicates": 0}, "max_replicates = 0: give a whole number"),
    ],
)
def test_ends_that_contradict_each_other_are_refused(plan_file, tmp_path, ends, words):
    with pytest.raises(UsageError, match=words):
        run_experiment(plan_file(), tmp_path / "out", jobs=1, **ends)


# --- runs -------------------------------------------------------------------------------------------


@pytest.fixture
def early_looks(monkeypatch):
    """Let the first look come after 8 replicates, so that a run to a target takes a second."""
    monkeypatch.setattr(stopping_module, "FIRST_LOOK", 8)


TARGET = {"coverage": 0.1, "bias": 0.05}


def tables(out):
    return (out / "performance.csv").read_bytes(), open_run(out).rows().drop(columns="seconds")


def test_which_replicates_count_does_not_depend_on_how_the_run_went(quick_plan, tmp_path, early_looks):
    plan, ends = quick_plan(), {"until_mcse": TARGET, "max_replicates": 200}
    straight = run_experiment(plan, tmp_path / "straight", jobs=1, **ends)
    # One run that was stopped early and goes on with two workers, one that has more rows than it needs.
    run_experiment(plan, tmp_path / "short", jobs=1, replicates=11)
    run_experiment(plan, tmp_path / "short", jobs=2, **ends)
    run_experiment(plan, tmp_path / "long", jobs=1, replicates=40)
    assert run_experiment(plan, tmp_path / "long", jobs=1, **ends).computed == 0
    expected, rows = tables(tmp_path / "straight")
    for name in ("short", "long"):
        performance, found = tables(tmp_path / name)
        assert performance == expected
        pd.testing.assert_frame_equal(found, rows, check_exact=True)
    done = straight.performance.groupby("scenario")["n_sim"].agg(["min", "max"])
    assert (done["min"] == done["max"]).all()
    assert set(done["min"]) <= set(looks(200)) - {200}
    assert straight.computed == done["min"].sum()


def test_a_cell_ends_at_the_first_look_that_reaches_the_target(quick_plan, tmp_path, early_looks):
    plan = quick_plan(("[0.0, 1.0]", "[0.0]"))
    run = run_experiment(plan, tmp_path / "out", jobs=1, until_mcse=TARGET, max_replicates=200)
    (n,) = set(run.performance["n_sim"])
    rows, truth = open_run(tmp_path / "out").rows(), open_run(tmp_path / "out").truth()
    judged = rows[rows["estimand"].isin(run.performance["estimand"])]
    before = [number for number in looks(200) if number < n]
    assert seen(judged, n, truth, TARGET).enough
    assert before
    assert not any(seen(judged, number, truth, TARGET).enough for number in before)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["complete"]
    assert manifest["until_mcse"] == TARGET
    assert [cell["replicates"] for cell in manifest["cells"]] == [n]
    assert summarize_run(tmp_path / "out").performance.equals(run.performance)


def test_tables_and_looks_do_not_depend_on_how_many_rows_are_held_at_a_time(
    quick_plan, tmp_path, early_looks, monkeypatch
):
    plan = quick_plan(
        ("[0.0, 1.0]", "[0.0]"), ('["rd_hospital_death"]', '["rd_hospital_death", "rd_icu_death"]')
    )
    whole = run_experiment(plan, tmp_path / "out", jobs=1, until_mcse=TARGET, max_replicates=40)
    monkeypatch.setattr(folder_module, "LARGEST_GRID", 1)
    shared = summarize_run(tmp_path / "out")
    assert len(list(shared.folder.shares(40))) == 2
    pd.testing.assert_frame_equal(shared.performance, whole.performance, check_exact=True)
    assert shared.failures == whole.failures


def test_a_run_that_may_not_go_far_enough_says_what_is_left(quick_plan, tmp_path, early_looks):
    plan = quick_plan(("[0.0, 1.0]", "[0.0]"))
    run = run_experiment(plan, tmp_path / "out", jobs=1, until_mcse={"coverage": 0.001}, max_replicates=9)
    assert set(run.performance["n_sim"]) == {9}
    (note,) = run.notes
    assert note.startswith(
        "cell 'by_severity=0.0': 9 replicates, the most allowed, leave the error of coverage"
    )
    assert "raise max_replicates" in note
