"""What is published about these methods, found again in worlds whose truth is known.

Every tolerance is four Monte Carlo standard errors; seeds are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from simsepsis.analysis.estimates import estimates_frame
from simsepsis.analysis.methods import run_methods
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.shared import Shared, known
from simsepsis.analysis.methods.start_times import course_of
from simsepsis.analysis.methods.timing import BEFORE_ANYTHING
from simsepsis.analysis.sensitivity import person_time
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.survival import fit_cox
from simsepsis.streams import streams

pytestmark = pytest.mark.slow

BARE = AnalysisSpec(
    name="recovery",
    treatment="treated",
    outcomes=("dead",),
    covariates=("x1",),
    cluster=None,
    patient=None,
    adjuncts=(),
    transfusions=(),
    durations=(),
    later_scores=(),
    survival_time=None,
    survival_event=None,
    subgroups=(),
    second_score="none",
)


@dataclass(frozen=True)
class Series:
    """Estimates and standard errors of one estimand over replicates."""

    estimate: np.ndarray
    std_error: np.ndarray

    def __post_init__(self) -> None:
        """Refuse replicates without an estimate: these worlds should have none."""
        assert np.isfinite(self.estimate).all()

    @property
    def mcse(self) -> float:
        """Monte Carlo standard error of the mean."""
        return float(self.estimate.std(ddof=1) / np.sqrt(self.estimate.size))

    def unbiased(self, truth: float | np.ndarray = 0.0) -> bool:
        """Say whether the mean is within four Monte Carlo standard errors of the truth."""
        error = self.estimate - truth
        return bool(abs(error.mean()) < 4 * error.std(ddof=1) / np.sqrt(error.size))

    def ratio(self) -> float:
        """Root mean squared standard error over the SD of the estimates."""
        return float(np.sqrt((self.std_error**2).mean()) / self.estimate.std(ddof=1))

    def honest(self) -> bool:
        """Say whether standard errors are right within four Monte Carlo standard errors."""
        return abs(self.ratio() - 1) < 4 / np.sqrt(2 * (self.estimate.size - 1))

    def covered(self, truth: float | np.ndarray = 0.0) -> float:
        """Return the share of 95% intervals that hold the truth."""
        return float((np.abs(self.estimate - truth) < 1.959964 * self.std_error).mean())


def series(rows: list[pd.DataFrame], method: str, estimand: str) -> Series:
    frame = pd.concat(rows)
    mine = frame[(frame["method"] == method) & (frame["estimand"] == estimand)]
    assert len(mine) == len(rows)
    return Series(mine["estimate"].to_numpy(), mine["std_error"].to_numpy())


# ---- immortal time -------------------------------------------------------------------------------------

TIMED = replace(BARE, covariates=("x1", "x2"), survival_time="days", survival_event="dead", censoring=60.0)
TIMED_REPLICATES = 400
TIME_METHODS = (
    "cox_time_fixed",
    "exclude_early_deaths",
    "cox_time_varying",
    "landmark_day3",
    "clone_censor_weight",
)


def null_icu(seed: int, n: int, *, by_the_day: bool) -> pd.DataFrame:
    """Return patients whose treatment does nothing and starts while they live, sicker ones sooner."""
    rng = np.random.default_rng(seed)
    x1, x2 = rng.normal(size=n), (rng.random(n) < 0.4).astype(float)
    death = rng.exponential(1 / (0.03 * np.exp(0.5 * x1 + 0.3 * x2)))
    leave = rng.exponential(1 / (0.03 * np.exp(-0.3 * x1)))
    start = rng.exponential(1 / (0.12 * np.exp(0.4 * x1 - 0.3 * x2)))
    days = np.minimum(death, leave)
    treated = (start < days) & (start < 7)
    return pd.DataFrame(
        {
            "x1": x1,
            "x2": x2,
            "treated": treated.astype(int),
            "treated_hour": np.where(treated, 24 * start, np.nan),
            "days": np.ceil(days) if by_the_day else days,
            "dead": (death < leave).astype(int),
        }
    )


@pytest.fixture(scope="module", params=[True, False], ids=["by the day", "exact times"])
def null_world(request: pytest.FixtureRequest) -> list[pd.DataFrame]:
    return [
        run_methods(TIME_METHODS, null_icu(k, 1200, by_the_day=request.param), draw=streams(k), spec=TIMED)
        for k in range(TIMED_REPLICATES)
    ]


@pytest.mark.parametrize("method", TIME_METHODS)
def test_only_methods_that_respect_time_zero_are_unbiased_under_the_null(
    null_world: list[pd.DataFrame], method: str
) -> None:
    """Fixed Cox sees a benefit; time-varying, landmark and clone–censor–weight do not.

    Shintani AK et al. Crit Care Med 2009;37:2939; plasmode simulation of PMC9627261.
    """
    found = series(null_world, method, "log_hr_dead_twin")
    if method == "cox_time_fixed":
        assert found.estimate.mean() < -0.15
        assert found.covered() < 0.6
        return
    if method == "exclude_early_deaths":
        assert not found.unbiased()
        return
    assert found.unbiased()
    assert abs(found.covered() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / TIMED_REPLICATES)


def test_a_start_inside_the_day_of_deaths_recorded_by_the_day_is_immortal_time() -> None:
    """Why treatment counts from the end of its day where days are whole: anything earlier is biased."""
    inside, outside = [], []
    for k in range(TIMED_REPLICATES):
        registry = null_icu(k, 1200, by_the_day=True)
        task = Task(method="x", shared=Shared(registry=registry, spec=TIMED, draw=streams(k)))
        course = course_of(task)
        for start, kept in ((course.start, inside), (course.since, outside)):
            kept.append(varying_cox(registry, np.where(start < course.duration, start, np.inf)))
    early, late = (Series(np.array(kept), np.ones(len(kept))) for kept in (inside, outside))
    assert late.unbiased()
    assert not early.unbiased()
    assert early.estimate.mean() < late.estimate.mean()


def varying_cox(registry: pd.DataFrame, start: np.ndarray) -> float:
    days, dead = registry["days"].to_numpy(), registry["dead"].to_numpy()
    switch = np.flatnonzero(np.isfinite(start))
    patient = np.concatenate([np.arange(days.size), switch])
    fit = fit_cox(
        np.column_stack([np.arange(patient.size) >= days.size, registry[["x1", "x2"]].to_numpy()[patient]]),
        np.concatenate([np.minimum(days, start), days[switch]]),
        np.concatenate([dead * np.isinf(start), dead[switch]]),
        entry=np.concatenate([np.full(days.size, BEFORE_ANYTHING), start[switch]]),
    )
    return float(fit.params[0])


@pytest.mark.parametrize("by_the_day", [True, False])
def test_the_identity_of_immortal_person_time_holds_in_simulated_cohorts(by_the_day: bool) -> None:
    registry = null_icu(1, 20_000, by_the_day=by_the_day)
    start = np.where(registry["treated"] == 1, registry["treated_hour"] / 24, np.inf)
    found = person_time(registry["days"], registry["dead"], start)
    assert found.misclassified == pytest.approx(found.rate_ratio * found.misclassified_factor, rel=1e-12)
    assert found.excluded == pytest.approx(found.rate_ratio * found.excluded_factor, rel=1e-12)
    assert found.misclassified < found.excluded < found.rate_ratio


# ---- matching on the score -----------------------------------------------------------------------------

NAMES = tuple(f"x{j}" for j in range(1, 11))
EFFECTS = np.log([1.1] * 3 + [1.25] * 3 + [1.5] * 3 + [2.0])
AUSTIN = replace(BARE, covariates=NAMES, caliper=0.2, caliper_sd="pooled")
MATCHED_REPLICATES = 4000
INTERCEPT, LOG_ODDS_RATIO = -1.0988722, -0.3089856
"""Untreated risk 0.29 and risk difference −0.05 in everybody, by quadrature."""


@dataclass(frozen=True)
class World:
    """Patients of Austin's simulation and their risks with and without treatment."""

    registry: pd.DataFrame
    treated: np.ndarray
    risk: np.ndarray
    risk_treated: np.ndarray


