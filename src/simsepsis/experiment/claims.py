"""Claims that a plan makes beforehand, and what the numbers say to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.estimates import Z_95
from simsepsis.arrays import FloatArray
from simsepsis.errors import did_you_mean
from simsepsis.estimand import Estimand
from simsepsis.performance import MEASURES, wilson_limits

CLAIM = re.compile(
    r"(?P<names>(?:\w+\s+){0,2}?)(?P<measure>[a-z_]+)\s+"
    r"(?:in\s*\[\s*(?P<low>\S+?)\s*,\s*(?P<high>\S+?)\s*\]|(?P<sign><=|>=|<|>)\s*(?P<limit>\S+))"
    r"(?:\s+in cells? (?P<cells>.+))?"
)

VERDICTS = ("pass", "fail", "inconclusive")
ACCEPT_COLUMNS = (
    "claim",
    "cell",
    "scenario",
    "method",
    "estimand",
    "measure",
    "value",
    "low",
    "high",
    "verdict",
    "n_used",
    "n_sim",
)
"""Columns of the verdicts; `low` and `high` are 95% Monte Carlo limits of the value, which rests on `n_used`
of the `n_sim` rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A range that a measure is claimed to lie in.

    Attributes
    ----------
    measure
        Name of the performance measure.
    low, high
        The range; infinite on a side that is open.
    method, estimand
        For which series; None: for all.
    cells
        Part of the cells' names; None: all cells.
    """

    measure: str
    low: float
    high: float
    method: str | None = None
    estimand: str | None = None
    cells: str | None = None


def parse_claim(text: str, methods: Collection[str]) -> Claim:
    """Return the claim that a text makes.

    Parameters
    ----------
    text
        ``[method] [estimand] measure in [low, high] [in cells part of their names]``; ``<``, ``<=``, ``>``
        and ``>=`` with one number may stand in place of the range. Example:
        ``psm log_or_hospital_death coverage in [0.93, 0.97] in cells or_treatment=1.0``.
    methods
        Methods of the plan.

    Raises
    ------
    ValueError
        If it does not parse or names a measure that does not exist.
    """
    found = CLAIM.fullmatch(text.strip())
    example = "write it like 'psm coverage in [0.93, 0.97]'"
    if found is None:
        raise ValueError(f"the claim '{text}' does not parse; {example}")
    if found["measure"] not in MEASURES:
        near = did_you_mean(found["measure"], MEASURES) or f"; known are {', '.join(MEASURES)}"
        raise ValueError(f"the claim '{text}' names the unknown measure '{found['measure']}'{near}")
    low, high = _range(found, text)
    if np.isinf(low) and np.isinf(high):
        raise ValueError(f"the claim '{text}' holds whatever comes out; give a limit")
    names = found["names"].split()
    method = names.pop(0) if names and names[0] in methods else None
    if len(names) > 1:
        near = did_you_mean(names[0], methods)
        raise ValueError(f"the claim '{text}' names '{names[0]}', which is no method of the plan{near}")
    estimand = names[0] if names else None
    return Claim(
        measure=found["measure"], low=low, high=high, method=method, estimand=estimand, cells=found["cells"]
    )


def _range(found: re.Match[str], text: str) -> tuple[float, float]:
    try:
        if found["sign"] is None:
            low, high = float(found["low"]), float(found["high"])
        else:
            limit = float(found["limit"])
            low, high = (-np.inf, limit) if found["sign"].startswith("<") else (limit, np.inf)
    except ValueError as error:
        raise ValueError(f"the claim '{text}' has a limit that is no number; give one") from error
    if not low < high:
        raise ValueError(f"the claim '{text}' has an empty range; put the smaller limit first")
    return low, high


def monte_carlo_limits(performance: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return 95% Monte Carlo limits of every value of a performance table.

    Parameters
    ----------
    performance
        From `simsepsis.performance.summarize`.

    Notes
    -----
    Value ± 1.96 MCSE; for proportions at least as wide as the Wilson interval, since the MCSE is 0 where all
    replicates agree, and within 0 and 1.
    """
    value = performance["value"].to_numpy(np.float64)
    half = Z_95 * performance["mcse"].to_numpy(np.float64)
    low, high = value - half, value + half
    units = performance["measure"].map({name: measure.unit for name, measure in MEASURES.items()})
    share = (units == "proportion").to_numpy()
    wilson_low, wilson_high = wilson_limits(np.where(share, value, np.nan), performance["n_used"])
    low = np.where(share, np.maximum(np.fmin(low, wilson_low), 0.0), low)
    return low, np.where(share, np.minimum(np.fmax(high, wilson_high), 1.0), high)


def judge(words: str, claim: Claim, performance: pd.DataFrame) -> pd.DataFrame:
    """Return what the numbers say to one claim, one row per series that it is about.

    Parameters
    ----------
    words
        What the claim is called.
    claim
        The claim.
    performance
        From `simsepsis.performance.summarize`.

    Returns
    -------
    DataFrame
        `ACCEPT_COLUMNS`. ``pass`` where the 95% Monte Carlo limits lie inside the range, ``fail`` where they
        lie outside, otherwise ``inconclusive``: more replicates would tell. Without any series there is one
        row, inconclusive.
    """
    about = performance[_about(claim, performance)]
    low, high = monte_carlo_limits(about)
    inside = (low >= claim.low) & (high <= claim.high)
    outside = (high < claim.low) | (low > claim.high)
    verdict = np.select([inside, outside], ["pass", "fail"], default="inconclusive")
    rows = about.assign(claim=words, low=low, high=high, verdict=verdict)[list(ACCEPT_COLUMNS)]
    if len(rows):
        return rows
    none = {name: "" for name in ACCEPT_COLUMNS} | {"value": np.nan, "low": np.nan, "high": np.nan}
    none |= {"cell": 0, "n_used": 0, "n_sim": 0}
    return pd.DataFrame([none | {"claim": words, "measure": claim.measure, "verdict": "inconclusive"}])


def verdicts_of(claims: Mapping[str, Claim], performance: pd.DataFrame) -> pd.DataFrame:
    """Return what the numbers say to each claim, by what it is called."""
    found = [judge(words, claim, performance) for words, claim in claims.items()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(ACCEPT_COLUMNS))


def overall(verdicts: pd.DataFrame) -> dict[str, str]:
    """Return the verdict of each claim: fail if one series fails, pass if all pass."""
    found: dict[str, str] = {}
    for words, rows in verdicts.groupby("claim", sort=False):
        kinds = set(rows["verdict"])
        found[str(words)] = (
            "fail" if "fail" in kinds else "inconclusive" if "inconclusive" in kinds else "pass"
        )
    return found


def _about(claim: Claim, performance: pd.DataFrame) -> pd.Series[bool]:
    chosen = performance["measure"] == claim.measure
    if claim.method is not None:
        chosen &= performance["method"] == claim.method
    if claim.estimand is not None:
        chosen &= performance["estimand"].map(lambda name: Estimand.parse(name).matches(claim.estimand))
    if claim.cells is not None:
        chosen &= performance["scenario"].str.contains(claim.cells, regex=False)
    return chosen
