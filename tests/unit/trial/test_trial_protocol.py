from __future__ import annotations

import math

import numpy as np
import pytest

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.experiment import experiment_names
from simsepsis.trial import Effect, load_trial, trial_names
from simsepsis.trial.protocol.condition import parse_condition

OWN = {"name": "mine", "weight": 1.0, "estimate": 0.9, "low": 0.8, "high": 1.0, "scale": "risk_ratio"}
CROSSOVER = {
    "allocation.unit": "cluster_crossover",
    "allocation.cluster_size": 20,
    "test.analysis": "gee",
}

REFUSED = [
    ({"effect.scale": None}, 'value = 0.81 has no scale; write scale = "risk_ratio" beside it'),
    ({"effect.scale": "hazard_ratio"}, "hazard ratio 0.81 has no horizon; give the day"),
    ({"effect": {"scale": "hazard_ratio", "value": 0.81, "horizon": 90}}, "not the day by which death_28d"),
    ({"effect.scale": "win_ratio"}, "effect.scale = 'win_ratio' does not fit death_28d; use one of"),
    ({"endpoint": {"name": "time_to_death"}}, "time_to_death has no horizon; give the day"),
    ({"endpoint.horizon": 28}, "horizon = 28 has no meaning for death_28d"),
    ({"allocation.icc": 0.05}, "icc = 0.05 with unit = 'individual' asks for a design effect that does not"),
    ({"looks.information": [0.5, 0.4, 1.0]}, r"information=\[0.5, 0.4, 1\] does not increase to 1"),
    ({"looks.information": [0.5, 0.9]}, "does not increase to 1"),
    ({"looks": {"information": [0.5, 1.0], "futility": {"binding": True}}}, "does not bind; remove it"),
    ({"endpoint.control_risk": 1.2}, "endpoint.control_risk = 1.2: input should be less than 1"),
    (
        {"effect": {"scale": "risk_difference", "value": -0.4}, "endpoint.control_risk": 0.3},
        "gives a treated risk of -0.1; choose",
    ),
    (
        {"priors": [{"name": "low_risk_of_bias", "weight": 1.0}], "test.assurance": 0.5},
        "test.assurance = 0.5 is above the ceiling 0.421 of the priors",
    ),
    ({"priors": [{"name": "low_risk_of_bias", "weight": 0.5}]}, "sum to 0.5; make them sum to 1"),
    ({"priors": [{"name": "low_bias", "weight": 1.0}]}, "priors.0: name='low_bias' is none of"),
    ({"priors": [OWN | {"scale": None}]}, "priors.0: has no scale; a prior of your own has"),
    ({"priors": [OWN | {"low": None}]}, "priors.0: has no low; a prior of your own has"),
    ({"priors": [OWN | {"low": 1.0, "high": 0.8}]}, "priors.0: estimate = 0.9 is not between low = 1 and"),
    ({"priors": [OWN | {"low": 0.0}]}, "priors.0: low = 0 of a risk_ratio is not above 0"),
    ({"priors": [OWN | {"scale": "ratio"}]}, "priors.0: scale='ratio' is none of"),
    ({"effect.value": 1.2}, 'makes patients worse, .* to show benefit; .* write aim = "harm"'),
    ({"effect.aim": "harm"}, 'makes patients better, .* to show harm; .* write aim = "benefit"'),
    (
        {"effect": {"scale": "win_ratio", "value": 0.9}, "endpoint.name": "win_ratio"},
        "a win_ratio of 0.9 makes patients worse",
    ),
    (
        {"conduct": {"nonadherence": {"share": 0.9}, "contamination": {"share": 0.1, "grams": 15.0}}},
        "leave no more treated patients in the treated arm than among controls",
    ),
    (
        CROSSOVER | {"n_total": 1000},
        "n_total = 1000, but allocation.cluster_size = 20 in 42 ICUs and 2 periods makes 1680; state one",
    ),
    (
        CROSSOVER | {"allocation.cluster_size": None, "n_total": 1001},
        "n_total = 1001 does not divide among 2 periods; write n_total = 1002",
    ),
    ({"test.assurance": 0.5}, "needs priors"),
    (
        {"population.where": "apache > 29"},
        "'apache' is not known before randomization; did you mean 'apache2'",
    ),
    ({"population.where": "hospital_death == 1"}, "'hospital_death' is not known before randomization"),
    ({"population.where": "apache2 29"}, "'apache2 29' is no condition; write a column"),
    ({"population.where": "infection_site > lung"}, "compare by == or !="),
    ({"population.where": "apache2 >= high"}, "'high' is no number; give one"),
    ({"test.covariates": ["icu_death"]}, "'icu_death' is not known before randomization"),
    ({"test.alhpa": 0.05}, "test.alhpa: unknown key; did you mean 'alpha'?"),
    ({"test.sides": True}, "test.sides = true: must be a whole number"),
    ({"conduct.contamination": {"SHARE": 0.1}}, "conduct.contamination.SHARE: unknown key"),
    ({"test.alpha": 0.0}, "test.alpha = 0.0: input should be greater than 0"),
    ({"test.analysis": "gee"}, "does not fit allocation.unit = 'individual'; use one of unadjusted"),
    ({"allocation.unit": "parallel_cluster"}, "use one of cluster_means, gee"),
    (
        {"allocation.unit": "stepped_wedge", "test.analysis": "gee"},
        "has no steps; write at how many times ICUs change",
    ),
    (
        {"allocation.unit": "stepped_wedge", "allocation.steps": 3, "test.analysis": "cluster_means"},
        "cannot tell treatment from time in a stepped wedge; use gee",
    ),
    ({"allocation.cluster_size": 20}, "cluster_size = 20 is for ICUs that are randomized"),
    ({"endpoint.name": "win_ratio", "test.analysis": "adjusted"}, "not for win_ratio"),
    (
        {"allocation.method": "blocks", "arms": [{"name": "A", "grams": 15.0, "ratio": 0.7}]},
        "parts of patients",
    ),
    ({"arms": [{"name": "A", "grams": 15.0, "grams_per_kg": 1.0}]}, "give either grams or grams_per_kg"),
    ({"arms": [{"name": "A", "grams": 5.0}, {"name": "A", "grams": 15.0}]}, "have one name"),
    ({"effect.arm": "IVIG"}, "effect.arm = 'IVIG' is none of the arms IVIgG"),
    (
        {
            "arms": [{"name": "A", "grams": 5.0}, {"name": "B", "grams": 15.0}],
            "looks.information": [0.5, 1.0],
        },
        "has no bounds for several looks; use bonferroni",
    ),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED)
