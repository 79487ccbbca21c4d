"""Pages that follow from the package itself: names, commands, keys, methods, figures, numbers of others."""

from __future__ import annotations

import csv
import html
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
GROUPS = {
    "Worlds and cohorts": ("load_scenario", "generate_cohort", "true_estimands", "fit_world"),
    "Analyses": ("read_cohort", "load_spec", "AnalysisSpec", "Subgroup", "analyze", "run_method"),
    "Studies": ("open_study", "audit", "audit_thesis", "reproduce"),
    "Experiments": ("run_experiment", "summarize", "coverage_autopsy"),
}
"""Heading → public names; the kernels and the designs of trials follow by their rooms."""
ROOMS = {"trial": "Trials", "show.pages.trial": "Trials", "trial.planning": "Trials"}


def write(folder: Path) -> None:
    """Write the pages of a build into ``generated/``, which no checkout has."""
    out = folder / "generated"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    pages = {
        "api": _api(),
        "commands": _commands(),
        "keys": _keys(),
        "methods": _methods(),
        "gallery": _gallery(out),
        "matches": _matches(folder / "matches.csv"),
    }
    for name, lines in pages.items():
        (out / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _api() -> Iterator[str]:
    """Yield the reference of all public names, from their docstrings."""
    from simsepsis import HOMES

    placed = {name for names in GROUPS.values() for name in names}
    rest: dict[str, list[str]] = {"Kernels and tests": [], "Trials": []}
    for name, room in HOMES.items():
        if name not in placed:
            rest["Trials" if room in ROOMS or room.startswith("trial") else "Kernels and tests"].append(name)
    yield "# Python"
    yield ""
    yield "All of these are names of `simsepsis` itself: `from simsepsis import analyze`."
    for heading, names in {**GROUPS, **rest}.items():
        yield from ("", f"## {heading}", "")
        for name in names:
            kind = "autoclass" if name[0].isupper() else "autofunction"
            yield from (
                "```{eval-rst}",
                f".. {kind}:: simsepsis.{HOMES[name]}.{name}",
                "   :no-index:",
                "```",
                "",
            )


def _commands() -> Iterator[str]:
    """Yield what `--help` says of each command."""
    import typer

    from simsepsis.cli import app

    group = typer.main.get_command(app)
    yield from ("# Commands", "", "`simsepsis COMMAND -h` says the same on the terminal.", "")
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        first, *more = (command.help or "").split("\n\n")
        yield from (f"## simsepsis {name}", "", _plain(first), "")
        for part in more:
            example = part.strip().removeprefix("Example:").strip()
            yield from (("```sh", example, "```", "") if example != part.strip() else (_plain(part), ""))
        rows = [(" ".join(one.opts), _plain(getattr(one, "help", "") or "")) for one in command.params]
        yield from (*_table(("option", "meaning"), [row for row in rows if row[0] != "--help"]), "")


def _keys() -> Iterator[str]:
    """Yield every key of every kind of file, from the schemas that check them."""
    from simsepsis.show.key_list import list_keys

    yield from (
        "# Keys of the files",
        "",
        "The same as `simsepsis show-keys NOUN`, from the schemas themselves.",
    )
    for noun in ("spec", "study", "variables", "scenario", "experiment", "inference", "trial"):
        yield from ("", f"## {noun}", "")
        rows = [
            (f"`{key.name}`", key.type, f"`{key.default}`" if key.default else "must be given", key.meaning)
            for key in list_keys(noun, None)
        ]
        yield from _table(("key", "type", "default", "meaning"), rows)


def _methods() -> Iterator[str]:
    """Yield the methods that there are, by group."""
    from simsepsis.analysis.methods.registry import METHODS

    yield from ("# Methods", "", "Names for `methods` in a spec or an experiment, and for `run_method`.")
    for group, members in groupby(METHODS.values(), key=lambda method: method.group):
        rows = [(f"`{method.name}`", _plain(method.label), method.needed) for method in members]
        yield from ("", f"## {group}", "", *_table(("method", "what it is", "needs"), rows))


MADE_BY = {
    "reproduction": "simsepsis reproduce",
    "thesis_inference": "simsepsis infer thesis_inference",
}
"""Folder of figures that no experiment or plan of its name made → the command that did."""


def _gallery(out: Path) -> Iterator[str]:
    """Yield every stored figure with the command that makes it."""
    yield from ("# Gallery", "", "Figures of the shipped experiments, as they are stored with the package.")
    for folder in sorted(path for path in (ROOT / "figures").iterdir() if path.is_dir()):
        pictures = sorted(folder.glob("*.png"))
        if not pictures:
            continue
        verb = "plan" if folder.name.startswith("trial-") else "run"
        command = MADE_BY.get(folder.name, f"simsepsis {verb} {folder.name}")
        yield from ("", f"## {folder.name}", "", "```sh", command, "```", "")
        for picture in pictures:
            copy = out / f"{folder.name}-{picture.name}"
            shutil.copyfile(picture, copy)
            yield from (f"![{picture.stem.replace('-', ' ')}]({copy.name})", "")


def _matches(path: Path) -> Iterator[str]:
    """Yield our numbers beside those of other programs and of papers, as the tests stored them."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sources = {row["source"] for row in rows}
    yield "# Does it match R?"
    yield ""
    yield (
        f"{len(rows)} numbers of {len(sources)} other programs and papers beside ours. The tests that "
        "compare them write this page; a number beyond its tolerance fails them."
    )
    for source, own in groupby(rows, key=lambda row: row["source"]):
        yield from ("", f"## {source}", "")
        columns = ("quantity", "theirs", "ours", "difference", "tolerance")
        yield from _table(columns, [[row[name] for name in columns] for row in own])


def _plain(text: str) -> str:
    return " ".join(html.escape(text, quote=False).split())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    def line(cells: Iterable[str]) -> str:
        escaped = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
        return f"| {' | '.join(escaped)} |"

    yield line(head)
    yield line("---" for _ in head)
    yield from map(line, rows)
