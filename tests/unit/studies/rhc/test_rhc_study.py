"""A study that is nothing but files: its numbers fit each other, and its analysis is that of the spec."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from print_tables import tables_of

from simsepsis.analysis.cohort_file import read_cohort
from simsepsis.analysis.spec_files import load_spec
from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.errors import DataError, UsageError
from simsepsis.study.auditing import audit_printed
from simsepsis.study.layout import Key
from simsepsis.study.published import open_study

FILE = Path(os.environ.get("SIMSEPSIS_RHC", Path(__file__).parents[5] / "shared" / "data" / "rhc.csv"))
needs_file = pytest.mark.skipif(not FILE.is_file(), reason="the public cohort is not here")
STUDY = open_study("rhc")


def test_its_folder_has_no_code():
    assert [path for path in STUDY.folder.rglob("*") if path.suffix in (".py", ".pyc")] == []
    assert STUDY.module("sentences") is None


def test_a_folder_anywhere_is_the_same_study(tmp_path: Path):
    for path in STUDY.folder.rglob("*.*"):
        copy = tmp_path / path.relative_to(STUDY.folder)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    copied = open_study(tmp_path)
    assert copied.variables == STUDY.variables
    # NaN, which stands for a missing value, is not equal to itself
    assert repr(replace(copied.spec, study=STUDY.key)) == repr(STUDY.spec)
    assert copied.printed().equals(STUDY.printed())


def test_its_printed_numbers_fit_each_other():
    assert len(STUDY.numbers) > 300
    assert STUDY.audit().empty


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (Key("table1", "cat1", "COPD", "count", "before", "treated"), "85"),
        (Key("table1", "male", "", "percent", "before", "control"), "45.9"),
        (Key("table2", "dth30", "", "count", "before", "treated"), "1900"),
    ],
)
def test_a_number_that_is_changed_is_found(key: Key, text: str):
    changed = STUDY.printed()
    place = (changed[list(Key._fields)] == list(key)).all(axis=1)
    assert place.sum() == 1
    changed.loc[place, ["printed", "text"]] = [float(text), text]
    found = audit_printed(STUDY.numbers_of(changed))
    assert set(found["variable"]) == {key.variable}


def test_what_it_does_not_have_is_told():
    with pytest.raises(UsageError, match="study 'rhc' has no scenario 'nul'; did you mean 'null'"):
        STUDY.scenario("nul")


@needs_file
def test_its_tables_are_those_of_the_public_file():
    file = pd.read_csv(FILE, keep_default_na=False, na_values=["NA"])
    shipped = STUDY.printed().drop(columns="corrected")
    pd.testing.assert_frame_equal(pd.concat(tables_of(file).values(), ignore_index=True), shipped)


@needs_file
def test_its_analysis_gives_the_numbers_of_the_spec_for_anybody():
    own = load_spec("analysis-rhc")
    of_study, of_anybody = (
        analyze(read_cohort(FILE, spec), spec, seed=1).estimates.drop(columns="seconds")
        for spec in (STUDY.spec, own)
    )
    pd.testing.assert_frame_equal(of_study, of_anybody)


@needs_file
def test_its_limits_bind():
    file = read_cohort(FILE, STUDY.spec)
    with pytest.raises(DataError, match="it must be at least 6 and at most 8"):
        analyze(file.assign(ph1=file["ph1"].astype(float) + 2.0), STUDY.spec)
