"""What is read from somewhere is shown without effect on the reader, the terminal or the sentence."""

import datetime

import pytest

from simsepsis.errors import DataError
from simsepsis.words import one_sentence, plain, shown


def test_what_nobody_sees_is_spelled_out():
    assert plain("a\x1b[2Jb\x9bc\u202ed\udc80\n") == "a\\x1b[2Jb\\x9bc\\u202ed\\udc80\\n"
    assert plain("a\nb\tc", keep="\n") == "a\nb\\tc"
    assert plain("敗血症 − “é” 😀") == "敗血症 − “é” 😀"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (0.5, "0.5"),
        (datetime.date(2019, 4, 1), "2019-04-01"),
        ("a\x1bb", "'a\\x1bb'"),
        ("x" * 5_000, "'" + "x" * 78 + "…"),
    ],
)
def test_a_value_is_repeated_as_it_is_written_and_cut(value, text):
    assert shown(value) == text


def test_a_number_that_cannot_be_written_out_is_described():
    assert shown(10**6_000) == "a number of thousands of digits"


@pytest.mark.parametrize("value", ["A" * 5_000, "ab cd " * 900, "it's " * 900])
def test_a_sentence_stays_one_whatever_value_it_repeats(value):
    told = str(DataError(f"file.csv: column 'x' has '{value}' in row 3; correct it"))
    assert len(told) < 200
    assert value[:81] not in told
    assert told.startswith("file.csv: column 'x' has '")
    assert "\n" not in told


def test_a_sentence_that_lists_too_much_keeps_its_beginning_and_its_end():
    told = one_sentence("column 'x': known are " + ", ".join(f"level {i}" for i in range(500)) + "; name one")
    assert len(told) == 900
    assert told.startswith("column 'x': known are level 0,")
    assert told.endswith("level 499; name one")


def test_sentences_with_short_values_and_apostrophes_stay_as_they_are():
    for told in (
        "the claim 'crude bias in [-0.5, 0.5]' names 'crud', which is no method of the plan, such as there "
        "are many; did you mean 'crude'?",
        "the thesis's registry has 'a' in a column of the patients' own words, which nobody can read as a "
        "number, so that what stands in the authors' table is left out; write 'b'",
        "name = 'a/b' has a character that file names may not have; write letters, digits, '_', '-' or '.', "
        "such as 'x'",
    ):
        assert one_sentence(told) == told
