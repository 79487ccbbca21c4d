"""Answers in words: known numbers give known sentences, and other numbers other words."""

import itertools

import numpy as np
import pandas as pd
import pytest

from simsepsis.experiment import Run, RunFolder, answers_of, cells_of, load_plan
from simsepsis.experiment.answers.answer import ANSWERING, default_answers
from simsepsis.experiment.answers.frontiers import _three_digits, find_crossing
from simsepsis.experiment.claims import judge
from simsepsis.experiment.requests import ANSWERS, AnswerChoice
from simsepsis.experiment.results import cell_settings, contrast_name
from simsepsis.performance import LADDER_COLUMNS, MEASURES

KEYS = (
    '"observation.by_severity" = [0.0, 1.0]\n',
    '"observation.by_severity" = [0.0, 1.0, 2.0]\nn = [200, 300]\n',
)
X, Y = "observation.by_severity", "n"


@pytest.fixture
def findings_of(plan_file, tmp_path):
    """Return the maker of findings: (method, measure) → values of the six cells, in the order of the plan."""

    def make(numbers, *, mcse=0.001, truth=0.0, n_used=1000, ladder=(), changes=(), grid=True):
        plan = load_plan(plan_file(*((KEYS,) if grid else ()), *changes))
        cells = cells_of(plan)
        rows = [
            (cell.key, cell.name, method, "rd_hospital_death_att", measure, value, mcse, n_used, n_used)
            for (method, measure), values in numbers.items()
            for cell, value in zip(cells, itertools.cycle(values), strict=False)
        ]
        columns = ["cell", "scenario", "method", "estimand", "measure", "value", "mcse", "n_used", "n_sim"]
        performance = pd.DataFrame(rows, columns=columns)
        found = [judge(words, claim, performance) for words, claim in plan.claims.items()]
        folder = RunFolder(path=tmp_path, plan=plan, cells=cells)
        known = performance.drop_duplicates(["cell", "method"])[["cell", "scenario", "method", "estimand"]]
        stairs = [dict(zip(LADDER_COLUMNS, row, strict=True)) for row in ladder]
        replicates = [plan.run.replicates] * len(cells)
        settings = cell_settings(folder)
        return Run(
            folder=folder,
            performance=performance,
            verdicts=pd.concat(found),
            settings=settings,
            truth=known.assign(value=truth, mcse=0.0, population=0),
            progress=settings[["cell", "scenario"]].assign(
                replicates=replicates, wanted=replicates, rows=1, failures=0
            ),
            reasons=pd.DataFrame(columns=["method", "failure", "rows", "cells"]),
            autopsy=pd.DataFrame(),
            informative=pd.DataFrame(),
            ladder=pd.DataFrame(stairs, columns=list(LADDER_COLUMNS)),
        )

    return make


def say(findings, **choice):
    asked = AnswerChoice(**choice)
    return list(ANSWERING[asked.kind](asked, findings))


def test_every_kind_of_answer_has_its_words():
    assert set(ANSWERING) == set(ANSWERS)


# --- extremes ---------------------------------------------------------------------------------------


def test_extremes_name_value_error_method_and_cell(findings_of):
    findings = findings_of({("psm", "bias"): [0.01, 0.02, 0.03, 0.04, 0.05, -0.06]})
    (sentence,) = say(findings, kind="extremes")
    assert sentence == (
        "The bias of the risk difference of hospital death goes from −6.00 points (0.10), psm in "
        "by_severity=2.0, n=300, to +5.00 points (0.10), psm in by_severity=2.0, n=200."
    )
    (sentence,) = say(findings, kind="extremes", where={Y: 200})
    assert "from +1.00 points (0.10), psm in by_severity=0.0, n=200, to +5.00" in sentence


def test_extremes_that_chance_may_set_apart_are_said_so(findings_of):
    close = say(findings_of({("psm", "bias"): [0.0100, 0.0105]}, mcse=0.001), kind="extremes")
    far = say(findings_of({("psm", "bias"): [0.0100, 0.0205]}, mcse=0.001), kind="extremes")
    assert "no further apart than chance" in close[0]
    assert "chance" not in far[0]


def test_what_cannot_be_said_is_counted(findings_of):
    sentences = say(findings_of({("psm", "bias"): [0.01, np.nan]}), kind="extremes")
    assert sentences[-1].endswith("cannot be said in 3 of 6 series.")