def austin(seed: int, n: int, treated_intercept: float, strength: float = 1.0) -> World:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 10))
    treated = rng.random(n) < expit(treated_intercept + strength * x @ EFFECTS)
    risk, risk_treated = (expit(INTERCEPT + shift + x @ EFFECTS) for shift in (0.0, LOG_ODDS_RATIO))
    dead = rng.random(n) < np.where(treated, risk_treated, risk)
    columns = dict(zip(NAMES, x.T, strict=True)) | {"treated": treated.astype(int), "dead": dead.astype(int)}
    return World(pd.DataFrame(columns), treated, risk, risk_treated)


def test_the_constants_of_the_design() -> None:
    world = austin(0, 1_000_000, -1.5)
    for found, expected in ((world.risk.mean(), 0.29), ((world.risk_treated - world.risk).mean(), -0.05)):
        assert found == pytest.approx(expected, abs=4 * 0.25 / 1000)


@dataclass(frozen=True)
class Matched:
    """One replicate of Austin's simulation: what the methods said, and what was true of its pairs."""

    rows: pd.DataFrame
    truth: float
    bias: float
    crude_bias: float


def matched_replicate(seed: int, n: int, treated_intercept: float) -> Matched:
    world = austin(seed, n, treated_intercept)
    shared = Shared(registry=world.registry, spec=AUSTIN, draw=streams(seed))
    run = known(shared.thesis)
    pairs = known(run.matched).matches
    effect = world.risk_treated - world.risk
    return Matched(
        rows=estimates_frame(run.rows),
        truth=float(effect[pairs.treated].mean()),
        bias=float((world.risk[pairs.treated] - world.risk[pairs.control]).mean()),
        crude_bias=float(world.risk[world.treated].mean() - world.risk[~world.treated].mean()),
    )


