"""The figures of a scenario with their words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from simsepsis.show.figure import Figure
from simsepsis.studies.jseptic_ivigg.describe.correlation import correlation_label, plot_correlations
from simsepsis.studies.jseptic_ivigg.describe.diagram_plot import plot_diagram
from simsepsis.studies.jseptic_ivigg.describe.dosing import plot_doses
from simsepsis.studies.jseptic_ivigg.describe.incidence import HORIZON_DAYS, plot_incidence
from simsepsis.studies.jseptic_ivigg.describe.propensity import plot_propensity
from simsepsis.studies.jseptic_ivigg.describe.starts import plot_starts

if TYPE_CHECKING:
    from simsepsis.studies.jseptic_ivigg.describe.description import ScenarioDescription


def draw_description(description: ScenarioDescription, *, version: str) -> tuple[Figure, ...]:
    """Draw every figure of a scenario, the causal diagram first."""
    note = (
        f"Scenario {description.scenario.name}, {description.n:,} patients, seed {description.seed}, "
        f"simsepsis {version}."
    )
    return (
        diagram_figure(description, note),
        incidence_figure(description.incidence, note),
        propensity_figure(description, note),
        starts_figure(description, note),
        doses_figure(description, note),
        correlations_figure(description.correlations, note),
    )


def diagram_figure(description: ScenarioDescription, note: str) -> Figure:
    """Show who causes what; parameters: description, and the line with scenario, seed and version."""
    nodes, arrows = description.nodes, description.arrows
    labels = dict(zip(nodes["node"], nodes["label"], strict=True))
    causes = {
        target: ", ".join(labels[source] for source in arrows.loc[arrows["target"] == target, "source"])
        for target in ("ivigg", "death", "adjuncts")
    }
    return Figure(
        name="diagram",
        title="Causal diagram",
        caption="Causal diagram drawn from the scenario's settings: an arrow is there where the settings "
        "make one, with its size where it is one number. HR: factor on a rate; OR: factor on the odds; "
        "ranges span therapies or kinds of death. In every scenario treatment starts only in patients who "
        f"are alive and in the ICU, and adjuncts do not change death. {note}",
        alt=f"Causal diagram of {len(nodes)} variables. Causes of IVIgG: {causes['ivigg']}. Causes of death: "
        f"{causes['death']}. Causes of adjuncts: {causes['adjuncts']}.",
        draw=lambda: plot_diagram(nodes, arrows, base=description.base, note=note),
        data=arrows,
    )


def incidence_figure(rows: pd.DataFrame, note: str) -> Figure:
    """Show what becomes of patients; parameters: rows of `incidence_rows`, and the note."""
    last = rows.loc[rows["day"] == HORIZON_DAYS].set_index(["event", "curve"])["incidence"]
    deaths = {curve: 100 * last["hospital_death", curve] for curve in ("treated", "untreated", "control")}
    return Figure(
        name="incidence",
        title="What becomes of the patients",
        caption="Cumulative incidence; competing events take patients away, nobody is censored. Solid "
        "against dotted is the effect, in the same patients; dotted against dashed is everything else: "
        "confounding, and having lived long enough to be treated. Monte Carlo standard errors are at most "
        f"{100 * rows['mcse'].max():.1f} percentage points. {note}",
        alt=f"Death in hospital by day {HORIZON_DAYS}: {deaths['treated']:.1f}% of those given IVIgG, "
        f"{deaths['untreated']:.1f}% of the same patients without, {deaths['control']:.1f}% of the others.",
        draw=lambda: plot_incidence(rows, note=note),
        data=rows,
    )


def propensity_figure(description: ScenarioDescription, note: str) -> Figure:
    """Show the overlap of the true propensity; parameters as of `diagram_figure`."""
    facts = description.facts.set_index("fact")["value"]
    return Figure(
        name="propensity",
        title="Overlap of the true propensity",
        caption="Probability of IVIgG within seven days given everything that precedes it: also the severity "
        "path, the ICU's habit and the intensity of care, which no analysis sees. The outermost bins hold "
        f"everyone beyond them. {note}",
        alt=f"Mirrored histogram. C-statistic {facts['c_statistic']:.2f}; "
        f"{100 * facts['control_below']:.0f}% of the controls below 1%, "
        f"{100 * facts['ivigg_above']:.0f}% of the treated above 99%.",
        draw=lambda: plot_propensity(description.propensity, note=note),
        data=description.propensity,
    )


def starts_figure(description: ScenarioDescription, note: str) -> Figure:
    """Show when IVIgG starts, and in whom; parameters as of `diagram_figure`."""
    facts = description.facts.set_index("fact")["value"]
    return Figure(
        name="starts",
        title="When IVIgG starts, and in whom",
        caption="Left: share of all patients who have started, by the ICU's policy on DIC therapy. Right: "
        "mean latent severity of the day, of those who start on it and of those who are in the ICU that day "
        f"and have not; bars: 95% Monte Carlo intervals. {note}",
        alt=f"{100 * facts['late_share']:.0f}% of the starts come after 48 hours; half of them by hour "
        f"{facts['median_hour']:.0f}.",
        draw=lambda: plot_starts(description.starts, note=note),
        data=description.starts,
    )


def doses_figure(description: ScenarioDescription, note: str) -> Figure:
    """Show the doses and their effect; parameters as of `diagram_figure`."""
    dose, rows = description.settled.dose, description.doses
    given = rows.loc[(rows["panel"] == "dose") & (rows["value"] > 0), "x"]
    response = ""
    if dose.response != "none":
        response = (
            "Middle: hazard ratio of death by dose, effect modification left out. Right: IgG before the "
            "first dose, and as if the whole dose were given at once. "
        )
    return Figure(
        name="doses",
        title="Doses" + (" and what they do" if response else ""),
        caption=f"Doses of the patients given IVIgG, in g per kg of body weight. {response}{note}",
        alt=f"Doses from {given.min():.2f} to {given.max():.2f} g/kg.",
        draw=lambda: plot_doses(
            rows, target=dose.igg_target if dose.response == "igg_level" else None, note=note
        ),
        data=rows,
    )


def correlations_figure(rows: pd.DataFrame, note: str) -> Figure:
    """Show what goes with what; parameters: rows of `correlation_rows`, and the note."""
    strongest = rows.reindex(rows["spearman"].abs().sort_values(ascending=False).index).head(3)
    words = "; ".join(
        f"{correlation_label(pair.row)} and {correlation_label(pair.column)} {pair.spearman:.2f}"
        for pair in strongest.itertuples()
    )
    return Figure(
        name="correlations",
        title="What goes with what",
        caption="Spearman's rank correlations of patients with complete data; bold names: known to the "
        f"simulator only. Monte Carlo standard errors are at most {rows['mcse'].max():.3f}. {note}",
        alt=f"Correlation matrix. Strongest: {words}.",
        draw=lambda: plot_correlations(rows, note=note),
        data=rows,
    )
