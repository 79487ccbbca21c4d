"""What a scenario asks for is solved, and what is impossible is refused with what is reachable."""

import numpy as np
import pytest

from simsepsis.errors import ScenarioError
from simsepsis.studies.jseptic_ivigg.world.calibration.check import check_calibration
from simsepsis.studies.jseptic_ivigg.world.calibration.tilt import treatment_mark
from simsepsis.studies.jseptic_ivigg.world.effect import Effect, Regimen, Unmeasured
from simsepsis.studies.jseptic_ivigg.world.people import Anew, Icus
from simsepsis.studies.jseptic_ivigg.world.prepared import build_world
from simsepsis.studies.jseptic_ivigg.world.resolve import resolve, resolve_scenario
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario

THESIS = load_scenario("thesis")


def changed(part, **values):
    return THESIS.model_copy(update={part: getattr(THESIS, part).model_copy(update=values)})


def test_what_is_solved_already_is_left_alone():
    assert resolve(THESIS) == THESIS
    assert resolve_scenario(THESIS).reached == ()


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        pytest.param("risk_ratio", 0.81, marks=pytest.mark.slow),  # as in tests/unit/test_truth.py
        ("risk_difference", -0.05),
        ("odds_ratio", 1.3),
        ("hazard_ratio", 0.7),
    ],
)
def test_a_stated_effect_is_reached_within_its_error(measure, value):
    (reached,) = resolve_scenario(changed("effect", measure=measure, value=value)).reached
    assert abs(reached.value - value) < 2 * reached.mcse


def test_margins_hold_when_timing_changes():
    late = resolve(changed("treatment", severity=1.0, late_share=0.6))
    table = check_calibration(late, patients=60_000)
    table1 = table[table["table"].isin(["table1", "table2"]) & (table["statistic"] != "smd_percent")]
    assert (table1["difference_se"].abs() <= 2.0).mean() >= 0.9
    oracle = generate_cohort(late, seed=8, n=60_000).oracle
    hours = oracle.hours["ivigg"][np.isfinite(oracle.hours["ivigg"])]
    assert abs((hours > 48).mean() - 0.6) < 4 * np.sqrt(0.24 / hours.size) + 0.01


def test_a_world_is_solved_from_scratch_where_the_thesis_is_too_far_to_begin_from():
    far = changed("treatment", severity=0.75, late_share=0.2, care=0.0).model_copy(update={"n": 400})
    solved = resolve(far).treatment
    assert solved.intercept != THESIS.treatment.intercept


def test_a_binary_confounder_has_its_odds_ratio_and_leaves_table_1_alone():
    hidden = changed("unmeasured", kind="binary", prevalence=0.3, or_treatment=2.0, hr_death=2.0)
    solved = resolve(hidden)
    cohort = generate_cohort(solved, seed=8, n=120_000)
    u, treated = cohort.oracle.unmeasured == 1, cohort.registry["ivigg"].to_numpy() == 1
    counts = [np.sum(u & treated), np.sum(~u & treated), np.sum(u & ~treated), np.sum(~u & ~treated)]
    log_or = np.log(counts[0] * counts[3] / (counts[1] * counts[2]))
    assert abs(log_or - np.log(2)) < 3 * np.sqrt(np.sum(1 / np.array(counts))) + 0.02
    table = check_calibration(solved, patients=120_000)
    table1 = table[(table["table"] == "table1") & (table["statistic"] != "smd_percent")]
    assert (table1["difference_se"].abs() <= 2.0).mean() >= 0.95


def test_crude_mortality_is_held_where_it_was_printed():
    table = check_calibration(load_scenario("unmeasured-held"), patients=120_000)
    deaths = table[table["variable"].isin(["icu_death", "hospital_death"])]
    assert len(deaths) == 4
    assert deaths["difference_se"].abs().max() < 1.0
    # A harmful confounder hides a benefit, a stronger one a larger one.
    held = load_scenario("unmeasured-held")
    stronger = held.unmeasured.model_copy(update={"or_treatment": 4.0, "hr_death": 3.0})
    hidden = resolve(held.model_copy(update={"unmeasured": stronger})).effect.log_hazard_ratio
    assert hidden < resolve(held).effect.log_hazard_ratio - 0.05


