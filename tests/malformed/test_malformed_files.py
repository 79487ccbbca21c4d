"""Every spoilt file is refused: exit status 2, one sentence, no class, no echo, no wait, nothing written."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
import warnings
from itertools import islice
from pathlib import Path

import pytest
from malformed_cohorts import cohorts, registry
from malformed_files import Malformed, documents

from simsepsis.cli import main

SECONDS = 4.0
"""Of the processor, within which a command has refused, once its rooms are open."""

WAIT = 60.0
"""Seconds on the clock after which a command counts as hanging, on however busy a machine."""

SHARE = 60
"""One in so many of the documents is refused in each fast run, and one in four times fewer cohorts."""

CLASS = re.compile(
    r"\b\w*(?:Error|Exception|Warning|Traceback)\b|pydantic|validation error|<class|datetime\."
)
HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ECHO = re.compile(r"A{81}|a{81}|x{81}|9{81}|F{81}|(?:ab cd ){17}")


class TooLateError(BaseException):
    """Not an exception that a command could take for one of its own."""


def _late(*_: object) -> None:
    raise TooLateError


def faults(status: object, said: str) -> list[str]:
    """Return what is wrong with a refusal; nothing where it is one sentence."""
    lines = said.removesuffix("\n").split("\n")
    checks = {
        f"exit status {status}": status != 2,
        f"{len(lines)} lines": len(lines) != 1 or not lines[0].startswith("simsepsis: "),
        "the name of a class": CLASS.search(said) is not None,
        "a value of more than 80 letters": ECHO.search(said) is not None,
        "characters that nobody sees": HIDDEN.search(lines[0]) is not None,
    }
    return [fault for fault, found in checks.items() if found]


@pytest.fixture(scope="module")
def rooms_open():
    """Import what the commands import when they are called, which takes seconds on a slow machine."""
    for room in ("plots", "pages.analysis", "pages.trial", "pages.experiment"):
        importlib.import_module(f"simsepsis.show.{room}")
    for room in ("experiment", "studies.jseptic_ivigg.world"):
        importlib.import_module(f"simsepsis.{room}")


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys, rooms_open):
    """Return a function that gives a spoilt file to its command, and what is wrong with the answer."""
    before = {name: signal.signal(name, _late) for name in (signal.SIGALRM, signal.SIGPROF)}
    registry().to_csv(tmp_path / "good.csv", index=False)

    def run(number: int, case: Malformed) -> list[str]:
        folder = tmp_path / str(number)
        folder.mkdir()
        os.symlink(tmp_path / "good.csv", folder / "good.csv")
        monkeypatch.chdir(folder)
        try:
            case.write(folder / case.file)
        except (OSError, ValueError):
            return []  # the file system has no such file
        there = sorted(folder.rglob("*"))
        monkeypatch.setattr(sys, "argv", ["simsepsis", *case.arguments])
        found = faults(*_answer(capsys))
        left = [str(path) for path in sorted(folder.rglob("*")) if path not in there]
        return [f"{case.name}: {fault}" for fault in (*found, *(f"left {name}" for name in left))]

    yield run
    for name, handler in before.items():
        signal.signal(name, handler)


def _set_timers(clock: float, processor: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, clock)
    signal.setitimer(signal.ITIMER_PROF, processor)


def _answer(capsys) -> tuple[object, str]:
    _set_timers(WAIT, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            main()
    except SystemExit as end:
        return end.code, capsys.readouterr().err
    except TooLateError:
        return "none in time", capsys.readouterr().err
    finally:
        _set_timers(0.0, 0.0)
    return 0, capsys.readouterr().err


def _check(refused, cases) -> None:
    wrong = [fault for number, case in enumerate(cases) for fault in refused(number, case)]
    assert not wrong, "\n".join(wrong)


def test_there_are_many_spoilt_files_of_each_kind():
    count: dict[str, int] = {}
    for case in (*documents(), *cohorts()):
        kind = case.name.partition(":")[0]
        count[kind] = count.get(kind, 0) + 1
    assert set(count) == {"scenario", "experiment", "trial", "spec", "cohort"}
    assert min(count.values()) >= 300


def test_a_share_of_the_spoilt_documents_is_refused_in_one_sentence(refused):
    _check(refused, islice(documents(), SHARE // 2, None, SHARE))


def test_a_share_of_the_spoilt_cohorts_is_refused_in_one_sentence(refused):
    _check(refused, islice(cohorts(), 0, None, SHARE // 4))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["scenario", "experiment", "trial", "spec", "cohort"])
def test_every_spoilt_file_is_refused_in_one_sentence(refused, kind):
    cases = cohorts() if kind == "cohort" else documents()
    _check(refused, (case for case in cases if case.name.startswith(f"{kind}:")))


def test_the_good_documents_are_good(tmp_path, monkeypatch):
    """Otherwise the refusals would say nothing."""
    from malformed_files import kinds
    from toml_text import document_text

    from simsepsis.analysis.spec_files import load_spec
    from simsepsis.experiment import load_plan
    from simsepsis.trial.protocol import load_trial
    from simsepsis.world.files import load_scenario

    monkeypatch.chdir(tmp_path)
    load = {"scenario": load_scenario, "experiment": load_plan, "trial": load_trial, "spec": load_spec}
    for kind in kinds():
        path = Path(f"{kind.name}.toml")
        path.write_text(document_text(kind.good), encoding="utf-8")
        load[kind.name](path)
