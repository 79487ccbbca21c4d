"""Bundled cohorts rebuilt from a printed table of each kind of outcome, against their own rows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.mark.parametrize("name", ["visits", "lung"])
def test_the_band_covers_what_the_rows_say(name):
    from hidden_kinds import COHORTS, compared

    table = compared(COHORTS[name](), 1, members=12)
    assert table["real"].notna().all()
    assert table["inside"].all(), table
