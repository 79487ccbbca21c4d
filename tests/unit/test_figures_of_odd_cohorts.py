"""Figures and reports of cohorts in which little can be estimated: drawn, or left out with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from own_study import own_analysis, own_cohort, whole_report
from tests.examples import with_slow

from simsepsis.analysis.thesis_analysis import Analysis
from simsepsis.errors import DataError
from simsepsis.show.lettering import make_legible
from simsepsis.show.plots.drawings import draw_analysis
from simsepsis.show.plots.forest import LIMITS, limits_of, plot_forest
from simsepsis.show.plots.love import LARGEST
from simsepsis.show.plots.overlap import bin_scores
from simsepsis.show.plots.survival import at_risk, plot_survival, time_ticks, until
from simsepsis.show.style import letters, wrapped

ODD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], dict[str, Any]]] = {
    "a covariate is the treatment": (lambda f: f.assign(years=f["smoker"] * 1.0), {}),
    "nobody has the event": (lambda f: f.assign(chd=0), {}),
    "everybody has the event": (lambda f: f.assign(chd=1), {}),
    "covariates are constant": (lambda f: f.assign(years=1.0, bmi=2.0, region="north"), {}),
    "one treated patient": (lambda f: f.assign(smoker=(np.arange(len(f)) == 9).astype(int)), {}),
    "two patients of each arm": (
        lambda f: f.groupby("smoker").head(2).assign(region="north"),
        {"covariates": ("years",)},
    ),
    "no pair": (lambda f: f, {"caliper": 0.0, "covariates": ("years",), "caliper_sd": "raw"}),
    "no survival": (lambda f: f, {"survival_time": None, "survival_event": None}),
    "follow-up is short": (lambda f: f, {"rmst_horizon": 1e9}),
    "times are tiny": (lambda f: f.assign(months=f["months"] * 1e-6), {"rmst_horizon": 1e-4}),
    "times are huge": (lambda f: f.assign(months=f["months"] * 1e9), {"rmst_horizon": 1e9}),
    "two thousand clusters": (
        lambda f: f.assign(site=np.arange(len(f)) // 2),
        {"cluster": "site"},
    ),
    "names are long": (
        lambda f: f.rename(columns={"years": "x" * 300, "chd": "a long outcome name " * 20}),
        {
            "covariates": ("x" * 300, "bmi"),
            "outcomes": ("a long outcome name " * 20,),
            "survival_event": "a long outcome name " * 20,
            "labels": {"smoker": "an arm with a long name " * 9},
        },
    ),
    "names are markup": (
        lambda f: f.rename(columns={"years": "$x_1$ [/b]", "bmi": "<b>&"}),
        {"covariates": ("$x_1$ [/b]", "<b>&")},
    ),
}


SLOW = {"everybody has the event", "two patients of each arm", "times are huge", "follow-up is short"}
"""Like "nobody has the event", "one treated patient" and "times are tiny", and test_any_horizon."""


@pytest.mark.parametrize("case", with_slow(ODD, SLOW))
def test_no_odd_cohort_stops_the_report(case: str) -> None:
    change, settings = ODD[case]
    found = own_analysis(change(own_cohort(4000 if "clusters" in case else 400)), **settings)
    figures, left_out, page = whole_report(found)
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"data:image[^\"]+", "", page))
    assert "love" in {plate.name for plate in figures}
    assert all(title and reason for title, reason in left_out)
    assert all(f"Figure: {title}" in page for title, _ in left_out)
    for plate in figures:
        drawing = plate.draw()
        make_legible(drawing)
        assert_within(drawing)


def assert_within(figure: Any) -> None:
    """Fail where a text leaves the figure; labels of ticks outside the limits are not drawn."""
    canvas = FigureCanvasAgg(figure)
    # Texts take their places in this as in a drawing; the picture itself is not looked at.
    figure.draw_without_rendering()
    renderer, (width, height) = canvas.get_renderer(), canvas.get_width_height()
    written = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    written += [label for axes in figure.axes for label in (axes.xaxis.label, axes.yaxis.label)]
    for text in written:
        # Without the line that leads from a text to what it names.
        box = Text.get_window_extent(text, renderer)
        assert -2 < box.y0 <= box.y1 < height + 2, text.get_text()
        assert -2 < box.x0 <= box.x1 < width + 2, text.get_text()


def test_a_step_that_failed_leaves_its_reason_in_place_of_the_figure() -> None:
    found = own_analysis(own_cohort().assign(years=lambda f: f["smoker"] * 1.0))
    _, left_out, _ = whole_report(found)
    reasons = dict(left_out)
    assert "the propensity score decides a whole arm" in reasons["Overlap of the propensity score"]
    assert "the propensity score decides a whole arm" in reasons["Time to chd, matched patients"]


def test_love_plot_of_hundreds_of_levels_is_bounded_and_says_so() -> None:
    frame = own_cohort(3000)
    frame["city"] = [f"city {number}" for number in np.random.default_rng(5).integers(0, 300, 3000)]
    found = own_analysis(frame, covariates=("years", "city"))
    (love,) = [plate for plate in draw_analysis(found, source="x", version="0") if plate.name == "love"]
    assert love.draw().get_size_inches()[1] < 20
    levels = 1 + len(found.result.cohort.levels["city"])
    assert f"the {LARGEST} covariate levels farthest apart before matching, of {levels}" in love.caption
    assert len(love.data) == 2 * levels


def survival_of(found: Analysis):
    (plate,) = [plate for plate in draw_analysis(found, source="x", version="0") if plate.name == "survival"]
    return plate


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "months"), (0.01, "years"), (40.0, "days")])
def test_numbers_at_risk_are_a_count_of_the_data_at_every_tick(scale: float, unit: str) -> None:
    frame = own_cohort()
    frame["months"] *= scale
    found = own_analysis(frame, time_unit=unit, rmst_horizon=100.0 * scale)
    axes = survival_of(found).draw().axes[0]
    times = found.result.survival.value.follow_up
    last = times.duration.max()
    assert axes.get_xlim()[1] >= last
    assert axes.get_xlabel() == (f"months ({unit})" if unit != "months" else "Time (months)")
    shown = [text.get_text() for text in axes.texts]
    ticks = axes.get_xticks()
    for side in (times.treated, ~times.treated):
        counts = [f"{(times.duration[side] >= tick).sum():,}" for tick in ticks]
        assert any(shown[start : start + len(ticks)] == counts for start in range(len(shown)))


def test_numbers_at_risk_after_the_last_time_drawn_are_not_0(registry: pd.DataFrame) -> None:
    from simsepsis.analysis.thesis_analysis import analyze

    found = analyze(registry, seed=1)
    axes = survival_of(found).draw().axes[0]
    times = found.result.survival.value.follow_up
    assert axes.get_xlim() == (0.0, 60.0)
    followed = (times.duration[times.treated] >= 60).sum()
    assert followed > 0
    assert f"{followed:,}" in [text.get_text() for text in axes.texts]


def test_ticks_of_time_are_round_and_few_whatever_the_unit() -> None:
    for longest in (1e-7, 0.4, 1.0, 12.3, 28.0, 85.0, 365.0, 7000.0, 2.3e9):
        ticks = time_ticks(longest)
        assert 3 <= len(ticks) <= 10
        assert ticks[-1] >= longest * (1 - 1e-9)
        assert ticks[-2] < longest
    assert time_ticks(0.0).tolist() == [0.0, 1.0]
    assert time_ticks(200.0, 60.0)[-1] == 60.0


def curve(times: list[float], patients: list[int]) -> pd.DataFrame:
    survival = np.linspace(1, 0.5, len(times))
    return pd.DataFrame(
        {"arm": "treated", "time": times, "survival": survival, "low": survival, "high": survival}
    ).assign(at_risk=patients)


def test_a_curve_that_goes_on_reaches_the_end_of_the_axis() -> None:
    rows = curve([0.0, 10.0, 90.0], [9, 9, 4])
    cut = until(rows, 60.0)
    assert cut["time"].tolist() == [0.0, 10.0, 60.0]
    assert cut["survival"].iloc[-1] == cut["survival"].iloc[-2]
    assert at_risk(rows, np.array([0.0, 10.0, 60.0, 90.0, 91.0])).tolist() == [9, 9, 4, 4, 0]


@pytest.mark.parametrize("survival", [(1.0, 1.0), (0.0, 0.0), (1.0, 0.0), (0.02, 0.99)])
def test_labels_of_curves_stay_inside_the_figure_and_apart(survival: tuple[float, float]) -> None:
    arms = [
        pd.DataFrame({"arm": arm, "time": [0.0, 9.0], "survival": [1.0, end], "at_risk": 5})
        for arm, end in zip(("treated", "control"), survival, strict=True)
    ]
    curves = pd.concat(arms).assign(low=1.0, high=1.0)
    figure = plot_survival(curves, horizon=None, treated="a treatment with a long name", control="none")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    first, second = (
        Text.get_window_extent(text, renderer)
        for text in figure.axes[0].texts
        if text.get_text().endswith("%")
    )
    assert first.y1 <= second.y0 or second.y1 <= first.y0
    assert max(first.y1, second.y1) <= canvas.get_width_height()[1]


def test_overlap_of_equal_scores_is_one_column_and_of_certain_ones_is_refused() -> None:
    scores = pd.DataFrame({"arm": ["treated", "control"] * 5, "matched": True, "logit": 0.25})
    binned = bin_scores(scores)
    assert (binned["patients"] > 0).sum() == 2
    assert binned["bin_low"].min() < 0.25 < binned["bin_high"].max()
    with pytest.raises(DataError, match="certain of every patient's treatment"):
        bin_scores(scores.assign(logit=[np.inf, -np.inf] * 5))


def forest_rows(**values: Any) -> pd.DataFrame:
    row = {"group": "chd", "label": "Matched, crude", "inside": True, "reason": ""}
    row |= dict.fromkeys(("printed", "printed_low", "printed_high", "simulated", "low", "high"), np.nan)
    return pd.DataFrame([{**row, **values}])


def test_forest_shows_estimates_far_from_1_and_the_reasons_of_missing_ones() -> None:
    far = forest_rows(simulated=0.14, low=0.03, high=0.61)
    low, high = limits_of(far)
    assert low < 0.03
    assert high == LIMITS[1]
    missing = plot_forest(forest_rows(reason="a cell is zero"))
    assert any("not estimable: a cell is zero" in text.get_text() for text in missing.findobj(Text))
    assert limits_of(forest_rows()) == LIMITS
    beyond = plot_forest(forest_rows(simulated=1e6, low=1e5, high=np.inf), limits=(0.02, 50.0))
    assert ">" in [line.get_marker() for line in beyond.axes[0].lines]


def test_a_text_is_cut_to_the_room_that_there_is() -> None:
    assert wrapped("short", 10, lines=1) == "short"
    assert wrapped("one two three", 7, lines=2) == "one two\nthree"
    assert wrapped("one two three", 7, lines=1) == "one tw…"
    assert all(letters(line) <= 12 for line in wrapped("糖尿病患者の死亡率" * 5, 12, lines=3).split("\n"))
