"""Specs: what a file says, and what it may not say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec, Subgroup
from simsepsis.analysis.spec_files import load_spec
from simsepsis.errors import DataError, UsageError
from simsepsis.studies.jseptic_ivigg.columns import ADJUNCTS, SCORE_COVARIATES
from simsepsis.study.published import open_study

OTHER = """
treatment = "swang1"
covariates = ["age", "sex"]
outcomes = ["dth30"]
survival_time = "t3d30"
survival_event = "dth30"
censoring = 30

[[subgroups]]
name = "aps"
column = "aps1"
at_least = 68

[columns]
age = "AGE"
[recode.swang1]
RHC = 1
"No RHC" = 0
[recode.weight]
0 = nan
[levels]
sex = ["Male", "Female"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "analysis.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_default_is_the_literal_reading() -> None:
    assert AnalysisSpec() == THESIS_SPEC
    assert THESIS_SPEC.covariates == SCORE_COVARIATES
    assert (THESIS_SPEC.scale, THESIS_SPEC.caliper, THESIS_SPEC.caliper_sd) == ("logit", 0.2, "overall")
    assert [group.at_least for group in THESIS_SPEC.subgroups] == [29.0, 1.0]
    assert len(set(THESIS_SPEC.numbers_used)) == len(THESIS_SPEC.numbers_used)


def test_parts_that_a_file_does_not_name_are_absent(tmp_path: Path) -> None:
    spec = load_spec(write(tmp_path, OTHER))
    assert (spec.cluster, spec.adjuncts, spec.later_scores, spec.patient) == (None, (), (), None)
    assert spec.subgroups == (Subgroup(name="aps", column="aps1", at_least=68.0),)
    assert spec.censoring == 30.0
    assert spec.columns == {"age": "AGE"}
    assert spec.recode["swang1"] == {"RHC": 1, "No RHC": 0}
    assert math.isnan(float(spec.recode["weight"]["0"]))
    assert spec.levels == {"sex": ("Male", "Female")}
    assert spec.numbers_used == ("swang1", "age", "sex", "dth30", "t3d30", "aps1")


def test_extends_thesis_keeps_the_rest(tmp_path: Path) -> None:
    spec = load_spec(write(tmp_path, 'extends = "thesis"\ncaliper = 0.1\ncluster = ""\n'))
    assert (spec.caliper, spec.cluster, spec.adjuncts) == (0.1, None, ADJUNCTS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('extends = "thesis"\ncalipr = 0.1', ["analysis.toml: calipr: unknown key; did you mean 'caliper'?"]),
        ('extends = "paper"', ["extends = 'paper' is unknown"]),
        ('extends = "thesis"\nscale = "logits"', ["scale = 'logits'", "'logit' or 'ps'"]),
        ('extends = "thesis"\ncensoring = "never"', ["analysis.toml: censoring = 'never'"]),
        ('extends = "thesis"\ncensoring = 0', ["censoring 0.0 is not a day"]),
        ('extends = "thesis"\ncaliper = -1', ["analysis.toml: caliper -1.0 is negative"]),
        ('extends = "thesis"\nadjuncts = "rrt"', ["adjuncts = 'rrt'"]),
        ('extends = "thesis"\noutcomes = []', ["'outcomes' is empty"]),
        ('extends = "thesis"\nsurvival_time = ""', ["go together"]),
        ('extends = "thesis"\ncovariates = ["ivigg"]', ["'ivigg' is the treatment"]),
        (
            'extends = "thesis"\n[[subgroups]]\nname = "x"\ncolum = "y"\nat_least = 2',
            ["subgroups.0: colum", "'column'"],
        ),
        ('treatment = "a"\noutcomes = ["b"]', ["'covariates' is missing"]),
        ("treatment = ", ["cannot be read as TOML"]),
    ],
)
def test_bad_spec_is_one_sentence(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        load_spec(write(tmp_path, text))
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scale": "logits"}, "scale 'logits' is unknown; choose logit or ps"),
        ({"order": "best"}, "order 'best' is unknown"),
        ({"censoring": "never"}, "censoring 'never' is unknown"),
        ({"covariates": ()}, "'covariates' is empty"),
    ],
)
def test_wrong_settings_are_refused_at_once(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        AnalysisSpec(**settings)  # type: ignore[arg-type]


def test_an_analysis_of_ones_own_takes_nothing_of_a_study():
    own = AnalysisSpec(treatment="drug", outcomes=("dead",), covariates=("age",))
    thesis = AnalysisSpec()
    assert own.study == "own"
    lacking = (own.cluster, own.patient, own.adjusters, own.durations, own.later_scores, own.subgroups)
    assert lacking == (None, None, (), (), (), ())
    assert all((thesis.adjusters, thesis.cluster, thesis.subgroups))
    numbers = AnalysisSpec(treatment="drug", numeric_outcomes=("cost",), covariates=("age",))
    assert numbers.all_outcomes == ("cost",)
    with pytest.raises(UsageError, match="'covariates' is missing"):
        AnalysisSpec(treatment="drug", outcomes=("dead",))


def test_columns_that_are_not_named_are_those_of_the_study():
    spec = open_study("rhc").spec
    named = AnalysisSpec(study="rhc", covariates=("age",))
    assert (named.treatment, named.outcomes, named.survival_time) == (
        spec.treatment,
        spec.outcomes,
        spec.survival_time,
    )
    assert named.covariates == ("age",)


def test_missing_file_names_its_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.toml: cannot be read"):
        load_spec(tmp_path / "nowhere.toml")