@pytest.fixture(scope="module", params=[-2.1, -1.2], ids=["fewer treated", "more treated"])
def austin_world(request: pytest.FixtureRequest) -> list[Matched]:
    return [matched_replicate(seed, 3000, request.param) for seed in range(MATCHED_REPLICATES)]


def test_a_caliper_of_a_fifth_of_the_sd_removes_98_percent_of_the_bias(austin_world: list[Matched]) -> None:
    """Austin, Pharm Stat 2011;10:150, scored against the truth in the matched treated."""
    bias, crude = (np.array([getattr(one, name) for one in austin_world]) for name in ("bias", "crude_bias"))
    removed = 1 - bias.mean() / crude.mean()
    mcse = bias.std(ddof=1) / np.sqrt(bias.size) / crude.mean()
    assert crude.mean() > 0.15
    assert removed > 0.98 - 4 * mcse
    assert mcse < 0.001


def test_paired_errors_are_smaller_and_nearer_to_the_truth(austin_world: list[Matched]) -> None:
    """Austin, Stat Med 2011;30:1292: ignoring the pairs overstates the error."""
    rows, truth = [one.rows for one in austin_world], np.array([one.truth for one in austin_world])
    unpaired, paired = (series(rows, name, "rd_dead_matched") for name in ("psm", "psm_paired_se"))
    np.testing.assert_allclose(unpaired.estimate, paired.estimate)
    assert (paired.std_error < unpaired.std_error).mean() > 0.95
    around = [Series(one.estimate - truth, one.std_error) for one in (unpaired, paired)]
    assert around[1].honest()
    assert around[0].ratio() > 1
    assert not around[0].honest()
    assert abs(paired.covered(truth) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / truth.size)
    assert unpaired.covered(truth) > paired.covered(truth)


# ---- adjustment without matching -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def weighted_world() -> list[pd.DataFrame]:
    names = ("iptw", "overlap_weights", "aipw", "logistic")
    registries = (austin(seed, 1500, -0.8, strength=0.6).registry for seed in range(400))
    return [run_methods(names, one, draw=streams(k), spec=AUSTIN) for k, one in enumerate(registries)]


@pytest.mark.parametrize(
    ("method", "truth", "weight"),
    [
        ("iptw", "ate", lambda e: np.ones_like(e)),
        ("aipw", "ate", lambda e: np.ones_like(e)),
        ("overlap_weights", "ato", lambda e: e * (1 - e)),
    ],
)
def test_weighting_finds_its_own_truth_with_an_honest_error(
    weighted_world: list[pd.DataFrame],
    method: str,
    truth: str,
    weight: Callable[[np.ndarray], np.ndarray],
) -> None:
    large = austin(999, 1_000_000, -0.8, strength=0.6)
    x = large.registry[list(NAMES)].to_numpy()
    w = weight(expit(-0.8 + 0.6 * x @ EFFECTS))
    p1, p0 = (float(np.average(risk, weights=w)) for risk in (large.risk_treated, large.risk))
    expected = {
        "rd": p1 - p0,
        "log_rr": np.log(p1 / p0),
        "log_or": np.log(p1 / (1 - p1) * (1 - p0) / p0),
    }
    for scale, value in expected.items():
        found = series(weighted_world, method, f"{scale}_dead_{truth}")
        assert found.unbiased(value)
        assert found.honest()
        assert abs(found.covered(value) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / len(weighted_world))


