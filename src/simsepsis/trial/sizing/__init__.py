"""From assumptions to patients: the formulas in the order in which one inflates the other."""
