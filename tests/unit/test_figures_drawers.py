"""Figures drawn by other processes: the same bytes, and no figure is lost with a process."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from simsepsis.errors import DataError
from simsepsis.show import drawers as room
from simsepsis.show.drawers import drawers, drawn_by
from simsepsis.show.figure import Figure
from simsepsis.show.plots.forest import plot_forest
from simsepsis.show.plots.love import plot_love
from simsepsis.show.plots.rows import balance_rows, effect_rows
from simsepsis.study.published import open_study

pytestmark = pytest.mark.skipif(not room.has_room(), reason="needs Linux and two cores")


@pytest.fixture
def figures(comparison) -> list[Figure]:
    study = open_study()
    balance, effects = balance_rows(comparison).head(20), effect_rows(comparison, study)
    return [
        Figure(name="love", draw=partial(plot_love, balance, words=study.wording), data=balance),
        Figure(name="forest", draw=partial(plot_forest, effects, note="n = 2"), data=effects),
    ]


def test_other_processes_draw_the_same_bytes(figures, tmp_path, monkeypatch):
    # what lies in the current folder is no module of theirs
    (tmp_path / "pandas.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    with drawers() as server, drawn_by(server, figures):
        assert not any("png" in vars(figure) for figure in figures)
    assert all("png" in vars(figure) for figure in figures)
    for figure in figures:
        assert figure.drawn == Figure(name=figure.name, draw=figure.draw, data=figure.data).drawn


def test_what_fails_there_or_is_lost_with_a_process_is_drawn_here(figures, comparison):
    lost = Figure(name="lost", draw=partial(os._exit, 1), data=comparison)
    lacking = figures[0].data.drop(columns="low")
    broken = Figure(name="broken", draw=partial(plot_love, lacking, words=open_study().wording), data=lacking)
    with drawers() as server, drawn_by(server, [lost, broken, *figures]):
        pass
    assert [("png" in vars(figure)) for figure in (lost, broken, *figures)] == [False, False, True, True]
    with pytest.raises(KeyError, match="low"):
        _ = broken.drawn


def test_a_process_that_ends_before_it_was_asked_takes_nothing_with_it(figures):
    with drawers() as server:
        os.kill(server.pid, signal.SIGKILL)
        with drawn_by(server, figures):
            pass
    assert figures[0].uri.startswith("data:image/svg+xml;base64,")


def test_a_refusal_ends_the_process_that_was_to_draw():
    with pytest.raises(DataError), drawers() as server:
        raise DataError("no such column")
    assert server.returncode == -signal.SIGKILL


def test_where_there_is_no_room_for_processes_figures_are_drawn_here(figures, monkeypatch):
    monkeypatch.setattr(room, "has_room", lambda: False)
    with drawers() as server, drawn_by(server, figures):
        assert server is None
    assert figures[0].uri.startswith("data:image/svg+xml;base64,")
