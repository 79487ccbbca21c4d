"""The replicate loop, the only place where work is spread over processes."""

from simsepsis.replication.runner import ReplicateError, run_replicates

__all__ = ["ReplicateError", "run_replicates"]
