"""From somebody's cohort, or from printed tables, to a world with a known truth."""
