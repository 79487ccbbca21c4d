"""The thesis's analysis as a careful user of statsmodels, SciPy and NumPy writes it.

Whole arrays wherever the packages allow it; no loop but the matcher's own. `peers.py` times it.
"""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pandas as pd
import scipy.stats
import statsmodels.api as sm
from statsmodels.duration.survfunc import SurvfuncRight, survdiff
from statsmodels.stats.contingency_tables import StratifiedTable

from simsepsis.studies.jseptic_ivigg.columns import (
    ADJUNCTS,
    DURATIONS,
    SCORE_COVARIATES,
    SOFA_LATER,
    TRANSFUSIONS,
)

OUTCOMES = ("icu_death", "hospital_death")
CALIPER = 0.2
FEWEST = 5


def design(frame: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """Return the design matrix with intercept, categories as indicators."""
    dummies = pd.get_dummies(frame[list(names)], drop_first=True, dtype=float)
    return np.column_stack([np.ones(len(frame)), dummies.to_numpy(dtype=float)])


def logistic(X: np.ndarray, y: np.ndarray):
    """Fit a logistic regression."""
    return sm.Logit(y, X).fit(method="newton", disp=0, maxiter=50)


def match(score: np.ndarray, treated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match greedily in data order to the nearest free control within the caliper; return the rows."""
    width = CALIPER * score.std(ddof=1)
    rows = np.flatnonzero(treated)
    controls = np.flatnonzero(~treated)
    free = score[controls].copy()
    pairs = []
    for row in rows:
        distance = np.abs(free - score[row])
        nearest = int(np.argmin(distance))
        if distance[nearest] <= width:
            pairs.append((row, controls[nearest]))
            free[nearest] = np.inf
    found = np.array(pairs)
    return found[:, 0], found[:, 1]


def gee(X: np.ndarray, y: np.ndarray, cluster: np.ndarray):
    """Fit a GEE with exchangeable correlation and robust standard errors."""
    model = sm.GEE(
        y, X, groups=cluster, family=sm.families.Binomial(), cov_struct=sm.cov_struct.Exchangeable()
    )
    return model.fit()


def cox(X: np.ndarray, time: np.ndarray, event: np.ndarray):
    """Fit a Cox regression with Efron ties."""
    return sm.PHReg(time, X, status=event, ties="efron").fit(disp=0)


def _smd(X: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    first, second = X[one], X[other]
    spread = np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 2)
    difference = first.mean(axis=0) - second.mean(axis=0)
    return np.divide(difference, spread, out=np.zeros_like(spread), where=spread > 0)


def _association(treated: np.ndarray, event: np.ndarray) -> tuple[float, float]:
    table = np.array(
        [
            [(event & treated).sum(), (~event & treated).sum()],
            [(event & ~treated).sum(), (~event & ~treated).sum()],
        ]
    )
    expected = table.sum(1)[:, None] * table.sum(0) / table.sum()
    test = scipy.stats.fisher_exact if expected.min() < 5 else scipy.stats.chi2_contingency
    p = test(table).pvalue if expected.min() < 5 else test(table, correction=False).pvalue
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(table[0, 0] * table[1, 1] / (table[0, 1] * table[1, 0])), float(p)


def _describe(
    frame: pd.DataFrame, treated: np.ndarray, X: np.ndarray, phase_rows: np.ndarray
) -> dict[str, float]:
    """Compute what the tables show of one phase: counts, quartiles, differences, tests."""
    part, arm = frame.iloc[phase_rows], treated[phase_rows]
    one, other = phase_rows[arm], phase_rows[~arm]
    found = {"smd": float(np.abs(_smd(X, one, other)).sum())}
    for name in (*ADJUNCTS, *OUTCOMES):
        found[name] = _association(arm, part[name].to_numpy() == 1)[1]
    numbers = part[[*TRANSFUSIONS, *DURATIONS]].to_numpy(dtype=float)
    found["quartiles"] = float(
        np.nansum(np.nanquantile(numbers[arm], (0.25, 0.5, 0.75), axis=0, method="weibull"))
    )
    np.nanquantile(numbers[~arm], (0.25, 0.5, 0.75), axis=0, method="weibull")
    ages = part[["age", "apache2", "weight_kg", "wbc", "hemoglobin", "platelets"]].to_numpy(dtype=float)
    for side in (arm, ~arm):
        np.quantile(ages[side], (0.25, 0.5, 0.75), axis=0, method="weibull")
    test = scipy.stats.mannwhitneyu(
        numbers[arm], numbers[~arm], method="asymptotic", use_continuity=False, nan_policy="omit"
    )
    found["ranks"] = float(np.sum(test.pvalue))
    return found


def whole_analysis(registry: pd.DataFrame) -> dict[str, float]:
    """Run the thesis's ten steps and return the numbers that `peers.py` compares."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _whole_analysis(registry)


def _whole_analysis(registry: pd.DataFrame) -> dict[str, float]:
    frame = registry.dropna(subset=list(SCORE_COVARIATES)).reset_index(drop=True)
    treated = frame["ivigg"].to_numpy() == 1
    found: dict[str, float] = {"n": len(frame)}
    covariates = design(frame, SCORE_COVARIATES)
    adjuncts = frame[[*ADJUNCTS, *TRANSFUSIONS]].to_numpy(dtype=float)
    matrices = {"covariates": covariates, "adjuncts": np.hstack([covariates, adjuncts])}
    found |= {
        f"before {k}": v for k, v in _describe(frame, treated, covariates, np.arange(len(frame))).items()
    }
    for score, X in matrices.items():
        logit = X @ logistic(X, treated.astype(float)).params
        pairs = match(logit, treated)
        found[f"{score} pairs"] = pairs[0].size
        found |= _matched(frame, treated, np.concatenate(pairs), score)
        if score == "covariates":
            found |= {f"after {k}": v for k, v in _describe(frame, treated, X, np.concatenate(pairs)).items()}
            found |= _survival(frame.iloc[np.concatenate(pairs)])
    return found


def _matched(frame: pd.DataFrame, treated: np.ndarray, rows: np.ndarray, score: str) -> dict[str, float]:
    found: dict[str, float] = {}
    matched = frame.iloc[rows]
    names = [name for name in ADJUNCTS if matched[name].sum() >= FEWEST]
    plain = ["ivigg", *names, *TRANSFUSIONS]
    for extended in (False, True):
        terms = [*plain, *SOFA_LATER] if extended else plain
        part = matched.dropna(subset=list(SOFA_LATER)) if extended else matched
        X = np.column_stack([np.ones(len(part)), part[terms].to_numpy(dtype=float)])
        for outcome in OUTCOMES:
            fit = gee(X, part[outcome].to_numpy(dtype=float), part["icu_id"].to_numpy())
            found[f"{score} gee {extended} {outcome}"] = float(fit.params[1])
            found[f"{score} gee {extended} {outcome} se"] = float(fit.bse[1])
    for outcome in OUTCOMES:
        odds, p = _association(treated[rows], matched[outcome].to_numpy() == 1)
        found[f"{score} crude {outcome}"] = odds
        found[f"{score} crude {outcome} p"] = p
    return found


def _survival(matched: pd.DataFrame) -> dict[str, float]:
    arm = matched["ivigg"].to_numpy(dtype=float)
    time, event = (matched[name].to_numpy(dtype=float) for name in ("hospital_days", "hospital_death"))
    found = {"cox": float(cox(arm[:, None], time, event).params[0])}
    for side in (arm == 1, arm == 0):
        SurvfuncRight(time[side], event[side])
    found["log rank p"] = float(survdiff(time, event, arm)[1])
    strata = {"apache2": matched["apache2"] >= 29, "immunocompromised": matched["immunocompromised"] == 1}
    for (name, upper), outcome in product(strata.items(), OUTCOMES):
        dead = matched[outcome].to_numpy() == 1
        tables = [
            np.array(
                [[(dead & (arm == a) & s).sum(), (~dead & (arm == a) & s).sum()] for a in (1, 0)], dtype=float
            )
            for s in (~upper.to_numpy(), upper.to_numpy())
        ]
        found[f"breslow-day {name} {outcome}"] = float(StratifiedTable(tables).test_equal_odds().pvalue)
    return found
