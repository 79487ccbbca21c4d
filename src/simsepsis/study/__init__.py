"""A published study as a value: its variables, what it printed, how it was analysed.

`published.open_study` finds one by name or folder; `published.audit` lists printed numbers that do not fit
each other; `variables.read_variables` reads a data dictionary.
"""
