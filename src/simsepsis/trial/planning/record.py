"""The plan of a trial: what was asked, and every number that answers."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from simsepsis.trial.planning.size import PlannedSize
from simsepsis.trial.protocol import TrialProtocol


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screened:
    """What the world says of its patients under the protocol.

    Attributes
    ----------
    p_control, p_control_mcse
        Risk of death under control and its Monte Carlo standard error; 0 where the protocol gives the risk.
    given
        Whether the protocol gives the control risk.
    eligible
        Share of the screened who are eligible.
    open_label
        Part of the risk difference that treatment outside the protocol makes in a control.
    icc
        Correlation of the outcome within an ICU, on the scale of risks.
    size_cv, size_inverse
        What unequal ICUs are to the analysis, as in `cluster_design_effect`.
    """

    p_control: float
    p_control_mcse: float
    given: bool
    eligible: float
    open_label: float
    icc: float
    size_cv: float
    size_inverse: float


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
    power
        Power over patients (`power_lines`).
    sensitivity, attenuation
        One assumption at a time (`sensitivity_table`), and control risk × attenuation (`sensitivity_map`).
    priors, assurance
        Assurance of the trial, and over patients.
    accrual, pace, flow
        Expected accrual, months and the flow of patients.
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
    power: pd.DataFrame
    sensitivity: pd.DataFrame
    attenuation: pd.DataFrame
    priors: pd.DataFrame
    assurance: pd.DataFrame
    accrual: pd.DataFrame
    pace: pd.DataFrame
    flow: pd.DataFrame
    operating: pd.DataFrame
    simulated_trials: int
    detectable: float
    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]

    @property
    def name(self) -> str:
        """Short name of the trial."""
        return self.protocol.name

    @property
    def n_total(self) -> int:
        """Patients to randomize, all arms."""
        return self.size.n_randomized
