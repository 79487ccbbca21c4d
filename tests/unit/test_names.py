"""One rule for what becomes a folder or a file."""

from pathlib import PurePath

import pytest

from simsepsis.names import check_name, name_from


@pytest.mark.parametrize(
    "name", ["null", "size-2007", "a.b_c", "heart failure", "敗血症", "étude 2", "δοκιμή", "x" * 60, "1"]
)
def test_letters_of_any_writing_digits_and_four_signs_make_a_name(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "../../outside",
        "/absolute",
        "a/b",
        "a\\b",
        "C:",
        "..",
        ".",
        ".hidden",
        "",
        " ",
        " a",
        "a ",
        "a.",
        "a  b",
        "a\0b",
        "a\nb",
        "a\tb",
        "\x1b[31m",
        "x" * 61,
        "CON",
        "nul",
        "com1.txt",
        "--help",
        "~root",
        "$HOME",
        "[/x]",
        "<b>",
        "=1+1",
        "a／b",
        "a⁄b",
        "ｎｕｌｌ",
        "a\u200bb",
        "a\u202eb",
        "p\u0430ypal",
        "e\u0301",
        "①",
    ],
)
def test_what_leaves_its_folder_or_deceives_the_eye_is_no_name(name):
    with pytest.raises(ValueError, match="; write letters, digits"):
        check_name(name)


@pytest.mark.parametrize(
    ("file", "name"),
    [("null.toml", "null"), ("my study (2).toml", "my-study-2"), ("[/x].toml", "x"), ("ａｂ.toml", "ab")],
)
def test_a_file_without_a_name_is_known_by_its_own_made_fit(file, name):
    assert name_from(PurePath(file)) == name


def test_a_file_of_whose_name_nothing_is_left_needs_one():
    for file in ("$$$.toml", "nul.toml"):
        with pytest.raises(ValueError, match="; write letters"):
            name_from(PurePath(file))
