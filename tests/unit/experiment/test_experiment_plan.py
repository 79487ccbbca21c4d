import pytest

from simsepsis.errors import ExperimentError, ScenarioError
from simsepsis.experiment import cells_of, load_plan
from simsepsis.experiment.cells import settled
from simsepsis.experiment.plan import plan_toml

VARY = '[vary]\n"observation.by_severity" = [0.0, 1.0]\n'


def test_a_grid_is_all_combinations_in_the_order_written(plan_file):
    plan = load_plan(plan_file(("= [0.0, 1.0]\n", '= [0.0, 1.0]\nn = [200, 300]\n"icus.spread" = [1]\n')))
    assert [cell.name for cell in cells_of(plan)] == [
        "by_severity=0.0, n=200, spread=1",
        "by_severity=0.0, n=300, spread=1",
        "by_severity=1.0, n=200, spread=1",
        "by_severity=1.0, n=300, spread=1",
    ]
    assert [cell.scenario.n for cell in cells_of(plan)] == [200, 300, 200, 300]


def test_nested_tables_say_the_same_as_dotted_keys(plan_file):
    nested = plan_file((VARY, "[vary.observation]\nby_severity = [0.0, 1.0]\n"), name="nested")
    assert cells_of(load_plan(nested)) == cells_of(load_plan(plan_file()))


def test_cells_may_be_listed_with_their_own_base(plan_file):
    listed = '[[cells]]\nname = "a"\n\n[[cells]]\nname = "b"\nbase = "small-registry"\nset = { n = 99 }\n'
    a, b = cells_of(load_plan(plan_file((VARY, listed))))
    assert (a.name, a.scenario.n, b.name, b.scenario.n) == ("a", 260, "b", 99)


def test_a_key_may_pick_from_a_list_or_mean_every_part(plan_file):
    dose = '[vary]\n"dose.regimens.0.grams" = [10.0, 20.0]\n"adjuncts.*.after_ivigg" = [0.5]\n'
    cells = cells_of(load_plan(plan_file((VARY, dose))))
    assert [cell.scenario.dose.regimens[0].grams for cell in cells] == [10.0, 20.0]
    assert all(item.after_ivigg == 0.5 for cell in cells for item in cell.scenario.adjuncts.values())
    assert len(cells[0].scenario.adjuncts) > 5


def test_keys_of_cells_depend_on_the_world_only(plan_file):
    keys = [cell.key for cell in cells_of(load_plan(plan_file()))]
    other = plan_file(
        ("[0.0, 1.0]", "[1.0, 2.0]"),
        ('["crude", "psm"]', '["crude"]'),
        ("seed = 5", "seed = 6"),
        name="other",
    )
    assert cells_of(load_plan(other))[0].key == keys[1]
    assert len(set(keys)) == 2


def test_no_effect_is_exact_and_needs_no_solving(plan_file):
    effect = '[vary]\n"effect.measure" = ["risk_ratio"]\n"effect.value" = [1.0]\n'
    (cell,) = cells_of(load_plan(plan_file((VARY, effect))))
    assert cell.scenario.effect.measure is None
    assert cell.scenario.effect.log_hazard_ratio == 0.0


def test_a_settled_world_has_nothing_left_to_solve(plan_file):
    effect = '[vary]\n"effect.measure" = ["risk_ratio"]\n"effect.value" = [0.81]\n'
    (cell,) = cells_of(load_plan(plan_file((VARY, effect))))
    done = settled(cell)
    assert done.key == cell.key
    assert done.scenario.effect.measure is None
    assert done.scenario.effect.log_hazard_ratio < -0.1
    assert done.scenario.hash != cell.scenario.hash


def test_a_plan_written_is_the_plan_read(plan_file):
    for plan in (
        load_plan(plan_file()),
        load_plan("unmeasured"),
        load_plan(plan_file((VARY, '[[cells]]\nname = "ä \\"b\\""\nset = { n = 99 }\n'), name="listed")),
    ):
        path = plan_file(name="again")
        path.write_text(plan_toml(plan))
        assert load_plan(path) == plan
        assert load_plan(path).hash == plan.hash


