"""A study that is a folder of data files without code: a registry of stents, its world and a plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from simsepsis import open_study
from simsepsis.fitting.fit import fit_world

VARIABLES = """name,label,role,kind,group,unit,levels,low,high
clinic,Clinic,site,,id,,,,
years,Age,covariate,number,patient,years,,0,120
bmi,Body mass index,covariate,number,patient,kg/m²,,10,80
region,Region,covariate,category,patient,,north; south; west,,
stent,Stent,treatment,binary,treatment,,,0,1
dead,Death,outcome,binary,outcome,,,0,1
days,Days of follow-up,time,number,duration,days,,0,90
"""
ANALYSIS = """name = "stents"
treatment = "stent"
cluster = "clinic"
outcomes = ["dead"]
survival_time = "days"
survival_event = "dead"
censoring = "administrative"
rmst_horizon = 90
covariates = ["years", "bmi", "region"]
second_score = "none"

[[subgroups]]
name = "old"
column = "years"
at_least = 65
"""
PLAN = """label = "Stent against none"
question = "Does it lower death?"
control = "no stent"
[world]
base = "base.toml"
[[arms]]
name = "stent"
[endpoint]
name = "dead"
[effect]
scale = "risk_ratio"
value = 0.7
[test]
analysis = "stratified"
[conduct]
contamination = { share = 0.05 }
[run]
trials = 20
pool = 4000
"""


def stent_study(place: Path, *, mean_stay: float = np.inf) -> Path:
    """Write the study with a world fitted to its cohort; patients leave after a mean stay, or never."""
    (place / "study.toml").write_text('name = "stents"\ntitle = "A registry of stents"\n', encoding="utf-8")
    (place / "variables.csv").write_text(VARIABLES, encoding="utf-8")
    (place / "analysis.toml").write_text(ANALYSIS, encoding="utf-8")
    (place / "plan.toml").write_text(PLAN, encoding="utf-8")
    rng = np.random.default_rng(3)
    years = rng.normal(64, 10, 1200).round()
    time = rng.exponential(np.exp(5.6 - 0.04 * (years - 64)))
    columns = {
        "clinic": rng.integers(1, 7, 1200),
        "years": years,
        "bmi": rng.normal(26, 4, 1200).round(1),
        "region": rng.choice(["north", "south", "west"], 1200),
        "stent": rng.random(1200) < 0.4,
    }
    end = np.minimum(mean_stay * rng.exponential(size=1200), 90.0)
    columns |= {"dead": time < end, "days": np.minimum(np.ceil(time), np.ceil(end))}
    cohort = pd.DataFrame(columns).astype({"stent": int, "dead": int})
    fit_world(cohort, open_study(place).spec).save(place)
    return place
