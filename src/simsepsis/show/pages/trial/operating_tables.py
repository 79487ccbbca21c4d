"""What the simulated trials of a plan show."""

from __future__ import annotations

from collections.abc import Callable

from simsepsis.show.pages.trial.fact import count, decimal, percent
from simsepsis.show.table import Cell, Column, Fact, Table, tabulated
from simsepsis.trial.planning.record import TrialPlan


def people(value: float, mcse: float) -> Fact:
    """Return a mean number of people with its Monte Carlo standard error."""
    return decimal(value, mcse, digits=0)


def months(value: float, mcse: float) -> Fact:
    """Return months with their Monte Carlo standard error."""
    return decimal(value, mcse, digits=1)


def third(value: float, mcse: float) -> Fact:
    """Return a number to the third decimal with its Monte Carlo standard error."""
    return decimal(value, mcse, digits=3)


MEASURES: dict[str, tuple[str, Callable[[float, float], Fact]]] = {
    "rejection": ("Claims a benefit", percent),
    "harm": ("Claims harm", percent),
    "futility": ("Stops for futility", percent),
    "early_stop": ("Stops early", percent),
    "expected_n": ("Patients randomized, mean", people),
    "sd_n": ("Patients randomized, SD", people),
    "p90_n": ("Patients randomized, 90th percentile", people),
    "expected_deaths": ("Deaths, mean", people),
    "expected_months": ("Months to the end, mean", months),
    "p90_months": ("Months to the end, 90th percentile", months),
    "bias": ("Bias of the estimate", third),
    "coverage": ("Coverage of its 95% interval", percent),
    "adjusted_median_bias": ("Median bias of the stage-wise estimate", third),
    "adjusted_coverage": ("Coverage of its 95% interval, stage-wise", percent),
    "failure": ("No test possible", percent),
}
OF_LOOKS = (
    "futility",
    "early_stop",
    "expected_n",
    "sd_n",
    "p90_n",
    "adjusted_median_bias",
    "adjusted_coverage",
)
"""What a trial with one analysis has no need to say."""

TRUTHS = {"null": "No effect", "planned": "Planned effect"}


def operating_tables(plan: TrialPlan) -> tuple[Table, ...]:
    """Return the operating characteristics of the simulated trials; none where nothing was simulated."""
    if not plan.simulated_trials:
        return ()
    arms = [arm.name for arm in plan.protocol.arms]
    cells = plan.operating.set_index(["arm", "truth", "measure"])
    hidden = () if len(plan.looks) else OF_LOOKS
    rows: list[tuple[Cell, ...]] = []
    for arm in dict.fromkeys(plan.operating["arm"]):
        for measure, (label, form) in MEASURES.items():
            if (arm, "null", measure) in cells.index and measure not in hidden:
                found = [cells.loc[(arm, truth, measure)] for truth in TRUTHS]
                name = label if len(arms) == 1 else f"{arm}: {label}"
                rows.append((name, *(form(cell["value"], cell["mcse"]) for cell in found)))
    trials = count(plan.simulated_trials).text
    table = Table(
        name="operating",
        title=f"{trials} simulated trials under each truth; Monte Carlo standard errors in brackets, of "
        f"percentages in points. Estimates are {_estimates(plan)}{_ignored(plan)}",
        heads=("Measure", *TRUTHS.values()),
        rows=tuple(rows),
    )
    return (table, *_simulated_looks(plan), *_tried(plan))


def _ignored(plan: TrialPlan) -> str:
    """Return what stage-wise intervals leave out; nothing without futility that does not bind."""
    futility = plan.size.assumptions.futility
    if futility is None or futility.binding:
        return ""
    return ". Stage-wise intervals leave out the futility rule, which does not bind but is followed here"


def _estimates(plan: TrialPlan) -> str:
    scale = plan.protocol.scale
    return (
        f"logarithms of the {scale.replace('_', ' ')}"
        if scale.endswith("ratio")
        else f"of the {scale.replace('_', ' ')}"
    )


SIMULATED_LOOKS: tuple[Column, ...] = (
    ("Truth", lambda r: TRUTHS[r.truth]),
    ("Look", lambda r: count(r.look)),
    ("Efficacy", lambda r: percent(r.efficacy, r.efficacy_mcse)),
    ("Harm", lambda r: percent(r.harm, r.harm_mcse)),
    ("Futility", lambda r: percent(r.futility, r.futility_mcse)),
    ("Stopped by here", lambda r: percent(r.cumulative_stop, r.cumulative_stop_mcse)),
    ("Deaths if it goes on to here", lambda r: count(r.mean_deaths)),
    ("Months", lambda r: decimal(r.mean_months, digits=1)),
)


def _simulated_looks(plan: TrialPlan) -> tuple[Table, ...]:
    rows = plan.tables["simulated_looks"]
    own = rows[rows["arm"] == plan.protocol.arms[plan.protocol.effect_arm].name]
    if own["look"].max() == 1:
        return ()
    title = "How the simulated trials end at each look"
    return (tabulated("simulated_looks", title, SIMULATED_LOOKS, own),)


def _tried(plan: TrialPlan) -> tuple[Table, ...]:
    rows = plan.tables["tried"]
    if len(rows) == 1:
        return ()
    columns: tuple[Column, ...] = (
        ("Patients randomized", lambda r: count(r.n_randomized)),
        ("Simulated power", lambda r: percent(r.power, r.mcse)),
    )
    return (tabulated("tried", "Sizes simulated on the way to the plan", columns, rows),)
