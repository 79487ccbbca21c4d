"""A trial of a study that is a folder of data files without code: its plan says nothing of another study."""

from __future__ import annotations

import re
import shutil

import pytest
from tests.unit.trial.stents import stent_study

from simsepsis import load_trial
from simsepsis.errors import ExperimentError
from simsepsis.show.pages.trial import plan_contents
from simsepsis.trial.planning import Effort, compute_plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a study with a world that was fitted to a cohort and a plan beside it."""
    return stent_study(tmp_path_factory.mktemp("stents"))


def told(folder, **changes):
    """Return the folder's protocol with changes."""
    return load_trial(folder / "plan.toml", str(folder)).changed(changes)


def test_what_a_plan_leaves_out_follows_from_the_study(folder):
    protocol = told(folder)
    assert protocol.sites.number == 6
    assert protocol.test.strata == protocol.allocation.factors == ("icu", "years >= 65")
    assert protocol.test.covariates == ("years",)
    assert list(protocol.offer.outcomes) == ["dead", "time_to_death"]
    assert protocol.outcome.day == 90


def test_its_plan_is_told_in_its_own_words(folder):
    contents = plan_contents(compute_plan(told(folder), effort=Effort(jobs=1)), command="simsepsis plan")
    text = "\n".join(contents[name].decode() for name in ("plan.md", "plan.json", "report.html"))
    assert "the risk of death" in text
    assert "stent outside the protocol" in text
    assert not re.search(r"\bgrams?\b|grams_per|immunoglobulin|igg|apache|septic|sepsis registry", text, re.I)


def test_time_to_its_event_is_planned(folder):
    protocol = told(
        folder,
        **{
            "endpoint": {"name": "time_to_death", "horizon": 60},
            "test.analysis": "unadjusted",
            "sites": {"number": 6},
        },
    )
    plan = compute_plan(protocol, effort=Effort(jobs=1, replicates=0))
    assert plan.size.assumptions.test == "log_rank"
    assert plan.n_total > 100


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arms": [{"name": "stent", "grams": 5.0}]}, "arms.0.grams: unknown key"),
        ({"endpoint": {"name": "dea"}}, "endpoint.name = 'dea' is unknown; did you mean 'dead'"),
        ({"population": {"where": "dead == 1"}}, "'dead' is not known before randomization"),
        (
            {"published": [{"quantity": "days_control", "value": 3.0}]},
            "the study has no days without organ support",
        ),
    ],
)
def test_what_the_study_does_not_know_is_refused(folder, changes, words):
    with pytest.raises(ExperimentError, match=words):
        told(folder, **changes)


def test_a_world_of_another_study_is_refused(folder):
    protocol = told(folder, **{"world.base": "thesis"})
    with pytest.raises(ExperimentError, match="is a world of study"):
        compute_plan(protocol, effort=Effort(jobs=1, replicates=0))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('[outcomes.dead]\nlabel = "Death {by}"\nen = "death"\n', "has other braces than those of {horizon}"),
        ('[outcomes.dead]\nen = "death"\n', "outcomes.dead.label: missing"),
        ("horizn = 30\n", "horizn: unknown key; did you mean 'horizon'"),
    ],
)
def test_what_a_study_says_wrongly_of_its_trials_is_refused(folder, tmp_path, said, words):
    shutil.copytree(folder, tmp_path / "own")
    (tmp_path / "own" / "trial.toml").write_text(said, encoding="utf-8")
    with pytest.raises(ExperimentError, match=words):
        load_trial(tmp_path / "own" / "plan.toml", str(tmp_path / "own"))


def test_words_of_a_study_go_before_those_that_follow(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "own")
    said = (
        '[patients]\nen = "adults with angina"\n[outcomes.dead]\nday = 60\nlabel = "Death by day {horizon}"\n'
        'en = "death within {horizon} days"\n[plan.sites]\nnumber = 9\nsampled = true\n'
    )
    (tmp_path / "own" / "trial.toml").write_text(said, encoding="utf-8")
    protocol = load_trial(tmp_path / "own" / "plan.toml", str(tmp_path / "own"))
    assert protocol.outcome.heading == "Death by day 60"
    assert (protocol.sites.number, protocol.sites.sampled) == (9, True)
    assert protocol.offer.patients.phrase == ("adults with angina", "adults with angina")
