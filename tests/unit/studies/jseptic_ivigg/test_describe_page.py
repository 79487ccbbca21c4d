"""The page of a scenario is one file that says what the numbers say and marks what is far off."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from described_worlds import switched

from simsepsis.errors import ScenarioError, UsageError
from simsepsis.show.figure import Figure
from simsepsis.studies.jseptic_ivigg.describe.description import ScenarioDescription, describe_scenario
from simsepsis.studies.jseptic_ivigg.describe.numbers import days, points, ratio, share
from simsepsis.studies.jseptic_ivigg.describe.page import description_contents, scenario_page
from simsepsis.studies.jseptic_ivigg.describe.scenario_figures import draw_description
from simsepsis.studies.jseptic_ivigg.describe.tables import (
    TILT,
    margins_table,
    reached_table,
    solved_table,
    truth_table,
)
from simsepsis.studies.jseptic_ivigg.describe.words import sentences_of
from simsepsis.studies.jseptic_ivigg.world.effect import Modifier, Regimen
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.words.numbers import with_error
from simsepsis.world.files import load_scenario

COMMAND = "simsepsis describe thesis --seed 5"
SIZES = {"n": 3_000, "population": 2_000}
VOID = {"meta", "img", "br", "link", "input"}
MEGABYTES = 3.0


@pytest.fixture(scope="module")
def thesis() -> Scenario:
    return load_scenario("thesis")


@pytest.fixture(scope="module")
def null(thesis: Scenario) -> ScenarioDescription:
    return describe_scenario(thesis, seed=5, **SIZES)


@pytest.fixture(scope="module")
def rich(thesis: Scenario) -> ScenarioDescription:
    """Return the description of a world with much switched on, and nothing left to solve."""
    world = switched(
        thesis.model_copy(update={"name": "rich", "label": "Much is switched on"}),
        effect={"log_hazard_ratio": -0.6, "modifier": Modifier(severe=1.5)},
        dose={"response": "emax", "regimens": (Regimen(grams_per_kg=1.0),)},
        observation={"by_severity": 0.5, "omit": ("apache2", "dic_policy", "wbc", "lactate")},
        icus={"kind": "sampled", "number": 30},
    )
    return describe_scenario(world, seed=5, **SIZES)


@pytest.fixture(scope="module")
def plates(rich: ScenarioDescription) -> tuple[Figure, ...]:
    return draw_description(rich, version="0.0")


@pytest.fixture(scope="module")
def html(rich: ScenarioDescription, plates: tuple[Figure, ...]) -> str:
    return scenario_page(rich, plates, command=COMMAND).html


class Page(HTMLParser):
    """Collects tags and attributes; fails on a tag that is closed in the wrong order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# --- the page -------------------------------------------------------------------------------------


def test_the_page_is_well_formed_and_needs_nothing_else(html, plates):
    page = Page(html)
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"].removeprefix("#") for tag, attributes in page.tags if tag == "a"}
    assert links <= set(ids)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == len(plates) == 6
    assert all(image["src"].startswith("data:") and len(image["alt"]) > 20 for image in images)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    assert "http" not in html
    assert len(html.encode()) < MEGABYTES * 1e6


def test_the_page_says_name_label_command_and_what_differs(html, rich):
    for text in ("rich", "Much is switched on", COMMAND, "effect.log_hazard_ratio", "dose.response"):
        assert text in html
    assert rich.scenario.hash[:12] in html


def test_the_thesis_differs_from_itself_in_nothing(null):
    html = scenario_page(null, (), command=COMMAND).html
    assert "Every setting is that of the scenario “thesis”." in html
    assert "It asks for nothing" in html


def test_the_same_scenario_and_seed_give_the_same_bytes(rich, plates, html):
    again = describe_scenario(rich.scenario, seed=5, **SIZES)
    drawn = draw_description(again, version="0.0")
    assert drawn[0].files == plates[0].files
    # The page holds the other drawings.
    assert scenario_page(again, drawn, command=COMMAND).html == html


def test_texts_are_escaped(rich, plates):
    hostile = "<script>alert('x')</script>"
    scenario = rich.scenario.model_copy(update={"label": hostile, "name": hostile})
    html = scenario_page(replace(rich, scenario=scenario), plates[:1], command=hostile).html
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 4