def test_scenarios_that_differ_in_dose_only_share_everything_else():
    effect = Effect(log_hazard_ratio=-0.5)
    low = THESIS.model_copy(update={"effect": effect})
    dose = THESIS.dose.model_copy(update={"regimens": (Regimen(grams_per_kg=1.5),), "response": "log_linear"})
    high = low.model_copy(update={"dose": dose})
    one, two = (generate_cohort(s, seed=4) for s in (low, high))
    same = ["age", "icu_id", "ivigg", "wbc", "infection_site", "sofa_cv_day1"]
    assert one.registry[same].equals(two.registry[same])
    untreated = one.registry["ivigg"] == 0
    assert one.registry[untreated].equals(two.registry[untreated])
    assert not one.registry["hospital_days"].equals(two.registry["hospital_days"])
    assert np.array_equal(
        one.oracle.untreated.time["hospital_death"], two.oracle.untreated.time["hospital_death"]
    )


def test_a_dose_below_the_threshold_does_nothing():
    scenario = load_scenario("dose-threshold")
    oracle = generate_cohort(scenario, seed=4, n=8_000).oracle
    low = oracle.dose_g_per_kg < 1.0
    assert low.sum() > 1_000
    assert np.array_equal(
        oracle.treated.time["hospital_death"][low], oracle.untreated.time["hospital_death"][low]
    )
    high = oracle.dose_g_per_kg >= 1.0
    assert not np.array_equal(
        oracle.treated.time["hospital_death"][high], oracle.untreated.time["hospital_death"][high]
    )


def test_modified_effects_vanish_where_they_are_switched_off():
    scenario = changed("effect", log_hazard_ratio=-0.6)
    modifier = scenario.effect.modifier.model_copy(update={"severe": 0.0})
    off = scenario.model_copy(update={"effect": scenario.effect.model_copy(update={"modifier": modifier})})
    cohort = generate_cohort(off, seed=4, n=8_000)
    severe = cohort.registry["apache2"].to_numpy() >= 30
    treated, untreated = cohort.oracle.treated, cohort.oracle.untreated
    assert np.array_equal(treated.lifetime[severe], untreated.lifetime[severe])
    assert not np.array_equal(treated.lifetime, untreated.lifetime)


def test_sampled_icus_change_with_the_replicate_and_have_the_asked_number():
    icus = Icus(kind="sampled", number=120, roster=THESIS.icus.roster)
    scenario = THESIS.model_copy(update={"icus": icus})
    one, two = (generate_cohort(scenario, seed=1, replicate=r, n=6_000).registry for r in (0, 1))
    assert one["icu_id"].max() == 120
    traits = [f.groupby("icu_id")["icu_beds"].first().tolist() for f in (one, two)]
    assert traits[0] != traits[1]


