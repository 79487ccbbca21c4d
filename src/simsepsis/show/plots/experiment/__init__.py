"""An experiment's numbers drawn: what its plan asks to see, or what any plan can show."""

from simsepsis.show.plots.experiment.plates import draw_findings

__all__ = ["draw_findings"]
