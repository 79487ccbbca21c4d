"""How many replicates: from the Monte Carlo standard error wanted, or while a study runs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import scipy.special

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.performance.mcse import wilson_half_width
from simsepsis.performance.measures import MEASURES, OF_SHARE, Guess


def replicates_needed(
    measure: str,
    mcse: float,
    *,
    expected: float | None = None,
    sd: float | None = None,
    correlation: float | None = None,
) -> int:
    """Number of replicates at which a measure reaches a Monte Carlo standard error.

    Parameters
    ----------
    measure
        Name in `MEASURES`.
    mcse
        The MCSE wanted, in the unit of the measure.
    expected
        Expected value of the measure: needed for proportions (`coverage`, `rejection`, `convergence` …); for
        the two relative measures in percent, 0 unless given.
    sd
        SD over replicates of what the measure averages: of θ̂ for `bias`, `median_bias`, `empirical_se` and
        `rmse`; of θ̂/θ for `relative_bias`; of (θ̂ − θ)² for `mse`; of SE for `model_se`; of the width for
        `ci_width`; of |θ̂/θ| for `exaggeration`.
    correlation
        For `relative_precision`: of the two methods' estimates in the same replicates.

    Returns
    -------
    int
        Rounded up. Replicates that do not fail; for `exaggeration` and `wrong_sign`, that reject.

    Raises
    ------
    UsageError
        If the measure is unknown, a number it needs is missing, or a number is out of range.

    Notes
    -----
    Proportions p(1 − p)/mcse²; means SD²/mcse²; median bias (π/2)·SD²/mcse², empirical SE and RMSE
    1 + SD²/(2·mcse²), relative error 1 + (100 + expected)²/(2·mcse²) and relative precision
    1 + 4(100 + expected)²(1 − ρ²)/mcse² for normal estimates (RMSE without bias; relative error with SEs
    that hardly vary).

    References
    ----------
    Morris TP, White IR, Crowther MJ. Stat Med 2019;38:2074, section 5.3.
    """
    if measure not in MEASURES:
        raise UsageError(f"measure '{measure}' is unknown{did_you_mean(measure, MEASURES)}")
    given = {"expected": expected, "sd": sd, "correlation": correlation}
    planned = MEASURES[measure].planned
    for name in planned.needs:
        if given[name] is None:
            raise UsageError(f"replicates_needed('{measure}', …) needs {name}=…; give your best guess")
    guess = Guess(mcse=mcse, **{name: value for name, value in given.items() if value is not None})
    _check(measure, guess)
    return _ceiling(planned.formula(guess))


def replicates_from_pilot(n_used: int, mcse: float, target: float) -> int:
    """Number of replicates at which a measure reaches a Monte Carlo standard error, from a pilot's.

    Parameters
    ----------
    n_used, mcse
        Replicates and MCSE of the measure in the pilot.
    target
        The MCSE wanted.

    Raises
    ------
    UsageError
        If the target is not positive or the pilot has no MCSE.

    Notes
    -----
    n·(mcse/target)²: every MCSE falls with √n.
    """
    if not (target > 0 and mcse >= 0 and math.isfinite(mcse)):
        raise UsageError(f"target {target} from an MCSE of {mcse}: give a positive target and a known MCSE")
    return _ceiling(n_used * (mcse / target) ** 2)


def stopping_mcse(performance: pd.DataFrame, *, alpha: float = 0.05) -> pd.Series[float]:
    """Monte Carlo standard error that a stopping rule may trust, for each row of a performance table.

    Parameters
    ----------
    performance
        From `summarize`.
    alpha
        One minus the level of the Wilson interval.

    Returns
    -------
    Series
        For proportions the half width of the Wilson interval over its normal quantile, which is positive at
        0 and 1 where the binomial MCSE is 0; for other measures their MCSE. Infinite where there is none, so
        that a comparison with a target fails.
    """
    unit = performance["measure"].map({name: measure.unit for name, measure in MEASURES.items()})
    z = float(scipy.special.ndtri(1.0 - alpha / 2.0))
    share = performance["value"].where(unit == "proportion")
    wilson = wilson_half_width(share, performance["n_used"], alpha=alpha) / z
    trusted: FloatArray = np.where(unit == "proportion", wilson, performance["mcse"])
    return pd.Series(np.where(np.isnan(trusted), np.inf, trusted), index=performance.index, name="mcse")


def _check(measure: str, guess: Guess) -> None:
    """Refuse numbers that no study can have."""
    proportion = MEASURES[measure].planned is OF_SHARE
    proportion = MEASURES[measure].planned is OF_SHARE
    rules = (
        ("mcse", guess.mcse > 0, "a positive number"),
        ("sd", guess.sd >= 0, "a number of 0 or more"),
        ("correlation", abs(guess.correlation) <= 1, "a number from -1 to 1"),
        (
            "expected",
            not proportion or 0 < guess.expected < 1,
            "a proportion between 0 and 1",
        ),
    )
    for name, fine, rule in rules:
        if not fine:
            raise UsageError(
                f"replicates_needed('{measure}', …): {name} = {getattr(guess, name)}; give {rule}"
            )


def _ceiling(replicates: float) -> int:
    """Round up, but not for the last bits of a whole number."""
    return math.ceil(replicates * (1.0 - 1e-12))
