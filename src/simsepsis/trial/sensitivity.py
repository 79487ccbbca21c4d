"""What if: sample sizes over assumptions that planners get wrong, and power over sample sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from simsepsis.errors import UsageError
from simsepsis.trial.designs.two_proportions import design_binary, power_two_proportions
from simsepsis.trial.effect import Effect, effect_between, with_scale
from simsepsis.trial.expected_power import PlannedTrial
from simsepsis.trial.inputs import positive, probability, within

_SMALLEST_RISK = 1e-9


def diluted_risks(
    p_control: float, p_treated: float, *, nonadherence: float = 0.0, contamination: float = 0.0
) -> tuple[float, float]:
    """Return the risks of the two arms as randomized when some patients get the other arm's treatment.

    Parameters
    ----------
    p_control, p_treated
        Risks without and with treatment.
    nonadherence
        Share of the treated arm that is not treated, in [0, 1].
    contamination
        Share of the control arm that is treated, in [0, 1].

    Notes
    -----
    Who departs from the arm is taken to be like the others. With nonadherence a and no contamination, the
    risk ratio is a + (1 − a)RR.
    """
    missed = within(nonadherence, "nonadherence", 0.0, 1.0, closed=True)
    gained = within(contamination, "contamination", 0.0, 1.0, closed=True)
    gap = probability(p_treated, "p_treated") - probability(p_control, "p_control")
    return p_control + gained * gap, p_treated - missed * gap


def inflated_for_loss(n_total: float, loss: float) -> float:
    """Return how many patients to randomize so that enough outcomes remain.

    Parameters
    ----------
    n_total
        Patients with an outcome that the design needs.
    loss
        Share whose outcome is missing at random, in [0, 1).

    Notes
    -----
    N/(1 − loss). For patients who are followed but not treated, see `diluted_risks`: that is another event,
    with another effect on N.
    """
    return positive(n_total, "n_total") / (1.0 - (0.0 if loss == 0 else probability(loss, "loss")))


def sample_size_grid(
    p_control: Iterable[float],
    effects: Iterable[Effect],
    *,
    powers: Iterable[float] = (0.8, 0.9),
    nonadherence: Iterable[float] = (0.0,),
    contamination: Iterable[float] = (0.0,),
    loss: Iterable[float] = (0.0,),
    alpha: float = 0.05,
    sides: int = 2,
    ratio: float = 1.0,
    formula: str = "pooled",
) -> pd.DataFrame:
    """Sample sizes for two proportions over control risk × effect × departures × power.

    Parameters
    ----------
    p_control
        Risks under control.
    effects
        Effects of treatment actually taken, each with its scale.
    powers
        Powers.
    nonadherence, contamination, loss
        Shares, as in `diluted_risks` and `inflated_for_loss`.
    alpha, sides, ratio, formula
        As in `design_two_proportions`.

    Returns
    -------
    DataFrame
        One row for each combination: p_control, scale, effect, p_treated, risk_difference, risk_ratio (as
        randomized), power, nonadherence, contamination, loss, n_total (with outcome), n_randomized,
        failure. A combination that has no sample size keeps its row, with NaN and the reason.
    """

    def size(risk: float, effect: Effect, power: float) -> float:
        planned = design_binary(
            risk, effect, power=power, alpha=alpha, sides=sides, ratio=ratio, formula=formula
        )
        return planned.n_total

    cells = product(p_control, map(with_scale, effects), powers, nonadherence, contamination, loss)
    return pd.DataFrame([_grid_row(size, *cell) for cell in cells])


def _grid_row(
    size: Callable[[float, Effect, float], float],
    risk: float,
    effect: Effect,
    power: float,
    missed: float,
    gained: float,
    loss: float,
) -> dict[str, object]:
    row: dict[str, object] = {"p_control": risk, "scale": effect.name, "effect": effect.value}
    row |= dict.fromkeys(("p_treated", "risk_difference", "risk_ratio"), np.nan)
    row |= {"power": power, "nonadherence": missed, "contamination": gained, "loss": loss}
    row |= {"n_total": np.nan, "n_randomized": np.nan, "failure": ""}
    try:
        treated = effect.treated_risk(risk)
        arms = diluted_risks(risk, treated, nonadherence=missed, contamination=gained)
        row |= {"p_treated": treated, "risk_difference": arms[1] - arms[0], "risk_ratio": arms[1] / arms[0]}
        needed = size(arms[0], effect_between(*arms, "risk_difference"), power)
        row |= {"n_total": needed, "n_randomized": inflated_for_loss(needed, loss)}
    except UsageError as error:
        row["failure"] = str(error)
    return row


def power_curve(
    design: PlannedTrial, n_totals: Sequence[float], *, effects: Iterable[Effect]
) -> pd.DataFrame:
    """Power over sample sizes and true effects.

    Parameters
    ----------
    design
        A `Design` or a `SequentialDesign`.
    n_totals
        Patients in both arms.
    effects
        True effects, each with its scale.

    Returns
    -------
    DataFrame
        n_total, scale, effect, power.
    """
    rows = [
        {
            "n_total": n,
            "scale": effect.name,
            "effect": effect.value,
            "power": design.with_total(n).power_at(effect),
        }
        for effect, n in product(map(with_scale, effects), n_totals)
    ]
    return pd.DataFrame(rows)


def detectable_effect(
    p_control: float,
    n_total: float,
    *,
    scale: str,
    alpha: float = 0.05,
    sides: int = 2,
    power: float = 0.9,
    ratio: float = 1.0,
    formula: str = "pooled",
) -> Effect:
    """Smallest reduction of risk that a number of patients detects.

    Parameters
    ----------
    p_control
        Risk under control.
    n_total
        Patients in both arms.
    scale
        On which to return it: risk_difference, risk_ratio or odds_ratio.
    alpha, sides, power, ratio, formula
        As in `design_two_proportions`.

    Raises
    ------
    UsageError
        When not even the removal of all deaths would be detected.
    """

    def missing(treated: float) -> float:
        reached = power_two_proportions(
            p_control, treated, n_total, alpha=alpha, sides=sides, ratio=ratio, formula=formula
        )
        return reached - power

    largest = p_control * (1.0 - _SMALLEST_RISK)
    if missing(_SMALLEST_RISK) < 0:
        raise UsageError(
            f"n_total={n_total:g} detects no reduction of a control risk of {p_control:g} with a power of "
            f"{power:g}; plan more patients"
        )
    treated = float(brentq(missing, _SMALLEST_RISK, largest, xtol=1e-14))
    return effect_between(p_control, treated, scale)