def test_the_files_hold_the_tables_and_the_settled_world(rich, tmp_path: Path):
    contents = description_contents(rich)
    path = tmp_path / "settled.toml"
    path.write_bytes(contents["settled.toml"])
    assert load_scenario(path) == rich.settled
    stored = pd.read_csv(io.BytesIO(contents["tables/truth.csv"]))
    assert stored["estimand"].tolist() == rich.truth["estimand"].tolist()
    assert {"tables/changes.csv", "tables/margins.csv", "tables/facts.csv"} <= set(contents)


# --- what it says ---------------------------------------------------------------------------------


def test_a_world_without_effect_says_so_first(null):
    sentences = sentences_of(null)
    assert sentences[0].startswith("IVIgG does nothing here")
    assert "0 (exact) are the effect" in sentences[1]
    assert sentences[-1] == "Nothing in it differs from the scenario “thesis”."


def test_the_sentences_hold_the_numbers_of_the_frames(rich):
    text = " ".join(sentences_of(rich))
    truth = rich.truth.set_index("estimand")
    assert f"{100 * truth.loc['rd_hospital_death_att', 'value']:.2f}".replace("-", "−") in text
    facts = rich.facts.set_index("fact")["value"]
    assert f"{100 * facts['risk_treated']:.1f}%" in text
    assert f"C-statistic of {facts['c_statistic']:.3f}" in text
    assert "1.5 times as strong in patients with APACHE II of 29 or more" in text
    assert "The effect depends on the dose: saturating in g/kg, as stated at these doses." in text
    assert (
        "The registry lacks 4 columns, among them APACHE II, Preference to DIC therapy, White blood" in text
    )
    assert "more often in sicker ones" in text
    assert f"{len(rich.changes)} settings differ" in text


@pytest.mark.parametrize(
    ("unmeasured", "sentence"),
    [
        (
            {"kind": "binary", "prevalence": 0.2, "or_treatment": 2.0, "hr_death": 1.5},
            "in 20% of patients, multiplies the odds of IVIgG by 2 and the hazard of death by 1.5.",
        ),
        (
            {"kind": "normal", "or_treatment": 3.0},
            "multiplies the rate of IVIgG by 3 and the hazard of death by 1 per standard deviation.",
        ),
        ({"kind": "binary", "crude": "held"}, "crude mortality of both arms stays where Table 3 printed it"),
    ],
)
def test_a_hidden_confounder_is_described(null, thesis, unmeasured, sentence):
    world = switched(thesis, unmeasured=unmeasured)
    text = " ".join(sentences_of(replace(null, scenario=world, settled=world)))
    assert sentence in text


def test_starts_that_severity_does_not_drive_are_said_to_be_so(null, thesis):
    world = switched(thesis, treatment={"severity": 0.0})
    assert "does not matter for starting" in " ".join(sentences_of(replace(null, settled=world)))


# --- tables ---------------------------------------------------------------------------------------


def test_the_truth_table_has_every_estimand_once_on_its_own_scale():
    rows = [
        ("rd_hospital_death_att", -0.05, 0.001),
        ("log_rr_hospital_death_att", -0.21072, 0.002),
    ]
    known = {name for name, *_ in rows}
    stems = ("rd", "log_rr", "log_or", "log_hr")
    others = [f"{s}_{e}_att" for e in ("hospital_death", "icu_death", "death_28d") for s in stems]
    rows += [(name, float("nan"), float("nan")) for name in others if name not in known]
    rows.append(("rmst28_difference_att", 0.5, 0.01))
    table = truth_table(pd.DataFrame(rows, columns=["estimand", "value", "mcse"]))
    assert table.heads == ("Estimand", "In those given IVIgG")
    assert table.rows[0] == ("Hospital death: risk difference (percentage points)", "−5.00 (0.10)")
    assert table.rows[1] == ("Hospital death: risk ratio", "0.810 (0.002)")
    assert table.rows[2][1] == "–"
    assert table.rows[-1][1] == "+0.50 (0.01)"
    assert len(table.rows) == 13


