"""The steps of a simulation study (ADEMP), answered from the plan and its results."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

from simsepsis.show.checklist import Item
from simsepsis.show.pages.experiment.words import command_of, planned_text, range_text

if TYPE_CHECKING:
    from simsepsis.experiment import Plan, Run

AUTHOR = "author"
"""Who answers what neither plan nor results know."""
PLAN, REPORT, PERFORMANCE = "plan.toml", "report.html", "performance.csv"


def _plan(of: Callable[[Plan], str]) -> Callable[[Run], str]:
    return lambda run: of(run.plan)


def _factors(plan: Plan) -> str:
    """Return what differs between the cells, with its values."""
    if plan.vary:
        return "; ".join(f"{key}: {', '.join(map(str, values))}" for key, values in plan.settings.items())
    return "; ".join(cell.name for cell in plan.cells) or "one cell"


def _combined(plan: Plan) -> str:
    return "all combinations (fully factorial)" if plan.vary else "cells written out one by one"


def _world(plan: Plan) -> str:
    base = plan.world.base
    return f"simulated from a parametric model, '{base}' of study '{plan.run.study}', and changes of it"


def _measures(run: Run) -> str:
    return ", ".join(dict.fromkeys(run.performance["measure"]))


def _replicates(run: Run) -> str:
    """Return how many replicates there are, and with what error of the shares."""
    done = f"{range_text(run.progress['replicates'])} per cell of {planned_text(run)}"
    errors = run.performance.groupby("measure", sort=False)["mcse"].max().dropna()
    worst = "; ".join(f"{name} {error:.2g}" for name, error in errors.items())
    return f"{done}; largest Monte Carlo standard errors: {worst}" if worst else done


def _rows(run: Run) -> str:
    return f"{int(run.progress['rows'].sum()):,} rows: one per replicate, method and estimand"


def _failed(run: Run) -> str:
    rows = int(run.progress["rows"].sum())
    return f"{int(run.progress['failures'].sum()):,} of {rows:,} rows have no estimate; none was drawn anew"


ADEMP_ITEMS = (
    Item("Aims", "Specific aims", PLAN, _plan(lambda plan: plan.ademp.aims)),
    Item("Data-generating mechanisms", "How data arise", PLAN, _plan(lambda plan: plan.ademp.data)),
    Item("Data-generating mechanisms", "Resampling or a parametric model", PLAN, _plan(_world)),
    Item("Data-generating mechanisms", "Factors and their levels", PLAN, _plan(_factors)),
    Item("Data-generating mechanisms", "How factors are combined", PLAN, _plan(_combined)),
    Item("Estimands", "Estimands or other targets", PLAN, _plan(lambda plan: plan.ademp.estimands)),
    Item("Estimands", "Their true values", f"{REPORT}: Truth", lambda run: ", ".join(run.plan.run.estimands)),
    Item(
        "Methods", "Methods, and whether they fit the estimands", PLAN, _plan(lambda plan: plan.ademp.methods)
    ),
    Item("Methods", "Names of the methods", PLAN, _plan(lambda plan: ", ".join(plan.run.methods))),
    Item("Methods", "A review of the literature for other methods"),
    Item("Performance measures", "Measures and why", PLAN, _plan(lambda plan: plan.ademp.performance)),
    Item("Performance measures", "All measures that are estimated", PERFORMANCE, _measures),
    Item("Performance measures", "Formulae of less usual measures"),
    Item("Performance measures", "Number of replicates, and the error it leaves", PERFORMANCE, _replicates),
    Item(
        "Coding and execution",
        "Seed once per replicate; separate streams",
        PLAN,
        _plan(lambda plan: f"seed {plan.run.seed}; each replicate of each cell has streams of its own"),
    ),
    Item("Coding and execution", "Estimates apart from what is made of them", "estimates/", _rows),
    Item("Analysis", "Results explored, by figures above all", "figures/", "each figure with its numbers"),
    Item("Analysis", "Missing estimates", f"{REPORT}: Failures", _failed),
    Item("Analysis", "Performance with Monte Carlo standard errors", PERFORMANCE, "column mcse"),
    Item("Reporting", "Described by ADEMP", f"{REPORT}: Design", _plan(lambda plan: plan.question)),
    Item(
        "Reporting",
        "Methods side by side",
        f"{REPORT}: Performance",
        _plan(lambda plan: ", ".join(plan.run.methods)),
    ),
    Item(
        "Reporting",
        "Code that runs the study again",
        REPORT,
        _plan(lambda plan: f"simsepsis {version('simsepsis')}: {command_of(plan)}"),
    ),
)
"""Steps of a simulation study (Morris TP, White IR, Crowther MJ. Stat Med 2019;38:2074, table 1)."""
