"""The experiments that come with the package: each loads, asks what can be answered, and runs."""

from __future__ import annotations

from functools import cache

import pytest

from simsepsis.analysis.methods import METHODS
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.estimand import Estimand
from simsepsis.experiment import Plan, experiment_names, find_experiment, load_plan, run_experiment
from simsepsis.experiment.cells import Cell, cells_of
from simsepsis.show.pages.experiment import show_findings

QUESTIONS = (
    "null",
    "dose",
    "unmeasured",
    "timing",
    "adjuncts",
    "clustering",
    "caliper",
    "size",
    "missing",
    "interaction",
)
PARTS = ("unmeasured-held", "size-large", "size-2007", "size-claims")
"""Parts of a question that need worlds or replicates of their own."""

SMALL = 400


loaded = cache(load_plan)


@cache
def worlds_of(name: str) -> tuple[Cell, ...]:
    """Return the cells of a shipped plan, read once for all tests."""
    return tuple(cells_of(loaded(name)))


@pytest.fixture(params=experiment_names())
def plan(request: pytest.FixtureRequest) -> Plan:
    return loaded(request.param)


@pytest.fixture(params=(*QUESTIONS, *PARTS))
def study(request: pytest.FixtureRequest) -> Plan:
    return loaded(request.param)


def test_every_question_has_its_experiment() -> None:
    assert {*QUESTIONS, *PARTS} <= set(experiment_names())


@pytest.mark.parametrize("name", experiment_names())
def test_each_is_legal_and_says_what_it_is(name: str) -> None:
    plan, cells = loaded(name), worlds_of(name)
    assert plan.name == name == find_experiment(name).stem
    assert plan.question.endswith("?")
    assert all(cell.scenario.n > 0 for cell in cells)
    about = [claim.cells for claim in plan.claims.values() if claim.cells]
    assert all(any(words in cell.name for cell in cells) for words in about)


def test_worlds_differ_and_are_as_many_as_the_settings_make(study: Plan) -> None:
    cells = worlds_of(study.name)
    assert len({cell.scenario.hash for cell in cells}) == len(cells)
    assert len({cell.name for cell in cells}) == len(cells)
    expected = len(study.cells)
    if study.vary:
        expected = 1
        for values in study.vary.values():
            expected *= len(values)
    assert len(cells) == expected


def test_each_method_gives_something_that_is_judged(plan: Plan) -> None:
    for method in plan.run.methods:
        given = METHODS[method].estimands_of(THESIS_SPEC)
        assert any(Estimand.parse(name).matches(wanted) for name in given for wanted in plan.run.estimands), (
            method
        )


def test_each_claim_is_about_something(study: Plan) -> None:
    names = [cell.name for cell in worlds_of(study.name)]
    assert study.claims
    for words, claim in study.claims.items():
        assert claim.cells is None or any(claim.cells in name for name in names), words
        methods = study.run.methods if claim.method is None else (claim.method,)
        given = [name for method in methods for name in METHODS[method].estimands_of(THESIS_SPEC)]
        judged = [name for name in given if study.judged(name)]
        assert claim.estimand is None or any(
            Estimand.parse(name).matches(claim.estimand) for name in judged
        ), words


def test_each_has_figures_and_an_answer_that_ends_with_the_claims(study: Plan) -> None:
    assert len(study.figures) >= 2
    assert 3 <= len(study.answers) <= 5
    assert study.answers[-1].kind == "claims"
    names = [figure.name for figure in study.figures]
    assert len(set(names)) == len(names)


def test_words_say_as_many_worlds_and_replicates_as_there_are(study: Plan) -> None:
    first = find_experiment(study.name).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"# {len(worlds_of(study.name))} worlds × {study.run.replicates:,} replicates")


def small(plan: Plan) -> Plan:
    """Return the plan on registries of a few hundred patients."""
    values = plan.model_dump()
    if "n" in plan.vary:
        values["vary"]["n"] = [SMALL + place for place in range(len(plan.vary["n"]))]
    else:
        values["world"]["set"] |= {"n": SMALL}
    values["run"] |= {"replicates": 2, "truth_population": 1_000}
    return Plan.model_validate(values)


@pytest.mark.slow
def test_each_runs_and_ends_with_figures_and_words(plan: Plan, tmp_path) -> None:
    result = run_experiment(small(plan), tmp_path, jobs=1)
    rows = result.folder.rows()
    assert rows.groupby("cell")["replicate"].nunique().eq(2).all()
    assert rows["cell"].nunique() == len(worlds_of(plan.name))
    assert rows.loc[~rows["converged"], "failure"].str.len().gt(10).all()
    shown = show_findings(result)
    assert len(shown.figures) >= 1
    assert shown.answer