# --- verdicts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "mcse", "words"),
    [
        (0.95, 0.005, "psm: 95.00% (0.50), inside."),
        (0.90, 0.005, "psm: 90.00% (0.50), below."),
        (0.99, 0.003, "psm: 99.00% (0.30), above."),
        (0.965, 0.006, "psm: 96.50% (0.60), undecided."),
        (np.nan, np.nan, "psm: cannot be said."),
    ],
)
def test_a_verdict_follows_the_monte_carlo_limits(findings_of, value, mcse, words):
    findings = findings_of({("psm", "coverage"): [value]}, mcse=mcse, n_used=10_000)
    head, sentence = say(findings, kind="verdict", cells="by_severity=0.0, n=200")
    doubt = " (undecided: Monte Carlo limits reach across an end of it)"
    about = "Coverage of the risk difference of hospital death, against the band 93% to 97%"
    assert head == f"{about}, in by_severity=0.0, n=200{doubt if value == 0.965 else ''}:"
    assert sentence == words


def test_a_band_of_the_plan_and_many_cells(findings_of):
    findings = findings_of({("psm", "coverage"): [0.95, 0.95, 0.95, 0.80, 0.80, 0.99]}, n_used=100_000)
    head, sentence = say(findings, kind="verdict", band=(0.94, 0.96))
    assert head.endswith("against the band 94% to 96%, in 6 cells:")
    assert sentence.startswith(
        "psm: 3 inside, 2 below, 1 above; from 80.00% (0.10) in by_severity=1.0, n=300"
    )


def test_answers_about_some_of_the_cells_say_which(findings_of):
    findings = findings_of({("psm", "bias"): [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]})
    (sentence,) = say(findings, kind="extremes", cells="by_severity=1.0, n=300")
    assert sentence.startswith(
        "The bias of the risk difference of hospital death, in by_severity=1.0, n=300, is"
    )
    heads = [
        say(findings, kind="frontier", measure="bias", level=0.1, x=X, where={Y: n})[0] for n in (200, 300)
    ]
    assert [head.partition("crosses ")[2] for head in heads] == [
        f"10 points, in 3 of 6 cells, patients = {n}:" for n in (200, 300)
    ]


def test_a_rejection_is_a_type_i_error_only_without_an_effect(findings_of):
    numbers = {("psm", "rejection"): [0.05]}
    head, sentence = say(findings_of(numbers, n_used=10_000), kind="verdict", measure="rejection")
    assert head.startswith("Type I error of the risk difference")
    assert "6 inside" in sentence
    (none,) = say(findings_of(numbers, truth=-0.05), kind="verdict", measure="rejection")
    assert none == "No cell is without effect, so there is no type I error to judge."


# --- frontiers and contours -------------------------------------------------------------------------


def test_a_crossing_and_its_interval_by_hand():
    x, value = np.array([1.0, 2.0, 4.0]), np.array([0.95, 0.91, 0.81])
    found = find_crossing(x, value, value - 0.02, value + 0.02, 0.90)
    assert found.x == pytest.approx(2.2)
    assert (found.low, found.high) == (pytest.approx(1.75), pytest.approx(2.6))
    assert found.starts_above
    assert found.crossings == 1
    rising = find_crossing(x, 1 - value, 0.98 - value, 1.02 - value, 0.10)
    assert (rising.x, rising.low, rising.high) == (
        pytest.approx(2.2),
        pytest.approx(1.75),
        pytest.approx(2.6),
    )
    assert not rising.starts_above


def test_an_interval_is_open_where_limits_do_not_cross():
    x, value = np.array([1.0, 2.0]), np.array([0.95, 0.85])
    found = find_crossing(x, value, value - 0.06, value + 0.06, 0.90)
    assert (found.x, found.low, found.high) == (pytest.approx(1.5), -np.inf, np.inf)
    never = find_crossing(x, value + 0.1, value + 0.09, value + 0.11, 0.90)
    assert np.isnan(never.x)
    assert never.low == np.inf


