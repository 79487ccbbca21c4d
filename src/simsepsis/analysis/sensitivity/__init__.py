"""How strong something unmeasured must be to explain a result away."""

from simsepsis.analysis.sensitivity.collapsibility import (
    attenuated_log_odds_ratio,
    marginal_log_odds_ratio,
)
from simsepsis.analysis.sensitivity.confounder import (
    binary_confounder_bias,
    bounding_factor,
    normal_confounder_bias,
    tipping_effect,
    tipping_number,
)
from simsepsis.analysis.sensitivity.e_values import (
    e_value,
    risk_ratio_of_hazard_ratio,
    risk_ratio_of_mean_difference,
    risk_ratio_of_odds_ratio,
)
from simsepsis.analysis.sensitivity.immortal_time import PersonTime, expected_person_time, person_time
from simsepsis.analysis.sensitivity.negative_controls import Calibration, empirical_calibration
from simsepsis.analysis.sensitivity.rosenbaum import (
    rosenbaum_gamma,
    rosenbaum_p_value,
    wilcoxon_gamma,
    wilcoxon_p_value,
)
from simsepsis.analysis.sensitivity.table import SENSITIVITY_COLUMNS, sensitivity_table

__all__ = [
    "SENSITIVITY_COLUMNS",
    "Calibration",
    "PersonTime",
    "attenuated_log_odds_ratio",
    "binary_confounder_bias",
    "bounding_factor",
    "e_value",
    "empirical_calibration",
    "expected_person_time",
    "marginal_log_odds_ratio",
    "normal_confounder_bias",
    "person_time",
    "risk_ratio_of_hazard_ratio",
    "risk_ratio_of_mean_difference",
    "risk_ratio_of_odds_ratio",
    "rosenbaum_gamma",
    "rosenbaum_p_value",
    "sensitivity_table",
    "tipping_effect",
    "tipping_number",
    "wilcoxon_gamma",
    "wilcoxon_p_value",
]
