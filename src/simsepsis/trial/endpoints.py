"""Endpoints that are compared by ranks: ventilator-free days, ordinal scales, the win ratio.

These sample sizes are first guesses. Spikes at 0 and 28 days, censoring and the order of the hierarchy
matter, so the simulated trial has the last word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.trial.designs.design import Design, Signal, fixed_design
from simsepsis.trial.effect import Effect
from simsepsis.trial.inputs import Level, chosen, positive, probability, within

_FIRST_GUESS = "A first guess from large-sample theory; confirm it with the simulated trial."
_RANK_REFERENCES = {
    "noether": "Noether GE. J Am Stat Assoc 1987;82:645",
    "ties": "Noether GE 1987, null variance corrected for ties; Zhao YD, Rahardja D, Qu Y. Stat Med "
    "2008;27:462",
    "u_statistic": "Zhao YD, Rahardja D, Qu Y. Stat Med 2008;27:462",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """How pairs of a treated patient and a control compare, and how surely a trial tells."""

    win: float
    loss: float
    tie: float
    sd_index: float
    sd_index_null: float
    sd_log_win_ratio: float

    @property
    def probability_index(self) -> float:
        """P(treated better) + ½·P(tie)."""
        return self.win + 0.5 * self.tie

    @property
    def win_ratio(self) -> float:
        """Wins over losses."""
        return self.win / self.loss


@dataclass(frozen=True, slots=True, kw_only=True)
class RankScale:
    """A rank statistic with fixed SDs, on the scale of the probability index or the log win ratio."""

    name: str
    scale: str
    sd_null: float
    sd_true: float

    def signal(self, effect: Effect) -> Signal:
        """Return what one patient tells of an effect; positive where treated patients do better."""
        if effect.scale != self.scale:
            raise UsageError(
                f"effect is a {effect.name}, but {self.name} is about a {self.scale}; give the effect on "
                "that scale"
            )
        return Signal(delta=effect.coefficient, sd_null=self.sd_null, sd_true=self.sd_true)

    def event_probability(self, effect: Effect) -> None:
        """Return nothing: ranks have no events."""
        return None


def ventilator_free_days(death: float, ventilated: ArrayLike, *, horizon: int = 28) -> FloatArray:
    """Distribution of ventilator-free days, death by the horizon counted as 0."""
    # Yehya N et al. Am J Respir Crit Care Med 2019;200:828.
    days = category_probabilities(ventilated, "ventilated")
    if days.size != horizon + 1:
        raise UsageError(
            f"ventilated has {days.size} entries for a horizon of {horizon} days; give one for each of "
            f"0 to {horizon} days"
        )
    free: FloatArray = (1.0 - within(death, "death", 0.0, 1.0, closed=True)) * days[::-1]
    free[0] += death
    return free


def category_probabilities(values: ArrayLike, name: str) -> FloatArray:
    """Return probabilities of ordered categories, worst first."""
    shares = np.array(values, dtype=np.float64)
    if shares.ndim != 1 or shares.size < 2 or not np.all(shares >= 0) or abs(shares.sum() - 1.0) > 1e-6:
        raise UsageError(
            f"{name} sums to {np.sum(shares):g} over {shares.size} categories; give at least two "
            "probabilities, worst category first, that sum to 1"
        )
    normalized: FloatArray = shares / shares.sum()
    return normalized


def compare_pairs(control: ArrayLike, treated: ArrayLike, *, ratio: float = 1.0) -> Pairs:
    """Compare two distributions over the same ordered categories, pair by pair."""
    # Large-sample variance of a two-sample U-statistic: that of its two projections, (1 + r)·(Var
    # E[ψ|control] + Var E[ψ|treated]/r) for √N times the mean of ψ over pairs. Null variance with ties (1 +
    # r)²/r·(1 − Σp̄³)/12.
    left = category_probabilities(control, "control")
    right = category_probabilities(treated, "treated")
    if left.size != right.size:
        raise UsageError(
            f"control has {left.size} categories and treated {right.size}; give both over the same categories"
        )
    beats = np.sign(
        np.arange(left.size)[:, None] - np.arange(left.size)
    )  # treated category by control category
    win, loss = (float(right @ (beats == side) @ left) for side in (1, -1))
    if win == 0 or loss == 0:
        raise UsageError(
            "control and treated never overlap, so one arm wins every pair; check the probabilities"
        )
    mean = (left + positive(ratio, "ratio") * right) / (1.0 + ratio)
    null = (1.0 + ratio) ** 2 / ratio * (1.0 - float(np.sum(mean**3))) / 12.0
    return Pairs(
        win=win,
        loss=loss,
        tie=1.0 - win - loss,
        sd_index=_projection_sd(0.5 * (beats + 1.0), left, right, ratio),
        sd_index_null=math.sqrt(null),
        sd_log_win_ratio=_projection_sd((beats == 1) / win - (beats == -1) / loss, left, right, ratio),
    )


def _projection_sd(score: FloatArray, left: FloatArray, right: FloatArray, ratio: float) -> float:
    """Return the SD of √N times the mean over pairs of a score (treated category, control category)."""
    by_treated, by_control = score @ left, right @ score
    variances = [
        float(shares @ values**2 - (shares @ values) ** 2)
        for shares, values in ((left, by_control), (right, by_treated))
    ]
    return math.sqrt((1.0 + ratio) * (variances[0] + variances[1] / ratio))


def design_rank_sum(
    probability_index: float, *, alpha: float = 0.05, sides: int = 2, power: float = 0.9, ratio: float = 1.0
) -> Design:
    """Sample size for the Wilcoxon–Mann–Whitney test by Noether's formula."""
    # N = (z_α + z_β)²/[12c(1 − c)(P − ½)²], c the share of treated patients. No ties, and the null variance
    # also under the alternative: a first guess. Noether GE. J Am Stat Assoc 1987;82:645.
    effect = Effect(value=probability(probability_index, "probability_index"), scale="probability_index")
    spread = (1.0 + positive(ratio, "ratio")) / math.sqrt(12.0 * ratio)
    endpoint = RankScale(name="rank_sum", scale="probability_index", sd_null=spread, sd_true=spread)
    return _rank_design(endpoint, effect, "noether", Level(alpha=alpha, sides=sides), power, ratio)


