import numpy as np
import pandas as pd
import pytest

from simsepsis.experiment import judge, parse_claim
from simsepsis.experiment.claims import overall

METHODS = ("crude", "psm")


def performance(value: float, mcse: float = 0.0, n: int = 2000, **keys: str) -> pd.DataFrame:
    row = {
        "cell": 1,
        "scenario": "a, u=2.0",
        "method": "psm",
        "estimand": "rd_hospital_death_matched",
        "measure": "coverage",
        "value": value,
        "mcse": mcse,
        "n_used": n,
        "n_sim": n,
    }
    return pd.DataFrame([row | keys])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("coverage in [0.93, 0.97]", ("coverage", 0.93, 0.97, None, None, None)),
        ("psm coverage in [0.93,0.97]", ("coverage", 0.93, 0.97, "psm", None, None)),
        ("psm rd_x bias <= 1e-2", ("bias", -np.inf, 0.01, "psm", "rd_x", None)),
        ("rd_x bias > -1", ("bias", -1.0, np.inf, None, "rd_x", None)),
        ("psm bias < 0 in cells u=1.0, v=2", ("bias", -np.inf, 0.0, "psm", None, "u=1.0, v=2")),
    ],
)
def test_claims_are_parsed(text, expected):
    claim = parse_claim(text, METHODS)
    found = (claim.measure, claim.low, claim.high, claim.method, claim.estimand, claim.cells)
    assert found == expected


@pytest.mark.parametrize(
    ("value", "mcse", "n", "verdict"),
    [
        (0.95, 0.005, 2000, "pass"),
        (0.90, 0.005, 2000, "fail"),
        (0.935, 0.005, 2000, "inconclusive"),
        (1.0, 0.0, 12, "inconclusive"),  # a binomial MCSE of 0 proves nothing: Wilson's limits are wide
        (1.0, 0.0, 20_000, "fail"),
        (np.nan, np.nan, 0, "inconclusive"),
    ],
)
def test_the_verdict_respects_the_monte_carlo_error(value, mcse, n, verdict):
    claim = parse_claim("psm coverage in [0.93, 0.97]", METHODS)
    table = judge("c", claim, performance(value, mcse, n))
    assert table["verdict"].tolist() == [verdict]


def test_a_claim_is_about_the_series_it_names():
    table = pd.concat(
        [
            performance(0.95, 0.001),
            performance(0.5, 0.001, method="crude"),
            performance(0.5, 0.001, estimand="log_or_hospital_death_matched"),
            performance(0.5, 0.001, scenario="a, u=3.0"),
            performance(0.5, 0.001, measure="rejection"),
        ]
    )
    claim = parse_claim("psm rd_hospital_death coverage in [0.93, 0.97] in cells u=2.0", METHODS)
    assert judge("c", claim, table)["verdict"].tolist() == ["pass"]
    assert set(judge("c", parse_claim("coverage > 0.9", METHODS), table)["verdict"]) == {"pass", "fail"}


def test_a_claim_about_nothing_is_inconclusive():
    claim = parse_claim("crude coverage > 0.9", METHODS)
    assert judge("c", claim, performance(0.95))["verdict"].tolist() == ["inconclusive"]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "fail", "pass"], "fail"),
    ],
)
def test_one_failing_series_fails_the_claim(verdicts, expected):
    assert overall(pd.DataFrame({"claim": "c", "verdict": verdicts})) == {"c": expected}
