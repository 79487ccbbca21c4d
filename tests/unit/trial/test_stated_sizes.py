"""A stated size stays: text, formula and simulation speak of the same trial."""

from __future__ import annotations

import pytest
from tests.examples import with_slow

from simsepsis.errors import UsageError
from simsepsis.show.pages.trial.document import document_of
from simsepsis.trial import planned_total
from simsepsis.trial.planning import Effort, compute_plan

WEAK = {"effect.value": 0.95, "run.trials": 20}
CLUSTERS = WEAK | {"allocation.cluster_size": 6, "test.analysis": "gee"}
STATED = {
    "patients": (WEAK | {"n_total": 300}, 300),
    "parallel": (CLUSTERS | {"allocation.unit": "parallel_cluster"}, 42 * 6),
    "crossover": (CLUSTERS | {"allocation.unit": "cluster_crossover"}, 42 * 2 * 6),
    "crossover of means": (
        CLUSTERS | {"allocation.unit": "cluster_crossover", "test.analysis": "cluster_means"},
        42 * 2 * 6,
    ),
    "wedge": (CLUSTERS | {"allocation.unit": "stepped_wedge", "allocation.steps": 3}, 42 * 4 * 6),
    "parallel by total": (
        WEAK | {"n_total": 420, "allocation.unit": "parallel_cluster", "test.analysis": "gee"},
        420,
    ),
    "wedge by total": (
        CLUSTERS
        | {
            "n_total": 42 * 4 * 7,
            "allocation.unit": "stepped_wedge",
            "allocation.steps": 3,
            "allocation.cluster_size": None,
        },
        42 * 4 * 7,
    ),
}


@pytest.mark.parametrize("case", with_slow(STATED, {"crossover", "wedge", "parallel by total"}))
def test_the_confirmation_by_simulation_changes_no_stated_size(protocol, case):
    changes, total = STATED[case]
    told = protocol(changes)
    plan = compute_plan(told, effort=Effort(jobs=1))
    assert plan.n_total == planned_total(told) == total
    assert plan.tables["tried"]["n_randomized"].tolist() == [total]
    assert plan.tables["tried"]["power"].item() < told.test.power
    document = document_of(plan, command="")
    for paragraphs in (document.statement, document.statement_ja):
        text = "".join(paragraphs)
        assert f"{total:,}" in text
        if told.allocation.clustered:
            assert f"{plan.size.cluster_size:.0f}" in text
            assert "42" in text


def test_loss_is_taken_of_the_stated_patients_of_an_icu(protocol):
    changes, total = STATED["crossover"]
    plan = compute_plan(protocol(changes | {"conduct.loss.share": 0.25}), effort=Effort(replicates=0))
    assert plan.n_total == total
    assert plan.size.cluster_size == pytest.approx(6 * 0.75)
    assert plan.size.n_analysed == pytest.approx(0.75 * total)


@pytest.mark.parametrize("value", [0.99999, 1.00001])
def test_a_solved_size_that_no_trial_could_have_says_what_would(protocol, value):
    aim = {"effect.aim": "harm"} if value > 1.0 else {}
    told = protocol({"effect.value": value, "n_max": 50_000} | aim)
    with pytest.raises(
        UsageError, match=r"more than n_max = 50,000; plan for a risk_ratio as far"
    ) as refused:
        planned_total(told)
    least = float(str(refused.value).split(" as ")[-1].split(",")[0])
    # What it names is what those patients detect.
    near = protocol({"effect.value": least, "n_max": 1_000_000} | aim)
    assert planned_total(near) == pytest.approx(50_000, rel=0.03)
