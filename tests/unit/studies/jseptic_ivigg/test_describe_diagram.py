"""The diagram has an arrow exactly where the settings make one, and can be read."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from described_worlds import switched
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text

from simsepsis.studies.jseptic_ivigg.describe.diagram import (
    RULES,
    diagram_arrows,
    diagram_nodes,
    regimens_text,
)
from simsepsis.studies.jseptic_ivigg.describe.diagram_plot import plot_diagram
from simsepsis.studies.jseptic_ivigg.world.effect import Effect, Modifier, Regimen
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.world.files import load_scenario

EFFECT = {"effect": {"log_hazard_ratio": -0.3}}


@pytest.fixture(scope="module")
def thesis() -> Scenario:
    return load_scenario("thesis")


def arrows_of(scenario: Scenario, base: Scenario | None = None) -> dict[tuple[str, str], object]:
    frame = diagram_arrows(scenario, scenario, base or scenario)
    return {(row.source, row.target): row for row in frame.itertuples(index=False)}


@pytest.fixture(scope="module")
def full(thesis: Scenario) -> Scenario:
    """Return a scenario with everything switched on."""
    adjuncts = {
        name: adjunct.model_copy(update={"after_ivigg": 0.3 * (name in ("rrt", "pmx"))})
        for name, adjunct in thesis.adjuncts.items()
    }
    world = switched(
        thesis,
        effect={"log_hazard_ratio": -0.3, "modifier": Modifier(severe=1.3, low_igg=2.0)},
        unmeasured={"kind": "normal", "or_treatment": 2.0, "hr_death": 1.7},
        dose={
            "response": "igg_level",
            "regimens": (Regimen(share=0.5, grams=15.0), Regimen(share=0.5, grams_per_kg=1.0)),
        },
        observation={"by_severity": 0.7, "incomplete_day1": 0.1},
        course={"ward_death": thesis.course.ward_death.model_copy(update={"care": -0.3})},
    )
    return world.model_copy(update={"adjuncts": adjuncts})


@pytest.mark.parametrize(
    ("switch", "arrow"),
    [
        ({"treatment": {"severity": 0.0}}, ("path", "ivigg")),
        ({"treatment": {"care": 0.0}}, ("care", "ivigg")),
        ({"treatment": {"levels": {}, "numbers": {}}}, ("traits", "ivigg")),
        ({"treatment": {"levels": {}, "numbers": {}}}, ("covariates", "ivigg")),
        ({"icus": {"spread": 0.0}}, ("habit", "ivigg")),
        ({"icus": {"spread": 0.0}}, ("habit", "death")),
        ({"icus": {"spread": 0.0}}, ("habit", "severity")),
        ({"icus": {"spread": 0.0}}, ("habit", "adjuncts")),
        ({"course": {"risk": {}}}, ("covariates", "death")),
        ({"course": {"persistence": 0.0}}, ("severity", "path")),
        ({"dose": {"regimens": (Regimen(grams_per_kg=1.0),)}}, ("covariates", "dose")),
    ],
)
def test_a_switch_that_is_off_takes_its_arrow_away(thesis, switch, arrow):
    assert arrow in arrows_of(thesis)
    assert arrow not in arrows_of(switched(thesis, **switch))


@pytest.mark.parametrize(
    ("switch", "arrow", "label", "size"),
    [
        (EFFECT, ("ivigg", "death"), "HR 0.74", math.exp(-0.3)),
        ({"treatment": {"severity": 1.0}}, ("path", "ivigg"), "HR 2.72 per SD", math.e),
        (
            {"unmeasured": {"kind": "binary", "or_treatment": 2.0}},
            ("u", "ivigg"),
            "OR 2.00",
            2.0,
        ),
        ({"unmeasured": {"kind": "normal", "hr_death": 1.5}}, ("u", "death"), "HR 1.50 per SD", 1.5),
        ({"observation": {"by_severity": -math.log(3)}}, ("severity", "selection"), "OR 3.00 per SD", 3.0),
        ({**EFFECT, "dose": {"response": "emax"}}, ("dose", "death"), "saturating in g/kg", math.nan),
        ({**EFFECT, "dose": {"response": "emax"}}, ("ivigg", "death"), "HR by dose", math.nan),
        ({**EFFECT, "dose": {"response": "igg_level"}}, ("igg", "death"), "", math.nan),
    ],
)
def test_a_switch_that_is_on_makes_its_arrow_and_says_how_strong(thesis, switch, arrow, label, size):
    assert arrow not in arrows_of(thesis) or arrow == ("path", "ivigg")
    world = switched(thesis, **switch)
    found = arrows_of(world, thesis)[arrow]
    assert (found.label, found.new) == (label, True)
    np.testing.assert_allclose(found.size, size)
    assert set(arrow) <= set(diagram_nodes(world)["node"])


def test_a_stated_effect_is_labelled_as_it_was_stated(thesis):
    asked = thesis.model_copy(update={"effect": Effect(measure="risk_ratio", value=0.81)})
    settled = switched(thesis, **EFFECT)
    arrows = diagram_arrows(asked, settled, thesis).set_index(["source", "target"])
    assert arrows.loc[("ivigg", "death"), "label"] == "risk ratio 0.81; of hospital death; (HR 0.74)"


def test_a_confounder_that_does_nothing_is_a_node_without_arrows(thesis):
    world = switched(thesis, unmeasured={"kind": "binary"})
    assert "u" in set(diagram_nodes(world)["node"])
    assert not any("u" in arrow for arrow in arrows_of(world))
    assert "u" not in set(diagram_nodes(thesis)["node"])


def test_a_mediating_adjunct_is_an_arrow_from_ivigg_and_none_ever_leaves_the_adjuncts(thesis, full):
    assert ("ivigg", "adjuncts") not in arrows_of(thesis)
    assert arrows_of(full)["ivigg", "adjuncts"].label == "HR 1.35 (2 adjuncts)"
    assert not any(source == "adjuncts" for source, _ in arrows_of(full))


def test_only_what_the_base_has_otherwise_is_new(thesis, full):
    assert not any(row.new for row in arrows_of(thesis, thesis).values())
    new = {arrow for arrow, row in arrows_of(full, thesis).items() if row.new}
    assert ("covariates", "death") not in new
    assert {("u", "ivigg"), ("u", "death"), ("ivigg", "death"), ("severity", "selection")} <= new


def test_lacking_columns_are_counted_on_the_covariates(thesis):
    nodes = diagram_nodes(switched(thesis, observation={"omit": ("apache2", "wbc", "lactate")}))
    detail = nodes.set_index("node").loc["covariates", "detail"]
    assert detail.startswith("day 1; 2 of ")


def test_the_full_diagram_has_every_rule_but_no_loose_end(full):
    arrows, nodes = arrows_of(full), set(diagram_nodes(full)["node"])
    assert set(arrows) == {(rule.source, rule.target) for rule in RULES}
    assert all(set(arrow) <= nodes for arrow in arrows)


@pytest.mark.parametrize(
    ("regimens", "words"),
    [
        ((Regimen(grams=15.0),), "15 g"),
        ((Regimen(share=0.75, grams=15.0), Regimen(share=0.25, grams_per_kg=1.5)), "75% 15 g, 25% 1.5 g/kg"),
    ],
)
def test_doses_in_words(regimens, words):
    assert regimens_text(regimens) == words


def test_the_drawing_has_a_box_per_node_and_an_arrow_per_arrow(thesis, full):
    nodes, arrows = diagram_nodes(full), diagram_arrows(full, full, thesis)
    axes = plot_diagram(nodes, arrows, base="thesis").axes[0]
    assert sum(isinstance(patch, FancyBboxPatch) for patch in axes.patches) == len(nodes)
    drawn = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert len(drawn) == len(arrows)
    words = {text.get_text() for text in axes.texts}
    assert set(nodes["label"]) <= words
    assert {label.replace("; ", "\n") for label in arrows["label"] if label} <= words


def test_a_null_effect_is_said_where_its_arrow_would_be(thesis, full):
    def words(world):
        figure = plot_diagram(diagram_nodes(world), diagram_arrows(world, world, thesis), base="thesis")
        return [text.get_text() for text in figure.findobj(Text)]

    assert "no effect" in words(thesis)
    assert "no effect" not in words(full)
    assert "effect of IVIgG" not in words(thesis)


def test_no_label_of_the_fullest_diagram_covers_a_box_or_another_label(thesis, full):
    nodes, arrows = diagram_nodes(full), diagram_arrows(full, full, thesis)
    figure = plot_diagram(nodes, arrows, base="thesis")
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes = figure.axes[0]
    labels = {label.replace("; ", "\n") for label in arrows["label"] if label}
    drawn = [text for text in axes.texts if text.get_text() in labels]
    places = [text.get_window_extent(renderer) for text in drawn]
    boxes = [p.get_window_extent(renderer) for p in axes.patches if isinstance(p, FancyBboxPatch)]
    overlapping = [
        (text.get_text(), box.bounds)
        for text, place in zip(drawn, places, strict=True)
        for box in boxes
        if place.overlaps(box)
    ]
    assert overlapping == []
    assert not any(one.overlaps(other) for one, other in itertools.combinations(places, 2))
