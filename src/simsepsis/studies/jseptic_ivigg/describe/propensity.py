"""Overlap of the true propensity: how probable IVIgG was for those who got it and those who did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import logit

from simsepsis.analysis.propensity import c_statistic
from simsepsis.show.plots.overlap import bin_scores
from simsepsis.show.style import (
    ARM_COLORS,
    INK,
    TEXT,
    add_panel,
    in_house_style,
    new_figure,
)
from simsepsis.study.layout import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from simsepsis.studies.jseptic_ivigg.world.oracle import Oracle

PROPENSITY_COLUMNS = ("arm", "bin_low", "bin_high", "patients", "share")
EXTREMES = (0.01, 0.99)
"""Propensities beyond which treatment is as good as settled."""

_SHOWN = (1e-4, 1 - 1e-4)
"""Propensities beyond are counted in the outermost bins."""

_TICKS = {1e-4: "≤0.0001", 0.001: "0.001", 0.01: "0.01", 0.1: "0.1", 0.5: "0.5"}
_TICKS |= {0.9: "0.9", 0.99: "0.99", 0.999: "0.999", 1 - 1e-4: "≥0.9999"}
_SIGNS = {"treated": 1, "control": -1}
_HATCHES = {"treated": "", "control": "////"}
_LABELS = {"treated": "IVIgG", "control": "Control"}


def propensity_rows(oracle: Oracle) -> pd.DataFrame:
    """Return the histogram of the true propensity in each arm.

    Returns
    -------
    DataFrame
        ``arm, bin_low, bin_high`` (logits; the outermost bins hold everyone beyond) ``, patients, share``
        (of the arm).
    """
    scores = pd.DataFrame(
        {"arm": _arms(oracle), "matched": False, "logit": logit(np.clip(oracle.propensity, *_SHOWN))}
    )
    binned = bin_scores(scores)
    size = binned.groupby("arm")["patients"].transform("sum")
    return binned.assign(share=binned["patients"] / size)[list(PROPENSITY_COLUMNS)]


def propensity_facts(oracle: Oracle) -> pd.DataFrame:
    """Return how far the true propensities of the arms overlap.

    Returns
    -------
    DataFrame
        ``fact, value, mcse``: ``c_statistic``, whose error is an upper bound (van Dantzig 1951);
        ``control_below`` and ``ivigg_above``, the shares of the
        controls below and of the treated above `EXTREMES`.
    """
    given, p = np.isfinite(oracle.hours["ivigg"]), oracle.propensity
    n1, n0 = int(given.sum()), int((~given).sum())
    c = c_statistic(p, given)
    below, above = float(np.mean(p[~given] < EXTREMES[0])), float(np.mean(p[given] > EXTREMES[1]))
    rows = [
        # The variance of any C-statistic is at most c(1 - c) over the size of the smaller arm.
        ("c_statistic", c, float(np.sqrt(c * (1 - c) / min(n1, n0)))),
        ("control_below", below, float(np.sqrt(below * (1 - below) / n0))),
        ("ivigg_above", above, float(np.sqrt(above * (1 - above) / n1))),
    ]
    return pd.DataFrame(rows, columns=["fact", "value", "mcse"])


def _arms(oracle: Oracle) -> NDArray[np.str_]:
    return np.where(np.isfinite(oracle.hours["ivigg"]), *ARMS)


@in_house_style
def plot_propensity(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw the true propensity of both arms as mirrored histograms, each in percent of its arm."""
    figure = new_figure(8.6, 4.9, note=note)
    axes = add_panel(figure, 0.95, 0.95, 7.25, 3.75)
    for arm, sign in _SIGNS.items():
        _draw_arm(axes, rows.loc[rows["arm"] == arm], arm, sign)
    axes.axhline(0, color=INK, linewidth=0.9)
    tallest = 100 * rows["share"].max() * 1.25
    low, high = rows["bin_low"].min(), rows["bin_high"].max()
    ticks = [p for p in _TICKS if low - 1e-9 <= logit(p) <= high + 1e-9]
    axes.set_ylim(-tallest, tallest)
    axes.set_xlim(low, high)
    axes.set_xticks(logit(np.array(ticks)), [_TICKS[p] for p in ticks])
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.set_xlabel("True probability of IVIgG (logit scale)")
    axes.set_ylabel("Patients per bin (% of the arm)")
    return figure


def _draw_arm(axes: Axes, rows: pd.DataFrame, arm: str, sign: int) -> None:
    left, width = rows["bin_low"].to_numpy(), (rows["bin_high"] - rows["bin_low"]).to_numpy()
    axes.bar(
        left,
        sign * 100 * rows["share"].to_numpy(),
        width,
        align="edge",
        facecolor=ARM_COLORS[arm],
        edgecolor="white",
        linewidth=0.4,
        hatch=_HATCHES[arm],
    )
    axes.annotate(
        f"{_LABELS[arm]}: {rows['patients'].sum():,} patients",
        (0.01, 0.985 if sign > 0 else 0.015),
        xycoords="axes fraction",
        va="top" if sign > 0 else "bottom",
        fontsize=TEXT,
        fontweight="bold",
    )
