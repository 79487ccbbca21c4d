"""Patients spread over sites."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray, IntArray


def allocate(sizes: IntArray | FloatArray, n: int) -> IntArray:
    """Return how many of `n` patients each site has, in proportion to `sizes` (largest remainders)."""
    exact = np.asarray(sizes) * (n / np.sum(sizes))
    counts = np.floor(exact).astype(np.int64)
    missing = n - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:missing]] += 1
    return np.asarray(counts)
