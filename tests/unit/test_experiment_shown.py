"""A small real run drawn and reported: every kind of figure, its numbers, its words, and the page."""

import re
from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from simsepsis.experiment import answers_of, load_plan, run_experiment, summarize_run
from simsepsis.experiment.requests import FigureChoice, figure_kinds
from simsepsis.performance import wilson_limits
from simsepsis.show.checklist import checklist
from simsepsis.show.pages.experiment import experiment_page, plain_lines
from simsepsis.show.pages.experiment.checklist import ADEMP_ITEMS, AUTHOR
from simsepsis.show.pages.experiment.words import answer_lines, command_of
from simsepsis.show.plots.experiment import zip_plot
from simsepsis.show.plots.experiment.autopsy import autopsy_bars
from simsepsis.show.plots.experiment.curves import curve_rows
from simsepsis.show.plots.experiment.experiment_figures import (
    default_figures,
    draw_findings,
    figure_of,
    file_names,
    note_of,
)
from simsepsis.show.plots.experiment.forest_of_methods import forest_rows
from simsepsis.show.plots.experiment.heat_map import heat_rows, plot_heat_map
from simsepsis.show.plots.experiment.ladder import stair_rows
from simsepsis.show.plots.experiment.lollipop import lollipop_rows
from simsepsis.show.plots.experiment.marks import UPRIGHT_CHARACTER, upright
from simsepsis.show.plots.experiment.nested_loop import loop_rows
from simsepsis.show.plots.experiment.zip_plot import zip_rows

PLAN = """
question = "Does a small experiment show itself?"

[ademp]
aims = "See <all>."
data = "d"
estimands = "e"
methods = "m"
performance = "p"

[world]
base = "thesis-v1"

[vary]
n = [240, 300]
"observation.by_severity" = [0.0, 1.0]

[run]
methods = ["crude", "psm", "psm_with_u", "randomized_twin_psm"]
estimands = ["rd_hospital_death", "log_or_hospital_death"]
replicates = 4
seed = 5

[accept]
"matching always works" = "psm convergence >= 0.5"
"""

N, SEVERITY = "n", "observation.by_severity"
NEEDED = {"x": N, "y": SEVERITY}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    (folder / "little.toml").write_text(PLAN)
    return run_experiment(folder / "little.toml", folder / "run", jobs=1)


@pytest.fixture(scope="module")
def findings(run):
    return run


def test_the_steps_of_a_simulation_study_are_answered_from_plan_and_results(findings):
    found = checklist(ADEMP_ITEMS, findings, AUTHOR)
    assert [item[0] for item in found["item"].unique()[:5]] == list("ADEMP")
    open_items = found.loc[found["answered"] != "yes", "asks"].tolist()
    assert open_items == ["A review of the literature for other methods", "Formulae of less usual measures"]
    said = found.set_index("asks")["answer"]
    assert said["Specific aims"] == "See <all>."
    assert said["Factors and their levels"] == "n: 240, 300; observation.by_severity: 0.0, 1.0"
    assert said["Number of replicates, and the error it leaves"].startswith("4 per cell of 4 planned")
    failures, rows = (int(findings.progress[name].sum()) for name in ("failures", "rows"))
    assert said["Missing estimates"].startswith(f"{failures} of {rows} rows have no estimate")
    written = set(found["where"].str.partition(":")[0].str.rstrip("/")) - {""}
    assert written - {path.name for path in findings.folder.path.iterdir()} <= {"report.html", "figures"}


def choose(kind, **more):
    needs = figure_kinds()[kind].needs
    return FigureChoice(kind=kind, **{key: NEEDED[key] for key in needs}, **more)


def measured(findings, measure, estimand="rd_hospital_death"):
    table = findings.performance
    chosen = table[(table["measure"] == measure) & table["estimand"].str.startswith(estimand)]
    return chosen.set_index(["cell", "method"])["value"]


# --- the numbers drawn ------------------------------------------------------------------------------


def test_every_kind_of_figure_is_found_with_its_schema():
    assert len(figure_kinds()) == 10
    assert figure_kinds()["heat_map"].needs == ("x", "y")
    assert figure_kinds()["power_curve"].measure == "rejection"


