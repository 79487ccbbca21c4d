"""Any legal change of a scenario generates, without a warning, a legal registry."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples

from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario

THESIS = load_scenario("thesis")
UNIT = st.floats(0.0, 1.0)


@st.composite
def scenarios(draw):
    """Draw scenarios that differ from the thesis's in timing, effect, course and missing data."""
    treatment = THESIS.treatment.model_copy(
        update={
            "care": draw(st.floats(0.0, 3.0)),
            "severity": draw(st.floats(-1.0, 2.0)),
            "decay": draw(st.floats(-0.5, 2.0)),
            "intercept": draw(st.floats(-6.0, 3.0)),
        }
    )
    course = THESIS.course.model_copy(
        update={
            "persistence": draw(UNIT),
            "drift_sd": draw(st.floats(0.0, 2.0)),
            "noise_sd": draw(st.floats(0.0, 1.0)),
            "noise_correlation": draw(UNIT),
        }
    )
    observation = THESIS.observation.model_copy(update={"incomplete_day1": draw(UNIT)})
    effect = THESIS.effect.model_copy(update={"log_hazard_ratio": draw(st.floats(-3.0, 3.0))})
    return THESIS.model_copy(
        update={"treatment": treatment, "course": course, "observation": observation, "effect": effect}
    )


@examples(25)
@given(scenario=scenarios(), seed=st.integers(0, 2**32), n=st.integers(1, 400))
def test_every_scenario_gives_possible_patients(scenario, seed, n):
    cohort = generate_cohort(scenario, seed=seed, n=n)
    registry, day = cohort.registry, cohort.oracle.hours["ivigg"] / 24.0
    assert len(registry) == n
    treated = np.isfinite(day)
    assert np.array_equal(registry["ivigg"] == 1, treated)
    assert np.all(day[treated] <= np.minimum(registry["icu_days"][treated], 7))
    assert (registry["icu_days"] <= registry["hospital_days"]).all()
    assert (registry["hospital_death"] >= registry["icu_death"]).all()
    assert np.all((cohort.oracle.propensity >= 0) & (cohort.oracle.propensity <= 1))
    assert np.isfinite(cohort.oracle.path).all()


@examples(10)
@given(seed=st.integers(0, 2**32), replicates=st.permutations([0, 1, 2]))
def test_replicates_do_not_depend_on_their_order(seed, replicates):
    forward = {r: generate_cohort(THESIS, seed=seed, n=50, replicate=r).registry for r in range(3)}
    for r in replicates:
        assert generate_cohort(THESIS, seed=seed, n=50, replicate=r).registry.equals(forward[r])
