"""Estimands by strategy for departures: identities that the twins must keep."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis.show.pages.trial.document import document_of
from simsepsis.trial import build_pool
from simsepsis.trial.planning import Effort, compute_plan
from simsepsis.trial.simulation.setting import MANY, prepare
from simsepsis.trial.simulation.truth import risks, strategies_table, strategy_risks

DEPART = {
    "conduct.nonadherence": {"share": 0.2, "by_severity": 0.5},
    "conduct.contamination": {"share": 0.1, "grams_per_kg": 1.5, "by_severity": -0.3},
}


def test_without_departures_all_strategies_are_one(protocol):
    told = protocol()
    pool = build_pool(told)
    found = strategy_risks(prepare(told, pool, MANY))
    assert len(found) == 5
    for risk in found.values():
        np.testing.assert_allclose(risk, found["treatment_policy"])
    assert strategies_table(told, pool).empty


def test_strategies_keep_their_identities(protocol):
    told = protocol(DEPART)
    setting = prepare(told, build_pool(told), MANY)
    found = strategy_risks(setting)
    np.testing.assert_allclose(found["treatment_policy"], risks(setting))
    np.testing.assert_allclose(found["hypothetical"], risks(setting, as_randomized=False))
    # An event or a departure: those who depart, and the events of those who do not.
    shares = np.array([0.1, 0.2])
    np.testing.assert_allclose(found["composite"], shares + found["while_on_treatment"], atol=1e-9)
    # What departures dilute is the difference that the hypothetical strategy has.
    gap = {name: risk[0] - risk[1] for name, risk in found.items()}
    assert 0.6 * gap["hypothetical"] < gap["treatment_policy"] < gap["hypothetical"]
    # Without severity in it, who departs is like the others.
    alike = protocol(
        {
            "conduct.nonadherence": {"share": 0.2},
            "conduct.contamination": DEPART["conduct.contamination"] | {"by_severity": 0.0},
        }
    )
    plain = strategy_risks(prepare(alike, build_pool(alike), MANY))
    np.testing.assert_allclose(plain["principal_stratum"], plain["hypothetical"])
    np.testing.assert_allclose(plain["while_on_treatment"], (1 - shares) * plain["hypothetical"])
    mixed = plain["hypothetical"][1] + 0.2 * (plain["hypothetical"][0] - plain["hypothetical"][1])
    assert plain["treatment_policy"][1] == pytest.approx(mixed)


def test_a_plan_prints_the_truth_of_each_strategy(protocol):
    document = document_of(compute_plan(protocol(DEPART), effort=Effort(replicates=0)), command="")
    table = {one.name: one for one in document.tables}["strategies"]
    assert len(table.rows) == 5
    assert table.rows[0][3].text.startswith("RR 0.8")


@pytest.mark.parametrize("endpoint", ["hospital_death", "icu_death", "ventilator_free_days"])
def test_every_kind_of_endpoint_has_its_strategies(protocol, endpoint):
    told = protocol(DEPART | {"endpoint.name": endpoint})
    table = strategies_table(told, build_pool(told))
    assert table["strategy"].is_unique
    assert np.isfinite(table["effect"]).all()
