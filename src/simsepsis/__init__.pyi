"""The public names with their types; `simsepsis.HOMES` opens the same rooms when a name is first used."""

from simsepsis.analysis.balance import standardized_difference as standardized_difference
from simsepsis.analysis.cohort_file import read_cohort as read_cohort
from simsepsis.analysis.gee import fit_gee as fit_gee
from simsepsis.analysis.logistic import fit_logistic as fit_logistic
from simsepsis.analysis.longitudinal import g_formula as g_formula
from simsepsis.analysis.longitudinal import marginal_structural_model as marginal_structural_model
from simsepsis.analysis.longitudinal import sequential_trials as sequential_trials
from simsepsis.analysis.matching import match_pairs as match_pairs
from simsepsis.analysis.methods import run_method as run_method
from simsepsis.analysis.sensitivity import e_value as e_value
from simsepsis.analysis.sensitivity import empirical_calibration as empirical_calibration
from simsepsis.analysis.sensitivity import rosenbaum_gamma as rosenbaum_gamma
from simsepsis.analysis.spec import AnalysisSpec as AnalysisSpec
from simsepsis.analysis.spec import Subgroup as Subgroup
from simsepsis.analysis.spec_files import load_spec as load_spec
from simsepsis.analysis.survival import fit_cox as fit_cox
from simsepsis.analysis.survival import kaplan_meier as kaplan_meier
from simsepsis.analysis.thesis_analysis import analyze as analyze
from simsepsis.analysis.two_by_two import breslow_day as breslow_day
from simsepsis.experiment import infer as infer
from simsepsis.experiment import run_experiment as run_experiment
from simsepsis.fitting.fit import fit_world as fit_world
from simsepsis.performance import coverage_autopsy as coverage_autopsy
from simsepsis.performance import summarize as summarize
from simsepsis.reproduction import reproduce as reproduce
from simsepsis.show.pages.trial import compare_trials as compare_trials
from simsepsis.show.pages.trial import plan_trial as plan_trial
from simsepsis.study.published import audit as audit
from simsepsis.study.published import audit_thesis as audit_thesis
from simsepsis.study.published import open_study as open_study
from simsepsis.trial import assurance as assurance
from simsepsis.trial import borrowing_power as borrowing_power
from simsepsis.trial import common_odds_ratio as common_odds_ratio
from simsepsis.trial import design_fixed as design_fixed
from simsepsis.trial import design_follow_up as design_follow_up
from simsepsis.trial import design_group_sequential as design_group_sequential
from simsepsis.trial import design_log_rank as design_log_rank
from simsepsis.trial import design_noninferiority as design_noninferiority
from simsepsis.trial import design_ordinal as design_ordinal
from simsepsis.trial import design_two_proportions as design_two_proportions
from simsepsis.trial import load_trial as load_trial
from simsepsis.trial import reestimate_size as reestimate_size
from simsepsis.trial import simulate_adaptive as simulate_adaptive
from simsepsis.trial import simulate_trial as simulate_trial
from simsepsis.trial import simulate_trials as simulate_trials
from simsepsis.trial.planning import TrialPlan as TrialPlan
from simsepsis.truth import true_estimands as true_estimands
from simsepsis.world.cohort import generate_cohort as generate_cohort
from simsepsis.world.files import load_scenario as load_scenario

HOMES: dict[str, str]
__version__: str
