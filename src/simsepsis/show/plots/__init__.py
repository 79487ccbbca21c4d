"""Figures: plain frames in, drawings out; `drawings` has all that belong to a run."""
