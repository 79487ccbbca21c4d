"""Readings: what each one changes, and that sharing steps between them changes nothing."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from simsepsis.analysis.cells import Cells, cells
from simsepsis.analysis.outcomes import association_p_values, used_adjusters
from simsepsis.analysis.readings import LITERAL, load_readings, run_readings
from simsepsis.analysis.result import ThesisResult
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.analysis.survival import fit_cox
from simsepsis.analysis.thesis_analysis import run_thesis_analysis
from simsepsis.errors import DataError
from simsepsis.streams import stream
from simsepsis.study.published import open_study

READINGS = open_study().readings
BY_NAME = {reading.name: reading for reading in READINGS}


@pytest.fixture(scope="module")
def results(registry: pd.DataFrame) -> Mapping[str, ThesisResult]:
    return run_readings(registry, rng=stream(3, "matching"))


@pytest.fixture(scope="module")
def numbers(results: Mapping[str, ThesisResult]) -> Mapping[str, Cells]:
    return {name: cells(result) for name, result in results.items()}


def test_the_literal_reading_comes_first_and_is_the_default_analysis(
    registry: pd.DataFrame, numbers: Mapping[str, Cells]
) -> None:
    assert READINGS[0].name == LITERAL
    assert READINGS[0].of(THESIS_SPEC) == THESIS_SPEC
    assert len({reading.name for reading in READINGS}) == len(READINGS)
    alone = cells(run_thesis_analysis(registry, rng=stream(3, "matching")))
    np.testing.assert_array_equal(list(alone.values()), list(numbers[LITERAL].values()))


@pytest.mark.parametrize("name", [reading.name for reading in READINGS])
def test_shared_steps_give_what_a_whole_run_gives(
    registry: pd.DataFrame, numbers: Mapping[str, Cells], name: str
) -> None:
    alone = cells(run_thesis_analysis(registry, BY_NAME[name].of(THESIS_SPEC), rng=stream(3, "matching")))
    assert alone.keys() == numbers[name].keys()
    np.testing.assert_allclose(list(numbers[name].values()), list(alone.values()), rtol=1e-8, atol=1e-12)


def changed_tables(numbers: Mapping[str, Cells], name: str) -> set[tuple[str, str]]:
    """Return table and statistic of every number that differs from the literal reading's."""
    return {
        (key[0], key[3])
        for key, value in numbers[name].items()
        if not math.isclose(value, numbers[LITERAL].get(key, math.nan), rel_tol=1e-9)
        and not (math.isnan(value) and math.isnan(numbers[LITERAL].get(key, math.nan)))
    }


def test_each_reading_changes_what_it_says_and_nothing_else(numbers: Mapping[str, Cells]) -> None:
    assert changed_tables(numbers, "cox_adjusted") == {
        ("text", statistic) for statistic in ("hazard_ratio", "ci_low", "ci_high", "p_value")
    }
    assert {table for table, _ in changed_tables(numbers, "adjuncts_alone")} == {"text"}
    assert {table for table, _ in changed_tables(numbers, "gee_independence")} == {
        *("table4", "table5", "table6", "text")
    }
    for name in ("yates", "fisher_one_sided"):
        assert {statistic for _, statistic in changed_tables(numbers, name)} == {"p_value"}
    for name in ("beds_categories", "icu_indicators", "caliper_on_score", "random_in_caliper", "spss"):
        assert ("text", "count") in changed_tables(numbers, name)
        assert not any(
            key[4] == "before" and not math.isclose(value, numbers[LITERAL][key], rel_tol=1e-9)
            for key, value in numbers[name].items()
            if not math.isnan(value)
        )


def test_scores_have_the_terms_of_their_reading(results: Mapping[str, ThesisResult]) -> None:
    def terms(name: str, score: str) -> set[str]:
        matched = results[name].matched[score].value
        assert matched is not None
        return {f"{variable} = {level}" for variable, level in matched.propensity.terms}

    beds = np.unique(results[LITERAL].cohort.column("icu_beds"))
    shown = {term for term in terms("beds_categories", "covariates") if term.startswith("icu_beds")}
    assert shown == {f"icu_beds = {size:g}" for size in beds[1:]}
    icus = {term for term in terms("icu_indicators", "covariates") if term.startswith("icu_")}
    assert len(icus) == len(np.unique(results[LITERAL].cohort.cluster)) - 1
    assert all(term.startswith("icu_id = ") for term in icus)
    alone = terms("adjuncts_alone", "adjuncts")
    assert alone == {"intercept = ", *(f"{name} = " for name in THESIS_SPEC.adjusters)}


def test_every_reading_matches_in_the_same_random_order(
    registry: pd.DataFrame, results: Mapping[str, ThesisResult]
) -> None:
    rng = stream(3, "matching")
    before = copy.deepcopy(rng.bit_generator.state)
    run_readings(registry, [READINGS[0], BY_NAME["cox_adjusted"]], rng=rng)
    assert rng.bit_generator.state == before
    pairs = [results[name].matched["covariates"].value for name in (LITERAL, "cox_adjusted", "yates")]
    assert pairs[0] is pairs[1]
    assert pairs[0] is pairs[2]


def test_the_adjusted_hazard_ratio_is_that_of_the_same_pairs(results: Mapping[str, ThesisResult]) -> None:
    found = results["cox_adjusted"].survival
    assert found is not None
    assert found.value is not None
    matched = results[LITERAL].matched["covariates"].value
    assert matched is not None
    names = ("ivigg", *used_adjusters(matched.cohort, THESIS_SPEC))
    assert found.value.terms == names
    times = found.value.follow_up
    fit = fit_cox(matched.cohort.block(names).T, times.duration, times.event)
    np.testing.assert_allclose(found.value.cox.params, fit.params, rtol=1e-10)


def test_yates_and_one_sided_tests_equal_scipy() -> None:
    rng = np.random.default_rng(4)
    large, small = (
        rng.integers(20, 90, (12, 2, 2)).astype(float),
        rng.integers(1, 6, (12, 2, 2)).astype(float),
    )
    yates = association_p_values(large, chi_square="yates")
    expected = [scipy.stats.chi2_contingency(table, correction=True).pvalue for table in large]
    np.testing.assert_allclose(yates, expected, rtol=1e-12)
    small[:, 1, 1] += 40
    one = association_p_values(small, sides="one-sided")
    tails = [
        min(scipy.stats.fisher_exact(table, alternative=side).pvalue for side in ("less", "greater"))
        for table in small
    ]
    np.testing.assert_allclose(one, tails, rtol=1e-9)


def test_a_study_without_a_file_of_readings_has_the_literal_one(tmp_path: Path) -> None:
    (only,) = load_readings(tmp_path / "readings.toml")
    assert only.of(THESIS_SPEC) == THESIS_SPEC


@pytest.mark.parametrize("text", ["reading = []", "[[readings]]\nname = 'a'", "[[readings]]\nnam = 'a'"])
def test_a_file_that_is_no_list_of_readings_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "readings.toml"
    path.write_text(text)
    with pytest.raises(DataError, match="is no list of readings"):
        load_readings(path)
