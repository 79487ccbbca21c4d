"""Leaving out what nobody asked for changes no number that somebody did ask for."""

import pandas as pd
import pytest

from simsepsis.analysis.methods import GROUPS, METHODS, run_methods
from simsepsis.analysis.methods.thesis import TWIN
from simsepsis.analysis.methods.thesis_parts import parts_of, with_parts_for
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.streams import streams
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario

NAMES = (*GROUPS["thesis"], "psm_paired_se", "rmst28", f"{TWIN}_psm_gee", f"{TWIN}_psm_cox")
BITS = ["estimate", "std_error", "ci_low", "ci_high", "p_value", "n_used", "converged", "failure"]


@pytest.fixture(scope="module")
def registries():
    scenario = load_scenario("thesis")
    return [
        generate_cohort(scenario, seed=4, n=1500, oracle=False, assignment=assignment).registry
        for assignment in ("indication", "coin")
    ]


def _rows(names, registries):
    registry, twin = registries
    return run_methods(names, registry, draw=streams(4), twin=twin).set_index(["method", "estimand"])[BITS]


def test_a_method_alone_gives_the_bits_that_it_gives_among_all(registries):
    together = _rows(NAMES, registries)
    for name in NAMES:
        pd.testing.assert_frame_equal(_rows((name,), registries), together.loc[[name]])


def test_every_part_is_read_by_some_method_and_left_out_for_another():
    whole = with_parts_for(THESIS_SPEC, tuple(METHODS))
    assert whole == THESIS_SPEC
    for part in parts_of(THESIS_SPEC):
        readers = [name for name in GROUPS["thesis"] if part.read_by(name)]
        assert readers
        assert len(readers) < len(GROUPS["thesis"])
        kept = with_parts_for(THESIS_SPEC, readers[:1])
        left = with_parts_for(THESIS_SPEC, ("crude",))
        for name, value in part.without.items():
            assert getattr(kept, name) == getattr(THESIS_SPEC, name)
            assert getattr(left, name) == value
