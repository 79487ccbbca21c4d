"""Worlds from printed tables: each prints them again, together they leave open what the tables do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.unit.fitting.printed_ward import ward_cohort, ward_study, with_cell
from tests.unit.studies.rhc.print_tables import tables_of

from simsepsis import generate_cohort, load_scenario, true_estimands
from simsepsis.errors import ConvergenceError, DataError, UsageError
from simsepsis.fitting.bands import analysis_quantities, band
from simsepsis.fitting.from_tables import PrintedWorld, fit_ensemble, fit_printed, fit_tables
from simsepsis.fitting.printed_cohort import PrintedCohort, printed_cohort
from simsepsis.study.published import Study
from simsepsis.world.fitted.scenario import in_memory
from simsepsis.world.fitted.tabulated import basis

HIDDEN = ward_cohort()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return ward_study(tmp_path_factory.mktemp("ward"), HIDDEN)


@pytest.fixture(scope="module")
def printed(study: Study) -> PrintedCohort:
    return printed_cohort(study)


@pytest.fixture(scope="module")
def ensemble(printed: PrintedCohort) -> tuple[PrintedWorld, ...]:
    return fit_ensemble(printed, members=9, seed=2)


def made(profile: object, n: int = 60_000) -> pd.DataFrame:
    return generate_cohort(in_memory(profile), seed=4, n=n, oracle=False).registry


@pytest.mark.parametrize("correlations", ["independence", "borrowed", "random"])
def test_both_printed_columns_come_out(printed: PrintedCohort, correlations: str):
    drawn = made(fit_tables(printed, correlations=correlations, correlation=0.3, seed=1, as_printed=True))
    assert drawn["drug"].mean() == pytest.approx(HIDDEN["drug"].mean(), abs=0.01)
    for arm in (0, 1):
        own, new = (frame[frame["drug"] == arm] for frame in (HIDDEN, drawn))
        for name in ("age", "marker", "pain"):
            spread = own[name].std()
            assert new[name].mean() == pytest.approx(own[name].mean(), abs=0.04 * spread)
            assert new[name].std() == pytest.approx(spread, rel=0.05)
        for name in ("female", "dead30", "dead"):
            assert new[name].mean() == pytest.approx(own[name].mean(), abs=0.015)
        shares = [frame["stage"].astype(str).value_counts(normalize=True) for frame in (own, new)]
        assert np.abs(shares[0] - shares[1]).max() < 0.02
    assert drawn["pain"].between(0, 10).all()
    assert (drawn["marker"] >= 0).all()
    assert (drawn["dead"] >= drawn["dead30"]).all()


def test_chance_is_taken_off_the_score_and_comes_back(printed: PrintedCohort):
    less, more = (fit_tables(printed, seed=1, as_printed=whole) for whole in (False, True))
    spreads = [
        np.std(np.log(p / (1 - p)))
        for p in (generate_cohort(in_memory(one), seed=1, n=20_000).oracle.propensity for one in (less, more))
    ]
    assert 0.8 < spreads[0] / spreads[1] < 1.0


def test_the_confounding_that_is_assumed_decides_the_true_effect(printed: PrintedCohort):
    def true_difference(correlation: float) -> float:
        world = in_memory(fit_tables(printed, c_statistic=0.75, correlation=correlation, seed=1))
        rows = true_estimands(world, population=50_000, seed=1, estimands=("rd_dead30_ate",))
        return float(rows["value"].iloc[0])

    against, without, along = map(true_difference, (-0.6, 0.0, 0.6))
    crude = HIDDEN.groupby("drug")["dead30"].mean()
    # Those who would have died anyhow were treated: the crude difference makes the drug look worse.
    assert along + 0.02 < without < against - 0.02
    assert without == pytest.approx(crude[1] - crude[0], abs=0.02)


def test_a_prognosis_has_the_strength_that_is_stated(printed: PrintedCohort):
    profile = fit_tables(printed, c_statistic=0.72, correlation=0.2, seed=3)
    cohort = generate_cohort(in_memory(profile), seed=5, n=40_000, oracle=False).registry
    terms = pd.get_dummies(cohort[["age", "marker", "pain", "female", "stage"]]).astype(float)
    values = {name: terms[name].to_numpy() for name in terms}
    predictor = np.zeros(len(cohort))
    for name, column in profile.columns.items():
        own = profile.models["dead30"].coefficients[name]
        if column.kind == "category":
            for level, coefficient in zip(column.levels[1:], own, strict=True):
                predictor += coefficient * values[f"stage_{level}"]
        else:
            predictor += np.asarray(own) @ basis(column, values[name])
    ranks = pd.Series(predictor).rank().to_numpy()
    dead = cohort["dead30"].to_numpy() == 1
    area = (ranks[dead].mean() - (dead.sum() + 1) / 2) / (~dead).sum()
    assert area == pytest.approx(0.72, abs=0.015)


def test_each_member_keeps_the_crude_events_and_has_its_own_truth(ensemble: tuple[PrintedWorld, ...]):
    crude = HIDDEN.groupby("drug")[["dead30", "dead"]].mean()
    truths = []
    for world in ensemble:
        drawn = made(world.profile)
        assert np.abs(drawn.groupby("drug")[["dead30", "dead"]].mean() - crude).to_numpy().max() < 0.015
        rows = true_estimands(world.scenario, population=20_000, seed=1, estimands=("rd_dead30_ate",))
        truths.append(float(rows["value"].iloc[0]))
    assert np.ptp(truths) > 0.05


def test_the_band_covers_what_was_hidden(printed: PrintedCohort, ensemble: tuple[PrintedWorld, ...]):
    found = band(ensemble, printed.spec, seed=1, replicates=2).set_index("quantity")
    real = analysis_quantities(HIDDEN, printed.spec, seed=1)
    wanted = ["c_statistic", "pairs", "psm rd_dead30_matched", "logistic log_or_dead30_twin"]
    for name in wanted:
        assert found.loc[name, "low"] <= real[name] <= found.loc[name, "high"], name
    assert (found["cohorts"] == 18).all()
    # It is a band and not everything: crude events alone move less than what is assumed.
    assert found.loc["c_statistic", "high"] - found.loc["c_statistic", "low"] < 0.15
    assert [name for name in found if str(name).startswith("tables-")] == [w.scenario.name for w in ensemble]


def test_its_files_are_scenarios(study: Study, tmp_path: Path):
    paths = fit_printed(study, tmp_path, members=2, seed=7)
    assert sorted(path.name for path in paths) == [
        *("tables-01.profile.json", "tables-01.toml", "tables-02.profile.json", "tables-02.toml")
    ]
    for path in paths:
        if path.suffix == ".toml":
            world = load_scenario(path)
            assert world.kind == "tables"
            assert len(generate_cohort(world, seed=1).registry) == len(HIDDEN)
    before = {path: path.read_bytes() for path in paths}
    assert {path: path.read_bytes() for path in fit_printed(study, tmp_path, members=2, seed=7)} == before


def test_nothing_but_printed_numbers_is_used(study: Study, printed: PrintedCohort):
    """Patients with the same printed tables give the same worlds."""
    shuffled = HIDDEN.assign(
        age=HIDDEN.groupby("drug")["age"].transform(lambda x: x.sample(frac=1, random_state=1).to_numpy())
    )
    assert not shuffled.equals(HIDDEN)
    again = study.numbers_of(pd.concat(tables_of(shuffled, study).values(), ignore_index=True))
    assert fit_tables(printed_cohort(study, again), seed=1) == fit_tables(printed, seed=1)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (
            "9999",
            {"variable": "female", "statistic": "count", "arm": "treated"},
            r"Female, count \(treated\): '9999' of 547 patients; write a count from 0 to 547",
        ),
        ("150.0", {"variable": "age", "statistic": "mean", "arm": "control"}, "Age.*'150.0' is impossible"),
        ("-1.0", {"variable": "age", "statistic": "sd", "arm": "control"}, "'-1.0' is no standard deviation"),
        ("9.9", {"variable": "pain", "statistic": "sd", "arm": "treated"}, "'9.9' is too large for a mean"),
        (
            "5",
            {"variable": "stage", "level": "early", "statistic": "count", "arm": "treated"},
            "levels sum to",
        ),
        (
            None,
            {"variable": "age", "arm": "control"},
            "'age' is not printed for the arm control; add its rows",
        ),
        (
            None,
            {"variable": "marker", "statistic": "sd"},
            "is not enough for a distribution; print mean and sd",
        ),
        (None, {"variable": "n", "arm": "control"}, "no number of patients in the arm 'control'; add a row"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(
    study: Study, text: str | None, key: dict[str, str], message: str
):
    changed = with_cell(study.printed(), text, **key)
    with pytest.raises(DataError, match=message) as caught:
        printed_cohort(study, study.numbers_of(changed))
    assert "\n" not in str(caught.value)


def test_percentages_alone_do_though_they_are_rounded(study: Study, printed: PrintedCohort):
    frame = study.printed()
    sizes = frame["variable"] == "n"
    rounded = printed_cohort(study, study.numbers_of(frame[sizes | (frame["statistic"] != "count")]))
    assert rounded.crude["dead"] == pytest.approx(printed.crude["dead"], abs=0.0006)
    stages = [one.columns["stage"].column.shares for one in (rounded, printed)]
    assert stages[0] == pytest.approx(stages[1], abs=0.001)
    assert stages[0] != stages[1]


def test_one_level_that_is_not_printed_is_the_rest(study: Study, printed: PrintedCohort):
    frame = study.printed()
    left = printed_cohort(study, study.numbers_of(frame[frame["level"] != "early"]))
    shares = [one.columns["stage"].column.shares for one in (left, printed)]
    assert shares[0] == pytest.approx(shares[1], abs=1e-9)


def test_tables_without_outcomes_are_refused(study: Study):
    frame = study.printed()
    left = frame[~frame["variable"].isin(["dead30", "dead"])]
    with pytest.raises(DataError, match="no outcome of the analysis is printed by arm before matching; add"):
        printed_cohort(study, study.numbers_of(left))


def test_arms_too_far_apart_for_independence_are_told(study: Study):
    frame = with_cell(study.printed(), "85.0", variable="age", statistic="mean", arm="treated")
    frame = with_cell(frame, "55.0", variable="age", statistic="mean", arm="control")
    frame = with_cell(frame, "1.0", variable="age", statistic="sd")
    printed = printed_cohort(study, study.numbers_of(frame))
    with pytest.raises(ConvergenceError, match="must hang together more than is assumed"):
        fit_tables(printed, typical=0.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"correlations": "borowed"}, "correlations = 'borowed' is unknown; did you mean 'borrowed'"),
        ({"correlations": "borrowed", "lenders": ("nobody",)}, "lender 'nobody' of correlations is unknown"),
        ({"c_statistic": 0.4}, "c_statistic = 0.4: give more than 0.5"),
        ({"correlation": 1.5}, "correlation = 1.5: give -1 to 1"),
    ],
)
def test_wrong_assumptions_are_refused(printed: PrintedCohort, wrong: dict[str, object], message: str):
    with pytest.raises(UsageError, match=message):
        fit_tables(printed, **wrong)


def test_an_ensemble_has_members(printed: PrintedCohort):
    with pytest.raises(UsageError, match="members = 0"):
        fit_ensemble(printed, members=0)
