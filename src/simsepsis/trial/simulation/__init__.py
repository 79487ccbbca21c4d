"""Trials simulated on the cohort: the population, the trials, and what they show."""

from simsepsis.trial.simulation.from_protocol import design_fixed, planned_total
from simsepsis.trial.simulation.pool import Pool, build_pool
from simsepsis.trial.simulation.simulate import TrialSimulation, simulate_trial, simulate_trials

__all__ = [
    "Pool",
    "TrialSimulation",
    "build_pool",
    "design_fixed",
    "planned_total",
    "simulate_trial",
    "simulate_trials",
]
