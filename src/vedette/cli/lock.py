"""`vedette lock`: footage that nothing deletes."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Final

import typer

HELP: Final = """Evidence locks: footage that neither age nor a full disk deletes.

When nothing but locked footage is left on a full disk, recording stops with an alarm.

Example:

  vedette lock add door --from 16:30 --to 16:40 --name "theft of 22 November"
"""
ADD_HELP: Final = """Lock the footage of a camera between two moments.

Example:

  vedette lock add door --from 16:30 --to 16:40 --name "theft of 22 November"
"""
LIST_HELP: Final = """Show every lock.

Example:

  vedette lock list
"""
END_HELP: Final = """End a lock: its footage is deleted when it is old enough.

Example:

  vedette lock end 7530367178999968175
"""
_Config = Annotated[Path, typer.Option("-c", "--config", metavar="FILE", help="The file of the system.")]
_FILE: Final = Path("vedette.yaml")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    own = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
    own.command("add", help=ADD_HELP)(add)
    own.command("list", help=LIST_HELP)(show)
    own.command("end", help=END_HELP)(end)
    app.add_typer(own, name="lock")


def add(
    camera: Annotated[str, typer.Argument(metavar="CAMERA", help="Id of the camera.")],
    start: Annotated[str, typer.Option("--from", metavar="MOMENT", help="Where the footage begins.")],
    until: Annotated[str, typer.Option("--to", metavar="MOMENT", help="Where it ends.")],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="What it is kept for.")],
    config: _Config = _FILE,
) -> None:
    """Lock footage."""
    from vedette.app import evidence  # noqa: PLC0415 - heavy
    from vedette.cli.moments import span  # noqa: PLC0415
    from vedette.config import load_system  # noqa: PLC0415

    system = load_system(config)
    made = evidence.lock(system, camera, span(start, until, system.timezone), name, getpass.getuser())
    typer.echo(f"locked as {made.id}")


def show(config: _Config = _FILE) -> None:
    """List the locks."""
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from vedette.app import evidence  # noqa: PLC0415
    from vedette.config import load_system  # noqa: PLC0415
    from vedette.model.time import rfc3339  # noqa: PLC0415

    table = Table()
    table.add_column("lock", no_wrap=True)
    for heading in ("camera", "from", "to", "name", "by"):
        table.add_column(heading)
    found = evidence.locks(load_system(config))
    for lock in found:
        when = (rfc3339(lock.start_utc_ns), rfc3339(lock.end_utc_ns))
        table.add_row(str(lock.id), lock.camera, *when, escape(lock.name), escape(lock.by))
    if found:
        Console().print(table)
    else:
        typer.echo("there are no locks")


def end(
    number: Annotated[int, typer.Argument(metavar="LOCK", help="Its number.")],
    config: _Config = _FILE,
) -> None:
    """End a lock."""
    from vedette.app import evidence  # noqa: PLC0415 - heavy
    from vedette.config import load_system  # noqa: PLC0415

    ended = evidence.unlock(load_system(config), number)
    typer.echo(f"'{ended.name}' is not locked any more")
