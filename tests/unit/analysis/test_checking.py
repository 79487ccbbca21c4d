"""What `check` finds: planted faults of every kind, and nothing in a sound file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.checking.check import CHECK_COLUMNS, VERDICTS, check_cohort
from simsepsis.analysis.spec_files import load_spec

SPEC = """
treatment = "drug"
outcomes = ["dead"]
covariates = ["age", "sex", "weight"]
survival_time = "time"
survival_event = "dead"
durations = ["stay"]
cluster = "hospital"
patient = "pid"
second_score = "none"
"""
Change = Callable[[pd.DataFrame], pd.DataFrame]


def cohort(n: int = 900) -> pd.DataFrame:
    """Return patients in whom nothing is doubtful."""
    rng = np.random.default_rng(4)
    age = rng.normal(60, 10, n).round(1)
    time = rng.integers(30, 365, n)
    return pd.DataFrame(
        {
            "pid": np.arange(n) + 1,
            "drug": (rng.random(n) < 1 / (1 + np.exp(-(age - 60) / 30))).astype(int),
            "dead": (rng.random(n) < 0.3).astype(int),
            "age": age,
            "sex": rng.choice(["m", "f"], n),
            "weight": rng.normal(70, 9, n).round(1),
            "time": time,
            "stay": rng.integers(1, 30, n),
            "hospital": np.arange(n) % 40,
            "admission": "2020-05-01",
            "discharge_date": "2020-05-20",
            "death_date": np.where(rng.random(n) < 0.2, "2020-07-01", ""),
        }
    )


def checked(tmp_path: Path, frame: pd.DataFrame, spec: str = SPEC) -> pd.DataFrame:
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "spec.toml").write_text(spec)
    return check_cohort(tmp_path / "cohort.csv", load_spec(tmp_path / "spec.toml"))


def put(column: str, rows: object, value: object) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype({column: object})
        frame.loc[rows, column] = value
        return frame

    return change


def test_a_sound_file_is_decided_and_nothing_else(tmp_path: Path) -> None:
    found = checked(tmp_path, cohort())
    assert tuple(found.columns) == CHECK_COLUMNS
    assert set(found["verdict"]) == {"decided"}
    counts = found.set_index("what")["count"]
    frame = cohort()
    assert counts["patients in the file"] == counts["analysed"] == len(frame)
    assert counts["of them treated"] == frame["drug"].sum()
    columns = found.set_index("column")["what"]
    assert columns["age"] == "covariate, a number"
    assert columns["sex"].startswith("covariate, levels (")
    assert counts["the clusters"] == 40


@pytest.mark.parametrize(
    ("change", "column", "what", "count", "rows"),
    [
        (put("time", [3, 9], 0), "time", "patients", 2, "4, 10"),
        (lambda f: f.assign(weight=70.0), "weight", "the same for all 900", 900, ""),
        (lambda f: f.assign(weight=f["age"]), "weight", "the same as 'age'", 900, ""),
        (put("weight", slice(0, 599), ""), "weight", "missing in 600 of 900", 600, ""),
        (
            lambda f: f.assign(weight=f["drug"] * 3 + f["pid"] % 2),
            "weight",
            "tells nearly by itself",
            None,
            "",
        ),
        (
            lambda f: f.assign(weight=f["dead"] * 3 + f["pid"] % 2),
            "weight",
            "tells nearly by itself",
            None,
            "",
        ),
        (lambda f: f.assign(hospital=f["pid"] % 9), "hospital", "There are 9 clusters", 9, ""),
        (
            lambda f: f.assign(hospital=f["hospital"].where(f["drug"] == 1, 40)),
            "hospital",
            "one arm only",
            41,
            "",
        ),
        (put("hospital", [7], 77), "hospital", "fewer than 5 patients", 1, ""),
        (
            lambda f: f.assign(sex=np.where(f["pid"] < 5, "x", f["sex"])),
            "sex",
            "fewer than 10 patients",
            3,
            "",
        ),
        (lambda f: f.assign(sex=np.where(f["pid"] < 99, "M", f["sex"])), "sex", "differ in case only", 2, ""),
        (put("discharge_date", [5], "2020-04-20"), "admission and discharge_date", "before the", 1, "6"),
        (put("death_date", [2, 8], "2020-05-10"), "discharge_date and death_date", "before the", 2, "3, 9"),
        (lambda f: pd.concat([f, f.tail(2).assign(pid=[9001, 9002])]), "", "repeat", 2, "901, 902"),
        (
            lambda f: f.assign(stay=f["stay"] + 1000 * (f["pid"] == 4) * 1, dead=f["dead"] | (f["pid"] == 4)),
            "stay",
            "longer 'stay' than 'time'",
            1,
            "4",
        ),
        (
            lambda f: f.assign(age=f["age"] + 60 * (f["pid"] % 8 == 0) * f["drug"]),
            "",
            "a score that no control",
            None,
            None,
        ),
        (lambda f: f.assign(dead=(f["pid"] <= 20).astype(int)), "", "the rarer value of 'dead'", 20, ""),
    ],
)
def test_what_is_doubtful_is_told(
    tmp_path: Path, change: Change, column: str, what: str, count, rows
) -> None:
    found = checked(tmp_path, change(cohort()))
    doubtful = found[(found["verdict"] == "doubtful") & found["what"].str.contains(what, regex=False)]
    assert column in set(doubtful["column"])
    row = doubtful[doubtful["column"] == column].iloc[0]
    assert count in (None, row["count"])
    assert rows in (None, row["rows"])
    assert not (found["verdict"] == "wrong").any()


def test_what_looks_recorded_later_is_doubtful_unless_allowed(tmp_path: Path) -> None:
    frame = cohort().rename(columns={"weight": "score_day7"})
    spec = SPEC.replace("weight", "score_day7")
    assert "score_day7" in set(checked(tmp_path, frame, spec).query("verdict == 'doubtful'")["column"])
    allowed = spec + 'allow_after_start = ["score_day7"]\n'
    assert "score_day7" not in set(checked(tmp_path, frame, allowed).query("verdict == 'doubtful'")["column"])


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ([put("time", [4], -3)], ["time"]),
        ([put("pid", [6], 1)], ["pid"]),
        ([put("weight", [2], "heavy")], ["weight"]),
        ([put("weight", [2, 3], -9)], ["weight"]),
        ([put("dead", [1], 2), put("time", [4], -3), put("drug", [0], "")], ["drug", "dead", "time"]),
        ([lambda f: f.drop(columns=["age", "sex"])], ["age"]),
    ],
)
def test_what_analyze_refuses_is_wrong_and_all_of_it_is_told(
    tmp_path: Path, changes, columns: list[str]
) -> None:
    from simsepsis.analysis.cohort_file import read_cohort
    from simsepsis.analysis.thesis_analysis import analyze
    from simsepsis.errors import DataError

    frame = cohort()
    for change in changes:
        frame = change(frame)
    found = checked(tmp_path, frame)
    wrong = found[found["verdict"] == "wrong"]
    assert list(wrong["column"]) == columns
    spec = load_spec(tmp_path / "spec.toml")
    with pytest.raises(DataError) as refused:
        analyze(read_cohort(tmp_path / "cohort.csv", spec), spec)
    assert wrong["what"].iloc[0] == str(refused.value)


def test_verdicts_stand_in_order(tmp_path: Path) -> None:
    found = checked(tmp_path, put("time", [3], 0)(cohort()))
    places = found["verdict"].map(VERDICTS.index)
    assert places.is_monotonic_increasing


def test_a_category_that_says_nothing_is_not_doubted(tmp_path: Path) -> None:
    """Shares that leave the patient out would be lower in those with the event, in every level."""
    frame = cohort().head(60)
    frame["sex"] = np.where(np.arange(60) % 2, "m", "f")
    frame["dead"] = (np.arange(60) // 2) % 2
    found = checked(tmp_path, frame)
    assert not found["what"].str.contains("tells nearly by itself").any()
    frame["sex"] = np.where(frame["dead"] == 1, "m", np.where(frame["pid"] < 31, "f", "x"))
    again = checked(tmp_path, frame)
    assert again.loc[again["what"].str.contains("tells nearly by itself"), "column"].tolist() == ["sex"]


def test_columns_of_lists_are_not_in_the_way(tmp_path: Path) -> None:
    frame = cohort().assign(scans=lambda f: [[1, 2]] * len(f))
    frame.to_parquet(tmp_path / "cohort.parquet")
    (tmp_path / "spec.toml").write_text(SPEC)
    found = check_cohort(tmp_path / "cohort.parquet", load_spec(tmp_path / "spec.toml"))
    assert set(found["verdict"]) == {"decided"}
