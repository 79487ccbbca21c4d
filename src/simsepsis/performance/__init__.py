"""Performance of methods over replicates: every measure with its Monte Carlo standard error.

`summarize` makes the performance table, `coverage_autopsy` explains coverage,
`ladder` splits an estimate into truth and sources of error, `informative_failures` tests
whether failing is informative, `replicates_needed` and `stopping_mcse` say when there are enough replicates.
"""

from simsepsis.performance.autopsy import AUTOPSY_NUMBERS, autopsy_of, coverage_autopsy
from simsepsis.performance.error_ladder import LADDER_COLUMNS, LADDERS, Rung, ladder, ladder_of, ladders_of
from simsepsis.performance.estimate_rows import Settings
from simsepsis.performance.failures import (
    FAILURE_COLUMNS,
    failures_of,
    informative_failures,
    kinds_of_reasons,
)
from simsepsis.performance.grid import Grid, empty_grid
from simsepsis.performance.mcse import Measured, wilson_half_width, wilson_limits
from simsepsis.performance.measured import PERFORMANCE_COLUMNS, performance_of, summarize
from simsepsis.performance.measures import MEASURES, Measure
from simsepsis.performance.planning import replicates_from_pilot, replicates_needed, stopping_mcse

__all__ = [
    "AUTOPSY_NUMBERS",
    "FAILURE_COLUMNS",
    "LADDERS",
    "LADDER_COLUMNS",
    "MEASURES",
    "PERFORMANCE_COLUMNS",
    "Grid",
    "Measure",
    "Measured",
    "Rung",
    "Settings",
    "autopsy_of",
    "coverage_autopsy",
    "empty_grid",
    "failures_of",
    "informative_failures",
    "kinds_of_reasons",
    "ladder",
    "ladder_of",
    "ladders_of",
    "performance_of",
    "replicates_from_pilot",
    "replicates_needed",
    "stopping_mcse",
    "summarize",
    "wilson_half_width",
    "wilson_limits",
]
