"""Calibration: the generator's parameters from the printed tables, before matching only."""

from simsepsis.cohort.calibration.check import check_calibration, describe_fit, summarize_check
from simsepsis.cohort.calibration.fit import calibrated_toml, fit_calibration

__all__ = ["calibrated_toml", "check_calibration", "describe_fit", "fit_calibration", "summarize_check"]
