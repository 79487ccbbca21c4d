"""Reasons for having no estimate, by kind: what differs in numbers only is one kind."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

_ONE = r"[+−-]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?"
NUMBERS = re.compile(
    # What stands in quotation marks is a name, and so is what letters touch: 'ICU 7', sofa_day3, 28-day.
    r"(?P<name>(?<!\w)(?P<quote>['\"]).*?(?P=quote)(?!\w))"
    rf"|(?<![\w.])(?P<numbers>{_ONE}(?:(?:, | and ){_ONE})*)(?![\w]|[-.,]\w)"
)
"""Names to be passed over, and numbers or lists of numbers."""

_PLACE = "\0"


def kinds_of_reasons(reasons: pd.DataFrame) -> pd.DataFrame:
    """Return how often each method failed for each kind of reason, the most frequent first.

    Parameters
    ----------
    reasons
        ``cell, method, failure, rows``: how often each reason was given; perhaps ``failure_kind``, which is
        kept.

    Returns
    -------
    DataFrame
        ``method, failure, rows, cells``. Reasons of a method that differ in numbers only are one kind, in
        which ``3 of 12`` and ``4 of 13`` stand as ``3 to 4 of 12 to 13``; ``cells`` counts those that have
        any of them.
    """
    kind = [NUMBERS.sub(lambda hit: hit["name"] or _PLACE, words) for words in reasons["failure"]]
    groups = reasons.assign(kind=kind).groupby(["method", "kind"], sort=True)
    found = [
        {
            "method": method,
            "failure": _spoken(own["failure"].unique().tolist()),
            **({"failure_kind": own["failure_kind"].iloc[0]} if "failure_kind" in own else {}),
            "rows": own["rows"].sum(),
            "cells": own["cell"].nunique(),
        }
        for (method, _), own in groups
    ]
    columns = ["method", "failure", *(["failure_kind"] if "failure_kind" in reasons else []), "rows", "cells"]
    table = pd.DataFrame(found, columns=columns)
    return table.sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def _spoken(reasons: Sequence[str]) -> str:
    """Return reasons of one kind as one, each number that differs as the range from lowest to highest."""
    if len(reasons) == 1:
        return reasons[0]
    texts = [[hit["numbers"] for hit in NUMBERS.finditer(words) if hit["numbers"]] for words in reasons]
    ranges = iter([_range(place) for place in zip(*texts, strict=True)])
    return NUMBERS.sub(lambda hit: hit["name"] or next(ranges), reasons[0])


def _range(texts: Sequence[str]) -> str:
    """Return numbers in print as one where all are the same, or as the lowest and the highest."""
    if len(set(texts)) == 1:
        return texts[0]
    single = {number for text in texts for number in re.findall(_ONE, re.sub(", | and ", " ", text))}
    ordered = sorted(single, key=lambda text: float(text.replace(",", "").replace("−", "-")))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
