"""Time to an event when patients enter over months and are followed to the end of the trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsepsis.errors import UsageError
from simsepsis.trial.designs.design import Design, Signal, fixed_design
from simsepsis.trial.designs.log_rank import LOG_RANK_FORMULAS
from simsepsis.trial.effect import Effect
from simsepsis.trial.inputs import Level, chosen, positive, within

REFERENCES = {
    "schoenfeld": LOG_RANK_FORMULAS["schoenfeld"][1],
    "lachin_foulkes": "Lachin JM, Foulkes MA. Biometrics 1986;42:507",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """Exponential times to an event; entry at `pace` up to each of `until`, the trial ends at `end`."""

    hazard: float
    dropout: float
    until: tuple[float, ...]
    pace: tuple[float, ...]
    end: float
    ratio: float
    formula: str
    name: str = "follow_up"

    def event_share(self, hazard: float) -> float:
        """Return the probability that the event of a patient with a hazard is seen."""
        leaving = hazard + self.dropout
        left = self.end - np.array(self.until)
        entered = np.append(self.end, left[:-1])
        # Mean over the entry in each piece of 1 − exp(−leaving × time left).
        seen = 1.0 - (np.exp(-leaving * left) - np.exp(-leaving * entered)) / (leaving * (entered - left))
        patients = np.array(self.pace) * (entered - left)
        return float(hazard / leaving * (patients @ seen) / patients.sum())

    def event_probability(self, effect: Effect) -> float:
        """Return the mean probability of a seen event over both arms."""
        shares = self.event_share(self.hazard), self.event_share(self.hazard * effect.value)
        return (shares[0] + self.ratio * shares[1]) / (1.0 + self.ratio)

    def signal(self, effect: Effect) -> Signal:
        """Return what one patient tells of a hazard ratio; positive where treatment lowers the hazard."""
        if self.formula == "schoenfeld":
            delta, variance = LOG_RANK_FORMULAS["schoenfeld"][0](effect.value, self.ratio)
            spread = math.sqrt(variance / self.event_probability(effect))
            return Signal(delta=delta, sd_null=spread, sd_true=spread)
        share = self.ratio / (1.0 + self.ratio)
        hazards = self.hazard, self.hazard * effect.value
        mean = (1.0 - share) * hazards[0] + share * hazards[1]
        control, treated, pooled = (self.event_share(rate) for rate in (*hazards, mean))
        return Signal(
            delta=-math.log(effect.value),
            sd_null=math.sqrt(1.0 / (pooled * share * (1.0 - share))),
            sd_true=math.sqrt(1.0 / (control * (1.0 - share)) + 1.0 / (treated * share)),
        )


def design_follow_up(
    hazard_ratio: float,
    hazard: float,
    *,
    accrual: float | Sequence[float],
    end: float,
    pace: Sequence[float] = (1.0,),
    dropout: float = 0.0,
    alpha: float = 0.025,
    sides: int = 1,
    power: float = 0.9,
    ratio: float = 1.0,
    formula: str = "schoenfeld",
) -> Design:
    """Sample size for the log-rank test when patients enter over time and are followed to the trial's end.

    Parameters
    ----------
    hazard_ratio
        Treated against control.
    hazard
        Of the event under control, for each unit of time; ln 2 over the median.
    accrual
        When accrual ends, or the end of each piece of it.
    end
        When the last patient is no longer followed.
    pace
        Patients for each unit of time in every piece; only their proportions matter.
    dropout
        Hazard of being lost, the same in both arms.
    alpha, sides, power, ratio
        As in `design_two_proportions`.
    formula
        ``"schoenfeld"``: events, over the probability to see one; ``"lachin_foulkes"``: log
        ratio of exponential hazards, its variance under no effect from the mean hazard.

    Returns
    -------
    Design
        `n_total` and `events`, not rounded. The effect's `horizon` is the end of the trial.

    Raises
    ------
    UsageError
        When accrual does not end before the trial, or a number is out of range.

    Notes
    -----
    P(λ) = λ/(λ + η)·(1 − mean of exp(−(λ + η)·time left at entry)); N = d over the mean of P, with d of
    `design_log_rank`; or √N·abs(ln HR) = z_α/√(π(1 − π)P(λ̄)) + z_β·√(1/[(1 − π)P(λ₀)] + 1/[πP(λ₁)]).
    R: ``rpact::getSampleSizeSurvival``, ``gsDesign::nSurvival``.

    References
    ----------
    Schoenfeld DA. Biometrics 1983;39:499. Lachin JM, Foulkes MA. Biometrics 1986;42:507.

    Examples
    --------
    >>> import math
    >>> design = design_follow_up(0.5, math.log(2) / 20, accrual=20, end=30)
    >>> round(design.n_total, 1), round(design.events, 1)
    (224.5, 87.5)
    """
    until = (accrual,) if isinstance(accrual, int | float) else tuple(accrual)
    if len(until) != len(pace) or list(until) != sorted(set(until)) or not 0.0 < until[0] <= until[-1] <= end:
        raise UsageError(
            f"accrual={list(until)}, pace={list(pace)}, end={end:g}: give rising ends of accrual, as many "
            "paces, and an end of the trial that is not before them"
        )
    endpoint = FollowUp(
        hazard=positive(hazard, "hazard"),
        dropout=within(dropout, "dropout", 0.0, math.inf, closed=True),
        until=tuple(map(float, until)),
        pace=tuple(positive(one, "pace") for one in pace),
        end=float(end),
        ratio=positive(ratio, "ratio"),
        formula=chosen(formula, REFERENCES, "formula"),
    )
    return fixed_design(
        endpoint,
        Effect(value=hazard_ratio, scale="hazard_ratio", horizon=end),
        Level(alpha=alpha, sides=sides),
        power,
        ratio=ratio,
        formula=formula,
        reference=REFERENCES[formula],
        horizon=end,
        notes=(f"Patients enter until {until[-1]:g} and are followed to {end:g}.",),
    )
