"""Streams are addressed by what they are for, not by what was drawn before."""

import numpy as np
import pytest

from simsepsis.errors import UsageError
from simsepsis.streams import STREAMS, stream


def test_same_address_same_numbers():
    first = stream(7, "course", cell=3, replicate=2).random(5)
    again = stream(7, "course", cell=3, replicate=2).random(5)
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    "other", [{"seed": 8}, {"name": "patients"}, {"replicate": 1}, {"cell": 1}], ids=lambda d: next(iter(d))
)
def test_every_part_of_the_address_matters(other):
    address = {"seed": 7, "name": "course", "cell": 0, "replicate": 0}

    def draw(seed, name, cell, replicate):
        return stream(seed, name, cell=cell, replicate=replicate).random(4)

    assert not np.array_equal(draw(**address), draw(**(address | other)))


def test_streams_of_one_seed_are_unrelated():
    draws = np.array([stream(1, name).standard_normal(4_000) for name in STREAMS])
    correlation = np.corrcoef(draws) - np.eye(len(STREAMS))
    # Five standard errors: one of 55 pairs beyond that would be a defect.
    assert np.abs(correlation).max() < 5 / np.sqrt(4_000)


@pytest.mark.parametrize(("seed", "name", "words"), [(-1, "course", "seed -1"), (1, "nope", "stream 'nope'")])
def test_refusals_name_the_value(seed, name, words):
    with pytest.raises(UsageError, match=words):
        stream(seed, name)
