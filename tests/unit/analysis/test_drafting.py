"""Studies drafted from files of many kinds: what is guessed, what is left open."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.cohort_file import read_cohort
from simsepsis.analysis.drafting.draft import Draft, Named, draft_study
from simsepsis.analysis.drafting.vocabulary import event_of, untreated_of
from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.errors import DataError, UsageError
from simsepsis.study.published import open_study

CASES = Path(os.environ.get("SIMSEPSIS_CASES", Path(__file__).parents[4] / "shared" / "cases" / "files"))


def cohort(n: int = 400, **changes: object) -> pd.DataFrame:
    """Return patients with an arm, an outcome and two covariates, and further columns."""
    rng = np.random.default_rng(3)
    age = rng.normal(60, 10, n).round(1)
    treated = (rng.random(n) < 1 / (1 + np.exp(-(age - 60) / 20))).astype(int)
    died = (rng.random(n) < 0.2 + 0.004 * (age - 60).clip(0)).astype(int)
    frame = pd.DataFrame({"treated": treated, "died": died, "age": age, "sex": rng.choice(["m", "f"], n)})
    return frame.assign(**{name: make(frame, rng) for name, make in changes.items()})  # type: ignore[operator]


def drafted(tmp_path: Path, frame: pd.DataFrame, **named: object) -> tuple[Draft, dict, Path]:
    """Return the draft of a frame that was written as CSV, its spec, and its folder."""
    path, folder = tmp_path / "cohort.csv", tmp_path / "mine"
    frame.to_csv(path, index=False)
    draft = draft_study(path, folder, Named(**named))  # type: ignore[arg-type]
    for name, text in draft.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return draft, tomllib.loads(draft.files["analysis.toml"]), folder


def analysed(folder: Path) -> pd.DataFrame:
    """Return the estimates of a drafted study."""
    study = open_study(folder)
    return analyze(read_cohort(study.patients, study.spec), study.spec, seed=1).estimates


def roles(folder: Path) -> dict[str, str]:
    return {name: variable.role for name, variable in open_study(folder).variables.items()}


def test_a_clear_file_is_analysed_at_once(tmp_path: Path) -> None:
    draft, spec, folder = drafted(tmp_path, cohort())
    assert draft.open == ()
    assert (spec["treatment"], spec["outcomes"], spec["covariates"]) == ("treated", ["died"], ["age", "sex"])
    assert set(roles(folder).values()) == {"treatment", "outcome", "covariate"}
    found = analysed(folder)
    assert found["converged"].all()
    assert open_study(folder).cohort == "../cohort.csv"


def test_survival_clusters_identifiers_and_spans_are_found(tmp_path: Path) -> None:
    frame = cohort(
        patient_id=lambda f, r: [f"P{i:04d}" for i in range(len(f))],
        hospital=lambda f, r: r.integers(1, 13, len(f)),
        time=lambda f, r: r.integers(1, 365, len(f)),
        ventilator_days=lambda f, r: r.integers(0, 20, len(f)),
        discharge_date=lambda f, r: "2020-03-01",
        score_day3=lambda f, r: r.integers(0, 20, len(f)),
        los=lambda f, r: r.integers(1, 40, len(f)),
        center_type=lambda f, r: r.choice([1, 2, 3], len(f)),
    )
    _, spec, folder = drafted(tmp_path, frame)
    assert (spec["patient"], spec["cluster"]) == ("patient_id", "hospital")
    assert (spec["survival_time"], spec["survival_event"]) == ("time", "died")
    assert spec["censoring"] == "administrative"
    assert spec["rmst_horizon"] == float(f"{np.floor(np.quantile(frame['time'], 0.75) / 10) * 10:g}")
    assert spec["durations"] == ["ventilator_days", "los"]
    assert spec["covariates"] == ["age", "sex", "center_type"]
    assert roles(folder)["score_day3"] == roles(folder)["discharge_date"] == "never"
    assert open_study(folder).variables["center_type"].kind == "category"
    assert analysed(folder)["converged"].mean() > 0.9


def test_japanese_headers_and_words(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "患者番号": range(1, 301),
            "施設": np.repeat([f"病院{i}" for i in range(30)], 10),
            "治療": np.tile(["投与", "対照"], 150),
            "転帰": np.tile(["死亡", "生存", "生存"], 100),
            "年齢": np.linspace(40, 90, 300).round(),
            "糖尿病": np.tile(["あり", "なし", "なし", "なし"], 75),
            "入院日": "2020-01-05",
            "在院日数": np.tile(np.arange(1, 31), 10),
            "観察期間": np.tile(np.arange(1, 61), 5),
        }
    )
    path = tmp_path / "cohort.csv"
    path.write_bytes(frame.to_csv(index=False).encode("cp932"))
    draft = draft_study(path, tmp_path / "mine")
    spec = tomllib.loads(draft.files["analysis.toml"])
    assert draft.open == ()
    assert (spec["treatment"], spec["treated"]) == ("治療", "投与")
    assert (spec["outcomes"], spec["event"]) == (["転帰"], {"転帰": "死亡"})
    assert (spec["patient"], spec["cluster"], spec["survival_time"]) == ("患者番号", "施設", "観察期間")
    assert spec["durations"] == ["在院日数"]
    assert spec["covariates"] == ["年齢", "糖尿病"]
    assert "cp932" in " ".join(draft.summary)


def test_a_number_may_be_the_outcome(tmp_path: Path) -> None:
    frame = cohort(cost=lambda f, r: np.exp(r.normal(8, 1, len(f))).round()).drop(columns="died")
    draft, spec, folder = drafted(tmp_path, frame)
    assert draft.open == ()
    assert spec["numeric_outcomes"] == ["cost"]
    assert "outcomes" not in spec
    assert "trials/first.toml" not in draft.files  # a trial counts who has an event
    first = tomllib.loads(draft.files["experiments/first.toml"])
    assert first["world"]["set"]["effect.measure"] == "mean_difference"
    values = [cell["set"]["effect.value"] for cell in first["cells"]]
    spread = frame["cost"].std()
    assert values == pytest.approx([0, -0.3 * spread, 0, -0.3 * spread], rel=0.05)
    assert not analysed(folder).empty


def test_gaps_codes_and_odd_words_get_their_rules(tmp_path: Path) -> None:
    def with_gaps(share: float, fill: object):
        return lambda f, r: np.where(
            r.random(len(f)) < share, fill, r.normal(20, 3, len(f)).round(1).astype(str)
        )

    frame = cohort(
        often=with_gaps(0.2, ""),
        seldom=with_gaps(0.02, ""),
        dots=with_gaps(0.03, "."),
        coded=with_gaps(0.1, "-9"),
        above=with_gaps(0.03, ">99"),
        stage=lambda f, r: r.choice(["I", "II", ""], len(f)),
    )
    _, spec, folder = drafted(tmp_path, frame)
    assert spec["missing"] == {"often": "indicator", "coded": "indicator", "stage": "category"}
    assert spec["missing_codes"] == {"dots": ["."], "coded": [-9]}
    assert "above" not in spec["covariates"]
    assert '"above", has words among its numbers' in (folder / "analysis.toml").read_text()
    assert analysed(folder)["converged"].all()


def test_what_gives_the_arm_away_is_no_covariate(tmp_path: Path) -> None:
    frame = cohort(dose=lambda f, r: f["treated"] * r.integers(1, 9, len(f)), one=lambda f, r: 1)
    _, spec, folder = drafted(tmp_path, frame)
    assert spec["covariates"] == ["age", "sex"]
    text = (folder / "analysis.toml").read_text()
    assert "says nearly the same as 'treated'" in text
    assert "is 1 in every row" in text


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda f: f.rename(columns={"treated": "stent"}), ("treatment",)),
        (lambda f: f.rename(columns={"died": "infarct"}), ("outcomes",)),
        (lambda f: f.assign(treated=f["treated"] + 1), ("treated",)),
        (lambda f: f.assign(treated=f["treated"].map({0: "blue", 1: "red"})), ("treated",)),
        (lambda f: f.assign(arm=f["treated"]), ("treatment",)),
        (lambda f: f.assign(treated=f["treated"].where(f.index > 3)), ("treatment",)),
        (lambda f: f.assign(treated=np.arange(len(f)) % 3 + 1), ("arms.treated", "arms.control")),
        (lambda f: f.assign(died=f["died"] + 1), ("event.died",)),
    ],
)
def test_what_is_not_clear_is_left_to_the_user(tmp_path: Path, change, left: tuple[str, ...]) -> None:
    draft, _, folder = drafted(tmp_path, change(cohort()))
    assert draft.open == left
    with pytest.raises(DataError, match=r'= "\?" is left to you'):
        _ = open_study(folder).spec
    wrong = open_study(folder).check().query("verdict == 'wrong'")
    assert len(wrong) == len(left)
    assert wrong["remedy"].str.startswith("write one of '").all()


def test_what_the_user_names_goes_before_every_guess(tmp_path: Path) -> None:
    frame = cohort(colour=lambda f, r: np.where(f["treated"] == 1, "red", "blue")).drop(columns="treated")
    named = {"treatment": "colour", "treated": "red", "outcome": ("died",), "patient": None}
    draft, spec, folder = drafted(tmp_path, frame, **named)
    assert draft.open == ()
    assert spec["treated"] == "red"
    assert analysed(folder)["converged"].all()


def timed(frame: pd.DataFrame, **more: object) -> pd.DataFrame:
    """Return patients with a follow-up, and starts in the treated before its end."""
    days = np.random.default_rng(4).exponential(20, len(frame)).round() + 5
    start = np.where(frame["treated"] == 1, np.arange(len(frame)) % 5, np.nan)
    return frame.assign(days=days, begin=start).assign(**more)


@pytest.mark.parametrize("words", [None, {1: "drug", 0: "usual care"}])
def test_a_span_that_only_the_treated_have_is_the_start(tmp_path: Path, words) -> None:
    frame = timed(cohort(), dose=lambda f: f["begin"] * 3 + 500)
    frame["treated"] = frame["treated"] if words is None else frame["treated"].map(words)
    _, spec, _ = drafted(tmp_path, frame, treatment="treated", outcome=("died",), time="days")
    assert spec["start"] == "begin"
    assert not {"begin", "dose"} & set(spec["covariates"])


def test_what_begins_after_the_end_is_no_start(tmp_path: Path) -> None:
    frame = timed(cohort())
    late = frame.assign(begin=frame["begin"] + 300)
    _, spec, _ = drafted(tmp_path, late, treatment="treated", outcome=("died",), time="days")
    assert "start" not in spec
    assert "begin" not in spec["covariates"]


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        (
            {"treatment": "treted"},
            "--treatment 'treted': cohort.csv has no such column; did you mean 'treated'?",
        ),
        ({"treatment": "treated", "treated": "2"}, "--treated '2': 'treated' has no such value"),
        ({"treated": "1"}, "Write --treatment too"),
    ],
)
def test_what_is_not_in_the_file_is_refused(tmp_path: Path, named, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        drafted(tmp_path, cohort(), **named)
    assert sentence in str(refused.value)


def test_values_speak_for_themselves_or_not() -> None:
    assert untreated_of(("drug", "usual care")) == "usual care"
    assert untreated_of(("治療群", "非治療")) == "非治療"
    assert untreated_of(("none", "placebo")) is None
    assert event_of(("alive", "dead")) == "dead"
    assert event_of(("0.5", "1.5")) is None


def test_an_edited_study_is_read_again(tmp_path: Path) -> None:
    _, _, folder = drafted(tmp_path, cohort())
    assert open_study(folder).spec.ratio == 1
    path = folder / "analysis.toml"
    path.write_text(path.read_text("utf-8").replace("second_score", "ratio = 2\nsecond_score"), "utf-8")
    assert open_study(folder).spec.ratio == 2


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the shared cases")
@pytest.mark.parametrize(
    "name",
    [
        "ok.csv",
        "OK.CSV",
        "ok.csv.gz",
        "ok.dta",
        "ok.xlsx",
        "semi.csv",
        "tab.tsv",
        "bool.csv",
        "yn.csv",
        "names.csv",
        "two_text.csv",
        "sites.csv",
        "died_survived.csv",
        "sentinel.csv",
        "dates.csv",
        "dates_eu.csv",
        "huge.csv",
    ],
)
def test_awkward_files_become_studies(tmp_path: Path, name: str) -> None:
    draft = draft_study(CASES / name, tmp_path / "mine", Named(treatment="abcix", outcome=("dead",)))
    assert draft.open == ()
    for place, text in draft.files.items():
        (tmp_path / "mine" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / place).write_text(text, "utf-8")
    study = open_study(tmp_path / "mine")
    assert not (study.check()["verdict"] == "wrong").any()
    assert study.spec.survival_time == "days"
    assert analysed(tmp_path / "mine")["converged"].mean() > 0.8
