"""The page of one cohort's analysis: what it says, also of analyses in which little could be done."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.sensitivity import sensitivity_table
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.analysis.thesis_analysis import Analysis, analyze
from simsepsis.show.pages.analysis import analysis_page
from simsepsis.show.pages.analysis.numbers import Interval, numbers_of, points_text, ratio_text
from simsepsis.show.plots.drawings import draw_analysis

COMMAND = "simsepsis analyze cohort.csv"
NAN = float("nan")


@pytest.fixture(scope="module")
def analysis(registry: pd.DataFrame) -> Analysis:
    return analyze(registry, seed=5)


class Balanced(HTMLParser):
    """Fails on a tag closed in the wrong order; collects ids, links, and what surrounds what is wide."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.classes: list[str] = []
        self.ids: list[str] = []
        self.targets: set[str] = set()
        self.around: dict[str, set[str]] = {"table": set(), "img": set()}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [str(found["id"])] if "id" in found else []
        self.targets |= {str(found["href"])[1:]} if tag == "a" else set()
        if tag in self.around:
            self.around[tag].add(self.classes[-1])
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)
            self.classes.append(str(found.get("class")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.classes.pop()


def page_of(analysis: Analysis, **options: object):
    return analysis_page(analysis, (), source="cohort.csv", command=COMMAND, **options)


def test_page_is_sound_and_shows_every_figure(analysis: Analysis) -> None:
    plates = draw_analysis(analysis, source="cohort.csv", version="0.0")
    html = analysis_page(
        analysis, plates, sensitivity_table(analysis), source="cohort.csv", command=COMMAND
    ).html
    page = Balanced(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.targets <= set(page.ids)
    assert html.count("data:image/svg+xml;base64,") == len(plates)
    assert "<script" not in html
    assert COMMAND in html
    assert page.around == {"table": {"scroll"}, "img": {"scroll"}}
    assert html.count('<caption><span class="held">') == html.count("<caption")


def test_answer_tells_the_matched_result_with_its_numbers(analysis: Analysis) -> None:
    page = page_of(analysis, sensitivity=sensitivity_table(analysis))
    rows = analysis.estimates.set_index(["method", "estimand"])
    odds = rows.loc[("psm", "log_or_icu_death_matched")]
    low, middle, high = np.exp(odds[["ci_low", "estimate", "ci_high"]].to_numpy(float))
    (line,) = [line for line in page.answer if line.startswith("In matched pairs, ICU mortality")]
    assert f"odds ratio {middle:.2f} ({low:.2f} to {high:.2f})" in line
    paired = rows.loc[("psm_paired_se", "rd_icu_death_matched"), "estimate"]
    assert f"Risk difference {100 * paired:+.1f}".replace("-", "−") in line
    assert any("E-value" in sentence for sentence in page.answer)
    assert not any("names no hospital" in sentence for sentence in page.answer)
    assert not any("E-value" in sentence for sentence in page_of(analysis).answer)


def test_tables_hold_what_the_analysis_found(analysis: Analysis) -> None:
    page = page_of(analysis, sensitivity=sensitivity_table(analysis))
    titles = [table.title for table in (*page["results"].tables, *page["patients"].tables)]
    assert titles == [
        "Effect of IVIgG on death, with 95% confidence intervals",
        "Survival of matched patients",
        "Every estimate",
        "Sensitivity to what was not measured",
        "Patients at each step",
        "Propensity score",
        "Covariates before and after matching",
        "Other treatments before and after matching",
        "Outcomes and durations before and after matching",
    ]
    covariates = page["patients"].tables[2]
    assert all(len(row) in (1, len(covariates.heads)) for row in covariates.rows)
    numbers = numbers_of(analysis)
    (male,) = [row for row in covariates.rows if "Gender (male)" in row[0]]
    count = numbers.number("table1", "male", "", "count", "after", "treated")
    assert male[4].startswith(f"{count:,.0f} (")
    assert [row for row in covariates.rows if len(row) == 1]


def test_page_of_an_analysis_without_pairs_gives_the_reasons(registry: pd.DataFrame) -> None:
    decided = registry.assign(apache2=np.where(registry["ivigg"] == 1, 60.0, 10.0))
    found = analyze(decided, seed=1)
    page = page_of(found, sensitivity=sensitivity_table(found))
    assert any(line.startswith("Matching failed:") for line in page.answer)
    assert any("estimates could not be made" in line for line in page.answer)
    assert page["failures"].tables[0].rows
    assert "–" in dict(row[:2] for row in page["patients"].tables[0].rows)["Matched pairs, first score"]
    Balanced(analysis_page(found, (), None, source="cohort.csv", command=COMMAND).html)


def test_page_of_a_bare_spec_leaves_out_what_there_is_not(registry: pd.DataFrame) -> None:
    spec = replace(
        THESIS_SPEC,
        cluster=None,
        adjuncts=(),
        transfusions=(),
        later_scores=(),
        durations=(),
        survival_time=None,
        survival_event=None,
        subgroups=(),
        outcomes=("icu_death",),
        labels={"icu_death": "Death <in> the ICU", "apache2": "Points"},
        censoring=30.0,
        caliper=None,
    )
    found = analyze(registry, spec, seed=1)
    page = page_of(found)
    titles = [table.title for table in (*page["results"].tables, *page["patients"].tables)]
    assert "Survival of matched patients" not in titles
    assert "Other treatments before and after matching" not in titles
    assert any("names no hospital" in line for line in page.answer)
    html = analysis_page(found, (), None, source="cohort.csv", command=COMMAND).html
    assert "Death &lt;in&gt; the ICU" in html
    assert "Points" in html
    assert dict(page["made"].blocks[-1].pairs)["Caliper"].startswith("none")
    assert (
        dict(page["made"].blocks[-1].pairs)["Follow-up of the living"] == "ends when they leave, or on day 30"
    )


def test_numbers_in_words() -> None:
    assert ratio_text(Interval(1.333, 1.144, 1.549, 0.01)) == "1.33 (1.14 to 1.55)"
    assert ratio_text(Interval(NAN, NAN, NAN, NAN)) == "–"
    assert points_text(Interval(-0.02, -3.46, 4.0, 0.9)) == "+0.0 (−3.5 to 4.0)"
    assert points_text(Interval(-2.5, -3.5, -1.0, 0.01)) == "−2.5 (−3.5 to −1.0)"
