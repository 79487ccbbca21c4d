"""Print the tables of a cohort, hide it, rebuild it from the tables, and compare with what was hidden.

    python tests/recovery/hidden_cohort.py rhc.csv [SUBSAMPLES [MEMBERS]] > table.md

For each subsample of 1,000 patients the band over the ensemble is held against the study's own analysis of
those patients. What is borrowed is never the cohort's own.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from simsepsis.errors import ConvergenceError
from simsepsis.fitting.bands import analysis_quantities, band
from simsepsis.fitting.from_tables import fit_ensemble
from simsepsis.fitting.printed_cohort import printed_cohort
from simsepsis.study.published import open_study

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.unit.studies.rhc.print_tables import tables_of

PATIENTS = 1_000
LENDERS = ("simulated_registry",)
QUANTITIES = {
    "c_statistic": "C-statistic of the score",
    "pairs": "Matched pairs",
    "psm rd_dth30_matched": "Matched risk difference, death by day 30",
    "logistic log_or_dth30_twin": "Adjusted log odds ratio, death by day 30",
    "largest_smd_percent": "Largest SMD after matching (%)",
}


def compared(file: pd.DataFrame, subsample: int, *, members: int, replicates: int = 2) -> pd.DataFrame:
    """Return the band and the hidden value of each quantity in one subsample."""
    study = open_study("rhc")
    hidden = file.sample(PATIENTS, random_state=subsample).reset_index(drop=True)
    printed = printed_cohort(
        study, study.numbers_of(pd.concat(tables_of(hidden).values(), ignore_index=True))
    )
    real = analysis_quantities(hidden, replace(study.spec, methods=("logistic",)), seed=subsample)
    try:
        ensemble = fit_ensemble(printed, members=members, seed=100 * subsample, lenders=LENDERS)
        found = band(ensemble, printed.spec, seed=subsample, replicates=replicates).set_index("quantity")
    except ConvergenceError as error:
        # No world prints these tables: nothing is covered.
        print(f"subsample {subsample}: {error}", file=sys.stderr)
        found = pd.DataFrame(columns=["low", "high"], index=pd.Index([], name="quantity"), dtype=float)
    rows = found.reindex(list(QUANTITIES)).assign(subsample=subsample)
    return rows.assign(real=[real.get(name, float("nan")) for name in QUANTITIES]).reset_index()


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each quantity how often the band covers the hidden value, where not, and how wide it is."""
    known = rows.dropna(subset=["real"])
    marked = known.assign(
        below=known["real"] < known["low"],
        above=known["real"] > known["high"],
        width=known["high"] - known["low"],
    )
    marked["inside"] = known["real"].between(known["low"], known["high"])
    members = [name for name in rows if str(name).startswith("tables-")]
    marked["middle"] = marked[members].mean(axis=1)
    table = marked.groupby("quantity", sort=False).agg(
        subsamples=("real", "size"),
        real=("real", "mean"),
        middle=("middle", "mean"),
        low=("low", "mean"),
        high=("high", "mean"),
        width=("width", "mean"),
        below=("below", "sum"),
        above=("above", "sum"),
        coverage=("inside", "mean"),
    )
    return table


def main(path: str, subsamples: int = 100, members: int = 12) -> None:
    """Write the table to stdout."""
    file = pd.read_csv(path, keep_default_na=False, na_values=["NA"])
    jobs = (delayed(compared)(file, number, members=members) for number in range(1, subsamples + 1))
    parts = []
    for part in Parallel(n_jobs=int(os.environ.get("JOBS", "1")), return_as="generator")(jobs):
        parts.append(part)
        part.to_csv(sys.stderr, index=False, header=len(parts) == 1)
    rows = pd.concat(parts, ignore_index=True)
    table = coverage(rows).rename(index=QUANTITIES)
    print(table.round(3).to_string())


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
