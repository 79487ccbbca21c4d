"""What each column of a file is, guessed by its name and by what stands in it, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from simsepsis.analysis.drafting.column_facts import ColumnFacts
from simsepsis.analysis.drafting.vocabulary import (
    BESIDE_CLUSTER,
    COLUMNS,
    Words,
    day_in,
    parts_of,
    untreated_of,
)
from simsepsis.analysis.propensity import c_statistic
from simsepsis.study.variables import Kind, Role

MOST_ARMS = 6
"""Values of a treatment at the most."""
MOST_LEVELS = 30
"""Levels of a category at the most; one of more is left out of the score."""
FEW_POINTS = 10
"""Whole numbers of so few different values are points of a score."""
SAME = 0.98
"""C-statistic, or agreement, from which on a column says the arm or the outcome itself."""

Facts = Mapping[str, ColumnFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What the columns of a file are.

    Attributes
    ----------
    treatment
        Column of the treatment; None where it is left to the user.
    outcomes, amounts
        Columns of outcomes that happen or not, and of those that are numbers; both empty where they are left
        to the user.
    time, event
        Columns of the survival analysis, both or neither.
    start
        Column of the time to the treatment, in who was treated.
    patient, cluster
        Columns of the identifier and of the cluster, where there are any.
    durations, covariates
        What is compared between the arms beside the outcomes; what the score is made of.
    why
        Column → why it is what it is, in words.
    candidates
        ``treatment``, ``outcome`` or ``time`` → columns that may be it, the likely ones first.
    treated_value, event_value
        Values that the user named.
    given
        What the user named: ``treatment``, ``outcome`` …
    """

    treatment: str | None = None
    outcomes: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    time: str | None = None
    event: str | None = None
    start: str | None = None
    patient: str | None = None
    cluster: str | None = None
    durations: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)
    candidates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    treated_value: str | None = None
    event_value: str | None = None
    given: frozenset[str] = frozenset()

    @property
    def all_outcomes(self) -> tuple[str, ...]:
        """Return the outcomes that happen or not, and those that are numbers."""
        return (*self.outcomes, *self.amounts)

    @property
    def taken(self) -> set[str]:
        """Return the columns that have a role already."""
        single = (self.treatment, self.time, self.event, self.start, self.patient, self.cluster)
        return {name for name in (*single, *self.all_outcomes, *self.durations, *self.covariates) if name}

    def because(self, words: Mapping[str, str]) -> Mapping[str, str]:
        """Return the reasons, with some more."""
        return {**self.why, **words}

    def role(self, name: str) -> Role:
        """Return the role of a column, ``never`` for one that is not used."""
        roles: tuple[tuple[Role, Iterable[str | None]], ...] = (
            ("treatment", (self.treatment,)),
            ("id", (self.patient,)),
            ("site", (self.cluster,)),
            ("outcome", (*self.all_outcomes, self.event)),
            ("time", (self.time,)),
            ("start", (self.start,)),
            ("duration", self.durations),
            ("covariate", self.covariates),
        )
        return next((role for role, names in roles if name in names), "never")


def choose(facts: Facts, given: Chosen) -> Chosen:
    """Return what the columns are."""
    chosen = given
    for step in (_patient, _cluster, _outcomes, _time, _treatment, _start, _durations, _covariates):
        chosen = step(facts, chosen)
    return chosen


def kind_of(column: ColumnFacts) -> Kind:
    """Return how the values of a column are summarized."""
    if column.truth:
        return "binary"
    if column.numbers is None or named_codes(column):
        return "category"
    few = column.whole and len(column.values) <= FEW_POINTS and not (column.numbers < 0).any()
    return "ordinal" if few else "number"


def named_codes(column: ColumnFacts) -> bool:
    """Return whether the numbers of a column are names, such as 1 for a region."""
    few = column.whole and len(column.values) <= MOST_LEVELS
    return few and (column.two_valued or bool(COLUMNS["codes"].strength(column.name)))


