"""The figures of a plan with their words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from simsepsis.show.figure import Figure
from simsepsis.show.plots.trial.boundaries import plot_boundaries
from simsepsis.show.plots.trial.curves import plot_accrual, plot_assurance, plot_power, plot_sizes
from simsepsis.show.plots.trial.flow import plot_flow
from simsepsis.show.plots.trial.maps import plot_endpoints, plot_enrichment, plot_sensitivity
from simsepsis.show.trial_words import SCALES, SHORT_SCALES, compared_outcome, population_labels
from simsepsis.trial.planning.compute import TrialPlan
from simsepsis.trial.priors import short_labels
from simsepsis.trial.protocol.offer import Offer

AT_BOUND = ("risk_ratio", "odds_ratio", "hazard_ratio", "risk_difference")
"""Scales on which a boundary is told as an observed effect."""
PRIORS = {"cohort": "cohort, corrected for bias", "mixture": "mixture"}
"""Names in the figure for beliefs that are none of the study's."""


def draw_plan(plan: TrialPlan, *, version: str) -> tuple[Figure, ...]:
    """Draw every figure of a plan, in the order of its text."""
    protocol = plan.protocol
    made = f"Plan {plan.name}, seed {protocol.run.seed}, simsepsis {version}."
    note = f"{made} {protocol.offer.calibration.en}"
    return tuple(_figures(plan, note))


def _figures(plan: TrialPlan, note: str) -> Iterator[Figure]:
    yield power_figure(plan, note)
    yield sizes_figure(plan, note)
    if len(plan.looks):
        yield boundaries_figure(plan, note)
    if len(plan.priors):
        yield assurance_figure(plan, note)
    yield sensitivity_figure(plan, note)
    if "endpoints" in plan.tables:
        yield endpoints_figure(plan, plan.tables["endpoints"], note)
    if "enrichment" in plan.tables:
        yield enrichment_figure(plan, plan.tables["enrichment"], note)
    yield accrual_figure(plan, note)
    yield flow_figure(plan, note)


def power_figure(plan: TrialPlan, note: str) -> Figure:
    """Show power over patients."""
    short, power = SHORT_SCALES[plan.size.assumptions.effect.name], plan.power
    effects = power.drop_duplicates("share").set_index("share")["effect"]
    labels = {
        share: f"{short} {effect:.3g}".replace("-", "−")
        + (" (the plan)" if share == 1.0 else f" ({share:.0%} of the difference)")
        for share, effect in effects.items()
    }
    target = plan.size.assumptions.power
    return Figure(
        name="power",
        title="Power over patients",
        caption="Power by formula, looks, departures and loss included, for the planned effect and parts "
        f"of it. {note}",
        alt=f"Power rises with patients; {plan.n_total:,} have {plan.size.power:.1%} at the planned effect.",
        draw=lambda: plot_power(power, n_randomized=plan.n_total, target=target, labels=labels, note=note),
        data=power,
    )


def sizes_figure(plan: TrialPlan, note: str) -> Figure:
    """Show patients needed over control risk and effect."""
    given = plan.size.assumptions
    powers = plan.grid["power"].unique()
    power = min(powers, key=lambda value: abs(float(value) - given.power))
    cells = plan.grid[plan.grid["power"] == power]
    own = cells[(cells["p_control"] == given.p_control) & (cells["effect"] == given.effect.value)]
    mark = (given.p_control, float(own["n_randomized"].iloc[0]))
    words = "plan" if mark[1] == plan.n_total else "needed"
    short = SHORT_SCALES[given.effect.name]
    endless = (
        " A line ends where no number of patients is enough." if cells["n_randomized"].isna().any() else ""
    )
    return Figure(
        name="sizes",
        title=f"Patients for a power of {float(power):.0%}",
        caption=f"Patients to randomize by formula for a power of {float(power):.0%}, all else as planned."
        f"{endless} {note}",
        alt=f"Fewer patients are needed the higher the control risk and the stronger the effect; the plan's "
        f"assumptions need {mark[1]:,.0f}.",
        draw=lambda: plot_sizes(cells, scale=short, planned=mark, words=words, note=note),
        data=plan.grid,
    )


def boundaries_figure(plan: TrialPlan, note: str) -> Figure:
    """Show the boundaries."""
    first = plan.looks.iloc[0]
    name = str(first["scale_at_bound"])
    scale = SCALES[name].en if name in AT_BOUND else ""
    observed = f", an observed {scale} of {first['effect_at_bound']:.2f}" if scale else ""
    absolute = plan.protocol.test.sides == 2 and plan.protocol.looks.futility is not None
    return Figure(
        name="boundaries",
        title="Boundaries of the looks",
        caption="Boundaries as z and as nominal p"
        f"{', and as the observed effect that just reaches them if controls die as planned' if scale else ''}"
        f". {note}",
        alt=f"At the first look the trial stops for efficacy at z = {first['z']:.2f}{observed}.",
        draw=lambda: plot_boundaries(plan.looks, scale=scale, note=note, absolute=absolute),
        data=plan.looks,
    )


