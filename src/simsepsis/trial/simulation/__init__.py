"""Trials simulated on the cohort: the population, the trials, and what they show."""
