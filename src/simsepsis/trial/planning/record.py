"""The plan of a trial: what was asked, and every number that answers."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from simsepsis.trial.planning.accrual import accrual_curve
from simsepsis.trial.planning.belief import assurance_curve
from simsepsis.trial.planning.grids import power_lines, sensitivity_map
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.from_protocol import Screened
from simsepsis.trial.sizing.size import PlannedSize


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrialPlan:
    """A planned trial.

    Attributes
    ----------
    protocol
        What was asked.
    screened
        Control risk and eligibility.
    size
        Patients, by steps.
    looks
        The looks and what they mean (`boundary_table`); no rows without looks.
    expected
        Expected randomized patients at the end: null, planned.
    grid
        Patients over control risk × effect × power (`size_grid`).
    sensitivity
        One assumption at a time (`sensitivity_table`).
    priors
        Assurance of the trial.
    pace, flow
        Months and the flow of patients.
    operating
        Operating characteristics of the simulated trials: truth, measure, value, mcse.
    simulated_trials
        Trials behind them; 0 where nothing was simulated.
    detectable
        Smallest reduction of risk that these patients detect with the target power; NaN if none.
    tables
        Further simulated tables by name: endpoints, enrichment, doses, replay.
    seconds
        Part of the computation → seconds.
    """

    protocol: TrialProtocol
    screened: Screened
    size: PlannedSize
    looks: pd.DataFrame
    expected: dict[str, float]
    grid: pd.DataFrame
    sensitivity: pd.DataFrame
    priors: pd.DataFrame
    pace: pd.DataFrame
    flow: pd.DataFrame
    operating: pd.DataFrame
    simulated_trials: int
    detectable: float
    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]

    @property
    def power(self) -> pd.DataFrame:
        """Power over patients (`power_lines`)."""
        return power_lines(self.size)

    @property
    def attenuation(self) -> pd.DataFrame:
        """Power over control risk × attenuation (`sensitivity_map`)."""
        return sensitivity_map(self.size)

    @property
    def assurance(self) -> pd.DataFrame:
        """Assurance over patients."""
        return assurance_curve(self.size, self.protocol.weighted, self.protocol.study)

    @property
    def accrual(self) -> pd.DataFrame:
        """Expected accrual by month."""
        return accrual_curve(self.size, self.protocol.sites, self.screened.eligible)

    @property
    def name(self) -> str:
        """Short name of the trial."""
        return self.protocol.name

    @property
    def n_total(self) -> int:
        """Patients to randomize, all arms."""
        return self.size.n_randomized