def _best(facts: Facts, words: Words, fits: Callable[[ColumnFacts], bool]) -> tuple[tuple[str, ...], bool]:
    """Return the columns that words speak of and that fit, the plainest first, and whether one stands out."""
    said = {name: words.strength(name) for name, column in facts.items() if fits(column)}
    named = sorted((name for name in said if said[name]), key=lambda name: -said[name])
    alone = len(named) == 1 or (len(named) > 1 and said[named[0]] > said[named[1]])
    return tuple(named), bool(named) and alone and said[named[0]] > 1


def _free(facts: Facts, chosen: Chosen) -> Facts:
    return {name: column for name, column in facts.items() if name not in chosen.taken}


def _patient(facts: Facts, chosen: Chosen) -> Chosen:
    if "id" in chosen.given:
        return chosen

    def fits(column: ColumnFacts) -> bool:
        plain = COLUMNS["identifier"].strength(column.name) > 1 and not _names_cluster(column.name)
        return not column.dates and (column.unique or (plain and len(column.values) > column.rows / 2))

    named, _ = _best(_free(facts, chosen), COLUMNS["identifier"], fits)
    if not named:
        return chosen
    unique = facts[named[0]].unique
    why = "every patient has one of his own" if unique else "the name says so, but some values stand twice"
    return replace(chosen, patient=named[0], why=chosen.because({named[0]: why}))


def _names_cluster(name: str) -> bool:
    parts = {part.rstrip("0123456789") or part for part in parts_of(name)}
    rest = parts - COLUMNS["cluster"].parts
    return bool(parts & COLUMNS["cluster"].parts) and rest <= BESIDE_CLUSTER


def _may_be_cluster(column: ColumnFacts) -> bool:
    return _names_cluster(column.name) and not column.truth and 2 <= len(column.values) <= column.rows / 2


def _cluster(facts: Facts, chosen: Chosen) -> Chosen:
    if "cluster" in chosen.given:
        return chosen
    fits = [
        name
        for name, column in _free(facts, chosen).items()
        if _may_be_cluster(column) and not column.missing
    ]
    if not fits:
        return chosen
    most = max(fits, key=lambda name: len(facts[name].values))
    why = {most: f"the name says so, and there are {len(facts[most].values)} of them"}
    return replace(chosen, cluster=most, why=chosen.because(why))


def _outcomes(facts: Facts, chosen: Chosen) -> Chosen:
    if "outcome" in chosen.given:
        return chosen
    free = {name: column for name, column in _free(facts, chosen).items() if not column.dates}

    def happens(column: ColumnFacts) -> bool:
        plain = column.two_valued or (len(column.values) == 3 and column.whole)
        return plain and column.missing < column.rows

    named, _ = _best(free, COLUMNS["outcome"], happens)
    clear = tuple(name for name in facts if name in named and COLUMNS["outcome"].strength(name) > 1)
    if not clear and named:
        clear = named if len(named) == 1 and facts[named[0]].truth else ()
    if clear:
        why = {name: f"the name says so, and it has {len(facts[name].values)} values" for name in clear}
        return replace(chosen, outcomes=clear, why=chosen.because(why))
    amounts, alone = _best(free, COLUMNS["amount"], lambda column: column.numbers is not None)
    if alone and not named:
        why = {amounts[0]: "the name says so, and it is a number"}
        return replace(chosen, amounts=amounts[:1], why=chosen.because(why))
    rest = [name for name, column in free.items() if column.two_valued]
    candidates = tuple(dict.fromkeys((*named, *amounts, *_likely(rest, COLUMNS["after"]))))
    return replace(chosen, candidates={**chosen.candidates, "outcome": candidates})


def _likely(names: list[str], words: Words) -> list[str]:
    return sorted(names, key=lambda name: -words.strength(name))


