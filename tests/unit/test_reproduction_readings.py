"""Which readings can produce a printed number: made-up draws whose answer is known, and real replicates."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.readings import LITERAL
from simsepsis.reproduction import contents_of, reproduce
from simsepsis.reproduction.readings import COLUMNS_OF_TABLE, ReadingsComparison, compare_readings
from simsepsis.show.pages.readings import reading_tables
from simsepsis.show.pages.reproduction import reproduction_page
from simsepsis.study.layout import Key
from simsepsis.study.published import open_study
from simsepsis.world.files import load_scenario

STUDY = open_study()
READINGS = STUDY.readings
THESIS, CORRECTED = STUDY.printed(), STUDY.printed(corrected=True)
KEYS = tuple(STUDY.numbers)
PAIRS = Key("text", "matched_pairs", "", "count", "after", "")
SECOND_PAIRS = PAIRS._replace(level="adjuncts")
HAZARD = Key("text", "hospital_death", "cox", "hazard_ratio", "after", "contrast")
CRUDE_P = Key("text", "icu_death", "adjuncts_crude", "p_value", "after", "contrast")
N = 40


def draws_of(changes: dict[str, dict[Key, float]]) -> np.ndarray:
    """Return (replicates, readings, numbers): the printed numbers, but for what each reading changes."""
    noise = 1 + 0.01 * np.linspace(-1, 1, N)
    literal = CORRECTED["printed"].to_numpy() * np.where(THESIS["bound"] == "<", 0.5, 1.0)
    draws = np.tile(literal, (len(READINGS), 1))
    for place, reading in enumerate(READINGS):
        for key, value in (changes[LITERAL] | changes.get(reading.name, {})).items():
            draws[place, KEYS.index(key)] = value
    return noise[:, None, None] * draws


@pytest.fixture(scope="module")
def found() -> ReadingsComparison:
    changes = {
        LITERAL: {PAIRS: 780.0, SECOND_PAIRS: 620.0, CRUDE_P: 0.9},
        "icu_indicators": {PAIRS: 653.0},
        "beds_categories": {PAIRS: 700.0},
        "adjuncts_alone": {SECOND_PAIRS: 800.0},
        "cox_adjusted": {HAZARD: 0.6},
        "yates": {CRUDE_P: 0.38},
    }
    return compare_readings(STUDY, READINGS, draws_of(changes))


def line_with(lines: tuple[str, ...], part: str) -> str:
    (line,) = [line for line in lines if part in line]
    return line


def rows_of(table: pd.DataFrame, key: Key) -> pd.DataFrame:
    columns = ["table", "variable", "level", "statistic", "phase", "arm"]
    return table[(table[columns] == list(key)).all(axis=1)].set_index("reading")


def test_words_name_the_readings_that_can_and_cannot(found: ReadingsComparison) -> None:
    pairs = line_with(found.summary, "653 matched pairs")
    assert "780 (772 to 788), 0% of replicates below print, it cannot produce that" in pairs
    assert "Others that can: ICU indicators 653" in pairs
    assert "Others that cannot: beds as categories 700" in pairs
    assert "second score" not in pairs
    assert "Others that can: second score of adjuncts alone 800" in line_with(
        found.summary, "796 matched pairs"
    )
    hazard = line_with(found.summary, "0.941 as hazard ratio")
    assert "it can produce that. Others that cannot: Cox adjusted for adjuncts 0.600" in hazard
    assert "0.38 (chi-square with Yates's correction)" in line_with(found.summary, "held-out p values the")
    assert "changes 1 held-out p values, of which 1 come inside" in line_with(
        found.summary, "Chi-square with"
    )


def test_table_has_literal_rows_and_those_that_a_reading_changes(found: ReadingsComparison) -> None:
    assert tuple(found.table.columns) == COLUMNS_OF_TABLE
    pairs = rows_of(found.table, PAIRS)
    assert list(pairs.index) == [LITERAL, "beds_categories", "icu_indicators"]
    assert pairs["inside"].tolist() == [False, False, True]
    assert pairs.loc["icu_indicators", "below"] == pytest.approx(50.0, abs=2.0)
    assert pairs.loc[LITERAL, "below"] == 0.0
    held_out = found.table[found.table["reading"] == LITERAL]
    assert not (held_out["phase"] == "before").any()
    assert len(found.table) == len(held_out) + 6 - 1


def test_tables_of_the_report_show_changes_only(found: ReadingsComparison) -> None:
    definitions, counts, *_odds = reading_tables(found, open_study())
    assert [row[0] for row in definitions.rows] == [reading.label for reading in READINGS]
    by_label = {row[0]: row[1:] for row in counts.rows}
    assert by_label["printed"] == ("653", "796", "0.941", "0.566")
    assert by_label["literal"][0].endswith("▼")
    assert by_label["literal"][1].endswith("▲")
    assert by_label["ICU indicators"][1] == "as literal"
    assert "one-sided Fisher" not in by_label


def test_replicates_are_the_same_with_and_without_readings() -> None:
    scenario = load_scenario("thesis")
    plain = reproduce(scenario, replicates=2, jobs=1, seed=5)
    several = reproduce(scenario, replicates=2, jobs=1, seed=5, readings=True)
    assert plain.readings is None
    assert several.readings is not None
    np.testing.assert_array_equal(plain.draws, several.draws)
    np.testing.assert_array_equal(several.draws, several.readings.draws[LITERAL])
    pd.testing.assert_frame_equal(plain.comparison, several.comparison)
    contents = contents_of(several)
    stored = pd.read_csv(io.BytesIO(contents["tables/readings.csv"]))
    assert set(stored["reading"]) >= {LITERAL, "icu_indicators", "cox_adjusted"}
    assert "tables/readings.csv" not in contents_of(plain)
    html = reproduction_page(several, (), command="simsepsis reproduce --readings").html
    assert 'id="readings"' in html
    assert 'id="readings"' not in reproduction_page(plain, (), command="simsepsis reproduce").html


def test_a_reading_that_always_fails_has_no_place() -> None:
    readings = [one for one in READINGS if one.name in (LITERAL, "icu_indicators")]
    draws = draws_of({LITERAL: {}})[:, :2].copy()
    draws[:, 1, KEYS.index(PAIRS)] = np.nan
    found = compare_readings(STUDY, readings, draws)
    row = rows_of(found.table, PAIRS).loc["icu_indicators"]
    assert np.isnan(row["simulated"])
    assert np.isnan(row["below"])
    assert "ICU indicators" not in line_with(found.summary, "653 matched pairs")
