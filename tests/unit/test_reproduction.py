"""The comparison of print and simulation, on draws whose answer is known and on real replicates."""

import io
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples

from simsepsis.analysis.cells import cells
from simsepsis.analysis.survival import kaplan_meier
from simsepsis.analysis.thesis_analysis import run_thesis_analysis
from simsepsis.errors import OutputError, UsageError
from simsepsis.reproduction import contents_of, reproduce, write_reproduction
from simsepsis.reproduction.comparison import (
    LEAST,
    TABLE_COLUMNS,
    compare,
    curves_of,
    failures_of,
    held,
    inside_of_replicates,
    spread_of,
)
from simsepsis.reproduction.evidence import gather, position
from simsepsis.reproduction.replicate import CURVE_DAYS, keep
from simsepsis.reproduction.summary import summarize_in_words
from simsepsis.reproduction.words import percent
from simsepsis.show.plots.drawings import draw_reproduction
from simsepsis.streams import stream
from simsepsis.study.layout import Key
from simsepsis.study.published import open_study
from simsepsis.words.numbers import listed, of_statistic
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario

STUDY = open_study()
THESIS, CORRECTED = STUDY.printed(), STUDY.printed(corrected=True)
KEYS = tuple(STUDY.numbers)
NO_FAILURES = failures_of([()])
CRUDE = Key("table4", "hospital_death", "unadjusted", "odds_ratio", "after", "contrast")
ADJUSTED = CRUDE._replace(level="adjusted")
HAZARD = Key("text", "hospital_death", "cox", "hazard_ratio", "after", "contrast")
PAIRS = Key("text", "matched_pairs", "", "count", "after", "")
CONTRACT = ("variable", "level", "statistic", "phase", "arm", "printed", "simulated", "low", "high", "inside")


def draws_of(n: int = 40) -> np.ndarray:
    """Return replicates that all give the corrected printed numbers, and half of an upper bound."""
    below = np.where(THESIS["bound"] == "<", 0.5, 1.0)
    return np.tile(below * CORRECTED["printed"].to_numpy(), (n, 1))


def put(draws: np.ndarray, key: Key, values) -> np.ndarray:
    changed = draws.copy()
    changed[:, KEYS.index(key)] = values
    return changed


@pytest.fixture(scope="module")
def result(registry):
    return run_thesis_analysis(registry, rng=stream(1, "matching"))


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("thesis")


@pytest.fixture(scope="module")
def alone(scenario):
    return reproduce(scenario, replicates=3, jobs=1, seed=5)


def row(comparison: pd.DataFrame, key: Key) -> pd.Series:
    return comparison.iloc[KEYS.index(key)]


def words_of(draws: np.ndarray, *, failures=NO_FAILURES, null=True) -> tuple[str, ...]:
    comparison = compare(STUDY, draws)
    return summarize_in_words(gather(STUDY, comparison, draws, failures, null=null))


def line_with(lines: tuple[str, ...], part: str) -> str:
    found = [line for line in lines if part in line]
    assert len(found) == 1, found
    return found[0]