def _treatment(facts: Facts, chosen: Chosen) -> Chosen:
    if "treatment" in chosen.given:
        return chosen
    free = {name: column for name, column in _free(facts, chosen).items() if not column.dates}
    named, alone = _best(free, COLUMNS["treatment"], lambda column: 2 <= len(column.values) <= MOST_ARMS)
    if alone and not free[named[0]].missing:
        why = {named[0]: f"the name says so, and it has {len(facts[named[0]].values)} values"}
        return replace(chosen, treatment=named[0], why=chosen.because(why))
    rest = [name for name, column in free.items() if column.two_valued and not column.missing]
    rest.sort(key=lambda name: untreated_of(free[name].labels) is None or free[name].truth)
    candidates = tuple(dict.fromkeys((*named, *rest)))
    return replace(chosen, candidates={**chosen.candidates, "treatment": candidates})


def _time(facts: Facts, chosen: Chosen) -> Chosen:
    """Choose the time to the event, of which there must be one that belongs to an outcome."""
    if not chosen.outcomes or "time" in chosen.given:
        return _with_event(chosen, chosen.outcomes[:1]) if chosen.time else chosen
    free = _free(facts, chosen)
    named, alone = _best(free, COLUMNS["time"], _is_span)
    named = tuple(name for name in named if not COLUMNS["stay"].strength(name))
    pairs = [(time, event) for time in named for event in chosen.outcomes if _belongs(time, event)]
    if not alone and len(pairs) == 1:
        time, event = pairs[0]
        return _with_event(_timed(chosen, time, f"the name goes with '{event}'"), (event,))
    if alone or len(named) == 1:
        related = [event for time, event in pairs if time == named[0]]
        return _with_event(_timed(chosen, named[0], "the name says so"), (*related, *chosen.outcomes)[:1])
    return replace(chosen, candidates={**chosen.candidates, "time": named}) if named else chosen


def _is_span(column: ColumnFacts) -> bool:
    numbers = column.numbers
    if column.dates or numbers is None or len(column.values) <= 2:
        return False
    negative = numbers < 0
    return not (negative & (numbers != column.code)).any()


def _belongs(time: str, event: str) -> bool:
    """Return whether a time is that of an outcome: they share a word, or the time has its first letter."""
    shared = set(parts_of(time)) & set(parts_of(event)) - {"time", "days"}
    initial = any(
        part[1:] in ("time", "days") and event.casefold().startswith(part[0]) for part in parts_of(time)
    )
    return bool(shared) or initial


def _timed(chosen: Chosen, time: str, why: str) -> Chosen:
    return replace(chosen, time=time, why=chosen.because({time: f"{why}, and it is a number of 0 or more"}))


def _with_event(chosen: Chosen, events: tuple[str, ...]) -> Chosen:
    return replace(chosen, event=events[0]) if events else replace(chosen, time=None)


def _of_one_arm(column: ColumnFacts, treatment: ColumnFacts) -> bool:
    """Return whether exactly the patients of one of two arms have a value."""
    first, known = treatment.codes == 0, column.codes >= 0
    if not treatment.two_valued or treatment.missing:
        return False
    return bool((known == first).all() or (known != first).all())


def _start(facts: Facts, chosen: Chosen) -> Chosen:
    """Choose the time to the treatment: a span that one arm has, ending while patients are followed."""
    if chosen.treatment is None or chosen.time is None:
        return chosen
    end, arms = facts[chosen.time].numbers, facts[chosen.treatment]
    for name, column in _free(facts, chosen).items():
        own = column.numbers
        if own is None or end is None or not _is_span(column) or not _of_one_arm(column, arms):
            continue
        if not (own > end).any():
            why = f"only one arm of '{chosen.treatment}' has it, and it is never after '{chosen.time}'"
            return replace(chosen, start=name, why=chosen.because({name: why}))
    return chosen


