"""The thesis's analysis laid out in frames, for files, figures and people."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simsepsis.analysis.balance import (
    IMBALANCE_PERCENT,
    ecdf_distances,
    pooled_sd,
    standardized,
)
from simsepsis.analysis.cells import Cells, ratios
from simsepsis.analysis.descriptive import PHASES, describe, phase_groups
from simsepsis.analysis.estimates import normal_tests
from simsepsis.analysis.matched import MatchedSet
from simsepsis.analysis.outcomes import AdjustedModel
from simsepsis.analysis.propensity import Propensity, fit_propensity, overlap_summary
from simsepsis.analysis.result import FIRST_SCORE, SCORES, Attempt, ThesisResult, attempt, then
from simsepsis.analysis.time_to_death import survival_curves, survival_tests
from simsepsis.arrays import FloatArray

TABLE_COLUMNS = ("variable", "level", "statistic", "phase", "arm", "value")
PAIR_COLUMNS = (
    "score",
    "pair",
    "treated_row",
    "treated_patient",
    "control_row",
    "control_patient",
    "distance",
)
MODEL_COLUMNS = (
    "model",
    "score",
    "outcome",
    "variable",
    "level",
    "coefficient",
    "std_error",
    "odds_ratio",
    "ci_low",
    "ci_high",
    "p_value",
    "note",
)


def table_frames(found: Cells) -> dict[str, pd.DataFrame]:
    """Return one frame per table, ``table1`` … ``table6`` and ``text``, with `TABLE_COLUMNS`."""
    rows: dict[str, list[tuple[object, ...]]] = {}
    for (table, *key), value in found.items():
        rows.setdefault(table, []).append((*key, value))
    return {table: pd.DataFrame(rows[table], columns=list(TABLE_COLUMNS)) for table in sorted(rows)}


def flow_frame(result: ThesisResult) -> pd.DataFrame:
    """Return how many patients each step had: step, score (empty before matching), patients."""
    flow = result.flow
    rows: list[tuple[str, str, float]] = [
        ("registered", "", flow.registered),
        *((f"excluded: {reason}", "", patients) for reason, patients in flow.excluded),
        *([("in neither arm", "", flow.elsewhere)] if flow.elsewhere else []),
        ("without complete day-1 data", "", flow.missing_day1),
        ("without an outcome or adjunct", "", flow.missing_later),
        ("analysed", "", flow.analysed),
        ("treated", "", flow.analysed_treated),
    ]
    for score, step in result.matched.items():
        rows += _matched_steps(result, score, step.value)
        model = result.models.get((score, True, result.spec.all_outcomes[0]))
        if model is not None:
            excluded = np.nan if model.value is None else model.value.data.excluded
            rows.append(("matched without later scores", score, excluded))
    return pd.DataFrame(rows, columns=["step", "score", "patients"])


def _matched_steps(
    result: ThesisResult, score: str, matched: MatchedSet | None
) -> list[tuple[str, str, float]]:
    """Return the pairs, or treated patients and controls where these are no pairs."""
    if result.spec.one_to_one:
        return [("matched pairs", score, np.nan if matched is None else matched.matches.n_pairs)]
    controls = np.nan if matched is None else matched.cohort.n - matched.n_treated
    return [
        ("matched treated", score, np.nan if matched is None else matched.n_treated),
        ("matched controls", score, controls),
    ]


def pairs_frame(result: ThesisResult) -> pd.DataFrame:
    """Return the matched pairs of each score, with `PAIR_COLUMNS`; rows of the file count from 0."""
    parts = [
        _pairs(result, score, step.value) for score, step in result.matched.items() if step.value is not None
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(PAIR_COLUMNS))


def _pairs(result: ThesisResult, score: str, matched: MatchedSet) -> pd.DataFrame:
    cohort, pairs = result.cohort, matched.matches
    columns = (
        score,
        np.unique(pairs.treated, return_inverse=True)[1] + 1,
        cohort.record[pairs.treated],
        cohort.patient[pairs.treated],
        cohort.record[pairs.control],
        cohort.patient[pairs.control],
        pairs.distance,
    )
    return pd.DataFrame(dict(zip(PAIR_COLUMNS, columns, strict=True)))


def balance_frame(result: ThesisResult) -> pd.DataFrame:
    """Return the balance of every covariate and level before and after matching on each score.

    Returns
    -------
    DataFrame
        score, variable, level, phase; mean_treated, mean_control (proportions for levels); standardized
        differences in percent, treated minus control, over each phase's own pooled SD (``pooled_after``: what
        the thesis printed), the pooled SD before matching (``pooled_before``), the SD of the treated before
        matching (``treated_before``); unbalanced (more than 10% by the first); variance_ratio (NaN for
        levels); ecdf_mean, ecdf_max.
    """
    parts = [_balance(result, score, step.value) for score, step in result.matched.items()]
    return pd.concat(parts, ignore_index=True)


def _balance(result: ThesisResult, score: str, matched: MatchedSet | None) -> pd.DataFrame:
    names = result.spec.balance_columns if matched is None else matched.names
    groups = phase_groups(result.cohort, None if matched is None else matched.matches)
    found = describe(result.cohort, names, groups)
    shares = found.fractions
    gaps = np.isnan(shares[:, 0]).any(axis=1)
    sorted_out = [*np.array([name for name, _ in found.terms])[gaps], *(name for name, _ in found.numeric)]
    numbers = result.cohort.block(sorted_out)
    mean = np.concatenate([shares, found.mean])
    variance = np.concatenate([shares * (1 - shares), found.variance])
    parts = []
    for phase, name in enumerate(PHASES):
        frame = pd.DataFrame([*found.terms, *found.numeric], columns=["variable", "level"])
        frame.insert(0, "score", score)
        frame["phase"] = name
        frame["mean_treated"], frame["mean_control"] = mean[:, phase].T
        for label, spread in _denominators(variance, phase).items():
            frame[label] = 100 * standardized(mean[:, phase, 0] - mean[:, phase, 1], spread)
        frame["unbalanced"] = frame["pooled_after"].abs() > IMBALANCE_PERCENT
        with np.errstate(invalid="ignore", divide="ignore"):
            frame["variance_ratio"] = variance[:, phase, 0] / variance[:, phase, 1]
        frame.loc[: len(shares) - 1, "variance_ratio"] = np.nan
        rows = np.concatenate(groups.rows[2 * phase : 2 * phase + 2])
        # of 0/1 columns without gaps both distances are the difference of the proportions
        near = np.abs(shares[:, phase, 0] - shares[:, phase, 1])
        found_far = attempt(ecdf_distances, numbers[:, rows], result.cohort.treated[rows]).value
        for label, far in zip(
            ("ecdf_mean", "ecdf_max"), found_far or (np.full(len(numbers), np.nan),) * 2, strict=True
        ):
            near[gaps] = far[: gaps.sum()]
            frame[label] = np.concatenate([near, far[gaps.sum() :]])
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def _denominators(variance: FloatArray, phase: int) -> dict[str, FloatArray]:
    """Return the SDs that a difference may be measured in, by name."""
    return {
        "pooled_after": pooled_sd(variance[:, phase, 0], variance[:, phase, 1]),
        "pooled_before": pooled_sd(variance[:, 0, 0], variance[:, 0, 1]),
        "treated_before": np.sqrt(variance[:, 0, 0]),
    }


def scores_frame(result: ThesisResult) -> pd.DataFrame:
    """Return one row per propensity score: columns, C-statistic, overlap, caliper, pairs, notes."""
    rows = []
    for score, step in result.matched.items():
        row: dict[str, object] = {"score": score, "scale": result.spec.scale, "note": step.failure or ""}
        if step.value is not None:
            matched = step.value
            row |= {"terms": len(matched.propensity.terms)}
            overlap = then(step, lambda found: overlap_summary(found.propensity, result.cohort.treated))
            row |= overlap.value or {}
            row |= {"caliper": matched.matches.caliper, "pairs": matched.n_treated}
            row["note"] = matched.propensity.note or overlap.failure or ""
        rows.append(row)
    return pd.DataFrame(rows)


def score_frame(result: ThesisResult) -> pd.DataFrame:
    """Return one row per analysed patient: row, patient, treated, ``propensity_*`` and ``matched_*``."""
    cohort = result.cohort
    frame = pd.DataFrame({"row": cohort.record, "patient": cohort.patient, "treated": cohort.treated})
    for score in SCORES:
        step = result.matched.get(score)
        if step is None or step.value is None:
            continue
        matched = np.zeros(cohort.n, np.bool_)
        matched[step.value.matches.treated] = matched[step.value.matches.control] = True
        frame[f"propensity_{score}"] = step.value.propensity.probability
        frame[f"matched_{score}"] = matched
    return frame


def models_frame(result: ThesisResult) -> pd.DataFrame:
    """Return every coefficient of the propensity models and the GEEs, with `MODEL_COLUMNS`.

    Returns
    -------
    DataFrame
        ``model`` is ``propensity``, ``gee``, ``gee_alone``, or ``gee_`` and the later scores; a failed model
        is one row with its note. Coefficients of a numeric outcome are differences of means: they
        have no odds ratio, and limits on their own scale.
    """
    later = f"gee_{result.spec.later.name}"
    listed: list[tuple[tuple[str, str, str], Attempt[Propensity] | Attempt[AdjustedModel]]] = [
        (("propensity", score, ""), then(step, _with_errors, result))
        for score, step in result.matched.items()
    ]
    listed += [
        ((later if extended else "gee", score, outcome), model)
        for (score, extended, outcome), model in result.models.items()
    ]
    listed += [(("gee_alone", FIRST_SCORE, outcome), model) for outcome, model in result.clustered.items()]
    rows = [row for place, step in listed for row in _model_rows(place, step.value, step.failure, result)]
    return pd.DataFrame(rows, columns=list(MODEL_COLUMNS))


def _model_rows(
    place: tuple[str, str, str],
    model: Propensity | AdjustedModel | None,
    failure: str | None,
    result: ThesisResult,
) -> list[tuple[object, ...]]:
    """Return one row per term; one row with the reason where the model failed."""
    if model is None:
        return [(*place, "", "", *[np.nan] * 6, failure)]
    effects = ratios(model.fit)
    if place[2] in result.spec.numeric_outcomes:
        low, high, p_value = normal_tests(model.fit.params, model.fit.std_errors)
        effects = np.array([np.full_like(low, np.nan), low, high, p_value]).T
    coefficients = zip(model.fit.params.tolist(), model.fit.std_errors.tolist(), strict=True)
    return [
        (*place, *term, *coefficient, *effect, model.note)
        for term, coefficient, effect in zip(model.terms, coefficients, effects.tolist(), strict=True)
    ]


def _with_errors(matched: MatchedSet, result: ThesisResult) -> Propensity:
    """Return the score of a matched set with the standard errors that matching did without."""
    return fit_propensity(result.cohort, matched.names, result.spec.score_categories, near=matched.propensity)


def survival_frame(result: ThesisResult) -> pd.DataFrame:
    """Return both arms' survival curves as `survival_curves` gives them; empty where there is none."""
    step = result.survival
    curves = None if step is None else then(step, survival_curves).value
    return pd.DataFrame() if curves is None else curves


def survival_tests_frame(result: ThesisResult) -> pd.DataFrame:
    """Return what compares the curves as `survival_tests` gives it; empty where there is none."""
    step = result.survival
    if step is None or step.value is None:
        return pd.DataFrame()
    tests = then(step, survival_tests, result.spec.rmst_horizon).value
    return pd.DataFrame() if tests is None else tests
