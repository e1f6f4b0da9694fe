"""`vedette analyze`: one video through the whole pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.model.errors import VedetteError

if TYPE_CHECKING:
    from vedette.reports.summary import Summary

EXAMPLES = """\b
Examples:
  vedette analyze shop.mp4 -c rules.yaml -o out
      counts, alarms, heat map, annotated video and report of a file
  vedette analyze shop.mp4 -c rules.yaml --fps 5 --start 60 --end 120
      one minute of it at five frames a second, only the table
  vedette analyze rtsp://camera.local/stream -c rules.yaml -o out --end 600
      ten minutes of a camera
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EXAMPLES)(analyze)


def analyze(
    source: Annotated[str, typer.Argument(help="A video file, or an address: rtsp://…, webcam:0, sim:shop-entrance.")],
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="Rules file. Without one, objects are only followed.")
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder for the results.")] = None,
    fps: Annotated[
        float | None, typer.Option(help="Analyse so many frames a second instead of what the file says.")
    ] = None,
    start: Annotated[float, typer.Option(help="Begin at this second of the video.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Stop at this second of the video.")] = None,
    video: Annotated[bool, typer.Option("--video/--no-video", help="Write the annotated video.")] = True,
) -> None:
    """Analyse one file, stream or recording through the same pipeline as live cameras, as fast as it can."""
    from vedette.app.analysis import analyze as run  # noqa: PLC0415
    from vedette.cli.progress import following  # noqa: PLC0415

    with following("Analysing", start, end) as progress:
        try:
            summary = run(source, config, out, fps=fps, start_s=start, end_s=end, video=video, progress=progress)
        except (VedetteError, KeyboardInterrupt) as error:
            # On stdout: stderr has one line, the one that says what is wrong.
            for note in getattr(error, "__notes__", ()):
                typer.echo(note)
            raise
    show(summary)
    if out is not None:
        typer.echo(f"Report: {out / 'report.html'}")


def show(summary: Summary) -> None:
    """Print what was found as a table."""
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=None, header_style="bold")
    for heading in ("Rule", "Type", "Forward", "Backward", "Events"):
        table.add_column(heading, justify="left" if heading in {"Rule", "Type"} else "right")
    for name, rule in summary.rules.items():
        directed = rule.type == "line_crossing"
        counts = [str(rule.counts[way]) if directed else "" for way in ("forward", "backward")]
        table.add_row(escape(name), rule.type, *counts, str(rule.events))
    console = Console()
    if summary.rules:
        console.print(table)
    work = summary.performance
    pace = summary.source.duration_s / work.wall_s if work.wall_s else 0.0
    console.print(
        f"{work.frames_analyzed} of {work.frames_decoded} frames analysed in {work.wall_s:.1f} s "
        f"({pace:.1f} times as fast as it was filmed), {work.inferences} inferences, "
        f"{work.peak_rss_mb:.0f} MB at most",
        highlight=False,
        soft_wrap=True,
    )
