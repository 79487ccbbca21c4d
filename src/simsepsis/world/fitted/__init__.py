"""Worlds that were learned: from somebody's cohort or from printed tables, with no code of any study."""