def test_lollipops_are_the_performance_in_points(findings):
    rows = lollipop_rows(choose("lollipop"), findings)
    assert rows["panel"].drop_duplicates().tolist() == list(findings.plan.run.methods)
    assert rows["label"].drop_duplicates().tolist()[1] == "patients = 240, log odds of a gap per SD = 1"
    assert np.allclose(rows["value"].sort_values(), 100 * np.sort(measured(findings, "bias")))
    assert np.allclose(rows["high"] - rows["value"], 1.959964 * rows["mcse"])


def test_fewer_cells_than_methods_make_the_panels(findings):
    rows = lollipop_rows(choose("lollipop", where={N: 240}), findings)
    assert rows["panel"].drop_duplicates().tolist() == [
        "log odds of a gap per SD = 0",
        "log odds of a gap per SD = 1",
    ]
    assert rows["label"].drop_duplicates().tolist() == list(findings.plan.run.methods)


def test_one_cell_has_methods_in_one_panel(findings):
    rows = lollipop_rows(choose("lollipop", cells="n=240, by_severity=0.0"), findings)
    assert set(rows["panel"]) == {""}
    assert rows["label"].tolist() == list(findings.plan.run.methods)


def test_curves_have_a_line_per_method_and_a_panel_per_other_setting(findings):
    rows = curve_rows(choose("power_curve"), findings)
    assert rows["panel"].drop_duplicates().tolist() == [
        "log odds of a gap per SD = 0",
        "log odds of a gap per SD = 1",
    ]
    assert rows["line"].drop_duplicates().tolist() == list(findings.plan.run.methods)
    assert set(rows["at"]) == {240, 300}
    assert np.allclose(rows["value"].sort_values(), 100 * np.sort(measured(findings, "rejection")))
    one = curve_rows(choose("curve", series=SEVERITY, methods=("psm",)), findings)
    assert one["line"].drop_duplicates().tolist() == [
        "log odds of a gap per SD = 0",
        "log odds of a gap per SD = 1",
    ]
    assert set(one["panel"]) == {""}


def test_limits_of_shares_stay_within_a_hundred_percent(findings):
    rows = curve_rows(choose("coverage_curve"), findings)
    assert rows["low"].min() >= 0.0
    assert rows["high"].max() <= 100.0
    sure = rows[rows["value"] == 100.0]
    assert np.allclose(sure["low"], 100 * wilson_limits(1.0, 4)[0])


def test_heat_maps_have_a_box_per_cell(findings):
    rows = heat_rows(choose("heat_map", methods=("psm",), measure="coverage"), findings)
    assert rows[["x", "y"]].apply(tuple, axis=1).tolist() == [
        ("240", "0"),
        ("240", "1"),
        ("300", "0"),
        ("300", "1"),
    ]
    assert set(rows["panel"]) == {"psm"}


def test_a_heat_map_names_only_contours_that_it_draws(findings):
    rows = heat_rows(choose("heat_map", methods=("psm",), measure="coverage"), findings)
    rows["value"] = [80.0, 90.0, 85.0, 95.0]
    for levels, said in (
        ((87.0,), "; contour at 87"),
        ((99.0,), ""),
        ((82.0, 87.0, 99.0), "; contours at 82, 87"),
    ):
        (words,) = [
            text.get_text()
            for text in plot_heat_map(rows, x="n", y="gap", levels=levels).texts
            if "error" in text.get_text()
        ]
        assert words.partition("brackets")[2] == said


def test_nested_loops_number_the_cells_by_the_outer_loop_first(findings):
    rows = loop_rows(choose("nested_loop", by=(SEVERITY, N)), findings)
    cells = rows.drop_duplicates("place").sort_values("place")
    assert cells[SEVERITY].tolist() == ["0", "0", "1", "1"]
    assert cells[N].tolist() == ["240", "300", "240", "300"]


def test_bars_of_the_autopsy_add_up(findings):
    rows = autopsy_bars(choose("autopsy"), findings)
    assert np.allclose(rows["together"] + rows["unexplained"], rows["total"])
    assert np.allclose(rows["nominal"] + rows["total"], rows["observed"])


def test_the_forest_has_mean_and_truth_of_each_method(findings):
    rows = forest_rows(choose("forest_of_methods"), findings)
    assert rows["label"].tolist() == 4 * list(findings.plan.run.methods)
    assert (rows["truth"] == 0.0).all()
    assert np.allclose(rows["mean"].sort_values(), 100 * np.sort(measured(findings, "mean")))


