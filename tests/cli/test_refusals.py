"""Bad input: one sentence that names value, place and remedy, exit 2, nothing left behind.

The refusals run in the tests' process; one of each kind is compared with what the program itself says.
"""

import pytest

from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario


def sentence(result):
    """Return the one line on stderr of a refused command."""
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("reproduce", "--scenario", "thesos"), "did you mean 'thesis'"),
        (("reproduce", "--replicates", "-5"), "-5"),
        (("reproduce", "--replicates", "few"), "not 'few'"),
        (("reproduce", "--jobs", "0", "--replicates", "2"), "jobs"),
        (("reproduce", "--seed", "-1", "--replicates", "2"), "seed -1 is negative"),
        (("reproduce", "--out", "/proc/nothing", "--replicates", "2"), "/proc/nothing: cannot be written"),
        (("generate", "thesis", "-o", "c.xlsx"), "c.xlsx: a table is written as .csv or .parquet"),
        (("generate", "thesis", "-o", "c.csv", "--n", "0"), "n = 0"),
        (("generate", "absent.toml", "-o", "c.csv"), "absent.toml: no such scenario file"),
        (("analyze", "absent.csv"), "absent.csv"),
        (("run", "null", "--until-mcse", "small"), "until-mcse 'small' does not parse; write it like 0.005"),
        (("run", "null", "--until-mcse", "bais=1"), "unknown measure 'bais'; did you mean 'bias'"),
        (("run", "null", "--until-mcse", "1", "--replicates", "9"), "two ends; give one of them"),
        (("run", "null", "--backend", "rya"), "backend 'rya' is unknown; did you mean 'ray'"),
        (("list", "scenario"), "did you mean 'scenarios'"),
        (("repoduce",), "reproduce"),
    ],
)
def test_bad_arguments_get_one_sentence(simsepsis, tmp_path, arguments, words):
    assert words in sentence(simsepsis(*arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("run", "null", "--until-mcse", "bais=1"), ("analyze", "bad.csv", "--out", "nowhere"), ("repoduce",)],
    ids=["a value", "a file", "a command"],
)
def test_the_program_refuses_as_the_function_does(simsepsis, simsepsis_process, tmp_path, arguments):
    (tmp_path / "bad.csv").write_text("patient_id\n1\n", encoding="utf-8")
    here, there = simsepsis(*arguments), simsepsis_process(*arguments)
    assert sentence(there) == sentence(here)
    assert there.stdout == here.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


@pytest.fixture(scope="module")
def whole():
    """Return a small registry with nothing wrong."""
    return generate_cohort(load_scenario("thesis"), seed=0, n=400).registry


@pytest.fixture
def cohort(simsepsis, tmp_path, whole):
    """Return a function that writes a changed cohort file and analyses it."""

    def analyse(change):
        change(whole).to_csv(tmp_path / "bad.csv", index=False)
        return sentence(simsepsis("analyze", "bad.csv", "--out", "nowhere"))

    return analyse


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="apache2"), ("bad.csv", "apache2", "missing")),
        (lambda f: f.assign(infection_site="liver"), ("bad.csv", "infection_site", "liver")),
        (lambda f: f.assign(ivigg=f["ivigg"] + 1), ("bad.csv", "ivigg", "2")),
        (lambda f: f.assign(ivigg=0), ("bad.csv", "ivigg")),
        (lambda f: f.head(0), ("bad.csv",)),
    ],
    ids=["missing column", "wrong category", "treatment not binary", "empty arm", "no patients"],
)
def test_bad_cohorts_get_one_sentence_and_leave_nothing(cohort, tmp_path, change, words):
    text = cohort(change)
    for word in words:
        assert word in text
    assert not (tmp_path / "nowhere").exists()
