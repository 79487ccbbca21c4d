"""Names in any script: drawn where a font has the letters, else numbered and explained; never a warning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.figure import Figure as Drawing
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from own_study import own_analysis, own_cohort, whole_report

from simsepsis.show.figure import Figure
from simsepsis.show.lettering import make_legible

JAPANESE = {"years": "年齢（歳）", "bmi": "体格指数", "smoker": "喫煙", "chd": "心疾患", "months": "追跡期間"}


@pytest.fixture
def only_house_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the fonts that come with matplotlib, so that the machine's own do not decide the test."""
    own = [entry for entry in fontManager.ttflist if entry.name.startswith("DejaVu")]
    monkeypatch.setattr(fontManager, "ttflist", own)


def figure_of(*texts: str) -> Drawing:
    figure = Drawing()
    axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
    for place, text in enumerate(texts):
        axes.text(0.1, place / 10, text)
    return figure


def words_of(figure: Drawing) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.usefixtures("only_house_fonts")
def test_words_without_a_font_become_numbers_with_a_key() -> None:
    figure = figure_of("糖尿病 (solid)", "年齢, 2 群: 糖尿病", "심부전 환자", "plain")
    assert make_legible(figure) == ("[1] 糖尿病", "[2] 年齢", "[3] 群", "[4] 심부전 환자")
    assert {"[1] (solid)", "[2], 2 [3]: [1]", "[4]", "plain"} <= set(words_of(figure))


@pytest.mark.usefixtures("only_house_fonts")
@pytest.mark.parametrize("text", ["مرض السكري", "שלום", "हृदय रोग", "โรค"])
def test_scripts_that_need_shaping_are_numbered_even_where_a_font_has_the_letters(text: str) -> None:
    figure = figure_of(f"{text} (n)")
    assert make_legible(figure) == (f"[1] {text}",)
    assert "[1] (n)" in words_of(figure)


def test_scripts_of_the_house_font_stay_and_controls_go() -> None:
    figure = figure_of("Сахарный диабет é ü ß χ² ≥ −1", "a\tb\x07c", "x\u200by")
    assert make_legible(figure) == ()
    assert {"Сахарный диабет é ü ß χ² ≥ −1", "a b c", "xy"} <= set(words_of(figure))


@pytest.mark.usefixtures("only_house_fonts")
def test_names_of_ticks_are_numbered_too() -> None:
    figure = figure_of()
    axes = figure.axes[0]
    axes.set_xticks([0, 1], ["糖尿病", "none"])
    assert make_legible(figure) == ("[1] 糖尿病",)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["[1]", "none"]
    assert axes.get_yticklabels()[0].get_text() == "0.0"


@pytest.fixture
def font_of_two_letters(tmp_path: Path) -> Iterator[str]:
    """Install a font that has the two letters 糖尿 and nothing else."""
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", "sugar", "urine"]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord("糖"): "sugar", ord("尿"): "urine"})
    pen = TTGlyphPen(None)
    for place, corner in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if place else pen.moveTo)(corner)
    pen.closePath()
    square = pen.glyph()
    builder.setupGlyf({name: square for name in names})
    builder.setupHorizontalMetrics({name: (800, 0) for name in names})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Two Letters", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "two.ttf"
    builder.save(path)
    known = list(fontManager.ttflist)
    fontManager.addfont(path)
    yield "Two Letters"
    fontManager.ttflist[:] = known


@pytest.mark.usefixtures("only_house_fonts")
def test_an_installed_font_with_the_letters_is_used(font_of_two_letters: str) -> None:
    figure = figure_of("糖尿", "糖尿病")
    assert make_legible(figure) == ("[1] 病",)
    shown = {text.get_text(): text.get_fontfamily() for text in figure.findobj(Text)}
    assert shown["糖尿"] == ["DejaVu Sans", font_of_two_letters]
    assert "糖尿[1]" in shown
    plate = Figure(name="x", draw=lambda: figure, data=pd.DataFrame({"a": [1]}))
    assert plate.files["x.png"].startswith(b"\x89PNG")


@pytest.mark.usefixtures("only_house_fonts")
def test_a_japanese_study_is_reported_without_a_warning_and_with_every_name() -> None:
    frame = own_cohort().rename(columns=JAPANESE)
    found = own_analysis(
        frame,
        treatment="喫煙",
        outcomes=("心疾患",),
        survival_time="追跡期間",
        survival_event="心疾患",
        covariates=("年齢（歳）", "体格指数"),
    )
    *_, page = whole_report(found)
    assert all(name in page for name in ("年齢（歳）", "体格指数", "心疾患"))
    assert "numbers stand for words without a font: [1] 年齢（歳）; [2] 体格指数." in page
