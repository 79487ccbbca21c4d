"""A published study as a value: its variables, what it printed, how it was analysed.

`open_study` finds one by name or folder; `audit` lists the printed numbers that do not fit each other.
"""

from simsepsis.study.published import Study, audit, audit_thesis, open_study, study_names
from simsepsis.study.variables import Variable, Variables, read_variables

__all__ = [
    "Study",
    "Variable",
    "Variables",
    "audit",
    "audit_thesis",
    "open_study",
    "read_variables",
    "study_names",
]