def test_a_frontier_says_where_a_measure_falls_or_rises(findings_of):
    falling = {("psm", "coverage"): [0.95, 0.95, 0.91, 0.91, 0.81, 0.94]}
    sentences = say(findings_of(falling, n_used=10**6), kind="frontier", x=X)
    assert sentences[0].startswith("Where along log odds of a gap per SD the coverage of the risk difference")
    assert sentences[0].endswith("crosses 90%:")
    assert sentences[1].startswith(
        "psm, patients = 200: falls below it at log odds of a gap per SD = 1.1 (95% Monte Carlo interval"
    )
    assert sentences[2].startswith(
        "psm, patients = 300: not below it anywhere from 0 to 2; lowest 91.00% (0.10) at 1"
    )
    rising = {("psm", "coverage"): [0.81, 0.81, 0.91, 0.89, 0.95, 0.89]}
    sentences = say(findings_of(rising, n_used=10**6), kind="frontier", x=X)
    assert "reaches it at log odds of a gap per SD = 0.9 (" in sentences[1]
    assert "not as high anywhere from 0 to 2; highest 89.00% (0.10) at 1" in sentences[2]


def test_a_frontier_that_chance_may_cross_is_said_so(findings_of):
    numbers = {("psm", "coverage"): [0.95, 0.95, 0.91]}
    close = say(findings_of(numbers, n_used=100, mcse=0.03), kind="frontier", x=X, where={Y: 200})
    sure = say(findings_of(numbers, n_used=10**6, mcse=0.001), kind="frontier", x=X, where={Y: 200})
    assert "does not set apart from it" in close[1]
    assert "does not set apart from it" not in sure[1]


def test_a_contour_says_where_a_value_is_reached(findings_of):
    numbers = {("psm", "mean"): [0.0, 0.0, 0.02, 0.001, 0.04, 0.002]}
    head, sentence = say(findings_of(numbers), kind="contour", x=X, y=Y, level=0.03)
    assert head == (
        "Where over log odds of a gap per SD and patients the mean estimate of the risk difference of "
        "hospital death is 3 points:"
    )
    assert sentence == (
        "psm: at patients = 200 and log odds of a gap per SD = 1.5 (95% Monte Carlo interval from 1.4 to "
        "1.6); at patients = 300 nowhere (it goes from 0.00 points (0.10) to +0.20 points (0.10))."
    )


def test_a_contour_of_a_ratio_is_sought_on_the_log_scale(findings_of):
    numbers = {("crude", "mean"): [-0.2, -0.2, 0.0, 0.0, 0.2, 0.2]}
    changes = [('estimands = ["rd_hospital_death"]', 'estimands = ["log_or_hospital_death"]')]
    findings = findings_of(numbers, changes=changes)
    findings.performance["estimand"] = "log_or_hospital_death_att"
    head, sentence = say(findings, kind="contour", x=X, y=Y, ratio=0.957)
    assert head.endswith("the mean estimate of the log odds ratio of hospital death is log(0.957):")
    # log(0.957) = −0.04395: 0.78 of the way from −0.2 to 0.
    assert "log odds of a gap per SD = 0.78 (" in sentence


# --- contrasts and ladders --------------------------------------------------------------------------


def stairs(name, rows, cell=None):
    key, scenario = cell
    return [
        (key, scenario, "rd_hospital_death", name, step, component, above, below, value, mcse, 500, 500)
        for step, (component, above, below, value, mcse) in enumerate(rows)
    ]


def cells(findings):
    return list(zip(findings.settings["cell"], findings.settings["scenario"], strict=True))


@pytest.mark.parametrize(
    ("value", "mcse", "words"),
    [
        (0.02, 0.001, "+2.00 points (0.10) against that of crude: higher beyond Monte Carlo error."),
        (-0.02, 0.001, "−2.00 points (0.10) against that of crude: lower beyond Monte Carlo error."),
        (0.001, 0.001, "+0.10 points (0.10) against that of crude: not to be told apart."),
        (0.0, 0.0, "0 points (exact) against that of crude: the same on every replicate."),
    ],
)
def test_a_contrast_is_judged_by_its_paired_error(findings_of, value, mcse, words):
    place = cells(findings_of({("psm", "bias"): [0.1]}))[0]
    rows = stairs(contrast_name(("psm", "crude")), [("difference", "crude", "psm", value, mcse)], place)
    findings = findings_of({("psm", "bias"): [0.1]}, ladder=rows)
    (sentence,) = say(findings, kind="contrast", methods=("psm", "crude"))
    assert sentence.startswith("On the same 500 replicates the bias of psm")
    assert sentence.endswith(words)


