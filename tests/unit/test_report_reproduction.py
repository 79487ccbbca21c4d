"""The page is one valid file that needs nothing else, says everything and escapes what it is given."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from simsepsis.reproduction import Reproduction, reproduce
from simsepsis.show.figure import Figure
from simsepsis.show.page import glossary
from simsepsis.show.pages.reproduction import ANSWER, MOST_FAILURES, question_of, reproduction_page
from simsepsis.show.plots.drawings import draw_reproduction
from simsepsis.study.published import open_study
from simsepsis.world.files import load_scenario

COMMAND = "simsepsis reproduce --scenario thesis --replicates 3 --seed 5"
VOID = {"meta", "img", "br", "hr", "link", "input"}
MEGABYTES = 3.0


@pytest.fixture(scope="module")
def reproduction() -> Reproduction:
    return reproduce(load_scenario("thesis"), replicates=3, jobs=1, seed=5)


@pytest.fixture(scope="module")
def plates(reproduction: Reproduction) -> tuple[Figure, ...]:
    return draw_reproduction(reproduction, version=version("simsepsis"))


@pytest.fixture(scope="module")
def html(reproduction: Reproduction, plates: tuple[Figure, ...]) -> str:
    return reproduction_page(reproduction, plates, command=COMMAND).html


class Page(HTMLParser):
    """Collects tags, attributes and texts; fails on a tag that is closed in the wrong order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if "table" in self.open and self.tables:
            self.tables[-1].append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def having(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_every_tag_is_closed_in_order_and_every_id_is_used_once(html):
    page = Page(html)
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"].removeprefix("#") for attributes in page.having("a")}
    assert targets <= set(ids)


def test_the_page_needs_no_network_and_no_script(html):
    page = Page(html)
    assert {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"} == set()
    assert all(attributes["src"].startswith("data:") for attributes in page.having("img"))
    assert "http" not in html
    assert "url(" not in html
    assert "@import" not in html


def test_the_page_says_its_language_and_every_figure_has_words(html, plates):
    page = Page(html)
    assert page.having("html") == [{"lang": "en"}]
    images = page.having("img")
    assert len(images) == len(plates) == 8
    assert all(len(image["alt"]) > 20 for image in images)


def test_every_table_has_headers_with_a_scope(html):
    page = Page(html)
    assert len(page.tables) >= 8
    assert all("th" in tags for tags in page.tables)
    assert all("scope" in attributes for attributes in page.having("th"))


def test_the_page_says_what_was_asked_answered_and_run(html, reproduction):
    for text in (
        "If IVIgG had no effect at all",
        COMMAND,
        str(reproduction.seed),
        reproduction.scenario.label,
        "Glossary",
        "Failures",
        "Table 1. ICU and patient characteristics",
        "Breslow–Day",
    ):
        assert text in html


def test_the_page_is_small_enough_to_send(html):
    assert len(html.encode()) < MEGABYTES * 1e6


def test_texts_are_escaped(reproduction, plates):
    hostile = "<script>alert('x')</script> & \"quotes\""
    failures = pd.DataFrame([{"step": "GEE", "reason": hostile, "replicates": 2, "first": 0}])
    changed = replace(reproduction, failures=failures, summary=(hostile,))
    bad_alt = replace(plates[0], alt='a" onerror="b', caption=hostile)
    html = reproduction_page(changed, [bad_alt], command=hostile).html
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") == 4
    assert Page(html).having("img")[0]["alt"] == 'a" onerror="b'


def test_a_run_without_failures_says_so(reproduction):
    clean = replace(reproduction, failures=reproduction.failures.iloc[:0])
    page = reproduction_page(clean, [], command=COMMAND)
    assert page["failures"].blocks == ("No analysis failed in any replicate.",)


def test_the_most_frequent_failures_are_shown_and_the_rest_counted(reproduction):
    rows = [{"step": f"step {k}", "reason": "why", "replicates": k, "first": 0} for k in range(1, 51)]
    page = reproduction_page(replace(reproduction, failures=pd.DataFrame(rows)), [], command=COMMAND)
    (table,) = page["failures"].tables
    assert len(table.rows) == MOST_FAILURES
    assert table.rows[0][0] == "step 50"
    assert table.title.endswith(f"the {MOST_FAILURES} most frequent of 50")


def test_long_summaries_are_divided_without_loss(reproduction):
    sentences = tuple(f"Sentence {k}." for k in range(ANSWER + 4))
    page = reproduction_page(replace(reproduction, summary=sentences), [], command=COMMAND)
    (details,) = page["details"].blocks
    assert page.answer + details.items == sentences
    assert len(page.answer) == ANSWER


def test_the_question_follows_the_true_effect(reproduction):
    scenario = reproduction.scenario
    effect = scenario.effect.model_copy(update={"log_hazard_ratio": -0.2})
    assert "by a factor of 0.82" in question_of(scenario.model_copy(update={"effect": effect}), open_study())


def test_figures_without_a_single_value_are_left_out(reproduction):
    curves = reproduction.curves.assign(survival=float("nan"))
    names = [
        plate.name
        for plate in draw_reproduction(replace(reproduction, curves=curves, scores=None), version="0.0")
    ]
    assert names == ["positions", "forest", "pairs", "love", "forest-table5", "forest-table6"]


def test_a_reproduction_saves_all_that_the_command_writes_and_the_same_when_it_is_drawn_again(
    reproduction: Reproduction, plates: tuple[Figure, ...], html: str, tmp_path: Path
) -> None:
    paths = {str(path.relative_to(tmp_path)) for path in reproduction.save(tmp_path)}
    assert {"reproduction.json", "report.html", "tables/table1.csv", "tables/text.csv"} <= paths
    drawn = {f"figures/{name}": data for plate in plates for name, data in plate.files.items()}
    assert {path for path in paths if path.startswith("figures/")} == set(drawn)
    pictures = {name: data for name, data in drawn.items() if not name.endswith(".csv")}
    assert all((tmp_path / name).read_bytes() == data for name, data in pictures.items())
    for plate, again in zip(plates, draw_reproduction(reproduction, version="0.0"), strict=True):
        pd.testing.assert_frame_equal(plate.data, again.data, check_exact=True)
    assert reproduction.command == COMMAND
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html
    assert "ivigg" in set(pd.read_csv(tmp_path / "tables" / "table1.csv")["arm"])


def test_the_page_of_another_study_explains_its_own_words():
    terms = dict(glossary("reproduction", open_study("rhc")).blocks[0].pairs)
    assert terms["Scenario"].endswith("in which the true effect of RHC is known.")
    assert "IVIgG" not in terms
    assert "IVIgG" in dict(glossary("reproduction", open_study()).blocks[0].pairs)
