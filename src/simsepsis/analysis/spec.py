"""What an analysis uses: the columns, the matching rule and the models, all named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, lru_cache
from typing import Any

from simsepsis.analysis.eligibility import Rule
from simsepsis.analysis.spec_checks import check_spec
from simsepsis.analysis.spec_types import (
    CaliperSD,
    Censoring,
    ChiSquare,
    Correlation,
    Fisher,
    Missing,
    Moment,
    Order,
    Scalar,
    Scale,
    SecondScore,
    Select,
    TimeUnit,
)
from simsepsis.errors import UsageError
from simsepsis.study.layout import Later
from simsepsis.study.published import DEFAULT, open_study, opened_before
from simsepsis.study.variables import Variables

NO_VARIABLES = Variables()
OWN = "own"
"""Stands for a study where a file is anybody's own."""


def missing_indicator(name: str) -> str:
    """Return the name of the column that is 1 where another one is missing."""
    return f"{name}_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroup:
    """Two strata of an interaction test: patients at or above a limit, and the others.

    Attributes
    ----------
    name
        Short name; the test's method is called ``breslow_day_<name>``.
    column, at_least
        A patient belongs to the upper stratum if the column is `at_least` or more.
    value
        In place of `at_least`: the level of the column that makes the upper stratum.
    label
        Words for the upper stratum; empty for its name.
    """

    name: str
    column: str
    at_least: float | None = None
    value: Scalar | None = None
    label: str = ""

    def __post_init__(self) -> None:
        """Refuse a subgroup without a limit or level, or with both.

        Raises
        ------
        UsageError
            With the line to write.
        """
        if (self.at_least is None) == (self.value is None):
            raise UsageError(
                f"subgroup '{self.name}' needs either 'at_least' or 'value'; write at_least = 65 for numbers "
                'or value = "female" for levels'
            )

    @property
    def strata(self) -> str:
        """Return the two strata in words."""
        return f"{self.value}, or not" if self.at_least is None else f"{self.at_least:g} or more, or less"


ABSENT: Mapping[str, Any] = {
    "name": "analysis",
    "cluster": None,
    "patient": None,
    "adjuncts": (),
    "transfusions": (),
    "durations": (),
    "later_scores": (),
    "survival_time": None,
    "survival_event": None,
    "subgroups": (),
}
"""What is not named of an analysis that is no study's: there is none of it."""
REQUIRED = ("treatment", "covariates", "outcomes")
"""What such an analysis has to name."""


class _Unnamed:
    """Stands for what was not named, until the spec knows whose it is."""


