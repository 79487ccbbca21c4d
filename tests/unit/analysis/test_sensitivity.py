"""Sensitivity analysis against the numbers that were published or derived for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from numpy.testing import assert_allclose

from simsepsis.analysis import sensitivity as s
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.errors import DataError, UsageError

ROOT, HAZARD = s.risk_ratio_of_odds_ratio, s.risk_ratio_of_hazard_ratio


@pytest.mark.parametrize(
    ("arguments", "target", "expected"),
    [
        ((3.9, 1.8), 1.0, (7.263, 3.0)),
        ((0.80, 0.91), 1.0, (1.809, 1.429)),
        ((ROOT(1.47), ROOT(1.12)), 1.0, (1.720, 1.307)),
        ((HAZARD(0.56), HAZARD(0.69)), 1.0, (2.350, 1.908)),
        ((0.80, 0.91), 1.2, (2.366, 1.967)),
        ((2.5, None), 1.5, (2.721, math.nan)),
        ((1.3, 0.9), 1.0, (1.924, 1.0)),
        ((0.7, 1.1), 1.0, (2.211, 1.0)),
        ((1.0, 0.8), 1.0, (1.0, 1.0)),
    ],
)
def test_e_values_as_published(
    arguments: tuple[float, float | None], target: float, expected: tuple[float, float]
) -> None:
    assert_allclose(s.e_value(*arguments, target=target), expected, atol=5.01e-4)


def test_conversions_to_risk_ratios() -> None:
    assert HAZARD(0.56) == pytest.approx(0.6701, abs=5e-5)
    assert HAZARD(1.0) == ROOT(1.0) == 1.0
    assert HAZARD(2.0) == pytest.approx(1 / HAZARD(0.5))
    ratio, low, high = s.risk_ratio_of_mean_difference(0.5, 0.25)
    assert_allclose([ratio, low, high], np.exp([0.455, 0.455 - 0.445, 0.455 + 0.445]))


def test_an_e_value_is_where_the_bounding_factor_reaches_the_ratio() -> None:
    for ratio in (1.05, 1.8, 4.0):
        strength, _ = s.e_value(ratio)
        assert s.bounding_factor(strength, strength) == pytest.approx(ratio)
        assert s.e_value(1 / ratio)[0] == pytest.approx(strength)


def test_bias_of_a_confounder_as_published() -> None:
    assert s.bounding_factor(2, 2) == pytest.approx(1.333, abs=5e-4)
    assert s.bounding_factor(3, 2) == 1.5
    assert s.binary_confounder_bias(2, 0.5, 0.2) == pytest.approx(1.25)


def test_bias_factors_equal_what_averaging_over_the_confounder_gives() -> None:
    effect, p1, p0 = 1.7, 0.6, 0.25
    risk = np.array([0.1, 0.1 * effect])
    crude = (risk @ [1 - p1, p1]) / (risk @ [1 - p0, p0])
    assert s.binary_confounder_bias(effect, p1, p0) == pytest.approx(crude)
    assert s.binary_confounder_bias(effect, p1, p0) <= s.bounding_factor(p1 / p0, effect)

    def mean_risk(mean: float) -> float:
        return float(
            scipy.integrate.quad(lambda u: scipy.stats.norm.pdf(u, mean) * 1e-3 * effect**u, -12, 12)[0]
        )

    assert s.normal_confounder_bias(effect, 0.7) == pytest.approx(mean_risk(0.9) / mean_risk(0.2))


def test_tipping_points_undo_the_limit() -> None:
    effect = s.tipping_effect(1.3, 0.5)
    assert s.normal_confounder_bias(effect, 0.5) == pytest.approx(1.3)
    number = s.tipping_number(1.3, 1.2, 0.5)
    assert s.normal_confounder_bias(1.2, 0.5) ** number == pytest.approx(1.3)
    assert s.tipping_number(1.3, 1.2, -0.5) == -number


@pytest.mark.parametrize(
    "call",
    [
        lambda: s.e_value(0.0),
        lambda: s.e_value(math.nan),
        lambda: s.e_value(1.2, -1.0),
        lambda: s.e_value(1.2, target=math.inf),
        lambda: ROOT(-1.0),
        lambda: HAZARD(0.0),
        lambda: s.bounding_factor(0.9, 2),
        lambda: s.binary_confounder_bias(2, 1.5, 0.2),
        lambda: s.binary_confounder_bias(0, 0.5, 0.2),
        lambda: s.normal_confounder_bias(-1, 0.2),
        lambda: s.tipping_effect(1.3, 0.0),
        lambda: s.tipping_number(1.3, 1.0, 0.5),
        lambda: s.rosenbaum_gamma(-1, 3),
        lambda: s.rosenbaum_gamma(2.5, 3),  # type: ignore[arg-type]
        lambda: s.rosenbaum_gamma(5, 3, alpha=1.0),
        lambda: s.rosenbaum_p_value(5, 3, 0.5),
        lambda: s.wilcoxon_gamma([0.0, 0.0]),
        lambda: s.wilcoxon_gamma([1.0, 2.0], alpha=0.6),
        lambda: s.marginal_log_odds_ratio(0, 1, -1),
        lambda: s.expected_person_time(0.0, 0.1, 1.0, 30.0),
    ],
)
def test_impossible_arguments_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        call()


@pytest.mark.parametrize(
    ("b", "c", "alpha"), [(60, 30, 0.05), (40, 12, 0.025), (9, 0, 0.05), (300, 200, 0.01)]
)
def test_rosenbaum_bound_is_where_the_exact_test_reaches_its_level(b: int, c: int, alpha: float) -> None:
    gamma = s.rosenbaum_gamma(b, c, alpha)
    assert gamma > 1
    share = gamma / (1 + gamma)
    tail = sum(math.comb(b + c, x) * share**x * (1 - share) ** (b + c - x) for x in range(b, b + c + 1))
    assert tail == pytest.approx(alpha)
    assert s.rosenbaum_p_value(b, c, gamma) == pytest.approx(alpha)
    assert s.rosenbaum_p_value(b, c, 1.0) == pytest.approx(
        scipy.stats.binomtest(b, b + c, alternative="greater").pvalue
    )


def test_the_observed_count_belongs_to_the_tail() -> None:
    # P(X > b), as in rbounds, is less and claims more
    assert s.rosenbaum_p_value(12, 4, 1.5) > scipy.stats.binom.sf(12, 16, 0.6)
    assert s.rosenbaum_p_value(12, 4, 1.5) == pytest.approx(scipy.stats.binom.sf(11, 16, 0.6))


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 9), (10, 12), (5, 5), (6, 4)])
def test_no_bias_is_needed_where_nothing_is_significant(b: int, c: int) -> None:
    assert s.rosenbaum_gamma(b, c) == 1.0


def test_wilcoxon_bound() -> None:
    rng = np.random.default_rng(1)
    differences = np.round(rng.normal(0.5, 1, 90), 1)
    gamma = s.wilcoxon_gamma(differences)
    assert gamma > 1
    assert s.wilcoxon_p_value(differences, gamma) == pytest.approx(0.05)
    assert s.wilcoxon_gamma(-differences) == 1.0
    # Of 90 differences scipy takes the normal distribution; its name for that has changed.
    normal = scipy.stats.wilcoxon(differences, alternative="greater", correction=False)
    assert s.wilcoxon_p_value(differences, 1.0) == pytest.approx(normal.pvalue)
    assert s.wilcoxon_gamma(np.arange(1.0, 30.0)) > s.wilcoxon_gamma(np.append(np.arange(1.0, 30.0), -5.0))


def test_a_marginal_odds_ratio_is_nearer_to_one() -> None:
    exact = s.marginal_log_odds_ratio(-1, math.log(2), 1)
    assert exact == pytest.approx(0.57803, abs=5e-6)
    assert s.attenuated_log_odds_ratio(math.log(2), 1) == pytest.approx(0.59749, abs=5e-6)
    assert s.marginal_log_odds_ratio(-1, math.log(2), 0) == pytest.approx(math.log(2))
    for sd in (0.5, 2.0):
        odds = [averaged_odds(mean, sd) for mean in (math.log(2) - 1, -1)]
        found = s.marginal_log_odds_ratio(-1, math.log(2), sd)
        assert found == pytest.approx(math.log(odds[0] / odds[1]), abs=1e-9)


def averaged_odds(mean: float, sd: float) -> float:
    risk, _ = scipy.integrate.quad(
        lambda z: scipy.stats.norm.pdf(z) / (1 + math.exp(-mean - sd * z)), -9, 9, epsabs=1e-12
    )
    return float(risk / (1 - risk))


@pytest.mark.parametrize(
    ("ratio", "misclassified", "excluded"), [(1.0, 0.1767, 0.2509), (0.8, 0.1432, 0.2008)]
)
def test_constant_hazards_as_published(ratio: float, misclassified: float, excluded: float) -> None:
    expected = s.expected_person_time(0.02, 0.1, ratio, 30)
    assert expected.rate_ratio == pytest.approx(ratio)
    assert expected.misclassified == pytest.approx(misclassified, abs=5e-5)
    assert expected.excluded == pytest.approx(excluded, abs=5e-5)


def simulated(ratio: float, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    start, death = rng.exponential(10, n), rng.exponential(50, n)
    late = start + rng.exponential(50 / ratio, n)
    death = np.where(death < start, death, late)
    duration = np.minimum(death, 30)
    return duration, death < 30, np.where(start < duration, start, np.inf)


def test_immortal_time_identity_in_any_cohort() -> None:
    for ratio in (1.0, 0.5):
        found = s.person_time(*simulated(ratio, 4000))
        k, p = found.immortal / found.treated, found.never / found.treated
        assert found.misclassified / found.rate_ratio == pytest.approx(1 / (1 + k) * p / (p + k), rel=1e-12)
        assert found.excluded / found.rate_ratio == pytest.approx(p / (p + k), rel=1e-12)
        assert found.misclassified / found.rate_ratio == pytest.approx(found.misclassified_factor, rel=1e-12)
        assert found.excluded / found.rate_ratio == pytest.approx(found.excluded_factor, rel=1e-12)


def test_expected_person_time_is_the_mean_of_simulated_ones() -> None:
    n = 60_000
    found, expected = s.person_time(*simulated(0.5, n)), s.expected_person_time(0.02, 0.1, 0.5, 30)
    for name in ("immortal", "treated", "never"):
        # times of up to 30 days have an SD below 15
        assert getattr(found, name) / n == pytest.approx(getattr(expected, name), abs=4 * 15 / math.sqrt(n))
    for name in ("deaths_treated", "deaths_untreated"):
        assert getattr(found, name) / n == pytest.approx(getattr(expected, name), abs=4 * 0.5 / math.sqrt(n))


def test_equal_hazards_of_leaving_are_no_pole() -> None:
    at = s.expected_person_time(0.02, 0.1, 6.0, 30)
    near = s.expected_person_time(0.02, 0.1, 6.0 + 1e-7, 30)
    assert at.treated == pytest.approx(near.treated, rel=1e-6)


@pytest.mark.parametrize("start", [[-1.0, math.inf], [9.0, math.inf], [1.0]])
def test_person_time_refuses_impossible_starts(start: list[float]) -> None:
    with pytest.raises(DataError, match="start"):
        s.person_time([5.0, 6.0], [1, 0], start)


def test_the_table_holds_each_matched_result(registry: pd.DataFrame) -> None:
    analysis = analyze(registry)
    table = s.sensitivity_table(analysis)
    assert tuple(table.columns) == s.SENSITIVITY_COLUMNS
    assert set(table["method"]) == {
        *("psm", "psm_gee", "psm_gee_sofa", "psm_cox"),
        *("psm_adjuncts", "psm_adjuncts_gee", "psm_adjuncts_gee_sofa"),
    }
    assert len(table) == 13
    keyed = table.set_index(["method", "estimand"])
    row = keyed.loc["psm_gee", "log_or_hospital_death_twin"]
    estimates = analysis.estimates.set_index(["method", "estimand"])
    printed = estimates.loc["psm_gee", "log_or_hospital_death_twin"]
    assert row["ratio"] == pytest.approx(math.exp(printed["estimate"]))
    assert row["risk"] > 0.15
    assert row["risk_ratio"] == pytest.approx(math.exp(printed["estimate"] / 2))
    side = "ci_low" if printed["estimate"] > 0 else "ci_high"
    assert_allclose(
        row[["e_value", "e_value_limit"]].astype(float),
        s.e_value(row["risk_ratio"], math.exp(printed[side] / 2)),
    )
    matched = analysis.result.matched["covariates"].value
    assert matched is not None
    treated, control = matched.cohort.column("icu_death").reshape(2, -1)
    b, c = int((treated > control).sum()), int((treated < control).sum())
    gamma = keyed.loc["psm", "log_rr_icu_death_matched"]["gamma"]
    assert gamma == s.rosenbaum_gamma(max(b, c), min(b, c))
    assert table.loc[table["method"] != "psm", "gamma"].isna().sum() == 9


def test_the_table_measures_against_a_hidden_effect(registry: pd.DataFrame) -> None:
    analysis = analyze(registry)
    plain, hidden = s.sensitivity_table(analysis), s.sensitivity_table(analysis, target=0.5)
    assert (hidden["risk_ratio"] == plain["risk_ratio"]).all()
    expected = [s.e_value(ratio, target=0.5)[0] for ratio in plain["risk_ratio"]]
    assert_allclose(hidden["e_value"], expected)
    beyond = hidden[hidden["e_value_limit"] > 1]
    assert len(beyond) > 3
    moved = beyond["limit"] / beyond["tipping_effect"] ** 0.5
    assert_allclose(moved, 0.5)


def test_a_strong_effect_needs_a_strong_confounder(registry: pd.DataFrame) -> None:
    rng = np.random.default_rng(2)
    killed = (registry["ivigg"] == 1) & (rng.random(len(registry)) < 0.4)
    deadly = registry.assign(hospital_death=np.where(killed, 1, registry["hospital_death"]))
    row = (
        s.sensitivity_table(analyze(deadly))
        .set_index("estimand")
        .loc["log_rr_hospital_death_matched"]
        .iloc[0]
    )
    assert row["e_value_limit"] > 1.5
    assert row["gamma"] > 1.5
    assert row["tipping_effect"] ** 0.5 == pytest.approx(row["limit"])


def test_what_failed_says_why(registry: pd.DataFrame) -> None:
    table = s.sensitivity_table(analyze(registry, replace(THESIS_SPEC, caliper=0.0)))
    assert table["failure"].str.contains("no pair within the caliper").all()
    assert table["e_value"].isna().all()


NO_NUMBERS = [math.nan, math.inf, -math.inf, None, "2", True, 1j, [2.0], pd.NA, 10**400]
SCALARS: dict[str, tuple[Callable[..., object], dict[str, object]]] = {
    "e_value": (s.e_value, {"rr": 2.0, "limit": 1.5, "target": 1.0}),
    "odds_ratio": (ROOT, {"odds_ratio": 2.0}),
    "hazard_ratio": (HAZARD, {"hazard_ratio": 2.0}),
    "mean_difference": (s.risk_ratio_of_mean_difference, {"difference": 0.3, "std_error": 0.1}),
    "bounding_factor": (s.bounding_factor, {"with_treatment": 2.0, "with_outcome": 3.0}),
    "binary": (s.binary_confounder_bias, {"effect": 2.0, "treated": 0.4, "control": 0.2}),
    "normal": (s.normal_confounder_bias, {"effect": 2.0, "difference": 0.5}),
    "tipping_effect": (s.tipping_effect, {"limit": 1.2, "difference": 0.5}),
    "tipping_number": (s.tipping_number, {"limit": 1.2, "effect": 1.3, "difference": 0.5}),
    "rosenbaum_p": (s.rosenbaum_p_value, {"b": 9, "c": 3, "gamma": 1.2}),
    "rosenbaum_gamma": (s.rosenbaum_gamma, {"b": 9, "c": 3, "alpha": 0.05}),
    "wilcoxon_p": (s.wilcoxon_p_value, {"differences": [1.0, 2.0, -0.5], "gamma": 1.2}),
    "wilcoxon_gamma": (s.wilcoxon_gamma, {"differences": [1.0, 2.0, -0.5], "alpha": 0.05}),
    "marginal": (s.marginal_log_odds_ratio, {"intercept": 0.0, "log_odds_ratio": 1.0, "sd": 1.0}),
    "attenuated": (s.attenuated_log_odds_ratio, {"log_odds_ratio": 1.0, "sd": 1.0}),
    "expected_person_time": (
        s.expected_person_time,
        {"death_rate": 0.02, "start_rate": 0.1, "rate_ratio": 0.8, "horizon": 28.0},
    ),
}


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("bad", NO_NUMBERS, ids=str)
def test_what_is_no_finite_number_is_refused_in_one_sentence(name: str, bad: object) -> None:
    function, arguments = SCALARS[name]
    for argument, usual in arguments.items():
        if isinstance(usual, list) or (argument == "limit" and bad is None):
            continue
        with pytest.raises(UsageError, match=argument) as caught:
            function(**{**arguments, argument: bad})
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("rr", "limit", "target"), [(2, 3, 1), (0.5, 0.3, 1), (2, 2.1, 1.5), (1.2, 1.1, 2)])
def test_a_limit_beyond_the_estimate_is_refused(rr: float, limit: float, target: float) -> None:
    with pytest.raises(UsageError, match=f"limit = {limit:g} lies beyond rr = {rr:g}"):
        s.e_value(rr, limit, target=target)


@pytest.mark.parametrize(
    ("rr", "limit", "target"), [(2, 2, 1), (2, 0.4, 1), (0.5, 3, 1), (1.2, 1.3, 2), (1, 9, 1)]
)
def test_a_limit_on_the_side_of_the_target_is_not(rr: float, limit: float, target: float) -> None:
    point, at_limit = s.e_value(rr, limit, target=target)
    assert 1 <= at_limit <= point


@pytest.mark.parametrize("rr", [1e-300, 1e-100, 1 + 1e-12, 1e100, 1e300])
def test_e_values_of_any_size_solve_their_equation(rr: float) -> None:
    """E²/(2E − 1) is the ratio that a confounder of this strength can make, in fractions without rounding."""
    found = Fraction(s.e_value(rr)[0])
    away = max(Fraction(rr), 1 / Fraction(rr))
    assert abs(found * found / (2 * found - 1) / away - 1) < Fraction(1, 10**9)


def test_results_beyond_any_number_are_refused() -> None:
    for call in (
        lambda: s.tipping_effect(2.0, 1e-300),
        lambda: s.normal_confounder_bias(1e300, 1e10),
        lambda: s.tipping_number(2.0, 1 + 1e-15, 1e-300),
        lambda: s.risk_ratio_of_mean_difference(1e6),
        lambda: s.e_value(1e300, target=1e-300),
        lambda: s.expected_person_time(1e200, 1.0, 1.0, 1e200),
    ):
        with pytest.raises(UsageError, match=r"beyond any number|no time in which"):
            call()
    assert s.bounding_factor(1e200, 1e200) == pytest.approx(5e199)
    assert s.binary_confounder_bias(1e-200, 0.5, 1.0) == pytest.approx(5e199)


def test_rosenbaum_without_discordant_pairs_and_with_very_many() -> None:
    assert s.rosenbaum_gamma(0, 0) == 1.0
    assert s.rosenbaum_gamma(0, 9) == 1.0
    assert s.rosenbaum_p_value(0, 0, 3.0) == 1.0
    # with all pairs one way p = α^(1/b), so that Γ = 1/(α^(−1/b) − 1)
    for b in (1, 10**6, 2**50):
        assert (
            s.rosenbaum_gamma(b, 0) == pytest.approx(1 / math.expm1(-math.log(0.05) / b), rel=1e-9) or b == 1
        )
    assert s.rosenbaum_gamma(1, 0) == 1.0
    assert s.rosenbaum_gamma(np.int64(60), 30.0) == s.rosenbaum_gamma(60, 30)  # type: ignore[arg-type]


def test_wilcoxon_at_its_ends() -> None:
    assert s.wilcoxon_gamma([1.0, 2.0, 3.0], alpha=0.5) == math.inf
    assert s.wilcoxon_p_value([1.0, 2.0, 3.0], 1e300) == pytest.approx(0.5)
    for differences, words in (([1.0, math.nan], "row 1 is nan"), (["up"], "row 0 is 'up'")):
        with pytest.raises(DataError, match=words):
            s.wilcoxon_gamma(differences)  # type: ignore[arg-type]


@pytest.mark.parametrize("sd", [0.0, 0.3, 2.0, 15.0, 100.0])
@pytest.mark.parametrize("intercept", [-40.0, -3.0, 0.0, 5.0])
def test_marginal_odds_ratios_of_any_spread(sd: float, intercept: float) -> None:
    """Averages by Gauss–Legendre quadrature in 2,000 pieces, however wide the covariate is."""
    knots, (nodes, weights) = np.linspace(-39, 39, 2_001), np.polynomial.legendre.leggauss(20)
    half = (knots[1] - knots[0]) / 2
    z = (knots[:-1, None] + half * (1 + nodes)).ravel()
    share = np.tile(half * weights, 2_000) * scipy.stats.norm.pdf(z)

    def log_odds(mean: float) -> float:
        yes, no = (share @ scipy.special.expit(sign * (mean + sd * z)) for sign in (1.0, -1.0))
        return math.log(yes / no)

    expected = log_odds(intercept + 0.7) - log_odds(intercept)
    assert s.marginal_log_odds_ratio(intercept, 0.7, sd) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_marginal_odds_ratios_where_probabilities_vanish() -> None:
    assert s.marginal_log_odds_ratio(-800.0, 0.7, 1.0) == pytest.approx(0.7)
    with pytest.raises(UsageError, match="sd = 101; give a number of at least 0 and of at most 100"):
        s.marginal_log_odds_ratio(0.0, 0.7, 101)


def test_rates_without_a_denominator_are_refused() -> None:
    never = s.person_time([5.0, 6.0], [1, 0], [math.inf, math.inf])
    with pytest.raises(DataError, match="there is no person-time under treatment"):
        _ = never.rate_ratio
    alive = s.person_time([5.0, 6.0], [1, 0], [1.0, math.inf])
    with pytest.raises(DataError, match="there is no death without treatment"):
        _ = alive.excluded
    assert alive.misclassified_factor == pytest.approx(6 / 7 / (1 + 1 / 4))


@pytest.mark.parametrize(
    ("start", "row"), [([math.nan, 1.0], 0), ([1.0, -math.inf], 1), ([1.0, "late"], 1), ([None, 1.0], 0)]
)
def test_a_start_is_a_time_or_never(start: list[object], row: int) -> None:
    with pytest.raises(DataError, match=f"start: row {row} is"):
        s.person_time([5.0, 6.0], [1, 0], start)  # type: ignore[arg-type]


def test_rates_out_of_order_give_the_same_person_time() -> None:
    """Death under treatment may be faster than all that ends time without it: no pole, no overflow."""
    found = s.expected_person_time(0.5, 0.1, 40.0, 100.0)
    # P_T = μ/q (E(a) − (e^{−qτ} − e^{−aτ})/(a − q)), whose second part is gone by then
    assert found.treated == pytest.approx(0.1 / 20 * (1 / 0.6), rel=1e-9)


def test_results_that_no_data_can_mean_are_failures_of_the_table(registry: pd.DataFrame) -> None:
    analysis = analyze(registry, THESIS_SPEC)
    rows = analysis.estimates  # made once, so that what is changed in it is what the table reads
    rows.loc[rows["method"] == "psm_cox", "ci_high"] = 1e4
    rows.loc[rows["method"] == "psm_cox", "ci_low"] = -1e4
    table = s.sensitivity_table(analysis).set_index("method")
    assert "nothing can be told" in str(table.loc["psm_cox", "failure"])
    with pytest.raises(UsageError, match="target"):
        s.sensitivity_table(analysis, target=0.0)
