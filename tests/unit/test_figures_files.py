"""Figures on disk: same input, same bytes; the numbers beside the drawing; one sentence when it cannot be."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from simsepsis.errors import OutputError
from simsepsis.show.figure import Figure, files_of
from simsepsis.show.plots.love import plot_love
from simsepsis.show.plots.rows import balance_rows
from simsepsis.study.published import open_study


@pytest.fixture
def balance(comparison: pd.DataFrame) -> pd.DataFrame:
    return balance_rows(comparison).head(20)


def love(balance: pd.DataFrame, name: str = "love") -> Figure:
    return Figure(name=name, draw=lambda: plot_love(balance, words=open_study().wording), data=balance)


def test_same_input_gives_the_same_bytes(balance, tmp_path: Path):
    first, second = (love(balance).save(tmp_path / name) for name in "ab")
    assert [path.name for path in first] == ["love.png", "love.svg", "love.csv"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_files_carry_no_date_and_no_software_version(balance, tmp_path: Path):
    png, svg, _ = love(balance).save(tmp_path)
    assert b"Software" not in png.read_bytes()
    assert "dc:date" not in svg.read_text(encoding="utf-8")
    assert "matplotlib.org" not in svg.read_text(encoding="utf-8")


def test_csv_beside_the_figure_holds_what_is_drawn(balance, tmp_path: Path):
    csv = love(balance).save(tmp_path)[2]
    stored = pd.read_csv(csv, keep_default_na=False)
    pd.testing.assert_series_equal(stored["simulated"], balance["simulated"].reset_index(drop=True))
    assert stored["variable"].tolist() == balance["variable"].tolist()


def test_a_dot_in_the_name_is_part_of_the_name(balance, tmp_path: Path):
    png, *_ = love(balance, "love.v2").save(tmp_path)
    assert png.name == "love.v2.png"


def test_figures_stand_in_one_folder_and_are_drawn_once(balance):
    drawn = []
    figure = Figure(
        name="love",
        draw=lambda: drawn.append(1) or plot_love(balance, words=open_study().wording),
        data=balance,
    )
    assert list(files_of([figure, love(balance, "again")], "f"))[2:4] == ["f/love.csv", "f/again.png"]
    assert figure.uri.startswith("data:image/svg+xml;base64,")
    assert drawn == [1]


def test_a_folder_that_is_a_file_gets_one_sentence(balance, tmp_path: Path):
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    with pytest.raises(OutputError, match=r"blocked: cannot be written .*name a folder"):
        love(balance).save(blocked)
