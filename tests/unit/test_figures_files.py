"""Figures on disk: same input, same bytes; the numbers beside the drawing; one sentence when it cannot be."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from simsepsis.errors import OutputError
from simsepsis.show.figure import Plate, render_plate, save_figure, save_plates
from simsepsis.show.plots.love import plot_love
from simsepsis.show.plots.rows import balance_rows


@pytest.fixture
def balance(comparison: pd.DataFrame) -> pd.DataFrame:
    return balance_rows(comparison).head(20)


def test_same_input_gives_the_same_bytes(balance, tmp_path: Path):
    first, second = (save_figure(plot_love(balance), tmp_path / name / "love", balance) for name in "ab")
    assert [path.name for path in first] == ["love.png", "love.svg", "love.csv"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_files_carry_no_date_and_no_software_version(balance, tmp_path: Path):
    png, svg, _ = save_figure(plot_love(balance), tmp_path / "love", balance)
    assert b"Software" not in png.read_bytes()
    assert "dc:date" not in svg.read_text(encoding="utf-8")
    assert "matplotlib.org" not in svg.read_text(encoding="utf-8")


def test_csv_beside_the_figure_holds_what_is_drawn(balance, tmp_path: Path):
    csv = save_figure(plot_love(balance), tmp_path / "love", balance)[2]
    stored = pd.read_csv(csv, keep_default_na=False)
    pd.testing.assert_series_equal(stored["simulated"], balance["simulated"].reset_index(drop=True))
    assert stored["variable"].tolist() == balance["variable"].tolist()


def test_a_dot_in_the_name_is_part_of_the_name(balance, tmp_path: Path):
    png, *_ = save_figure(plot_love(balance), tmp_path / "love.v2", balance)
    assert png.name == "love.v2.png"


def test_plates_keep_their_words_and_stand_in_one_folder(balance, tmp_path: Path):
    plate = Plate(name="love", title="T", caption="C", alt="A", figure=plot_love(balance), data=balance)
    rendered = render_plate(plate)
    assert (rendered.title, rendered.caption, rendered.alt) == ("T", "C", "A")
    paths = save_plates([rendered], tmp_path / "figures")
    assert [path.name for path in paths] == ["love.png", "love.svg", "love.csv"]
    assert paths[1].read_bytes() == rendered.svg


def test_a_folder_that_is_a_file_gets_one_sentence(balance, tmp_path: Path):
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    with pytest.raises(OutputError, match=r"blocked: cannot be written .*name a folder"):
        save_figure(plot_love(balance), blocked / "love", balance)
