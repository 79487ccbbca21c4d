"""Awkward input to every kernel: the right answer, or a refusal of one sentence; never anything else.

Nothing else is another exception, a warning (which the configuration makes an error) or a result that has no
number and does not say why.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples

from simsepsis.analysis import sensitivity as sens
from simsepsis.analysis import survival, two_by_two
from simsepsis.analysis.balance import standardized_difference
from simsepsis.analysis.conditional_logistic import fit_conditional_logistic
from simsepsis.analysis.fit import Fit, wald_tests
from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.imputation import impute, pool
from simsepsis.analysis.logistic import fit_logistic, linear_predictor, sandwich_covariance
from simsepsis.analysis.matching import match_pairs
from simsepsis.analysis.ranks import mann_whitney
from simsepsis.errors import SimsepsisError

RNG = np.random.default_rng(1)
N = 14
X = np.column_stack([np.ones(N), RNG.normal(size=N)])
Z = RNG.normal(size=(N, 2))
Y = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1])
ARM = np.array([1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0])
PAIR = np.repeat(np.arange(7), 2)
TIME = np.array([3.0, 5, 2, 7, 7, 8, 1, 4, 9, 10, 6, 5, 2, 3])
CAUSE = np.array([0, 1, 2, 0, 1, 2, 1, 0, 1, 1, 2, 0, 0, 1])
WEIGHTS = RNG.random(N) + 0.5
TABLE = [[5, 7], [3, 9]]
HOLED = np.where(RNG.random((2, N)) < 0.2, np.nan, RNG.normal(size=(2, N)))

Kernel = tuple[Callable[..., object], dict[str, Any]]


@cache
def fitted() -> Fit:
    return fit_logistic(X, Y)


@cache
def hazards() -> Fit:
    return survival.fit_cox(Z, TIME, Y)


def rates(found: sens.PersonTime) -> tuple[float, ...]:
    return found.rate_ratio, found.misclassified, found.excluded, found.excluded_factor


def trend(X: Any, duration: Any, event: Any) -> object:
    fit = survival.fit_cox(X, duration, event)
    return survival.proportional_hazards_test(fit, X, duration, event, transform="identity")


def pooled(estimates: Any, std_errors: Any) -> tuple[float, ...]:
    found = pool(estimates, std_errors)
    return found.estimate, *found.limits(), found.p_value()


ROWS = {"X": X, "y": Y}
FOLLOWED = {"duration": TIME, "event": Y}
KERNELS: dict[str, Kernel] = {
    "logistic": (fit_logistic, {**ROWS, "weights": WEIGHTS}),
    "logistic_started": (fit_logistic, {**ROWS, "start": [0.0, 0.0], "heading": [0.0, 1.0]}),
    "firth": (lambda **k: fit_logistic(**k, firth=True), {**ROWS, "weights": WEIGHTS}),
    "gee": (fit_gee, {**ROWS, "cluster": PAIR}),
    "gee_independent": (lambda **k: fit_gee(**k, correlation="independence"), {**ROWS, "cluster": PAIR}),
    "gee_started": (
        lambda **k: fit_gee(**k, covariance="fay_graubard"),
        {**ROWS, "cluster": PAIR, "start": [0.0, 0.0]},
    ),
    "gee_corrected": (
        lambda **k: fit_gee(**k, covariance="mancl_derouen", moment="geepack"),
        {**ROWS, "cluster": PAIR},
    ),
    "sandwich": (
        lambda **k: sandwich_covariance(fit=fitted(), **k),
        {**ROWS, "weights": WEIGHTS, "cluster": PAIR},
    ),
    "linear_predictor": (lambda X: linear_predictor(X, fitted()), {"X": X}),
    "wald_tests": (lambda **k: wald_tests(fitted(), **k), {"df": 5.0, "level": 0.9}),
    "conditional": (fit_conditional_logistic, {"X": Z, "y": Y, "strata": PAIR}),
    "cox": (survival.fit_cox, {"X": Z, **FOLLOWED, "weights": WEIGHTS}),
    "cox_breslow": (lambda **k: survival.fit_cox(**k, ties="breslow"), {"X": Z, **FOLLOWED}),
    "cox_intervals": (
        survival.fit_cox,
        {"X": Z, **FOLLOWED, "entry": TIME - 1, "strata": ARM, "cluster": PAIR},
    ),
    "hazards": (lambda **k: survival.proportional_hazards_test(hazards(), **k), {"X": Z, **FOLLOWED}),
    "trend": (trend, {"X": Z, **FOLLOWED}),
    "kaplan_meier": (survival.kaplan_meier, FOLLOWED),
    "kaplan_meier_log_log": (
        lambda **k: survival.kaplan_meier(**k, interval="log_log"),
        {**FOLLOWED, "level": 0.9},
    ),
    "log_rank": (survival.log_rank, {**FOLLOWED, "group": ARM}),
    "rmst": (survival.rmst, {**FOLLOWED, "horizon": 6.0}),
    "farthest_horizon": (survival.farthest_horizon, FOLLOWED),
    "incidence": (survival.cumulative_incidence, {"duration": TIME, "cause": CAUSE, "level": 0.9}),
    "difference": (standardized_difference, {"x": Z[:, 0], "treated": ARM, "weights": WEIGHTS}),
    "difference_in_sd": (standardized_difference, {"x": Z[:, 0], "treated": ARM, "denominator": 2.0}),
    "mann_whitney": (mann_whitney, {"x": Z, "group": ARM}),
    "impute": (
        lambda **k: impute(**k, cycles=1, rng=np.random.default_rng(0)),
        {"columns": HOLED, "others": np.vstack([ARM, Y])},
    ),
    "pool": (pooled, {"estimates": [1.0, 2.0, 3.0], "std_errors": [1.0, 1.0, 2.0]}),
    "match": (
        lambda **k: match_pairs(**k, rng=np.random.default_rng(0)),
        {"score": Z[:, 0], "treated": ARM, "exact": np.repeat([0, 1], 7)},
    ),
    "match_in_order": (
        lambda **k: match_pairs(**k, order="largest"),
        {"score": Z[:, 0], "treated": ARM, "caliper": 0.2, "ratio": 1},
    ),
    "count": (two_by_two.two_by_two_table, {"treated": ARM, "event": Y}),
    "count_pairs": (two_by_two.pair_table, {"treated_event": ARM, "control_event": Y}),
    **{
        name: (getattr(two_by_two, name), {argument: TABLE})
        for argument, names in (
            ("table", ("odds_ratio", "risk_ratio", "risk_difference", "chi_square", "fisher")),
            ("table", ("smallest_expected",)),
            ("pairs", ("paired_odds_ratio", "paired_risk_difference", "mcnemar")),
        )
        for name in names
    },
    "mcnemar_exact": (lambda pairs: two_by_two.mcnemar(pairs, exact=True), {"pairs": TABLE}),
    "yates": (lambda table: two_by_two.chi_square(table, yates=True), {"table": TABLE}),
    "odds_ratio_level": (lambda level: two_by_two.odds_ratio(TABLE, level=level), {"level": 0.9}),
    "mantel_haenszel": (two_by_two.mantel_haenszel, {"tables": [TABLE, [[2, 4], [6, 3]]]}),
    "breslow_day": (two_by_two.breslow_day, {"tables": [TABLE, [[2, 4], [6, 3]]]}),
    "e_value": (sens.e_value, {"rr": 2.0, "limit": 1.5, "target": 1.0}),
    "of_odds_ratio": (sens.risk_ratio_of_odds_ratio, {"odds_ratio": 2.0}),
    "of_hazard_ratio": (sens.risk_ratio_of_hazard_ratio, {"hazard_ratio": 2.0}),
    "of_mean_difference": (sens.risk_ratio_of_mean_difference, {"difference": 0.3, "std_error": 0.1}),
    "bounding_factor": (sens.bounding_factor, {"with_treatment": 2.0, "with_outcome": 3.0}),
    "binary_bias": (sens.binary_confounder_bias, {"effect": 2.0, "treated": 0.3, "control": 0.2}),
    "normal_bias": (sens.normal_confounder_bias, {"effect": 2.0, "difference": 0.5}),
    "tipping_effect": (sens.tipping_effect, {"limit": 1.2, "difference": 0.5}),
    "tipping_number": (sens.tipping_number, {"limit": 1.2, "effect": 1.3, "difference": 0.5}),
    "rosenbaum_p": (sens.rosenbaum_p_value, {"b": 9, "c": 3, "gamma": 1.2}),
    "rosenbaum_gamma": (sens.rosenbaum_gamma, {"b": 9, "c": 3, "alpha": 0.05}),
    "wilcoxon_p": (sens.wilcoxon_p_value, {"differences": Z[:, 0], "gamma": 1.2}),
    "wilcoxon_gamma": (sens.wilcoxon_gamma, {"differences": Z[:, 0], "alpha": 0.05}),
    "marginal": (sens.marginal_log_odds_ratio, {"intercept": 0.0, "log_odds_ratio": 1.0, "sd": 1.0}),
    "attenuated": (sens.attenuated_log_odds_ratio, {"log_odds_ratio": 1.0, "sd": 1.0}),
    "person_time": (
        lambda **k: rates(sens.person_time(**k)),
        {**FOLLOWED, "start": np.where(ARM == 1, 1.0, np.inf)},
    ),
    "expected_person_time": (
        lambda **k: rates(sens.expected_person_time(**k)),
        {"death_rate": 0.02, "start_rate": 0.1, "rate_ratio": 0.8, "horizon": 28.0},
    ),
}
"""Name → a kernel and arguments that suit it."""

DOCUMENTED_NAN = {
    "kaplan_meier": "no standard error at survival 0",
    "kaplan_meier_log_log": "no standard error at survival 0",
    "log_rank": "no event tells the groups apart",
    "rmst": "the horizon is beyond the farthest one",
    "mann_whitney": "a group is empty",
    "sandwich": "a single cluster",
    "wald_tests": "nothing was estimated",
    "e_value": "no limit was given",
}
"""Kernels that return plain numbers, and when these are NaN by their own documentation."""

SCALARS: dict[str, Any] = {
    "none": None,
    "nan": np.nan,
    "inf": np.inf,
    "minus_inf": -np.inf,
    "text": "abc",
    "number_as_text": "1",
    "no_text": "",
    "negative": -1,
    "zero": 0,
    "half": 0.5,
    "three": 3,
    "huge": 1e200,
    "largest": 1.7e308,
    "tiny": 1e-200,
    "smallest": 5e-324,
    "above_1": 1 + 1e-15,
    "below_1": 1 - 1e-16,
    "many": 10**7,
    "too_exact": 2**53 + 1,
    "beyond_floats": 10**400,
    "thousands_of_digits": 10**5000,
    "true": True,
    "complex": 1j,
    "NA": pd.NA,
    "NaT": pd.NaT,
    "decimal": Decimal("1.5"),
    "date": datetime.date(2020, 1, 1),
    "datetime": np.datetime64("2020-01-01"),
    "timedelta": np.timedelta64(1, "D"),
    "list": [1],
    "dict": {},
    "matrix": [[1, 2], [3, 4]],
    "zero_dimensional": np.array(0.4),
}

SCALES = (1e200, 1e-200, 1e300, 1e-310, 1e15, 1e9, -1.0)


@cache
@np.errstate(all="ignore")
def stand_ins(name: str, argument: str) -> dict[str, Any]:
    """Return what may be given in place of an argument of a kernel, by name."""
    usual = KERNELS[name][1][argument]
    found: dict[str, Any] = dict(SCALARS)
    if np.ndim(usual) == 0:
        return found
    array = np.array(usual)
    k, first = len(array), array.reshape(len(array), -1)[:, 0]
    whole = [round(value) if np.isfinite(value) else 0 for value in first]
    one = np.arange(array.size).reshape(array.shape) == 0
    return found | {
        "empty": [],
        "no_rows": np.empty((0, 2)),
        "too_short": array[:-1],
        "too_long": np.concatenate([array, array[:1]]),
        "one_row": array[:1],
        "ones": np.ones(array.shape),
        "zeros": np.zeros(array.shape),
        "all_nan": np.full(array.shape, np.nan),
        "deeper": array[..., None],
        "lists": array.tolist(),
        "ragged": [[1], [1, 2]],
        "words": [str(value) for value in array.ravel()],
        "bytes": np.array([b"a"] * k),
        "complexes": array + 1j,
        "booleans": array.astype(bool),
        "objects": array.astype(object),
        "half_precision": np.nan_to_num(array, posinf=0).astype(np.float16),
        "long_precision": array.astype(np.longdouble),
        "series": pd.Series(first, index=[7] * k),
        "frame": pd.DataFrame(array.reshape(k, -1)),
        "masked": np.ma.masked_array(array, mask=one),
        "nullable": pd.array(whole, dtype="Int64"),
        "nullable_gap": pd.array([None, *whole[1:]], dtype="Int64"),
        "text_gap": pd.array([None] * k, dtype="string"),
        "category": pd.Categorical([str(value) for value in first]),
        "category_gap": pd.Categorical([None, *(str(value) for value in first[1:])]),
        "dates": pd.date_range("2020", periods=k),
        "timedeltas": np.full(k, np.timedelta64(1, "D")),
        "tuples": [(1, 2)] * k,
        "far_ids": [2**60 + i for i in range(k)],
        "unsigned": np.arange(k, dtype=np.uint64) + np.uint64(2**63),
        "around_1e9": array + 1e9,
        "around_1e16": array + 1e16,
        "near_ties": array + np.arange(array.size).reshape(array.shape) * 1e-12,
        "halves": array + 0.5,
        "one_huge": np.where(one, 1e308, array),
        **{f"times_{scale:g}": array * scale for scale in SCALES},
        **{f"one_{name}": _with_one(array, value) for name, value in SCALARS.items()},
        **{f"listed_{name}": [value, *array.tolist()[1:]] for name, value in SCALARS.items()},
    }


def _with_one(array: np.ndarray, value: Any) -> np.ndarray:
    """Return the array with another first value."""
    changed = np.array(array, dtype=object)
    place = (0,) * array.ndim
    changed[place] = value
    return changed


def outcome(name: str, arguments: dict[str, Any]) -> str:
    """Call a kernel; return what is wrong with what comes back, empty where nothing is."""
    try:
        result = KERNELS[name][0](**arguments)
    except SimsepsisError as error:
        text = str(error)
        return "" if 0 < len(text) < 330 and "\n" not in text else f"message of {len(text)} letters"
    return _silent(result) if name not in DOCUMENTED_NAN else ""


def _silent(result: object) -> str:
    """Say what in a result has no number without a reason."""
    if isinstance(result, Fit):
        unknown = np.isnan(result.params) | np.isnan(result.std_errors)
        unknown[list(result.dropped)] = False
        endless = np.isinf(result.params) | np.isinf(result.std_errors)
        return "" if result.failure or not (unknown | endless).any() else f"silent {result.params}"
    if getattr(result, "failure", None):
        return ""
    parts = [getattr(result, item.name) for item in fields(result)] if is_dataclass(result) else [result]
    numbers = [np.asarray(part, np.float64) for part in parts if part is not None]
    return f"NaN in {result}" if any(np.isnan(part).any() for part in numbers) else ""


def wrong(name: str, cases: dict[str, dict[str, Any]]) -> list[str]:
    """Return the cases that do not keep the contract, and how."""
    found = []
    for label, arguments in cases.items():
        try:
            reason = outcome(name, arguments)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:200]
        if reason:
            found.append(f"{label}: {reason}")
    return found


@pytest.mark.parametrize("name", KERNELS)
def test_one_awkward_argument(name: str) -> None:
    usual = KERNELS[name][1]
    cases = {
        f"{argument} = {label}": {**usual, argument: value}
        for argument in usual
        for label, value in stand_ins(name, argument).items()
    }
    assert wrong(name, cases) == []


OF_ROWS = [
    name for name, (_, usual) in KERNELS.items() if any(np.shape(v)[:1] == (N,) for v in usual.values())
]


@pytest.mark.parametrize("name", OF_ROWS)
def test_few_rows_and_rows_that_repeat(name: str) -> None:
    usual = KERNELS[name][1]
    cases = {
        f"rows {rows}": {
            argument: np.asarray(known)[rows] if np.ndim(known) and len(known) == N else known
            for argument, known in usual.items()
        }
        for rows in ([], [0], [0, 1], [0, 0, 0], [0, 1, 2], [2, 3] * 5, [1, 2, 4, 7, 8], [0, 3, 5, 6, 9])
    }
    assert wrong(name, cases) == []


TAME = [
    *("lists", "objects", "booleans", "ones", "zeros", "halves", "series", "nullable", "near_ties"),
    *("half_precision", "long_precision", "around_1e9", "around_1e16", "one_huge"),
    *(f"times_{scale:g}" for scale in SCALES),
    *("one_zero", "one_negative", "one_huge", "one_tiny", "one_smallest", "one_three", "one_above_1"),
    *("zero", "half", "three", "huge", "tiny", "smallest", "above_1", "below_1", "many", "negative"),
]
"""Stand-ins that may be taken, so that two at once reach the depths of a kernel."""


@examples(400)
@given(st.data())
def test_several_awkward_arguments(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(KERNELS)))
    arguments = dict(KERNELS[name][1])
    for argument, known in KERNELS[name][1].items():
        choices = {label: value for label, value in stand_ins(name, argument).items() if label in TAME}
        label = data.draw(st.sampled_from(["usual", *choices]))
        arguments[argument] = choices.get(label, known)
    assert outcome(name, arguments) == ""