def _durations(facts: Facts, chosen: Chosen) -> Chosen:
    """Choose the spans that are no time to an event; times that may be one are left out."""
    found = tuple(
        name
        for name, column in _free(facts, chosen).items()
        if name not in chosen.candidates.get("time", ())
        and _is_span(column)
        and (COLUMNS["stay"].strength(name) or COLUMNS["span"].strength(name))
    )
    return replace(
        chosen,
        durations=(*chosen.durations, *found),
        why=chosen.because(dict.fromkeys(found, "a span of time")),
    )


def _covariates(facts: Facts, chosen: Chosen) -> Chosen:
    """Take everything else that may have been known before the treatment, and say why not the rest."""
    reasons = {name: _unfit(column, facts, chosen) for name, column in _free(facts, chosen).items()}
    reasons |= {name: chosen.why[name] for name in reasons if name in chosen.why and not reasons[name]}
    found = tuple(name for name, reason in reasons.items() if not reason)
    return replace(
        chosen,
        covariates=found,
        why=chosen.because({name: reason for name, reason in reasons.items() if reason}),
    )


def _unfit(column: ColumnFacts, facts: Facts, chosen: Chosen) -> str:
    """Return why a column is no covariate; empty where it may be one."""
    name, levels = column.name, len(column.values)
    open_ = [role for role, names in chosen.candidates.items() if name in names and role == "time"]
    reasons: tuple[tuple[bool, str], ...] = (
        (levels == 0, "is empty, or holds lists"),
        (levels == 1, f"is {column.labels[0] if levels else ''} in every row"),
        (column.dates or (levels > 2 and COLUMNS["date"].strength(name) > 0), "dates"),
        (bool(open_), "may be the time to the event"),
        (_row_numbers(column), "numbers of rows"),
        (
            chosen.treatment is not None and _of_one_arm(column, facts[chosen.treatment]),
            "is known in one arm only",
        ),
        (
            _may_be_cluster(column) and column.missing > 0 and chosen.cluster is None,
            f"may name the clusters, but is empty in {column.missing} rows; fill them, and write cluster",
        ),
        (column.unique and COLUMNS["identifier"].strength(name) > 0, "names patients"),
        (column.two_valued and COLUMNS["outcome"].strength(name) > 1, "looks like an outcome"),
        (day_in(name) > 1, "looks recorded after the start"),
        (COLUMNS["after"].strength(name) > 0, "looks recorded after the start"),
        (COLUMNS["stay"].strength(name) > 0, "looks recorded after the start"),
        (set(column.odd) != set(column.nothing), f"has words among its numbers: {', '.join(column.odd[:3])}"),
        (column.numbers is None and levels > MOST_LEVELS, f"has {levels} levels; group them with recode"),
    )
    first = next((reason for applies, reason in reasons if applies), "")
    return first or _tells(column, facts, chosen)


def _row_numbers(column: ColumnFacts) -> bool:
    numbers = column.numbers
    if numbers is None or not column.unique or not column.whole:
        return False
    return bool(np.array_equal(np.diff(numbers), np.ones(numbers.size - 1)))


def _tells(column: ColumnFacts, facts: Facts, chosen: Chosen) -> str:
    """Return in words that a column gives away the arm or an outcome; empty where it does not."""
    for name in filter(None, (chosen.treatment, *chosen.outcomes)):
        other = facts[name]
        if (
            other.numbers is not None
            and other.two_valued
            and agreement(column.numbers, other.numbers) >= SAME
        ):
            time = (
                "; if it is the time to it, write survival_time"
                if name != chosen.treatment and _is_span(column)
                else ""
            )
            return f"says nearly the same as '{name}'{time}"
    return ""


def agreement(numbers: np.ndarray | None, truth: np.ndarray) -> float:
    """Return how well numbers tell who is 1, from 0.5 to 1: the C-statistic, in either direction."""
    if numbers is None:
        return 0.5
    known = ~(np.isnan(numbers) | np.isnan(truth))
    ones = truth[known] == truth[known].max(initial=0.0)
    if not ones.any() or ones.all():
        return 0.5
    found = c_statistic(numbers[known], ones)
    return max(found, 1 - found)
