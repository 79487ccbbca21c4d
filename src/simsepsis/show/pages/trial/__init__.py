"""A planned trial in words, tables and pages."""

from simsepsis.show.pages.trial.publish import plan_contents, plan_trial
from simsepsis.show.pages.trial.side_by_side import compare_trials

__all__ = ["compare_trials", "plan_contents", "plan_trial"]