def assurance_figure(plan: TrialPlan, note: str) -> Figure:
    """Show assurance with its ceilings."""
    told = plan.priors.set_index("prior")["label"]
    short, curve = short_labels(plan.protocol.study) | PRIORS, plan.assurance
    labels = {name: short.get(name, str(told[name])) for name in curve["prior"].unique()}
    last = plan.priors.iloc[-1]
    return Figure(
        name="assurance",
        title="Assurance, and its ceiling",
        caption="Power averaged over each belief about the effect, and the probability of any benefit, "
        f"which no number of patients exceeds. {note}",
        alt=f"{labels[str(last['prior'])]}: assurance {last['assurance']:.0%} with the planned patients, "
        f"ceiling {last['ceiling']:.0%}.",
        draw=lambda: plot_assurance(curve, n_randomized=plan.n_total, labels=labels, note=note),
        data=curve,
    )


def sensitivity_figure(plan: TrialPlan, note: str) -> Figure:
    """Show power over two wrong assumptions."""
    given, power = plan.size.assumptions, plan.attenuation
    worst = float(power["power"].min())
    return Figure(
        name="sensitivity",
        title="If control risk and effect are not as planned",
        caption=f"Power by formula of the planned patients. {note}",
        alt=f"The power of the planned patients falls to {worst:.0%} where control risk and effect are "
        "lowest.",
        draw=lambda: plot_sensitivity(
            power,
            target=given.power,
            planned=given.p_control,
            n_randomized=plan.n_total,
            note=note,
        ),
        data=power,
    )


def endpoints_figure(plan: TrialPlan, rows: pd.DataFrame, note: str) -> Figure:
    """Show the power of other endpoints."""
    best = rows.loc[rows["power"].idxmax()]
    labels = {name: compared_outcome(plan.protocol, name).mark for name in rows["endpoint"]}
    return Figure(
        name="endpoints",
        title="Endpoints on the same patients",
        caption=f"Power in {int(best['n_sim']):,} simulated trials, the same patients for every endpoint; "
        f"bars: 95% Monte Carlo intervals. {note}",
        alt=f"{labels[str(best['endpoint'])]} has the highest power, {best['power']:.0%}.",
        draw=lambda: plot_endpoints(rows, labels=labels, n_randomized=plan.n_total, note=note),
        data=rows,
    )


def enrichment_figure(plan: TrialPlan, rows: pd.DataFrame, note: str) -> Figure:
    """Show patients and months of restricted trials."""
    offer, named = plan.protocol.offer, population_labels(plan.protocol.offer)
    named |= {"all": f"all {offer.patients.en}"}
    labels = {name: label.replace(" or ", "\nor ") for name, label in named.items()}
    return Figure(
        name="enrichment",
        title="Restricting the trial",
        caption="Patients to randomize and mean months to the end if only some patients are eligible, the "
        f"effect on average over all patients being the planned one. {note}",
        alt=_restricted(rows.dropna(subset=["months"]), named, offer),
        draw=lambda: plot_enrichment(rows, labels=labels, modified=offer.modified, note=note),
        data=rows,
    )


def _restricted(rows: pd.DataFrame, named: Mapping[str, str], offer: Offer) -> str:
    """Return what the first restriction that can have a trial does to patients and months."""
    everybody, parts = rows[rows["population"] == "all"], rows[rows["population"] != "all"]
    if everybody.empty or parts.empty:
        return "No part of the patients can be compared with all of them."
    whole, part = everybody.iloc[0], parts.iloc[0]
    return (
        f"{'Without interaction, ' if offer.modifiers else ''}{named[part['population']]} needs "
        f"{part['n_randomized']:,.0f} patients in place of {whole['n_randomized']:,.0f}, but "
        f"{part['months']:.0f} months in place of {whole['months']:.0f}."
    )


def accrual_figure(plan: TrialPlan, note: str) -> Figure:
    """Show accrual."""
    months, accrual = plan.pace["months_accrual"], plan.accrual
    return Figure(
        name="accrual",
        title="Accrual",
        caption=f"Expected accrual at the planned pace, two thirds and half of it. {note}",
        alt=f"Accrual takes {months.iloc[0]:.0f} months at the planned pace, {months.iloc[-1]:.0f} at half "
        "of it.",
        draw=lambda: plot_accrual(accrual, n_randomized=plan.n_total, note=note),
        data=accrual,
    )


def flow_figure(plan: TrialPlan, note: str) -> Figure:
    """Show the flow of patients."""
    numbers = {str(row["step"]): f"{row['patients']:,.0f}" for row in plan.flow.to_dict("records")}
    deaths = {arm: numbers[f"{arm}_deaths"] for arm in ("control", "treated")}
    texts = {
        "screened": f"Screened\n{numbers['screened']}",
        "eligible": f"Eligible\n{numbers['eligible']}",
        "randomized": f"Randomized\n{numbers['randomized']}",
        "control": f"Control group\n{numbers['control']}",
        "treated": f"Treatment group\n{numbers['treated']}",
        "control_analysed": f"Outcome known: {numbers['control_analysed']}\nevents expected: "
        f"{deaths['control']}",
        "treated_analysed": f"Outcome known: {numbers['treated_analysed']}\nevents expected: "
        f"{deaths['treated']}",
    }
    return Figure(
        name="flow",
        title="Flow of patients",
        caption=f"Expected numbers if the plan is right. {note}",
        alt=f"{numbers['screened']} screened, {numbers['eligible']} eligible, {numbers['randomized']} "
        f"randomized, {numbers['control_analysed']} and {numbers['treated_analysed']} with a known outcome.",
        draw=lambda: plot_flow(texts, note=note),
        data=plan.flow,
    )
