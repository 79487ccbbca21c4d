"""Cohort files of every usual format and coding give the same cohort, or one sentence."""

from __future__ import annotations

import bz2
import gzip
import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis import AnalysisSpec, analyze, read_cohort
from simsepsis.errors import DataError

SPEC = AnalysisSpec(
    name="ward",
    treatment="drug",
    outcomes=("dead",),
    cluster="site",
    patient="id",
    covariates=("age", "sex"),
    adjuncts=(),
    transfusions=(),
    durations=(),
    later_scores=(),
    survival_time="days",
    survival_event="dead",
    subgroups=(),
)


@pytest.fixture(scope="module")
def ward() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    n = 200
    return pd.DataFrame(
        {
            "id": [f"{k:04d}" for k in range(n)],
            "site": rng.choice(["Köln", "St. Mary, London", "Łódź"], n),
            "drug": rng.integers(0, 2, n),
            "dead": rng.integers(0, 2, n),
            "age": rng.normal(60, 12, n).round(2),
            "sex": rng.choice(["female", "male"], n),
            "days": rng.integers(1, 90, n),
        }
    )


def estimates(frame: pd.DataFrame, spec: AnalysisSpec = SPEC) -> pd.DataFrame:
    return analyze(frame, spec).estimates[["method", "estimand", "estimate", "std_error"]]


def written(ward: pd.DataFrame, path: Path, **options: object) -> Path:
    ward.to_csv(path, index=False, **options)
    return path


PLAIN = {
    "c.csv": {},
    "C.CSV": {},
    "c.tsv": {"sep": "\t"},
    "tab.csv": {"sep": "\t"},
    "c.txt": {"sep": "|"},
    "semi.csv": {"sep": ";"},
    "decimal.csv": {"sep": ";", "decimal": ","},
    "quoted-decimal.csv": {"decimal": ",", "quoting": 2},
    "bom.csv": {"encoding": "utf-8-sig"},
    "utf16.csv": {"encoding": "utf-16"},
    "utf16-le.csv": {"encoding": "utf-16-le"},
    "windows-lines.csv": {"lineterminator": "\r\n"},
    "quoted.csv": {"quoting": 1},
    "c.csv.gz": {},
    "c.csv.bz2": {},
    "c.tsv.xz": {"sep": "\t"},
}


@pytest.mark.parametrize("name", PLAIN)
def test_text_of_every_make_gives_the_same_cohort(ward: pd.DataFrame, tmp_path: Path, name: str) -> None:
    frame = read_cohort(written(ward, tmp_path / name, **PLAIN[name]), SPEC)
    assert frame.attrs["source"] == name
    pd.testing.assert_frame_equal(estimates(frame), estimates(ward))
    assert list(frame["id"]) == list(ward["id"])
    if name == "decimal.csv":
        assert frame.attrs["notes"] == (
            "The file's cells are separated by the semicolon.",
            "Numbers of the file have a decimal comma and a point between thousands.",
        )


@pytest.mark.parametrize("suffix", [".parquet", ".xlsx", ".dta", ".sav", ".rds", ".RData"])
def test_other_formats_give_the_same_cohort(ward: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"c{suffix}"
    writers = {".parquet": ward.to_parquet, ".xlsx": ward.to_excel, ".dta": ward.to_stata}
    if suffix in writers:
        writers[suffix](
            path, **({"write_index": False, "version": 118} if suffix == ".dta" else {"index": False})
        )
    elif suffix == ".sav":
        pytest.importorskip("pyreadstat").write_sav(ward, path)
    else:
        pyreadr = pytest.importorskip("pyreadr")
        (pyreadr.write_rds if suffix == ".rds" else pyreadr.write_rdata)(str(path), ward)
    pd.testing.assert_frame_equal(estimates(read_cohort(path, SPEC)), estimates(ward))


def test_labelled_values_of_stata_are_words(ward: pd.DataFrame, tmp_path: Path) -> None:
    labelled = ward.assign(drug=pd.Categorical.from_codes(ward["drug"], ["usual care", "drug"]))
    labelled.to_stata(tmp_path / "c.dta", write_index=False, version=118)
    frame = read_cohort(tmp_path / "c.dta", SPEC)
    with pytest.raises(DataError, match=r'write treated = "(drug|usual care)"'):
        analyze(frame, SPEC)
    pd.testing.assert_frame_equal(estimates(frame, replace(SPEC, treated="drug")), estimates(ward))


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp932", "東京病院"), ("cp932", "ｾﾝﾀｰ東京"), ("latin-1", "Köln"), ("cp1252", "“A” – Köln €")],
)
def test_encodings_are_found_and_stated(ward: pd.DataFrame, tmp_path: Path, encoding: str, name: str) -> None:
    sites = ward.assign(site=np.where(np.arange(200) % 2, name, "B"))
    frame = read_cohort(written(sites, tmp_path / "c.csv", encoding=encoding), SPEC)
    assert set(frame["site"]) == {name, "B"}
    assert frame.attrs["notes"][0] == f"The file was read in the encoding {encoding}."
    told = replace(SPEC, file={"encoding": "utf-8"})
    with pytest.raises(DataError, match="no text in the encoding 'utf-8'"):
        read_cohort(tmp_path / "c.csv", told)


