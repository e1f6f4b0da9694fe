"""`vedette run`: the system."""

from __future__ import annotations

import importlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from vedette.model.errors import UsageError

HELP = """Run the system: cameras, recording, analysis, and the page at http://127.0.0.1:8420.

It goes on until Ctrl-C or SIGTERM and then stops in good order. SIGHUP makes it take over a changed file.

Example:

  vedette run -c vedette.yaml
"""
FILE: Final = "vedette.yaml"


class Part(StrEnum):
    """Processes that can run alone."""

    RECORDER = "recorder"
    ANALYZER = "analyzer"
    SERVER = "server"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("run", help=HELP)(run)


def run(
    config: Annotated[Path, typer.Option("-c", "--config", metavar="FILE", help="The file of the system.")] = Path(
        FILE
    ),
    only: Annotated[
        Part | None, typer.Option("--only", help="Run this process alone, as a service of its own.")
    ] = None,
    log: Annotated[
        str, typer.Option("--log", metavar="FORM", help="How lines are logged: console or json.")
    ] = "console",
) -> None:
    """Run everything, or one part."""
    if log not in ("console", "json"):
        raise UsageError(f"--log is console or json, not {log}")
    if not config.exists():
        raise UsageError(f"there is no {config}: write one (docs/guide/run.md shows how), or name another with -c FILE")
    # Each process loads only what it needs: the recorder is up again at once after a crash.
    module = importlib.import_module(f"vedette.app.{'system' if only is None else only.value}")
    status: int = module.run(config, log)
    if status:
        raise typer.Exit(status)
