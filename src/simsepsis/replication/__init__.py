"""The replicate loop, the only place where work is spread over processes, and the store of its rows."""

from simsepsis.replication.runner import (
    ReplicateError,
    Workers,
    check_backend,
    open_workers,
    run_batches,
    run_replicates,
)
from simsepsis.replication.store import (
    Batch,
    Part,
    Scan,
    Wanted,
    missing_replicates,
    part_content,
    read_rows,
    remove_drafts,
    scan_parts,
    set_aside,
    store_part,
    write_part,
)

__all__ = [
    "Batch",
    "Part",
    "ReplicateError",
    "Scan",
    "Wanted",
    "Workers",
    "check_backend",
    "missing_replicates",
    "open_workers",
    "part_content",
    "read_rows",
    "remove_drafts",
    "run_batches",
    "run_replicates",
    "scan_parts",
    "set_aside",
    "store_part",
    "write_part",
]
