"""The application that commands are added to, and the options that several of them share."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Synthetic sepsis registries with a known truth, and the analyses that clinicians judge "
    "treatments by.",
)

Seed = Annotated[int, typer.Option(help="Seed of all random numbers, 0 or more.")]
Jobs = Annotated[int, typer.Option(help="Worker processes; -1: one per core.")]
World = Annotated[str, typer.Argument(help="Name of a shipped scenario, or path of a .toml file.")]
