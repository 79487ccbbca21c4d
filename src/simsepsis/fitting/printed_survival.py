"""Survival as tables print it, the share dead by some days or the median, and the hazards that give it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError
from simsepsis.fitting.printed_cells import Arm, Cells
from simsepsis.study.layout import Key
from simsepsis.study.printed import OF_TIMES
from simsepsis.world.contrast import LARGEST_LOG_HAZARD_RATIO

STRONGEST = 8.0
"""Largest SD of a log hazard that is tried."""

BEYOND_CHANCE = 1.96

Curve = tuple[tuple[float, float], ...]
"""Time and share with the event by then, both rising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedSurvival:
    """What is printed of a time to an event: its columns, the curves of both arms, the end of follow-up."""

    event: str
    time: str
    curves: tuple[Curve, Curve]
    end: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hazards:
    """Hazards of the controls between cuts, for a predictor of 0, and the log ratio of the treated."""

    cuts: FloatArray
    cumulative: FloatArray
    log_ratio: float

    def share(self, time: float, score: FloatArray, weights: FloatArray, *, treated: bool) -> float:
        """Return the share with the event by some time."""
        exposure = np.interp(time, self.cuts, self.cumulative) * np.exp(self.log_ratio * treated)
        return 1.0 - float(np.average(np.exp(-exposure * np.exp(score)), weights=weights))


def printed_survival(cells: Cells, spec: AnalysisSpec) -> PrintedSurvival | None:
    """Return what is printed of a time to an event; None where nothing is."""
    keys = [key for key in cells.printed if key.statistic in OF_TIMES]
    if not keys:
        return None
    event = keys[0].variable
    if spec.survival_event != event or spec.survival_time is None:
        raise DataError(
            f'{cells.at(keys[0])} tells of survival; write survival_event = "{event}" and survival_time = '
            f'"{event}_time" in analysis.toml'
        )
    ends = [key for key in keys if key.statistic == "follow_up"]
    if not ends:
        raise DataError(
            f"{cells.at(keys[0])}: nothing says when follow-up ended; add a row with variable = '{event}', "
            "statistic = 'follow_up' and the last time as text"
        )
    end = max(cells.printed[key].value for key in ends)
    curves = [_curve(cells, event, arm, end) for arm in cells.arms]
    return PrintedSurvival(event=event, time=spec.survival_time, curves=(curves[0], curves[1]), end=end)


def _curve(cells: Cells, event: str, arm: Arm, end: float) -> Curve:
    own = cells.found.get((event, arm.name), {})
    found = sorted((_point(cells, key, end), key) for key in own.values() if key.statistic in OF_TIMES[:2])
    if not found:
        named = getattr(cells.printed.layout.arms, arm.name)
        place = cells.at(next(key for key in cells.printed if key.statistic in OF_TIMES))
        raise DataError(
            f"{place}: of the arm '{named}' no share or median is printed; add rows with variable = "
            f"'{event}', statistic = 'percent_by', a time such as 28 as level, and arm = '{named}'"
        )
    for ((before, more), _), ((time, share), key) in pairwise(found):
        if share < more:
            raise DataError(
                f"{cells.at(key)} means {share:.1%} by {time:g}, but by {before:g} it was {more:.1%}, and a "
                "share of those who had the event cannot fall; correct one of them"
            )
    least = 0.5 / arm.size
    return tuple((time, float(np.clip(share, least, 1.0 - least))) for (time, share), _ in found)


def _point(cells: Cells, key: Key, end: float) -> tuple[float, float]:
    """Return a time and the share with the event by then."""
    value, median = cells.printed[key].value, key.statistic == "median_time"
    if not median and not 0.0 <= value <= 100.0:
        raise DataError(f"{cells.at(key)} is no percentage; write 0 to 100")
    try:
        time = value if median else float(key.level)
    except ValueError:
        raise DataError(f"{cells.at(key)}: level '{key.level}' is no time; write it as 28") from None
    if not 0.0 < time <= end:
        rest = ", or leave the row out where the median was not reached" if median else ""
        raise DataError(
            f"{cells.at(key)} is of time {time:g}, and follow-up goes from 0 to {end:g}; correct one of "
            f"them{rest}"
        )
    return time, 0.5 if median else value / 100.0


def spread_of_hazards(unit: FloatArray, c_statistic: float) -> float:
    r"""Return the SD of log hazards, from SD 1, at which this share of all pairs is concordant.

    Of two patients the one with a log hazard higher by δ has the event first with probability
    :math:`1 / (1 + e^{-\delta})`.
    """
    apart = np.abs(unit - np.roll(unit, unit.size // 2 + 1))
    return float(
        brentq(lambda spread: float(expit(spread * apart).mean()) - c_statistic, 0.0, STRONGEST, xtol=1e-4)
    )


def hazards_of(printed: PrintedSurvival, score: FloatArray, chance: FloatArray) -> Hazards:
    """Return hazards at which the controls have their printed curve, and the treated theirs on the whole."""
    treated, control = printed.curves
    times = np.array([0.0, *dict(control)])
    reached = [_exposure(share, score, 1.0 - chance) for share in dict(control).values()]
    cumulative = np.array([0.0, *reached])
    if times[-1] < printed.end:
        # Beyond the last number that is printed the last hazard goes on.
        slope = (cumulative[-1] - cumulative[-2]) / (times[-1] - times[-2])
        cumulative = np.append(cumulative, cumulative[-1] + slope * (printed.end - times[-1]))
        times = np.append(times, printed.end)

    def gap(log_ratio: float) -> float:
        hazards = Hazards(cuts=times, cumulative=cumulative, log_ratio=log_ratio)
        return sum(hazards.share(time, score, chance, treated=True) - share for time, share in treated)

    ends = (-LARGEST_LOG_HAZARD_RATIO, LARGEST_LOG_HAZARD_RATIO)
    low, high = map(gap, ends)
    found = ends[0] if low > 0.0 else ends[1] if high < 0.0 else float(brentq(gap, *ends, xtol=1e-6))
    return Hazards(cuts=times, cumulative=cumulative, log_ratio=found)


def _exposure(share: float, score: FloatArray, weights: FloatArray) -> float:
    """Return the cumulative hazard, for a score of 0, by which this share has the event."""
    ratio = np.exp(score)

    def gap(log_exposure: float) -> float:
        return 1.0 - share - float(np.average(np.exp(-np.exp(log_exposure) * ratio), weights=weights))

    far = 20.0 + float(np.abs(score).max())
    return float(np.exp(brentq(gap, -far, far, xtol=1e-9)))


def unlike(printed: PrintedSurvival, size: float) -> Iterator[str]:
    """Yield a sentence on curves that no single hazard ratio gives, beyond chance in `size` treated."""
    nobody = np.zeros(1)
    hazards = hazards_of(printed, nobody, np.full(1, 0.5))
    for time, share in printed.curves[0]:
        given = hazards.share(time, nobody, np.ones(1), treated=True)
        if abs(given - share) > BEYOND_CHANCE * np.sqrt(share * (1.0 - share) / size):
            yield (
                f"The printed curves are not of proportional hazards: of the treated {share:.1%} are printed "
                f"by {time:g}, {given:.1%} are in the worlds, which have one hazard ratio."
            )