def test_a_scenario_beside_the_plan_may_be_the_base(plan_file, tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text('extends = "null"\n')
    path = plan_file(('base = "thesis-v1"', 'base = "mine.toml"'))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(cells_of(load_plan(path))) == 2


REFUSALS = [
    ("replicates = 6", "replicate = 6", "run.replicate: unknown key; did you mean 'replicates'"),
    ("[accept]", "[acept]", "acept: unknown key; did you mean 'accept'"),
    ('aims = "a"', 'aim = "a"', "ademp.aim"),
    ("seed = 5\n", "", "run.seed: missing; give it"),
    ("replicates = 6", "replicates = 0", "run.replicates = 0: .*greater than or equal to 1"),
    ('"psm"]', '"psmm"]', "method 'psmm' is unknown; did you mean 'psm"),
    ('["rd_hospital_death"]', '["rd_hospital_deth"]', "no method .* 'rd_hospital_deth'; did you mean 'rd_ho"),
    ("= [0.0, 1.0]", "= 0.0", "observation.by_severity = 0.0: give a list"),
    ("[-0.5, 0.5]", "[-0.5, 0.5", "the claim 'crude bias in .* does not parse; write it like"),
    ("crude bias in", "crude bais in", "unknown measure 'bais'; did you mean 'bias'"),
    (
        "crude bias in",
        "crud rd_hospital_death bias in",
        "'crud', which is no method of the plan; did you mean",
    ),
    ("[-0.5, 0.5]", "[0.5, -0.5]", "empty range; put the smaller limit first"),
    ("[-0.5, 0.5]", "[low, 0.5]", "limit that is no number"),
    ("[accept]", '[[cells]]\nname = "x"\n[accept]', "two ways to say the same"),
    (VARY, '[[cells]]\nname = "x"\n\n[[cells]]\nname = "x"\n', "cells.1: name 'x' stands twice"),
    ("seed = 5", 'seed = 5\nreference = "gee"', "reference 'gee' is not a method of this plan"),
    ("[run]", "[run", "cannot be read as TOML"),
]


@pytest.mark.parametrize(("old", "new", "words"), REFUSALS)
def test_a_plan_that_is_not_legal_is_refused_with_place_and_remedy(plan_file, old, new, words):
    path = plan_file((old, new))
    with pytest.raises(ExperimentError, match=f"small.toml: (?s:.*){words}") as caught:
        load_plan(path)
    assert "\n" not in str(caught.value)


WORLDS = [
    (
        "observation.by_severity",
        "observation.by_severty",
        "by_severty: unknown key; did you mean 'by_severity'",
    ),
    (
        "observation.by_severity",
        "observaton.by_severity",
        "observaton: unknown key; did you mean 'observation'",
    ),
    ("observation.by_severity", "n.by_severity", "'n' has no parts"),
    ("observation.by_severity", "dose.regimens.3.grams", "'3' picks nothing from a list of 1"),
    ("[0.0, 1.0]", '["a"]', "observation.by_severity = 'a'"),
    ("[0.0, 1.0]", "[0.0, 0.0]", "are the same world"),
]


@pytest.mark.parametrize(("old", "new", "words"), WORLDS)
def test_a_world_that_is_not_legal_is_refused(plan_file, old, new, words):
    with pytest.raises(ExperimentError, match=words):
        cells_of(load_plan(plan_file((old, new))))


def test_unknown_names_are_refused(plan_file, tmp_path):
    with pytest.raises(ExperimentError, match="experiment 'nul' is unknown; did you mean 'null'"):
        load_plan("nul")
    with pytest.raises(ExperimentError, match="no such plan"):
        load_plan(tmp_path / "none.toml")
    with pytest.raises(ScenarioError, match="scenario 'nulll' is unknown"):
        cells_of(load_plan(plan_file(('base = "thesis-v1"', 'base = "nulll"'))))
