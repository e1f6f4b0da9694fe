"""`vedette export`: footage out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HELP = """Write recorded footage to a file, as it was recorded: nothing is encoded again.

Several cameras make a folder with one file each and a film of all of them side by side. Moments are written like
2026-11-22T16:30:00Z, '2026-11-22 16:30' and 16:30 (in the time zone of the system), -10m or now.

With --speed it becomes a time-lapse of one camera: its keyframes, encoded again, with the time drawn in.

\b
Examples:
  vedette export door --from 16:30 --to 16:40 -o door.mp4
  vedette export yard --from -12h --speed 600 -o night.mp4
"""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("export", help=HELP)(export)


def export(
    cameras: Annotated[list[str], typer.Argument(metavar="CAMERA...", help="Ids of cameras.")],
    start: Annotated[str, typer.Option("--from", metavar="MOMENT", help="Where the footage begins.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="PATH", help="The file; for several cameras a folder.")],
    end: Annotated[str, typer.Option("--to", metavar="MOMENT", help="Where it ends.")] = "now",
    speed: Annotated[
        float | None, typer.Option("--speed", metavar="N", help="A time-lapse so many times as fast.")
    ] = None,
    config: Annotated[Path, typer.Option("-c", "--config", metavar="FILE", help="The file of the system.")] = Path(
        "vedette.yaml"
    ),
) -> None:
    """Write footage of `cameras`."""
    from vedette.app import stored  # noqa: PLC0415 - heavy
    from vedette.cli.moments import span  # noqa: PLC0415
    from vedette.cli.progress import share  # noqa: PLC0415
    from vedette.config import load_system  # noqa: PLC0415

    system = load_system(config)
    when = span(start, end, system.timezone)
    with share("exporting") as progress:
        if speed is None:
            made = stored.export(system, cameras, when, out, progress)
        else:
            made = [stored.timelapse(system, cameras, when, out, speed, progress)]
    for path in made:
        typer.echo(f"wrote {path}")
