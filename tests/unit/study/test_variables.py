"""Variables are read from a CSV file that people write, with a sentence for what they write wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsepsis.errors import DataError
from simsepsis.study.variables import Variable, Variables, read_variables

FILE = """name,label,role,kind,unit,levels,low,high,group
pid,,id,,,,,,
ward,,site,,,,,,
age,Age,covariate,number,years,,16,120,patient
route,"Prior location, first",covariate,category,,er = Outpatient (ER); ward,,,patient
dead,Death,outcome,binary,,,0,1,end
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "variables.csv"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_a_row_becomes_a_variable(file: Path):
    variables = read_variables(file)
    assert variables["route"] == Variable(
        name="route",
        label="Prior location, first",
        role="covariate",
        kind="category",
        levels=(("er", "Outpatient (ER)"), ("ward", "ward")),
        group="patient",
    )
    assert (variables["age"].low, variables["age"].high, variables["pid"].label) == (16.0, 120.0, "pid")


def test_names_are_found_by_role_and_group_in_the_files_order(file: Path):
    variables = read_variables(file)
    assert variables.of("outcome", "id") == ("pid", "dead")
    assert variables.of_group("patient") == ("age", "route")
    assert variables.of("later") == ()


def test_equal_variables_have_the_same_order(file: Path):
    variables = read_variables(file)
    assert variables == Variables(variables.values())
    assert variables != Variables(reversed(list(variables.values())))
    assert hash(variables) == hash(read_variables(file))


@pytest.mark.parametrize(
    ("written", "instead", "sentence"),
    [
        (
            "covariate,number",
            "covariat,number",
            "role 'covariat' is unknown; did you mean 'covariate'?",
        ),
        (
            "outcome,binary",
            "outcome,",
            "line 6: kind '' is unknown; choose number",
        ),
        (",16,", ",young,", "line 4: low 'young' is no number; write a limit or leave it empty"),
        ("pid,,id", "age,,id", "line 4: 'age' stands twice; keep one row"),
        ("pid,,id", ",,id", "line 2: name is empty; write the column's name"),
        (
            '"Prior location, first"',
            "Prior location, first",
            "line 5: has more or fewer cells",
        ),
        ("name,label,role", "name,lable,role", "column 'lable' is unknown; did you mean 'label'?"),
        ("name,label,role,kind", "name,label,group,kind", "column 'role' is missing; add it"),
    ],
)
def test_what_is_wrong_is_one_sentence(file: Path, written: str, instead: str, sentence: str):
    file.write_text(FILE.replace(written, instead, 1), encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read_variables(file)
    assert sentence in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_variables(tmp_path / "variables.csv")
