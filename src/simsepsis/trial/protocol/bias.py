"""How biased the method behind an observational estimate is, as experiments measured it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from simsepsis.documents import is_file
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.spreadsheet import without_marks

MEASURED_ON = {
    "odds_ratio": "log_or",
    "risk_ratio": "log_rr",
    "hazard_ratio": "log_hr",
    "risk_difference": "rd",
}
"""Scale of an effect → scale of the estimands that measure it."""

COLUMNS = ("scenario", "method", "estimand", "measure", "value", "mcse")
_BIAS = "bias"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bias:
    """Mean bias over worlds, its Monte Carlo standard error, the SD between worlds, and each world's bias."""

    mean: float
    mcse: float
    sd: float
    worlds: dict[str, tuple[float, float]]


def measured_bias(performance: str, method: str, estimand: str, scenarios: tuple[str, ...]) -> Bias:
    """Return the bias of a method over the worlds of an experiment that are held possible."""
    rows = _rows(performance, method, estimand, scenarios)
    values, errors = rows["value"].to_numpy(float), rows["mcse"].to_numpy(float)
    pairs = zip(values.tolist(), errors.tolist(), strict=True)
    return Bias(
        mean=float(values.mean()),
        mcse=float((errors @ errors) ** 0.5 / errors.size),
        sd=float(values.std(ddof=1)) if values.size > 1 else 0.0,
        worlds=dict(zip(rows["scenario"], pairs, strict=True)),
    )


def _rows(performance: str, method: str, estimand: str, scenarios: tuple[str, ...]) -> pd.DataFrame:
    table = read_performance(performance)
    told = table[(table["method"] == method) & (table["measure"] == _BIAS)]
    told = told[told["estimand"] == estimand].dropna(subset=["value"])
    missing = [name for name in scenarios if name not in set(told["scenario"])]
    if told.empty or missing:
        wanted = f"scenario '{missing[0]}'" if missing and not told.empty else f"method '{method}'"
        raise UsageError(
            f"{performance}: no bias of {estimand} for {wanted}{did_you_mean(method, table['method'])}; "
            "run the experiment with it"
        )
    return told[told["scenario"].isin(scenarios)] if scenarios else told


def read_performance(path: str) -> pd.DataFrame:
    """Return the performance table of an experiment."""
    if not is_file(Path(path)):
        raise UsageError(f"{path}: no such performance table; give the performance.csv of an experiment")
    try:
        table = without_marks(pd.read_csv(path, comment="#"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path}: cannot be read as CSV; give the performance.csv that an experiment has written"
        ) from error
    lacking = [name for name in COLUMNS if name not in table]
    if lacking:
        raise UsageError(
            f"{path}: no column {lacking[0]}; give the performance.csv that an experiment has written"
        )
    return table
