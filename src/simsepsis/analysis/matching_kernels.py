"""Compiled loops of the matcher; each returns control positions (from 1; 0 for none) by treated unit and round.

Controls are laid out in joint order at positions 1 … m, with a sentinel at 0 and m + 1. `before` is the number of
controls ranked below each treated unit, so that its neighbours are the positions `before` and `before` + 1.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

from simsepsis.arrays import FloatArray, IntArray


@njit(cache=True)
def _find(parent: IntArray, position: int) -> int:
    """Return the free position that stands for this one, shortening the path on the way."""
    root = position
    while parent[root] != root:
        root = parent[root]
    while parent[position] != root:
        following = parent[position]
        parent[position] = root
        position = following
    return root


@njit(cache=True)
def _prefer(
    left_distance: float, right_distance: float, left_steps: int, right_steps: int, width: float
) -> int:
    """Return −1 for the left neighbour, 1 for the right one, 0 for neither; NaN marks a missing one."""
    left = left_distance <= width
    right = right_distance <= width
    if left and right:
        if left_distance != right_distance:
            return -1 if left_distance < right_distance else 1
        return -1 if left_steps <= right_steps else 1
    if left:
        return -1
    return 1 if right else 0


@njit(cache=True)
def match_in_order(
    sequence: IntArray,
    score: FloatArray,
    rank: IntArray,
    stratum: IntArray,
    before: IntArray,
    control_score: FloatArray,
    control_rank: IntArray,
    control_stratum: IntArray,
    width: float,
    ratio: int,
) -> IntArray:
    """Nearest free control in the given order, by two union-find structures over the controls."""
    count = score.size
    last = control_score.size - 1
    left_parent = np.arange(last + 1)
    right_parent = np.arange(last + 1)
    choice = np.zeros((count, ratio), np.int64)
    lowest = rank.copy()
    highest = rank.copy()
    for turn in range(ratio):
        for unit in sequence:
            if turn > 0 and choice[unit, turn - 1] == 0:
                continue
            left = _find(left_parent, before[unit])
            right = _find(right_parent, before[unit] + 1)
            left_distance = np.nan
            right_distance = np.nan
            if control_stratum[left] == stratum[unit]:
                left_distance = score[unit] - control_score[left]
            if control_stratum[right] == stratum[unit]:
                right_distance = control_score[right] - score[unit]
            side = _prefer(
                left_distance,
                right_distance,
                lowest[unit] - control_rank[left],
                control_rank[right] - highest[unit],
                width,
            )
            if side == 0:
                continue
            used = left if side < 0 else right
            if side < 0:
                lowest[unit] = control_rank[used]
            else:
                highest[unit] = control_rank[used]
            choice[unit, turn] = used
            left_parent[used] = used - 1
            right_parent[used] = used + 1
    return choice


@njit(cache=True)
def match_with_replacement(
    sequence: IntArray,
    score: FloatArray,
    rank: IntArray,
    stratum: IntArray,
    before: IntArray,
    control_score: FloatArray,
    control_rank: IntArray,
    control_stratum: IntArray,
    width: float,
    ratio: int,
) -> IntArray:
    """Nearest controls of each treated unit, walking outwards; nothing is used up."""
    choice = np.zeros((score.size, ratio), np.int64)
    for unit in sequence:
        left = before[unit]
        right = left + 1
        lowest = rank[unit]
        highest = rank[unit]
        for turn in range(ratio):
            left_distance = np.nan
            right_distance = np.nan
            if control_stratum[left] == stratum[unit]:
                left_distance = score[unit] - control_score[left]
            if control_stratum[right] == stratum[unit]:
                right_distance = control_score[right] - score[unit]
            side = _prefer(
                left_distance,
                right_distance,
                lowest - control_rank[left],
                control_rank[right] - highest,
                width,
            )
            if side < 0:
                choice[unit, turn] = left
                lowest = control_rank[left]
                left -= 1
            elif side > 0:
                choice[unit, turn] = right
                highest = control_rank[right]
                right += 1
            else:
                break
    return choice


@njit(cache=True)
def _window(
    unit_score: float,
    unit_stratum: int,
    middle: int,
    control_score: FloatArray,
    control_stratum: IntArray,
    width: float,
) -> tuple[int, int]:
    """Return the first and last control position within the caliper of a unit, by bisection."""
    last = control_score.size - 2
    low, high = 1, middle + 1
    while low < high:
        probe = (low + high) // 2
        inside = control_stratum[probe] == unit_stratum and unit_score - control_score[probe] <= width
        if inside:
            high = probe
        else:
            low = probe + 1
    first = low
    low, high = middle, last
    while low < high:
        probe = (low + high + 1) // 2
        inside = control_stratum[probe] == unit_stratum and control_score[probe] - unit_score <= width
        if inside:
            low = probe
        else:
            high = probe - 1
    return first, low


@njit(cache=True)
def _add(tree: IntArray, position: int, change: int) -> None:
    """Change the count at a position of a Fenwick tree."""
    while position < tree.size:
        tree[position] += change
        position += position & -position


@njit(cache=True)
def _count(tree: IntArray, position: int) -> int:
    """Count the free positions up to and including this one."""
    total = 0
    while position > 0:
        total += tree[position]
        position -= position & -position
    return total


@njit(cache=True)
def _nth(tree: IntArray, wanted: int) -> int:
    """Return the position of the free control with this number, counted from 1."""
    stride = 1
    while stride * 2 < tree.size:
        stride *= 2
    position = 0
    while stride > 0:
        if position + stride < tree.size and tree[position + stride] < wanted:
            position += stride
            wanted -= tree[position]
        stride //= 2
    return position + 1


@njit(cache=True)
def match_random(
    sequence: IntArray,
    score: FloatArray,
    rank: IntArray,
    stratum: IntArray,
    before: IntArray,
    control_score: FloatArray,
    control_rank: IntArray,
    control_stratum: IntArray,
    width: float,
    ratio: int,
    replace: bool,
    draws: FloatArray,
) -> IntArray:
    """Any free control inside the caliper with equal chance, by a Fenwick tree of the free controls."""
    count = score.size
    controls = control_score.size - 2
    tree = np.zeros(controls + 1, np.int64)
    for position in range(1, controls + 1):
        _add(tree, position, 1)
    choice = np.zeros((count, ratio), np.int64)
    for turn in range(ratio):
        for place in range(count):
            unit = sequence[place]
            if replace:
                for held in range(turn):
                    if choice[unit, held] > 0:
                        _add(tree, choice[unit, held], -1)
            first, final = _window(
                score[unit], stratum[unit], before[unit], control_score, control_stratum, width
            )
            below = _count(tree, first - 1)
            free = _count(tree, final) - below if final >= first else 0
            if free > 0:
                used = _nth(tree, below + 1 + min(free - 1, int(draws[turn, place] * free)))
                choice[unit, turn] = used
                if not replace:
                    _add(tree, used, -1)
            if replace:
                for held in range(turn):
                    if choice[unit, held] > 0:
                        _add(tree, choice[unit, held], 1)
    return choice


@njit(cache=True)
def match_closest(
    score: FloatArray,
    rank: IntArray,
    stratum: IntArray,
    before: IntArray,
    control_score: FloatArray,
    control_rank: IntArray,
    control_stratum: IntArray,
    width: float,
    ratio: int,
) -> IntArray:
    """The closest free pair of all, again and again, by a linked list over the joint order and a heap."""
    count = score.size
    controls = control_score.size - 2
    size = count + controls
    choice = np.zeros((count, ratio), np.int64)
    # who stands at each joint rank: a treated unit as −1 − unit, a control as its position
    who = np.zeros(size + 2, np.int64)
    value = np.zeros(size + 2)
    group = np.full(size + 2, -1)
    for unit in range(count):
        who[rank[unit] + 1] = -1 - unit
        value[rank[unit] + 1] = score[unit]
        group[rank[unit] + 1] = stratum[unit]
    for position in range(1, controls + 1):
        who[control_rank[position] + 1] = position
        value[control_rank[position] + 1] = control_score[position]
        group[control_rank[position] + 1] = control_stratum[position]
    taken = np.zeros(controls + 2, np.bool_)
    for turn in range(ratio):
        following = np.arange(1, size + 3)
        previous = np.arange(-1, size + 1)
        alive = np.ones(size + 2, np.bool_)
        for place in range(1, size + 1):
            here = who[place]
            spent = taken[here] if here > 0 else (turn > 0 and choice[-1 - here, turn - 1] == 0)
            if spent:
                alive[place] = False
                following[previous[place]] = following[place]
                previous[following[place]] = previous[place]
        heap = [(0.0, 0, 0)]
        heap.pop()
        place = following[0]
        while place <= size:
            after = following[place]
            if after <= size and who[place] * who[after] < 0 and group[place] == group[after]:
                gap = value[after] - value[place]
                if gap <= width:
                    heapq.heappush(heap, (gap, place, after))
            place = after
        while len(heap) > 0:
            _gap, left, right = heapq.heappop(heap)
            if not (alive[left] and alive[right]):
                continue
            unit, position = (left, right) if who[left] < 0 else (right, left)
            choice[-1 - who[unit], turn] = who[position]
            taken[who[position]] = True
            alive[left] = False
            alive[right] = False
            lower = previous[left]
            upper = following[right]
            following[lower] = upper
            previous[upper] = lower
            if lower >= 1 and upper <= size and who[lower] * who[upper] < 0 and group[lower] == group[upper]:
                gap = value[upper] - value[lower]
                if gap <= width:
                    heapq.heappush(heap, (gap, lower, upper))
    return choice
