"""The statement says everything that was planned, in both languages, so that a reader can recompute it."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

import pytest
from tests.examples import with_slow

from simsepsis.show.pages.trial.document import contents_of, document_of
from simsepsis.trial import load_trial, simulate_trials, trial_names
from simsepsis.trial.planning import Effort, compute_plan

DELTA2 = {
    "hypothesis and design": r"superiority trial (with \w+ parallel groups|in which ICUs, not patients)",
    "allocation and its reason": r"allocated [\d:.]+ \(treatment to control\); [^.]+\.|ICUs, not patients",
    "primary outcome": r"primary outcome is",
    "analysis, sides and level": r"at a (one|two)-sided significance level of [\d.]+%",
    "power": r"has a power of [\d.]+%",
    "control risk and its source": r"we assume that [^.]* will be [\d.]+% ?[(,;] ?",
    "target difference": r"absolute (reduction|increase) of [\d.]+ percentage points and a relative "
    r"(reduction|increase) of [\d.]+%",
    "basis of the difference": r"difference is held to be|does not state whether this difference is",
    "formula with its source": r"By .* \(.*\), a single analysis of [\d,]+ patients",
    "patients of each group": r"[\d,]+ to the treatment group and [\d,]+ to the control group",
    "events": r"[\d,]+ events are expected",
    "detectable difference": r"detect a (fall|rise) of|No difference of [^.]* is detected",
    "months": r"accrual takes \d+ months",
}
JA = {
    "hypothesis": "優越性試験",
    "level": "有意水準は",
    "target": "検出すべき差（target difference）は",
    "absolute and relative": "絶対差.*パーセントポイント（相対的",
    "events": "例にイベント（",
    "detectable": "検出しうる|検出できない",
    "months": "登録期間は",
}


def shown(protocol, changes=None):
    told = protocol.changed(changes or {})
    document = document_of(compute_plan(told, effort=Effort(replicates=0)), command="")
    return document, " ".join(document.statement), "".join(document.statement_ja)


@pytest.fixture(scope="module", params=[name for name in trial_names()])
def shipped(request):
    return shown(load_trial(request.param), {"run.pool": 20_000})


@pytest.mark.parametrize("item", DELTA2)
def test_every_shipped_plan_says_each_item_of_delta2(shipped, item):
    assert re.search(DELTA2[item], shipped[1]), shipped[1]


@pytest.mark.parametrize("item", JA)
def test_every_shipped_plan_says_them_in_japanese(shipped, item):
    assert re.search(JA[item], shipped[2]), shipped[2]


def test_randomized_icus_are_told_with_their_correlations_and_sources(shipped):
    document, text, _ = shipped
    if not document.plan.protocol.allocation.clustered:
        assert "intracluster" not in text
        return
    assert "ICUs will be randomized and enrol" in text
    assert "patients will be randomized" not in text
    assert re.search(r"intracluster correlation of 0\.\d+ \(as in the simulated cohort\)", text)
    assert "a cluster autocorrelation of 0.84 (as in ICUs of Australia" in text
    assert re.search(r"each of the 2 periods lasts [\d.]+ months", text)


def test_what_is_longer_than_five_years_says_what_would_bring_it_under(shipped):
    document, text, _ = shipped
    slow = document.plan.pace["months_accrual"].iloc[0] > 60
    assert (
        slow == ("longer than 60 months" in text) == ("longer than 60 months" in " ".join(document.summary))
    )


def test_a_plan_stands_in_japanese_with_every_table(shipped):
    document = shipped[0]
    text = contents_of(document)["plan-ja.md"].decode()
    heads = re.findall(r"^\*\*(.*)\*\*$|^\| (?!-)(.*) \|$", text, re.M)
    english = {"Cochrane", "Meta", "Sceptical", "Mixture", "Cohort", "RR", "OR", "HR"}
    told = [line for line in chain.from_iterable(heads) if line and not any(word in line for word in english)]
    assert len(told) > 40
    names = r"IVIgG|trimodulin|APACHE|Mantel|Haenszel|Wilcoxon|Whitney|probability|index|ratio|GEE"
    allowed = rf"{names}|estimand|tipping|point|intention|treat"
    left = [line for line in told if re.search(r"[A-Za-z]{5,}", re.sub(allowed, "", line))]
    assert left == []


SPENDING = {
    "hsd": ("Hwang–Shih–DeCani spending function (γ = −2)", -2.0),
    "kim_demets": ("Kim–DeMets spending function (ρ = 2)", 2.0),
    "wang_tsiatis": ("Wang–Tsiatis boundaries (Δ = 0.1)", 0.1),
    "haybittle_peto": ("Haybittle–Peto boundaries (z = 3.29 until the final analysis)", 3.29),
    "ld_pocock": ("Lan–DeMets spending function of Pocock type", None),
    "pocock": ("Pocock boundaries", None),
    "obrien_fleming": ("O'Brien–Fleming boundaries", None),
    "ld_obrien_fleming": ("Lan–DeMets spending function of O'Brien–Fleming type", None),
}
ONE_SIDED = {"test.alpha": 0.025, "test.sides": 1}


@pytest.mark.parametrize("name", SPENDING)
def test_every_rule_for_efficacy_is_told_with_its_parameter_and_bounds(protocol, name):
    words, parameter = SPENDING[name]
    looks = {"information": [0.4, 0.8, 1.0], "spending": name, "parameter": parameter}
    document, text, ja = shown(protocol(), {"looks": looks})
    bounds = document.plan.size.assumptions.boundaries
    for said in (text, ja):
        for z in bounds.z:
            assert f"{z:.3f}" in said
    assert words in text
    if parameter is not None:
        assert f"{parameter:g}".replace("-", "−") in ja
    assert "no rule for futility" in text
    assert "無益性中止の規準は設けない" in ja


RULES: list[tuple[dict[str, Any], str]] = [
    ({"spending": "hsd", "parameter": -1.0}, "by the Hwang–Shih–DeCani function (γ = −1)"),
    ({"spending": "hsd"}, "by the Hwang–Shih–DeCani function (γ = −4)"),
    ({"spending": "kim_demets"}, "by the Kim–DeMets function (ρ = 3)"),
    ({"spending": "ld_pocock"}, "by the Lan–DeMets function of Pocock type"),
    ({"spending": "ld_obrien_fleming"}, "by the Lan–DeMets function of O'Brien–Fleming type"),
    ({"z": [0.0, 0.5]}, "at z = 0.000 and 0.500 or less, as stated in the protocol"),
]
TOLD = [(number, binding) for number in range(len(RULES)) for binding in (True, False)]


@pytest.mark.parametrize("case", with_slow(TOLD, TOLD[1::4] + TOLD[2::4]))
def test_every_rule_for_futility_is_told_with_its_bounds(protocol, case):
    number, binding = case
    rule, words = RULES[number]
    looks = {"information": [0.4, 0.7, 1.0], "futility": rule | {"binding": binding}}
    document, text, ja = shown(protocol(), ONE_SIDED | {"looks": looks})
    for said in (text, ja):
        for z in document.plan.size.assumptions.boundaries.futility_z[:-1]:
            assert f"{z:.3f}".replace("-", "−") in said
    assert words in text
    assert ("stated in the protocol" in text) == ("z" in rule)
    assert ("rely on them" in text) == binding
    assert ("非拘束的" in ja) != binding
    if "z" not in rule:
        assert "spend a type II error of 10%" in text


def test_time_to_death_is_told_in_events_with_its_own_day(protocol):
    time = {"endpoint": {"name": "time_to_death", "horizon": 90}}
    document, text, ja = shown(
        protocol(), time | {"effect": {"scale": "hazard_ratio", "value": 0.6, "horizon": 90}}
    )
    size = document.plan.size
    assert f"{document.facts['deaths_fixed'].text} of them with death by day 90" in text
    assert size.events == pytest.approx(size.n_analysed * sum(size.assumptions.risks) / 2)
    assert f"{document.facts['deaths'].text} events are expected (death by day 90)" in text
    averaging = size.assumptions.averaging
    assert averaging != 1.0
    assert f"its logarithm is {averaging:.2f} times" in text
    assert "28" not in re.sub(r"\d*,?\d*28\d*,?\d*(?= (patients|to))", "", "".join(document.statement[:2]))
    assert "90日" in ja


def test_a_trial_that_seeks_harm_says_so(protocol):
    _, text, ja = shown(protocol(), {"effect": {"scale": "risk_ratio", "value": 1.3, "aim": "harm"}})
    assert "It raises 28-day mortality" in text
    assert "absolute increase" in text
    assert "detect a rise" in text
    assert "上昇" in ja


def test_what_the_protocol_does_not_justify_is_said_to_be_missing(protocol):
    _, text, ja = shown(protocol(), {"endpoint.control_risk": 0.3})
    assert "does not state the source of this risk" in text
    assert "does not state whether this difference is important or realistic, nor where it is from" in text
    assert "実施計画書に示されていない" in ja
    arms = [{"name": "A", "grams_per_kg": 1.5, "ratio": 2.0}]
    _, unequal, _ = shown(protocol(), {"arms": arms})
    assert "allocated 2:1 (treatment to control); the protocol does not say why" in unequal
    cluster = {
        "allocation": {"unit": "parallel_cluster", "icc": 0.02},
        "test.analysis": "gee",
        "effect.value": 0.6,
    }
    _, icus, _ = shown(protocol(), cluster)
    assert "intracluster correlation of 0.020 (the protocol states no source)" in icus
    assert "autocorrelation" not in icus


def test_two_sided_futility_is_said_simulated_and_sized(protocol):
    looks = {"looks.information": [0.5, 1.0], "looks.futility": {"spending": "hsd", "parameter": -2.0}}
    told = protocol(looks | {"effect.value": 0.6})
    plan = compute_plan(told, effort=Effort(replicates=0))
    assert plan.n_total > compute_plan(protocol({"effect.value": 0.6}), effort=Effort(replicates=0)).n_total
    document = document_of(plan, command="")
    assert "It stops for futility at |z| = " in " ".join(document.statement)
    assert "無益性中止の境界値は|z| = " in "".join(document.statement_ja)
    found = simulate_trials(told, replicates=400, jobs=1, null=True, n_total=plan.n_total)
    value, mcse = found.measure("futility")
    expected = plan.size.assumptions.boundaries.stopping_probabilities(0.0)["futility"].iloc[0]
    assert abs(value - expected) < 3 * mcse
