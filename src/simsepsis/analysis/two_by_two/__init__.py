"""Two-by-two tables: effect measures with intervals, tests of association, and stratified tables.

A table has rows treated, control and columns event, no event: ``[[a, b], [c, d]]``. A zero cell never raises
and never warns: what it makes undefined is NaN (or the limit 0 or inf) and `failure` says why.
"""

from simsepsis.analysis.two_by_two.association import (
    AssociationTest,
    chi_square,
    fisher,
    mcnemar,
    smallest_expected,
)
from simsepsis.analysis.two_by_two.counts import pair_table, two_by_two_table
from simsepsis.analysis.two_by_two.effects import (
    Effect,
    odds_ratio,
    paired_odds_ratio,
    paired_risk_difference,
    risk_difference,
    risk_ratio,
)
from simsepsis.analysis.two_by_two.stratified import BreslowDay, breslow_day, mantel_haenszel

__all__ = [
    "AssociationTest",
    "BreslowDay",
    "Effect",
    "breslow_day",
    "chi_square",
    "fisher",
    "mantel_haenszel",
    "mcnemar",
    "odds_ratio",
    "pair_table",
    "paired_odds_ratio",
    "paired_risk_difference",
    "risk_difference",
    "risk_ratio",
    "smallest_expected",
    "two_by_two_table",
]
