"""Compiled loops of the matcher.

Each returns, by treated unit and round, the position of its control: 1 … m in joint order, 0 for none. Arrays
of controls have a sentinel at 0 and at m + 1. `before` is the number of controls ranked below a treated
unit, so that its neighbours are the positions `before` and `before` + 1.
"""

from __future__ import annotations

import heapq

import numpy as np
from numba import njit

from simsepsis.arrays import BoolArray, FloatArray, IntArray


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
def _release(tree: IntArray, held: IntArray, change: int) -> None:
    """Change the count of every control that a unit holds."""
    for position in held:
        if position > 0:
            _add(tree, position, change)


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
    controls = control_score.size - 2
    tree = np.zeros(controls + 1, np.int64)
    for position in range(1, controls + 1):
        _add(tree, position, 1)
    choice = np.zeros((score.size, ratio), np.int64)
    for turn in range(ratio):
        for place in range(score.size):
            unit = sequence[place]
            if replace:
                _release(tree, choice[unit], -1)
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
                # its new control was never taken out, so all it holds goes back but that one
                _release(tree, choice[unit, :turn], 1)
    return choice


@njit(cache=True)
def _push(
    heap: list[tuple[float, int, int]],
    left: int,
    right: int,
    who: IntArray,
    value: FloatArray,
    stratum_at: IntArray,
    width: float,
) -> None:
    """Offer two neighbours as a pair if they are of opposite arms, of one stratum and near enough."""
    if who[left] * who[right] < 0 and stratum_at[left] == stratum_at[right]:
        gap = value[right] - value[left]
        if gap <= width:
            heapq.heappush(heap, (gap, left, right))


@njit(cache=True)
def _pair_round(
    who: IntArray, value: FloatArray, stratum_at: IntArray, alive: BoolArray, width: float
) -> IntArray:
    """Pair the closest opposite neighbours until none is near enough; return the partner at each place.

    The closest opposite pair of all is always adjacent among those alive, so neighbours are enough.
    """
    size = who.size - 2
    following = np.arange(1, size + 3)
    previous = np.arange(-1, size + 1)
    partner = np.zeros(size + 2, np.int64)
    for place in range(1, size + 1):
        if not alive[place]:
            following[previous[place]] = following[place]
            previous[following[place]] = previous[place]
    heap = [(0.0, 0, 0)]
    heap.pop()
    place = following[0]
    while place <= size:
        _push(heap, place, following[place], who, value, stratum_at, width)
        place = following[place]
    while len(heap) > 0:
        _gap, left, right = heapq.heappop(heap)
        if partner[left] > 0 or partner[right] > 0:
            continue
        partner[left] = right
        partner[right] = left
        lower = previous[left]
        upper = following[right]
        following[lower] = upper
        previous[upper] = lower
        _push(heap, lower, upper, who, value, stratum_at, width)
    return partner


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
    size = score.size + control_score.size - 2
    # who stands at each place of the joint order: a treated unit as −1 − unit, a control as its position
    who = np.zeros(size + 2, np.int64)
    value = np.zeros(size + 2)
    stratum_at = np.full(size + 2, -1)
    for unit in range(score.size):
        who[rank[unit] + 1] = -1 - unit
        value[rank[unit] + 1] = score[unit]
        stratum_at[rank[unit] + 1] = stratum[unit]
    for position in range(1, control_score.size - 1):
        who[control_rank[position] + 1] = position
        value[control_rank[position] + 1] = control_score[position]
        stratum_at[control_rank[position] + 1] = control_stratum[position]
    choice = np.zeros((score.size, ratio), np.int64)
    alive = np.ones(size + 2, np.bool_)
    for turn in range(ratio):
        partner = _pair_round(who, value, stratum_at, alive, width)
        for unit in range(score.size):
            place = rank[unit] + 1
            if partner[place] > 0:
                choice[unit, turn] = who[partner[place]]
                alive[partner[place]] = False
            else:
                alive[place] = False
    return choice
