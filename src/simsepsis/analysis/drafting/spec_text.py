"""The text of a drafted ``analysis.toml``: above each line why it was written so, and what else to write."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping

import numpy as np

from simsepsis.analysis.drafting.column_facts import ColumnFacts
from simsepsis.analysis.drafting.guessed_roles import Chosen, Facts, kind_of
from simsepsis.analysis.drafting.vocabulary import UNITS, event_of, parts_of, untreated_of
from simsepsis.analysis.spec_files import LEFT_OPEN
from simsepsis.words import plain
from simsepsis.words.numbers import listed

MOST_MISSING = 0.05
"""Share of patients without a covariate from which on they are not left out for it."""
_WIDTH = 108
_NAMED = 8


def quoted(text: str) -> str:
    """Return text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)


def key(name: str) -> str:
    """Return a column's name as a key of TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def remark(words: str) -> str:
    """Return words as lines of a comment."""
    lines = textwrap.wrap(plain(words), _WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"# {line}" for line in lines)


def entry(words: str, line: str) -> str:
    """Return a line of a spec with the comment above it."""
    return f"{remark(words)}\n{line}\n"


def spec_text(name: str, source: str, facts: Facts, chosen: Chosen) -> str:
    """Return the spec of a drafted study."""
    head = (
        f"The analysis of {source}, drafted by `simsepsis new`. Above each line stands why it was written "
        "so, "
        "and what to write if it is wrong. `simsepsis check` says what is doubtful or wrong, `simsepsis "
        "show-keys spec` which other lines there may be."
    )
    blocks = (
        f"{remark(head)}\nname = {quoted(name)}\n",
        *_treatment(facts, chosen),
        *_outcomes(facts, chosen),
        *_survival(facts, chosen),
        *_people(facts, chosen),
        *_spans(facts, chosen),
        _covariates(facts, chosen),
        entry(
            "There is one score, of what was known before the treatment. Name what was done besides under "
            "adjuncts, and leave this line out, for a second score with them.",
            'second_score = "none"',
        ),
        *_codes(facts, chosen),
        *_gaps(facts, chosen),
    )
    return "\n".join(blocks)


def _left(what: str, facts: Facts, names: tuple[str, ...], remedy: str, line: str) -> str:
    """Return a line that is left to the user, with the columns that it may name."""
    shown = [plain(f"#   {name}: {facts[name].shares(3)}") for name in names[:_NAMED]]
    more = [f"#   or one of {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    head = f"LEFT TO YOU: {what}.{' It may be one of these:' if names else ''}"
    return "\n".join((remark(head), *shown, *more, remark(remedy), f"{line}\n"))


def _reason(chosen: Chosen, name: str) -> str:
    return chosen.why.get(name, "you named it")


def _treatment(facts: Facts, chosen: Chosen) -> Iterator[str]:
    name = chosen.treatment
    if name is None:
        candidates = chosen.candidates.get("treatment", ())
        remedy = "Write its name, and take it out of covariates."
        yield _left("the column of the treatment", facts, candidates, remedy, f'treatment = "{LEFT_OPEN}"')
        return
    column = facts[name]
    yield entry(
        f"'{name}' is the treatment: {_reason(chosen, name)}, {column.shares()}. If it is not, write another "
        "column.",
        f"treatment = {quoted(name)}",
    )
    if chosen.treated_value is not None or not column.truth:
        yield _arms(column, chosen.treated_value)


def _arms(column: ColumnFacts, treated: str | None) -> str:
    """Return the line that says which values are treated."""
    control = untreated_of(column.labels)
    others = tuple(value for value in column.labels if value != control)
    if treated is not None:
        rest = [_value(column, value) for value in column.labels if value != treated]
        line = f"treated = {_value(column, treated)}"
        several = f"arms = {{ {line}, control = [{', '.join(rest)}] }}"
        return entry("You named the value that means treated.", line if column.two_valued else several)
    if column.two_valued and control is not None:
        words = (
            f"'{control}' is who was not treated, by the word. If it is the other way round, write "
            f"{quoted(control)}."
        )
        return entry(words, f"treated = {_value(column, others[0])}")
    if column.two_valued:
        words = (
            "LEFT TO YOU: which value means treated, "
            f"{' or '.join(_value(column, one) for one in column.labels)}."
        )
        return entry(words, f'treated = "{LEFT_OPEN}"')
    words = (
        f"LEFT TO YOU: the values of each arm, of {column.shares(6)}; patients with other values leave. "
        "Several "
        'stand in a list: control = ["A", "B"].'
    )
    said = quoted(LEFT_OPEN if control is None else control)
    return entry(words, f'arms = {{ treated = "{LEFT_OPEN}", control = {said} }}')


def _value(column: ColumnFacts, value: str) -> str:
    """Return a value as TOML writes it: a number where the column has numbers."""
    return value if column.numbers is not None else quoted(value)


def _outcomes(facts: Facts, chosen: Chosen) -> Iterator[str]:
    if not chosen.all_outcomes:
        candidates = chosen.candidates.get("outcome", ())
        remedy = (
            "Write its name, and take it out of covariates. If it is a number, such as a cost, write "
            "numeric_outcomes in place of outcomes."
        )
        yield _left("the column of the outcome", facts, candidates, remedy, f'outcomes = ["{LEFT_OPEN}"]')
        return
    for title, names in (("outcomes", chosen.outcomes), ("numeric_outcomes", chosen.amounts)):
        if names:
            told = "; ".join(f"'{name}': {_reason(chosen, name)} ({facts[name].shares()})" for name in names)
            rest = "" if title == "outcomes" else " Means are compared."
            words = f"What is compared between the arms. {told}.{rest} The first is the one that counts most."
            yield entry(words, f"{title} = [{', '.join(map(quoted, names))}]")
    yield from _events(facts, chosen)


def _events(facts: Facts, chosen: Chosen) -> Iterator[str]:
    """Yield the line that says which values mean the event, where the columns do not."""
    unclear = [
        name for name in dict.fromkeys((*chosen.outcomes, chosen.event)) if name and not facts[name].truth
    ]
    if not unclear:
        return
    found = {name: chosen.event_value or event_of(facts[name].labels) for name in unclear}
    lines, words = [], []
    for name, event in found.items():
        column = facts[name]
        lines.append(f"{key(name)} = {quoted(LEFT_OPEN) if event is None else _value(column, event)}")
        choice = " or ".join(_value(column, one) for one in column.labels)
        words.append(
            f"LEFT TO YOU: which value of '{name}' means that it happened, {choice}"
            if event is None
            else f"'{event}' is the event of '{name}', of {column.shares()}"
        )
    several = any(len(facts[name].values) > 2 for name in unclear)
    more = (
        " A column of more than two values needs recode, with 1 for the event and 0 for the others."
        if several
        else ""
    )
    yield entry(f"{'; '.join(words)}.{more}", f"event = {{ {', '.join(lines)} }}")


def _survival(facts: Facts, chosen: Chosen) -> Iterator[str]:
    if chosen.time is None or chosen.event is None:
        candidates = chosen.candidates.get("time", ())
        if candidates:
            among = listed(candidates, most=_NAMED)
            yield (
                remark(
                    f"No time to the event is used, since it may be {among}: write survival_time and "
                    "survival_event, both, "
                    "with the names of two columns, for survival curves."
                )
                + "\n"
            )
        return
    yield entry(
        f"'{chosen.time}' is the time to '{chosen.event}' or to the end of follow-up: "
        f"{_reason(chosen, chosen.time)}. "
        "If it is not, leave out these two lines.",
        f"survival_time = {quoted(chosen.time)}\nsurvival_event = {quoted(chosen.event)}",
    )
    yield entry(
        "The living are followed until their time ends, and leave for no reason of their health. If they "
        "leave "
        'alive and well, as at discharge, write "discharge".',
        'censoring = "administrative"',
    )
    yield _unit(facts, chosen)
    if chosen.start is not None:
        yield entry(
            f"'{chosen.start}' is the time to the treatment: {_reason(chosen, chosen.start)}. It is counted "
            "from the start of follow-up, in the same unit. If it is not, leave this line out.",
            f"start = {quoted(chosen.start)}",
        )


def unit_of(name: str) -> str | None:
    """Return the unit of time that a name says, if it says one."""
    parts = parts_of(name)
    return next((unit for unit, words in UNITS.items() if words & set(parts)), None)


def _unit(facts: Facts, chosen: Chosen) -> str:
    time = str(chosen.time)
    said = unit_of(time)
    known = "which its name says" if said else "ASSUMED, since its name does not say it"
    words = f"The unit of '{time}', {known}: days, weeks, months, years or hours."
    numbers = facts[time].numbers
    assert numbers is not None
    horizon = horizon_of(numbers)
    until = "The mean time without the event is counted to here, which a quarter of the patients reach."
    unit = quoted(said or "days")
    return entry(words, f"time_unit = {unit}") + "\n" + entry(until, f"rmst_horizon = {horizon:g}")


def horizon_of(times: np.ndarray) -> float:
    """Return the time that a quarter of the patients reach, rounded down to two digits.

    Examples
    --------
    >>> horizon_of(np.arange(1.0, 2001.0) * 1.01)
    1500.0
    """
    present = times[np.isfinite(times) & (times > 0)]
    if not present.size:
        return 1.0
    upper = float(np.quantile(present, 0.75))
    step = 10.0 ** (np.floor(np.log10(upper)) - 1)
    return float(f"{np.floor(upper / step + 1e-9) * step:.12g}")


def _people(facts: Facts, chosen: Chosen) -> Iterator[str]:
    if chosen.patient is not None:
        words = (
            f"'{chosen.patient}' names the patients: {_reason(chosen, chosen.patient)}. Leave it out if it "
            "does not."
        )
        yield entry(words, f"patient = {quoted(chosen.patient)}")
    if chosen.cluster is not None:
        words = (
            f"'{chosen.cluster}' is where patients were treated: {_reason(chosen, chosen.cluster)}. "
            "Patients of one "
            "place are alike, so that standard errors respect it. Leave it out if it is none."
        )
        yield entry(words, f"cluster = {quoted(chosen.cluster)}")


def _spans(facts: Facts, chosen: Chosen) -> Iterator[str]:
    if chosen.durations:
        words = (
            "Spans of time after the start, compared between the arms beside the outcomes. Take out what "
            "is none."
        )
        yield entry(words, f"durations = [{', '.join(map(quoted, chosen.durations))}]")


def _covariates(facts: Facts, chosen: Chosen) -> str:
    left = {name: chosen.why[name] for name in facts if name not in chosen.taken and name in chosen.why}
    words = (
        "What the score is made of. TAKE OUT whatever was recorded after the treatment began: a file does "
        "not "
        "say. Columns behind # were left out; take away the # if one of them was known before."
    )
    lines = [f"  {quoted(name)}, # {_told(facts[name])}" for name in chosen.covariates]
    lines += [f"  # {quoted(name)}, {plain(why)}" for name, why in left.items()]
    if not chosen.covariates:
        words = f"LEFT TO YOU: no column is left that may be a covariate. {words}"
        lines.insert(0, f'  "{LEFT_OPEN}",')
    return entry(words, "\n".join(["covariates = [", *lines, "]"]))


def _told(column: ColumnFacts) -> str:
    kind = {"binary": "yes or no", "category": f"{len(column.values)} levels", "ordinal": "points, in order"}
    gap = f", missing in {100 * missing_share(column):.1f}%" if missing_share(column) else ""
    return f"{kind.get(kind_of(column), 'number')}{gap}"


def missing_share(column: ColumnFacts) -> float:
    """Return the share of patients without a value, codes and words for a missing one included."""
    words = [
        count for value, count in zip(column.labels, column.counts, strict=True) if value in column.nothing
    ]
    code = column.code
    coded = 0 if code is None or column.numbers is None else int((column.numbers == code).sum())
    return (column.missing + sum(words) + coded) / column.rows


def _codes(facts: Facts, chosen: Chosen) -> Iterator[str]:
    """Yield the lines that say which values stand for a missing one."""
    lines = []
    for name in (*chosen.covariates, *chosen.amounts, *chosen.durations, *filter(None, (chosen.time,))):
        column = facts[name]
        codes = [*map(quoted, column.nothing), *([] if column.code is None else [f"{column.code:g}"])]
        if codes:
            lines.append(f"{key(name)} = [{', '.join(codes)}]")
    if lines:
        words = (
            "Values that look as if they stood for a missing one. Write an empty list, as in x = [], "
            "where they "
            "are meant."
        )
        yield entry(words, "\n".join(["[missing_codes]", *lines]))


def _gaps(facts: Facts, chosen: Chosen) -> Iterator[str]:
    rules = missing_rules(facts, chosen)
    some = [name for name in chosen.covariates if missing_share(facts[name]) and name not in rules]
    if some:
        yield (
            remark(
                f"Patients without {listed(some, most=_NAMED)} leave, as each is missing in "
                f"{100 * MOST_MISSING:.0f}% or less. If they shall stay, add lines such as {key(some[0])} = "
                '"indicator" under [missing].'
            )
            + "\n"
        )
    if rules:
        words = (
            f'More than {100 * MOST_MISSING:.0f}% lack these. "indicator": the score gets a column that '
            "says who "
            'lacks the number. "category": missing is one more level. "complete": they leave.'
        )
        yield entry(
            words,
            "\n".join(["[missing]", *(f"{key(name)} = {quoted(rule)}" for name, rule in rules.items())]),
        )


def missing_rules(facts: Facts, chosen: Chosen) -> Mapping[str, str]:
    """Return what becomes of patients without a covariate, for those that many lack."""
    gaps = [name for name in chosen.covariates if missing_share(facts[name]) > MOST_MISSING]
    return {name: "category" if kind_of(facts[name]) == "category" else "indicator" for name in gaps}
