"""Monte Carlo standard errors against what they stand for: the SD of a measure over repeated studies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis.performance import coverage_autopsy, informative_failures, summarize
from simsepsis.performance.mcse import wilson_half_width

pytestmark = pytest.mark.slow

STUDIES = 1_500
REPLICATES = 400
TRUTH = 0.4
TRUTH_ERROR = 0.03
FOUR_ERRORS = 4.0 / np.sqrt(2.0 * STUDIES)
"""Four standard errors of an SD over the studies, relative to it."""


def repeated(kind: str, seed: int = 20) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the same study many times, one cell each, and its uncertain truth.

    Two methods share noise; the second is less precise and fails at random in 5% of replicates. Noise is
    normal, or skewed with a standard error that grows with the estimate.
    """
    rng = np.random.default_rng(seed)
    shape = (STUDIES, REPLICATES)
    draw = (
        rng.standard_normal
        if kind == "normal"
        else (lambda size: rng.gamma(3.0, size=size) / np.sqrt(3) - np.sqrt(3))
    )
    shared = draw(shape)
    parts = []
    for method, weight, spread in (("one", 0.8, 0.25), ("two", 0.6, 0.35)):
        noise = weight * shared + np.sqrt(1 - weight**2) * draw(shape)
        error = 0.9 * spread * np.sqrt(rng.chisquare(30, size=shape) / 30)
        error = error * np.exp(0.15 * noise) if kind == "skewed" else error
        estimate = TRUTH + 0.05 + spread * noise
        estimate[rng.random(shape) < (0.05 if method == "two" else 0.0)] = np.nan
        index = pd.MultiIndex.from_product([range(STUDIES), range(REPLICATES)], names=["cell", "replicate"])
        columns = {
            "method": method,
            "estimand": "e",
            "estimate": estimate.ravel(),
            "std_error": error.ravel(),
        }
        parts.append(pd.DataFrame(columns, index=index).reset_index())
    truth = pd.DataFrame({"cell": range(STUDIES), "estimand": "e", "mcse": TRUTH_ERROR})
    truth["value"] = TRUTH + TRUTH_ERROR * rng.standard_normal(STUDIES)
    return pd.concat(parts, ignore_index=True), truth


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Return RMS MCSE over SD of the values, per method and measure."""
    groups = table.assign(square=table["mcse"] ** 2).groupby(["measure", "method"])
    return (np.sqrt(groups["square"].mean()) / groups["value"].std()).unstack()


@pytest.fixture(scope="module", params=["normal", "skewed"])
def studies(request) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    return (request.param, *repeated(request.param))


FIXED_CENTRE = "bias_eliminated_coverage"
"""Its MCSE takes the mean estimate as fixed, so with skewed estimates it is a little too small."""

TRUTH_BY_DIFFERENCE = ("coverage", "noncoverage")
"""The truth's part of the MCSE is a difference of two shares, whose noise makes it a little large."""


def test_the_mcse_is_the_sd_over_studies(studies):
    kind, rows, _ = studies
    found = ratios(summarize(rows, {"e": TRUTH}, reference="one"))
    if kind == "skewed":
        assert found.loc[FIXED_CENTRE].between(0.9, 1.0).all()
        found = found.drop(index=[FIXED_CENTRE, "wrong_sign"])  # no estimate has the wrong sign
    compared = found.stack().dropna()
    assert len(compared) >= 38
    assert (abs(compared - 1.0) < FOUR_ERRORS).all(), compared[abs(compared - 1.0) >= FOUR_ERRORS]


def test_the_mcse_holds_the_error_of_the_truth(studies):
    _, rows, truth = studies
    found = ratios(summarize(rows, truth, reference="one")).drop(index=[FIXED_CENTRE, "wrong_sign"])
    by_difference = found.index.str.startswith(TRUTH_BY_DIFFERENCE)
    assert found[by_difference].stack().between(1 - FOUR_ERRORS, 1.2).all()
    plain = found[~by_difference].stack().dropna()
    assert (abs(plain - 1.0) < FOUR_ERRORS).all(), plain[abs(plain - 1.0) >= FOUR_ERRORS]


def test_normal_theory_is_right_for_normal_and_wrong_for_skewed_estimates(studies):
    kind, rows, _ = studies
    chosen = ["empirical_se", "relative_error_model_se", "relative_precision"]
    found = ratios(summarize(rows, {"e": TRUTH}, reference="one", mcse="normal", measures=chosen))
    if kind == "normal":
        assert (abs(found.stack().dropna() - 1.0) < FOUR_ERRORS).all()
    else:
        assert (found.loc[["empirical_se", "relative_precision"]].stack().dropna() < 0.9).all()


def test_the_autopsy_knows_its_own_error(studies):
    _, rows, _ = studies
    found = coverage_autopsy(rows, {"e": TRUTH}).groupby("method")
    for name in ("predicted", "unexplained"):
        ratio = np.sqrt(found[f"{name}_mcse"].apply(lambda x: np.mean(x**2))) / found[name].std()
        assert (abs(ratio - 1.0) < FOUR_ERRORS).all(), (name, ratio)


def test_the_prediction_explains_coverage_of_normal_estimates_and_not_of_skewed(studies):
    kind, rows, _ = studies
    found = coverage_autopsy(rows, {"e": TRUTH})
    gap = found.groupby("method")["unexplained"].agg(["mean", "sem"])
    if kind == "skewed":
        assert (abs(gap["mean"]) > 10 * gap["sem"]).all()
    else:  # standard errors with 30 df cost about half a percent of coverage
        assert gap["mean"].between(-0.01, 0.0).all()


def test_failing_at_random_is_called_informative_at_the_level_at_most(studies):
    _, rows, _ = studies
    found = informative_failures(rows)
    share = found["informative"].mean()
    assert len(found) == STUDIES
    assert share < 0.05 + 4 * np.sqrt(0.05 * 0.95 / STUDIES)
    assert share > 0.02


@pytest.mark.parametrize(("coverage", "halted"), [(0.95, 0.077), (0.99, 0.605)])
def test_wilson_does_not_stop_a_study_by_luck(coverage: float, halted: float):
    """Batches of 50 with target MCSE 0.005: the binomial error stops at the first batch without a miss."""
    rng = np.random.default_rng(31)
    n = 20_000
    share = rng.binomial(50, coverage, size=n) / 50
    binomial = np.sqrt(share * (1 - share) / 50)
    assert np.mean(binomial <= 0.005) == pytest.approx(halted, abs=4 * np.sqrt(halted * (1 - halted) / n))
    assert not (wilson_half_width(share, 50) / 1.959963984540054 <= 0.005).any()
