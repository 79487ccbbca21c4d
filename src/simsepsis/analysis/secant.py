"""What two steps with one factor tell of the curvature that the factor does not have."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray


def secant_step(step: FloatArray, moved: FloatArray, change: FloatArray, turned: FloatArray) -> FloatArray:
    """Return the step that leads to the root, if steps are linear in the coefficients.

    Parameters
    ----------
    step
        The step that the factor gives here, shape (p,).
    moved
        How far the coefficients are from where the step before was taken, shape (p,).
    change
        How much the step differs from that one, shape (p,).
    turned
        The same in the factor's metric: factor times its transpose times `change`, which is the change of the
        gradient, shape (p,).

    References
    ----------
    Anderson DG. J ACM 1965;12:547 (depth 1).
    """
    share = float(turned @ step) / float(turned @ change)
    return np.asarray(step - share * (moved + change))
