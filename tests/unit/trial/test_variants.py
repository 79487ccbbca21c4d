"""Designs beside the plan, from its file: published numbers, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from simsepsis.cli import _run
from simsepsis.errors import UsageError
from simsepsis.show.pages.trial.document import document_of, markdown_ja_of, record_of
from simsepsis.trial import AdaptiveDesign, adaptive_risks, build_pool, load_trial, simulate_adaptive
from simsepsis.trial.planning import Effort, compute_plan
from simsepsis.trial.planning.companions import Bench
from simsepsis.trial.planning.variants import adaptive_table
from simsepsis.trial.simulation.from_protocol import planned_size, screen

PLAN = """
question = "Does it lower death by day 28?"
n_total = 800
[world]
base = "thesis-v1"
[[arms]]
name = "IVIgG"
grams_per_kg = 1.5
[endpoint]
name = "death_28d"
[effect]
scale = "risk_ratio"
value = 0.8
[run]
trials = 40
pool = 4000
"""
VARIANTS = """
[test]
power = 0.8
[borrowing]
shapes = [4, 16]
controls = 20
treated = 40
rates = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
higher_is_better = true
[ordinal]
control = [0.1, 0.2, 0.5, 0.2]
odds_ratio = 2.5
[follow_up]
hazard_ratio = 0.5
median = 20
accrual = [20]
end = 30
"""


def loaded(folder, text):
    path = folder / "told.toml"
    path.write_text(PLAN + text, encoding="utf-8")
    return load_trial(path)


def benched(told):
    pool = build_pool(told)
    return Bench(protocol=told, size=planned_size(told, screen(told, pool)), pool=pool, jobs=1)


def test_a_file_has_the_published_numbers_of_every_formula(tmp_path):
    told = loaded(tmp_path, VARIANTS)
    plan = compute_plan(told, effort=Effort(replicates=0))
    errors = 100 * plan.tables["borrowing"]["type_one"]
    assert errors.round(1).tolist() == [0.1, 1.7, 6.1, 13.4, 26.1, 44.9]
    assert plan.tables["ordinal"].set_index("measure")["value"]["n_total"].round(1) == 130.8
    longer = compute_plan(told.changed({"test.power": 0.9}), effort=Effort(replicates=0))
    rows = longer.tables["follow_up"].set_index("formula").round(1)
    assert rows.loc["schoenfeld", ["n_total", "events"]].tolist() == [224.5, 87.5]
    assert rows.loc["lachin_foulkes", ["n_total", "events"]].tolist() == [227.6, 88.7]
    document = document_of(plan, command="")
    assert {"borrowing", "ordinal", "follow_up"} <= {table.name for table in document.tables}
    text = " ".join(document.summary)
    assert "the type I error is 0.1% to 44.9%" in text
    assert "132 patients with a known outcome" in text
    assert "対照の借用：対照群20例、試験治療群40例" in markdown_ja_of(document)


def test_borrowed_controls_are_the_plans_and_their_error_is_told_under_measured_bias(tmp_path):
    table = "scenario,method,estimand,measure,value,mcse\nhidden,psm,log_or_death_twin,bias,0.4,0.01\n"
    (tmp_path / "performance.csv").write_text(table)
    borrowing = """
[borrowing]
events = [30, 45, 28]
patients = [100, 150, 110]
robust = 0.2
[borrowing.bias]
performance = "performance.csv"
method = "psm"
estimand = "log_or_death_twin"
"""
    plan = compute_plan(loaded(tmp_path, borrowing), effort=Effort(replicates=0))
    rows = plan.tables["borrowing"]
    assert (rows["controls"].iloc[0], rows["treated"].iloc[0]) == (400, 400)
    assert rows["p_control"].iloc[2] == pytest.approx(plan.size.assumptions.p_control)
    assert rows["world"].tolist() == [""] * 5 + ["hidden"]
    # A registry with more deaths than the trial's controls makes treatment look better than it is.
    assert rows["type_one"].iloc[-1] > 0.025 > rows["type_one"].iloc[0] / 2
    assert (rows["power"] > rows["type_one"]).all()


def test_more_patients_than_can_be_gone_through_are_refused(tmp_path):
    told = loaded(tmp_path, "[borrowing]\nshapes = [40, 80]\n").changed({"n_total": 20_000})
    with pytest.raises(UsageError, match="too many for exact errors; state borrowing"):
        compute_plan(told, effort=Effort(replicates=0))


ADAPTIVE = """
[adaptive]
looks = [300, 600, 900]
randomized = [400, 700, 900]
superiority = 0.985
equivalence = 0.9
least = 0.2
risks = [0.25, 0.20]
"""


def test_an_adaptive_trial_from_a_file_is_the_one_from_python(tmp_path):
    told = loaded(tmp_path, ADAPTIVE)
    rows = adaptive_table(benched(told)).set_index(["truth", "measure"])
    design = AdaptiveDesign(
        looks=(300, 600, 900), randomized=(400, 700, 900), superiority=0.985, equivalence=0.9, least=0.2
    )
    seed = told.run.seed + 1
    for truth, arms in (("null", [0.25, 0.25]), ("planned", [0.25, 0.2])):
        found = simulate_adaptive(design, arms, trials=40, seed=seed).characteristics()
        for name, pair in found.items():
            assert rows.loc[(truth, name), ["value", "mcse"]].tolist() == pytest.approx(list(pair))


ADAPTR = """
[[arms]]
name = "more IVIgG"
grams_per_kg = 2.0
[adaptive]
looks = [300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800, 1900, 2000]
randomized = [400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800, 1900,
  2000, 2000]