class TestSpread:
    def test_limits_of_200_replicates_lie_between_the_fifth_and_the_sixth_from_either_end(self):
        values = np.random.default_rng(1).permutation(np.arange(1.0, 201.0))[:, None]
        spread = spread_of(values)
        assert (spread.low[0], spread.high[0]) == pytest.approx((5.025, 195.975), abs=1e-12)
        assert spread.mean[0] == pytest.approx(100.5)
        assert spread.mcse[0] == pytest.approx(values.std(ddof=1) / math.sqrt(200))

    def test_few_replicates_give_their_extremes(self):
        spread = spread_of(np.array([[3.0], [1.0], [2.0]]))
        assert (spread.low[0], spread.high[0]) == (1.0, 3.0)

    def test_one_replicate_has_no_monte_carlo_error(self):
        spread = spread_of(np.array([[3.0]]))
        assert (spread.mean[0], spread.low[0], spread.high[0], spread.n_used[0]) == (3.0, 3.0, 3.0, 1)
        assert math.isnan(spread.mcse[0])

    def test_unusable_values_are_left_out_and_counted(self):
        spread = spread_of(np.array([[1.0, np.nan], [np.nan, np.nan], [np.inf, np.nan], [2.0, np.nan]]))
        assert spread.n_used.tolist() == [2, 0]
        assert (spread.mean[0], spread.low[0], spread.high[0]) == (1.5, 1.0, 2.0)
        assert np.isnan([spread.mean[1], spread.low[1], spread.high[1], spread.mcse[1]]).all()

    def test_ratios_are_averaged_on_the_log_scale(self):
        spread = spread_of(np.array([[0.5], [2.0], [0.0]]), np.array([True]))
        assert spread.mean[0] == pytest.approx(1.0)
        # geometric mean × SD of the logs / √n
        assert spread.mcse[0] == pytest.approx(np.log([0.5, 2.0]).std(ddof=1) / math.sqrt(2))
        assert spread.n_used[0] == 2

    @examples(60)
    @given(values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=300), gaps=st.integers(0, 5))
    def test_limits_are_quantiles_of_hyndman_and_fan_s_sixth_definition(self, values, gaps):
        spread = spread_of(np.array(values + [np.nan] * gaps)[:, None])
        expected = np.quantile(values, [0.025, 0.975], method="weibull")
        assert [spread.low[0], spread.high[0]] == pytest.approx(expected.tolist(), rel=1e-12, abs=1e-12)

    def test_limits_of_quartiles_are_values_that_occur(self):
        values = np.repeat([10.0, 10.5, 11.0, 11.5], 50)[:, None]
        values[:5], values[-5:] = 9.0, 13.0  # places 5.025 and 195.975 lie between two values
        spread = spread_of(values, occurring=np.array([True]))
        assert (spread.low[0], spread.high[0]) == (9.0, 13.0)
        between = spread_of(values)
        assert (between.low[0], between.high[0]) == pytest.approx((9.025, 12.9625))

    def test_a_quartile_that_its_limit_takes_is_inside(self):
        key = Key("table1", "wbc", "", "median", "after", "treated")
        values = np.linspace(9.6, 10.6, 200)
        values[-5:] = 11.8  # the printed number, at the place 195.975
        assert bool(row(compare(STUDY, put(draws_of(200), key, values)), key)["inside"])

    @pytest.mark.parametrize("n", [39, 40, 77, 200, 1000])
    @pytest.mark.parametrize("draw", ["random", "normal", "lognormal"])
    def test_a_further_replicate_falls_inside_in_95_of_100_cases_for_any_number_of_replicates(self, n, draw):
        rng, runs = np.random.default_rng([n, len(draw)]), 12_000
        spread = spread_of(getattr(rng, draw)(size=(n, runs)))
        further = getattr(rng, draw)(size=runs)
        inside = np.mean((spread.low <= further) & (further <= spread.high))
        assert held(n) == pytest.approx(0.95)
        # The straight line between neighbours adds up to 0.2% where the tail is long and n small.
        assert abs(inside - 0.95) < 3.5 * math.sqrt(0.95 * 0.05 / runs) + 0.002

    def test_too_few_replicates_hold_less_and_as_much_as_is_said(self):
        rng, n, runs = np.random.default_rng(8), 19, 12_000
        spread = spread_of(rng.normal(size=(n, runs)))
        further = rng.normal(size=runs)
        inside = np.mean((spread.low <= further) & (further <= spread.high))
        assert held(n) == pytest.approx(0.9)
        assert abs(inside - held(n)) < 3.5 * math.sqrt(0.9 * 0.1 / runs)
        assert held(LEAST) > held(LEAST - 1)


