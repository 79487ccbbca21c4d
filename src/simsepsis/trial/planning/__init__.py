"""Planning: from a protocol to patients, looks, grids, assurance, months and simulated confirmation."""
