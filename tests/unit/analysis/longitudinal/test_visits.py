"""A long frame is read in order; what is no course of a person is refused with its place and the remedy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from simsepsis import g_formula, marginal_structural_model, sequential_trials
from simsepsis.analysis.longitudinal.visits import read_visits
from simsepsis.errors import SimsepsisError

LONG = pd.DataFrame(
    {
        "id": ["b", "a", "b", "a", "c", "b"],
        "day": [1, 0, 0, 1, 0, 2],
        "treated": [0, 0, 0, 1, 1, 1],
        "L": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        "died": [0, 0, 0, 1, 0, 0],
        "time": [1.0, 1.0, 1.0, 0.5, 0.25, 1.0],
    }
)
COLUMNS = {
    "id": "id",
    "visit": "day",
    "treatment": "treated",
    "covariates": ["L"],
    "event": "died",
    "duration": "time",
    "horizon": 3,
}


def changed(column: str, row: int, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        values = frame[column].astype(object)
        values.iloc[row] = value
        return frame.assign(**{column: values.infer_objects()})

    return change


def test_rows_are_sorted_by_person_and_visit():
    data = read_visits(LONG, **COLUMNS)
    assert data.n == 3
    assert data.visit.tolist() == [0, 1, 2, 0, 1, 0]
    assert data.covariates[:, 0].tolist() == [0.3, 0.1, 0.6, 0.2, 0.4, 0.5]
    assert data.before.tolist() == [0, 0, 0, 0, 0, 0]
    assert data.treated_before.tolist() == [0, 0, 0, 0, 0, 0]
    assert data.first.tolist() == [0, 3, 5]


def test_visits_beyond_the_horizon_are_left_out():
    assert read_visits(LONG, **{**COLUMNS, "horizon": 1}).visit.tolist() == [0, 0, 0]


REFUSED = {
    "twice": (
        lambda f: pd.concat([f, f.iloc[[3]]]),
        r"row 6 \(person 'a', visit 1\) is there twice; keep",
    ),
    "gap": (lambda f: f.drop(index=0), r"row 4 \(person 'b', visit 2\) comes after a gap; add the visits"),
    "late": (lambda f: f.drop(index=2), r"row 0 \(person 'b', visit 1\) is that person's first, and others"),
    "dead": (changed("died", 0, 1), r"row 5 \(person 'b', visit 2\) comes after a death \(died = 1\); leave"),
    "treatment": (changed("treated", 4, 2), "treated: row 4 is 2; give 0 or 1"),
    "words": (changed("treated", 4, "yes"), "treated: row 4 is 'yes', which is no number; give 0 or 1"),
    "event": (changed("died", 3, np.nan), "died: row 3 is nan; leave out incomplete rows first"),
    "covariate": (changed("L", 2, np.nan), "L: row 2 is nan; leave out incomplete rows first"),
    "letters": (changed("L", 2, "low"), "L: row 2 is 'low', which is no number; give numbers"),
    "nobody": (changed("id", 1, None), "id: row 1 has no label; say whose row it is"),
    "half": (changed("day", 1, 0.5), r"day: row 1 is 0\.5; number the visits 0, 1, 2"),
    "long": (changed("time", 4, 7.0), r"row 4 \(person 'c', visit 0\) has time = 7; give it in parts of"),
    "negative": (changed("time", 4, -0.5), r"has time = -0\.5; give it in parts of the time between visits"),
    "short": (changed("time", 0, 0.5), r"row 0 \(person 'b', visit 1\) has time = 0\.5 though another visit"),
    "empty": (lambda f: f.iloc[:0], "there are no rows; give one row for each person and visit"),
    "no frame": (lambda f: f.to_dict("list"), "long is a dict; give a DataFrame"),
    "no column": (lambda f: f.rename(columns={"died": "death"}), "there is no column 'died'; .*write event="),
}


@pytest.mark.parametrize("method", [marginal_structural_model, sequential_trials, g_formula])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_course_is_refused_in_one_sentence(method: Callable[..., object], name: str):
    change, reason = REFUSED[name]
    with pytest.raises(SimsepsisError, match=reason) as refused:
        method(change(LONG), **COLUMNS)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"horizon": 4}, "horizon is 4 and there are 3 visits; write horizon=3 or less"),
        ({"horizon": 0}, "horizon"),
        ({"covariates": ["L", "time"]}, "column 'time' is named twice; give each column one role"),
        ({"covariates": ["l"]}, r"there is no column 'l'.*write covariates="),
    ],
)
def test_settings_that_do_not_fit_the_frame_are_refused(settings: dict[str, object], reason: str):
    with pytest.raises(SimsepsisError, match=reason):
        read_visits(LONG, **{**COLUMNS, **settings})
