"""Simulated numbers in words: unit, decimals and Monte Carlo error."""

import pytest

from simsepsis.performance.text import bare_text, estimand_text, measured_text, plain_text
from simsepsis.words.numbers import decimals_for


@pytest.mark.parametrize(
    ("measure", "estimand", "value", "mcse", "text"),
    [
        ("bias", "rd_hospital_death", 0.0123, 0.0011, "+1.23 points (0.11)"),
        ("bias", "log_or_icu_death_att", -0.0123, 0.0011, "−0.0123 (0.0011)"),
        ("empirical_se", "log_or_icu_death", 0.2, 0.02, "0.200 (0.020)"),
        ("coverage", "rd_x", 0.948, 0.005, "94.80% (0.50)"),
        ("coverage", "rd_x", 0.9, 0.055, "90.0% (5.5)"),
        ("relative_error_model_se", "rd_x", -12.3, 3.2, "−12.3% (3.2)"),
        ("relative_bias", "rd_x", -0.5, 0.1, "−50% (10)"),
        ("bias", "rmst28_difference", 0.31, 0.05, "+0.310 days (0.050)"),
        ("coverage", "rd_x", float("nan"), float("nan"), "–"),
        ("mean", "log_or_icu_death", 0.1, 0.02, "+0.100 (0.020)"),
        ("mean", "pairs", 796.2, 1.5, "796.2 (1.5)"),
        ("bias", "rd_x", 0.0, 0.0, "0 points (exact)"),
    ],
)
def test_each_measure_has_its_unit_and_two_digits_of_error(measure, estimand, value, mcse, text):
    assert measured_text(measure, estimand, value, mcse) == text


def test_a_share_that_all_replicates_agree_on_has_its_wilson_limit():
    # Wilson: n/(n + z²) = 30/33.84 and its complement.
    assert measured_text("coverage", "rd_x", 1.0, 0.0, 30) == "100% (at least 88.6%)"
    assert measured_text("rejection", "rd_x", 0.0, 0.0, 30) == "0% (at most 11.4%)"
    assert measured_text("coverage", "rd_x", 0.5, 0.1, 30) == "50% (10)"


def test_levels_and_names():
    assert plain_text("coverage", "rd_x", 0.93) == "93%"
    assert plain_text("bias", "rd_x", -0.005) == "−0.5 points"
    assert estimand_text("log_hr_hospital_death_twin") == "log hazard ratio of hospital death"
    assert estimand_text("rmst28_difference") == "difference of mean days alive"
    assert estimand_text("log_or_ratio_icu_death") == "log ratio of odds ratios of ICU death"
    assert estimand_text("pairs_matched") == "number of matched pairs"
    assert estimand_text("anything_else") == "anything else"
    assert [decimals_for(error) for error in (12.0, 1.0, 0.1, 0.011, 0.0)] == [0, 1, 2, 3, 3]


def test_a_number_of_few_rows_has_them_behind_its_error():
    assert measured_text("bias", "log_or_x", 0.12, 0.03, 24, 100) == "+0.120 (0.030; 24 of 100 rows)"
    assert measured_text("coverage", "rd_x", 1.0, 0.0, 30, 2_000) == "100% (at least 88.6%; 30 of 2,000 rows)"
    assert measured_text("bias", "log_or_x", 0.12, 0.03, 95, 100) == "+0.120 (0.030)"
    assert measured_text("bias", "log_or_x", 0.12, 0.03, 94, 100) == "+0.120 (0.030; 94 of 100 rows)"
    assert measured_text("truth", "log_or_x", 0.12, 0.03, 24, 100) == "+0.120 (0.030)"


def test_an_unknown_error_is_not_called_exact():
    assert (
        measured_text("bias", "log_or_x", -1.688, float("nan"), 1, 20)
        == "−1.688 (error unknown; 1 of 20 rows)"
    )
    assert bare_text("coverage", "rd_x", 0.9) == "90.00%"