def lines(ward: pd.DataFrame, path: Path, cells: list[str], quote: str = "") -> Path:
    """Write the cohort with a column of text as it stands, with or without quotes around texts."""
    text = ward.drop(columns=["site", "days"]).assign(site=np.arange(200) % 5, days=3)
    header = ",".join(f"{quote}{name}{quote}" for name in [*text.columns, "grade"])
    rows = [
        ",".join([*(f"{quote}{v}{quote}" if isinstance(v, str) else str(v) for v in row), cell])
        for row, cell in zip(text.itertuples(index=False), cells, strict=True)
    ]
    path.write_text("\n".join([header, *rows]))
    return path


@pytest.mark.parametrize("word", ["None", "NA", "null", "nan"])
def test_a_level_may_be_called_as_a_missing_value_is(ward: pd.DataFrame, tmp_path: Path, word: str) -> None:
    frame = read_cohort(lines(ward, tmp_path / "c.csv", [word, "mild"] * 100))
    assert list(frame["grade"][:2]) == [word, "mild"]
    spec = replace(SPEC, covariates=("age", "grade"), survival_time=None, survival_event=None)
    analysis = analyze(frame, spec)
    assert analysis.result.flow.analysed == 200


def test_a_word_is_missing_where_the_file_writes_missing_numbers_so(
    ward: pd.DataFrame, tmp_path: Path
) -> None:
    gaps = ward.assign(age=ward["age"].astype(str).where(ward.index > 9, "NA"), site=3)
    path = lines(gaps, tmp_path / "c.csv", ["NA", "mild"] * 100)
    frame = read_cohort(path)
    assert frame["age"].isna().sum() == 10
    assert frame["grade"].isna().sum() == 100
    assert "'NA' in column 'grade' was read as a missing value, as elsewhere." in frame.attrs["notes"]
    meant = replace(SPEC, covariates=("age", "grade"), missing_codes={"grade": ()})
    assert (read_cohort(path, meant)["grade"] == "NA").sum() == 100


def test_an_unquoted_word_is_missing_where_texts_are_quoted(ward: pd.DataFrame, tmp_path: Path) -> None:
    frame = read_cohort(lines(ward, tmp_path / "c.csv", ["NA", '"NA"'] * 100, quote='"'))
    assert frame["grade"].isna().sum() == 100
    assert list(frame["id"][:2]) == ["0000", "0001"]


NUMBERS = {
    "decimal comma": (["1,5", "0,25", "12"], [1.5, 0.25, 12.0], {}),
    "groups": (["1,234", "12,345,678", "950"], [1234.0, 12345678.0, 950.0], {}),
    "groups and decimals": (["1,234.5", "950.25", "3"], [1234.5, 950.25, 3.0], {}),
    "European groups": (["1.234,5", "950,25", "3"], [1234.5, 950.25, 3.0], {}),
    "declared groups": (["1,234", "2,345", "950"], [1234.0, 2345.0, 950.0], {"thousands": ","}),
    "declared decimals": (["1,234", "2,345", "950"], [1.234, 2.345, 950.0], {"decimal": ","}),
    "apostrophes": (["1'234", "2'345.5", "950"], [1234.0, 2345.5, 950.0], {"thousands": "'"}),
    "exponents": (["1e3", "2.5E-1", "+4"], [1000.0, 0.25, 4.0], {}),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_as_people_write_them(tmp_path: Path, kind: str) -> None:
    cells, values, settings = NUMBERS[kind]
    whole = kind.startswith("European") or "decimal comma" in kind or "declared decimals" in kind
    (tmp_path / "c.csv").write_text("k;v\n" + "\n".join(f"{7 if whole else 7.5};{cell}" for cell in cells))
    frame = read_cohort(tmp_path / "c.csv", replace(SPEC, file=settings))
    np.testing.assert_array_equal(frame["v"].astype(float), values)


def test_an_unclear_mark_is_left_to_the_spec(ward: pd.DataFrame, tmp_path: Path) -> None:
    frame = ward.assign(age=np.where(ward["age"] > 60, "1,234", "2,345"), days=ward["days"])
    path = written(frame, tmp_path / "c.csv", sep=";")
    with pytest.raises(DataError, match=r'"(1,234|2,345)" in row .*file.decimal = ","'):
        analyze(read_cohort(path, SPEC), SPEC)


BROKEN = {
    "a,b,a\n1,2,3\n": "column 'a' stands twice",
    "a,b, a\n1,2,3\n": "column 'a' stands twice",
    "": "has no rows",
    "\n\n": "has no rows",
    "a,b\n": "has no rows",
    "a,b\n1,2\n3\n": "row 2 has 1 cells, the header 2",
    "a,b\n1,2,3\n4,5,6\n": "give the column of row names a header",
    'a,b\n1,"2\n3,4\n5,6\n': "a quote that opens in row 1 is never closed",
}


@pytest.mark.parametrize("text", BROKEN)
def test_broken_text_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(DataError, match=BROKEN[text]) as refused:
        read_cohort(tmp_path / "c.csv")
    assert "\n" not in str(refused.value)


def test_packed_files_that_are_not_whole_are_one_sentence(ward: pd.DataFrame, tmp_path: Path) -> None:
    content = ward.to_csv(index=False).encode()
    for name, pack in (("c.csv.gz", gzip.compress), ("c.csv.bz2", bz2.compress), ("c.csv.xz", lzma.compress)):
        (tmp_path / name).write_bytes(pack(content)[:-40])
        with pytest.raises(DataError, match="is not a whole"):
            read_cohort(tmp_path / name)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="is not a whole"):
            read_cohort(tmp_path / name)


