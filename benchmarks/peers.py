"""The thesis's analysis and its kernels beside statsmodels and R, timed in one run on one core.

Usage
-----
Install the package and, for the R column, R with survival, geepack and jsonlite (on Debian:
``apt install r-base-core r-cran-survival r-cran-geepack r-cran-jsonlite``; MatchIt is timed where it is
installed)::

    python benchmarks/peers.py                        # one table, about a minute
    python benchmarks/peers.py --rhc rhc.csv          # and `analyze` with its report on the public RHC file
    python benchmarks/peers.py --no-r --out peers.json

All three run the same steps on the same simulated registry, in memory: complete cases, two propensity
scores, 1:1 matching within 0.2 SD of the logit in data order, tables before and after, eight GEEs,
Kaplan–Meier, Cox, log-rank, Breslow–Day. The peers are `statsmodels_peer.py` and `peers.R`, written as a
careful user would. Their results are compared before anything is timed; times are medians, on one core.

MatchIt 4.5.1, which Debian ships, ignores calipers: its time is shown, its pairs are not used.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import statsmodels_peer as peer
from threadpoolctl import threadpool_limits

from simsepsis.analysis.cells import cells
from simsepsis.analysis.data import complete_cases, read_cohort
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.logistic import fit_logistic
from simsepsis.analysis.matching import match_pairs
from simsepsis.analysis.propensity import design
from simsepsis.analysis.result import ThesisResult
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.analysis.spec_files import load_spec
from simsepsis.analysis.survival import fit_cox
from simsepsis.analysis.thesis_analysis import analyze, run_thesis_analysis
from simsepsis.studies.jseptic_ivigg.columns import (
    ADJUNCTS,
    COLUMNS,
    DURATIONS,
    SCORE_COVARIATES,
    SOFA_LATER,
    TRANSFUSIONS,
)
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario

HERE = Path(__file__).parent
SPEC = replace(THESIS_SPEC, order="data")
REPEATS = 30
PEER_REPEATS = 5


class Line(NamedTuple):
    """One line of the table: seconds of each, and the bar for simsepsis."""

    what: str
    own: float
    python: float = math.nan
    r: float = math.nan
    bar: str = ""


def seconds(function: Callable[[], Any], repeats: int) -> float:
    """Return the median time of a function after one call to warm up."""
    function()
    times = []
    for _ in range(repeats):
        begin = perf_counter()
        function()
        times.append(perf_counter() - begin)
    return median(times)


def own_analysis(registry: pd.DataFrame, spec: AnalysisSpec = SPEC) -> ThesisResult:
    """Run all ten steps and compute every number of the tables."""
    result = run_thesis_analysis(registry, spec, rng=np.random.default_rng(0))
    cells(result)
    return result


def own_numbers(result: ThesisResult) -> dict[str, float]:
    """Return the numbers of an analysis under the names that the peers give them."""
    found = {"n": float(result.flow.analysed)}
    for score, step in result.matched.items():
        assert step.value is not None
        found[f"{score} pairs"] = float(step.value.matches.n_pairs)
        for outcome in SPEC.outcomes:
            crude = result.crude[score, outcome].value
            assert crude is not None
            (a, b), (c, d) = crude.table
            found[f"{score} crude {outcome}"] = a * d / (b * c)
            found[f"{score} crude {outcome} p"] = crude.p_value
    for (score, extended, outcome), model in result.models.items():
        assert model.value is not None
        place = model.value.position("ivigg")
        found[f"{score} gee {extended} {outcome}"] = float(model.value.fit.params[place])
        found[f"{score} gee {extended} {outcome} se"] = float(model.value.fit.std_errors[place])
    assert result.survival is not None
    assert result.survival.value is not None
    found["cox"] = float(result.survival.value.cox.params[0])
    for (name, outcome), interaction in result.interactions.items():
        assert interaction.value is not None
        found[f"breslow-day {name} {outcome}"] = interaction.value.test.p_value
    return found


def largest_difference(own: dict[str, float], other: dict[str, Any]) -> tuple[float, str]:
    """Return the largest difference of the numbers that both have, and its name."""
    shared = [name for name in own if isinstance(other.get(name), (int, float))]
    return max((abs(own[name] - other[name]), name) for name in shared)


class Kernels(NamedTuple):
    """Inputs of the kernels, the same for all."""

    X: np.ndarray
    treated: np.ndarray
    gee: tuple[np.ndarray, np.ndarray, np.ndarray]
    cox_small: tuple[np.ndarray, np.ndarray, np.ndarray]
    cox_large: tuple[np.ndarray, np.ndarray, np.ndarray]
    scores: dict[int, tuple[np.ndarray, np.ndarray]]


def kernel_inputs(registry: pd.DataFrame) -> Kernels:
    """Make the inputs: a thesis-sized score, GEE and Cox, a large Cox, and scores of three sizes."""
    cohort, _ = complete_cases(encode_cohort(registry, SPEC), SPEC)
    rng = np.random.default_rng(1)
    n, icus = 1306, 42
    cluster = np.sort(rng.integers(0, icus, n))
    X = np.column_stack([np.ones(n), rng.integers(0, 2, n), rng.random((n, 14)) < 0.3]).astype(float)
    log_odds = -0.8 + X[:, 1:] @ rng.normal(0, 0.2, 15) + rng.normal(0, 0.5, icus)[cluster]
    dead = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(float)
    scores = {}
    for size in (3_000, 300_000, 3_000_000):
        arm = rng.random(size) < 1 / 3
        scores[size] = (rng.normal(size=size) + 0.6 * arm, arm)
    return Kernels(
        X=design(cohort, SPEC.score_columns)[0],
        treated=cohort.treated.astype(float),
        gee=(X, dead, cluster),
        cox_small=_times(rng, n),
        cox_large=_times(rng, 1_000_000),
        scores=scores,
    )


def _times(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = rng.integers(0, 2, n).astype(float)
    time = np.ceil(rng.exponential(30 * np.exp(-0.2 * x)))
    return x, np.minimum(time, 60.0), (time <= 60).astype(float)


def write_for_r(folder: Path, registry: pd.DataFrame, kernels: Kernels) -> None:
    """Write what `peers.R` reads."""
    registry.to_csv(folder / "registry.csv", index=False)
    categories = [name for name in SCORE_COVARIATES if COLUMNS[name].kind == "category"]
    columns = {
        "covariates": SCORE_COVARIATES,
        "adjuncts": ADJUNCTS,
        "transfusions": TRANSFUSIONS,
        "durations": DURATIONS,
        "later": SOFA_LATER,
        "outcomes": SPEC.outcomes,
        "categories": categories,
        "levels": {name: COLUMNS[name].level_names for name in categories},
    }
    (folder / "columns.json").write_text(json.dumps(columns))
    X, y, cluster = kernels.gee
    gee = pd.DataFrame(X[:, 1:], columns=[f"x{j}" for j in range(1, X.shape[1])])
    gee.assign(y=y, cluster=cluster).to_csv(folder / "gee.csv", index=False)
    x, time, event = kernels.cox_small
    pd.DataFrame({"x": x, "time": time, "event": event}).to_csv(folder / "cox_small.csv", index=False)
    x, time, event = kernels.cox_large
    np.concatenate([time, event, x]).tofile(folder / "cox_large.bin")
    score, treated = kernels.scores[3_000]
    pd.DataFrame({"score": score, "treated": treated.astype(int)}).to_csv(folder / "match.csv", index=False)


def run_r(registry: pd.DataFrame, kernels: Kernels) -> dict[str, Any]:
    """Return times, results and versions of the R peer; empty where R is not installed."""
    if shutil.which("Rscript") is None:
        print("Rscript is not installed; the R column stays empty")
        return {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_for_r(folder, registry, kernels)
        command = ["Rscript", str(HERE / "peers.R"), name, str(PEER_REPEATS)]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        found: dict[str, Any] = json.loads((folder / "peers.json").read_text())
        return found


def time_python(registry: pd.DataFrame, kernels: Kernels) -> dict[str, float]:
    """Return the times of the statsmodels peer."""
    X, y, cluster = kernels.gee
    x, time, event = kernels.cox_small
    score, treated = kernels.scores[3_000]
    return {
        "whole": seconds(lambda: peer.whole_analysis(registry), PEER_REPEATS),
        "logistic": seconds(lambda: peer.logistic(kernels.X, kernels.treated), PEER_REPEATS),
        "gee": seconds(lambda: peer.gee(X, y, cluster), PEER_REPEATS),
        "cox_small": seconds(lambda: peer.cox(x[:, None], time, event), PEER_REPEATS),
        "match": seconds(lambda: peer.match(score, treated), PEER_REPEATS),
    }


def compare(registry: pd.DataFrame, kernels: Kernels, r: dict[str, Any]) -> list[str]:
    """Return how well the three agree, in sentences."""
    own = own_numbers(own_analysis(registry))
    difference, name = largest_difference(own, peer.whole_analysis(registry))
    said = [f"Largest difference from statsmodels in {len(own)} results: {difference:.1e} ({name})"]
    if r:
        alike = own_numbers(own_analysis(registry, replace(SPEC, moment="geepack")))
        difference, name = largest_difference(alike, r["results"])
        said.append(f"Largest difference from R, whose geepack stops early: {difference:.1e} ({name})")
        X, y, cluster = kernels.gee
        fit = fit_gee(X, y, cluster, moment="geepack")
        gap = np.abs(fit.params - r["results"]["kernel gee"]).max()
        gap_se = np.abs(fit.std_errors - r["results"]["kernel gee se"]).max()
        said.append(
            f"GEE, same moment estimator as geepack: coefficients {gap:.1e}, standard errors {gap_se:.1e}"
        )
        x, time, event = kernels.cox_small
        cox = fit_cox(x, time, event)
        gaps = np.abs(np.array([cox.params[0], cox.std_errors[0]]) - r["results"]["kernel cox"])
        said.append(f"Cox: coefficient {gaps[0]:.1e}, standard error {gaps[1]:.1e}")
        score, treated = kernels.scores[3_000]
        pairs = match_pairs(score, treated, order="data")
        same = np.array_equal(np.column_stack([pairs.treated, pairs.control]), r["results"]["kernel pairs"])
        said.append(f"{pairs.n_pairs} pairs of 3,000 patients: {'identical' if same else 'NOT identical'}")
    return said


def table(registry: pd.DataFrame, kernels: Kernels, r: dict[str, Any]) -> list[Line]:
    """Time everything and return the lines of the table."""
    python, other = time_python(registry, kernels), r.get("seconds", {})
    X, y, cluster = kernels.gee
    whole = seconds(lambda: own_analysis(registry), REPEATS)
    lines = [
        Line(
            f"whole analysis, n = {len(kernels.treated):,}",
            whole,
            python["whole"],
            other.get("whole", math.nan),
            "20 ms",
        ),
        Line(
            f"logistic {kernels.X.shape[0]:,} x {kernels.X.shape[1]}",
            seconds(lambda: fit_logistic(kernels.X, kernels.treated), REPEATS),
            python["logistic"],
            other.get("logistic", math.nan),
        ),
        Line(
            f"GEE {X.shape[0]:,} x {X.shape[1]}, 42 clusters",
            seconds(lambda: fit_gee(X, y, cluster), REPEATS),
            python["gee"],
            other.get("gee", math.nan),
            "2 ms",
        ),
    ]
    for what, data, repeats, bar in (
        ("Cox, 1,306 rows", kernels.cox_small, REPEATS, "0.5 ms"),
        ("Cox, 1,000,000 rows", kernels.cox_large, 3, "1 s"),
    ):
        key = "cox_small" if repeats == REPEATS else "cox_large"
        own = seconds(lambda data=data: fit_cox(*data), repeats)
        lines.append(Line(what, own, python.get(key, math.nan), other.get(key, math.nan), bar))
    bars = {3_000: "0.5 ms", 300_000: "0.1 s", 3_000_000: "1.5 s"}
    for size, (score, treated) in kernels.scores.items():
        own = seconds(lambda s=score, t=treated: match_pairs(s, t, order="data"), 10 if size < 1e6 else 3)
        first = size == 3_000
        lines.append(
            Line(
                f"matching, {size:,}",
                own,
                python["match"] if first else math.nan,
                other.get("match", math.nan) if first else math.nan,
                bars[size],
            )
        )
    if "matchit" in other:
        lines.append(Line("matching, 3,000, MatchIt", lines[5].own, math.nan, other["matchit"]))
    return lines


def time_rhc(path: Path) -> Line:
    """Return the time of `analyze` on the public RHC file, reading, figures and report included."""
    from simsepsis.analysis.sensitivity import sensitivity_table
    from simsepsis.show.pages.analysis import analysis_page
    from simsepsis.show.plots.drawings import draw_analysis

    def run() -> None:
        found = analyze(read_cohort(path), load_spec("analysis-rhc"), seed=0)
        figures = draw_analysis(found, source=path.name, version="")
        page = analysis_page(found, figures, sensitivity_table(found), source=path.name, command="")
        assert page.html

    begin = perf_counter()
    run()
    return Line("analyze RHC, report included", perf_counter() - begin, bar="15 s")


def text_of(value: float) -> str:
    """Return seconds in a unit that fits."""
    if math.isnan(value):
        return ""
    return f"{1e3 * value:.2f} ms" if value < 1 else f"{value:.2f} s"


def show(lines: list[Line]) -> None:
    """Print the table with the ratios."""
    heads = ("", "simsepsis", "bar", "Python", "ratio", "R", "ratio")
    rows = [
        (
            line.what,
            text_of(line.own),
            line.bar,
            text_of(line.python),
            "" if math.isnan(line.python) else f"{line.python / line.own:.0f}x",
            text_of(line.r),
            "" if math.isnan(line.r) else f"{line.r / line.own:.0f}x",
        )
        for line in lines
    ]
    widths = [max(len(row[j]) for row in (heads, *rows)) for j in range(len(heads))]
    for row in (heads, *rows):
        first, *others = (f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        print("  ".join([f"{first.strip():<{widths[0]}}", *others]).rstrip())


def main() -> None:
    """Compare, time and print, with one BLAS thread."""
    parser = argparse.ArgumentParser(description="simsepsis beside statsmodels and R")
    parser.add_argument("--no-r", action="store_true", help="leave R out")
    parser.add_argument("--rhc", type=Path, help="the public RHC file, to time analyze on it")
    parser.add_argument("--seed", type=int, default=2, help="of the simulated registry")
    parser.add_argument("--out", type=Path, help="write the times as JSON, too")
    options = parser.parse_args()
    with threadpool_limits(limits=1):
        registry = generate_cohort(load_scenario("thesis"), seed=options.seed).registry
        kernels = kernel_inputs(registry)
        r = {} if options.no_r else run_r(registry, kernels)
        for sentence in compare(registry, kernels, r):
            print(sentence)
        lines = table(registry, kernels, r)
        if options.rhc is not None:
            lines.append(time_rhc(options.rhc))
    print()
    show(lines)
    if r:
        print(f"\n{', '.join(f'{name} {version}' for name, version in r['versions'].items())}")
    if options.out is not None:
        options.out.write_text(json.dumps([line._asdict() for line in lines], indent=2) + "\n")


if __name__ == "__main__":
    main()