def design_ventilator_free_days(
    control: ArrayLike,
    treated: ArrayLike,
    *,
    alpha: float = 0.05,
    sides: int = 2,
    power: float = 0.9,
    ratio: float = 1.0,
    formula: str = "u_statistic",
) -> Design:
    """Sample size for the Wilcoxon–Mann–Whitney test of any ordered outcome, such as ventilator-free days."""
    chosen(formula, _RANK_REFERENCES, "formula")
    pairs = compare_pairs(control, treated, ratio=ratio)
    if formula == "noether":
        return design_rank_sum(pairs.probability_index, alpha=alpha, sides=sides, power=power, ratio=ratio)
    endpoint = RankScale(
        name="rank_sum",
        scale="probability_index",
        sd_null=pairs.sd_index_null,
        sd_true=pairs.sd_index if formula == "u_statistic" else pairs.sd_index_null,
    )
    effect = Effect(value=pairs.probability_index, scale="probability_index")
    return _rank_design(endpoint, effect, formula, Level(alpha=alpha, sides=sides), power, ratio)


def _rank_design(
    endpoint: RankScale, effect: Effect, formula: str, level: Level, power: float, ratio: float
) -> Design:
    return fixed_design(
        endpoint,
        effect,
        level,
        power,
        ratio=ratio,
        formula=formula,
        reference=_RANK_REFERENCES[formula],
        notes=(_FIRST_GUESS,),
    )


def design_win_ratio(
    win_ratio: float,
    tie_probability: float,
    *,
    alpha: float = 0.05,
    sides: int = 2,
    power: float = 0.9,
    ratio: float = 1.0,
) -> Design:
    """Sample size for the win ratio by the formula of Yu and Ganju."""
    # N = σ²(z_α + z_β)²/(ln WR)², σ² = 4(1 + p_tie)/[3k(1 − k)(1 − p_tie)], k the share of treated
    # patients. Yu RX, Ganju J. Stat Med 2022;41:950. R: ``WRestimates::wr.ss``.
    ties = within(tie_probability, "tie_probability", 0.0, 1.0, closed=True)
    if ties == 1.0:
        raise UsageError("tie_probability=1 leaves no pair to be won; give a share below 1")
    share = positive(ratio, "ratio") / (1.0 + ratio)
    spread = math.sqrt(4.0 * (1.0 + ties) / (3.0 * share * (1.0 - share) * (1.0 - ties)))
    return _win_ratio_design(
        Effect(value=win_ratio, scale="win_ratio"),
        spread,
        ("yu_ganju", "Yu RX, Ganju J. Stat Med 2022;41:950"),
        Level(alpha=alpha, sides=sides),
        power,
        ratio,
    )


def design_win_ratio_ordinal(
    control: ArrayLike,
    treated: ArrayLike,
    *,
    alpha: float = 0.05,
    sides: int = 2,
    power: float = 0.9,
    ratio: float = 1.0,
) -> Design:
    """Sample size for the win ratio of a hierarchy that is given as ordered categories."""
    # Wald test of the log win ratio; its variance by the delta method from those of the U-statistics. Bebu
    # I, Lachin JM. Biostatistics 2016;17:178.
    pairs = compare_pairs(control, treated, ratio=ratio)
    return _win_ratio_design(
        Effect(value=pairs.win_ratio, scale="win_ratio"),
        pairs.sd_log_win_ratio,
        ("u_statistic", "Bebu I, Lachin JM. Biostatistics 2016;17:178"),
        Level(alpha=alpha, sides=sides),
        power,
        ratio,
    )


def _win_ratio_design(
    effect: Effect, spread: float, formula: tuple[str, str], level: Level, power: float, ratio: float
) -> Design:
    return fixed_design(
        RankScale(name="win_ratio", scale="win_ratio", sd_null=spread, sd_true=spread),
        effect,
        level,
        power,
        ratio=ratio,
        formula=formula[0],
        reference=formula[1],
        notes=(_FIRST_GUESS,),
    )
