"""A planned trial in words, tables and pages."""

from simsepsis.show.pages.trial.publish import plan_contents, plan_trial

__all__ = ["plan_contents", "plan_trial"]
