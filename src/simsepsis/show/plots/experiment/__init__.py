"""An experiment's numbers drawn: what its plan asks to see, or what any plan can show.

Each file that has `KINDS` brings kinds of figures: their schema in plans, their numbers and their drawing.
"""

from importlib import import_module
from pkgutil import iter_modules

from simsepsis.show.plots.experiment.kind import FigureKind


def figure_kinds() -> dict[str, FigureKind]:
    """Return name → kind of figure, of all files of this folder."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return {name: kind for module in modules for name, kind in getattr(module, "KINDS", {}).items()}
