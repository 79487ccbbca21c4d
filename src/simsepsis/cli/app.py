"""The application that commands are added to, and the options that several of them share."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Seed = Annotated[int, typer.Option(help="Seed of all random numbers, 0 or more.")]
Jobs = Annotated[int, typer.Option(help="Worker processes; -1: one per core.")]
StudyName = Annotated[
    str | None,
    typer.Option("--study", help="A study's name, or a folder with study.toml; default: the thesis."),
]
World = Annotated[str, typer.Argument(help="Name of a shipped scenario, or path of a .toml file.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"simsepsis {version('simsepsis')}")
        raise typer.Exit


@app.callback()
def simsepsis(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; after any command.")
    ] = False,
) -> None:
    """Synthetic registries of sepsis with a known truth, and the analyses that treatments are judged by."""
