"""Corrections of the GEE sandwich for few clusters."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from simsepsis.arrays import FloatArray

COVARIANCES = ("robust", "mancl_derouen", "kauermann_carroll", "fay_graubard")
FAY_GRAUBARD_BOUND = 0.75
_FULL_LEVERAGE = 1 - 1e-8
_POWERS = {"mancl_derouen": -1.0, "kauermann_carroll": -0.5}


def corrected_scores(
    covariance: str, scores: FloatArray, breads: FloatArray, factor: FloatArray, inverse: FloatArray
) -> tuple[FloatArray, str | None]:
    """Enlarge the score of each cluster for its leverage on the estimate.

    Returns
    -------
    tuple
        Corrected scores, and why there are none: a cluster that determines a coefficient by itself has
        leverage 1 and leaves no residual to correct.

    Notes
    -----
    The textbook forms act on the residuals, with H = D B⁻¹ D'V⁻¹ of the size of the cluster; since
    D'V⁻¹ f(H) = f(Q) D'V⁻¹, matrices of p columns suffice. Q is similar to the symmetric L⁻¹ A L⁻ᵀ.

    References
    ----------
    Mancl LA, DeRouen TA. Biometrics 2001;57:126. Kauermann G, Carroll RJ. JASA 2001;96:1387.
    Fay MP, Graubard BI. Biometrics 2001;57:1198.
    """
    if covariance == "fay_graubard":
        leverage = np.einsum("kij,ji->ki", breads, inverse)
        return scores / np.sqrt(1 - np.minimum(FAY_GRAUBARD_BOUND, leverage)), None
    lower = scipy.linalg.solve_triangular(factor, np.eye(len(factor)), lower=True)
    leverage, axes = np.linalg.eigh(lower @ breads @ lower.T)
    if leverage.max() > _FULL_LEVERAGE:
        cluster = int(np.argmax(leverage.max(axis=1)))
        return scores, (
            f"cluster number {cluster} (in sorted order) alone determines a coefficient, "
            f"so the {covariance} correction does not exist; use robust or fay_graubard"
        )
    turned = np.einsum("kji,kj->ki", axes, scores @ lower.T) * (1 - leverage) ** _POWERS[covariance]
    return np.einsum("kij,kj->ki", axes, turned) @ factor.T, None
