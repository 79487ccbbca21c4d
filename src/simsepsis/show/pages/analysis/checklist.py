"""The reporting items of a cohort study (STROBE), answered as far as the analysis knows."""

from __future__ import annotations

from collections.abc import Callable

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.thesis_analysis import Analysis
from simsepsis.show.checklist import Item
from simsepsis.show.plots.arms import wording_of


def _named(names: tuple[str, ...], spec: AnalysisSpec) -> str:
    words = wording_of(spec)
    return ", ".join(words.row(name) for name in names)


def _eligible(analysis: Analysis) -> str:
    flow = analysis.result.flow
    left_out = [f"{count} for {reason}" for reason, count in flow.excluded]
    if flow.elsewhere:
        left_out.append(f"{flow.elsewhere} in neither arm")
    excluded = f"; excluded: {', '.join(left_out)}" if left_out else ""
    return f"{flow.registered} patients of the file{excluded}"


def _matching(analysis: Analysis) -> str:
    spec = analysis.result.spec
    caliper = "no caliper" if spec.caliper is None else f"caliper {spec.caliper:g} ({spec.caliper_sd} SD)"
    taken = "with" if spec.replace else "without"
    return (
        f"1:{spec.ratio} on the {spec.scale} of the propensity score, {caliper}, {spec.order} order, "
        f"{taken} replacement" + (f", exact on {_named(spec.exact, spec)}" if spec.exact else "")
    )


def _methods(analysis: Analysis) -> str:
    spec = analysis.result.spec
    parts = ["propensity score by logistic regression", "matched risks compared"]
    if spec.cluster is not None:
        parts.append(f"GEE over '{spec.cluster}' with {spec.correlation} correlation")
    if spec.survival_time is not None:
        parts.append(f"Kaplan–Meier and Cox, censored by {spec.censoring}")
    return "; ".join(parts)


def _numbers(analysis: Analysis) -> str:
    flow = analysis.result.flow
    pairs = analysis.estimates.loc[analysis.estimates["method"] == "psm", "n_used"]
    matched = f", {int(pairs.max())} matched" if pairs.notna().any() else ""
    return (
        f"{flow.registered} registered, {flow.analysed} analysed, {flow.analysed_treated} of them "
        f"treated{matched}"
    )


def _missing(analysis: Analysis) -> str:
    flow, spec = analysis.result.flow, analysis.result.spec
    means = "; ".join(f"{name} by {how}" for name, how in spec.missing.items())
    return (
        f"{flow.missing_day1} patients without a covariate and {flow.missing_later} without an outcome or "
        f"adjunct left out" + (f"; {means}" if means else "")
    )


def _events(analysis: Analysis) -> str:
    cohort, spec = analysis.result.cohort, analysis.result.spec
    found = []
    for name in spec.outcomes:
        events = cohort.column(name)
        arms = (("treated", cohort.treated), ("untreated", ~cohort.treated))
        counts = [f"{int(events[rows].sum())} of {int(rows.sum())} {arm}" for arm, rows in arms]
        found.append(f"{_named((name,), spec)}: {', '.join(counts)}")
    return "; ".join(found)


def _spec(of: Callable[[AnalysisSpec], str]) -> Callable[[Analysis], str]:
    return lambda analysis: of(analysis.result.spec)


REPORT = "report.html"
STROBE = (
    Item("1", "The design, in title and abstract"),
    Item("2–3", "Background and aims"),
    Item("5", "Setting, places and dates"),
    Item("6a", "Who was eligible", REPORT, _eligible),
    Item("6b", "How patients were matched", REPORT, _matching),
    Item("7", "Treatment", REPORT, _spec(lambda spec: _named((spec.treatment,), spec))),
    Item("7", "Outcomes", REPORT, _spec(lambda spec: _named(spec.all_outcomes, spec))),
    Item("7", "Covariates", REPORT, _spec(lambda spec: _named(spec.covariates, spec))),
    Item("9", "What was done against bias", "tables/balance.csv", "balance before and after matching"),
    Item("10", "How the size came about"),
    Item("12a", "Statistical methods", REPORT, _methods),
    Item(
        "12b", "Subgroups", REPORT, _spec(lambda spec: ", ".join(s.label for s in spec.subgroups) or "none")
    ),
    Item("12c", "Missing values", REPORT, _missing),
    Item("12e", "Sensitivity analyses", "sensitivity.csv", "hidden confounding"),
    Item("13", "Patients at each stage", REPORT, _numbers),
    Item(
        "14", "Patients described", "tables/table1.csv", "covariates of both arms, before and after matching"
    ),
    Item("15", "Events in each arm", REPORT, _events),
    Item("16", "Estimates with 95% intervals", "estimates.csv", "unadjusted and adjusted"),
    Item("18–21", "Discussion: result, limits, interpretation, generalizability"),
    Item("22", "Funding"),
)
"""Items of a cohort study (von Elm E et al. Lancet 2007;370:1453)."""
AUTHOR = "author"
"""Who answers what no file knows."""
