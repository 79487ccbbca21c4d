"""Methods against R: survival and stats.

`methods/methods.R` and `methods/incidence.R` wrote the results from `kernels/patients.csv`; all can be made
again in their folders.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreement import agree

from simsepsis.analysis.conditional_logistic import fit_conditional_logistic
from simsepsis.analysis.methods.aalen_johansen import incidence_by
from simsepsis.analysis.sensitivity import rosenbaum_gamma
from simsepsis.analysis.survival import fit_cox
from simsepsis.analysis.time_to_death import follow_up

HERE = Path(__file__).parent
R: dict[str, Any] = json.loads((HERE / "methods" / "methods.json").read_text())
PATIENTS = pd.read_csv(HERE / "kernels" / "patients.csv")


@pytest.mark.parametrize(
    ("name", "columns", "strata"),
    [
        ("by_cluster", ["age", "treated", "units", "rare"], "cluster"),
        ("by_stratum", ["age", "treated", "units"], "stratum"),
    ],
)
def test_exact_conditional_logistic_regression(name: str, columns: list[str], strata: str) -> None:
    fit = fit_conditional_logistic(PATIENTS[columns], PATIENTS["died"], PATIENTS[strata])
    assert fit.converged
    source, r = "R survival::clogit", R[name]
    agree(source, f"{name}: coefficients", fit.params, r["coef"], rtol=1e-8)
    agree(source, f"{name}: covariance", fit.covariance, r["vcov"], rtol=1e-6, atol=1e-12)
    agree(source, f"{name}: log likelihood", fit.log_likelihood, r["loglik"], rtol=1e-10)


def test_subdistribution_hazard_of_death_by_day_28() -> None:
    time, died, treated = (PATIENTS[name].to_numpy(np.float64) for name in ("time", "died", "treated"))
    times = follow_up(time, died, treated == 1, "day28_alive")
    fit = fit_cox(times.treated, times.duration, times.event, cluster=PATIENTS["cluster"])
    r = R["subdistribution"]
    agree("R survival", "Fine–Gray by day 28: coefficient", fit.params, r["coef"], rtol=1e-8)
    agree("R survival", "Fine–Gray by day 28: standard error", fit.std_errors, r["se"], rtol=1e-8)


def test_cumulative_incidence_of_death_with_discharge_competing() -> None:
    written = json.loads((HERE / "methods" / "incidence.json").read_text())
    time, cause = PATIENTS["time"].to_numpy(np.float64), np.where(PATIENTS["died"] == 1, 1.0, 2.0)
    arms = [PATIENTS["treated"].to_numpy() == arm for arm in (0, 1)]
    incidence, error = zip(*(incidence_by(28.0, time[arm], cause[arm]) for arm in arms), strict=True)
    what = "Aalen–Johansen incidence by day 28"
    agree("R survival", what, incidence, written["incidence"], rtol=1e-12)
    agree("R survival", f"{what}: standard error", error, written["std_error"], rtol=1e-12)


def test_rosenbaum_bounds() -> None:
    found = [rosenbaum_gamma(*pairs) for pairs in ((60, 30), (40, 12), (9, 0))]
    agree("R stats", "Rosenbaum's Γ of pairs 60:30, 40:12, 9:0", found, R["rosenbaum"], rtol=1e-8)
