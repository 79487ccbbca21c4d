"""What a plan may ask to see: figures and answers, as data."""

import pytest

from simsepsis.errors import ExperimentError
from simsepsis.experiment import load_plan
from simsepsis.experiment.plan import plan_toml

SEED = "seed = 5\n"

EVERY_KIND = """
[[figures]]
kind = "zip"
methods = ["psm"]
cells = "by_severity=1.0"

[[figures]]
kind = "power_curve"
name = "power"
x = "observation.by_severity"
levels = [0.8]
estimand = "rd_hospital_death"

[[answers]]
kind = "frontier"
x = "observation.by_severity"
where.observation.by_severity = [0.0, 1.0]
level = 0.0
measure = "bias"

[[answers]]
kind = "verdict"
band = [0.9, 0.97]
methods = ["psm", "crude"]
"""


def with_choices(plan_file, text):
    return plan_file((SEED, f"{SEED}{text}\n"))


def test_figures_and_answers_are_read_and_written(plan_file, tmp_path):
    plan = load_plan(with_choices(plan_file, EVERY_KIND))
    assert [figure.kind for figure in plan.figures] == ["zip", "power_curve"]
    assert plan.answers[0].where == {"observation.by_severity": [0.0, 1.0]}
    assert plan.answers[0].level == 0.0
    path = tmp_path / "again.toml"
    path.write_text(plan_toml(plan))
    assert load_plan(path) == plan
    assert plan.hash != load_plan(plan_file()).hash


REFUSED = {
    '[[figures]]\nkind = "zipp"': "'zipp' is no kind of figure; did you mean 'zip'?",
    '[[answers]]\nkind = "zip"': "'zip' is no kind of answer; it may be extremes, ",
    '[[figures]]\nkind = "zip"\nx = "n"': "x: a zip has no use for it; remove it",
    '[[figures]]\nkind = "curve"': "a curve needs 'x'; give it",
    '[[figures]]\nkind = "curve"\nx = "observation.by_severty"': "did you mean 'observation.by_severity'?",
    '[[figures]]\nkind = "lollipop"\nmeasur = "bias"': "measur: unknown key; did you mean 'measure'?",
    '[[figures]]\nkind = "lollipop"\nmeasure = "bais"': "did you mean 'bias'?",
    '[[figures]]\nkind = "lollipop"\nmethods = ["psmm"]': "'psmm' is no method of the plan; did you mean",
    '[[figures]]\nkind = "lollipop"\nestimand = "rd_icu_death"': "the plan does not judge 'rd_icu_death'",
    '[[figures]]\nkind = "lollipop"\nwhere.observation.by_severity = 2.0': "it is one of 0.0, 1.0",
    '[[figures]]\nkind = "zip"\nname = "a/b"': "figures.0.name = 'a/b'",
    '[[answers]]\nkind = "contrast"\nmethods = ["psm"]': "a contrast is between two methods, not 1",
    '[[answers]]\nkind = "verdict"\nband = [0.9, 0.8]': "put the smaller limit first",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_shown_is_refused(plan_file, text):
    with pytest.raises(ExperimentError) as refusal:
        load_plan(with_choices(plan_file, text))
    assert REFUSED[text] in str(refusal.value)
    assert "small.toml: figures.0" in str(refusal.value) or "small.toml: answers.0" in str(refusal.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [("", "needs either 'level' or 'ratio'"), ("ratio = 0.9", "'rd_hospital_death' is no logarithm")],
)
def test_a_contour_needs_one_value_on_the_right_scale(plan_file, given, words):
    two = '"observation.by_severity" = [0.0, 1.0]\n'
    choice = f'[[answers]]\nkind = "contour"\nx = "observation.by_severity"\ny = "n"\n{given}\n'
    path = plan_file((two, f"{two}n = [200, 300]\n"), (SEED, f"{SEED}{choice}"))
    with pytest.raises(ExperimentError, match=words):
        load_plan(path)


def test_listed_cells_have_the_settings_that_they_are_given(plan_file):
    listed = '[[cells]]\nname = "a"\nset = { n = 99 }\n\n[[cells]]\nname = "b"\nset = { n = 80 }\n'
    plan = load_plan(plan_file(('[vary]\n"observation.by_severity" = [0.0, 1.0]\n', listed)))
    assert plan.settings == {"n": (99, 80)}
