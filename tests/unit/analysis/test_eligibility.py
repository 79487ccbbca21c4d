"""Rules that exclude patients: applied before anything else, counted with their reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own_cohorts import own_cohort, own_spec

from simsepsis.analysis.eligibility import Rule, eligible
from simsepsis.analysis.spec_files import load_spec
from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.errors import DataError, UsageError

COHORT = own_cohort()
SPEC = """treatment = "drug"
outcomes = ["dead"]
covariates = ["age", "sex"]
"""


def spec_of(folder: Path, rules: str):
    path = folder / "own.toml"
    path.write_text(SPEC + rules)
    return load_spec(path)


def test_rules_leave_the_same_analysis_as_a_file_without_these_patients(tmp_path: Path) -> None:
    rules = """
[[exclude]]
column = "age"
below = 45
reason = "younger than 45"
[[exclude]]
column = "hospital"
equals = ["H03", "H07"]
[[include]]
column = "cost"
at_least = 5
"""
    found = analyze(COHORT, spec_of(tmp_path, rules), seed=1)
    young, far = COHORT["age"] < 45, COHORT["hospital"].isin(["H03", "H07"])
    cheap = ~(COHORT["cost"] >= 5)
    assert found.result.flow.excluded == (
        ("younger than 45", int(young.sum())),
        ("hospital H03 or H07", int((far & ~young).sum())),
        ("not cost at least 5", int((cheap & ~far & ~young).sum())),
    )
    assert found.result.flow.registered == len(COHORT)
    kept = COHORT[~young & ~far & ~cheap]
    alone = analyze(kept.reset_index(drop=True), spec_of(tmp_path, ""), seed=1)
    columns = ["method", "estimand", "estimate", "std_error", "n_used"]
    pd.testing.assert_frame_equal(found.estimates[columns], alone.estimates[columns])
    # rows are those of the file, not of those who stayed
    np.testing.assert_array_equal(found.score["row"], kept.index)
    steps = found.flow.set_index("step")["patients"]
    assert steps["excluded: younger than 45"] == young.sum()


def test_a_missing_value_is_known_to_be_missing_and_meets_no_limit(tmp_path: Path) -> None:
    gaps = COHORT.astype({"age": float})
    gaps.loc[:4, "age"] = np.nan
    gaps.loc[5:7, "drug"] = np.nan
    excluded = analyze(gaps, spec_of(tmp_path, '[[exclude]]\ncolumn = "drug"\nmissing = true\n'))
    assert excluded.result.flow.excluded == (("drug missing", 3),)
    assert excluded.result.flow.missing_day1 == 5
    young = '[[exclude]]\ncolumn = "age"\nbelow = 200\n[[exclude]]\ncolumn = "drug"\nmissing = true\n'
    with pytest.raises(DataError):
        analyze(gaps, spec_of(tmp_path, young))  # only those without an age are left, and no day-1 data
    known = '[[include]]\ncolumn = "drug"\nmissing = false\n'
    assert analyze(gaps, spec_of(tmp_path, known)).result.flow.excluded == (("not drug known", 3),)


@pytest.mark.parametrize(
    ("rule", "cells", "met"),
    [
        ({"equals": 3}, ["3", "3.0", "30", None], [1, 1, 0, 0]),
        ({"equals": True}, [True, False, True, False], [1, 0, 1, 0]),
        ({"equals": ("a", "b")}, ["a", " b", "c", np.nan], [1, 1, 0, 0]),
        ({"at_least": 2, "below": 4}, [1, 2, 3, 4], [0, 1, 1, 0]),
        ({"above": 2, "at_most": 4}, ["2", "3", "4", "5"], [0, 1, 1, 0]),
        ({"missing": True}, [1, None, np.nan, 2], [0, 1, 1, 0]),
    ],
)
def test_what_meets_a_rule(rule, cells, met) -> None:
    cells = pd.Series(cells, dtype=object)
    stay, left = eligible([Rule(column="x", **rule)], [], {"x": cells}.__getitem__, patients=4, source="f")
    assert stay.tolist() == [not one for one in met]
    assert left[0][1] == sum(met)
    kept, _ = eligible([], [Rule(column="x", **rule)], {"x": cells}.__getitem__, patients=4, source="f")
    assert kept.tolist() == [bool(one) for one in met]


def test_refusals_name_value_place_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the rule on 'age' has no condition; write below = 18"):
        Rule(column="age")
    with pytest.raises(DataError, match=r"exclude.0: beow: unknown key; did you mean 'below'"):
        spec_of(tmp_path, '[[exclude]]\ncolumn = "age"\nbeow = 3\n')
    with pytest.raises(DataError, match="column 'agee' is missing; did you mean 'age'"):
        analyze(COHORT, spec_of(tmp_path, '[[exclude]]\ncolumn = "agee"\nbelow = 3\n'))
    with pytest.raises(DataError, match=r"column 'sex' has '(fe)?male' in row 1, and the rule 'sex below 3'"):
        analyze(COHORT, spec_of(tmp_path, '[[exclude]]\ncolumn = "sex"\nbelow = 3\n'))
    with pytest.raises(DataError, match="nobody is left after the rule 'age below 500'"):
        analyze(COHORT, spec_of(tmp_path, '[[exclude]]\ncolumn = "age"\nbelow = 500\n'))


def test_without_rules_nothing_is_excluded() -> None:
    assert analyze(COHORT, own_spec()).result.flow.excluded == ()
