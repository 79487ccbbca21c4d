"""Each planted fault still has its place, so that the list cannot rot."""

from pathlib import Path

import pytest
from faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_text_to_spoil_stands_once_and_its_tests_exist(fault):
    text = (ROOT / "src" / "simsepsis" / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.right) == 1
    assert any((ROOT / "tests" / test).exists() for test in fault.tests)
