"""`vedette check-config`: is a rules file right, and what does it mean."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.model.errors import UsageError

if TYPE_CHECKING:
    from vedette.config import CameraConfig

HELP = """Check a rules file and say what was understood.

Every problem is told with its line; the exit status is then 2.

Example:

  vedette check-config rules.yaml
"""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("check-config", help=HELP)(check_config)


def check_config(file: Annotated[Path, typer.Argument(metavar="FILE", help="The rules file (YAML).")]) -> None:
    """Check `file`, show its rules in words."""
    from vedette.config import InvalidConfig, load  # noqa: PLC0415 - pydantic is slow to import

    try:
        config = load(file)
    except InvalidConfig as error:
        *others, last = error.problems
        for problem in others:
            sys.stderr.write(f"vedette: {file}: {problem}\n")
        raise UsageError(f"{file}: {last}") from error
    _show(file, config)


def _show(file: Path, config: CameraConfig) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from vedette.cli.in_words import detector, direction, place, settings  # noqa: PLC0415

    console = Console()
    name = f" for {config.camera}" if config.camera else ""
    console.print(f"[bold]{escape(str(file))}[/] is sound: {len(config.rules)} rules{escape(name)}", highlight=False)
    fps = "every frame" if config.analysis.fps is None else f"{config.analysis.fps:g} frames a second"
    console.print(f"view {config.view} · {fps}, {config.analysis.mode} · times of day in {config.timezone.key}")
    console.print(escape(detector(config.detector)), highlight=False)
    table = Table("rule", "about", "meaning", show_lines=True)
    table.add_column("hash", no_wrap=True)
    for rule in config.rules:
        words = (place(rule.options), direction(rule.options), settings(rule.options))
        about = ", ".join(rule.options.labels) or "everything"
        cells = (f"{rule.id}\n{rule.spec.name}", about, "\n".join(word for word in words if word), rule.hash)
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table)
