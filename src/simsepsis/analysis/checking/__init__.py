"""What is decided, doubtful or wrong in a cohort, before anything is estimated: `check.check_study`."""