def test_a_contrast_without_common_estimates_is_said_so(findings_of):
    (sentence,) = say(findings_of({("psm", "bias"): [0.1]}), kind="contrast", methods=("psm", "crude"))
    assert "no estimate of the risk difference of hospital death in common" in sentence


def test_a_ladder_is_told_where_its_estimate_is_furthest_off(findings_of):
    places = cells(findings_of({("psm", "bias"): [0.1]}))
    rows = []
    for place, hidden in zip(places[:2], (0.02, -0.05), strict=True):
        steps = [
            ("truth", "", "psm_with_u", -0.04, 0.0),
            ("bias of the first rung", "", "psm_with_u", 0.001, 0.001),
            ("hidden confounding", "psm_with_u", "psm", hidden, 0.002),
            ("drift", "psm", "crude", 0.03, 0.002),
            ("estimate", "", "crude", -0.009 + hidden, 0.002),
        ]
        rows += stairs("matching", steps, place)
    findings = findings_of({("psm", "bias"): [0.1]}, ladder=rows)
    first, second = say(findings, kind="ladder")
    assert (
        f"in {places[0][1]}, where the estimate is furthest from the truth: truth −4 points (exact)" in first
    )
    assert "bias of psm_with_u +0.10 points (0.10), hidden confounding +2.00 points (0.20)" in first
    assert second.endswith(
        "largest step of the ladder “matching” is drift in 1, hidden confounding in 1."
    ) or (second.endswith("is hidden confounding in 1, drift in 1."))


def test_a_plan_without_a_ladder_says_so(findings_of):
    (sentence,) = say(findings_of({("psm", "bias"): [0.1]}), kind="ladder")
    assert sentence.startswith("No two methods of the plan stand on one ladder")


# --- claims and defaults ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "mcse", "head", "lines"),
    [
        (0.1, 0.001, "Claims declared beforehand: 1; held 1, failed 0, undecided 0.", 0),
        (0.9, 0.001, "Claims declared beforehand: 1; held 0, failed 1, undecided 0.", 1),
        (0.5, 0.001, "Claims declared beforehand: 1; held 0, failed 0, undecided 1.", 1),
        (np.nan, np.nan, "Claims declared beforehand: 1; held 0, failed 0, undecided 1.", 1),
    ],
)
def test_claims_are_counted_and_the_broken_named(findings_of, value, mcse, head, lines):
    sentences = say(findings_of({("crude", "bias"): [value]}, mcse=mcse), kind="claims")
    assert sentences[0] == head
    assert len(sentences) == 1 + lines
    if np.isnan(value):
        assert sentences[1].endswith("(crude in by_severity=0.0, n=200: no number, and 5 more).")
    if value == 0.9:
        assert sentences[1].startswith(
            "Failed: the crude difference is small (crude in by_severity=0.0, n=200: "
        )


def test_a_plan_that_asks_nothing_is_answered_all_the_same(findings_of):
    numbers = {("psm", name): [0.5] for name in MEASURES}
    findings = findings_of(numbers)
    kinds = [choice.kind for choice in default_answers(findings)]
    assert kinds == ["extremes", "verdict", "verdict", "claims"]
    assert all(answer.sentences for answer in answers_of(findings))
    with_effect = findings_of(numbers, truth=0.1)
    assert [choice.kind for choice in default_answers(with_effect)] == ["extremes", "verdict", "claims"]


def test_the_answers_of_the_plan_come_with_their_titles(findings_of):
    asked = '[[answers]]\nkind = "extremes"\ntitle = "Range"\nmeasure = "coverage"\n'
    findings = findings_of({("psm", "coverage"): [0.9]}, changes=[("seed = 5\n", f"seed = 5\n{asked}\n")])
    (answer,) = answers_of(findings)
    assert (answer.title, answer.kind) == ("Range", "extremes")
    assert "coverage" in answer.sentences[0]


@pytest.mark.parametrize(
    ("value", "text"), [(2893.4, "2,890"), (0.78041, "0.78"), (1.5, "1.5"), (-12345.6, "-12,300")]
)
def test_places_have_three_digits_and_no_powers_of_ten(value, text):
    assert _three_digits(value) == text
