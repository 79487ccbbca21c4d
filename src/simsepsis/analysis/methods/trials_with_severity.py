"""Sequential trials that know the severity which drives treatment: what recording it better would give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.patient_days import patient_days
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.timing import LOG_HR
from simsepsis.analysis.methods.trials_by_day import rows_of
from simsepsis.errors import NotEstimableError

DAYS = 7


def oracle_rows(task: Task) -> Iterator[Estimate]:
    """Yield what `sequential_trials` does, with each day's true severity in place of its records."""
    path = getattr(task.known_oracle(), "path", None)
    if path is None:
        raise NotEstimableError("needs the severity of each day, which this world's oracle does not have")
    days = np.asarray(path, dtype=np.float64)[known(task.shared.cohort).record, :DAYS, None]
    return rows_of(task, patient_days(task, days))


METHOD = Method(
    name="oracle_trials",
    label="A trial from every day, with the true severity of the day",
    group="oracle",
    estimands=LOG_HR,
    std_error="sandwich over patients, weights taken as known",
    reference="Hernán MA et al. Epidemiology 2008;19:766.",
    function=oracle_rows,
    uses=("cohort", "design"),
    needs=("survival", "start_times", "oracle"),
)