@pytest.mark.parametrize("suffix", [".xlsx", ".dta", ".sav", ".rds", ".parquet"])
def test_files_that_are_not_what_their_name_says_are_one_sentence(tmp_path: Path, suffix: str) -> None:
    for content in (b"", b"id,drug\n1,0\n", bytes(range(256)) * 20):
        (tmp_path / f"c{suffix}").write_bytes(content)
        with pytest.raises(DataError) as refused:
            read_cohort(tmp_path / f"c{suffix}")
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 400


def test_sheets_are_chosen_and_stated(ward: pd.DataFrame, tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "c.xlsx") as book:
        pd.DataFrame({"note": ["made by hand"]}).to_excel(book, sheet_name="about", index=False)
        ward.to_excel(book, sheet_name="data", index=False)
    assert "The sheet 'about' was read, one of 2." in read_cohort(tmp_path / "c.xlsx").attrs["notes"]
    named = replace(SPEC, file={"sheet": "data"})
    pd.testing.assert_frame_equal(estimates(read_cohort(tmp_path / "c.xlsx", named)), estimates(ward))
    with pytest.raises(DataError, match="has no sheet 'dat'; name one of about, data"):
        read_cohort(tmp_path / "c.xlsx", replace(SPEC, file={"sheet": "dat"}))


def test_identifiers_stay_as_they_are_written(ward: pd.DataFrame, tmp_path: Path) -> None:
    ids = [f"{k}.{z}" for k in range(100) for z in ("1", "10")]
    frame = read_cohort(written(ward.assign(id=ids), tmp_path / "c.csv"), SPEC)
    assert list(frame["id"]) == ids
    big = [9007199254740993 + k for k in range(200)]
    frame = read_cohort(written(ward.assign(id=big), tmp_path / "c.csv"), SPEC)
    assert list(frame["id"]) == big
    assert analyze(frame, SPEC).result.flow.analysed == 200


def test_what_spreadsheets_add_is_left_out(ward: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(
        "sep=;\n" + ward.to_csv(index=False, sep=";") + ";;;;;;\n" * 3, newline=""
    )
    frame = read_cohort(tmp_path / "c.csv", SPEC)
    pd.testing.assert_frame_equal(estimates(frame), estimates(ward))
    assert "3 rows of empty cells at the end were left out." in frame.attrs["notes"]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_lines_may_end_as_on_any_machine(ward: pd.DataFrame, tmp_path: Path, end: str) -> None:
    text = ward.to_csv(index=False, lineterminator=end)
    (tmp_path / "c.csv").write_bytes(text.encode())
    pd.testing.assert_frame_equal(estimates(read_cohort(tmp_path / "c.csv", SPEC)), estimates(ward))


def test_headers_may_have_blanks_around_them(ward: pd.DataFrame, tmp_path: Path) -> None:
    path = written(ward.rename(columns={"age": " age "}), tmp_path / "c.csv")
    frame = read_cohort(path, SPEC)
    pd.testing.assert_frame_equal(estimates(frame), estimates(ward))
    assert frame.attrs["notes"] == ("Blanks around the names of columns were left out: ' age '.",)
