"""A plan in words: no number in the text that is not in plan.json, as it is printed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from string import Formatter

import pytest

from simsepsis.show.pages.trial import plan_contents
from simsepsis.show.pages.trial.companion_tables import replay_sentences
from simsepsis.show.pages.trial.document import document_of
from simsepsis.show.pages.trial.facts import count, decimal, facts_of, p_value, percent, points, short_percent
from simsepsis.show.pages.trial.statement_clauses import CLAUSES
from simsepsis.show.pages.trial.summary import summary
from simsepsis.show.plots.trial import draw_plan
from simsepsis.trial.planning import Effort, compute_plan

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
NAMES = ("DELTA2", "ICH E9(R1)")
"""Names of guidelines, which end in digits that count nothing."""


def strings(value):
    """Yield every text in a JSON value, and every number as it is written."""
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


@pytest.fixture(scope="module")
def contents(plan):
    return plan_contents(plan, command="simsepsis plan tiny.toml --replicates 40")


def test_every_number_of_the_text_is_in_the_record(contents):
    record = json.loads(contents["plan.json"])
    # What the text says whole is no source of its own numbers; facts and tables are.
    texts = [fact["text"] for fact in record["facts"].values()]
    for table in record["tables"].values():
        texts += [table["title"], *(cell["text"] for row in [table["heads"], *table["rows"]] for cell in row)]
    texts += [record[name] for name in ("label", "question", "calibration", "calibration_ja", "command")]
    known = {number.rstrip(",") for text in texts for number in NUMBER.findall(text)}
    page = contents["plan.md"].decode()
    for name in NAMES:
        page = page.replace(name, "")
    said = {number.rstrip(",") for number in NUMBER.findall(page)}
    assert len(said) > 100
    assert said - known == set()


def test_every_printed_number_is_its_value_rounded(contents):
    record = json.loads(contents["plan.json"])
    checked = 0
    for name, fact in record["facts"].items():
        if isinstance(fact["value"], int | float) and (found := NUMBER.search(fact["text"])):
            printed = float(found[0].replace(",", ""))
            scale = 100 if "%" in fact["text"] or name.startswith(("rd", "detectable")) else 1
            digits = len(found[0].partition(".")[2])
            assert printed == pytest.approx(abs(fact["value"]) * scale, abs=0.5000001 * 10**-digits), name
            checked += 1
    assert checked > 50


def test_the_record_has_no_path_and_no_nan(contents):
    text = contents["plan.json"].decode()
    assert "NaN" not in text
    assert not re.search(r"\"/\w+/", text)
    assert list(strings(json.loads(text)))


def test_clauses_say_the_same_numbers_in_both_languages():
    for clause in CLAUSES:
        places = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in clause[1:]]
        plain = [{name.removesuffix("_ja") for name in found} for found in places]
        assert plain[0] == plain[1], clause.en


def test_the_page_is_whole_and_alone(contents):
    page = contents["report.html"].decode()
    assert page.count("data:image/svg+xml") == len([name for name in contents if name.endswith(".svg")])
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "症例数設定" in page
    assert "Calibrated to published summaries of one 2011–13 Japanese cohort" in page


def test_the_statement_says_what_holds_and_only_that(plan):
    document = document_of(plan, command="")
    text = " ".join(document.statement)
    assert "no design effect applies" in text
    assert "design effect is" not in text
    assert document.facts["n_randomized"].text in text
    assert document.facts["rejection_planned"].text in text
    assert all("{" not in paragraph for paragraph in (*document.statement, *document.statement_ja))


def test_the_gain_of_the_planned_analysis_is_told_apart_from_the_formula(plan):
    document = document_of(plan, command="")
    facts, text = document.facts, " ".join(document.statement)
    rows = plan.tables["analyses"].set_index("analysis")
    assert facts["power_analysis"].value == rows.loc["stratified", "power_formula"] > plan.size.power
    assert facts["variance_left"].value == rows.loc["stratified", "variance_left"] < 1.0
    assert rows.loc["unadjusted", "power_formula"] == pytest.approx(plan.size.power, abs=1e-12)
    assert f"leaves {facts['variance_left'].text} of the variance" in text
    assert f"had {facts['power_unadjusted'].text} in simulated trials of the same size" in text


def planned_document(protocol, changes):
    return document_of(compute_plan(protocol(changes), effort=Effort(replicates=0)), command="")


def test_an_outcome_of_ranks_is_sized_by_its_own_distribution(protocol):
    wins = {"endpoint.name": "win_ratio", "effect": {"scale": "win_ratio", "value": 1.3}}
    told = planned_document(protocol, wins | {"looks.information": [0.5, 1.0]})
    text = told.statement[0] + told.statement[1]
    assert "a Wald test of the logarithm of the win ratio" in text
    assert "The target difference is a win ratio of 1.3" in text
    assert "the target difference is a win ratio of 1.300 between the groups as randomized" in text
    assert "variance of the U-statistic" in text
    assert "One interim analysis is planned" in text
    assert draw_plan(told.plan, version="0")[2].name == "boundaries"


def test_a_population_too_small_for_the_number_of_patients_says_how_far_it_may_be_off(protocol):
    def told(changes):
        found = compute_plan(protocol({"run.pool": 2_000} | changes), effort=Effort(replicates=0))
        facts = facts_of(found)
        return [text for text in summary(found, facts) if "run.pool" in text], facts

    (sentence,), facts = told({})
    assert "rests on 2,000 simulated patients" in sentence
    larger, error = facts["pool_larger"].value, facts["n_mcse"].value
    assert f"run.pool = {larger} would" in sentence
    assert facts["n_mcse_larger"].value <= 0.01 < error
    assert error * (2_000 / larger) ** 0.5 == pytest.approx(facts["n_mcse_larger"].value)
    assert told({"endpoint.control_risk": 0.3})[0] == []
    assert told({"n_total": 500})[0] == []


def test_every_arm_has_its_patients_and_their_comparisons_one_level(protocol):
    several = [{"name": "low", "grams_per_kg": 0.9}, {"name": "high", "grams_per_kg": 1.5, "ratio": 2.0}]
    told = planned_document(protocol, {"arms": several, "conduct.nonadherence.share": 0.1})
    text = " ".join(told.statement)
    control, high = told.plan.size.arms
    sizes = f"{control:,} to the group given low, {high:,} to the group given high and {control:,} to the"
    assert sizes in text
    assert 2 * control + high == told.plan.n_total
    assert "Each of the 2 treatment groups (low, high) is compared" in text
    assert "step-down test" in text
    assert "receive immunoglobulin outside the protocol" not in text


def test_a_published_result_outside_every_interval_is_said_to_be_so(plan):
    rows = plan.tables["replay"].assign(published=0.9, inside=False)
    strange = replace(plan, tables=plan.tables | {"replay": rows})
    (said,) = replay_sentences(strange)
    assert "another era" in said
    assert "risk of death by day 28, control, 90.0% (" in said
    (known,) = replay_sentences(replace(plan, tables=plan.tables | {"replay": rows.assign(inside=True)}))
    assert "either way" in known
    assert said in summary(strange, facts_of(strange))
    assert replay_sentences(replace(plan, tables={})) == ()


def test_a_plan_has_every_table_and_figure(plan, contents):
    tables = json.loads(contents["plan.json"])["tables"]
    assert {
        "estimand",
        "steps",
        "size_80",
        "size_90",
        "looks",
        "chances",
        "operating",
        "simulated_looks",
        "priors",
        "sensitivity",
        "endpoints",
        "analyses",
        "doses",
        "enrichment",
        "replay",
        "pace",
        "flow",
    } <= set(tables)
    names = {plate.name for plate in draw_plan(plan, version="0")}
    assert {"power", "sizes", "boundaries", "assurance", "sensitivity", "accrual", "flow"} <= names


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (count(1234.4), "1,234"),
        (percent(0.3304), "33.0%"),
        (percent(0.9, 0.0031), "90.0% (0.3)"),
        (percent(0.9, 0.00001), "90.0% (<0.1)"),
        (short_percent(0.025), "2.5%"),
        (points(-0.0412), "4.1"),
        (decimal(-0.5, digits=1), "−0.5"),
        (decimal(float("nan")), "–"),
        (p_value(0.00152), "0.0015"),
        (p_value(0.00002), "<0.0001"),
    ],
)
def test_numbers_as_printed(fact, text):
    assert fact.text == text
