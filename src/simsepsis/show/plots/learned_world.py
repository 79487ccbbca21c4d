"""Who is treated in a learned world: the true probability of treatment of both arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simsepsis.show.style import ARM_COLORS, ARM_LINES, add_key, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@in_house_style
def plot_propensity(scores: pd.DataFrame) -> Figure:
    """Draw the distribution of the true probability of treatment in each arm."""
    figure = new_figure(7.0, 4.2)
    axes = add_panel(figure, 0.85, 0.75, 5.9, 2.9)
    entries = []
    for arm in ("treated", "control"):
        rows = scores.loc[scores["arm"] == arm]
        edges = np.append(rows["bin_low"].to_numpy(), rows["bin_high"].to_numpy()[-1:])
        look = {"color": ARM_COLORS[arm], "linewidth": 1.8, "linestyle": ARM_LINES[arm]}
        axes.stairs(rows["share"].to_numpy(), edges, **look)
        entries.append((arm.capitalize(), look))
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel("True probability of treatment")
    axes.set_ylabel("Patients of the arm (%)")
    add_key(axes, tuple(entries), x=0.85, y=3.95)
    return figure
