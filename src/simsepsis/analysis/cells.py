"""Every number of the thesis's tables and text, by its key."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from simsepsis.analysis.descriptive import (
    PHASES,
    QUARTILES,
    Description,
    Groups,
    describe,
    differences,
    phase_groups,
    quartiles,
)
from simsepsis.analysis.estimates import normal_tests
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.outcomes import AdjustedModel, CrudeComparison, association_p_values
from simsepsis.analysis.propensity import Term
from simsepsis.analysis.ranks import rank_p_values
from simsepsis.analysis.result import (
    EVERYBODY,
    FIRST_SCORE,
    SECOND_SCORE,
    Attempt,
    ThesisResult,
    attempt,
    then,
)
from simsepsis.analysis.risks import risk_rows
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.two_by_two import odds_ratio
from simsepsis.arrays import FloatArray
from simsepsis.estimand import Estimand
from simsepsis.study.layout import ARMS

Key = tuple[str, str, str, str, str, str]
"""``table, variable, level, statistic, phase, arm``."""
Cells = dict[Key, float]
Place = tuple[str, str, str]
"""``statistic, phase, arm``."""

COUNTS: tuple[Place, ...] = tuple(("count", phase, arm) for phase, arm in product(PHASES, ARMS))
PERCENTS: tuple[Place, ...] = tuple(("percent", phase, arm) for phase, arm in product(PHASES, ARMS))
QUANTILES: tuple[Place, ...] = tuple(
    (statistic, phase, arm) for phase, arm, statistic in product(PHASES, ARMS, QUARTILES)
)
DIFFERENCES: tuple[Place, ...] = tuple(("smd_percent", phase, "contrast") for phase in PHASES)
TESTS: tuple[Place, ...] = tuple(("p_value", phase, "contrast") for phase in PHASES)
LIMITS: tuple[Place, ...] = tuple((name, "after", "contrast") for name in ("ci_low", "ci_high", "p_value"))
ODDS: tuple[Place, ...] = (("odds_ratio", "after", "contrast"), *LIMITS)
HAZARD: tuple[Place, ...] = (("hazard_ratio", "after", "contrast"), *LIMITS)
NOWHERE: tuple[Place, ...] = (("count", "after", ""),)


def cells(result: ThesisResult) -> Cells:
    """Return every number of the tables and the text by ``(table, variable, level, statistic, phase, arm)``.

    Returns
    -------
    dict
        Percentages and standardized differences in percent, the latter without sign; NaN where
        the step failed. Two results of one spec with the same levels have the same keys.

    Notes
    -----
    Quartiles are SPSS's (HAVERAGE); standardized differences use each phase's own pooled SD, which is
    what the thesis printed.
    """
    spec = result.spec
    first = result.matched[FIRST_SCORE].value
    groups = phase_groups(result.cohort, None if first is None else first.matches)
    found: Cells = {}
    _put_table1(found, result, groups)
    outcomes = (*spec.all_outcomes, *spec.durations)
    for table, names in (("table2", spec.adjusters), ("table3", outcomes)):
        if names:
            _put_sizes(found, table, groups)
            _put_compared(found, table, describe(result.cohort, names, groups), groups, spec)
    _put_means(found, result)
    _put_table4(found, result, groups)
    for number, outcome in enumerate(spec.outcomes, start=5):
        if (FIRST_SCORE, True, outcome) in result.models:
            _put_terms(found, f"table{number}", result, outcome)
    _put_text(found, result, groups)
    return found


def _put(
    found: Cells, table: str, terms: Sequence[Term], places: Sequence[Place], values: FloatArray
) -> None:
    """Enter values, (terms, places) in any shape, under their keys."""
    keys = _keys(table, tuple(terms), tuple(places))
    found.update(zip(keys, np.asarray(values, dtype=np.float64).ravel().tolist(), strict=True))


@lru_cache(maxsize=512)
def _keys(table: str, terms: tuple[Term, ...], places: tuple[Place, ...]) -> tuple[Key, ...]:
    """Return keys, which are the same for every replicate of a study."""
    return tuple((table, variable, level, *place) for variable, level in terms for place in places)


def _put_sizes(found: Cells, table: str, groups: Groups) -> None:
    _put(found, table, [("n", "")], COUNTS, groups.sizes)


def _put_described(found: Cells, table: str, shown: Description) -> None:
    _put(found, table, shown.terms, COUNTS, shown.counts)
    _put(found, table, shown.terms, PERCENTS, 100 * shown.fractions)
    _put(found, table, shown.numeric, QUANTILES, shown.quartiles)


def _put_table1(found: Cells, result: ThesisResult, groups: Groups) -> None:
    _put_sizes(found, "table1", groups)
    _put(found, "table1", [("n", "")], PERCENTS[:2], 100 * groups.sizes[0] / result.cohort.n)
    shown = describe(result.cohort, result.spec.balance_columns, groups)
    _put_described(found, "table1", shown)
    shares = shown.fractions
    _put(found, "table1", shown.terms, DIFFERENCES, 100 * np.abs(differences(shares, shares * (1 - shares))))
    _put(found, "table1", shown.numeric, DIFFERENCES, 100 * np.abs(differences(shown.mean, shown.variance)))


def _put_compared(found: Cells, table: str, shown: Description, groups: Groups, spec: AnalysisSpec) -> None:
    """Enter a block whose arms are compared by tests."""
    _put_described(found, table, shown)
    others = groups.sizes - shown.counts
    tables = np.stack([shown.counts, others], axis=-1)
    if groups.copies:
        # sums of weights are no counts of patients: the tests that count have no answer after matching
        tables[:, 1] = np.nan
    p_values = attempt(
        association_p_values, tables.reshape(-1, 2, 2), chi_square=spec.chi_square, sides=spec.fisher
    ).value
    _put(
        found, table, shown.terms, TESTS, np.full(tables.shape[:2], np.nan) if p_values is None else p_values
    )
    if shown.numeric:
        phases = (slice(0, 2), slice(2, 4))
        none = np.full(len(shown.numeric), np.nan)
        counts = ([one.count[arms] for one in shown.tallies] for arms in phases)
        ranked = [attempt(rank_p_values, count).value for count in counts]
        tests = [none if p_values is None else p_values for p_values in ranked]
        if groups.copies:
            tests[1] = none
        _put(found, table, shown.numeric, TESTS, np.stack(tests, axis=1))


def _put_table4(found: Cells, result: ThesisResult, groups: Groups) -> None:
    _put(found, "table4", [("n", "")], COUNTS[2:], groups.sizes[1])
    for outcome in result.spec.outcomes:
        crude = result.crude[FIRST_SCORE, outcome]
        term = [(outcome, "unadjusted")]
        _put_deaths(found, "table4", term, COUNTS[2:], crude, percent=False)
        _put_deaths(found, "table4", term, PERCENTS[2:], crude, percent=True)
        _put(found, "table4", term, ODDS, _crude_odds(crude))
        if (FIRST_SCORE, False, outcome) in result.models:
            model = result.models[FIRST_SCORE, False, outcome]
            _put(found, "table4", [(outcome, "adjusted")], ODDS, _treatment_odds(model, result))
        if outcome in result.clustered:
            odds = _treatment_odds(result.clustered[outcome], result)
            _put(found, "table4", [(outcome, "clustered")], ODDS, odds)


def _put_means(found: Cells, result: ThesisResult) -> None:
    """Enter mean and SD of the numeric outcomes in both arms."""
    for outcome in result.spec.numeric_outcomes:
        for phase, label in zip(PHASES, (EVERYBODY, FIRST_SCORE), strict=True):
            step = result.means[label, outcome].value
            for statistic in ("mean", "sd"):
                values = np.full(2, np.nan) if step is None else getattr(step, statistic)
                _put(found, "table3", [(outcome, "")], [(statistic, phase, arm) for arm in ARMS], values)


def _put_deaths(
    found: Cells,
    table: str,
    term: Sequence[Term],
    places: Sequence[Place],
    crude: Attempt[CrudeComparison],
    *,
    percent: bool,
) -> None:
    values = np.full(2, np.nan)
    if crude.value is not None:
        dead, sizes = crude.value.table[:, 0], crude.value.table.sum(axis=1)
        values = 100 * dead / np.where(sizes > 0, sizes, np.nan) if percent else dead
    _put(found, table, term, places, values)


def _crude_odds(crude: Attempt[CrudeComparison]) -> FloatArray:
    odds = then(crude, _odds).value
    return np.full(4, np.nan) if odds is None else odds


def _odds(crude: CrudeComparison) -> FloatArray:
    """Return odds ratio, limits and p value."""
    if crude.risks is None:
        effect = odds_ratio(crude.table)
        return np.array([effect.estimate, effect.ci_low, effect.ci_high, crude.p_value])
    row = next(
        row for row in risk_rows("", "", "", crude.risks) if Estimand.parse(row.estimand).scale == "log_or"
    )
    with np.errstate(over="ignore"):
        ratio = np.exp([row.estimate, row.ci_low, row.ci_high])
    return np.array([*ratio, row.p_value])


def _treatment_odds(model: Attempt[AdjustedModel], result: ThesisResult) -> FloatArray:
    if model.value is None:
        return np.full(4, np.nan)
    odds: FloatArray = ratios(model.value.fit)[model.value.position(result.spec.treatment)]
    return odds


def ratios(fit: Fit) -> FloatArray:
    """Return ratio, 95% limits and p value of each coefficient, (p, 4); NaN where not estimable."""
    low, high, p_value = normal_tests(fit.params, fit.std_errors)
    found = np.array([np.where(fit.estimated, fit.params, np.nan), low, high, p_value])
    with np.errstate(over="ignore"):
        np.exp(found[:3], out=found[:3])
    return found.T


def _put_terms(found: Cells, table: str, result: ThesisResult, outcome: str) -> None:
    """Enter every term of the extended model; terms that were left out are NaN."""
    spec = result.spec
    terms = [(name, "") for name in (spec.treatment, *spec.adjusters, *spec.later_scores)]
    _put(found, table, terms, ODDS, np.full((len(terms), 4), np.nan))
    model = result.models[FIRST_SCORE, True, outcome].value
    if model is not None:
        _put(found, table, model.data.terms[1:], ODDS, ratios(model.fit)[1:])


def _put_text(found: Cells, result: ThesisResult, groups: Groups) -> None:
    flow, cohort = result.flow, result.cohort
    found["text", "n", "registered", "count", "before", ""] = float(flow.registered)
    found["text", "n", "analysed", "count", "", ""] = float(flow.analysed)
    if cohort.cluster is not None:
        found["text", "icus", "", "count", "", ""] = float(np.count_nonzero(np.bincount(cohort.cluster)))
    _put(found, "text", [("n", "")], COUNTS[:2], groups.sizes[0])
    _put(found, "text", [("n", "")], PERCENTS[:2], 100 * groups.sizes[0] / cohort.n)
    _put_matched_text(found, result)
    for outcome in result.spec.outcomes:
        before, after = result.crude[EVERYBODY, outcome], result.crude[FIRST_SCORE, outcome]
        for crude, percents, test in ((before, PERCENTS[:2], TESTS[:1]), (after, PERCENTS[2:], TESTS[1:])):
            _put_deaths(found, "text", [(outcome, "")], percents, crude, percent=True)
            _put(found, "text", [(outcome, "")], test, _crude_odds(crude)[3:])
    _put_subgroup_text(found, result)
    if result.survival is not None:
        event = str(result.spec.survival_event)
        fit = None if result.survival.value is None else result.survival.value.cox
        _put(found, "text", [(event, "cox")], HAZARD, np.full(4, np.nan) if fit is None else ratios(fit)[0])


def _put_matched_text(found: Cells, result: ThesisResult) -> None:
    """Enter pairs, patients without later scores and odds ratios of both scores."""
    for score, matched in result.matched.items():
        second = score == SECOND_SCORE
        pairs = np.nan if matched.value is None else float(matched.value.n_treated)
        found["text", "matched_pairs", score if second else "", "count", "after", ""] = pairs
        for (model_score, extended, outcome), model in result.models.items():
            if model_score != score or outcome not in result.spec.outcomes:
                continue
            if extended:
                excluded = np.nan if model.value is None else float(model.value.data.excluded)
                missing = f"{result.spec.later.name}_missing"
                found["text", missing, score if second else "", "count", "after", ""] = excluded
            level = _model_level(result.spec.later.name if extended else "", second=second)
            if level:
                _put(found, "text", [(outcome, level)], ODDS, _treatment_odds(model, result))
        if second:
            for outcome in result.spec.outcomes:
                crude, term = result.crude[score, outcome], [(outcome, "adjuncts_crude")]
                _put_deaths(found, "text", term, PERCENTS[2:], crude, percent=True)
                _put(found, "text", term, TESTS[1:], _crude_odds(crude)[3:])


def _model_level(later: str, *, second: bool) -> str:
    """Return how the text's keys call a model; the first score's with later scores has tables of its own."""
    if second:
        return f"adjuncts_gee_{later}" if later else "adjuncts_gee"
    return "" if later else "adjusted"


def _put_subgroup_text(found: Cells, result: ThesisResult) -> None:
    for subgroup in result.spec.subgroups:
        if result.cohort.kinds[subgroup.column] != "binary":
            upper = quartiles(result.cohort.block([subgroup.column]))[0, 2]
            found["text", subgroup.column, "severe", "q3", "", ""] = float(upper)
    for (name, outcome), interaction in result.interactions.items():
        p_value = np.nan if interaction.value is None else interaction.value.test.p_value
        found["text", outcome, f"breslow_day_{name}", "p_value", "after", "contrast"] = p_value
