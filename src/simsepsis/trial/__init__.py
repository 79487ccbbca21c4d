"""Planning a randomized trial: fixed, clustered, sequential and adaptive designs, priors and assurance."""

from importlib import import_module
from typing import Any

HOMES = {
    "adaptive": "AdaptiveDesign AdaptiveTrials calibrate_adaptive simulate_adaptive",
    "expected_power": "Assurance assurance assurance_ceiling assurance_of_information design_for_assurance",
    "borrowing": "BetaMixture borrowing_power map_prior",
    "cluster": "cluster_design_effect cluster_size_for cluster_variance design_cluster inverse_size "
    "size_variation small_sample_factor stepped_wedge_schedule",
    "designs.design": "Design",
    "designs.follow_up": "design_follow_up",
    "designs.log_rank": "design_log_rank",
    "designs.noninferiority": "design_noninferiority",
    "designs.two_proportions": "design_binary design_two_proportions power_two_proportions",
    "effect": "Effect diluted_risks effect_between inflated_for_loss",
    "endpoints": "compare_pairs design_rank_sum design_ventilator_free_days design_win_ratio "
    "design_win_ratio_ordinal ventilator_free_days",
    "ordinal": "CommonOddsRatio common_odds_ratio design_ordinal rank_estimands",
    "planning.variants": "adaptive_risks",
    "priors": "Prior bridge_prior load_priors mix_priors prior_from_interval",
    "protocol.files": "load_trial trial_names",
    "protocol.schema": "TrialProtocol",
    "sequential.boundaries": "Boundaries",
    "sequential.design": "SequentialDesign look_table sequential_design",
    "sequential.inference": "adjusted_inference",
    "sequential.interim": "conditional_power predictive_power reestimate_blinded reestimate_size "
    "reestimation_characteristics repeated_confidence_interval",
    "sequential.planning": "design_group_sequential update_boundaries",
    "sequential.spending": "Futility",
    "simulation.from_protocol": "design_fixed planned_total",
    "simulation.pool": "Pool build_pool",
    "simulation.simulate": "TrialSimulation simulate_trial simulate_trials",
}
"""Module → the public names that are at home in it; it is opened when one of them is asked for."""

_FOUND = {name: module for module, names in HOMES.items() for name in names.split()}
__all__ = sorted(_FOUND)


def __getattr__(name: str) -> Any:
    """Return a public name from its home."""
    if name not in _FOUND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FOUND[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
