"""One replicate of the reproduction: a registry, the thesis's analysis of it, and what is kept of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from simsepsis.analysis.cells import cells
from simsepsis.analysis.readings import LITERAL, Reading, run_readings
from simsepsis.analysis.result import FIRST_SCORE, Attempt, ThesisResult
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.survival import kaplan_meier
from simsepsis.analysis.time_to_death import FollowUp
from simsepsis.arrays import FloatArray
from simsepsis.streams import stream
from simsepsis.study.layout import ARMS, Key
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.scenario import Scenario

T = TypeVar("T")

CURVE_DAYS = np.arange(0.0, 91.0)
"""Days on which the survival curves of all replicates are compared."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replicate:
    """What is kept of one simulated registry.

    Attributes
    ----------
    values
        (keys,): the numbers asked for; NaN where the analysis gave none.
    survival, at_risk
        (2, days): Kaplan–Meier survival and patients at risk of treated and control on `CURVE_DAYS`; NaN
        where there is no curve.
    failures
        (step, reason) of each step that gave no estimate, or not all.
    scores
        ``arm, matched, logit`` of every patient; for the first replicate only.
    by_reading
        (readings, keys): the numbers in each reading asked for.
    """

    values: FloatArray
    survival: FloatArray
    at_risk: FloatArray
    failures: tuple[tuple[str, str], ...]
    scores: pd.DataFrame | None
    by_reading: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedThesis:
    """The task of one replicate: simulate the registry and analyse it as the thesis did.

    Attributes
    ----------
    scenario, seed
        The world, and the user's seed.
    keys
        Which numbers to keep, in order.
    spec, readings
        The analysis, and how to read it, the literal reading first.
    """

    scenario: Scenario
    seed: int
    keys: tuple[Key, ...]
    spec: AnalysisSpec
    readings: tuple[Reading, ...]

    def __call__(self, replicate: int) -> Replicate:
        """Return what is kept of one replicate."""
        cohort = generate_cohort(self.scenario, seed=self.seed, replicate=replicate)
        rng = stream(self.seed, "matching", replicate=replicate)
        results = run_readings(cohort.records, self.readings, rng=rng, spec=self.spec)
        literal = keep(results[LITERAL], self.keys, with_scores=replicate == 0)
        others = [_values(result, self.keys) for name, result in results.items() if name != LITERAL]
        return replace(literal, by_reading=np.stack([literal.values, *others]))


def keep(result: ThesisResult, keys: tuple[Key, ...], *, with_scores: bool) -> Replicate:
    """Return of one analysis the numbers with these keys, the curves and the failures."""
    survival, at_risk = _curves(result)
    values = _values(result, keys)
    return Replicate(
        values=values,
        survival=survival,
        at_risk=at_risk,
        failures=tuple(failed_steps(result)),
        scores=_scores(result) if with_scores else None,
        by_reading=values[None],
    )


def _values(result: ThesisResult, keys: tuple[Key, ...]) -> FloatArray:
    found = cells(result)
    return np.array([found.get(key, np.nan) for key in keys])


def failed_steps(result: ThesisResult) -> Iterator[tuple[str, str]]:
    """Yield (step, reason) of every step that gave no estimate, or none of some of its terms."""
    for score, matching in result.matched.items():
        note = "" if matching.value is None else matching.value.propensity.note
        yield from _failed(("matching", score), matching, note)
    for crude_key, crude in result.crude.items():
        yield from _failed(("crude comparison", *crude_key), crude)
    for model_key, model in result.models.items():
        note = "" if model.value is None else model.value.note
        yield from _failed(("GEE", *_words(model_key, result.spec.later.title)), model, note)
    for interaction_key, interaction in result.interactions.items():
        yield from _failed(("interaction", *interaction_key), interaction)
    if result.survival is not None:
        note = "" if result.survival.value is None else result.survival.value.cox.failure or ""
        yield from _failed(("Cox",), result.survival, note)


def _failed(step: tuple[str, ...], attempt: Attempt[T], note: str = "") -> Iterator[tuple[str, str]]:
    reason = attempt.failure or note
    if reason:
        yield ", ".join(step), reason


def _words(key: tuple[str, bool, str], later: str) -> tuple[str, ...]:
    score, extended, outcome = key
    return (score, f"with {later}", outcome) if extended else (score, outcome)


def _curves(result: ThesisResult) -> tuple[FloatArray, FloatArray]:
    """Return survival and number at risk of both arms on the common days."""
    step = result.survival
    if step is None or step.value is None:
        nothing = np.full((len(ARMS), CURVE_DAYS.size), np.nan)
        return nothing, nothing
    follow_up = step.value.follow_up
    arms = [_curve(follow_up, treated=treated) for treated in (True, False)]
    return np.stack([arm[0] for arm in arms]), np.stack([arm[1] for arm in arms])


def _curve(follow_up: FollowUp, *, treated: bool) -> tuple[FloatArray, FloatArray]:
    """Return one arm's survival up to and with each day, and how many were still followed on it."""
    rows = follow_up.treated == treated
    duration = follow_up.duration[rows]
    table = kaplan_meier(duration, follow_up.event[rows])
    times, survival = table["time"].to_numpy(), np.append(1.0, table["survival"].to_numpy())
    stepped: FloatArray = survival[np.searchsorted(times, CURVE_DAYS, side="right")]
    followed = np.sort(duration)
    at_risk: FloatArray = (duration.size - np.searchsorted(followed, CURVE_DAYS)).astype(np.float64)
    return stepped, at_risk


def _scores(result: ThesisResult) -> pd.DataFrame | None:
    """Return arm, matching and linear predictor of every analysed patient, or None without a score."""
    found = result.matched[FIRST_SCORE].value
    if found is None:
        return None
    matched = np.zeros(result.cohort.n, dtype=bool)
    matched[np.concatenate([found.matches.treated, found.matches.control])] = True
    return pd.DataFrame(
        {
            "arm": np.where(result.cohort.treated, *ARMS),
            "matched": matched,
            "logit": found.propensity.logit,
        }
    )