class TestCompare:
    def test_columns_begin_with_the_contract_and_rows_follow_the_thesis(self):
        comparison = compare(STUDY, draws_of())
        assert TABLE_COLUMNS[:10] == CONTRACT
        assert tuple(comparison.columns) == ("table", *TABLE_COLUMNS)
        assert comparison["printed"].tolist() == THESIS["printed"].tolist()

    def test_replicates_of_the_corrected_thesis_are_inside_but_for_misprints(self):
        comparison = compare(STUDY, draws_of())
        misprint = CORRECTED["corrected"].to_numpy()
        assert comparison["inside"][~misprint].all()
        assert not comparison["inside"][misprint].any()
        assert comparison["inside_corrected"].all()
        assert comparison["corrected"].notna().to_numpy().tolist() == misprint.tolist()

    @pytest.mark.parametrize(
        ("key", "values", "inside"),
        [
            (CRUDE, (1.2234, 1.3), True),  # 1.2234 is printed as 1.223
            (CRUDE, (1.2236, 1.3), False),
            (CRUDE, (1.1, 1.2224), False),
            (Key("table3", "vasopressor_days", "", "q3", "after", "treated"), (6.75, 7.0), False),
            (Key("table3", "icu_days", "", "median", "before", "treated"), (8.25, 9.0), False),
            (Key("table3", "icu_death", "", "p_value", "before", "contrast"), (0.0009, 0.2), True),
            (Key("table3", "icu_death", "", "p_value", "before", "contrast"), (0.0011, 0.2), False),
            (Key("table3", "icu_death", "", "p_value", "before", "contrast"), (1e-9, 1e-8), True),
            (
                Key("table5", "ivigg", "", "p_value", "after", "contrast"),
                (0.4904, 0.9),
                True,
            ),  # 0.49 is 0.490
            (Key("table5", "ivigg", "", "p_value", "after", "contrast"), (0.4906, 0.9), False),
        ],
    )
    def test_rounding_and_bounds(self, key, values, inside):
        # Of 39 replicates the limits are the extremes, so that these alone are rounded.
        draws = put(draws_of(39), key, np.linspace(*values, 39))
        assert bool(row(compare(STUDY, draws), key)["inside"]) is inside

    def test_what_was_never_simulated_is_not_compared(self):
        comparison = compare(STUDY, put(draws_of(), PAIRS, np.nan))
        found = row(comparison, PAIRS)
        assert found["inside"] is pd.NA
        assert found["inside_corrected"] is pd.NA
        assert found["n_used"] == 0
        assert math.isnan(found["simulated"])

    def test_a_replicate_without_a_value_is_counted(self):
        values = np.where(np.arange(40) < 3, np.nan, 0.95)
        assert row(compare(STUDY, put(draws_of(40), HAZARD, values)), HAZARD)["n_used"] == 37

    def test_fitted_is_everything_before_matching_and_nothing_after(self):
        comparison = compare(STUDY, draws_of())
        assert comparison["fitted"][comparison["phase"] == "before"].all()
        assert not comparison["fitted"][comparison["phase"] == "after"].any()

    def test_repetitions_name_the_table_where_the_number_stood_first(self):
        comparison = compare(STUDY, draws_of())
        assert row(comparison, CRUDE._replace(statistic="count", arm="treated"))["repeats"] == "table3"
        assert row(comparison, CRUDE)["repeats"] == ""


class TestKeep:
    def test_values_are_the_analysis_s_own(self, result):
        kept = keep(result, KEYS, with_scores=False)
        found = cells(result)
        for place, key in enumerate(KEYS):
            np.testing.assert_equal(kept.values[place], found.get(key, np.nan))
        assert np.isfinite(kept.values).mean() > 0.9
        assert kept.scores is None

    def test_curves_are_kaplan_meier_on_the_common_days(self, result):
        kept = keep(result, KEYS, with_scores=False)
        follow_up = result.survival.value.follow_up
        rows = follow_up.treated
        table = kaplan_meier(follow_up.duration[rows], follow_up.event[rows])
        for day in (0.0, 1.0, 28.0, 90.0):
            place = int(np.flatnonzero(day == CURVE_DAYS)[0])
            until = table[table["time"] <= day]
            expected = 1.0 if until.empty else until["survival"].iloc[-1]
            assert kept.survival[0, place] == expected
            assert kept.at_risk[0, place] == (follow_up.duration[rows] >= day).sum()

    def test_scores_show_every_patient_and_who_was_matched(self, result):
        scores = keep(result, KEYS, with_scores=True).scores
        assert len(scores) == result.cohort.n
        pairs = result.matched["covariates"].value.matches.n_pairs
        assert scores.groupby("arm")["matched"].sum().to_dict() == {"treated": pairs, "control": pairs}

    def test_a_failed_matching_is_named_with_its_consequences(self, registry):
        alike = registry.assign(ivigg=(registry["icu_beds"] > registry["icu_beds"].median()).astype(int))
        kept = keep(run_thesis_analysis(alike, rng=stream(1, "matching")), KEYS, with_scores=True)
        steps = dict(kept.failures)
        assert {"matching, covariates", "Cox", "GEE, covariates, icu_death"} <= steps.keys()
        assert all(steps.values())
        assert np.isnan(kept.values[KEYS.index(PAIRS)])
        assert np.isnan(kept.survival).all()
        assert np.isfinite(kept.values[KEYS.index(Key("table1", "n", "", "count", "before", "treated"))])

    def test_failures_are_counted_by_step(self):
        failures = failures_of([(("Cox", "no deaths"),), (), (("Cox", "other"), ("GEE", "singular"))])
        assert failures.to_dict("records") == [
            {"step": "Cox", "replicates": 2, "first": 0, "reason": "no deaths"},
            {"step": "GEE", "replicates": 1, "first": 2, "reason": "singular"},
        ]
        assert NO_FAILURES.empty

    def test_curves_average_over_replicates_with_a_curve(self):
        alive = np.full((2, CURVE_DAYS.size), 0.5)
        curves = curves_of([alive, alive + 0.2, np.full_like(alive, np.nan)], [alive, alive, alive])
        assert curves["survival"].to_numpy() == pytest.approx(0.6)
        assert set(curves["n_used"]) == {2}
        assert curves.groupby("arm", sort=False)["time"].max().to_dict() == {"treated": 90.0, "control": 90.0}


