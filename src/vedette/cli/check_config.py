"""`vedette check-config`: is a configuration right, and what does it mean."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.model.errors import UsageError

if TYPE_CHECKING:
    from vedette.config import CameraConfig, SystemConfig

HELP = """Check a rules file, or the file of a whole system, and say what was understood.

Every problem is told with its line; the exit status is then 2.

Example:

  vedette check-config vedette.yaml
"""

_UNMASKED = (
    "what is recorded and shown live is not covered by its masks, only what is analysed; "
    "record: {masked: true} covers it, and encodes it again"
)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("check-config", help=HELP)(check_config)


def check_config(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rules, or vedette.yaml.")],
) -> None:
    """Check `file`, show its rules in words."""
    from vedette.config import InvalidConfig, SystemConfig, load_either  # noqa: PLC0415 - pydantic is slow to import

    try:
        config = load_either(file)
    except InvalidConfig as error:
        *others, last = error.problems
        for problem in others:
            sys.stderr.write(f"vedette: {file}: {problem}\n")
        raise UsageError(f"{file}: {last}") from error
    if isinstance(config, SystemConfig):
        _show_system(file, config)
    else:
        _show(file, config)


def _show_system(file: Path, config: SystemConfig) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from vedette.cli.in_words import count  # noqa: PLC0415
    from vedette.video.sources.address import redact  # noqa: PLC0415

    console = Console()
    say = partial(console.print, highlight=False, soft_wrap=True)
    say(f"[bold]{escape(str(file))}[/] is sound: {count(len(config.cameras), 'camera')}")
    say(f"data in {escape(str(config.data))} · database {escape(redact(config.database))}")
    for folder in config.storage:
        most = "all but" if folder.max_size is None else f"{folder.max_size / 1e9:g} GB, leaves"
        say(f"recordings in {escape(str(folder.path))} ({most} {folder.keep_free / 1e9:g} GB free)")
    days, server = config.retention.days, config.server
    say(f"kept for {days:g} days · http://{server.host}:{server.port}")
    table = Table(show_lines=True)
    for head in ("camera", "streams", "recorded", "looked at", "rules"):
        table.add_column(head, overflow="fold")
    for camera in config.cameras:
        record = camera.watch.record
        streams = [f"{name}: {redact(address)}" for name, address in camera.streams.items()]
        modes = [f"{name}: {getattr(record, name)}" for name in camera.streams]
        fps = camera.config.analysis.fps
        rate = "every frame" if fps is None else f"{fps:g} frames a second"
        looked = "never" if camera.analyzed is None else f"{camera.analyzed}, {rate}"
        rules = "\n".join(f"{rule.id} ({rule.spec.name})" for rule in camera.config.rules) or "none"
        named = camera.id if camera.name == camera.id else f"{camera.id}\n{camera.name}"
        cells = (named, "\n".join(streams), "\n".join(modes), looked, rules)
        table.add_row(*(escape(cell) for cell in cells))
        if camera.watch.masks and not record.masked:
            say(f"{camera.id}: {_UNMASKED}")
    if config.cameras:
        console.print(table)


def _show(file: Path, config: CameraConfig) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from vedette.cli.in_words import count, detector, direction, place, settings  # noqa: PLC0415

    console = Console()
    name = f" for {config.camera}" if config.camera else ""
    console.print(
        f"[bold]{escape(str(file))}[/] is sound: {count(len(config.rules), 'rule')}{escape(name)}", highlight=False
    )
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
