"""Reasons for having no estimate: those that differ in numbers only are one kind."""

import pandas as pd
import pytest

from simsepsis.performance import kinds_of_reasons


def kinds(*rows):
    return kinds_of_reasons(pd.DataFrame(rows, columns=["cell", "method", "failure", "rows"]))


def test_reasons_that_differ_in_counts_are_one_kind_with_the_range_of_each_count():
    found = kinds(
        (1, "psm", "3 of 12 strata are empty", 5),
        (1, "psm", "4 of 13 strata are empty", 7),
        (2, "psm", "3 of 12 strata are empty", 1),
        (2, "gee", "3 of 12 strata are empty", 2),
    )
    assert found.to_dict("records") == [
        {"method": "psm", "failure": "3 to 4 of 12 to 13 strata are empty", "rows": 13, "cells": 2},
        {"method": "gee", "failure": "3 of 12 strata are empty", "rows": 2, "cells": 1},
    ]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("no pair within the caliper of 0.123", "no pair within the caliper of 0.0987",
         "no pair within the caliper of 0.0987 to 0.123"),
        ("1,204 rows and −2.5e-07", "987 rows and 3.1", "987 to 1,204 rows and −2.5e-07 to 3.1"),
        ("ICUs 3, 7 and 9 have no event.", "ICUs 4 and 12 have no event.", "ICUs 3 to 12 have no event."),
        ("10% of weights (k = 2)", "9% of weights (k = 2)", "9 to 10% of weights (k = 2)"),
        ("after 25 iterations, 4.", "after 25 iterations, 5.", "after 25 iterations, 4 to 5."),
    ],
)  # fmt: skip
def test_numbers_of_any_form_are_ranges(one, other, together):
    found = kinds((1, "m", one, 1), (1, "m", other, 1))
    assert found["failure"].tolist() == [together]
    assert found["rows"].tolist() == [2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("needs the column 'sofa_day3'", "needs the column 'sofa_day7'"),
        ("needs the column '3'", "needs the column '7'"),
        ("level 'ICU 3 a' is alone", "level 'ICU 4 a' is alone"),
        ("sofa_day3 separates", "sofa_day7 separates"),
        ("28-day death never happens", "90-day death never happens"),
        ("no event", "no pair"),
    ],
)
def test_names_that_hold_numbers_stay_apart(one, other):
    assert len(kinds((1, "m", one, 1), (1, "m", other, 1))) == 2


def test_an_apostrophe_opens_no_name():
    found = kinds(
        (1, "m", "the method's 3 of 5 patients' rows", 1), (1, "m", "the method's 4 of 5 patients' rows", 1)
    )
    assert found["failure"].tolist() == ["the method's 3 to 4 of 5 patients' rows"]


def test_nothing_failed():
    assert kinds().columns.tolist() == ["method", "failure", "rows", "cells"]
    assert len(kinds()) == 0


def test_reasons_that_part_only_behind_their_first_number_are_two_kinds():
    table = kinds(
        (1, "a", "columns 13 predict 7 rows; correlation -0.007 is impossible in 151 rows", 2),
        (1, "a", "columns 12 predict 4 rows; no convergence in 50 steps", 3),
        (2, "a", "columns 14 predict 9 rows; correlation -0.009 is impossible in 80 rows", 1),
        (2, "a", "columns 11 predict 4 rows; no convergence in 50 steps", 1),
    )
    assert table["failure"].tolist() == [
        "columns 11 to 12 predict 4 rows; no convergence in 50 steps",
        "columns 13 to 14 predict 7 to 9 rows; correlation -0.009 to -0.007 is impossible in 80 to 151 rows",
    ]
    assert table["rows"].tolist() == [4, 3]
