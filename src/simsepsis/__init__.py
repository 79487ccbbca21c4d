"""simsepsis: registries with a known truth, and the analyses that clinicians judge treatments by."""
