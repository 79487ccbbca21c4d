"""No text that was read is a formula of a spreadsheet, and our own readers see it as it was."""

import io

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from simsepsis.spreadsheet import FORMULA_SIGNS, csv_bytes, without_marks

HOSTILE = ["=1+1", "+cmd|' /C calc'!A0", "-12A", "@SUM(A1)", "\t=1", "＝1", "'=1", "''-x", "-"]
HARMLESS = ["-0.5", "+3", "1e5", "-inf", "a=b", "'quoted'", "it's", "", "−1", "12"]


def _cells(content: bytes) -> list[list[str]]:
    return pd.read_csv(io.BytesIO(content), header=None, dtype=str, keep_default_na=False).to_numpy().tolist()


def test_texts_and_names_that_would_be_computed_get_a_mark_and_numbers_stay():
    frame = pd.DataFrame({"=name": HOSTILE, "number": np.arange(-4, 5), "level": pd.Categorical(HOSTILE)})
    head, *rows = _cells(csv_bytes(frame))
    assert head == ["'=name", "number", "level"]
    assert [row[0] for row in rows] == [f"'{text}" for text in HOSTILE]
    assert [row[2] for row in rows] == [f"'{text}" for text in HOSTILE]
    assert [int(row[1]) for row in rows] == list(range(-4, 5))


def test_a_frame_without_formulas_is_written_as_pandas_does():
    frame = pd.DataFrame({"text": HARMLESS, "number": np.linspace(-1, 1, len(HARMLESS)), "list": [[1]] * 10})
    assert csv_bytes(frame) == frame.to_csv(index=False).encode()


@given(st.lists(st.text(st.sampled_from([*FORMULA_SIGNS, "'", "a", "1", ".", " "]), min_size=1), min_size=1))
def test_marks_are_taken_away_again(texts):
    frame = pd.DataFrame({"text": texts, "number": 1})
    marked = pd.read_csv(io.BytesIO(csv_bytes(frame)), dtype=str, keep_default_na=False, lineterminator="\n")
    written = [text.lstrip("'") for text in marked["text"]]
    for text, bare in zip(marked["text"], written, strict=True):
        assert not text.startswith(FORMULA_SIGNS) or _is_number(bare)
    assert without_marks(marked)["text"].tolist() == texts


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