class TestSummary:
    def test_replicates_of_the_thesis_itself_reproduce_it(self):
        lines = words_of(draws_of(), null=False)
        share = line_with(lines, "Held out")
        held_out = int(share.split(" of ")[1].split(" ")[0])
        assert f"{held_out} of {held_out} (100.0%)" in share
        assert not [line for line in lines if line.startswith("Outside")]
        assert "occurs in 100% of replicates: this world gives it by itself" in line_with(
            lines, "opposite sides"
        )
        assert "653 (653 to 653) in simulation: score and caliper as read here give as many" in line_with(
            lines, "the score without"
        )
        assert "No step of the analysis failed in any of 40 replicates." in lines

    def test_the_sign_flip_is_counted_over_replicates(self):
        odds = np.where(np.arange(40) < 30, 1.1, 0.9)
        hazard = np.where(np.arange(40) < 10, 0.9, 1.1)
        draws = put(put(draws_of(40), CRUDE, odds), HAZARD, hazard)
        line = line_with(words_of(draws), "opposite sides")
        assert "occurs in 25% of replicates: a world without any effect of IVIgG gives it by itself" in line
        never = put(draws, HAZARD, 1.1)
        assert "occurs in 0% of replicates: a world without any effect of IVIgG hardly gives it" in line_with(
            words_of(never), "opposite sides"
        )

    def test_where_the_printed_ratio_lies(self):
        draws = put(draws_of(40), CRUDE, np.where(np.arange(40) < 10, 1.3, 1.0))
        assert "The printed odds ratio lies above 75% of replicates" in line_with(
            words_of(draws), "lies above"
        )

    @pytest.mark.parametrize(
        ("factor", "words"),
        [(0.95, "fall is too small"), (0.957 / 1.223, "the fall is reproduced"), (0.5, "fall is too large")],
    )
    def test_the_fall_from_crude_to_adjusted(self, factor, words):
        draws = put(put(draws_of(), CRUDE, 1.0), ADJUSTED, factor)
        line = line_with(words_of(draws), "In-hospital mortality: adjusting")
        assert "from 1.223 to 0.957 in print, a factor of 0.78" in line
        assert line.endswith(f"{words}.")

    @pytest.mark.parametrize(
        ("pairs", "words"), [(720, "parted the arms more"), (600, "parted the arms less")]
    )
    def test_more_or_fewer_pairs(self, pairs, words):
        line = line_with(words_of(put(draws_of(), PAIRS, pairs)), "the score without")
        assert words in line

    def test_organs_and_the_extended_model(self):
        day3, day7 = (
            Key("table5", f"sofa_renal_day{d}", "", "odds_ratio", "after", "contrast") for d in (3, 7)
        )
        draws = put(put(draws_of(), day3, 2.0), day7, 1.0)
        line = line_with(words_of(draws), "Table 5 (ICU mortality)")
        assert "in 6 of 6 organs in print, in 5.0 in simulation" in line
        assert "below 1 in 4 in print, in 3.0 in simulation" in line
        rises = put(draws, Key("table5", "ivigg", "", "odds_ratio", "after", "contrast"), 2.0)
        assert (
            "falls from 0.883 to 0.815 in print (Table 5), and so it does in 0% of replicates"
            in line_with(words_of(rises), "ICU mortality: with SOFA")
        )

    def test_numbers_outside_are_named_with_their_interval(self):
        key = Key("table4", "icu_death", "adjusted", "odds_ratio", "after", "contrast")
        line = line_with(words_of(put(draws_of(40), key, np.linspace(1.0, 1.5, 40))), "Outside in")
        assert line.startswith("Outside in Table 4, held out, 1 of ")
        assert "ICU mortality: adjusted by GEE odds ratio 0.883 (simulated 1.000 to 1.500)." in line

    def test_tests_that_turn_are_named(self):
        lost = Key("table2", "pmx", "", "p_value", "after", "contrast")
        gained = Key("table2", "heparinoid", "", "p_value", "after", "contrast")
        lines = words_of(put(put(draws_of(), lost, 0.5), gained, 0.01))
        assert "Table 2 Polymyxin B direct hemoperfusion 0%." in line_with(lines, "tests with p < 0.05")
        assert "Table 2 Heparinoid 100%." in line_with(lines, "tests without p < 0.05")

    def test_counts_that_only_follow_the_number_of_pairs(self):
        count = Key("table1", "male", "", "count", "after", "treated")
        line = line_with(words_of(put(draws_of(), count, 450)), "Counts after matching")
        assert "of 1 outside, 1 have their percentage inside" in line

    def test_few_replicates_are_told_before_all_else(self):
        first, *_ = words_of(draws_of(19))
        assert first == (
            "19 replicates are too few for a 95% interval: each interval here runs from the lowest to the "
            "highest value and holds a further one in 90% of cases only; give --replicates 39 or more."
        )
        assert not [line for line in words_of(draws_of(39)) if "too few" in line]

    def test_failures_and_gaps_are_told(self):
        failures = failures_of([(("Cox", "no deaths"),)] * 3)
        values = np.where(np.arange(40) < 3, np.nan, 0.941)
        lines = words_of(put(put(draws_of(40), HAZARD, values), PAIRS, np.nan), failures=failures)
        assert "Cox in 3" in line_with(lines, "Steps without an estimate")
        assert "rest on the others: 1" in line_with(lines, "some replicates")
        assert "matched pairs count" in line_with(lines, "not simulated")

    def test_a_world_without_any_result_still_has_a_summary(self):
        lines = words_of(np.full((3, len(KEYS)), np.nan))
        assert "Printed but not simulated" in " ".join(lines)
        assert "nan" not in " ".join(lines)

    def test_held_out_numbers_are_counted_against_those_of_replicates(self):
        draws = draws_of(200) * (1 + 0.05 * np.random.default_rng(3).standard_normal((200, len(KEYS))))
        line = line_with(words_of(draws), "A replicate of this world")
        comparison = compare(STUDY, draws)
        own = comparison[~comparison["fitted"] & (comparison["repeats"] == "")]
        share = inside_of_replicates(own, draws[:, own.index])
        assert 0.94 < share.mean() < 0.97
        assert f"has {100 * share.mean():.1f}% of these numbers" in line
        assert f"print has {100 * own['inside_corrected'].mean():.1f}%" in line


