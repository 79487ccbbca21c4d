"""An experiment names a study and a spec, from which methods, subgroups, horizons and estimands follow."""

from __future__ import annotations

import pytest

from simsepsis.errors import ExperimentError
from simsepsis.experiment import load_plan
from simsepsis.experiment.cells import cells_of
from simsepsis.experiment.plan import plan_toml
from simsepsis.experiment.replicates import estimate_replicates
from simsepsis.study.published import open_study

SPEC = """extends = "thesis"
name = "short"
rmst_horizon = 14
outcomes = ["hospital_death"]
[[subgroups]]
name = "old"
column = "age"
at_least = 75
"""
RUN = '[run]\nspec = "short.toml"'


@pytest.fixture
def other(plan_file, tmp_path):
    (tmp_path / "short.toml").write_text(SPEC, encoding="utf-8")
    methods = ('["crude", "psm"]', '["crude", "psm", "rmst28", "breslow_day_old"]')
    return load_plan(plan_file(methods, ("[run]", RUN)))


def test_nothing_named_is_the_default_studys_analysis(plan_file):
    run = load_plan(plan_file()).run
    assert run.analysis == open_study().spec
    assert (run.study, run.spec) == (open_study().name, None)


def test_a_spec_beside_the_plan_decides_what_is_estimated(other, tmp_path):
    given = dict(other.run.series)
    assert given["breslow_day_old"] == "log_or_ratio_hospital_death_matched"
    assert given["rmst28"] == "rmst14_difference_matched"
    assert not any("icu_death" in estimand for _, estimand in other.run.series)
    assert other.run.spec == str(tmp_path / "short.toml")


def test_replicates_are_analysed_by_the_spec(other):
    cell = cells_of(other)[0]
    rows = estimate_replicates(cell, (0,), other.run.methods, seed=5, spec=other.run.analysis)
    assert list(zip(rows["method"], rows["estimand"], strict=True)) == list(other.run.series)


def test_a_plan_keeps_its_spec_when_it_is_written_down(other, plan_file, tmp_path):
    path = tmp_path / "again.toml"
    path.write_text(plan_toml(other), encoding="utf-8")
    assert load_plan(path) == other
    assert other.hash != load_plan(plan_file()).hash


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('study = "rch"', "run.study: study 'rch' is unknown; did you mean 'rhc'"),
        ('spec = "nowhere"', "run.spec: spec 'nowhere' is unknown"),
        ('study = "rhc"', "no method of this plan estimates 'rd_hospital_death'"),
    ],
)
def test_what_cannot_be_analysed_is_refused(plan_file, line, sentence):
    with pytest.raises(ExperimentError) as refused:
        load_plan(plan_file(("[run]", f"[run]\n{line}")))
    assert sentence in str(refused.value)
