"""The thesis's results, one method at a time, from one shared analysis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache, partial

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.result import then
from simsepsis.analysis.spec import Subgroup
from simsepsis.analysis.thesis_estimates import cluster_rows
from simsepsis.analysis.time_to_death import compare_survival
from simsepsis.errors import NotEstimableError
from simsepsis.study.layout import Later

ROSENBAUM_RUBIN = "Rosenbaum PR, Rubin DB. Biometrika 1983;70:41."
LIANG_ZEGER = "Liang KY, Zeger SL. Biometrika 1986;73:13."
BRESLOW_DAY = "Breslow NE, Day NE. Statistical Methods in Cancer Research, vol. 1, 1980."
TWIN = "randomized_twin"

UNPAIRED = "patients independent, pairs ignored, score taken as known"
ROBUST = "sandwich over ICUs, score taken as known"
RISKS_MATCHED = ("log_or_{outcome}_matched", "log_rr_{outcome}_matched", "rd_{outcome}_matched")
RISKS_ATT = ("log_or_{outcome}_att", "log_rr_{outcome}_att", "rd_{outcome}_att")
MEANS_ATT = ("md_{outcome}_att",)
MEANS_MATCHED = ("md_{outcome}_matched",)
MEANS_TWIN = ("md_{outcome}_twin",)
LOG_OR_TWIN = ("log_or_{outcome}_twin",)
INTERACTION_PREFIX = "breslow_day_"
INTERACTION = ("log_or_ratio_{outcome}_matched",)


def thesis_rows(task: Task) -> Iterable[Estimate]:
    """Return the rows of one method of the thesis."""
    return (row for row in known(task.shared.thesis).rows if row.method == task.method)


def rmst_rows(task: Task) -> Iterable[Estimate]:
    """Return the difference of restricted means, whose day is the spec's."""
    rows = known(task.shared.thesis).rows
    return (replace(row, method=task.method) for row in rows if row.method.startswith("rmst"))


def clustered_rows(task: Task) -> Iterable[Estimate]:
    """Return the crude effects in the matched patients with standard errors by cluster."""
    step = known(task.shared.thesis).matched
    survival = then(step, compare_survival, task.spec) if task.spec.survival_time else None
    return cluster_rows(step, survival, task.spec)


def twin_rows(task: Task, of: str) -> Iterable[Estimate]:
    """Return the rows that a method of the thesis has in the randomized twin."""
    subgroup = of.removeprefix(INTERACTION_PREFIX)
    if subgroup != of:
        _require_subgroup(task, subgroup)
    rows = known(task.shared.twin).rows
    return (replace(row, method=task.method) for row in rows if row.method == of)


def _thesis(
    name: str,
    label: str,
    estimands: tuple[str, ...],
    std_error: str,
    reference: str,
    numeric: tuple[str, ...] = (),
) -> Method:
    return Method(
        name=name,
        label=label,
        group="thesis",
        estimands=estimands,
        std_error=std_error,
        reference=reference,
        function=thesis_rows,
        uses=("thesis",),
        numeric=numeric,
    )


def interaction_rows(task: Task, subgroup: str) -> Iterable[Estimate]:
    """Return the rows of the test of one subgroup."""
    _require_subgroup(task, subgroup)
    return thesis_rows(task)


def _require_subgroup(task: Task, subgroup: str) -> None:
    names = [one.name for one in task.spec.subgroups]
    if subgroup not in names:
        has = f"it has {' and '.join(names)}" if names else "it has none"
        raise NotEstimableError(f"the spec has no subgroup '{subgroup}'; {has}")


def interaction(subgroup: Subgroup) -> Method:
    """Return the method that tests whether the effect differs between the strata of a subgroup."""
    method = _thesis(
        f"{INTERACTION_PREFIX}{subgroup.name}",
        f"Interaction with {subgroup.label or subgroup.name}",
        INTERACTION,
        UNPAIRED,
        BRESLOW_DAY,
    )
    return replace(
        method,
        function=partial(interaction_rows, subgroup=subgroup.name),
        subgroup=subgroup.name,
    )


@cache
def thesis_methods(later: Later) -> tuple[Method, ...]:
    """Return the methods that take their rows from the one analysis of a study."""
    return (
        _thesis("crude", "Unmatched, unadjusted", RISKS_ATT, "patients independent", "", MEANS_ATT),
        _thesis(
            "psm", "Matched on the score of day 1", RISKS_MATCHED, UNPAIRED, ROSENBAUM_RUBIN, MEANS_MATCHED
        ),
        _thesis(
            "psm_gee", "Matched, GEE adjusted for adjuncts", LOG_OR_TWIN, ROBUST, LIANG_ZEGER, MEANS_TWIN
        ),
        _thesis(
            f"psm_gee_{later.name}",
            f"Matched, GEE with later {later.label} too",
            LOG_OR_TWIN,
            ROBUST,
            LIANG_ZEGER,
            MEANS_TWIN,
        ),
        _thesis(
            "psm_cox", "Matched, Cox", ("log_hr_{event}_matched",), UNPAIRED, "Cox DR. JRSS B 1972;34:187."
        ),
        _thesis(
            "psm_adjuncts",
            "Matched, adjuncts in the score",
            RISKS_MATCHED,
            UNPAIRED,
            ROSENBAUM_RUBIN,
            MEANS_MATCHED,
        ),
        _thesis(
            "psm_adjuncts_gee", "Adjuncts in the score, GEE", LOG_OR_TWIN, ROBUST, LIANG_ZEGER, MEANS_TWIN
        ),
        _thesis(
            f"psm_adjuncts_gee_{later.name}",
            f"Adjuncts in the score, GEE with later {later.label}",
            LOG_OR_TWIN,
            ROBUST,
            LIANG_ZEGER,
            MEANS_TWIN,
        ),
    )


PSM_PAIRED_SE = replace(
    _thesis(
        "psm_paired_se",
        "Matched, standard errors that respect the pairs",
        ("rd_{outcome}_matched", "log_hr_{event}_matched"),
        "pairs independent (discordant counts; sandwich for the hazard ratio), score taken as known",
        "Austin PC. Int J Biostat 2009;5:13; Stat Med 2011;30:1292.",
        MEANS_MATCHED,
    ),
    group="matching",
)

PSM_CLUSTER_SE = replace(
    _thesis(
        "psm_cluster_se",
        "Matched, standard errors that respect the clusters",
        (*RISKS_MATCHED, "log_hr_{event}_matched"),
        "sandwich over clusters with K/(K − 1), t with K − 1 degrees of freedom; score taken as known",
        "Cameron AC, Miller DL. J Hum Resour 2015;50:317.",
    ),
    group="matching",
    needs=("clusters",),
    function=clustered_rows,
    numeric=MEANS_MATCHED,
)

RMST28 = replace(
    _thesis(
        "rmst28",
        "Matched, restricted mean survival time",
        ("rmst{horizon}_difference_matched",),
        UNPAIRED,
        "Royston P, Parmar MKB. BMC Med Res Methodol 2013;13:152.",
    ),
    group="time",
    needs=("survival",),
    function=rmst_rows,
)


def in_twin(method: Method) -> Method:
    """Return a method of the thesis as it is run on the randomized twin."""
    return replace(
        method,
        name=f"{TWIN}_{method.name}",
        label=f"{method.label}, in the randomized twin",
        group="randomized_twin",
        function=partial(twin_rows, of=method.name),
        uses=("twin",),
        needs=("twin", *method.needs),
    )