_UNNAMED: Any = _Unnamed()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisSpec:
    """What an analysis uses and does.

    With a treatment of its own it is anybody's: it names covariates and outcomes, and of the rest what there
    is. Otherwise columns that are not named are those of the study, so that ``AnalysisSpec()`` is the default
    study's analysis in its literal reading.

    Attributes
    ----------
    name
        Slug of the analysis.
    treatment, outcomes
        Column of the treatment and columns of the outcomes: 0/1, booleans or yes/no; anything else needs
        `treated`, `arms` or `event`.
    treated
        The value, or values, of the treatment's column that mean treated; there may be one other value.
    arms
        ``treated`` and ``control`` → the values that make each arm, where the column has more than two.
        Patients with other values leave and are counted in the flow.
    event
        The value of the outcomes that means the event; or column → value, where they differ.
    numeric_outcomes
        Columns of outcomes that are numbers, such as costs or a score: means are compared. A column that
        stands in `outcomes` too is one of these.
    study
        Name of the study whose variables bind values and levels; ``own`` for any other file. Unless named,
        the study that stands where none is named if the treatment is its, and otherwise ``own``.
    cluster, patient
        Columns of the ICU and of the patient; None where the file has none.
    covariates
        Columns of the propensity score, day 1 only; a patient must have them all.
    score
        Columns of the propensity score where they are others than the `covariates`, whose balance is shown;
        empty for the same. The clusters may be one of them, as indicators.
    categorical
        Columns that are numbers in the file but categories here.
    score_categories
        Columns that are numbers in the tables but categories in the score.
    adjuncts, transfusions
        Columns that the generalized estimating equations adjust for, and that the second score adds.
    durations
        Further columns that are compared between the arms.
    later_scores
        Scores after day 1 that the extended model adds; patients without them leave that model.
    survival_time, survival_event
        Columns of the time and of the event of Kaplan–Meier and Cox.
    start
        Column of the time from the start of follow-up to that of the treatment, in `time_unit`, empty in the
        untreated; without it ``TREATMENT_hour``, in hours, where the file has that.
    time_unit
        Unit of `survival_time`, the durations and `rmst_horizon`. Time spans and differences of dates are
        turned into it.
    censoring
        ``discharge``: follow-up of the living ends at `survival_time`, when they leave. ``day28_alive``:
        those who left alive count as alive until day 28, where all follow-up ends. A number: as
        ``discharge``, and all follow-up ends on that day. ``administrative``: nobody leaves; follow-up of
        the living ends at `survival_time`.
    rmst_horizon
        Time to which restricted mean survival time is counted.
    scale
        Matching on the linear predictor (``logit``) or on the probability (``ps``).
    caliper, caliper_sd, order, select, ratio, replace
        As in `simsepsis.analysis.matching.match_pairs`. With more controls than one for each treated patient,
        or controls used again, controls carry weights in everything that comes after.
    exact
        Columns in which a treated patient and the controls must be the same.
    second_score
        ``added``: covariates, adjuncts and transfusions; ``alone``: adjuncts and transfusions only;
        ``none``: no second score.
    correlation, moment
        Working correlation and its moment estimator, as in `simsepsis.analysis.gee.fit_gee`.
    cox_adjusted
        Whether the Cox model adjusts for the adjuncts and transfusions, as the estimating equations do.
    chi_square, fisher
        Without or with Yates's correction; p value of both tails, or of the one observed.
    subgroups
        Interaction tests.
    methods
        Further methods by name (`simsepsis list methods`), whose rows follow the others in the estimates.
    min_adjunct_users
        An adjunct that fewer matched patients received is left out of the models.
    columns
        Name here → name in the file, for columns that the file calls otherwise.
    recode
        Column → value in the file → number or level; a value that is not listed stays, NaN is missing.
        An empty key stands for a missing value.
    levels
        Column → levels of a category in their order; the first is the reference.
    missing
        Covariate → what becomes of patients without it. ``complete``, the rule for all others: they leave.
        ``indicator``: the score gets the column ``<name>_missing``, and a constant stands for the number.
        ``category``: ``missing`` is one more level.
    exclude, include
        Patients who leave before anything else is read, counted in the flow with the reason: those who meet a
        rule of `exclude`, and those who do not meet one of `include`.
    differences
        Column made here → the two columns whose difference it is in `time_unit`, the earlier one first. Dates
        are numbers of days, text such as 2019-02-28 or of `date_format`, or whole numbers such as 20190228.
    date_format
        How the file writes dates, as in ``%d/%m/%Y``, where they are not ISO dates.
    missing_codes
        Values that stand for a missing one in any column, as ``["-9", "."]``; or column → such values. An
        empty list for a column says that its values are all meant.
    allow_after_start
        Covariates that are adjuncts, durations or later scores all the same.
    file
        How the file is read where that is not to be found out: ``separator``, ``encoding``, ``decimal``,
        ``thousands``, ``sheet``.
    labels
        Column → its name in figures and reports.
    """

    name: str = _UNNAMED
    treatment: str = _UNNAMED
    treated: Scalar | tuple[Scalar, ...] | None = None
    arms: Mapping[str, Scalar | tuple[Scalar, ...]] = field(default_factory=dict, hash=False)
    event: Scalar | Mapping[str, Scalar | tuple[Scalar, ...]] | None = field(default=None, hash=False)
    study: str | None = None
    outcomes: tuple[str, ...] = _UNNAMED
    numeric_outcomes: tuple[str, ...] = ()
    cluster: str | None = _UNNAMED
    patient: str | None = _UNNAMED
    covariates: tuple[str, ...] = _UNNAMED
    score: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    score_categories: tuple[str, ...] = ()
    adjuncts: tuple[str, ...] = _UNNAMED
    transfusions: tuple[str, ...] = _UNNAMED
    durations: tuple[str, ...] = _UNNAMED
    later_scores: tuple[str, ...] = _UNNAMED
    survival_time: str | None = _UNNAMED
    survival_event: str | None = _UNNAMED
    start: str | None = None
    time_unit: TimeUnit = "days"
    censoring: Censoring | float = "discharge"
    rmst_horizon: float = 28.0
    scale: Scale = "logit"
    caliper: float | None = 0.2
    caliper_sd: CaliperSD = "overall"
    order: Order = "random"
    select: Select = "nearest"
    ratio: int = 1
    replace: bool = False
    exact: tuple[str, ...] = ()
    second_score: SecondScore = "added"
    correlation: Correlation = "exchangeable"
    moment: Moment = "statsmodels"
    cox_adjusted: bool = False
    chi_square: ChiSquare = "plain"
    fisher: Fisher = "two-sided"
    subgroups: tuple[Subgroup, ...] = _UNNAMED
    methods: tuple[str, ...] = ()
    min_adjunct_users: int = 5
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    recode: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict, hash=False)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    missing: Mapping[str, Missing] = field(default_factory=dict, hash=False)
    exclude: tuple[Rule, ...] = ()
    include: tuple[Rule, ...] = ()
    differences: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)
    date_format: str | None = None
    missing_codes: tuple[Scalar, ...] | Mapping[str, tuple[Scalar, ...]] = field(default=(), hash=False)
    allow_after_start: tuple[str, ...] = ()
    file: Mapping[str, str] = field(default_factory=dict, hash=False)
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Refuse settings that no cohort can satisfy.

        Raises
        ------
        UsageError
            With the setting, its value and what it may be.
        """
        self._take_what_was_not_named()
        binary = tuple(name for name in self.outcomes if name not in self.numeric_outcomes)
        object.__setattr__(self, "outcomes", binary)
        check_spec(self)

    def _take_what_was_not_named(self) -> None:
        """Set the study, and each field that was not named as the study has it, or as absent."""
        named = self.treatment is not _UNNAMED
        if self.study is None:
            own = named and self.treatment != default_spec().treatment
            object.__setattr__(self, "study", OWN if own else DEFAULT)
        elif self.study != OWN:
            object.__setattr__(self, "study", open_study(self.study).key)
        open_fields = [item.name for item in fields(self) if getattr(self, item.name) is _UNNAMED]
        if not open_fields:
            return
        if self.own:
            values = {**ABSENT, **({"outcomes": ()} if self.numeric_outcomes else {})}
            for name in REQUIRED:
                if name in open_fields and name not in values:
                    raise UsageError(f"'{name}' is missing; an analysis of your own names it")
        else:
            spec = open_study(self.study).spec
            values = {name: getattr(spec, name) for name in open_fields}
        for name in open_fields:
            object.__setattr__(self, name, values[name])

    @property
    def all_outcomes(self) -> tuple[str, ...]:
        """Return the outcomes that happen or not, and those that are numbers."""
        return (*self.outcomes, *self.numeric_outcomes)

    @property
    def one_to_one(self) -> bool:
        """Return whether matching makes pairs, so that no control carries a weight."""
        return self.ratio == 1 and not self.replace

    @property
    def own(self) -> bool:
        """Return whether the file is anybody's own, of which nothing is known beforehand."""
        return self.study == OWN

    @property
    def variables(self) -> Variables:
        """Return the columns whose limits, levels and labels are known: the study's, or none."""
        return NO_VARIABLES if self.own else opened_before(str(self.study)).variables

    @property
    def later(self) -> Later:
        """Return what the model with later scores is called: by the study, or by the one that is none's."""
        return opened_before(DEFAULT if self.own else str(self.study)).layout.later

    @property
    def adjusters(self) -> tuple[str, ...]:
        """Return adjuncts and transfusions: what was done besides the treatment."""
        return (*self.adjuncts, *self.transfusions)

    @property
    def clusters_alone(self) -> bool:
        """Return whether there are clusters and nothing that the estimating equations adjust for."""
        return self.cluster is not None and not self.adjusters and not self.later_scores

    @property
    def score_columns(self) -> tuple[str, ...]:
        """Return the columns of the first propensity score, indicators of missing values among them."""
        return self._with_indicators(self.score or self.covariates)

    @property
    def balance_columns(self) -> tuple[str, ...]:
        """Return the covariates whose balance is shown, indicators of missing values among them."""
        return self._with_indicators(self.covariates)

    def _with_indicators(self, names: tuple[str, ...]) -> tuple[str, ...]:
        flagged = {name for name, rule in self.missing.items() if rule == "indicator"}
        pairs = ((name, missing_indicator(name)) if name in flagged else (name,) for name in names)
        return tuple(column for pair in pairs for column in pair)

    @property
    def numbers_used(self) -> tuple[str, ...]:
        """Return every column that is read as numbers or levels, once each."""
        optional = (self.survival_time, self.survival_event)
        subgroups = (subgroup.column for subgroup in self.subgroups)
        names = (
            self.treatment,
            *self.covariates,
            *self.score,
            *self.adjusters,
            *self.all_outcomes,
            *self.durations,
            *self.later_scores,
            *(name for name in optional if name),
            *subgroups,
            *self.exact,
        )
        return tuple(dict.fromkeys(names))


@lru_cache(maxsize=64)
def in_own_words(spec: AnalysisSpec) -> AnalysisSpec:
    """Return the spec for a cohort whose columns and values are those that the spec speaks of.

    A simulated cohort is such a one: nothing in it has to be renamed, recoded, subtracted or left out.
    """
    told = (
        spec.columns,
        spec.recode,
        spec.differences,
        spec.missing_codes,
        spec.arms,
        spec.exclude,
        spec.include,
    )
    if not any(told) and spec.treated is None and spec.event is None:
        return spec
    return replace(
        spec,
        columns={},
        recode={},
        differences={},
        missing_codes=(),
        arms={},
        exclude=(),
        include=(),
        treated=None,
        event=None,
    )


@cache
def default_spec() -> AnalysisSpec:
    """Return the analysis of the study that stands where none is named."""
    return open_study().spec


def __getattr__(name: str) -> Any:
    if name == "THESIS_SPEC":
        return default_spec()
    if name == "THESIS_SUBGROUPS":
        return default_spec().subgroups
    raise AttributeError(f"module '{__name__}' has no name '{name}'")
