"""The prior from an observational estimate, corrected by a measured bias."""

from __future__ import annotations

import math

import pytest

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.trial import load_trial, trial_names
from simsepsis.trial.protocol.prior_weight import MeasuredBias, PriorWeight

HEAD = "cell,scenario,method,estimand,measure,value,mcse,n_used,n_sim\n"
ROWS = (
    "1,plain,psm,log_or_death_twin,bias,-0.10,0.01,200,200\n"
    "2,hidden,psm,log_or_death_twin,bias,0.30,0.02,200,200\n"
    "2,hidden,psm,log_or_death_twin,coverage,0.5,0.02,200,200\n"
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "performance.csv"
    path.write_text("# of two worlds\n" + HEAD + ROWS, encoding="utf-8")
    return str(path)


def test_bias_is_the_mean_over_worlds_with_their_spread(table):
    told = MeasuredBias(performance=table, method="psm", estimand="log_or_death_twin").measured
    assert told.mean == pytest.approx(0.10)
    assert told.mcse == pytest.approx(math.hypot(0.01, 0.02) / 2)
    assert told.sd == pytest.approx(0.4 / math.sqrt(2))
    one = MeasuredBias(
        performance=table, method="psm", estimand="log_or_death_twin", scenarios=("plain",)
    ).measured
    assert (one.mean, one.sd) == (pytest.approx(-0.10), 0.0)


def test_the_corrected_prior_is_moved_and_widened(table):
    weight = PriorWeight(
        name="cohort",
        weight=1.0,
        estimate=0.957,
        low=0.724,
        high=1.265,
        scale="odds_ratio",
        bias={"performance": table, "method": "psm", "estimand": "log_or_death_twin"},
    )
    (part,) = weight.prior().components
    own = (math.log(1.265) - math.log(0.724)) / (2 * 1.959964)
    assert part.mean == pytest.approx(math.log(0.957) - 0.10)
    assert part.sd == pytest.approx(math.hypot(own, math.hypot(0.01, 0.02) / 2, 0.4 / math.sqrt(2)), rel=1e-6)
    assert part.scale == "odds_ratio"


def test_a_bias_that_cannot_be_read_is_refused(table, tmp_path):
    for changes, words in (
        ({"performance": str(tmp_path / "none.csv")}, "no such performance table"),
        ({"method": "psn"}, "did you mean 'psm'"),
        ({"scenarios": ("elsewhere",)}, "scenario 'elsewhere'"),
    ):
        asked = {"performance": table, "method": "psm", "estimand": "log_or_death_twin"} | changes
        with pytest.raises(UsageError, match=words):
            _ = MeasuredBias(**asked).measured
    with pytest.raises(ValueError, match="not on the scale of the estimate"):
        PriorWeight(
            name="cohort",
            weight=1.0,
            estimate=0.9,
            low=0.8,
            high=1.0,
            scale="risk_ratio",
            bias={"performance": table, "method": "psm", "estimand": "log_or_death_twin"},
        )


@pytest.mark.parametrize("name", trial_names())
def test_every_shipped_trial_loads_and_its_priors_mix(name):
    protocol = load_trial(name)
    assert protocol.words.rationale_ja
    if protocol.priors:
        assert sum(part.weight for part in protocol.prior.components) == pytest.approx(1.0)


def test_a_missing_bias_file_is_refused_when_the_plan_is_read(tmp_path):
    text = (
        'question = "q"\n[world]\nbase = "thesis"\n[[arms]]\nname = "a"\ngrams = 15.0\n[endpoint]\n'
        'name = "death_28d"\n[effect]\nscale = "risk_ratio"\nvalue = 0.8\n[[priors]]\nname = "cohort"\n'
        'weight = 1.0\nestimate = 0.9\nlow = 0.7\nhigh = 1.2\nscale = "odds_ratio"\n'
        'bias = { performance = "gone.csv", method = "psm", estimand = "log_or_x" }\n'
    )
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ExperimentError, match=r"gone\.csv: no such performance table"):
        load_trial(tmp_path / "t.toml")
