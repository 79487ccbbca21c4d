"""A study is found by name or folder, by default too, and says in one sentence what it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsepsis.analysis.methods import methods_of
from simsepsis.analysis.spec import AnalysisSpec, default_spec, load_spec
from simsepsis.errors import DataError, UsageError
from simsepsis.study.published import DEFAULT, Study, open_study, study_names

MINE = {
    "study.toml": 'name = "mine"\ntitle = "My ward"\n',
    "variables.csv": "name,role,kind,low,high\npid,id,,,\nage,covariate,number,0,120\n"
    "sex,covariate,binary,0,1\ndrug,treatment,binary,0,1\ndead,outcome,binary,0,1\n",
    "analysis.toml": 'treatment = "drug"\npatient = "pid"\n'
    'covariates = ["age", "sex"]\noutcomes = ["dead"]\n',
    "tables/table1.csv": "table,variable,level,statistic,phase,arm,printed,text,bound,decimals\n"
    "table1,n,,count,before,treated,40,40,,0\ntable1,n,,count,before,control,60,60,,0\n"
    "table1,sex,,count,before,treated,10,10,,0\ntable1,sex,,percent,before,treated,52.0,52.0,,1\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in MINE.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_nothing_named_is_the_default_study():
    assert open_study() is open_study(DEFAULT)
    assert open_study().name == DEFAULT
    assert open_study("thesis") == open_study()
    assert open_study(open_study("rhc")).name == "rhc"
    assert {DEFAULT, "rhc"} <= set(study_names())


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(UsageError, match="study 'rch' is unknown; did you mean 'rhc'"):
        open_study("rch")


def test_a_folder_is_a_study(folder: Path):
    mine = open_study(folder)
    assert mine.variables.of("covariate") == ("age", "sex")
    assert mine.spec.covariates == ("age", "sex")
    assert mine.spec.variables == mine.variables
    assert mine.spec.cluster is None
    (finding,) = mine.audit()["explain"]
    assert finding.startswith("Table 1, before matching, sex, percent reads 52.0, but 10 / 40 = 25.00%")


def test_a_study_without_tables_says_so(folder: Path):
    (folder / "tables" / "table1.csv").unlink()
    with pytest.raises(DataError, match=r"has no printed tables; write them as CSV, such as table1\.csv"):
        open_study(folder).audit()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('title = "My ward"', 'name is missing or no text; write name = "…"'),
        ('name = "mine"\ntitle = 3', 'title is missing or no text; write title = "…"'),
        ('name = "mine"\ntitle = "x"\nalso = "our"', 'also is missing or no text; write also = ["…"]'),
        ('name = "mine"\ntitle = "x"\ntitel = "y"', "titel: unknown key; did you mean 'title'?"),
        ('name = "a/b"\ntitle = "x"', "name = 'a/b' does not begin with a letter"),
    ],
)
def test_what_is_wrong_with_a_study_is_one_sentence(folder: Path, text: str, sentence: str):
    (folder / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        open_study(folder)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tabels = []", "tabels: unknown key"),
        ('[[sums]]\ntotal = ["table1"]', "sums.0"),
        ("arms = 3", "arms = 3"),
    ],
)
def test_what_is_wrong_with_a_layout_is_one_sentence(folder: Path, text: str, sentence: str):
    (folder / "tables" / "layout.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        _ = open_study(folder).layout


def test_a_spec_takes_what_it_does_not_name_from_a_study(folder: Path):
    spec = folder / "variant.toml"
    spec.write_text('extends = "rhc"\ncaliper = 0.1\n', encoding="utf-8")
    found, base = load_spec(spec), open_study("rhc").spec
    assert (found.caliper, found.covariates, found.study) == (0.1, base.covariates, "rhc")
    assert AnalysisSpec() == default_spec() == open_study().spec


def test_methods_of_a_study_are_listed_with_its_own(folder: Path):
    own = {"psm_registry_2007", "psm_claims", "psm_claims_procedures"}
    assert own <= set(methods_of(default_spec()))
    assert not own & set(methods_of(open_study(folder).spec))
    assert "breslow_day_apache3" in methods_of(open_study("rhc").spec)


def test_a_study_finds_its_worlds_and_experiments_by_name(folder: Path):
    study: Study = open_study()
    assert study.scenario("null").name == "null"
    assert study.experiment("null").run.analysis == study.spec
    assert study.trial("trial-sbits").name == "trial-sbits"
    with pytest.raises(UsageError, match="study 'mine' has no experiment 'null'; it has none"):
        open_study(folder).experiment("null")
