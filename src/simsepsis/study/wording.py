"""The words of a study: of its variables and their blocks, of quantities and named analyses."""

from __future__ import annotations

from simsepsis.study.layout import Layout
from simsepsis.study.variables import Variables
from simsepsis.words.labels import Wording


def wording_of(variables: Variables, layout: Layout) -> Wording:
    """Return the words of a study's variables, of rows that are no variable, and of named analyses."""
    printed = {**layout.quantities, **layout.levels}
    return Wording(columns=variables, printed=printed, groups=layout.groups)
