"""Worlds of cohorts that recorded when treatment began."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis import AnalysisSpec, fit_world, generate_cohort, run_method, true_estimands
from simsepsis.errors import DataError
from simsepsis.fitting.fidelity import fidelity

SPEC = AnalysisSpec(
    treatment="drug",
    outcomes=("died",),
    covariates=("x",),
    survival_time="days",
    survival_event="died",
    start="start",
)
N = 6_000


def cohort(*, whole: bool = True, ratio: float = 0.7, seed: int = 3) -> pd.DataFrame:
    """Return patients who start at once or over two weeks, sooner if worse, if they are still there."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, N)
    left = np.minimum(rng.exponential(25, N), 60)
    bears = rng.exponential(1, N) / np.exp(0.5 * x - 0.1)
    begins = np.where(bears < 0.15, 0.0, (bears - 0.15) / 0.05)
    begins[begins > 14] = np.inf
    untreated = rng.exponential(20 / np.exp(0.6 * x))
    dead = np.where(
        begins < untreated, begins + (untreated - np.minimum(begins, untreated)) / ratio, untreated
    )
    end = np.minimum(dead, left)
    drug = begins <= end
    shown = np.ceil if whole else np.asarray
    return pd.DataFrame(
        {
            "x": x,
            "drug": drug.astype(int),
            "start": np.where(drug, shown(begins), np.nan),
            "days": shown(end),
            "died": (dead <= left).astype(int),
        }
    )


@pytest.fixture(scope="module", params=[True, False], ids=["whole days", "as it is"])
def source(request):
    return cohort(whole=request.param)


@pytest.fixture(scope="module")
def world(source):
    return fit_world(source, SPEC)


def test_starts_come_as_they_came(source, world):
    made = generate_cohort(world.scenario, seed=1, n=30_000).registry
    assert made["drug"].mean() == pytest.approx(source["drug"].mean(), abs=0.01)
    assert (made["start"].dropna() <= made.loc[made["drug"] == 1, "days"]).all()
    assert made["start"].notna().equals(made["drug"] == 1)
    for quantile in (0.25, 0.5, 0.75):
        theirs, ours = (frame["start"].quantile(quantile) for frame in (source, made))
        # 3 standard errors of a quantile of 2,200 starts
        assert ours == pytest.approx(theirs, abs=1.0)
    assert (made["start"] == 0).mean() == pytest.approx((source["start"] == 0).mean(), abs=0.015)


def test_the_effect_is_that_of_the_time_after_the_start(world):
    # log 0.7, 3 standard errors of some 1,300 deaths after starts
    assert world.profile.models["event"].treatment == pytest.approx(np.log(0.7), abs=0.12)


def test_time_before_the_start_is_immortal_as_in_the_source(source, world):
    null = world.scenario.model_copy(update={"effect": type(world.scenario.effect)()})
    truth = true_estimands(null, population=20_000, seed=1, estimands=("rd_died_att",))
    assert truth["value"].tolist() == [0.0]
    made = generate_cohort(null, seed=5, n=20_000, oracle=False).registry
    found = {
        name: float(
            run_method(name, made, spec=SPEC).query("estimand.str.contains('log_hr')")["estimate"].iloc[0]
        )
        for name in ("cox_time_fixed", "cox_time_varying")
    }
    assert found["cox_time_fixed"] < -0.3
    assert abs(found["cox_time_varying"]) < 0.1


def test_a_cohort_of_one_covariate_has_a_page(source, world):
    assert fidelity(world, source, SPEC, seed=0).pairs.empty


def test_a_hidden_confounder_leaves_the_share_of_the_treated(source, world):
    hidden = type(world.scenario.unmeasured)(kind="binary", prevalence=0.3, or_treatment=3.0, hr_outcome=3.0)
    for crude in ("free", "held"):
        u = hidden.model_copy(update={"crude": crude})
        made = generate_cohort(world.scenario.model_copy(update={"unmeasured": u}), seed=1, n=30_000)
        # 3 standard errors of a share; holding the crude outcome moves how long patients stay a little
        assert made.registry["drug"].mean() == pytest.approx(source["drug"].mean(), abs=0.01)


def test_delay_stretches_the_time_to_the_start(world):
    scenario = world.scenario
    later = scenario.model_copy(update={"treatment": scenario.treatment.model_copy(update={"delay": 2.0})})
    soon, late = (generate_cohort(one, seed=1, n=20_000, oracle=False).registry for one in (scenario, later))
    assert late["drug"].mean() == pytest.approx(soon["drug"].mean(), abs=0.015)
    assert late["start"].max() > 1.5 * soon["start"].max()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": 70.0}, "after the end of follow-up in row"),
        ({"start": -1.0}, "give times of 0 or more to the treated"),
        ({"start": np.nan}, "give times of 0 or more to the treated"),
    ],
)
def test_impossible_starts_are_refused_by_their_row(change, words):
    frame = cohort().head(800)
    frame.loc[frame.index[frame["drug"] == 1][:1], list(change)] = list(change.values())
    with pytest.raises(DataError, match=words):
        fit_world(frame, SPEC)


def test_a_start_that_is_no_column_is_refused():
    with pytest.raises(DataError, match="start = 'begin' is no column"):
        fit_world(cohort().head(800), AnalysisSpec(**{**_named(SPEC), "start": "begin"}))


def _named(spec: AnalysisSpec) -> dict[str, object]:
    names = ("treatment", "outcomes", "covariates", "survival_time", "survival_event")
    return {name: getattr(spec, name) for name in names}
