"""Named random streams: randomness is an argument, addressed by what it is for."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from simsepsis.errors import UsageError

STREAMS = (
    "icus",
    "patients",
    "care",
    "treatment",
    "adjuncts",
    "supports",
    "course",
    "scores",
    "daily",
    "controls",
    "observation",
    "unmeasured",
    "dose",
    "matching",
    "imputation",
    "courses",
    "coin",
    "population",
    "sites",
    "recruitment",
    "accrual",
    "randomization",
    "departure",
    "loss",
    "assumptions",
)
"""One stream per mechanism, so that changing one mechanism leaves all other random numbers alone."""


Streams = Callable[[str], np.random.Generator]
"""Name of a mechanism → its generator, the rest of the address being settled."""


def stream(seed: int, name: str, *, cell: int = 0, replicate: int = 0, block: int = 0) -> np.random.Generator:
    """Return the generator of one mechanism in one replicate of one cell.

    The state depends on the address only, never on what was drawn before, so results are the same
    for any number of workers, any batching, and whichever other cells run.
    """
    if seed < 0:
        raise UsageError(f"seed {seed} is negative; give an integer of 0 or more")
    if name not in STREAMS:
        raise UsageError(f"random stream '{name}' is unknown; known are {', '.join(STREAMS)}")
    address = (cell, replicate, zlib.crc32(name.encode()), *((block,) if block else ()))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy=seed, spawn_key=address)))


def streams(seed: int, *, cell: int = 0, replicate: int = 0, block: int = 0) -> Streams:
    """Return the function from a mechanism's name to its generator at one address."""
    return lambda name: stream(seed, name, cell=cell, replicate=replicate, block=block)