def test_what_would_mislead_is_refused_in_one_sentence(protocol, changes, words):
    with pytest.raises(ExperimentError, match=words) as refused:
        protocol(changes)
    text = str(refused.value)
    assert text.startswith("plain: ")
    assert "\n" not in text


def test_the_shipped_trials_are_found_and_are_no_experiments():
    shipped = {
        f"trial-ivigg-{name}" for name in ("conventional", "high-dose", "enriched", "cluster-crossover")
    }
    assert shipped | {"trial-sbits", "trial-cigma"} <= set(trial_names())
    assert not set(trial_names()) & set(experiment_names())
    for name in trial_names():
        assert load_trial(name).name == name


def test_a_file_is_read_with_its_world_beside_it(tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "thesis"\n', encoding="utf-8")
    text = (
        '[world]\nbase = "mine.toml"\n[[arms]]\nname = "A"\ngrams = 15.0\n[endpoint]\nname = "icu_death"\n'
        '[effect]\nscale = "odds_ratio"\nvalue = 0.8\n'
    )
    path = tmp_path / "trial-a.toml"
    path.write_text('question = "?"\n' + text, encoding="utf-8")
    found = load_trial(path)
    assert found.name == found.label == "trial-a"
    assert found.world.base == str((tmp_path / "mine.toml").resolve())
    assert found.planned == Effect(value=0.8, scale="odds_ratio")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ExperimentError, match=r"trial-a.toml: question: missing; give it"):
        load_trial(path)


def test_a_name_that_is_nearly_right_is_told():
    with pytest.raises(ExperimentError, match=f"trial '{trial_names()[0]}x' is unknown; did you mean"):
        load_trial(f"{trial_names()[0]}x")


def test_the_hash_follows_the_content(protocol):
    assert protocol() == protocol()
    assert hash(protocol()) == hash(protocol())
    assert protocol({"effect.value": 0.8}).hash != protocol().hash


def test_the_planned_side_decides_the_ceiling(protocol):
    prior = [
        {"name": "mine", "weight": 1.0, "estimate": 0.8, "low": 0.6, "high": 1.0667, "scale": "risk_ratio"}
    ]
    benefit = protocol({"priors": prior}).assurance_ceiling
    harm = protocol({"priors": prior, "effect.value": 1.2, "effect.aim": "harm"}).assurance_ceiling
    assert benefit + harm == pytest.approx(1.0)
    assert benefit == pytest.approx(
        0.5 * math.erfc(math.log(0.8) / (math.log(1.0667 / 0.6) / 3.92) / 2**0.5), abs=1e-4
    )


def test_conditions_bind_and_before_or():
    columns = {"apache2": np.array([30.0, 10.0, 30.0, np.nan]), "age": np.array([50.0, 80.0, 80.0, 50.0])}
    assert parse_condition("all").holds(columns).tolist() == [True] * 4
    assert parse_condition("apache2 >= 29 and age < 60").holds(columns).tolist() == [
        True,
        False,
        False,
        False,
    ]
    both = parse_condition("apache2 < 20 or apache2 >= 29 and age < 60")
    assert both.holds(columns).tolist() == [True, True, False, False]
    assert parse_condition("apache2 != 30").holds(columns).tolist() == [False, True, False, False]


def test_a_level_is_compared_by_its_name():
    site = parse_condition("infection_site == lung")
    codes = np.arange(5)
    assert site.holds({"infection_site": codes}).sum() == 1
    with pytest.raises(UsageError, match="infection_site is one of"):
        parse_condition("infection_site == knee")


def test_the_estimate_is_on_the_scale_of_the_effect_where_it_can_be(protocol):
    assert protocol().scale == "risk_ratio"
    assert (
        protocol({"effect": {"scale": "hazard_ratio", "value": 0.8, "horizon": 28}}).scale
        == "risk_difference"
    )
    assert protocol({"endpoint": {"name": "time_to_death", "horizon": 90}}).scale == "hazard_ratio"
    assert protocol({"endpoint.name": "ventilator_free_days"}).scale == "probability_index"
    assert protocol({"endpoint.name": "hospital_death"}).outcome_lag_days == 60
    assert protocol().outcome_lag_days == 28