def test_margins_far_from_print_are_marked_with_their_side(null):
    def cells(margins: pd.DataFrame, label: str) -> tuple[str, ...]:
        return next(row for row in margins_table(margins).rows if row[0] == label)

    margins = null.margins.copy()
    keys = margins["variable"] + margins["statistic"] + margins["arm"]
    margins["difference_se"] = 0.0
    assert not any("▲" in cell or "▼" in cell for row in margins_table(margins).rows for cell in row)
    margins.loc[keys == "malecountivigg", "difference_se"] = 2.1
    margins.loc[keys == "ageq1control", "difference_se"] = -2.1
    male, age = cells(margins, "Gender (male) (%)"), cells(margins, "Age")
    assert male[1] == "58.6"
    assert male[2].endswith(" ▲")
    assert not male[4].endswith("▲")
    assert age[3] == "73 (63–81)"
    assert age[4].endswith(" ▼")


def test_requests_are_shown_with_what_is_reached():
    reached = pd.DataFrame(
        [("risk_ratio of hospital_death in treated", 0.81, 0.80999, 0.0033), ("largest gap", 0.0, 0.46, 0.0)],
        columns=["what", "asked", "value", "mcse"],
    )
    assert reached_table(reached).rows == (
        ("Risk ratio of hospital death in treated", "0.81", "0.8100 (0.0033)"),
        ("Largest gap", "0", "0.46"),
    )


def test_solved_coefficients_of_the_margins_are_only_counted():
    rows = [(f"{TILT[0]}age", "1", "2", ""), ("effect.log_hazard_ratio", "0", "−0.4", "Coefficient")]
    table = solved_table(pd.DataFrame(rows, columns=["key", "asked", "solved", "meaning"]))
    assert table.rows == (("effect.log_hazard_ratio", "0", "−0.4", "Coefficient"),)
    assert "1 more make the margins" in table.title


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (with_error(-1.234, 0.05, 2), "−1.23 (0.05)"),
        (with_error(-0.0001, 0.01, 2, signed=True), "0.00 (0.01)"),
        (with_error(0.0, 0.0, 2, signed=True), "0 (exact)"),
        (with_error(0.5, 0.002, 2), "0.50 (<0.01)"),
        (with_error(float("nan"), 0.1, 2), "–"),
        (points((0.0367, 0.0046)), "+3.67 (0.46)"),
        (share((0.348, 0.004)), "34.8% (0.4)"),
        (ratio((0.0, 0.0)), "1 (exact)"),
        (ratio((0.6931472, 0.01)), "2.000 (0.020)"),
        (days((-0.5, 0.02)), "−0.50 (0.02)"),
    ],
)
def test_numbers_carry_their_error(text, shown):
    assert text == shown


# --- what cannot be described ---------------------------------------------------------------------


def test_too_few_patients_are_refused(thesis):
    with pytest.raises(UsageError, match=r"n = 100: too few patients .* 2,000 or more"):
        describe_scenario(thesis, seed=1, n=100)
    with pytest.raises(UsageError, match=r"population = 5"):
        describe_scenario(thesis, seed=1, n=2_000, population=5)


def test_a_world_without_a_second_arm_is_refused(thesis):
    nobody = switched(thesis, treatment={"intercept": -60.0})
    with pytest.raises(ScenarioError, match=r"scenario 'thesis': 0 of 2000 patients are given IVIgG"):
        describe_scenario(nobody, seed=1, n=2_000, population=2_000)


def test_sampled_icus_are_drawn_several_times(rich):
    shares = rich.starts.loc[rich.starts["panel"] == "share"]
    assert shares.loc[shares["group"] == "all", "patients"].iloc[0] == SIZES["n"]
    assert rich.margins["mcse_se"].iloc[0] == pytest.approx((3118 / (SIZES["n"] * (1 - 0.0241))) ** 0.5)


def test_names_of_plates_are_file_names(plates):
    assert [plate.name for plate in plates] == [
        "diagram",
        "incidence",
        "propensity",
        "starts",
        "doses",
        "correlations",
    ]
    assert all(re.fullmatch(r"[a-z]+", plate.name) for plate in plates)
