import os
from pathlib import Path

from agreement import write_matches


def pytest_sessionfinish(exitstatus):
    path = os.environ.get("SIMSEPSIS_MATCHES")
    if path and exitstatus == 0:
        write_matches(Path(path))
