"""Print a bundled cohort's table as a reviewer has it, hide the cohort, and hold the band against its rows.

python tests/recovery/hidden_kinds.py [SUBSAMPLES [MEMBERS]] > table.md
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simsepsis.analysis.drafting.draft import Named
from simsepsis.analysis.drafting.printed_draft import draft_printed
from simsepsis.files import write_files
from simsepsis.fitting.bands import analysis_quantities, band
from simsepsis.fitting.from_tables import fit_ensemble
from simsepsis.fitting.printed_cohort import printed_cohort
from simsepsis.study.published import Study, open_study

HEADER = ("variable", "level", "statistic", "arm", "text")
Row = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Hidden:
    """A cohort whose table is printed: its rows, its outcome, and the quantities that are compared."""

    rows: pd.DataFrame
    outcome: str
    quantities: tuple[str, ...]
    treatment: str = "treatment"
    cluster: str = ""


def visits() -> Hidden:
    """Return a sixth of the health insurance experiment: visits to a doctor, one year of each family."""
    import statsmodels.api as sm

    rows = sm.datasets.randhie.load_pandas().data
    names = {
        "idp": "treatment",
        "mdvis": "visits",
        "lpi": "incentive",
        "fmde": "maximum",
        "physlm": "limited",
    }
    rows = rows.rename(columns=names).drop(columns="lncoins")
    rows["limited"] = (rows["limited"] > 0.5).astype(float)
    return Hidden(
        rows=rows, outcome="visits", quantities=("psm md_visits_matched", "overlap_weights md_visits_ato")
    )


def lung() -> Hidden:
    """Return lung cancer patients of 18 institutions: women against men, death by the end of follow-up."""
    from lifelines.datasets import load_lung

    rows = load_lung().rename(columns={"inst": "hospital", "status": "dead", "ph.karno": "karnofsky"})
    rows = rows.assign(treatment=(rows["sex"] == 2).astype(int))
    rows = rows[["treatment", "dead", "hospital", "age", "karnofsky", "pat.karno"]].dropna()
    return Hidden(
        rows=rows.rename(columns={"pat.karno": "own_karnofsky"}),
        outcome="dead",
        quantities=("psm rd_dead_matched", "logistic log_or_dead_twin"),
        cluster="hospital",
    )


def summary_rows(frame: pd.DataFrame, treatment: str, skip: Sequence[str] = ()) -> Iterator[Row]:
    """Yield counts of what is 0 or 1, and mean and SD of numbers, by arm."""
    for arm, own in (("treated", frame[frame[treatment] == 1]), ("control", frame[frame[treatment] == 0])):
        yield ("n", "", "count", arm, str(len(own)))
        for name in frame.columns.difference([treatment, *skip], sort=False):
            if set(frame[name]) <= {0, 1}:
                yield (name, "", "count", arm, f"{own[name].sum():.0f}")
            else:
                digits = int(np.clip(2 - np.floor(np.log10(own[name].std())), 0, 4))
                yield (name, "", "mean", arm, f"{own[name].mean():.{digits}f}")
                yield (name, "", "sd", arm, f"{own[name].std():.{digits}f}")


def study_of(rows: list[Row], folder: Path, named: Named) -> Study:
    """Return the study that the command `new` drafts from a printed table."""
    path = folder / "table1.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    draft = draft_printed(path, folder / "mine", named)
    write_files(folder / "mine", {name: text.encode() for name, text in draft.files.items()})
    return open_study(folder / "mine")


def compared(hidden: Hidden, subsample: int, *, patients: int = 1_000, members: int = 12) -> pd.DataFrame:
    """Return the band and the hidden value of each quantity in one subsample."""
    patients = min(patients, round(0.8 * len(hidden.rows)))
    rows = hidden.rows.sample(patients, random_state=subsample).reset_index(drop=True)
    with tempfile.TemporaryDirectory() as folder:
        named = Named(outcome=(hidden.outcome,), treated="treated")
        skip = [hidden.cluster] if hidden.cluster else []
        table = [(name, "", "clusters", "", str(rows[name].nunique())) for name in skip]
        table += summary_rows(rows, hidden.treatment, skip)
        study = study_of(table, Path(folder), named)
        printed = printed_cohort(study)
        ensemble = fit_ensemble(printed, members=members, seed=100 * subsample)
        found = band(ensemble, printed.spec, seed=subsample).set_index("quantity")
        real = analysis_quantities(rows, printed.spec, seed=subsample)
    table = found.reindex(list(hidden.quantities))[["low", "high"]].assign(subsample=subsample)
    table["real"] = [real.get(name, float("nan")) for name in hidden.quantities]
    table["inside"] = table["real"].between(table["low"], table["high"])
    return table.reset_index()


COHORTS = {"visits": visits, "lung": lung}


def main(subsamples: int = 3, members: int = 12) -> None:
    """Write the tables to stdout."""
    for name, cohort in COHORTS.items():
        for subsample in range(1, subsamples + 1):
            print(compared(cohort(), subsample, members=members).assign(cohort=name).round(3).to_string())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
