"""A ward that is simulated, printed and hidden: a study's folder whose tables are all that is left of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from tests.unit.studies.rhc.print_tables import tables_of

from simsepsis.study.printed import PRINTED_COLUMNS
from simsepsis.study.published import Study, open_study

FILES = {
    "study.toml": 'name = "ward"\ntitle = "A ward"\n',
    "variables.csv": "name,label,role,kind,levels,low,high\n"
    "age,Age,covariate,number,,0,120\nmarker,Marker,covariate,number,,0,\npain,Pain,covariate,number,,0,10\n"
    "female,Female,covariate,binary,,0,1\nstage,Stage,covariate,category,early; late; relapse,,\n"
    "drug,Drug,treatment,binary,,0,1\ndead30,Death by day 30,outcome,binary,,0,1\n"
    "dead,Death,outcome,binary,,0,1\n",
    "analysis.toml": 'treatment = "drug"\ncovariates = ["age", "marker", "pain", "female", "stage"]\n'
    'outcomes = ["dead30", "dead"]\ncaliper = 0.2\n',
    "tables/layout.toml": 'tables = ["table1", "table2"]\nsizes = "table1"\n[parts]\ndead30 = "dead"\n',
}


def ward_cohort(patients: int = 1_500, seed: int = 1) -> pd.DataFrame:
    """Return patients in whom one illness lies behind age, marker, pain, treatment and death."""
    rng = np.random.default_rng(seed)
    ill = rng.normal(size=patients)
    noise = rng.normal(size=(4, patients))
    age = np.clip(65 + 11 * (0.5 * ill + 0.87 * noise[0]), 18, 110).round(1)
    marker = np.exp(0.8 * (0.6 * ill + 0.8 * noise[1])).round(2)
    pain = np.clip(3.0 + 2.5 * (0.4 * ill + 0.9 * noise[2]), 0, 10).round(1)
    female = (rng.random(patients) < 0.45).astype(int)
    stage = np.where(noise[3] + 0.3 * ill > 1.0, "relapse", np.where(noise[3] > 0.0, "late", "early"))
    score = -0.6 + 0.7 * ill + 0.5 * (stage == "late") - 0.3 * female
    drug = (rng.random(patients) < 1 / (1 + np.exp(-score))).astype(int)
    risk = 1 / (1 + np.exp(1.6 - 0.5 * ill - 0.02 * (age - 65) + 0.3 * drug))
    dead30 = (rng.random(patients) < risk).astype(int)
    dead = np.maximum(dead30, rng.random(patients) < 0.15).astype(int)
    columns = {"age": age, "marker": marker, "pain": pain, "female": female, "stage": stage}
    return pd.DataFrame({**columns, "drug": drug, "dead30": dead30, "dead": dead})


def ward_study(folder: Path, cohort: pd.DataFrame) -> Study:
    """Write the study of a cohort into a folder, with its printed tables and without its patients."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")
    write_tables(folder, tables_of(cohort, open_study(folder)))
    return open_study(folder)


def write_tables(folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write printed tables into a study's folder."""
    for name, table in tables.items():
        table = table.assign(printed=table["text"])[list(PRINTED_COLUMNS)]
        table.to_csv(folder / "tables" / f"{name}.csv", index=False)


def with_cell(frame: pd.DataFrame, text: str | None, **key: str) -> pd.DataFrame:
    """Return printed numbers with one changed to a text, or left out."""
    chosen = np.logical_and.reduce([frame[name] == value for name, value in key.items()])
    assert chosen.any()
    if text is None:
        return frame[~chosen].reset_index(drop=True)
    decimals = len(text.partition(".")[2])
    changed = frame.copy()
    changed.loc[chosen, ["printed", "text", "decimals"]] = [float(text), text, decimals]
    return changed
