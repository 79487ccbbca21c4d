"""Calibration: the generator's parameters from the printed tables, before matching only."""