superiority = 0.9814318
equivalence = 0.9
difference = 0.05
least = 0.2
risks = [0.25, 0.20, 0.30]
"""
IN_ITS_README = {
    "null": {"superiority": (0.048, 0.214), "equivalence": (0.381, 0.486), "expected_n": (1749.6, 373.74)},
    "planned": {"superiority": (0.731, 0.443), "equivalence": (0.146, 0.353), "expected_n": (1242.3, 531.19)},
}
"""Mean and standard deviation of 1,000 trials, README of adaptr 1.4.0."""


def test_a_file_has_the_published_characteristics_of_an_adaptive_trial(tmp_path):
    told = loaded(tmp_path, ADAPTR).changed({"run.trials": 1_000})
    rows = adaptive_table(benched(told)).set_index(["truth", "measure"])
    for truth, published in IN_ITS_README.items():
        for name, (value, sd) in published.items():
            found = rows.loc[(truth, name)]
            assert abs(found["value"] - value) < 3 * math.hypot(found["mcse"], sd / math.sqrt(1_000)), name


def test_its_threshold_is_searched_and_its_risks_are_those_of_the_world(tmp_path):
    text = "[adaptive]\nlooks = [200, 400]\nerror = 0.05\n"
    told = loaded(tmp_path, text)
    bench = benched(told)
    bench = replace(bench, protocol=told.changed({"run.trials": 400}))
    rows = adaptive_table(bench).set_index(["truth", "measure"])
    error, mcse = rows.loc[("null", "superiority"), ["value", "mcse"]]
    assert abs(error - 0.05) < 3 * np.hypot(mcse, np.sqrt(0.05 * 0.95 / 400))
    assert rows["superiority"].iloc[0] > 0.9
    control, treated = adaptive_risks(told, bench.pool)
    assert control == pytest.approx(bench.size.assumptions.p_control, abs=1e-6)
    assert treated == pytest.approx(0.8 * control, rel=1e-3)
    assert rows.loc[("planned", "expected_events"), "value"] < rows.loc[("null", "expected_events"), "value"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[adaptive]\nlooks = [300, 200]", "give rising numbers of patients"),
        ("[adaptive]\nlooks = [300]\nrisks = [0.3]", "has 1 risks for 2 arms; give one for each"),
        ("[adaptive]\nlooks = []", "adaptive.looks"),
        ("[borrowing]\nevents = [30]\npatients = [100]", "give two groups or more"),
        ("[borrowing]\nshapes = [4, -1]", "borrowing.shapes"),
        ("[ordinal]\ncontrol = [0.5, 0.4]\nodds_ratio = 2.0", "that sum to 1"),
        ("[ordinal]\ncontrol = [0.5, 0.5]\nodds_ratio = 1.0", "no effect"),
        ("[follow_up]\nhazard_ratio = 0.5\naccrual = [20]\nend = 30", "give either hazard or median"),
        ("[follow_up]\nhazard_ratio = 0.5\nmedian = 20\naccrual = [20]\nend = 10", "rising ends of accrual"),
    ],
)
def test_a_slip_in_one_of_them_is_one_sentence(text, words, tmp_path, capsys):
    path = tmp_path / "told.toml"
    path.write_text(PLAN + text + "\n", encoding="utf-8")
    assert _run(["plan", str(path), "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err.strip()
    assert words in told
    assert "\n" not in told
    assert "told.toml" in told
    assert not (tmp_path / "out").exists()


def test_a_plan_without_them_says_nothing_of_them(tmp_path):
    plan = compute_plan(loaded(tmp_path, ""), effort=Effort(replicates=0))
    assert not {"adaptive", "borrowing", "ordinal", "follow_up"} & set(plan.tables)
    assert not {"adaptive", "borrowing"} & set(record_of(document_of(plan, command=""))["protocol"])