def test_missing_by_severity_takes_the_sick():
    observation = THESIS.observation.model_copy(update={"by_severity": 1.0, "incomplete_day1": 0.3})
    cohort = generate_cohort(THESIS.model_copy(update={"observation": observation}), seed=1, n=20_000)
    severity = cohort.oracle.path[:, 0]
    missing = cohort.registry["lactate"].isna().to_numpy()
    assert severity[missing].mean() > severity[~missing].mean() + 0.3


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        (changed("effect", measure="risk_ratio", value=5.0), r"effect.value = 5.0: .* is reachable"),
        (changed("treatment", late_share=0.999), r"late_share = 0.999: not reachable; between"),
    ],
)
def test_impossible_requests_say_what_is_reachable(scenario, words):
    with pytest.raises(ScenarioError, match=words):
        resolve(scenario)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Effect(measure="risk_ratio", value=-1.0), "ratios are positive"),
        (lambda: Effect(value=0.8), "belong together"),
        (lambda: Unmeasured(kind="binary", prevalence=1.0), "less than 1"),
        (lambda: Regimen(grams=-1.0), "greater than 0"),
        (lambda: Regimen(), "either grams or grams_per_kg"),
    ],
)
def test_impossible_values_are_refused_when_written(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_icus_drawn_anew_keep_their_traits_and_have_the_asked_spread():
    icus = THESIS.icus.model_copy(update={"anew": Anew(seed=3, sd={"death": 0.8})})
    world = resolve(THESIS.model_copy(update={"icus": icus}))
    new, old, size = world.icus.roster, THESIS.icus.roster, np.array(THESIS.icus.roster.size)
    assert world.icus.anew is None
    assert (new.size, new.beds, new.type, new.policy) == (old.size, old.beds, old.type, old.policy)
    assert abs(np.corrcoef(new.death, old.death)[0, 1]) < 0.5
    spread = [
        np.sqrt(np.cov(values, aweights=size, ddof=0)) for values in (new.death, new.severity, old.severity)
    ]
    np.testing.assert_allclose(spread, [0.8, 0.25, 0.25], atol=0.002)
    assert world.treatment.solved_for == treatment_mark(world) != THESIS.treatment.solved_for


def test_a_world_that_draws_no_icus_anew_has_the_hash_it_had():
    assert "anew" not in THESIS.model_dump()["icus"]
    anew = THESIS.model_copy(update={"icus": THESIS.icus.model_copy(update={"anew": Anew(seed=0)})})
    assert anew.hash != THESIS.hash


def test_icus_that_differ_more_than_patients_can_are_refused():
    with pytest.raises(ScenarioError, match=r"more than all of the variance of .*smaller icus.spread"):
        build_world(changed("icus", spread=4.0))


@pytest.mark.parametrize(("crude", "care"), [("held_by_care", -0.3), ("held_by_intercepts", 0.0)])
def test_crude_mortality_is_held_whatever_care_does(crude, care):
    course = THESIS.course
    hazards = {"ward_death": course.ward_death.model_copy(update={"care": care})}
    log_hazard_ratio = -0.3 if crude == "held_by_care" else 0.0
    asked = changed("unmeasured", crude=crude).model_copy(
        update={
            "course": course.model_copy(update=hazards),
            "effect": THESIS.effect.model_copy(update={"log_hazard_ratio": log_hazard_ratio}),
        }
    )
    resolution = resolve_scenario(asked)
    (reached,) = resolution.reached
    assert reached.value <= (0.1 if crude == "held_by_care" else 1.0)
    solved = resolution.scenario
    assert solved.effect.log_hazard_ratio == log_hazard_ratio
    if crude == "held_by_care":
        # What protects less than it did takes the place of an effect that protects.
        assert solved.course.ward_death.care > care
    else:
        assert solved.course.ward_death.care == 0.0
    table = check_calibration(solved, patients=60_000)
    deaths = table[table["variable"].isin(["icu_death", "hospital_death"])]
    assert deaths["difference_se"].abs().max() < 2.0


def test_crude_mortality_that_intercepts_alone_cannot_hold_is_refused():
    asked = changed("unmeasured", crude="held_by_intercepts")
    effect = THESIS.effect.model_copy(update={"log_hazard_ratio": -0.5})
    with pytest.raises(ScenarioError, match="a weaker effect can be held, or give crude"):
        resolve(asked.model_copy(update={"effect": effect}))


def test_held_hazards_need_an_effect_as_a_hazard_ratio():
    with pytest.raises(ValueError, match=r"remove effect\.measure and give"):
        type(THESIS).model_validate(
            THESIS.model_dump()
            | {
                "unmeasured": {"crude": "held_by_care"},
                "effect": {"measure": "risk_ratio", "endpoint": "hospital_death", "value": 0.8},
            }
        )
