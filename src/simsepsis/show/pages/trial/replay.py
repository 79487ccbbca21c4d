"""A trial that has been held, against its simulated replicas: the table, and what it says in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from simsepsis.show.pages.trial.fact import count, decimal, percent
from simsepsis.show.table import Column, Fact, Table, tabulated
from simsepsis.trial.planning.record import TrialPlan

QUANTITIES: dict[str, tuple[str, Callable[[float], Fact]]] = {
    "risk_control": ("Risk of death by day 28, control", percent),
    "risk_treated": ("Risk of death by day 28, treated", percent),
    "risk_difference": ("Difference of the risks", percent),
    "days_control": ("Mean ventilator-free days, control", decimal),
    "days_treated": ("Mean ventilator-free days, treated", decimal),
    "days_difference": ("Difference of the means", decimal),
}
REPLAY: tuple[Column, ...] = (
    ("Quantity", lambda r: QUANTITIES[r.quantity][0]),
    ("If treatment has", lambda r: {"none": "no effect", "planned": "the planned effect"}[r.truth]),
    ("Published", lambda r: QUANTITIES[r.quantity][1](r.published)),
    ("Simulated mean", lambda r: QUANTITIES[r.quantity][1](r.simulated)),
    ("90% interval of single trials", lambda r: _between(r)),
    ("Inside?", lambda r: "yes" if r.inside else "no"),
)


def replay_table(plan: TrialPlan) -> Table:
    """Return the published results beside those of simulated trials."""
    trials = count(int(plan.tables["replay"]["n_sim"].iloc[0])).text
    title = f"The trial that was held, against {trials} simulated ones"
    return tabulated("replay", title, REPLAY, plan.tables["replay"])


def _between(row: Any) -> str:
    form = QUANTITIES[row.quantity][1]
    return f"{form(row.low).text} to {form(row.high).text}"


OUTCOMES: dict[frozenset[str], str] = {
    frozenset(): "Outside the 90% interval of simulated trials, whether or not treatment works: {those}. "
    "These patients are not that trial's: another population, another era or other care, which the replica "
    "does not explain.",
    frozenset({"none"}): "Inside the interval only if treatment has no effect: {those}.",
    frozenset({"planned"}): "Inside the interval only if treatment has the planned effect: {those}.",
    frozenset({"none", "planned"}): "Inside the interval either way, so that they decide nothing: {those}.",
}
"""Truths under which a published result is inside the interval of simulated trials → the sentence."""


def replay_sentences(plan: TrialPlan) -> tuple[str, ...]:
    """Return which published results the replicas bear out, and which they do not; none without any.

    Parameters
    ----------
    plan
        The plan.
    """
    if "replay" not in plan.tables:
        return ()
    found: dict[frozenset[str], list[str]] = {holds: [] for holds in OUTCOMES}
    for _, rows in plan.tables["replay"].groupby("quantity", sort=False):
        found[frozenset(rows.loc[rows["inside"], "truth"])].append(_told(rows))
    return tuple(OUTCOMES[holds].format(those="; ".join(told)) for holds, told in found.items() if told)


def _told(rows: pd.DataFrame) -> str:
    """Return a published result with its intervals without and with the effect."""
    none, planned = rows.set_index("truth").loc[["none", "planned"]].itertuples()
    label, form = QUANTITIES[none.quantity]
    return (
        f"{label[0].lower()}{label[1:]}, {form(none.published).text} ({_between(none)} without effect, "
        f"{_between(planned)} with it)"
    )
