"""Plans side by side: one table, one page."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from simsepsis.files import check_folder, write_files
from simsepsis.show.page import Page, Section
from simsepsis.show.pages.trial.facts import count, decimal, facts_of, percent
from simsepsis.show.pages.trial.statement import conditions_of, statement_phrases
from simsepsis.show.table import Column, Table, tabulated
from simsepsis.show.trial_tables_ja import japanese
from simsepsis.threads import one_thread
from simsepsis.trial.planning import Effort, Progress, TrialPlan, compute_plan
from simsepsis.trial.protocol import load_trial

COLUMNS: tuple[Column, ...] = (
    ("Plan", lambda r: r.plan),
    ("Endpoint", lambda r: r.endpoint),
    ("Effect", lambda r: r.effect),
    ("Randomized", lambda r: count(r.n_total)),
    ("Power", lambda r: percent(r.power)),
    ("Simulated power", lambda r: percent(r.simulated_power, _error(r.mcse))),
    ("Expected patients, no effect", lambda r: count(r.expected_null)),
    ("Expected patients, planned effect", lambda r: count(r.expected_planned)),
    ("Events expected", lambda r: count(r.deaths)),
    ("Months to the last outcome", lambda r: decimal(r.months, digits=1)),
    ("Cost", lambda r: count(r.cost)),
)


def _error(mcse: float) -> float | None:
    return None if math.isnan(mcse) else mcse


def compared_plans(plans: Sequence[TrialPlan]) -> pd.DataFrame:
    """Return one row per plan: patients, power, expected patients, deaths, months and cost."""
    return pd.DataFrame([_row(plan) for plan in plans])


def _row(plan: TrialPlan) -> dict[str, Any]:
    facts, protocol = facts_of(plan), plan.protocol
    power = plan.operating[
        (plan.operating["truth"] == "planned") & (plan.operating["measure"] == "rejection")
    ]
    simulated = power.iloc[-1] if len(power) else {"value": math.nan, "mcse": math.nan}
    return {
        "plan": plan.name,
        "endpoint": protocol.outcome.heading,
        "effect": f"{statement_phrases(plan)['margin_scale'].en} {facts['effect'].text}",
        "n_total": plan.n_total,
        "power": plan.size.power,
        "simulated_power": float(simulated["value"]),
        "mcse": float(simulated["mcse"]),
        "expected_null": plan.expected["null"],
        "expected_planned": plan.expected["planned"],
        "deaths": plan.size.events * plan.expected["planned"] / plan.n_total,
        "months": float(plan.pace["months_outcome"].iloc[0]),
        "cost": protocol.sites.cost(plan.expected["planned"]),
    }


def compared_table(rows: pd.DataFrame) -> Table:
    """Return the plans side by side, without columns that none of them fills."""
    told = [
        column
        for column, key in zip(COLUMNS, ("plan", *rows.columns.drop(["plan", "mcse"])), strict=True)
        if not rows[key].isna().all()
    ]
    return tabulated("compared", "Plans side by side", told, rows)


@one_thread()
def compare_trials(
    trials: Sequence[str | Path],
    out: Path | str,
    *,
    study: str | None = None,
    replicates: int = 0,
    jobs: int = -1,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Plan several trials and set them side by side in ``compared.md``, ``.json``, ``.csv`` and ``.html``.

    Parameters
    ----------
    trials
        Names or paths, as in `plan_trial`.
    out
        Folder; made if it does not exist.
    study, jobs, progress
        As in `plan_trial`.
    replicates
        Simulated trials of each; 0 for formulas only.

    Returns
    -------
    DataFrame
        One row per trial: n_total, power, simulated_power, mcse, expected_null and expected_planned patients,
        deaths and cost if the plan is right, months to the last outcome.
    """
    folder = check_folder(out)
    effort = Effort(replicates=replicates, jobs=jobs, store=folder / "trials")
    plans = [compute_plan(load_trial(one, study), effort=effort, progress=progress) for one in trials]
    rows = compared_plans(plans)
    write_files(folder, _contents(plans, rows))
    return rows


def _contents(plans: Sequence[TrialPlan], rows: pd.DataFrame) -> dict[str, bytes]:
    table = compared_table(rows)
    missing = [plan.name for plan in plans if "baseless" in conditions_of(plan)]
    notes = [f"{plan.name}: {plan.protocol.question}" for plan in plans]
    notes += [f"No basis of the target difference is stated in {', '.join(missing)}."] if missing else []
    page = Page(
        kind="plans side by side",
        title="Plans side by side",
        question="Which of these trials?",
        answer=tuple(notes),
        sections=(Section("compared", "Side by side", (table,)),),
    )
    record = json.dumps(table.record, indent=1, ensure_ascii=False, allow_nan=False)
    words = "\n\n".join(["# Plans side by side", *notes, table.markdown, japanese(table, {}).markdown])
    return {
        "compared.md": f"{words}\n".encode(),
        "compared.json": f"{record}\n".encode(),
        "compared.csv": rows.to_csv(index=False).encode(),
        "compared.html": page.html.encode(),
    }
