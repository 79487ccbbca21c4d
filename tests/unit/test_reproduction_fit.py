"""Goodness of fit of a reproduction: what is judged, on draws whose answer is known and on real ones."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.readings import LITERAL, load_joint_readings
from simsepsis.errors import DataError
from simsepsis.reproduction import contents_of, reproduce
from simsepsis.reproduction.comparison import compare, inside_of_replicates, spread_of
from simsepsis.reproduction.fit import ALL, COLUMNS, CONDITIONAL, goodness_of_fit
from simsepsis.show.pages.reproduction import reproduction_page
from simsepsis.study.blocks import before_items, blocks_of, items_of
from simsepsis.study.layout import Key
from simsepsis.study.published import open_study
from simsepsis.world.files import load_scenario

STUDY = open_study()
PRINTED = STUDY.printed(corrected=True)["printed"].to_numpy()
KEYS = list(STUDY.numbers)
BLOCKS = (
    *("pairs", "table1", "table2", "table3_deaths", "table3_days", "table4", "cox", "table5", "table5_se"),
    *("table6", "missing", "second", "breslow_day"),
)
PAIRS = Key("text", "matched_pairs", "", "count", "after", "")
N = 60


def draws_of(seed: int = 1) -> np.ndarray:
    """Return replicates around the printed numbers: each number off by 2% of itself, intervals kept apart."""
    noise = np.random.default_rng(seed).standard_normal((N, len(KEYS)))
    return PRINTED * (1 + 0.02 * noise)


def fit_of(draws: np.ndarray):
    return goodness_of_fit(STUDY, {LITERAL: draws}, STUDY.readings)


@pytest.fixture(scope="module")
def real():
    return reproduce(load_scenario("thesis"), replicates=10, jobs=1, seed=5, readings=True)


class TestItems:
    def test_blocks_are_those_of_the_layout_and_hold_no_number_twice(self):
        items = items_of(STUDY)
        assert tuple(block.name for block in blocks_of(STUDY)) == BLOCKS
        assert {item.block for item in items} == set(BLOCKS)
        used = Counter(key for item in items for key in item.keys if item.scale != "rate")
        # A limit of an interval belongs to its width, the ratio inside to itself.
        assert max(used.values()) == 1
        assert all(key.phase == "after" for key in used)

    def test_first_levels_of_categories_and_repetitions_are_left_out(self):
        keys = {item.keys[0] for item in items_of(STUDY)}
        routes = {key.level for key in keys if key.variable == "admission_route"}
        assert routes == {"ward", "transfer"}
        originals = STUDY.numbers.originals()
        assert all(originals[key] == key for key in keys)

    def test_scales_and_steps(self):
        by_key = {item.keys[0]: item for item in items_of(STUDY)}
        assert by_key[PAIRS].scale == "log"
        assert by_key[Key("text", "sofa_missing", "", "count", "after", "")].keys[1] == PAIRS
        weight = Key("table1", "weight_kg", "", "median", "after", "treated")
        assert (by_key[weight].scale, by_key[weight].step) == ("number", pytest.approx(0.1))
        assert by_key[Key("table3", "icu_days", "", "q3", "after", "control")].step == 1.0
        assert by_key[Key("table1", "sirs_day1", "", "q1", "after", "control")].step == 1.0

    def test_a_study_whose_layout_names_no_blocks_is_judged_by_table(self):
        plain = replace(STUDY)
        plain.__dict__["layout"] = replace(STUDY.layout, blocks=())
        assert [block.name for block in blocks_of(plain)] == list(STUDY.layout.tables)

    def test_a_study_without_numbers_after_matching_has_none(self):
        assert items_of(open_study("rhc")) == ()

    def test_before_items_are_percentages_and_quartiles(self):
        statistics = {item.keys[0].statistic for item in before_items(STUDY)}
        assert statistics == {"percent", "median", "q1", "q3"}
        assert all(item.keys[0].phase == "before" for item in before_items(STUDY))


class TestFit:
    def test_numbers_around_print_fit(self):
        table = fit_of(draws_of()).table
        assert tuple(table.columns) == COLUMNS
        assert table["block"].tolist() == [ALL, *BLOCKS]
        assert table.loc[0, "items"] == table["items"][1:].sum()
        assert table.loc[0, "mean_z2"] < 0.3
        assert table.loc[0, "p"] > 0.9

    def test_a_block_that_is_off_is_named_and_the_others_are_not(self):
        draws = draws_of()
        draws[:, KEYS.index(PAIRS)] *= 1.3
        fit = fit_of(draws)
        table = fit.table.set_index("block")
        assert table.loc["pairs", "mean_z2"] == pytest.approx((np.log(1.3) / 0.02) ** 2 / 2, rel=0.3)
        assert table.loc["pairs", "p"] == pytest.approx(1 / (N + 1))
        assert table.loc["table1", "p"] > 0.5
        assert "What fits badly (p < 0.05): all of them" not in fit.summary[0]
        assert "Matched pairs" in fit.summary[0]
        assert "Table 1" not in fit.summary[0]

    def test_numbers_that_cannot_vary_are_counted_and_not_judged(self):
        draws = draws_of()
        sirs = [
            place for place, key in enumerate(KEYS) if key.variable == "sirs_day1" and key.phase == "after"
        ]
        draws[:, sirs] = PRINTED[sirs]
        key = Key("table1", "sirs_day1", "", "median", "after", "treated")
        draws[:, KEYS.index(key)] += 1.0
        fit = fit_of(draws).readings[LITERAL]
        assert key not in {item.keys[0] for item in fit.items}
        assert (fit.fixed, fit.missed) == (fit_of(draws_of()).readings[LITERAL].fixed + 6, 1)

    def test_what_is_known_from_before_matching_narrows(self):
        draws = draws_of()
        after = KEYS.index(Key("table1", "male", "", "percent", "after", "treated"))
        before = KEYS.index(Key("table1", "male", "", "percent", "before", "treated"))
        draws[:, after] = draws[:, before] + 0.1 * np.random.default_rng(2).standard_normal(N)
        table = fit_of(draws).conditional
        assert tuple(table.columns) == CONDITIONAL
        row = table[(table["variable"] == "male") & (table["arm"] == "treated")].iloc[0]
        assert row["narrower"] < 0.2
        width, given = row["high"] - row["low"], row["high_given_before"] - row["low_given_before"]
        assert given / width == pytest.approx(row["narrower"], rel=0.01)

    def test_what_was_chosen_after_looking_is_told_with_the_half_that_was_kept_from_it(self):
        draws = draws_of()
        row = ("text", "matched_pairs", "")
        draws[:, KEYS.index(PAIRS)] *= 1.5
        fit = goodness_of_fit(STUDY, {LITERAL: draws}, STUDY.readings, ("deaths come earlier",))
        halves = fit.readings[LITERAL].halves
        off = "held_out" if STUDY.halves[row] else "looked_at"
        assert halves[off].observed > 1.0
        assert min(half.observed for half in halves.values()) < 0.3
        told = " ".join(fit.summary)
        assert "had been seen: deaths come earlier." in told
        assert (
            f"{halves['held_out'].observed:.2f} against {halves['looked_at'].observed:.2f} (literal)" in told
        )
        assert "had been seen" not in " ".join(fit_of(draws).summary)

    def test_the_stored_draw_has_every_row_that_is_judged(self):
        rows = {item.keys[0][:3] for item in items_of(STUDY)}
        assert rows <= set(STUDY.halves)
        assert abs(sum(STUDY.halves.values()) - len(STUDY.halves) / 2) <= 1

    def test_few_replicates_are_told(self):
        fit = fit_of(draws_of()[:3])
        assert fit.table["p"].isna().all()
        assert "fewer than 8 replicates" in fit.summary[0]


class TestReproduction:
    def test_summary_begins_with_the_fit_and_the_report_has_it(self, real):
        assert real.summary[0].startswith("Goodness of fit: ")
        html = reproduction_page(real, (), command="simsepsis reproduce").html
        assert html.index('id="fit"') < html.index('id="read"')

    def test_files_have_every_reading_and_those_that_join_several(self, real):
        contents = contents_of(real)
        stored = pd.read_csv(io.BytesIO(contents["tables/fit.csv"]))
        names = [reading.name for reading in (*STUDY.readings, *STUDY.joint_readings)]
        assert list(dict.fromkeys(stored["reading"])) == names
        assert set(stored["block"]) == {ALL, *BLOCKS}
        assert set(pd.read_csv(io.BytesIO(contents["tables/conditional.csv"]))["arm"].dropna()) == {
            *("ivigg", "control", "contrast")
        }

    def test_joint_reading_has_the_pairs_of_both(self, real):
        joint = real.fit.readings["icu_and_adjuncts_alone"].vectors.draws
        first, second = (
            real.fit.readings[name].vectors.draws for name in ("icu_indicators", "adjuncts_alone")
        )
        np.testing.assert_array_equal(joint[:, 0], first[:, 0])
        np.testing.assert_array_equal(joint[:, 1], second[:, 1])


def test_replicates_are_counted_in_the_intervals_of_the_others():
    draws = draws_of()
    draws[4, 7] = np.nan
    comparison = compare(STUDY, draws)
    chosen = comparison["statistic"].isin(["odds_ratio", "percent"]).to_numpy()
    rows, values = comparison[chosen], draws[:, chosen]
    found = inside_of_replicates(rows, values)
    digits = np.where(rows["statistic"] == "percent", 1, 3)
    for replicate in (0, 4, 31):
        spread = spread_of(np.delete(values, replicate, axis=0))
        known = np.isfinite(values[replicate])
        scale = 10.0**digits
        low, high, own = (np.round(x * scale) / scale for x in (spread.low, spread.high, values[replicate]))
        expected = ((low <= own) & (own <= high))[known].mean()
        assert found[replicate] == pytest.approx(expected)


def test_a_joint_reading_joins_readings_that_are_there(tmp_path):
    path = tmp_path / "readings.toml"
    path.write_text('[[joint]]\nname = "both"\nlabel = "both"\njoins = ["yates", "one"]\n')
    with pytest.raises(DataError, match="joins 'one', which is none"):
        load_joint_readings(path, STUDY.readings)