class TestWords:
    @pytest.mark.parametrize(
        ("value", "statistic", "text"),
        [
            (0.0004, "p_value", "<0.001"),
            (0.04, "p_value", "0.040"),
            (653.2, "count", "653"),
            (6.5, "q3", "6.5"),
            (6.0, "median", "6"),
            (1.2345, "odds_ratio", "1.234"),
            (3e9, "ci_high", "3.0e+09"),
        ],
    )
    def test_numbers(self, value, statistic, text):
        assert of_statistic(value, statistic, full=True) == text

    @pytest.mark.parametrize(
        ("fraction", "text"),
        [(0.0, "0%"), (0.004, "under 1%"), (0.25, "25%"), (0.996, "over 99%"), (1.0, "100%")],
    )
    def test_shares_do_not_round_the_rare_away(self, fraction, text):
        assert percent(fraction) == text

    def test_lists(self):
        assert listed(["a"]) == "a"
        assert listed(["a", "b", "c"]) == "a, b and c"
        assert listed(["a", "b", "c"], 1) == "a and 2 more"

    def test_position_counts_ties_half(self):
        place = position(2.0, np.array([1.0, 2.0, 3.0, np.nan]))
        assert place.below == pytest.approx(0.5)
        assert place.side == "inside"


class TestReproduce:
    def test_two_workers_give_the_same_files_but_for_timings(self, scenario, alone):
        both = reproduce(scenario, replicates=3, jobs=2, seed=5)
        np.testing.assert_array_equal(alone.draws, both.draws)
        first, second = contents_of(alone), contents_of(both)
        records = [json.loads(files.pop("reproduction.json")) for files in (first, second)]
        timings = [record.pop("timings") for record in records]
        assert first == second
        assert records[0] == records[1]
        assert [timing["jobs"] for timing in timings] == [1, 2]
        drawn = [draw_reproduction(reproduction, version="0") for reproduction in (alone, both)]
        for one, other in zip(*drawn, strict=True):
            assert one.name == other.name
            pd.testing.assert_frame_equal(one.data, other.data, check_exact=True)

    def test_a_replicate_is_what_the_generator_and_the_analysis_give(self, scenario, alone):
        registry = generate_cohort(scenario, seed=5, replicate=2).registry
        found = cells(run_thesis_analysis(registry, rng=stream(5, "matching", replicate=2)))
        assert alone.values(*PAIRS)[2] == found[tuple(PAIRS)]
        assert alone.values(*HAZARD)[2] == found[tuple(HAZARD)]

    def test_nearly_every_printed_number_is_simulated(self, alone):
        never = alone.comparison[alone.comparison["n_used"] == 0]
        assert set(never["variable"]) <= {"institutions", "va_ecmo", "vv_ecmo", "plasma_exchange"}

    def test_files(self, alone, tmp_path):
        paths = write_reproduction(alone, tmp_path / "run")
        assert [path.name for path in paths] == [
            *(f"table{i}.csv" for i in range(1, 7)),
            *("text.csv", "fit.csv", "conditional.csv"),
            "reproduction.json",
        ]
        tables = [pd.read_csv(path, keep_default_na=False) for path in paths[:7]]
        assert sum(map(len, tables)) == len(THESIS)
        assert all(tuple(table.columns[:10]) == CONTRACT for table in tables)
        record = json.loads(paths[-1].read_text("utf-8"))
        assert record["seed"] == 5
        assert record["scenario"]["hash"] == alone.scenario.hash
        assert record["summary"] == list(alone.summary)
        assert {"python", "numpy", "simsepsis"} <= record["versions"].keys()
        assert sum(one["numbers"] for one in record["inside"]) > 1000

    def test_written_numbers_are_those_of_the_comparison(self, alone):
        table = pd.read_csv(io.BytesIO(contents_of(alone)["tables/table4.csv"]), keep_default_na=False)
        expected = alone.comparison[alone.comparison["table"] == "table4"]
        assert table["printed"].to_numpy() == pytest.approx(expected["printed"].to_numpy())
        assert table["simulated"].to_numpy() == pytest.approx(expected["simulated"].to_numpy(), rel=1e-5)

    def test_a_folder_that_is_a_file_is_refused_and_left_alone(self, alone, tmp_path):
        taken = tmp_path / "taken"
        taken.write_text("mine")
        with pytest.raises(OutputError, match="taken"):
            write_reproduction(alone, taken)
        assert taken.read_text() == "mine"
        assert [path.name for path in tmp_path.iterdir()] == ["taken"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"replicates": -3}, "replicates = -3"),
            ({"jobs": 0}, "jobs = 0"),
            ({"seed": -1}, "seed -1 is negative"),
        ],
    )
    def test_impossible_requests(self, scenario, arguments, message):
        with pytest.raises(UsageError, match=message):
            reproduce(scenario, **{"replicates": 1, "jobs": 1, **arguments})
