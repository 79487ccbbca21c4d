"""The audit works for anybody's tables: planted misprints are found, sound tables pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis.study.arithmetic import attainable_spread, attainable_sums, t_test_range
from simsepsis.study.published import audit

VARIABLES = """name,label,role,kind,levels
arm,Arm,treatment,binary,
age,Age,covariate,number,
nyha,NYHA class,covariate,ordinal,
stage,Stage,covariate,category,I; II; III
male,Male,covariate,binary,
died,Death,outcome,binary,
"""


def rows_of(rng: np.random.Generator) -> list[dict[str, str]]:
    """Return the printed rows of two arms of 20 and 55 patients, rightly computed."""
    arms = {"treated": 20, "control": 55}
    frame = pd.concat(
        pd.DataFrame(
            {
                "arm": arm,
                "age": rng.normal(61, 9, n).round(1),
                "nyha": rng.integers(1, 5, n),
                "stage": rng.choice(["I", "II", "III"], n),
                "male": rng.integers(0, 2, n),
                "died": rng.random(n) < 0.3,
            }
        )
        for arm, n in arms.items()
    )
    rows: list[dict[str, str]] = []

    def put(variable: str, statistic: str, arm: str, text: str, level: str = "") -> None:
        keys = ("variable", "level", "statistic", "phase", "arm", "text")
        rows.append(dict(zip(keys, (variable, level, statistic, "before", arm, text), strict=True)))

    for arm, part in frame.groupby("arm"):
        n = len(part)
        put("n", "count", str(arm), str(n))
        for name in ("age", "nyha"):
            put(name, "mean", str(arm), f"{part[name].mean():.2f}")
            put(name, "sd", str(arm), f"{part[name].std():.2f}")
        for level in ("I", "II", "III"):
            count = int((part["stage"] == level).sum())
            put("stage", "count", str(arm), str(count), level)
            put("stage", "percent", str(arm), f"{100 * count / n:.1f}", level)
        put("male", "percent", str(arm), f"{100 * part['male'].mean():.1f}")
        put("died", "count", str(arm), str(int(part["died"].sum())))
    from scipy.stats import ttest_ind

    first, second = (frame.loc[frame["arm"] == arm, "age"] for arm in arms)
    smd = 100 * abs(first.mean() - second.mean()) / np.sqrt((first.var() + second.var()) / 2)
    put("age", "smd_percent", "contrast", f"{smd:.1f}")
    put("age", "p_value", "contrast", f"{ttest_ind(first, second, equal_var=False).pvalue:.3f}")
    for statistic, text in {"risk_difference": "-0.06", "ci_low": "-0.25", "ci_high": "0.13"}.items():
        put("died", statistic, "contrast", text)
    return rows


def study_of(folder: Path, rows: list[dict[str, str]]) -> Path:
    """Write a study's folder with one printed table in the short form."""
    (folder / "tables").mkdir(parents=True)
    (folder / "study.toml").write_text('name = "theirs"\ntitle = "Theirs"\n')
    (folder / "variables.csv").write_text(VARIABLES)
    pd.DataFrame(rows).to_csv(folder / "tables" / "table1.csv", index=False)
    return folder


@pytest.mark.parametrize("seed", range(5))
def test_sound_tables_pass(tmp_path: Path, seed: int) -> None:
    assert audit(study_of(tmp_path / "theirs", rows_of(np.random.default_rng(seed)))).empty


@pytest.mark.parametrize(
    ("place", "change", "arithmetic"),
    [
        (("nyha", "mean", "treated", ""), lambda x: f"{float(x) + 0.01:.2f}", "GRIM)"),
        (("nyha", "sd", "treated", ""), lambda x: f"{float(x) + 0.02:.2f}", "GRIMMER"),
        (
            ("male", "percent", "control", ""),
            lambda x: f"{float(x) + 0.5:.1f}",
            "no whole number of 55 patients",
        ),
        (("stage", "percent", "control", "II"), lambda x: f"{float(x) + 1:.1f}", "levels' counts sum to n"),
        (("stage", "count", "treated", "II"), lambda x: str(int(x) + 1), "mends both"),
        (("age", "smd_percent", "contrast", ""), lambda x: f"{float(x) + 9:.1f}", " give "),
        (("age", "p_value", "contrast", ""), lambda x: "<0.001", "Student's and Welch's"),
        (("died", "ci_high", "contrast", ""), lambda x: "0.31", "the middle of its limits"),
    ],
)
def test_a_planted_misprint_is_found(tmp_path: Path, place, change, arithmetic: str) -> None:
    rows = rows_of(np.random.default_rng(1))
    (row,) = [one for one in rows if (one["variable"], one["statistic"], one["arm"], one["level"]) == place]
    row["text"] = change(row["text"])
    findings = audit(study_of(tmp_path / "theirs", rows))
    assert findings["arithmetic"].str.contains(arithmetic, regex=False).any()
    assert (findings["variable"] == place[0]).all()


def test_what_grim_and_grimmer_allow_is_what_whole_numbers_give() -> None:
    """Every printed mean and deviation of every sample of 6 grades is allowed, and few others are."""
    import itertools

    allowed, given = set(), set()
    for sample in itertools.combinations_with_replacement(range(4), 6):
        mean, sd = np.mean(sample), np.std(sample, ddof=1)
        given.add((f"{mean:.2f}", f"{sd:.2f}"))
    for mean, sd in itertools.product(np.arange(0, 301) / 100, np.arange(0, 171) / 100):
        sums = attainable_sums((mean - 0.005, mean + 0.005), 6)
        if sums and attainable_spread(sums, (max(sd - 0.005, 0), sd + 0.005), 6):
            allowed.add((f"{mean:.2f}", f"{sd:.2f}"))
    assert given <= allowed
    assert len(allowed) < 0.05 * 301 * 171


def test_the_range_of_a_test_holds_the_unrounded_p() -> None:
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(5)
    for _ in range(50):
        first, second = rng.normal(5, 2, 20), rng.normal(6, 3, 31)
        round_to = [(round(x, 1) - 0.05, round(x, 1) + 0.05) for x in (first.mean(), second.mean())]
        sds = [(round(x, 1) - 0.05, round(x, 1) + 0.05) for x in (first.std(ddof=1), second.std(ddof=1))]
        low, high = t_test_range((round_to[0], round_to[1]), (sds[0], sds[1]), (20, 31))
        for equal in (True, False):
            assert low <= ttest_ind(first, second, equal_var=equal).pvalue <= high
