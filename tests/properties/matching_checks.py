"""What every set of matched pairs must satisfy, and a matcher too simple to be wrong.

The checks take the pairs only, so that they can be turned on any matcher, broken ones included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Pairs = list[tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One sample to match: scores, arms, strata, the order in which treated rows choose, and the caliper."""

    score: np.ndarray
    treated: np.ndarray
    stratum: np.ndarray
    sequence: tuple[int, ...]
    width: float
    ratio: int = 1

    def gap(self, t: int, c: int) -> float:
        """Distance between two rows; inf across strata and beyond the caliper."""
        gap = abs(float(self.score[t]) - float(self.score[c]))
        return gap if self.stratum[t] == self.stratum[c] and gap <= self.width else np.inf

    @property
    def controls(self) -> list[int]:
        """Rows of the controls."""
        return [int(row) for row in np.flatnonzero(~self.treated)]


Matcher = Callable[[Case], Pairs]


def brute_force(
    case: Case,
    *,
    distance: Callable[[float, float], float] = lambda a, b: abs(a - b),
    width: float | None = None,
    reuse: bool = False,
) -> Pairs:
    """Scan all controls for each treated row: nearest, then fewest rank steps, then the lower one.

    The arguments break it on purpose.
    """
    limit = case.width if width is None else width
    rank = {int(row): place for place, row in enumerate(np.argsort(case.score, kind="stable"))}
    held: dict[int, list[int]] = {t: [] for t in case.sequence}
    for turn in range(case.ratio):
        for t in case.sequence:
            used = {c for group in held.values() for c in group}
            own = [rank[t]] + [rank[c] for c in held[t]]
            offers = []
            for c in case.controls:
                d = distance(float(case.score[t]), float(case.score[c]))
                if case.stratum[c] != case.stratum[t] or d > limit or c in (held[t] if reuse else used):
                    continue
                left = rank[c] < rank[t]
                steps = _steps(case, rank, t, min(own) if left else max(own), rank[c])
                offers.append((d, steps, not left, c))
            if offers and len(held[t]) == turn:
                held[t].append(min(offers)[3])
    return [(t, c) for t in sorted(held) for c in held[t]]


def _steps(case: Case, rank: dict[int, int], t: int, start: int, end: int) -> int:
    """Rank steps from one rank to another, counting the rows of the stratum only."""
    low, high = min(start, end), max(start, end)
    return sum(
        1 for row, place in rank.items() if low < place <= high and case.stratum[row] == case.stratum[t]
    )


def check_pairs(case: Case, pairs: Pairs) -> None:
    """One treated and one control row in each pair, of one stratum, in order of treated rows."""
    assert all(case.treated[t] and not case.treated[c] for t, c in pairs)
    assert all(case.stratum[t] == case.stratum[c] for t, c in pairs)
    assert [t for t, _ in pairs] == sorted(t for t, _ in pairs)


def check_no_reuse(case: Case, pairs: Pairs) -> None:
    """No control twice; no treated row with more controls than the ratio."""
    controls = [c for _, c in pairs]
    assert len(set(controls)) == len(controls)
    partners = np.bincount([t for t, _ in pairs], minlength=1)
    assert partners.max() <= case.ratio


def check_caliper(case: Case, pairs: Pairs) -> None:
    """No pair further apart than the caliper."""
    assert all(case.gap(t, c) <= case.width for t, c in pairs)


def check_greedy(case: Case, pairs: Pairs) -> None:
    """Each control was the nearest then free; each unmatched treated row had none free within the caliper."""
    partner = dict(pairs)
    free = set(case.controls)
    for t in case.sequence:
        nearest = min((case.gap(t, c) for c in free), default=np.inf)
        if t in partner:
            assert partner[t] in free
            assert case.gap(t, partner[t]) == nearest
            free.remove(partner[t])
        else:
            assert nearest == np.inf


def check_maximal(case: Case, pairs: Pairs) -> None:
    """No unmatched pair within the caliper, so at least half as many pairs as there could be."""
    treated = {t for t, _ in pairs}
    controls = {c for _, c in pairs}
    free = [c for c in case.controls if c not in controls]
    left_over = [t for t in case.sequence if t not in treated]
    assert all(case.gap(t, c) == np.inf for t in left_over for c in free)
    assert 2 * len(pairs) >= maximum_pairs(case)


def maximum_pairs(case: Case) -> int:
    """Greatest possible number of pairs: within each stratum, the lowest of each arm that can still pair."""
    total = 0
    for stratum in np.unique(case.stratum):
        inside = case.stratum == stratum
        treated = np.sort(case.score[case.treated & inside])
        controls = np.sort(case.score[~case.treated & inside])
        t = c = 0
        while t < treated.size and c < controls.size:
            if abs(treated[t] - controls[c]) <= case.width:
                t, c, total = t + 1, c + 1, total + 1
            elif treated[t] < controls[c]:
                t += 1
            else:
                c += 1
    return total


def check_no_blocking_pair(case: Case, pairs: Pairs) -> None:
    """No treated row and control that are both nearer to each other than to their partners."""
    gap_t = {t: case.gap(t, c) for t, c in pairs}
    gap_c = {c: case.gap(t, c) for t, c in pairs}
    for t in case.sequence:
        for c in case.controls:
            gap = case.gap(t, c)
            assert gap >= min(gap_t.get(t, np.inf), gap_c.get(c, np.inf))


def check_oracle(case: Case, pairs: Pairs) -> None:
    """The same pairs, one by one, as the brute-force scan finds."""
    assert pairs == brute_force(case)


GREEDY_CHECKS: Sequence[Callable[[Case, Pairs], None]] = (
    check_pairs,
    check_no_reuse,
    check_caliper,
    check_greedy,
    check_maximal,
    check_oracle,
)
