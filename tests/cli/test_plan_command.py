"""Planning a trial from the command line: what it writes, and what it refuses."""

from __future__ import annotations

import json

import pytest

TINY = """
label = "IVIgG 1.5 g/kg against placebo"
question = "Does it lower death by day 28?"

[world]
base = "thesis"

[[arms]]
name = "IVIgG"
grams_per_kg = 1.5

[endpoint]
name = "death_28d"

[effect]
scale = "risk_ratio"
value = 0.6

[[priors]]
name = "low_risk_of_bias"
weight = 1.0

[run]
trials = 20
pool = 2000
"""


@pytest.fixture
def plan(simsepsis, tmp_path):
    """Return a function that plans the tiny trial with one change, if any."""

    def run(old="", new="", *options):
        assert old in TINY
        (tmp_path / "tiny.toml").write_text(TINY.replace(old, new) if old else TINY, encoding="utf-8")
        return simsepsis("plan", "tiny.toml", "--out", "p", "--jobs", 1, *options)

    return run


def test_plan_writes_all_it_promises(plan, tmp_path):
    result = plan()
    assert result.returncode == 0, result.stderr
    names = {str(path.relative_to(tmp_path / "p")) for path in (tmp_path / "p").rglob("*") if path.is_file()}
    assert {"plan.json", "plan.md", "report.html", "figures/power.svg", "figures/flow.png"} <= names
    record = json.loads((tmp_path / "p" / "plan.json").read_text("utf-8"))
    assert record["simulated_trials"] == 20
    assert record["command"] == "simsepsis plan tiny.toml"
    assert f"{record['n_total']:,} patients to randomize" in result.stdout
    assert "症例数設定" in (tmp_path / "p" / "plan.md").read_text("utf-8")


REFUSALS = {
    "a design effect without randomized ICUs": (
        "[[priors]]",
        "[allocation]\nicc = 0.01\n\n[[priors]]",
        "design effect that does not exist",
    ),
    "an assurance above its ceiling": (
        "[[priors]]",
        "[test]\nassurance = 0.5\n\n[[priors]]",
        "above the ceiling 0.421",
    ),
    "an effect without its scale": ('scale = "risk_ratio"\n', "", 'has no scale; write scale = "risk_ratio"'),
    "a hazard ratio without a horizon": (
        'scale = "risk_ratio"',
        'scale = "hazard_ratio"',
        "has no horizon; give the day",
    ),
    "information that does not increase to 1": (
        "[[priors]]",
        "[looks]\ninformation = [0.5, 0.4, 1.0]\n\n[[priors]]",
        "does not increase to 1",
    ),
    "a control risk that these patients cannot have": (
        'name = "death_28d"',
        'name = "death_28d"\ncontrol_risk = 0.95',
        "not one that this population can have",
    ),
}


FIRST = "a design effect without randomized ICUs"


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case == FIRST else pytest.mark.slow) for case in REFUSALS]
)
def test_what_would_mislead_is_refused_in_one_sentence(plan, tmp_path, case):
    old, new, words = REFUSALS[case]
    result = plan(old, new)
    assert result.returncode == 2, result.stdout
    assert len(result.stderr.strip().splitlines()) == 1
    assert words in result.stderr
    assert not (tmp_path / "p").exists()


def test_plan_has_help_with_an_example(simsepsis):
    result = simsepsis("plan", "--help")
    assert result.returncode == 0
    assert "Example: simsepsis plan" in result.stdout


def test_plans_stand_side_by_side(simsepsis, tmp_path):
    (tmp_path / "one.toml").write_text(TINY, encoding="utf-8")
    costs = TINY + "\n[sites]\ncost_per_icu = 1000.0\ncost_per_patient = 10.0\n"
    (tmp_path / "two.toml").write_text(costs, encoding="utf-8")
    result = simsepsis("plan", "one.toml", "two.toml", "--compare", "--out", "c")
    assert result.returncode == 0, result.stderr
    names = {path.name for path in (tmp_path / "c").iterdir()}
    assert {"compared.md", "compared.csv", "compared.json", "compared.html"} <= names
    record = json.loads((tmp_path / "c" / "compared.json").read_text("utf-8"))
    rows = [[cell["text"] for cell in row] for row in record["rows"]]
    assert [row[0] for row in rows] == ["one", "two"]
    heads = [head["text"] for head in record["heads"]]
    assert {"Randomized", "Power", "Events expected", "Cost"} <= set(heads)
    assert rows[0][heads.index("Cost")] == "–" != rows[1][heads.index("Cost")]
    assert rows[0][heads.index("Randomized")] == rows[1][heads.index("Randomized")]


def test_several_plans_without_comparison_are_refused(simsepsis):
    result = simsepsis("plan", "trial-sbits", "trial-cigma")
    assert result.returncode == 2
    assert "add --compare, or name one" in result.stderr