def test_stairs_begin_where_the_step_above_ends(findings):
    rows = stair_rows(choose("ladder"), findings)
    assert {panel.partition(":")[0] for panel in rows["panel"]} == {"matching", "no matching"}
    for _, part in rows.groupby("panel"):
        steps = part[~part["whole"].astype(bool)]
        assert np.allclose(steps["start"].iloc[1:], steps["end"].iloc[:-1])
        assert np.isclose(steps["end"].iloc[-1], part["end"].iloc[-1])


def test_zip_plots_rank_intervals_by_their_distance(findings):
    rows = zip_rows(choose("zip", methods=("psm",), cells="n=240, by_severity=0.0"), findings)
    assert rows["centile"].is_monotonic_increasing
    assert rows["centile"].iloc[-1] == 100.0
    off = (rows["estimate"] - rows["truth"]).abs() / (rows["ci_high"] - rows["ci_low"])
    assert off.is_monotonic_increasing
    assert rows["coverage"].iloc[0] == pytest.approx(100 * rows["covers"].mean())


def test_a_zip_plot_of_many_replicates_keeps_every_kth_but_counts_all():
    rng = np.random.default_rng(4)
    estimate = rng.normal(size=1_001)
    rows = pd.DataFrame(
        {
            "replicate": np.arange(1_001),
            "estimand": "rd_x_att",
            "estimate": estimate,
            "ci_low": estimate - 1.96,
            "ci_high": estimate + 1.96,
            "converged": True,
        }
    )
    drawn = zip_plot._ranked(rows, "psm", 0.0)
    assert len(drawn) == 334
    assert drawn["centile"].iloc[-1] == 100.0
    assert set(drawn["n_used"]) == {1_001}
    assert drawn["coverage"].iloc[0] == pytest.approx(100 * (np.abs(estimate) <= 1.96).mean())


def test_a_cell_without_settings_has_its_place_in_the_loops(tmp_path):
    listed = '[[cells]]\nname = "a"\nset = { n = 240 }\n\n[[cells]]\nname = "b"\n'
    listed += 'set = { "observation.by_severity" = 1.0 }\n'
    text = PLAN.replace('[vary]\nn = [240, 300]\n"observation.by_severity" = [0.0, 1.0]\n', listed)
    text = text.replace('"psm", "psm_with_u", "randomized_twin_psm"]', '"psm"]').replace("= 4", "= 2")
    (tmp_path / "listed.toml").write_text(text + '\n[[figures]]\nkind = "nested_loop"\nby = ["n"]\n')
    findings = run_experiment(tmp_path / "listed.toml", tmp_path / "r", jobs=1)
    rows = loop_rows(findings.plan.figures[0], findings)
    assert rows.drop_duplicates("place").sort_values("place")["n"].tolist() == ["240", "none"]
    assert draw_findings(findings, version="1")[0].name == "nested_loop"


# --- plates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", figure_kinds())
def test_each_kind_is_drawn_with_caption_and_numbers(findings, kind):
    plate = figure_of(choose(kind), kind, findings, note_of(findings, "9.9"))
    assert plate is not None
    for words in ("Experiment little", "4 replicates per cell", "seed 5", "simsepsis 9.9"):
        assert words in plate.caption
    assert "risk difference of hospital death" in plate.title
    png, svg, csv = plate.files.values()
    assert png.startswith(b"\x89PNG")
    assert b"<svg" in svg
    assert len(pd.read_csv(BytesIO(csv))) == len(plate.data)


def test_a_part_of_the_cells_is_named_in_the_caption(findings):
    plate = figure_of(choose("lollipop", where={N: 240}), "x", findings, "note")
    assert "in 2 of 4 cells, patients = 240" in plate.caption


def test_a_figure_without_numbers_is_left_out(findings):
    empty = replace(findings, ladder=findings.ladder.iloc[:0])
    assert figure_of(choose("ladder"), "ladder", empty, "note") is None


def test_names_of_files_are_numbered_where_a_kind_stands_twice():
    choices = (choose("zip"), choose("lollipop"), choose("zip"), choose("zip", name="mine"))
    assert file_names(choices) == ["zip-1", "lollipop", "zip-2", "mine"]


def test_a_plan_that_asks_nothing_gets_what_its_settings_allow(findings):
    kinds = [choice.kind for choice in default_figures(findings)]
    assert {"heat_map", "nested_loop", "zip", "autopsy", "forest_of_methods"} <= set(kinds)
    one = replace(findings, settings=findings.settings[findings.settings[SEVERITY] == 0.0])
    kinds = [choice.kind for choice in default_figures(one)]
    assert "heat_map" not in kinds
    assert {"power_curve", "coverage_curve"} <= set(kinds)


