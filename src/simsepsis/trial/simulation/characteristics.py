"""Operating characteristics of simulated trials, each with its Monte Carlo standard error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.performance.mcse import Measured, mean_of, proportion_of
from simsepsis.performance.measures import bias, coverage, empirical_se, median_bias, model_se
from simsepsis.trial.simulation.batch import Results
from simsepsis.trial.simulation.decide import ALL, ANY, DECISIONS
from simsepsis.trial.simulation.setting import Setting
from simsepsis.trial.simulation.truth import LABELS

COLUMNS = ("arm", "measure", "value", "mcse", "n_sim")


def characteristics(setting: Setting, trials: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Return operating characteristics by arm."""
    scale = setting.protocol.scale
    rows: list[dict[str, object]] = []
    for arm, mine in trials.groupby("arm", sort=False):
        told = truth[(truth["arm"] == arm) & (truth["measure"] == LABELS.get(scale, scale))]
        rows += [
            _row(str(arm), name, measured) for name, measured in _of_arm(mine, float(told["value"].iloc[0]))
        ]
    if setting.pool.arms > 1:
        table = trials.pivot(index="trial", columns="arm", values="rejected").to_numpy(dtype=np.float64)
        rows.append(_row(ANY, "rejection", proportion_of(table.max(axis=1))))
        rows.append(_row(ALL, "rejection", proportion_of(table.min(axis=1))))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_arm(mine: pd.DataFrame, truth: float) -> Iterator[tuple[str, Measured]]:
    column = {name: mine[name].to_numpy(dtype=np.float64) for name in NUMBERS}
    decision = mine["decision"].to_numpy()
    last = column["look"].max() if len(mine) else 1.0
    yield "rejection", _share(decision == "efficacy")
    yield "rejection_any_side", _share((decision == "efficacy") | (decision == "harm"))
    yield "harm", _share(decision == "harm")
    yield "futility", _share(decision == "futility")
    yield "early_stop", _share(column["look"] < last)
    yield "expected_n", mean_of(column["n_randomized"])
    yield "sd_n", empirical_se(column["n_randomized"])
    yield "p90_n", _quantile(column["n_randomized"], 0.9)
    yield "expected_known", mean_of(column["n_known"])
    yield "expected_deaths", mean_of(column["deaths_control"] + column["deaths_treated"])
    yield "expected_months", mean_of(column["months"])
    yield "p90_months", _quantile(column["months"], 0.9)
    for prefix, (estimate, low, high) in ESTIMATES.items():
        yield f"{prefix}bias", bias(column[estimate], truth)
        yield f"{prefix}median_bias", median_bias(column[estimate], truth)
        yield f"{prefix}coverage", coverage(column[low], column[high], truth)
    yield "empirical_se", empirical_se(column["estimate"])
    yield "model_se", model_se(column["std_error"])
    yield "failure", _share(mine["failure"].to_numpy() != "")


ESTIMATES = {
    "": ("estimate", "ci_low", "ci_high"),
    "adjusted_": ("adjusted_estimate", "adjusted_low", "adjusted_high"),
}
NUMBERS = (
    "look",
    "n_randomized",
    "n_known",
    "deaths_control",
    "deaths_treated",
    "months",
    "std_error",
    *(name for names in ESTIMATES.values() for name in names),
)


def _share(hit: FloatArray) -> Measured:
    return proportion_of(np.asarray(hit, dtype=np.float64))


def _quantile(values: FloatArray, share: float) -> Measured:
    """Return a quantile; MCSE from the order statistics one binomial SE to either side."""
    n = values.size
    ascending = np.sort(values)
    step = np.sqrt(n * share * (1.0 - share))
    ends = np.clip(np.round(n * share + np.array([-step, step])).astype(int), 0, n - 1)
    return Measured(
        np.asarray(np.quantile(values, share)),
        np.asarray(0.5 * (ascending[ends[1]] - ascending[ends[0]])),
        np.asarray(n),
    )


def _row(arm: str, name: str, measured: Measured) -> dict[str, object]:
    return {
        "arm": arm,
        "measure": name,
        "value": float(measured.value),
        "mcse": float(measured.mcse),
        "n_sim": int(measured.n_used),
    }


def look_characteristics(setting: Setting, trials: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return how trials end at each look."""
    rows = []
    fractions, due = setting.protocol.looks.information, setting.at_looks
    for arm, mine in trials.groupby("arm", sort=False):
        place, decision = mine["look"].to_numpy(), mine["decision"].to_numpy()
        for look, (fraction, n) in enumerate(zip(fractions, due, strict=True), start=1):
            row: dict[str, object] = {"arm": arm, "look": look, "information": fraction, "n_due": int(n)}
            ends = {name: (place == look) & (decision == name) for name in DECISIONS[1:]}
            ends["cumulative_stop"] = place <= look
            for name, hit in ends.items():
                measured = _share(hit)
                row |= {name: float(measured.value), f"{name}_mcse": float(measured.mcse)}
            row["mean_deaths"] = float(results.dead[:, look - 1].sum(axis=-1).mean())
            row["mean_months"] = float(results.months[:, look - 1].mean())
            rows.append(row)
    return pd.DataFrame(rows)
