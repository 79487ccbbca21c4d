"""What a study's tables print of its cohort before matching, and the analysis that they leave possible."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.errors import DataError
from simsepsis.fitting.learn import covariates_of
from simsepsis.fitting.printed_cells import Cells, cells_by_arm
from simsepsis.fitting.printed_clusters import ICCS, SIZES, PrintedClusters, printed_clusters
from simsepsis.fitting.printed_margins import PrintedColumn, column_of
from simsepsis.study.printed import Printed
from simsepsis.study.published import Study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrintedCohort:
    """A cohort of which only the printed tables are known.

    Attributes
    ----------
    study, source
        Key of the study; what it was read from, in words.
    spec
        The study's analysis, without what is not printed.
    sizes
        Patients in the treated and in the control arm.
    columns
        Covariate → its printed columns.
    crude
        Outcome → its share in the treated and in the control arm, the narrower outcome first.
    wider
        Outcome → outcomes that it includes.
    numbers
        Outcome that is a number → its printed columns.
    clusters
        What is printed of clusters; None for nothing.
    notes
        What is not printed and therefore left out, one sentence each.
    """

    study: str
    source: str
    spec: AnalysisSpec
    sizes: tuple[float, float]
    columns: Mapping[str, PrintedColumn]
    crude: Mapping[str, tuple[float, float]]
    wider: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, PrintedColumn]
    clusters: PrintedClusters | None = None
    notes: tuple[str, ...] = ()

    @property
    def patients(self) -> int:
        """Return how many patients there were."""
        return round(sum(self.sizes))

    @property
    def share(self) -> float:
        """Return the share of the treated."""
        return self.sizes[0] / sum(self.sizes)

    @property
    def chance(self) -> float:
        """Return the variance that the difference of two means, in SD, has by chance."""
        return sum(1.0 / size for size in self.sizes)


def printed_cohort(study: Study, numbers: Printed | None = None) -> PrintedCohort:
    """Return what a study's tables print of its cohort.

    Parameters
    ----------
    study
        With its data dictionary and analysis.
    numbers
        The printed numbers; None for those of the study, with misprints corrected that the audit proves.

    Raises
    ------
    DataError
        If the tables lack an arm, every covariate or every outcome, or print what cannot be.

    Examples
    --------
    >>> from simsepsis import open_study
    >>> printed_cohort(open_study()).patients
    3118
    """
    if numbers is None:
        numbers = study.numbers_of(study.printed(corrected=True))
    cells, spec = cells_by_arm(numbers), study.spec
    named, amounts = (
        {
            name: column_of(study.variables[name], *cells.rows(study.variables[name]))
            for name in dict.fromkeys(wanted)
            if name in study.variables and cells.has(name)
        }
        for wanted in ((*covariates_of(spec), *spec.adjusters), spec.numeric_outcomes)
    )
    crude = dict(_crude(cells, study))
    outcomes, clusters = (*crude, *amounts), printed_clusters(cells)
    for what, found in (("covariate", named), ("outcome", outcomes)):
        if not found:
            raise DataError(
                f"{study.folder / 'tables'}: no {what} of the analysis is printed by arm before matching; "
                "add its rows, with phase = 'before'"
            )
    return PrintedCohort(
        study=study.key,
        source=f"printed tables of {study.title}",
        spec=printed_spec(spec, tuple(named), outcomes, clusters),
        sizes=(cells.arms[0].size, cells.arms[1].size),
        columns=named,
        crude=crude,
        wider={name: tuple(_parts(name, crude, study)) for name in crude},
        numbers=amounts,
        clusters=clusters,
        notes=tuple(_notes(spec, (*named, *outcomes), clusters)),
    )


def _crude(cells: Cells, study: Study) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield shares of outcomes in both arms, each before those that include it."""
    own = [name for name in study.spec.outcomes if name in study.variables and cells.has(name)]
    for name in sorted(own, key=lambda name: len(list(_parts(name, own, study)))):
        treated, control = (row.event for row in cells.rows(study.variables[name]))
        yield name, (treated, control)


def _parts(name: str, outcomes: Collection[str], study: Study) -> Iterator[str]:
    """Yield the outcomes that an outcome includes, by the layout."""
    return (part for part, whole in study.layout.parts.items() if whole == name and part in outcomes)


def _notes(spec: AnalysisSpec, names: tuple[str, ...], clusters: PrintedClusters | None) -> Iterator[str]:
    wanted = (*spec.covariates, *spec.adjusters, *spec.all_outcomes, *spec.durations, *spec.later_scores)
    left = [name for name in dict.fromkeys(wanted) if name not in names]
    if left:
        yield f"Not printed by arm, or recorded later, and left out: {', '.join(left)}."
    if clusters is not None:
        least, middle, most = (f"{icc:g}" for icc in ICCS)
        what = "outcomes and treatment" if clusters.icc is None else "the treatment"
        yield (
            f"No ICC of {what} between the {clusters.number} clusters is printed: it is {least}, {middle} or "
            f"{most}, by world; nor are their sizes, which vary by {SIZES:.0%}."
        )
    elif spec.cluster:
        yield f"No table says how patients were spread over '{spec.cluster}'; there are no clusters."
    if spec.survival_time:
        yield f"No table has the times of '{spec.survival_time}'; there is no survival analysis."


def printed_spec(
    spec: AnalysisSpec,
    columns: tuple[str, ...],
    outcomes: tuple[str, ...],
    clusters: PrintedClusters | None = None,
) -> AnalysisSpec:
    """Return an analysis without columns, clusters and times that are not printed, and rules for a file."""

    def kept(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in columns)

    happens = tuple(name for name in spec.outcomes if name in outcomes)
    adjuncts, transfusions = kept(spec.adjuncts), kept(spec.transfusions)
    return replace(
        spec,
        treated=None,
        arms={},
        event=None,
        outcomes=happens,
        numeric_outcomes=tuple(name for name in spec.numeric_outcomes if name in outcomes),
        cluster=clusters.column if clusters else None,
        patient=None,
        covariates=kept(spec.covariates),
        score=kept(spec.score),
        categorical=kept(spec.categorical),
        score_categories=kept(spec.score_categories),
        adjuncts=adjuncts,
        transfusions=transfusions,
        durations=(),
        later_scores=(),
        survival_time=None,
        survival_event=None,
        exact=kept(spec.exact),
        second_score=spec.second_score if adjuncts or transfusions else "none",
        cox_adjusted=False,
        subgroups=tuple(one for one in spec.subgroups if one.column in columns),
        methods=("logistic",) if happens else ("overlap_weights",),
        columns={},
        recode={},
        levels={name: levels for name, levels in spec.levels.items() if name in columns},
        missing={},
        exclude=(),
        include=(),
        differences={},
        missing_codes=(),
        allow_after_start=(),
        file={},
        labels={
            name: text for name, text in spec.labels.items() if name in (*columns, *outcomes, spec.treatment)
        },
    )
