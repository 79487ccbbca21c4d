import pandas as pd
import pytest

from simsepsis.study.auditing import audit_printed
from simsepsis.study.finding import MISPRINT, ONE_SIDED
from simsepsis.study.printed import KEY
from simsepsis.study.published import audit_thesis, open_study


@pytest.fixture(scope="module")
def both():
    study = open_study()
    return study.printed(), study.printed(corrected=True)


def test_as_printed_nothing_is_corrected(both):
    printed, _ = both
    assert not printed["corrected"].any()
    assert (printed["text"].str.removeprefix("<").astype(float) == printed["printed"]).all()


def test_corrections_touch_proven_cells_only(both):
    printed, corrected = both
    differing = printed.index[printed["printed"] != corrected["printed"]]
    findings = audit_thesis()
    proven = findings[findings["corrected"].notna()]
    assert set(map(tuple, corrected.loc[differing, list(KEY)].to_numpy())) == set(
        map(tuple, proven[list(KEY)].to_numpy())
    )
    assert corrected.index[corrected["corrected"]].equals(differing)
    unchanged = [name for name in printed.columns if name not in ("printed", "corrected")]
    pd.testing.assert_frame_equal(printed[unchanged], corrected[unchanged])


def test_a_number_that_is_not_proven_wrong_stays(both):
    _, corrected = both
    findings = audit_thesis()
    open_keys = {tuple(key) for key in findings.loc[findings["corrected"].isna(), list(KEY)].to_numpy()}
    stays = corrected[[tuple(key) in open_keys for key in corrected[list(KEY)].to_numpy()]]
    assert len(stays) == len(open_keys) > 0
    assert not stays["corrected"].any()
    assert ONE_SIDED in set(findings["verdict"])
    assert MISPRINT in set(findings["verdict"])


def test_after_correction_the_audit_has_nothing_to_correct(both):
    _, corrected = both
    assert audit_printed(open_study().numbers_of(corrected))["corrected"].isna().all()


def test_types(both):
    printed, _ = both
    assert printed["printed"].dtype == "float64"
    assert printed["decimals"].dtype == "int64"
    assert printed["corrected"].dtype == "bool"