def test_logistic_regression_finds_the_conditional_odds_ratio_which_is_no_average(
    weighted_world: list[pd.DataFrame],
) -> None:
    """Non-collapsibility: the regression's odds ratio is farther from 1 than that of the weighted risks."""
    conditional = series(weighted_world, "logistic", "log_or_dead_twin")
    marginal = series(weighted_world, "iptw", "log_or_dead_ate")
    # maximum likelihood with 12 coefficients in 1,500 patients overstates by a percent or two
    assert (
        abs(conditional.estimate.mean() - LOG_ODDS_RATIO) < 0.03 * abs(LOG_ODDS_RATIO) + 4 * conditional.mcse
    )
    assert conditional.honest()
    difference = Series(conditional.estimate - marginal.estimate, conditional.std_error)
    assert difference.estimate.mean() < -4 * difference.mcse


# ---- differences between ICUs --------------------------------------------------------------------------

CLUSTERED = replace(BARE, cluster="icu", covariates=("x1",))
ICUS, SIZE = 40, 30


@dataclass(frozen=True)
class Ward:
    """Patients of ICUs that differ in whom they treat, before anybody's outcome is known."""

    icu: np.ndarray
    preference: np.ndarray
    x1: np.ndarray
    hidden: np.ndarray
    treated: np.ndarray
    rng: np.random.Generator

    def registry(self, risk: np.ndarray) -> pd.DataFrame:
        dead = self.rng.random(self.icu.size) < risk
        columns = {"treated": self.treated.astype(int), "dead": dead.astype(int)}
        return pd.DataFrame({"x1": self.x1, "icu": self.icu, **columns})


def ward(seed: int, hidden: float) -> Ward:
    rng = np.random.default_rng(seed)
    icu = np.repeat(np.arange(ICUS), SIZE)
    preference = rng.normal(size=ICUS)[icu]
    x1, u = rng.normal(size=icu.size), hidden * rng.normal(size=icu.size)
    treated = rng.random(icu.size) < expit(-0.5 + 1.2 * preference + 0.5 * x1 + u)
    return Ward(icu, preference, x1, u, treated, rng)


def confounded_by_icu(seed: int) -> pd.DataFrame:
    """Return patients of whom more die where more are treated; conditional log odds ratio 0.5."""
    w = ward(seed, hidden=0.0)
    return w.registry(expit(-0.8 + 0.5 * w.x1 + 0.6 * w.preference + 0.5 * w.treated))


def confounded_by_patient(seed: int) -> pd.DataFrame:
    """Return patients with a hidden confounder of their own; risk difference 0.1."""
    w = ward(seed, hidden=0.7)
    return w.registry(np.clip(0.35 + 0.06 * w.x1 + 0.12 * w.hidden + 0.1 * w.treated, 0, 1))


def on_wards(methods: tuple[str, ...], world: Callable[[int], pd.DataFrame]) -> list[pd.DataFrame]:
    return [run_methods(methods, world(seed), draw=streams(seed), spec=CLUSTERED) for seed in range(300)]


def test_conditioning_on_the_icu_removes_what_icus_share() -> None:
    rows = on_wards(("logistic", "conditional_logistic_icu"), confounded_by_icu)
    within = series(rows, "conditional_logistic_icu", "log_or_dead_twin")
    assert within.unbiased(0.5)
    assert within.honest()
    assert series(rows, "logistic", "log_or_dead_twin").covered(0.5) < 0.5


def test_preference_is_an_instrument_for_what_nobody_measured() -> None:
    rows = on_wards(("icu_preference_iv", "iptw"), confounded_by_patient)
    instrument = series(rows, "icu_preference_iv", "rd_dead_ate")
    assert instrument.unbiased(0.1)
    assert instrument.honest()
    assert not series(rows, "iptw", "rd_dead_ate").unbiased(0.1)


def test_preference_is_no_instrument_where_icus_differ_in_more_than_it() -> None:
    rows = on_wards(("icu_preference_iv",), confounded_by_icu)
    assert series(rows, "icu_preference_iv", "rd_dead_ate").covered(0.1) < 0.5
