"""Words that were read are words everywhere: on the terminal, in pages, figures, and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

HOSTILE = (
    "[/x]",
    "[bold red]loud[/bold red]",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "$\\frac{1",
    "$x_1^2$",
    "_hidden",
    "=1+1",
    "@SUM(A1)",
    "+cmd",
    ":warning:",
    "100%",
    "--",
)
ALL = " ".join(HOSTILE)
MARKS = ("=", "+", "-", "@", "\t", "\r")


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_terminal(result) -> None:
    assert result.returncode == 0, result.stderr
    for text in (result.stdout, result.stderr):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "Warning" not in result.stderr
    assert "Traceback" not in result.stderr


def check_files(folder) -> None:
    """Check every page, figure and table of a folder."""
    kinds = {path.suffix for path in folder.rglob("*")}
    assert {".html", ".svg", ".csv"} <= kinds
    for path in folder.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert "<script" not in page
        assert "<img src=x" not in page
        assert "onerror=alert(1)>" not in page.replace("onerror=alert(1)&gt;", "")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)
    for path in folder.rglob("*.svg"):
        ElementTree.fromstring(path.read_bytes())
    for path in folder.rglob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")):
            formulas = [cell for cell in row if cell.startswith(MARKS) and not is_number(cell)]
            assert not formulas, (path.name, formulas)


@pytest.fixture
def cohort(tmp_path):
    """Return a file of patients with hostile levels, names and identifiers, and a spec for it."""
    rng = np.random.default_rng(5)
    n = 700
    severity = rng.normal(size=n)
    treated = rng.random(n) < 1 / (1 + np.exp(-severity))
    frame = pd.DataFrame(
        {
            "id": [f"={i}+1" for i in range(n)],
            "<b>treated</b>": treated.astype(int),
            "$died_1": (rng.random(n) < 0.3).astype(int),
            "[/x] score": severity.round(2),
            "=site": rng.choice([*HOSTILE, "a\x1b[2Jb", "c\u202ed"], n),
            "days": rng.integers(1, 28, n),
            "_icu": rng.choice(HOSTILE[:6], n),
        }
    )
    frame.to_csv(tmp_path / "[red]<i>$a_b$.csv", index=False)
    labels = {name: f"{name} {ALL}" for name in frame.columns if name != "id"}
    spec = {
        "treatment": "<b>treated</b>",
        "outcomes": ["$died_1"],
        "covariates": ["[/x] score", "=site"],
        "patient": "id",
        "cluster": "_icu",
        "survival_time": "days",
        "survival_event": "$died_1",
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in spec.items()]
    lines += ["[labels]", *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in labels.items())]
    (tmp_path / "spec.toml").write_text("\n".join(lines), encoding="utf-8")
    return "[red]<i>$a_b$.csv"


def test_an_analysis_of_hostile_names_levels_and_labels(simsepsis, tmp_path, cohort):
    result = simsepsis("analyze", cohort, "--spec", "spec.toml", "--out", "out")
    check_terminal(result)
    check_files(tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "[red]&lt;i&gt;$a_b$.csv" in page
    assert "$\\frac{1" in page


def test_an_experiment_of_hostile_claims_and_cells(simsepsis, tmp_path, quick_plan_text):
    text = quick_plan_text()
    question = re.search(r"^question = .*$", text, re.MULTILINE)
    text = text.replace(question[0], f"question = {json.dumps(ALL)}")
    claims = "\n".join(f"{json.dumps(words)} = 'convergence >= 0.5'" for words in (*HOSTILE, ALL))
    accept = re.search(r"^\[accept\].*?(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    text = text.replace(accept[0], f"[accept]\n{claims}\n\n")
    # What is hostile here stands in no figure; one is drawn.
    (tmp_path / "hostile.toml").write_text(f'{text}\n[[figures]]\nkind = "zip"\n', encoding="utf-8")
    result = simsepsis("run", "hostile.toml", "--out", "out", "--replicates", "4", "--jobs", "1")
    check_terminal(result)
    check_files(tmp_path / "out")
    for words in HOSTILE:
        assert words in result.stdout
    assert ":warning:" in result.stdout
    for command in ("summarize", "report", "figures"):
        check_terminal(simsepsis(command, "out"))


def test_a_trial_of_hostile_arms_and_words(simsepsis, tmp_path):
    (tmp_path / "trial.toml").write_text(
        f"label = {json.dumps(ALL)}\nquestion = {json.dumps(ALL)}\ncontrol = '_{HOSTILE[2]}'\n"
        "world = { base = 'thesis' }\n"
        f"arms = [{{ name = {json.dumps('_' + ALL)}, grams = 15.0 }}]\n"
        "endpoint = { name = 'death_28d' }\neffect = { scale = 'risk_ratio', value = 0.7 }\n"
        f"words = {{ population = {json.dumps(ALL)}, treatment = {json.dumps(ALL)} }}\n"
        "run = { trials = 20, pool = 2000 }\n",
        encoding="utf-8",
    )
    check_terminal(simsepsis("plan", "trial.toml", "--out", "out", "--jobs", "1"))
    check_files(tmp_path / "out")


def test_a_world_of_a_hostile_label(simsepsis, tmp_path):
    (tmp_path / "world.toml").write_text(f'extends = "rr081"\nlabel = {json.dumps(ALL)}\n', encoding="utf-8")
    check_terminal(simsepsis("describe", "world.toml", "--out", "out", "--population", "3000"))
    check_files(tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate", "\x1b[2J[/x]", "-o", "c.csv"),
        ("list", "[/x]\x1b[31m"),
        ("analyze", "\x1b[2J.csv"),
        ("replay", "\x1b[2J", "--cell", "a", "--replicate", "[/x]\x1b[2J"),
        ("run", "null", "--backend", "\x1b[2J" * 100),
        ("run", "null", "--until-mcse", "A" * 5_000),
        ("reproduce", "--scenario", "B" * 5_000),
        ("plan", "trial-sbits", "--out", "C" * 5_000),
        ("describe", "null", "--out", "C" * 300),
        ("analyze", "x.csv", "--spec", "a\u202eb.toml"),
    ],
)
def test_hostile_arguments_are_refused_in_one_plain_line(simsepsis, arguments):
    check_refusal(simsepsis(*arguments))


def test_the_program_prints_hostile_words_as_the_function_does(simsepsis, simsepsis_process):
    arguments = ("replay", "\x1b[2J", "--cell", "a", "--replicate", "[/x]\x1b[2J")
    here, there = simsepsis(*arguments), simsepsis_process(*arguments)
    check_refusal(there)
    assert (there.stdout, there.stderr) == (here.stdout, here.stderr)


def check_refusal(result) -> None:
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]|A{81}|B{81}|C{81}", result.stderr)
    assert not re.search(r"\w+Error\b", result.stderr)
