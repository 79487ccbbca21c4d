"""Figures: plain frames in, drawings out; the only room that knows matplotlib."""
