"""A world fitted to a cohort: it generates cohorts like it, knows its truth, and holds no patient."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from tests.unit.fitting.cohorts import randomized_cohort, survival_cohort

from simsepsis import analyze, generate_cohort, load_scenario, true_estimands
from simsepsis.errors import DataError, ScenarioError
from simsepsis.fitting.fidelity import fidelity
from simsepsis.fitting.fit import FittedWorld, fit_world
from simsepsis.world.fitted.hidden import conditional_log_odds
from simsepsis.world.fitted.scenario import Effect, FittedScenario, Sites, Treatment, Unmeasured

FRAME, SPEC = survival_cohort()


@pytest.fixture(scope="module")
def world() -> FittedWorld:
    return fit_world(FRAME, SPEC)


@pytest.fixture(scope="module")
def large(world: FittedWorld) -> pd.DataFrame:
    """Return a large cohort of the world as it was found."""
    return generate_cohort(world.scenario, seed=1, n=60_000, oracle=False).registry


def with_effect(world: FittedWorld, **effect: object) -> FittedScenario:
    return world.scenario.model_copy(update={"effect": Effect(**effect)})


def truth(scenario: FittedScenario, estimand: str, population: int = 100_000) -> tuple[float, float]:
    row = true_estimands(scenario, population=population, seed=9, estimands=(estimand,)).iloc[0]
    return float(row["value"]), float(row["mcse"])


@pytest.mark.parametrize("name", ["age", "smoker", "grade", "days", "dead", "dead28", "treated"])
def test_means_of_both_arms_are_the_source_s(large: pd.DataFrame, name: str):
    for arm in (0, 1):
        own, made = FRAME.loc[FRAME["treated"] == arm, name], large.loc[large["treated"] == arm, name]
        error = own.std() / np.sqrt(len(own)) + made.std() / np.sqrt(len(made))
        assert abs(own.mean() - made.mean()) <= 3.0 * error + 0.02 * FRAME[name].std()


def test_quantiles_levels_and_missing_values_are_the_source_s(large: pd.DataFrame):
    for share in (0.1, 0.5, 0.9):
        assert large["marker"].quantile(share) == pytest.approx(FRAME["marker"].quantile(share), rel=0.05)
    assert large["marker"].isna().mean() == pytest.approx(FRAME["marker"].isna().mean(), abs=0.01)
    own, made = (frame["stage"].astype(str).value_counts(normalize=True) for frame in (FRAME, large))
    assert set(own.index) == set(made.index)
    assert np.abs(own - made[own.index]).max() < 0.01


def test_columns_hang_together_as_in_the_source(large: pd.DataFrame):
    names = ["age", "smoker", "grade"]
    gap = FRAME[names].corr(method="spearman") - large[names].corr(method="spearman")
    assert np.abs(gap.to_numpy()).max() < 3.0 / np.sqrt(len(FRAME)) + 0.01


def test_what_a_site_has_all_its_patients_have(large: pd.DataFrame):
    own = FRAME.groupby("site")["beds"].first().to_numpy()
    assert large.groupby("site")["beds"].nunique().max() == 1
    assert (large.groupby("site")["beds"].first().to_numpy() == own).all()


def test_sites_treat_as_often_as_in_the_source(large: pd.DataFrame):
    own, made = (frame.groupby("site")["treated"].mean().to_numpy() for frame in (FRAME, large))
    assert np.corrcoef(own, made)[0, 1] > 0.9


def test_the_same_seed_gives_the_same_cohort_and_another_one_another(world: FittedWorld):
    one, same, other = (generate_cohort(world.scenario, seed=seed, n=300).registry for seed in (4, 4, 5))
    pd.testing.assert_frame_equal(one, same)
    assert not one.equals(other)


def test_no_patient_of_the_source_is_in_the_profile_or_a_cohort(world: FittedWorld, large: pd.DataFrame):
    names = ["age", "marker", "smoker", "grade", "stage", "beds", "days", "cost"]
    complete = FRAME[names].dropna()
    rows = set(map(tuple, complete.astype(str).to_numpy()))
    made = set(map(tuple, large[names].dropna().astype(str).to_numpy()))
    assert not rows & made
    text = world.profile.json_text()
    told = {float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)}
    assert not told & {float(FRAME["cost"].max()), float(FRAME["cost"].min()), float(FRAME["marker"].max())}


def test_rare_levels_join_the_most_frequent_one():
    frame = FRAME.assign(stage=np.where(np.arange(len(FRAME)) < 4, "rare", FRAME["stage"]))
    world = fit_world(frame, SPEC)
    assert any("rare" in note for note in world.notes)
    made = generate_cohort(world.scenario, seed=2, n=20_000, oracle=False).registry
    assert (made["stage"] == "rare").sum() == 0


@pytest.mark.parametrize(
    ("measure", "value", "estimand", "transform"),
    [
        ("risk_difference", -0.06, "rd_dead28_att", float),
        ("risk_ratio", 0.7, "log_rr_dead28_att", np.log),
        ("odds_ratio", 1.5, "log_or_dead28_att", np.log),
    ],
)
def test_an_effect_is_solved_to_its_value(world: FittedWorld, measure, value, estimand, transform):
    scenario = with_effect(world, measure=measure, outcome="dead28", value=value)
    found, mcse = truth(scenario, estimand)
    assert abs(found - transform(value)) < 3.0 * np.hypot(mcse, mcse)


def test_a_difference_of_means_is_solved_to_its_value(world: FittedWorld):
    scenario = with_effect(world, measure="mean_difference", outcome="cost", value=-100.0)
    found, mcse = truth(scenario, "md_cost_att")
    assert abs(found + 100.0) < 3.0 * np.hypot(mcse, mcse)
    assert truth(scenario, "rd_dead28_att")[0] == 0.0


def test_no_effect_is_exactly_none(world: FittedWorld):
    rows = true_estimands(with_effect(world), population=20_000, seed=3)
    # Logarithms of quotients of equal numbers may miss 0 by a last bit.
    exact = rows["estimand"].str.match("rd_|md_|rmst|log_rr")
    assert (rows.loc[exact, "value"] == 0.0).all()
    assert (rows.loc[~exact, "value"].abs() < 1e-9).all()


def test_a_hidden_confounder_leaves_the_measured_ones_where_they_were(world: FittedWorld):
    null = with_effect(world)
    hidden = null.model_copy(
        update={"unmeasured": Unmeasured(kind="binary", or_treatment=4.0, hr_outcome=2.5)}
    )
    plain, confounded = (generate_cohort(one, seed=6, n=60_000).registry for one in (null, hidden))
    for name in ("age", "smoker", "grade"):
        gaps = [frame.groupby("treated")[name].mean().diff().iloc[-1] for frame in (plain, confounded)]
        assert abs(gaps[0] - gaps[1]) < 0.04 * FRAME[name].std()
    risks = [frame.groupby("treated")["dead28"].mean().diff().iloc[-1] for frame in (plain, confounded)]
    assert risks[1] - risks[0] > 0.02


def test_crude_risks_are_held_whatever_is_hidden(world: FittedWorld):
    hidden = Unmeasured(kind="normal", or_treatment=1.8, hr_outcome=1.6, crude="held")
    held = world.scenario.model_copy(update={"unmeasured": hidden, "effect": Effect(outcome="dead28")})
    frame = generate_cohort(held, seed=8, n=100_000, oracle=False).registry
    for arm, crude in zip((1, 0), world.profile.crude["dead28"], strict=True):
        assert frame.loc[frame["treated"] == arm, "dead28"].mean() == pytest.approx(crude, abs=0.008)
    free = held.model_copy(update={"unmeasured": hidden.model_copy(update={"kind": "none"})})
    assert held.resolved().effect.log_ratio < free.resolved().effect.log_ratio - 0.1


@pytest.mark.parametrize("kind", ["binary", "normal"])
def test_the_chance_of_treatment_is_kept_on_average_over_what_is_hidden(kind: str):
    unmeasured = Unmeasured(kind=kind, prevalence=0.25, or_treatment=5.0)
    score = np.linspace(-6.0, 6.0, 25)
    if kind == "binary":
        values, weights = np.array([0.0, 1.0]), np.array([0.75, 0.25])
    else:
        values = np.linspace(-8.0, 8.0, 4001)
        weights = np.exp(-(values**2) / 2.0)
        weights /= weights.sum()
    mean = sum(
        weight * expit(conditional_log_odds(score, np.full(score.size, value), unmeasured))
        for value, weight in zip(values, weights, strict=True)
    )
    np.testing.assert_allclose(mean, expit(score), atol=2e-6)


def test_overlap_and_confounding_are_factors_on_what_was_found(world: FittedWorld):
    def crude(**knobs: float) -> float:
        scenario = with_effect(world).model_copy(update={"treatment": Treatment(**knobs)})
        frame = generate_cohort(scenario, seed=5, n=60_000, oracle=False).registry
        assert frame["treated"].mean() == pytest.approx(world.profile.prevalence, abs=0.01)
        return float(frame.groupby("treated")["dead28"].mean().diff().iloc[-1])

    found = crude()
    assert crude(confounding=2.0) > found + 0.02
    assert abs(crude(confounding=0.0)) < 0.015
    assert 0.0 < crude(overlap=3.0) < found


def test_sites_can_be_drawn_anew_and_more_of_them(world: FittedWorld):
    scenario = with_effect(world).model_copy(update={"sites": Sites(number=40, sampled=True)})
    shares = [
        generate_cohort(scenario, seed=1, replicate=number).registry["site"].value_counts(normalize=True)
        for number in (0, 1)
    ]
    assert all(len(share) == 40 for share in shares)
    assert not shares[0].sort_index().equals(shares[1].sort_index())


def test_files_are_read_back_and_refused_once_changed(world: FittedWorld, tmp_path: Path):
    world.save(tmp_path)
    scenario = load_scenario(tmp_path / "base.toml")
    assert scenario.hash == world.scenario.hash
    profile = tmp_path / "base.profile.json"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace('"prevalence": 0.', '"prevalence": 1.'), encoding="utf-8")
    with pytest.raises(ScenarioError, match="prevalence = 1"):
        generate_cohort(load_scenario(tmp_path / "base.toml"), seed=1)
    profile.write_text(text.replace('"minimum": 10', '"minimum": 11') + " ", encoding="utf-8")
    with pytest.raises(ScenarioError, match="was changed since"):
        generate_cohort(load_scenario(tmp_path / "base.toml"), seed=1)
    profile.unlink()
    with pytest.raises(ScenarioError, match="no such profile"):
        generate_cohort(load_scenario(tmp_path / "base.toml"), seed=1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"shares": [', '"shares": [0.5, ', "shares"),
        ('"kind": "logistic"', '"kind": "magic"', "kind"),
        ('"cuts": [0.0', '"cuts": [5.0', "cuts"),
        ('"correlation": [', '"correlation": [[0.9],', "correlation"),
        ("{", "", "cannot be read as JSON"),
    ],
)
def test_a_profile_edited_into_nonsense_is_refused_in_a_sentence(
    world: FittedWorld, tmp_path: Path, old: str, new: str, words: str
):
    world.save(tmp_path)
    profile = tmp_path / "base.profile.json"
    profile.write_text(profile.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError, match=words) as refused:
        generate_cohort(load_scenario(tmp_path / "base.toml"), seed=1)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ({"measure": "risk_difference", "outcome": "dead28", "value": 0.9}, "between"),
        ({"measure": "risk_difference", "outcome": "cost", "value": 0.1}, "mean_difference"),
        ({"measure": "mean_difference", "outcome": "dead28", "value": 5.0}, "risk_difference"),
        ({"measure": "risk_ratio", "outcome": "nobody", "value": 0.9}, "dead28"),
    ],
)
def test_a_world_that_cannot_be_says_what_can(world: FittedWorld, effect: dict[str, object], words: str):
    with pytest.raises(ScenarioError, match=words):
        with_effect(world, **effect).resolved()


def test_positivity_that_is_gone_is_told(world: FittedWorld):
    with pytest.raises(ScenarioError, match="overlap"):
        with_effect(world).model_copy(update={"treatment": Treatment(overlap=0.001)}).resolved()


def test_too_few_patients_are_refused():
    with pytest.raises(DataError, match="8 patients are treated"):
        fit_world(pd.concat([FRAME[FRAME["treated"] == 1].head(8), FRAME[FRAME["treated"] == 0]]), SPEC)


def test_a_generated_file_is_analysed_by_the_study_s_own_words(tmp_path: Path):
    frame, spec = randomized_cohort()
    scenario = fit_world(frame, spec).scenario
    made = generate_cohort(scenario, seed=3, n=800, oracle=False)
    made.registry.to_csv(tmp_path / "made.csv", index=False)
    again = pd.read_csv(tmp_path / "made.csv")
    direct, read = (analyze(one, spec).estimates["estimate"] for one in (made.registry, again))
    np.testing.assert_allclose(direct, read)


def test_the_arms_of_a_trial_are_drawn_by_a_coin():
    frame, spec = randomized_cohort()
    world = fit_world(frame, spec)
    assert any("coin" in note for note in world.notes)
    assert np.ptp(generate_cohort(world.scenario, seed=1, n=500).oracle.propensity) < 1e-12


def coverage(n: int, replicates: int) -> float:
    frame, spec = randomized_cohort(n)
    scenario = fit_world(frame, spec).scenario.model_copy(update={"effect": Effect()}).resolved()
    covered = 0
    for replicate in range(replicates):
        columns = generate_cohort(scenario, seed=11, n=n, replicate=replicate, oracle=False).records.columns
        arms = [columns["outcome"][columns["arm"] == arm] for arm in (1, 0)]
        error = np.sqrt(sum(np.var(arm, ddof=1) / arm.size for arm in arms))
        covered += abs(arms[0].mean() - arms[1].mean()) <= 1.959964 * error
    return covered / replicates


def test_a_randomized_source_without_effect_is_covered_as_often_as_stated():
    assert abs(coverage(1000, 400) - 0.95) <= 3.0 * np.sqrt(0.95 * 0.05 / 400)


def test_rows_of_patients_keep_their_covariates_and_get_a_new_treatment(tmp_path: Path):
    world = fit_world(FRAME, SPEC, baseline="rows")
    world.save(tmp_path)
    made = generate_cohort(load_scenario(tmp_path / "base.toml"), seed=3, n=20_000, oracle=False).registry
    names = ["site", "age", "smoker", "grade", "beds"]
    assert set(map(tuple, made[names].to_numpy())) <= set(map(tuple, FRAME[names].to_numpy()))
    assert made.groupby(names)["treated"].nunique().max() == 2
    for arm in (0, 1):
        gap = (
            made.loc[made["treated"] == arm, "age"].mean() - FRAME.loc[FRAME["treated"] == arm, "age"].mean()
        )
        assert abs(gap) < 3.0 * FRAME["age"].std() / np.sqrt((FRAME["treated"] == arm).sum())
    (tmp_path / "base.rows.npz").write_bytes(b"PK nothing")
    with pytest.raises(ScenarioError, match="fit the world again"):
        _ = load_scenario(tmp_path / "base.toml").own_rows


@pytest.mark.slow
@pytest.mark.parametrize("n", [1000, 10_000])
def test_a_randomized_source_is_covered_in_2000_replicates(n: int):
    assert abs(coverage(n, 2000) - 0.95) <= 3.0 * np.sqrt(0.95 * 0.05 / 2000)


def test_the_page_s_numbers_hold_the_world_against_its_source(world: FittedWorld):
    found = fidelity(world, FRAME, SPEC, seed=1, cohorts=6)
    assert found.margins["difference"].abs().max() < 0.15
    assert found.pairs["difference"].abs().max() < 0.1
    score = found.quantities.set_index("quantity").loc["C-statistic of the score, as fitted"]
    assert abs(score["real"] - score["synthetic"]) < 0.03
    area = found.detection.frame.set_index("what")["auc"]
    assert area["all columns, squares and products"] < 0.6
    assert all(len(frame) for frame in (found.curves, found.clusters, found.estimates))
    shuffled = FRAME.assign(age=np.random.default_rng(0).permutation(FRAME["age"]) + 15)
    other = fidelity(
        replace(world, source=fit_world(shuffled, SPEC).source), shuffled, SPEC, seed=1, cohorts=3
    )
    assert other.margins["difference"].abs().max() > 0.5
    assert other.detection.frame.set_index("what")["auc"]["one column"] > 0.7
