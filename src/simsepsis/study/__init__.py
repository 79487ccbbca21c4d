"""A published study as a value: its variables, what it printed, how it was analysed."""

from simsepsis.study.variables import Variable, Variables, read_variables

__all__ = ["Variable", "Variables", "read_variables"]
