import pandas as pd
import pytest

from simsepsis.errors import DataError
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, SCORE_COVARIATES, SOFA_LATER
from simsepsis.study.layout import Key
from simsepsis.study.printed import KEY, PRINTED_COLUMNS, Cell, cells_of, check_printed
from simsepsis.study.published import open_study

STUDY = open_study()


@pytest.fixture(scope="module")
def printed():
    return STUDY.printed()[list(PRINTED_COLUMNS)]


def test_every_table_is_complete(printed):
    rows = printed.groupby("table", sort=False).size().to_dict()
    # table 1: 57 rows (11 of them median and quartiles in 4 columns), SMD twice, and n
    assert rows == {
        "table1": 622,
        "table2": 166,
        "table3": 94,
        "table4": 26,
        "table5": 108,
        "table6": 108,
        "text": 61,
    }
    assert tuple(printed.columns) == PRINTED_COLUMNS


def test_table_1_prints_every_covariate_of_the_score_with_every_level(printed):
    rows = printed[(printed["table"] == "table1") & (printed["statistic"] == "smd_percent")]
    found = set(zip(rows["variable"], rows["level"], rows["phase"], strict=True))
    expected = {
        (name, level, phase)
        for name in SCORE_COVARIATES
        for level in (COLUMNS[name].level_names or ("",))
        for phase in ("before", "after")
    }
    assert found == expected


@pytest.mark.parametrize("table", ["table5", "table6"])
def test_tables_5_and_6_print_every_term_with_four_numbers(printed, table):
    rows = printed[printed["table"] == table]
    assert set(SOFA_LATER) < set(rows["variable"])
    assert "iabp" not in set(rows["variable"])
    assert set(rows.groupby("variable").size()) == {4}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("table1", "dic_policy", "conservative", "percent", "before", "treated"), "4.4"),
        (("table1", "male", "", "count", "before", "treated"), "563"),
        (("table1", "apache2", "", "smd_percent", "before", "contrast"), "18.3"),
        (("table2", "ffp_units", "", "q3", "before", "treated"), "10"),
        (("table3", "vasopressor_days", "", "q3", "after", "treated"), "6.5"),
        (("table4", "hospital_death", "adjusted", "ci_high", "after", "contrast"), "1.265"),
        (("table5", "va_ecmo", "", "ci_high", "after", "contrast"), "1577"),
        (("table6", "sofa_renal_day7", "", "p_value", "after", "contrast"), "0.023"),
        (("text", "hospital_death", "cox", "hazard_ratio", "after", "contrast"), "0.941"),
        (("text", "matched_pairs", "adjuncts", "count", "after", ""), "796"),
    ],
)
def test_single_numbers_stand_where_their_key_says(printed, key, text):
    assert cells_of(printed)[Key(*key)].text == text


def test_an_upper_bound_is_stored_with_its_sign(printed):
    cell = cells_of(printed)[Key("table2", "pmx", "", "p_value", "after", "contrast")]
    assert (cell.value, cell.text, cell.bound) == (0.001, "<0.001", "<")
    assert cell.admits(0.0004)
    assert not cell.admits(0.0011)


def test_a_cell_admits_what_rounds_to_it():
    cell = Cell(value=4.4, text="4.4", decimals=1)
    assert cell.admits(4.35)
    assert cell.admits(4.45)
    assert not cell.admits(4.46)
    assert cell.admits(2.0, 4.36)
    assert not cell.admits(4.5, 9.0)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("statistic", "meen", "statistic 'meen' is unknown"),
        ("arm", "ivigg", "arm 'ivigg' is unknown"),
        ("variable", "apache", "variable 'apache' is not in the data dictionary"),
        ("text", "13.4", "text '13.4' is not the number"),
    ],
)
def test_a_row_that_breaks_the_form_is_named(printed, column, value, message):
    broken = printed.copy()
    broken.loc[20, column] = value
    with pytest.raises(DataError, match=message):
        check_printed(broken, STUDY.variables, STUDY.layout)


def test_a_double_key_is_refused(printed):
    doubled = pd.concat([printed, printed.iloc[[5]]], ignore_index=True)
    with pytest.raises(DataError, match="stands twice"):
        check_printed(doubled, STUDY.variables, STUDY.layout)


def test_the_literature_has_the_numbers_that_a_trial_planner_needs():
    literature = STUDY.literature().set_index(["source", "quantity"])["printed"]
    assert literature["cochrane_2013_all", "risk_ratio"] == 0.81
    assert literature["sbits_2007", "patients"] == 653
    assert literature["dpc_pneumonia_2015", "patients"] == 8264
    assert literature.index.is_unique


def test_repeated_numbers_point_to_where_they_stand_first(printed):
    originals = STUDY.numbers_of(printed).originals()
    text = Key("text", "icu_death", "", "percent", "after", "treated")
    crude = Key("table4", "icu_death", "unadjusted", "count", "after", "treated")
    for repeated in (text, crude):
        assert originals[repeated] == repeated._replace(table="table3", level="")
    own = [Key(table, "rrt", "", "odds_ratio", "after", "contrast") for table in ("table5", "table6")]
    assert [originals[key] for key in own] == own


def test_keys_are_unique(printed):
    assert not printed.duplicated(list(KEY)).any()
