"""The replicate loop, the only place where work is spread over processes, and the store of its rows."""

from simsepsis.replication.runner import ReplicateError, check_backend, run_batches, run_replicates
from simsepsis.replication.store import (
    Batch,
    Part,
    Scan,
    missing_replicates,
    read_rows,
    remove_drafts,
    scan_parts,
    write_part,
)

__all__ = [
    "Batch",
    "Part",
    "ReplicateError",
    "Scan",
    "check_backend",
    "missing_replicates",
    "read_rows",
    "remove_drafts",
    "run_batches",
    "run_replicates",
    "scan_parts",
    "write_part",
]
