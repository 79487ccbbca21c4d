"""Numbers of methods that often have no estimate: wherever one is shown, its rows stand beside it."""

import re

import pytest
from matplotlib.text import Text

from simsepsis.cli.studies import _tell
from simsepsis.experiment import answers_of, run_experiment
from simsepsis.experiment.answers.ranges import fewest_text
from simsepsis.experiment.requests import FigureChoice, figure_kinds
from simsepsis.performance import MEASURES
from simsepsis.performance.text import few_rows
from simsepsis.show.pages.experiment import experiment_page, show_findings, write_shown
from simsepsis.show.plots.experiment.experiment_figures import figure_of

PLAN = """
question = "What do few rows say?"

[ademp]
aims = "a"
data = "d"
estimands = "e"
methods = "m"
performance = "p"

[world]
base = "thesis-v1"

[vary]
n = [150, 400]
"observation.by_severity" = [0.0, 1.0]

[run]
methods = ["crude", "psm", "psm_gee", "iptw"]
estimands = ["log_or_hospital_death"]
replicates = 12
seed = 5

[accept]
"matching covers" = "psm_gee coverage >= 0.1"
"weights are unbiased" = "iptw bias in [-0.001, 0.001] in cells n=400"

[[answers]]
kind = "extremes"
methods = ["psm_gee"]
[[answers]]
kind = "verdict"
[[answers]]
kind = "frontier"
x = "n"
methods = ["psm_gee"]
[[answers]]
kind = "contrast"
methods = ["psm_gee", "psm"]
cells = "n=150, by_severity=0.0"
[[answers]]
kind = "ladder"
[[answers]]
kind = "claims"
"""
NEEDED = {"x": "n", "y": "observation.by_severity"}
ROWS = re.compile(r"\b\d+ of 12\b")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    (folder / "few.toml").write_text(PLAN)
    return run_experiment(folder / "few.toml", folder / "run", jobs=1)


@pytest.fixture(scope="module")
def findings(run):
    return run


def used(findings, method, measure="coverage"):
    table = findings.performance
    own = table[(table["measure"] == measure) & (table["method"] == method)]
    return dict(zip(own["scenario"], own["n_used"], strict=True))


def choose(kind, **more):
    return FigureChoice(kind=kind, **{key: NEEDED[key] for key in figure_kinds()[kind].needs}, **more)


def test_the_run_has_a_method_with_few_rows_and_one_with_all(findings):
    assert max(used(findings, "crude").values()) == 12
    assert 0 < used(findings, "psm_gee")["n=150, by_severity=0.0"] <= 11


def test_tables_of_the_page_tell_the_rows_of_each_number_that_lacks_more_than_a_twentieth(findings):
    page = experiment_page(findings, ())
    for table in (page["performance"].tables[0], page["failures"].tables[1]):
        place, scenario = table.heads.index("Coverage"), ""
        for row in table.rows:
            if len(row) == 1:
                scenario = row[0].partition(": ")[0]
                continue
            n = used(findings, row[0].partition(" ")[0])[scenario]
            assert (f"{n} of 12 rows" in row[place]) == (0 < n < 0.95 * 12), row
            assert "of 12" not in row[table.heads.index("Convergence")]
    autopsy = {row[0]: row[1] for row in page["autopsy"].tables[0].rows if len(row) > 1 and row[1] != "–"}
    assert any(name.startswith("psm_gee") and ROWS.search(text) for name, text in autopsy.items())
    assert not any(name.startswith("crude") and ROWS.search(text) for name, text in autopsy.items())
    assert any(ROWS.search(row[-1]) for table in page["ladder"].tables for row in table.rows)
    judged = [row for row in page["claims"].tables[0].rows if len(row) > 1]
    few = [row for row in judged if row[0].startswith("psm_gee") and "n=150" in row[0]]
    assert few
    assert all(ROWS.search(row[2]) for row in few)


def test_answers_tell_the_rows(findings):
    answers = {answer.kind: " ".join(answer.sentences) for answer in answers_of(findings)}
    n = used(findings, "psm_gee")["n=150, by_severity=0.0"]
    for kind in ("extremes", "verdict", "frontier", "contrast", "ladder", "claims"):
        assert ROWS.search(answers[kind]), kind
    assert f"On the same {n} of 12 replicates" in answers["contrast"]
    assert "Held, but not on all rows: matching covers" in answers["claims"]


def test_the_terminal_tells_the_rows_of_claims(run, capsys):
    _tell(run)
    shown = " ".join(capsys.readouterr().out.split())
    assert "rest on few rows, the fewest" in shown


@pytest.mark.parametrize("kind", figure_kinds())
def test_figures_tell_the_rows_in_the_picture_and_in_the_caption(findings, kind):
    plate = figure_of(choose(kind), kind, findings, "note")
    assert {"n_used", "n_sim"} <= set(plate.data.columns)
    assert "Numbers that fewer than 95% of the rows have: " in plate.caption
    assert ROWS.search(plate.caption)
    texts = [text.get_text() for text in plate.draw().findobj(Text)]
    assert any(ROWS.search(text) for text in texts), texts


@pytest.mark.parametrize("kind", figure_kinds())
def test_figures_of_full_rows_say_nothing_of_rows(findings, kind):
    methods = ("crude",) if kind not in ("ladder",) else ("crude", "psm")
    plate = figure_of(choose(kind, methods=methods, cells="n=400"), kind, findings, "note")
    if plate is not None and not few_rows(plate.data).any():
        assert "fewer than 95%" not in plate.caption
        assert "ringed" not in plate.caption


@pytest.mark.parametrize("kind", ["lollipop", "nested_loop", "heat_map", "curve"])
@pytest.mark.parametrize("measure", ["mean", "bias", "rejection", "coverage", "convergence", "mse"])
def test_a_perfect_method_is_spoken_of_only_where_it_has_that_value(findings, kind, measure):
    caption = figure_of(choose(kind, measure=measure), kind, findings, "note").caption
    perfect = measure in ("bias", "coverage", "convergence")
    assert ("perfect method" in caption) == perfect
    assert ("the level of the test" in caption) == (measure == "rejection")
    assert ("thin line" in caption or "Stems begin" in caption) <= (MEASURES[measure].ideal is not None)
    assert "None" not in caption


def test_tables_beside_the_page_have_the_rows(run):
    write_shown(run.folder.path, show_findings(run))
    for name in ("performance", "autopsy", "ladder", "accept"):
        head = (run.folder.path / f"{name}.csv").read_text().partition("\n")[0].split(",")
        assert {"n_used", "n_sim"} <= set(head), name
    text = (run.folder.path / "answer.md").read_text()
    assert ROWS.search(text)


def test_the_fewest_rows_are_said_once(findings):
    table = findings.performance
    own = table[(table["measure"] == "coverage") & (table["method"] == "psm_gee")]
    few = own[few_rows(own)]
    assert fewest_text(own).startswith("all of these" if len(few) == len(own) else f"{len(few)} of these")
    assert fewest_text(own).endswith(f"{few['n_used'].min()} of 12 rows")
    assert fewest_text(own[~few_rows(own)]) == ""
    assert fewest_text(few.iloc[:1]) == f"{few['n_used'].iloc[0]} of 12 rows"
