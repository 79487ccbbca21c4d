"""What two steps with one factor tell of the curvature that the factor does not have."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray


def secant_step(step: FloatArray, moved: FloatArray, change: FloatArray, turned: FloatArray) -> FloatArray:
    """Return the step that leads to the root, if steps are linear in the coefficients.

    References
    ----------
    Anderson DG. J ACM 1965;12:547 (depth 1).
    """
    share = float(turned @ step) / float(turned @ change)
    return np.asarray(step - share * (moved + change))
