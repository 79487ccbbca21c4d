"""The audit finds what is wrong in the thesis, catches planted errors, and is silent on what is right."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples

from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.study import auditing
from simsepsis.study.arithmetic import TwoByTwo, smd_percent, two_sided_p, wald_odds_ratio, wald_p
from simsepsis.study.finding import FINDING_COLUMNS, FOLLOWS, MISPRINT, ONE_SIDED, UNEXPLAINED, VERDICTS
from simsepsis.study.printed import KEY, PRINTED_COLUMNS
from simsepsis.study.published import audit_thesis, open_study

ARMS = ("treated", "control")


def audit_printed(frame: pd.DataFrame) -> pd.DataFrame:
    return auditing.audit_printed(open_study().numbers_of(frame))


EXPECTED = {
    # found by hand in the source: key → (printed, corrected, verdict)
    ("table1", "dic_policy", "conservative", "percent", "before", "treated"): ("4.4", 2.4, MISPRINT),
    ("table1", "dic_policy", "conservative", "smd_percent", "before", "contrast"): ("57.1", 66.0, FOLLOWS),
    ("table1", "admission_route", "ward", "smd_percent", "after", "contrast"): ("4.6", 1.7, MISPRINT),
    ("table1", "infection_site", "endocarditis", "count", "before", "control"): ("47", 43, MISPRINT),
    ("table1", "infection_site", "endocarditis", "percent", "after", "control"): ("1.2", 1.8, MISPRINT),
    ("table1", "infection_site", "endocarditis", "smd_percent", "after", "contrast"): ("7.1", 2.2, FOLLOWS),
    ("table2", "thrombomodulin", "", "percent", "before", "treated"): ("50.7", 44.9, MISPRINT),
    ("table2", "heparinoid", "", "p_value", "before", "contrast"): ("0.002", None, ONE_SIDED),
    ("table2", "va_ecmo", "", "p_value", "before", "contrast"): ("0.330", None, ONE_SIDED),
    ("table2", "vv_ecmo", "", "p_value", "before", "contrast"): ("0.335", None, ONE_SIDED),
    ("table2", "iabp", "", "p_value", "before", "contrast"): ("0.369", None, ONE_SIDED),
    ("table6", "thrombomodulin", "", "p_value", "after", "contrast"): ("0.468", 0.063, MISPRINT),
    ("table6", "va_ecmo", "", "p_value", "after", "contrast"): ("0.14", 0.708, MISPRINT),
    ("text", "icu_death", "adjuncts_crude", "percent", "after", "treated"): ("20.8", None, UNEXPLAINED),
    ("text", "icu_death", "adjuncts_crude", "percent", "after", "control"): ("18.9", None, UNEXPLAINED),
}


def found(findings: pd.DataFrame) -> dict[tuple[str, ...], pd.Series]:
    return {tuple(row[list(KEY)]): row for _, row in findings.iterrows()}


@pytest.fixture(scope="module")
def thesis():
    return audit_thesis()


@pytest.fixture(scope="module")
def sound():
    """Return the tables without the rows that the audit finds, so that planted errors stand alone."""
    printed = open_study().printed()
    wrong = {key[:3] for key in EXPECTED}
    return printed[[key[:3] not in wrong for key in printed[list(KEY)].itertuples(index=False, name=None)]]


def plant(printed: pd.DataFrame, key: tuple[str, ...], text: str) -> pd.DataFrame:
    """Return a copy with another number in one place."""
    changed = printed.copy()
    place = (changed[list(KEY)] == list(key)).all(axis=1)
    assert place.sum() == 1
    changed.loc[place, ["printed", "text"]] = [float(text), text]
    return changed


class TestThesis:
    def test_finds_exactly_what_was_checked_by_hand(self, thesis):
        assert found(thesis).keys() == EXPECTED.keys()

    @pytest.mark.parametrize("key", EXPECTED)
    def test_verdict_and_correction(self, thesis, key):
        row = found(thesis)[key]
        printed, corrected, verdict = EXPECTED[key]
        assert (row["printed"], row["verdict"]) == (printed, verdict)
        assert row["corrected"] == corrected if corrected is not None else pd.isna(row["corrected"])

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            (("table1", "dic_policy", "conservative", "percent", "before", "treated"), "row percentage"),
            (("table2", "thrombomodulin", "", "percent", "before", "treated"), "431 / 850 = 50.71%"),
            (
                ("table1", "infection_site", "endocarditis", "count", "before", "control"),
                "one digit is wrong",
            ),
            (
                ("table1", "infection_site", "endocarditis", "percent", "after", "control"),
                "the digits of the count 12",
            ),
            (("table1", "admission_route", "ward", "smd_percent", "after", "contrast"), "in the row above"),
            (
                ("table1", "dic_policy", "conservative", "smd_percent", "before", "contrast"),
                "the misprinted 4.4%",
            ),
            (("table6", "thrombomodulin", "", "p_value", "after", "contrast"), "sister table, Table 5"),
            (("table6", "va_ecmo", "", "p_value", "after", "contrast"), "no likely cause"),
            (
                ("text", "icu_death", "adjuncts_crude", "percent", "after", "treated"),
                "cut off instead of rounded",
            ),
        ],
    )
    def test_likely_cause(self, thesis, key, words):
        assert words in found(thesis)[key]["cause"]

    def test_every_line_explains_itself(self, thesis):
        assert tuple(thesis.columns) == FINDING_COLUMNS
        assert set(thesis["verdict"]) <= set(VERDICTS)
        for _, row in thesis.iterrows():
            assert row["where"] in row["explain"]
            assert row["arithmetic"] in row["explain"]
            assert f"reads {row['printed']}" in row["explain"]


class TestPlantedErrors:
    def test_the_sound_rows_are_sound(self, sound):
        assert audit_printed(sound).empty

    @pytest.mark.parametrize(
        ("key", "text"),
        [
            (("table1", "male", "", "percent", "before", "treated"), "58.8"),
            (("table1", "male", "", "count", "before", "treated"), "536"),
            (("table1", "n", "", "percent", "before", "control"), "68.2"),
            (("table1", "n", "", "count", "after", "control"), "635"),
            (("table1", "microorganism", "virus", "count", "before", "control"), "33"),
            (("table1", "microorganism", "virus", "percent", "before", "control"), "1.7"),
            (("table1", "warfarin", "", "smd_percent", "before", "contrast"), "12.7"),
            (("table1", "apache2", "", "median", "before", "treated"), "42"),
            (("table2", "rrt_nonrenal", "", "p_value", "after", "contrast"), "0.131"),
            (("table3", "icu_death", "", "p_value", "after", "contrast"), "0.158"),
            (("table4", "icu_death", "unadjusted", "odds_ratio", "after", "contrast"), "1.240"),
            (("table4", "icu_death", "unadjusted", "ci_low", "after", "contrast"), "0.951"),
            (("table4", "hospital_death", "unadjusted", "ci_high", "after", "contrast"), "1.458"),
            (("table4", "hospital_death", "adjusted", "odds_ratio", "after", "contrast"), "0.975"),
            (("table5", "rrt", "", "p_value", "after", "contrast"), "0.212"),
            (("table5", "rrt", "", "ci_low", "after", "contrast"), "0.582"),
            (("table6", "pmx", "", "ci_high", "after", "contrast"), "1.140"),
            (("text", "hospital_death", "cox", "p_value", "after", "contrast"), "0.656"),
            (("text", "hospital_death", "", "percent", "before", "control"), "31.9"),
            (("text", "n", "analysed", "count", "", ""), "3181"),
            (("text", "hospital_death", "adjuncts_crude", "percent", "after", "treated"), "32.6"),
        ],
    )
    def test_a_wrong_number_is_caught(self, sound, key, text):
        findings = audit_printed(plant(sound, key, text))
        touched = {row[:2] for row in found(findings)}
        assert key[:2] in touched or ("text", key[1]) in touched

    def test_a_wrong_count_is_mended_from_the_sum_and_its_percentage(self, sound):
        key = ("table1", "microorganism", "virus", "count", "before", "control")
        row = found(audit_printed(plant(sound, key, "33")))[key]
        assert (row["verdict"], row["corrected"]) == (MISPRINT, 23)

    def test_two_wrong_counts_leave_the_sum_open(self, sound):
        changed = plant(sound, ("table1", "microorganism", "virus", "count", "before", "control"), "33")
        changed = plant(changed, ("table1", "microorganism", "other", "count", "before", "control"), "54")
        findings = audit_printed(changed)
        assert set(findings["verdict"]) == {UNEXPLAINED}
        assert "2177, not 2158" in findings["arithmetic"].str.cat()
        assert findings["corrected"].isna().all()

    def test_a_wrong_percentage_of_one_count_is_reported_but_not_corrected(self, sound):
        key = ("table1", "male", "", "percent", "before", "treated")
        findings = found(audit_printed(plant(sound, key, "58.8")))
        assert findings.keys() == {key}
        assert findings[key]["verdict"] == UNEXPLAINED

    def test_the_same_number_with_two_values_is_a_contradiction(self, sound):
        key = ("text", "hospital_death", "", "percent", "before", "control")
        row = found(audit_printed(plant(sound, key, "31.9")))[key]
        assert "printed twice" in row["cause"]
        assert "reads 31.0" in row["arithmetic"]

    def test_more_deaths_in_the_icu_than_in_hospital(self, sound):
        changed = plant(sound, ("table3", "hospital_death", "", "count", "before", "treated"), "210")
        findings = audit_printed(changed)
        assert findings["arithmetic"].str.contains("it is a part of the 210").any()

    def test_more_patients_after_matching_than_before(self, sound):
        changed = plant(sound, ("table2", "antithrombin_therapy", "", "count", "before", "treated"), "330")
        findings = audit_printed(changed)
        assert findings["arithmetic"].str.contains("it is a part of the 330").any()


def cell(table, variable, level, statistic, phase, arm, value, decimals):
    text = f"{value:.{decimals}f}"
    return (table, variable, level, statistic, phase, arm, float(text), text, "", decimals)


def pair(table, variable, level, counts, sizes, contrast):
    """Return counts, percentages and one contrast, computed as the thesis did."""
    rows = []
    for arm, count, size in zip(ARMS, counts, sizes, strict=True):
        rows.append(cell(table, variable, level, "count", "before", arm, count, 0))
        rows.append(cell(table, variable, level, "percent", "before", arm, 100 * count / size, 1))
    if contrast == "smd_percent":
        value = smd_percent(rows[1][6] / 100, rows[3][6] / 100)
        return [*rows, cell(table, variable, level, contrast, "before", "contrast", value, 1)]
    crude = TwoByTwo(events=counts, total=sizes)
    numbers = wald_odds_ratio(crude) | {contrast: two_sided_p(crude)["chi-square"]}
    return rows + [cell(table, variable, level, k, "before", "contrast", v, 3) for k, v in numbers.items()]


def wald_rows(variable, log_ratio, std_error):
    numbers = dict(
        zip(
            ("odds_ratio", "ci_low", "ci_high"),
            (
                2.718281828**x
                for x in (log_ratio, log_ratio - 1.959964 * std_error, log_ratio + 1.959964 * std_error)
            ),
            strict=True,
        )
    )
    p = wald_p(numbers["odds_ratio"], numbers["ci_low"], numbers["ci_high"])
    return [
        cell("table5", variable, "", k, "after", "contrast", v, 3)
        for k, v in (numbers | {"p_value": p}).items()
    ]


@examples(100)
@given(data=st.data())
def test_silent_on_any_consistent_table(data):
    sizes = tuple(data.draw(st.integers(60, 4000)) for _ in ARMS)
    rows = [cell("table1", "n", "", "count", "before", arm, n, 0) for arm, n in zip(ARMS, sizes, strict=True)]
    levels = COLUMNS["admission_route"].level_names
    splits = [sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in sizes]
    counts = [(low, high - low, n - high) for (low, high), n in zip(splits, sizes, strict=True)]
    for place, level in enumerate(levels):
        rows += pair("table1", "admission_route", level, [arm[place] for arm in counts], sizes, "smd_percent")
    events = tuple(data.draw(st.integers(1, n - 1)) for n in sizes)
    rows += pair("table1", "male", "", events, sizes, "smd_percent")
    rows += pair("table4", "icu_death", "unadjusted", events, sizes, "p_value")
    log_ratio, std_error = data.draw(st.floats(-3, 3)), data.draw(st.floats(0.01, 2))
    rows += wald_rows("rrt", log_ratio, std_error)
    frame = pd.DataFrame(rows, columns=list(PRINTED_COLUMNS))
    assert audit_printed(frame)["explain"].tolist() == []
