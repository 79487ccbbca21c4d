"""What becomes of patients: cumulative incidence of death and discharge, with and without IVIgG."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.show.style import (
    BLUE,
    INK,
    MUTED,
    OCHRE,
    RULE,
    TEXT,
    add_key,
    add_panel,
    in_house_style,
    new_figure,
    spread,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.arrays import BoolArray, FloatArray
    from simsepsis.studies.jseptic_ivigg.world.oracle import Oracle
    from simsepsis.world.potential import Potential

INCIDENCE_COLUMNS = ("event", "curve", "day", "incidence", "mcse", "patients")
HORIZON_DAYS = 60
_STEPS_PER_DAY = 2

EVENTS: dict[str, tuple[str, Callable[[Potential], tuple[BoolArray, FloatArray]]]] = {
    "icu_death": ("Death in the ICU", lambda p: (p.event["icu_death"], p.time["icu_death"])),
    "icu_discharge": ("ICU left alive", lambda p: (~p.event["icu_death"], p.time["icu_death"])),
    "hospital_death": ("Death in hospital", lambda p: (p.event["hospital_death"], p.time["hospital_death"])),
}
"""Event → title, and whether and when (days) it happens."""

CURVES = {
    "treated": ("given IVIgG", {"color": BLUE, "linestyle": "-", "linewidth": 2.0}),
    "untreated": (
        "the same patients, had they had none",
        {"color": INK, "linestyle": (0, (1.2, 1.4)), "linewidth": 2.2},
    ),
    "control": ("not given IVIgG", {"color": OCHRE, "linestyle": (0, (6, 2)), "linewidth": 2.0}),
}


def incidence_rows(oracle: Oracle) -> pd.DataFrame:
    """Return cumulative incidences of the arms, and of the treated had they had no IVIgG.

    Nobody is censored in a simulated registry, so the incidence is a plain proportion.

    Returns
    -------
    DataFrame
        ``event, curve`` (treated | untreated: the same patients without | control) ``, day, incidence,
        mcse, patients``.
    """
    given = np.isfinite(oracle.hours["ivigg"])
    groups = {
        "treated": (oracle.treated, given),
        "untreated": (oracle.untreated, given),
        "control": (oracle.untreated, ~given),
    }
    parts = [
        _curve(*happens(potential), chosen).assign(event=event, curve=curve)
        for event, (_, happens) in EVENTS.items()
        for curve, (potential, chosen) in groups.items()
        if chosen.any()
    ]
    return pd.concat(parts, ignore_index=True)[list(INCIDENCE_COLUMNS)]


def _curve(happens: BoolArray, when: FloatArray, chosen: BoolArray) -> pd.DataFrame:
    days = np.arange(HORIZON_DAYS * _STEPS_PER_DAY + 1) / _STEPS_PER_DAY
    size = int(chosen.sum())
    share = np.searchsorted(np.sort(when[chosen & happens]), days, side="right") / size
    return pd.DataFrame(
        {"day": days, "incidence": share, "mcse": np.sqrt(share * (1 - share) / size), "patients": size}
    )


def risk_facts(oracle: Oracle) -> pd.DataFrame:
    """Return the risks of death in hospital of both arms, and what of their difference is the effect.

    Returns
    -------
    DataFrame
        ``fact, value, mcse``: ``risk_treated``; ``risk_untreated``, of the same patients without IVIgG;
        ``risk_control``; ``crude``, treated minus control; ``effect``, treated minus untreated, paired;
        ``confounding``, untreated minus control.
    """
    given = np.isfinite(oracle.hours["ivigg"])
    treated, untreated = (
        potential.event["hospital_death"][given].astype(np.float64)
        for potential in (oracle.treated, oracle.untreated)
    )
    control = oracle.untreated.event["hospital_death"][~given].astype(np.float64)
    found = {
        "risk_treated": _mean(treated),
        "risk_untreated": _mean(untreated),
        "risk_control": _mean(control),
        "crude": _difference(treated, control),
        "effect": _mean(treated - untreated),
        "confounding": _difference(untreated, control),
    }
    return pd.DataFrame(
        [(name, *numbers) for name, numbers in found.items()], columns=["fact", "value", "mcse"]
    )


def _mean(values: FloatArray) -> tuple[float, float]:
    return float(values.mean()), float(values.std() / np.sqrt(values.size))


def _difference(first: FloatArray, second: FloatArray) -> tuple[float, float]:
    """Return the difference of the means of two independent groups."""
    (a, error_a), (b, error_b) = _mean(first), _mean(second)
    return a - b, float(np.hypot(error_a, error_b))


@in_house_style
def plot_incidence(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw the cumulative incidences, one panel per event."""
    figure = new_figure(10.9, 4.6, note=note)
    for place, (event, (title, _)) in enumerate(EVENTS.items()):
        axes = add_panel(figure, 0.75 + 3.42 * place, 0.95, 2.65, 2.85)
        _draw_event(axes, rows.loc[rows["event"] == event], title)
        if place == 0:
            axes.set_ylabel("Cumulative incidence (%)")
    entries = tuple((words, dict(marks)) for words, marks in CURVES.values())
    add_key(figure.axes[0], entries, x=0.75, y=4.4)
    return figure


def _draw_event(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    from matplotlib.ticker import MaxNLocator

    ends = {}
    # The dotted curve comes last, so that it stays visible where it lies on the solid one.
    for name in ("control", "treated", "untreated"):
        curve = rows.loc[rows["curve"] == name]
        if len(curve):
            axes.plot(curve["day"], 100 * curve["incidence"], **CURVES[name][1])
            ends[name] = 100 * float(curve["incidence"].iloc[-1])
    top = 1.1 * max(ends.values())
    axes.set_xlim(0, HORIZON_DAYS)
    axes.set_ylim(0, top)
    axes.set_xticks(range(0, HORIZON_DAYS + 1, 20))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel("Time from ICU admission (days)")
    axes.set_title(title, fontsize=TEXT + 1, loc="left", fontweight="bold")
    _write_ends(axes, ends, 0.075 * top)


def _write_ends(axes: Axes, ends: dict[str, float], apart: float) -> None:
    """Write each curve's last value beside it, once where curves end alike, apart where they end close."""
    values = sorted({f"{end:.1f}": end for end in ends.values()}.items(), key=lambda item: item[1])
    places = spread(np.array([end for _, end in values]), apart)
    for (words, end), place in zip(values, places, strict=True):
        axes.annotate(
            words,
            (HORIZON_DAYS, end),
            xytext=(HORIZON_DAYS * 1.06, place),
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
            fontsize=TEXT - 0.5,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )
