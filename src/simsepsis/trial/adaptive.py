"""Bayesian adaptive trials of several arms: stopping, dropping arms and adaptive allocation, with lag."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import betaln

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import UsageError
from simsepsis.threads import one_thread
from simsepsis.trial.inputs import probability, within

GRID = 500
"""Steps over which posterior densities of a risk are integrated."""
BATCH = 250
"""Trials whose densities are held at once."""
OUTCOMES = ("inconclusive", "superiority", "equivalence")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveDesign:
    """A Bayesian adaptive trial of an event that is to be avoided.

    Attributes
    ----------
    looks
        Patients whose outcome is known at each look.
    randomized
        Patients randomized at each look: more than that while outcomes mature.
    superiority
        Probability of being the best arm from which the trial stops for it; an arm with less than
        `inferiority` (by default one less this) is dropped.
    equivalence
        Probability that all arms differ by less than `difference` from which it stops; None for never.
    least
        Least share of every arm that is left; allocation follows the probability of being best, to the power
        of `soften` (0: equal shares).
    """

    looks: tuple[int, ...]
    randomized: tuple[int, ...]
    superiority: float = 0.99
    inferiority: float | None = None
    equivalence: float | None = None
    difference: float = 0.05
    least: float = 0.0
    soften: float = 1.0

    def __post_init__(self) -> None:
        rising = all(list(one) == sorted(set(one)) for one in (self.looks, self.randomized[:-1]))
        behind = any(known > sent for known, sent in zip(self.looks, self.randomized, strict=False))
        if not rising or behind or len(self.looks) != len(self.randomized) or self.looks[0] < 1:
            raise UsageError(
                f"looks={list(self.looks)}, randomized={list(self.randomized)}: give rising numbers of "
                f"patients, "
                "with no outcome known before its patient is randomized"
            )
        probability(self.superiority, "superiority")
        within(self.soften, "soften", 0.0, 1.0, closed=True)

    @property
    def floor(self) -> float:
        """Probability of being best below which an arm is dropped."""
        return 1.0 - self.superiority if self.inferiority is None else self.inferiority


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdaptiveTrials:
    """Simulated adaptive trials: how each ended (of `OUTCOMES`), its patients, events, and its best arm."""

    outcome: IntArray
    patients: IntArray
    events: IntArray
    best: IntArray
    arms: int = field(default=2)

    def characteristics(self) -> dict[str, tuple[float, float]]:
        """Return operating characteristics, each with its Monte Carlo standard error."""
        columns: dict[str, FloatArray] = {
            name: (self.outcome == code).astype(np.float64) for code, name in enumerate(OUTCOMES)
        }
        columns |= {
            "expected_n": self.patients.astype(np.float64),
            "expected_events": self.events.astype(np.float64),
        }
        columns |= {f"selects_{arm + 1}": (self.best == arm).astype(np.float64) for arm in range(self.arms)}
        root = math.sqrt(self.outcome.size)
        return {name: (float(own.mean()), float(own.std(ddof=1)) / root) for name, own in columns.items()}


@one_thread()
def simulate_adaptive(
    design: AdaptiveDesign, true_risks: Sequence[float], *, trials: int = 1_000, seed: int = 0
) -> AdaptiveTrials:
    """Simulate Bayesian adaptive trials.

    Parameters
    ----------
    design
        Looks, thresholds and allocation.
    true_risks
        Risk of the event in each arm; those of a protocol's world are `adaptive_risks`.
    trials, seed
        Trials and their seed.

    Notes
    -----
    Beta(1, 1) priors; probabilities of being best by integration over the beta densities. At a look arms are
    dropped, the rest being judged anew, then superiority and equivalence of those left are looked at. R:
    ``adaptr::run_trials``.

    References
    ----------
    Granholm A et al. J Open Source Softw 2022;7:4284.

    Examples
    --------
    >>> design = AdaptiveDesign(looks=(100, 200), randomized=(150, 200), superiority=0.98)
    >>> found = simulate_adaptive(design, [0.3, 0.15], trials=200).characteristics()
    >>> found["superiority"][0] > 0.5
    True
    """
    parts = [
        _batch(design, np.array(true_risks, np.float64), size, np.random.default_rng([seed, number]))
        for number, size in enumerate(np.diff(np.append(np.arange(0, trials, BATCH), trials)))
    ]
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("outcome", "patients", "events", "best")
    }
    return AdaptiveTrials(**joined, arms=len(true_risks))


def _batch(design: AdaptiveDesign, true: FloatArray, trials: int, rng: np.random.Generator) -> AdaptiveTrials:
    arms, most = true.size, design.randomized[-1]
    arm, dead = np.zeros((trials, most), np.int64), np.zeros((trials, most), np.bool_)
    active = np.ones((trials, arms), np.bool_)
    shares = np.full((trials, arms), 1.0 / arms)
    outcome, best = np.zeros(trials, np.int64), np.zeros(trials, np.int64)
    stopped = np.full(trials, len(design.looks) - 1)
    running, sent = np.ones(trials, np.bool_), 0
    for look, (known, randomized) in enumerate(zip(design.looks, design.randomized, strict=True)):
        uniform = rng.random((2, trials, randomized - sent))
        edges = np.cumsum(shares, axis=1)[:, None, :-1]
        arm[:, sent:randomized] = (uniform[0][..., None] >= edges).sum(axis=-1)
        dead[:, sent:randomized] = uniform[1] < true[arm[:, sent:randomized]]
        sent = randomized
        posterior = _densities(*_counted(arm[:, :known], dead[:, :known], arms))
        chance = _best(posterior, active)
        while (dropped := running[:, None] & active & (chance < design.floor)).any():
            active &= ~dropped
            chance = _best(posterior, active)
        ends = running & (chance.max(axis=1) > design.superiority)
        outcome[ends] = 1
        if design.equivalence is not None:
            alike = running & ~ends & (_alike(posterior, active, design.difference) >= design.equivalence)
            outcome[alike] = 2
            ends |= alike
        stopped[ends], best[running] = look, chance[running].argmax(axis=1)
        running &= ~ends
        shares = _allocation(chance, active, design)
    patients = np.array(design.randomized)[stopped]
    events = (dead & (np.arange(most) < patients[:, None])).sum(axis=1)
    return AdaptiveTrials(outcome=outcome, patients=patients, events=events, best=best, arms=arms)


def _counted(arm: IntArray, dead: BoolArray, arms: int) -> tuple[IntArray, IntArray]:
    """Return patients and events of each trial and arm, (trials, arms)."""
    mine = arm[..., None] == np.arange(arms)
    return mine.sum(axis=1), (mine & dead[..., None]).sum(axis=1)


def _densities(patients: IntArray, events: IntArray) -> FloatArray:
    """Return posterior masses of the risks of each trial and arm, (trials, arms, GRID)."""
    risk = (np.arange(GRID) + 0.5) / GRID
    a, b = 1.0 + events[..., None], 1.0 + (patients - events)[..., None]
    mass = np.exp((a - 1.0) * np.log(risk) + (b - 1.0) * np.log1p(-risk) - betaln(a, b))
    return np.asarray(mass / mass.sum(axis=-1, keepdims=True))


def _best(mass: FloatArray, active: BoolArray) -> FloatArray:
    """Return the probability of each arm that is left to have the lowest risk, (trials, arms)."""
    above = 1.0 - np.cumsum(mass, axis=-1) + 0.5 * mass
    above = np.where(active[..., None], above, 1.0)
    found = np.empty(active.shape)
    for arm in range(active.shape[1]):
        others = np.prod(np.delete(above, arm, axis=1), axis=1)
        found[:, arm] = np.where(active[:, arm], (mass[:, arm] * others).sum(axis=-1), 0.0)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _alike(mass: FloatArray, active: BoolArray, difference: float) -> FloatArray:
    """Return the probability that all arms that are left lie within a difference, (trials,)."""
    step = round(difference * GRID)
    below = np.cumsum(mass, axis=-1) - 0.5 * mass
    ahead = np.concatenate([below[..., step:], np.ones((*below.shape[:2], step))], axis=-1)
    within_reach = np.where(active[..., None], ahead - below, 1.0)
    found = np.zeros(active.shape[0])
    for arm in range(active.shape[1]):
        others = np.prod(np.delete(within_reach, arm, axis=1), axis=1)
        found += np.where(active[:, arm], (mass[:, arm] * others).sum(axis=-1), 0.0)
    return found


def _allocation(chance: FloatArray, active: BoolArray, design: AdaptiveDesign) -> FloatArray:
    """Return the shares of the arms, none below the least, (trials, arms)."""
    wanted = np.where(active, chance**design.soften, 0.0)
    wanted /= wanted.sum(axis=1, keepdims=True)
    floor = np.where(active, np.minimum(design.least, 1.0 / active.sum(axis=1, keepdims=True)), 0.0)
    held = np.zeros(active.shape, np.bool_)
    for _ in range(active.shape[1]):
        held |= active & (wanted < floor)
        free = np.where(held, 0.0, wanted)
        room = 1.0 - np.where(held, floor, 0.0).sum(axis=1, keepdims=True)
        wanted = np.where(held, floor, free / np.maximum(free.sum(axis=1, keepdims=True), 1e-300) * room)
    return np.asarray(wanted)


def calibrate_adaptive(
    design: AdaptiveDesign,
    risk: float,
    arms: int,
    *,
    target: float = 0.025,
    trials: int = 2_000,
    seed: int = 0,
    tolerance: float = 1e-3,
) -> tuple[AdaptiveDesign, float, float]:
    """Search the threshold of superiority at which arms that do not differ are rarely called superior."""
    low, high = 0.5, 1.0 - 1e-6
    best, error, mcse = replace(design, superiority=high), 0.0, 0.0
    while high - low > tolerance:
        middle = 0.5 * (low + high)
        tried = replace(design, superiority=middle)
        rate, spread = simulate_adaptive(tried, [risk] * arms, trials=trials, seed=seed).characteristics()[
            "superiority"
        ]
        if rate > target:
            low = middle
        else:
            high, best, error, mcse = middle, tried, rate, spread
    return best, error, mcse
