"""A world fitted to a registry of a known world gives methods the bias that they have in that world."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis import fit_world, generate_cohort, load_scenario, open_study, run_method

pytestmark = pytest.mark.slow

METHODS = {
    "psm": "log_or_hospital_death_matched",
    "iptw": "log_or_hospital_death_ate",
    "gee_full": "log_or_hospital_death_twin",
    "cox_time_fixed": "log_hr_hospital_death_twin",
}
REPLICATES = 200
PATIENTS = 3_118
MODEL_ERROR = 0.03
"""On the log scale: what a learned world may differ by beside the luck of replicates."""


def means(scenario) -> pd.DataFrame:
    """Return the mean of each method's estimates, and its Monte Carlo standard error."""
    spec, rows = open_study().spec, []
    for replicate in range(REPLICATES):
        records = generate_cohort(scenario, seed=8, replicate=replicate, n=PATIENTS, oracle=False).records
        for name, estimand in METHODS.items():
            found = run_method(name, records, spec=spec, seed=replicate).set_index("estimand")
            rows.append((name, found.loc[estimand, "estimate"]))
    estimates = pd.DataFrame(rows, columns=["method", "estimate"]).groupby("method")["estimate"]
    return pd.DataFrame({"mean": estimates.mean(), "mcse": estimates.std() / np.sqrt(estimates.count())})


def test_methods_have_the_bias_of_the_true_world():
    true = load_scenario("null")
    source = generate_cohort(true, seed=1, n=20_000, oracle=False).registry
    learned, own = means(fit_world(source, open_study().spec).scenario), means(true)
    gap = learned["mean"] - own["mean"]
    allowed = 3.0 * np.hypot(learned["mcse"], own["mcse"]) + MODEL_ERROR
    assert (gap.abs() <= allowed).all(), pd.DataFrame({"true": own["mean"], "gap": gap, "allowed": allowed})
