"""The reporting items of a cohort study (STROBE), answered as far as the analysis knows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.thesis_analysis import Analysis
from simsepsis.show.plots.arms import wording_of

CHECKLIST_COLUMNS = ("item", "asks", "answer")
AUTHOR = "for the author"
"""The answer where no file knows it."""


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


ITEMS: tuple[tuple[str, str, str | Callable[[Analysis], str]], ...] = (
    ("1", "The design, in title and abstract", AUTHOR),
    ("2–3", "Background and aims", AUTHOR),
    ("5", "Setting, places and dates", AUTHOR),
    ("6a", "Who was eligible", _eligible),
    ("6b", "How patients were matched", _matching),
    ("7", "Treatment", _spec(lambda spec: _named((spec.treatment,), spec))),
    ("7", "Outcomes", _spec(lambda spec: _named(spec.all_outcomes, spec))),
    ("7", "Covariates", _spec(lambda spec: _named(spec.covariates, spec))),
    (
        "9",
        "What was done against bias",
        "balance before and after matching: tables/balance.csv",
    ),
    ("10", "How the size came about", AUTHOR),
    ("12a", "Statistical methods", _methods),
    ("12b", "Subgroups", _spec(lambda spec: ", ".join(s.label for s in spec.subgroups) or "none")),
    ("12c", "Missing values", _missing),
    ("12e", "Sensitivity analyses", "hidden confounding: sensitivity.csv"),
    ("13", "Patients at each stage", _numbers),
    ("14", "Patients described", "tables/table1.csv"),
    ("15", "Events in each arm", _events),
    ("16", "Estimates, unadjusted and adjusted, with 95% intervals", "estimates.csv"),
    ("18–21", "Discussion: result, limits, interpretation, generalizability", AUTHOR),
    ("22", "Funding", AUTHOR),
)
"""Item, what it asks, and the answer or what gives it."""


def checklist(analysis: Analysis) -> pd.DataFrame:
    """Return item, what it asks, and the answer; what no file knows is left to the author.

    References
    ----------
    von Elm E et al. (STROBE). Lancet 2007;370:1453.
    """
    rows = [(item, asks, say if isinstance(say, str) else say(analysis)) for item, asks, say in ITEMS]
    return pd.DataFrame(rows, columns=list(CHECKLIST_COLUMNS))
