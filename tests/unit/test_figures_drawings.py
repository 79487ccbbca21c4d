"""What is drawn is what the frames say, on axes that name quantity and unit."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from simsepsis.show.plots.forest import plot_forest
from simsepsis.show.plots.love import THRESHOLD, plot_love
from simsepsis.show.plots.overlap import bin_scores, plot_overlap
from simsepsis.show.plots.pairs import plot_pairs
from simsepsis.show.plots.positions import outside_names, plot_positions, positions
from simsepsis.show.plots.rows import balance_rows
from simsepsis.show.plots.survival import plot_survival
from simsepsis.study.published import open_study
from simsepsis.words.numbers import with_interval

STUDY = open_study()


@pytest.fixture
def balance(comparison: pd.DataFrame) -> pd.DataFrame:
    return balance_rows(comparison)


@pytest.fixture
def curves() -> pd.DataFrame:
    days = np.arange(0.0, 61.0)
    arms = {"treated": 0.011, "control": 0.010}
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "arm": arm,
                    "time": days,
                    "survival": np.exp(-rate * days),
                    "low": np.exp(-1.2 * rate * days),
                    "high": np.exp(-0.8 * rate * days),
                    "at_risk": np.rint(653 * np.exp(-days / 30)),
                }
            )
            for arm, rate in arms.items()
        ],
        ignore_index=True,
    )


@pytest.fixture
def scores() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    arm = np.repeat(["treated", "control"], [300, 700])
    return pd.DataFrame(
        {
            "arm": arm,
            "matched": rng.random(1000) < 0.4,
            "logit": rng.normal(np.where(arm == "treated", 0, -1)),
        }
    )


@pytest.fixture
def ratios() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": ["ICU death", "ICU death", "Hospital death"],
            "label": ["Crude", "Adjusted", "Cox"],
            "printed": [1.204, 0.883, np.nan],
            "printed_low": [0.915, 0.655, np.nan],
            "printed_high": [1.584, 1577.0, np.nan],
            "simulated": [1.01, 0.99, 1.0],
            "low": [0.8, 0.95, 0.9],
            "high": [1.3, 1.1, 1.1],
            "inside": [True, False, True],
        }
    )


@pytest.fixture
def marks() -> pd.DataFrame:
    columns = {"printed": [653.0, 796.0], "simulated": 640.0, "low": 600.0, "high": 660.0}
    return pd.DataFrame(columns, index=["covariates", "adjuncts"])


@pytest.fixture
def pairs() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    counts = np.concatenate([rng.integers(620, 660, 50), rng.integers(560, 600, 50)])
    names = np.repeat(["covariates", "adjuncts"], 50)
    return pd.DataFrame({"score": names, "replicate": np.tile(np.arange(50), 2), "pairs": counts})


def texts_of(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_every_axis_names_its_quantity_and_unit(balance, curves, scores, ratios, pairs, marks, comparison):
    drawn = {
        "love": (plot_love(balance, words=STUDY.wording), r"\(%\)"),
        "overlap": (plot_overlap(bin_scores(scores)), r"\(logit\)"),
        "survival": (plot_survival(curves, horizon=60.0), r"\(days\)"),
        "forest": (plot_forest(ratios), r"[Oo]dds ratio"),
        "pairs": (plot_pairs(pairs, marks), r"\(n\)"),
        "positions": (plot_positions(positions(comparison), STUDY), r"interval"),
    }
    for name, (figure, unit) in drawn.items():
        # Rows of a list are named one by one; only a measured axis has ticks and a name.
        assert all(axes.get_ylabel() for axes in figure.axes if len(axes.get_yticks())), name
        assert re.search(unit, figure.axes[-1].get_xlabel()), name


def test_love_plot_draws_every_printed_and_simulated_number_of_both_phases(balance):
    figure = plot_love(balance, words=STUDY.wording)
    for axes, phase in zip(figure.axes, ("before", "after"), strict=True):
        rows = balance.loc[balance["phase"] == phase]
        marks = np.concatenate([line.get_xdata() for line in axes.lines if line.get_marker() in ("D", "o")])
        expected = np.concatenate([rows["printed"], rows["simulated"]])
        np.testing.assert_allclose(np.sort(marks), np.sort(expected))
        assert any(np.allclose(line.get_xdata(), THRESHOLD) for line in axes.lines)


def test_love_plot_fills_the_diamonds_of_numbers_outside(balance):
    axes = plot_love(balance, words=STUDY.wording).axes[0]
    filled = [
        line for line in axes.lines if line.get_marker() == "D" and line.get_markerfacecolor() != "white"
    ]
    rows = balance.loc[(balance["phase"] == "before") & ~balance["inside"]]
    np.testing.assert_allclose(np.sort(filled[0].get_xdata()), np.sort(rows["printed"]))


def test_love_plot_of_one_cohort_needs_nothing_printed_and_no_interval(balance):
    alone = balance.assign(printed=np.nan, low=np.nan, high=np.nan, inside=True)
    words = texts_of(plot_love(alone, words=STUDY.wording))
    assert "this cohort" in words
    assert not any("thesis" in text for text in words)


def test_love_plot_keeps_the_covariates_that_differ_most_and_says_so(balance):
    figure = plot_love(balance, words=STUDY.wording, largest=5)
    words = texts_of(figure)
    assert "Actively (radical)" in words
    assert "Hemoglobin" not in words
    assert any(text.startswith("The 5 covariate levels") for text in words)


def test_bins_count_every_patient_once_and_matched_within_all(scores):
    binned = bin_scores(scores)
    assert binned.groupby("arm")["patients"].sum().to_dict() == {"control": 700, "treated": 300}
    assert binned["matched"].sum() == scores["matched"].sum()
    assert (binned["matched"] <= binned["patients"]).all()


def test_overlap_draws_treated_upwards_and_controls_downwards(scores):
    binned = bin_scores(scores)
    heights = np.array([patch.get_height() for patch in plot_overlap(binned).axes[0].patches])
    signed = binned["patients"].where(binned["arm"] == "treated", -binned["patients"])
    np.testing.assert_allclose(heights[heights > 0].sum(), (signed + binned["matched"])[signed > 0].sum())
    assert heights.min() == signed.min()


def test_survival_axis_runs_from_0_to_100_percent_and_60_days(curves):
    axes = plot_survival(curves, horizon=60.0).axes[0]
    assert axes.get_ylim() == (0, 100)
    assert axes.get_xlim() == (0, 60)
    thick = [line for line in axes.lines if line.get_linewidth() > 1.5]
    assert {line.get_linestyle() for line in thick} == {"-", "--"}
    np.testing.assert_allclose(thick[0].get_ydata(), 100 * curves.loc[curves["arm"] == "treated", "survival"])


def test_number_at_risk_between_two_times_is_that_before_the_next_one():
    curve = pd.DataFrame(
        {
            "arm": "treated",
            "time": [0.0, 4.0, 25.0],
            "survival": 1.0,
            "low": 1.0,
            "high": 1.0,
            "at_risk": [9, 8, 3],
        }
    )
    words = texts_of(plot_survival(pd.concat([curve, curve.assign(arm="control")]), horizon=60.0))
    assert [words.count(count) for count in ("9", "3", "8")] == [2, 4, 0]
    assert words.count("0") >= 2


def test_forest_cuts_a_long_interval_with_an_arrow_and_prints_its_end(ratios):
    figure = plot_forest(ratios, limits=(0.4, 2.5))
    markers = [line.get_marker() for line in figure.axes[0].lines]
    assert markers.count(">") == 1
    assert "0.88 (0.66–1577)" in texts_of(figure)
    assert "–" in texts_of(figure)


def test_forest_of_one_cohort_has_one_column_of_numbers(ratios):
    alone = ratios.assign(printed=np.nan, printed_low=np.nan, printed_high=np.nan)
    words = texts_of(plot_forest(alone))
    assert "Estimate (95% CI)" in words
    assert "Printed (95% CI)" not in words


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((1.204, 0.915, 1.584), "1.20 (0.92–1.58)"),
        ((np.nan, np.nan, np.nan), "–"),
        ((1.0, np.nan, np.nan), "1.00"),
        ((12.345, 0.002, 75.96), "12.3 (<0.01–76.0)"),
        ((2.0, 1.0, 1e9), "2.00 (1.00–>10⁴)"),
    ],
)
def test_ratios_with_intervals(numbers: tuple[float, float, float], text: str):
    assert with_interval(numbers, joint="–") == text


def test_pairs_marks_the_printed_numbers_on_one_common_axis(pairs, marks):
    figure = plot_pairs(pairs, marks)
    assert {"printed 653", "printed 796"} <= set(texts_of(figure))
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    drawn = sum(patch.get_height() for axes in figure.axes for patch in axes.patches)
    assert drawn == len(pairs)


def test_pairs_of_a_single_score_and_a_single_value_still_draw(pairs, marks):
    one = pairs.loc[pairs["score"] == "covariates"].assign(pairs=640)
    figure = plot_pairs(one, marks.assign(printed=np.nan))
    assert len(figure.axes) == 1
    assert sum(patch.get_height() for patch in figure.axes[0].patches) == len(one)


def row(printed: float, simulated: float, low: float, high: float, **others: object) -> pd.DataFrame:
    key = {
        "table": "table1",
        "variable": "age",
        "level": "",
        "statistic": "p_value",
        "phase": "before",
        "arm": "",
    }
    numbers = {"printed": printed, "simulated": simulated, "low": low, "high": high}
    return pd.DataFrame([{**key, **numbers, "inside": low <= printed <= high, **others}])


@pytest.mark.parametrize(
    ("numbers", "position"),
    [
        ((10, 10, 8, 14), 0.0),
        ((14, 10, 8, 14), 1.0),
        ((7, 10, 8, 14), -1.5),
        ((0, 0, 0, 0), 0.0),
        ((3, 0, 0, 0), np.inf),
    ],
)
def test_position_is_measured_in_the_interval_of_its_own_side(numbers: tuple[float, ...], position: float):
    assert positions(row(*numbers))["position"].item() == position


def test_the_verdict_decides_on_which_side_of_the_end_a_number_stands():
    assert positions(row(14.3, 10, 8, 14, inside=True))["position"].item() == 1.0
    assert positions(row(13.9, 10, 8, 14, inside=False))["position"].item() == 1.0


def test_an_upper_bound_stands_at_the_mean_below_it():
    assert positions(row(0.001, 1e-6, 1e-9, 1e-5, inside=True, text="<0.001"))["position"].item() == 0.0
    assert positions(row(0.001, 0.2, 0.1, 0.4, inside=False, text="<0.001"))["position"].item() < -1.0


def test_numbers_that_stood_before_are_left_out():
    twice = pd.concat([row(1, 1, 0, 2, repeats=""), row(1, 1, 0, 2, repeats="table4")])
    assert len(positions(twice)) == 1


def test_a_misprint_stands_at_its_corrected_value():
    misprint = row(4.4, 2.4, 2.0, 3.0, inside=False, corrected=2.4, inside_corrected=True)
    placed = positions(misprint)
    assert (placed["position"].item(), placed["inside"].item()) == (0.0, True)
    correct = row(4.4, 2.4, 2.0, 3.0, inside=False, corrected=np.nan, inside_corrected=False)
    assert not positions(correct)["inside"].item()


def test_positions_leave_out_what_cannot_be_compared_and_keep_the_input(comparison):
    changed = comparison.copy()
    once = changed.index[(changed["repeats"] == "") & changed["simulated"].notna()]
    changed.loc[once[:3], "simulated"] = np.nan
    before = changed.copy()
    assert len(positions(changed)) == len(once) - 3
    pd.testing.assert_frame_equal(changed, before)


def test_outside_numbers_are_named_farthest_first_and_the_rest_counted(comparison):
    placed = positions(comparison)
    names = outside_names(placed, STUDY, most=3)
    outside = placed.loc[~placed["inside"], "position"].abs()
    assert names[0].startswith(f"{placed.loc[outside.idxmax(), 'position']:+.1f}".replace("-", "−"))
    assert names[-1] == f"and {len(outside) - 3} more"


def test_positions_draws_one_dot_per_compared_number(comparison):
    placed = positions(comparison)
    axes = plot_positions(placed, STUDY).axes[0]
    dots = sum(len(line.get_xdata()) for line in axes.lines if line.get_marker() in ("o", "D"))
    assert dots == len(placed)


def test_drawing_leaves_no_trace_in_global_state_or_in_its_input(balance):
    import matplotlib

    before, untouched = dict(matplotlib.rcParams), balance.copy()
    plot_love(balance, words=STUDY.wording)
    assert dict(matplotlib.rcParams) == before
    pd.testing.assert_frame_equal(balance, untouched)


def test_the_time_axis_ends_with_follow_up(curves):
    axes = plot_survival(curves.loc[curves["time"] <= 28], horizon=60.0).axes[0]
    assert axes.get_xlim() == (0, 30)


def test_dollar_signs_in_a_level_are_words_not_formulas(balance):
    rows = balance.assign(level=balance["level"].where(balance["level"] == "", "$11-$25k"))
    rows = rows.drop_duplicates(["variable", "level", "phase"])
    assert not any(
        text.get_parse_math()
        for text in plot_love(rows, words=STUDY.wording).findobj(Text)
        if "$" in text.get_text()
    )


def test_another_treatment_has_its_own_name(curves, scores):
    assert "swang1 (solid)" in " ".join(texts_of(plot_survival(curves, treated="swang1")))
    assert not any("IVIgG" in text for text in texts_of(plot_overlap(bin_scores(scores), treated="swang1")))
