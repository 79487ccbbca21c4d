"""Fixed designs: one analysis when all patients have their outcome."""
