"""simsepsis: registries with a known truth, and the analyses that clinicians judge treatments by.

The public names, in the order of the river:

load_scenario, generate_cohort, true_estimands; read_cohort, load_spec, analyze, run_method; fit_world;
reproduce, run_experiment, summarize;
the kernels fit_logistic, fit_gee, fit_cox, kaplan_meier, match_pairs, standardized_difference, breslow_day,
e_value and rosenbaum_gamma; the designs of trials. `HOMES` has them all.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

HOMES = {
    "load_scenario": "world.files",
    "generate_cohort": "world.cohort",
    "read_cohort": "analysis.cohort_file",
    "AnalysisSpec": "analysis.spec",
    "Subgroup": "analysis.spec",
    "load_spec": "analysis.spec_files",
    "analyze": "analysis.thesis_analysis",
    "true_estimands": "truth",
    "fit_world": "fitting.fit",
    "reproduce": "reproduction",
    "summarize": "performance",
    "coverage_autopsy": "performance",
    "open_study": "study.published",
    "audit": "study.published",
    "audit_thesis": "study.published",
    "match_pairs": "analysis.matching",
    "standardized_difference": "analysis.balance",
    "fit_logistic": "analysis.logistic",
    "fit_gee": "analysis.gee",
    "fit_cox": "analysis.survival",
    "kaplan_meier": "analysis.survival",
    "breslow_day": "analysis.two_by_two",
    "run_method": "analysis.methods",
    "marginal_structural_model": "analysis.longitudinal",
    "sequential_trials": "analysis.longitudinal",
    "g_formula": "analysis.longitudinal",
    "e_value": "analysis.sensitivity",
    "rosenbaum_gamma": "analysis.sensitivity",
    "empirical_calibration": "analysis.sensitivity",
    "infer": "experiment",
    "run_experiment": "experiment",
    "design_two_proportions": "trial",
    "design_log_rank": "trial",
    "design_noninferiority": "trial",
    "design_follow_up": "trial",
    "design_ordinal": "trial",
    "common_odds_ratio": "trial",
    "borrowing_power": "trial",
    "reestimate_size": "trial",
    "simulate_adaptive": "trial",
    "compare_trials": "show.pages.trial",
    "design_group_sequential": "trial",
    "assurance": "trial",
    "plan_trial": "show.pages.trial",
    "TrialPlan": "trial.planning",
    "load_trial": "trial",
    "design_fixed": "trial",
    "simulate_trial": "trial",
    "simulate_trials": "trial",
}
"""Public name → the room it lives in; rooms are opened when a name is first used."""

__all__ = sorted([*HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("simsepsis")
    if name not in HOMES:
        raise AttributeError(f"module 'simsepsis' has no name '{name}'; it has {', '.join(HOMES)}")
    return getattr(import_module(f"simsepsis.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
