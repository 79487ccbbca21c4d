"""Empirical calibration: what controls of known effect say about the systematic error of an analysis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.optimize
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import finite_vector
from simsepsis.analysis.numeric import normal_quantile
from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError, DataError, MissingColumnError, did_you_mean

FAR = 50.0
"""Log ratios beyond this are no effects; limits of intervals are looked for within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A model of systematic error: an estimate is normal about intercept + slope × truth.

    Attributes
    ----------
    intercept, slope
        Mean of the estimates at truth 0, and their change with the truth; 0 and 1 without error.
    sd_intercept, sd_slope
        Standard deviation of the systematic error at truth 0, and its change with the size of the truth.
    controls
        Number of controls it was fitted to.
    """

    intercept: float
    slope: float
    sd_intercept: float
    sd_slope: float
    controls: int

    def apply(self, estimate: ArrayLike, std_error: ArrayLike) -> pd.Series | pd.DataFrame:
        """Return an estimate as it is after calibration.

        Returns
        -------
        Series or DataFrame
            estimate, std_error, ci_low, ci_high on the log scale, and p_value, of no effect against the null
            distribution; a row for each of several estimates.

        Notes
        -----
        The limits are the truths at which the estimate lies 1.96 standard deviations from what is expected,
        the standard deviation that of chance and systematic error together. R:
        ``EmpiricalCalibration::calibrateConfidenceInterval``.
        """
        values = finite_vector(np.atleast_1d(np.asarray(estimate)), "estimate")
        errors = _above_zero(finite_vector(np.atleast_1d(np.asarray(std_error)), "std_error", values.size))
        rows = pd.DataFrame([self._applied(one, error) for one, error in zip(values, errors, strict=True)])
        return rows if np.ndim(estimate) else rows.iloc[0].rename(None)

    def _applied(self, found: float, error: float) -> dict[str, float]:
        z = normal_quantile(0.95)
        low, middle, high = (self._truth(found, error, shift) for shift in (-z, 0.0, z))
        distance = abs(found - self.intercept) / np.hypot(error, self.sd_intercept)
        return {
            "estimate": middle,
            "std_error": (high - low) / (2 * z),
            "ci_low": low,
            "ci_high": high,
            "p_value": float(2 * scipy.special.ndtr(-distance)),
        }

    def _truth(self, found: float, error: float, shift: float) -> float:
        """Return the truth from which an estimate lies `shift` standard deviations below what is expected."""

        def beyond(truth: float) -> float:
            spread = np.hypot(error, self.sd_intercept + self.sd_slope * abs(truth))
            return float((self.intercept + self.slope * truth - found) / spread - shift)

        if beyond(-FAR) * beyond(FAR) > 0:
            raise DataError(
                f"no truth within ±{FAR:g} fits the estimate {found:g} (standard error {error:g}): the "
                "controls' errors grow as fast as their truths; add controls whose truths lie farther apart"
            )
        return float(scipy.optimize.brentq(beyond, -FAR, FAR, xtol=1e-12))


def empirical_calibration(
    controls: pd.DataFrame,
    *,
    estimate: str = "log_rr",
    std_error: str = "se_log_rr",
    truth: str = "true_log_rr",
) -> Calibration:
    r"""Fit the systematic error of an analysis to its estimates of controls whose true effect is known.

    Parameters
    ----------
    controls
        One row for each control: outcomes that the treatment cannot change (negative controls, truth 0), and
        others with an effect put in. With truths that are all the same only the error's mean and standard
        deviation there are fitted.
    estimate, std_error, truth
        Columns: estimate and its standard error on the log scale, and the true value. Rows without a truth
        (the outcome of interest) are left out.

    Returns
    -------
    Calibration
        The error model; its `apply` calibrates an estimate.

    Raises
    ------
    DataError
        If a column is missing, a value is no number, a standard error is not above 0, or there are fewer
        controls than parameters.
    ConvergenceError
        If the likelihood has no maximum.

    Notes
    -----
    :math:`\hat\theta_i \sim N(a + b\theta_i,\ s_i^2 + (c + d|\theta_i|)^2)` with c, d ≥ 0, by maximum
    likelihood. R: ``EmpiricalCalibration::fitSystematicErrorModel``; with truths of 0 only, ``fitNull``.

    References
    ----------
    Schuemie MJ et al. Stat Med 2014;33:209, and PNAS 2018;115:2571.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from simsepsis import empirical_calibration
    >>> rng = np.random.default_rng(1)
    >>> controls = pd.DataFrame({"true_log_rr": np.repeat(np.log([1.0, 2.0, 4.0]), 30), "se_log_rr": 0.1})
    >>> controls["log_rr"] = controls["true_log_rr"] + 0.2 + rng.normal(0, np.hypot(0.1, 0.15), 90)
    >>> calibration = empirical_calibration(controls)
    >>> calibration.apply(np.log(1.5), 0.1).round(2)
    estimate     0.22
    std_error    0.15
    ci_low      -0.08
    ci_high      0.51
    p_value      0.16
    dtype: float64
    """
    _check_columns(controls, {"estimate": estimate, "std_error": std_error, "truth": truth})
    known = controls[controls[truth].notna()]
    value, error, true = (finite_vector(known[name], name) for name in (estimate, std_error, truth))
    varied = true.size > 0 and bool(np.ptp(true))
    least = 4 if varied else 2
    if true.size <= least:
        raise DataError(
            f"there are {true.size} controls with a truth; give more than {least}, better 30 or more"
        )
    a, b, c, d = _most_likely(value, _above_zero(error), true, varied)
    return Calibration(intercept=a, slope=b, sd_intercept=c, sd_slope=d, controls=int(true.size))


def _above_zero(error: FloatArray) -> FloatArray:
    if (error <= 0).any():
        row = int(np.argmax(error <= 0))
        raise DataError(f"standard error: row {row} is {error[row]:g}; give standard errors above 0")
    return error


def _check_columns(controls: pd.DataFrame, names: dict[str, str]) -> None:
    for role, name in names.items():
        if name not in controls.columns:
            hint = did_you_mean(name, map(str, controls.columns))
            raise MissingColumnError(
                f"there is no column '{name}'{hint}; write {role}=\"…\" with a column's name"
            )


def _most_likely(value: FloatArray, error: FloatArray, truth: FloatArray, varied: bool) -> list[float]:
    """Maximize the likelihood over intercept, slope and the two of the standard deviation."""
    free = [0, 1, 2, 3] if varied else [0, 2]
    size = np.abs(truth)

    def whole(chosen: FloatArray) -> FloatArray:
        params = np.array([0.0, 1.0, 0.0, 0.0])
        params[free] = chosen
        return params

    def loss(chosen: FloatArray) -> tuple[float, FloatArray]:
        a, b, c, d = whole(chosen)
        sd = c + d * size
        variance = error**2 + sd**2
        residual = value - a - b * truth
        by_mean = -residual / variance
        by_sd = (1 - residual**2 / variance) * sd / variance
        slope = (by_mean, by_mean * truth, by_sd, by_sd * size)
        total = 0.5 * float(np.sum(np.log(variance) + residual**2 / variance))
        return total, np.array([slope[j].sum() for j in free])

    begin = np.array([0.0, 1.0, max(float(np.std(value - truth)), 1e-3), 0.0])[free]
    bounds = np.array([(-FAR, FAR), (-FAR, FAR), (0.0, FAR), (0.0, FAR)])[free]
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
    found = scipy.optimize.minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    if not np.isfinite(found.fun) or np.abs(found.x).max() >= FAR:
        raise ConvergenceError("the error model of the controls has no maximum; give more controls")
    return [float(number) for number in whole(found.x)]
