"""The registry's margins by arm beside the printed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simsepsis.studies.jseptic_ivigg.world.calibration.check import BATCH, check_calibration

if TYPE_CHECKING:
    from pandas import DataFrame

    from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario

MARGIN_COLUMNS = (
    "table",
    "variable",
    "level",
    "statistic",
    "arm",
    "printed",
    "simulated",
    "difference_se",
    "mcse_se",
)


def margin_rows(settled: Scenario, *, patients: int, draws: int, seed: int) -> DataFrame:
    r"""Return every before-matching number of Tables 1 to 3, printed and in a large simulation.

    Returns
    -------
    DataFrame
        `MARGIN_COLUMNS`. The difference and the Monte Carlo standard error are in sampling standard errors
        of the thesis: an arm k times as large knows a number :math:`\sqrt{k}` times as well.
    """
    size = int(np.ceil(patients / (BATCH * draws)))
    rows = check_calibration(settled.model_copy(update={"n": size}), patients=size * BATCH * draws, seed=seed)
    printed = rows.loc[(rows["variable"] == "n") & (rows["statistic"] == "count"), "printed"].sum()
    analysed = size * BATCH * draws * (1.0 - settled.observation.incomplete_day1)
    return rows.assign(mcse_se=float(np.sqrt(printed / analysed)))[list(MARGIN_COLUMNS)]
