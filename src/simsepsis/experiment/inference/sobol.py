"""Standard normal deviates that fill a space evenly."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from simsepsis.arrays import FloatArray


def sobol_normals(
    dimensions: int, number: int, rng: np.random.Generator, *, edge: float = 1e-9
) -> FloatArray:
    """Return scrambled Sobol points as deviates, (number, dimensions), none beyond the quantile of `edge`."""
    # Opened here: it takes longer than all else that a run of an experiment opens.
    from scipy.stats import qmc

    points = qmc.Sobol(dimensions, scramble=True, rng=rng).random(number)
    return np.asarray(ndtri(np.clip(points, edge, 1.0 - edge)))
