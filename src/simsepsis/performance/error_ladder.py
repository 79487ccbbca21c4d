"""The ladder: what each source of error adds, from one method to the next on the same replicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from types import MappingProxyType

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.estimand import Estimand
from simsepsis.performance.estimate_rows import Settings
from simsepsis.performance.grid import Grid, Truth, lay_out, true_values
from simsepsis.performance.mcse import mean_of, undefined_as_nan, with_truth_error
from simsepsis.study.layout import Later
from simsepsis.study.published import open_study

LADDER_COLUMNS = (
    "cell",
    "scenario",
    "estimand",
    "ladder",
    "step",
    "component",
    "from_method",
    "to_method",
    "value",
    "mcse",
    "n_used",
    "n_sim",
)
"""Columns of `ladder`, in order."""

TRUE_VALUE, TOP, WHOLE = "truth", "bias of the first rung", "estimate"
NOT_COLLAPSIBLE, POPULATION = "non-collapsibility", "another population"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A method on a ladder.

    Attributes
    ----------
    method
        Its name.
    adds
        What its estimate has in it that the estimate of the rung before has not.
    """

    method: str
    adds: str


def _stem(name: str) -> str:
    return Estimand.parse(name).stem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Height:
    """One method on one stem of an estimand: its estimates by replicate, and their truth."""

    keys: dict[str, object]
    estimand: str
    estimate: FloatArray
    truth: float
    truth_mcse: float


_Family = tuple[int, str, dict[str, _Height]]
"""Where its cell begins among all series, its stem, and the height of each method."""

LADDERS = ("matching", "no matching", "survival", "time zero", "day by day")


@cache
def ladders_of(later: Later) -> Mapping[str, tuple[Rung, ...]]:
    """Return ladders of a study's methods by name, from what is least wrong to what a registry study does."""
    rungs = (
        (
            Rung(method="randomized_twin_psm", adds="chance"),
            Rung(method="oracle_ps", adds="drift of the matched set"),
            Rung(method="psm_with_u", adds="estimated score"),
            Rung(method="psm", adds="hidden confounding"),
            Rung(method="psm_gee", adds="adjustment for adjuncts"),
            Rung(method=f"psm_gee_{later.name}", adds=f"adjustment for later {later.label}"),
        ),
        (
            Rung(method="randomized_twin_crude", adds="chance"),
            Rung(method="psm", adds="confounding that matching leaves"),
            Rung(method="crude", adds="confounding that matching removes"),
        ),
        (
            Rung(method="randomized_twin_psm_cox", adds="chance"),
            Rung(method="psm_cox", adds="confounding and late starts"),
        ),
        (
            Rung(method="clone_censor_weight", adds="chance"),
            Rung(method="cox_time_varying", adds="treatment counted from its start"),
            Rung(method="cox_time_fixed", adds="immortal time"),
        ),
        (
            Rung(method="oracle_trials", adds="chance"),
            Rung(method="sequential_trials", adds="severity that the day's records miss"),
            Rung(method="cox_in_icu", adds="severity of the day not recorded"),
            Rung(method="cox_time_varying", adds="stay in the unit not recorded"),
        ),
    )
    return MappingProxyType(dict(zip(LADDERS, rungs, strict=True)))


def ladder(
    estimates: pd.DataFrame, truth: Truth, *, ladders: Mapping[str, Sequence[Rung]] | None = None
) -> pd.DataFrame:
    """Split the mean estimate of the last method of a ladder into truth and sources of error.

    Parameters
    ----------
    estimates, truth
        As for `summarize`.
    ladders
        Name → rungs, two at least of which the estimates must have; None: `ladders_of` the study that stands
        where none is named.

    Returns
    -------
    DataFrame
        `LADDER_COLUMNS`, one row per component; `estimand` lacks its last word, since rungs may have
        different truths. First the truth and the bias of the first rung; then for each further rung, where
        its truth is another one, how much (``non-collapsibility`` from a marginal to a conditional ratio,
        ``another population`` otherwise), and what it adds to the bias; last the mean estimate, which is the
        sum of all rows above.

    Raises
    ------
    DataError, UsageError
        As `summarize`.

    Notes
    -----
    Only replicates in which every rung has an estimate count, so that the components add up. A component is
    the mean of θ̂ₖ − θ̂ₖ₋₁ less θₖ − θₖ₋₁; its MCSE is the SD of the differences over √n, with the errors of
    both truths in quadrature where they are not the same. Noise that two methods share cancels.
    """
    grids = lay_out(estimates, None, Settings()).grids
    return _climb([family for grid in grids for family in _stems(grid, truth)], _usual(ladders))