# --- the page ---------------------------------------------------------------------------------------


def test_the_page_needs_no_other_file_and_escapes_the_plan(findings):
    plates = [figure_of(choose(kind), kind, findings, "note") for kind in ("lollipop", "ladder")]
    html = experiment_page(findings, plates).html
    text = re.sub(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]+", "", html)
    assert not re.search(r"(src|href)=\"[^#\"]", text)
    assert "http" not in text
    assert "See &lt;all&gt;." in text
    assert html.count("<figure id=") == 2
    for words in ("Planned and run", "Coverage autopsy", "Ladder", "Failures", "matching always works: pass"):
        assert words in text


def test_tables_of_the_page_hold_every_series(findings):
    page = experiment_page(findings, ())
    (performance,) = page["performance"].tables
    (progress,) = page["run"].tables
    lines = [row for row in performance.rows if len(row) > 1]
    assert len(lines) == 4 * 4 * 2
    assert len([row for row in performance.rows if len(row) == 1]) == 4 * 2
    assert performance.rows[0] == ("n=240, by_severity=0.0: Log odds ratio of hospital death",)
    assert performance.rows[1][0] == "crude [att]"
    truths = [row for row in page["truth"].tables[0].rows if len(row) > 1]
    assert all(row[2].startswith("0") and row[2].endswith("(exact)") for row in truths)
    assert progress.rows[0] == (
        "n=240, by_severity=0.0",
        "4",
        "4",
        *progress.rows[0][3:],
    )
    assert "unfinished" not in page.kind


def test_a_ladder_of_the_page_shows_every_component(findings):
    page = experiment_page(findings, ())
    (table,) = (
        t for t in page["ladder"].tables if t.title == "Ladder “matching”: risk difference of hospital death"
    )
    assert table.heads[1] == "truth [randomized_twin_psm]"
    assert "hidden confounding [psm]" in table.heads
    assert len(table.rows) == 4


def test_an_unfinished_run_is_shown_as_such(run, tmp_path):
    path = run.folder.path / "plan.toml"
    kept = path.read_text()
    path.write_text(kept.replace("replicates = 4", "replicates = 9"))
    try:
        unfinished = summarize_run(run.folder.path)
        sentence = answer_lines(unfinished)[0][0]
        assert sentence.startswith("Unfinished: 4 of 9 planned replicates per cell are stored")
        assert "of 9 planned (unfinished)" in note_of(unfinished, "1")
        page = experiment_page(unfinished, ())
        assert "unfinished" in page.kind
        assert page["run"].blocks[0].items[0] == "4 of 4 cells lack some of 9 planned replicates."
    finally:
        path.write_text(kept)
        summarize_run(run.folder.path)


def test_lines_below_a_heading_are_set_in(findings):
    lines = plain_lines((("a:", ("b", "c")), ("d", ())), "-")
    assert lines == ("- a:", "    - b", "    - c", "- d")
    assert len(answer_lines(findings)) >= len(answers_of(findings))


def test_the_command_names_a_shipped_plan_only_if_it_is_that_plan(findings):
    assert command_of(load_plan("null")) == "simsepsis run null --replicates 2000"
    assert "plan.toml" in command_of(findings.plan)
    until = {"replicates": None, "until_mcse": {"coverage": 0.005}, "max_replicates": 900}
    to_target = load_plan("null").model_copy(update={"run": load_plan("null").run.model_copy(update=until)})
    assert command_of(to_target).endswith("run null --until-mcse coverage=0.005 --max-replicates 900")
    changed = load_plan("null").model_copy(update={"question": "Else?"})
    assert "plan.toml" in command_of(changed)


def test_upright_names_are_no_longer_than_their_axis():
    assert upright("Bias", 2.5) == "Bias"
    wrapped = upright("Relative error of the model standard error (%)", 2.5).split("\n")
    assert len(wrapped) == 2
    assert max(map(len, wrapped)) * UPRIGHT_CHARACTER <= 2.5
    assert upright("Hidden hazard ratio of death", 0.1).count("\n") == 2


def test_an_answer_that_is_given_takes_the_place_of_the_computed_one(findings):
    page = experiment_page(findings, (), answer=[("What else was found.", ())])
    assert page.answer == (("What else was found.", ()),)