def _usual(ladders: Mapping[str, Sequence[Rung]] | None) -> Mapping[str, Sequence[Rung]]:
    return ladders_of(open_study().layout.later) if ladders is None else ladders


def ladder_of(
    grid: Grid, truth: Truth, *, ladders: Mapping[str, Sequence[Rung]] | None = None
) -> pd.DataFrame:
    """Return `ladder` of a cell's series; all estimands of a stem are there together."""
    return _climb(list(_stems(grid, truth)), _usual(ladders))


def _climb(families: list[_Family], ladders: Mapping[str, Sequence[Rung]]) -> pd.DataFrame:
    rows = [
        row | {"ladder": name}
        for _, _, heights in sorted(families, key=itemgetter(0, 1))
        for name, rungs in ladders.items()
        for row in _climbed([(rung, heights[rung.method]) for rung in rungs if rung.method in heights], rungs)
    ]
    return pd.DataFrame(rows, columns=list(LADDER_COLUMNS))


def _stems(grid: Grid, truth: Truth) -> Iterator[_Family]:
    """Yield method → estimates for each cell and estimand without its population."""
    there = np.flatnonzero(grid.attempted.any(axis=1))
    keys = grid.series.iloc[there].reset_index(names="place")
    value, mcse = true_values(truth)(keys)
    cell = keys.groupby(["cell", "scenario"], sort=False)["place"].transform("min")
    for (first, stem), own in keys.groupby([cell, keys["estimand"].map(_stem)]):
        kept = grid.attempted[there[own.index]].any(axis=0)
        heights = {
            key["method"]: _Height(
                keys={
                    "cell": key["cell"],
                    "scenario": key["scenario"],
                    "estimand": stem,
                    "n_sim": int(np.count_nonzero(grid.attempted[there[place]])),
                },
                estimand=key["estimand"],
                estimate=grid.values["estimate"][there[place], kept],
                truth=float(value[place]),
                truth_mcse=float(mcse[place]),
            )
            for place, key in zip(own.index, own.to_dict("records"), strict=True)
        }
        yield int(first), str(stem), heights


@undefined_as_nan
def _climbed(standing: list[tuple[Rung, _Height]], rungs: Sequence[Rung]) -> list[dict[str, object]]:
    """Return the rows of one ladder, without its name; none below two rungs."""
    if len(standing) < 2:
        return []
    estimates = np.array([height.estimate for _, height in standing])
    estimates[:, np.isnan(estimates).any(axis=0)] = np.nan
    first = standing[0][1]
    found = [
        (TRUE_VALUE, "", standing[0][0].method, first.truth, first.truth_mcse),
        (TOP, "", standing[0][0].method, *_mean(estimates[0] - first.truth, first.truth_mcse)),
    ]
    for place in range(1, len(standing)):
        found += _step(standing[place - 1 : place + 1], estimates[place - 1 : place + 1], rungs)
    found.append((WHOLE, "", standing[-1][0].method, *_mean(estimates[-1])))
    n_used = int(np.isfinite(estimates[0]).sum())
    return [
        first.keys
        | {"step": step, "component": component, "from_method": above, "to_method": below}
        | {"value": value, "mcse": mcse, "n_used": n_used}
        for step, (component, above, below, value, mcse) in enumerate(found)
    ]


def _step(
    pair: Sequence[tuple[Rung, _Height]], estimates: FloatArray, rungs: Sequence[Rung]
) -> list[tuple[str, str, str, float, float]]:
    """Return what one rung has that the one above has not: another truth, more bias."""
    (above, high), (below, low) = pair
    shift, error = low.truth - high.truth, float(np.hypot(low.truth_mcse, high.truth_mcse))
    same = high.estimand == low.estimand and shift == 0.0
    adds = (_other_truth(high, low), above.method, below.method, shift, error)
    passed = rungs[rungs.index(above) + 1 : rungs.index(below) + 1]
    component = " and ".join(rung.adds for rung in passed)
    value, mcse = _mean(estimates[1] - estimates[0] - shift, 0.0 if same else error)
    return [*([] if shift == 0.0 else [adds]), (component, above.method, below.method, value, mcse)]


def _mean(difference: FloatArray, truth_mcse: float = 0.0) -> tuple[float, float]:
    measured = with_truth_error(mean_of(difference), truth_mcse)
    return float(measured.value), float(measured.mcse)


def _other_truth(high: _Height, low: _Height) -> str:
    """Return why two rungs have different truths."""
    return NOT_COLLAPSIBLE if Estimand.parse(low.estimand).is_conditional else POPULATION
