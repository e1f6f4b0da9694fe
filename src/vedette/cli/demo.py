"""`vedette demo`: simulated scenes through the whole pipeline, with the truth beside what was counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from vedette.reports.summary import Summary
    from vedette.simulator.outputs import Truth

EXAMPLES = """\b
Examples:
  vedette demo
      both scenes, results in the folder demo
  vedette demo --seconds 20 -o try
      a shorter one, elsewhere
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EXAMPLES)(demo)


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for videos, truth and reports.")] = Path("demo"),
    seconds: Annotated[float, typer.Option(help="Length of each scene.")] = 45.0,
    seed: Annotated[int, typer.Option(help="Who comes and what they do.")] = 1,
) -> None:
    """Draw every simulated scene, analyse it, and compare the counts with the exact truth. Nothing to configure."""
    from rich.console import Console  # noqa: PLC0415

    from vedette.simulator.scenes import SCENES  # noqa: PLC0415

    console, table, reports = Console(), _table(), []
    for scene in SCENES:
        folder = out / scene
        truth = _draw(scene, folder, seconds, seed)
        summary = _analyse(scene, folder, truth.seconds)
        _compare(table, scene, truth, summary)
        reports.append((folder / "analysis" / "report.html").resolve())
    console.print(table)
    console.print("Every person and vehicle was drawn, so the truth is exact. Open the reports in a browser:")
    for report in reports:
        typer.echo(f"  {report}")


def _draw(scene: str, folder: Path, seconds: float, seed: int) -> Truth:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    from vedette.simulator.render import simulate  # noqa: PLC0415

    typer.echo(f"{scene}: drawing {seconds:g} s")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Drawing", total=None)
        truth = simulate(
            scene,
            folder,
            seconds=seconds,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if truth.seconds + 1.0 < seconds:
        raise KeyboardInterrupt
    return truth


def _analyse(scene: str, folder: Path, seconds: float) -> Summary:
    from vedette.app.analysis import analyze  # noqa: PLC0415
    from vedette.cli.progress import following  # noqa: PLC0415

    typer.echo(f"{scene}: analysing")
    with following("Analysing", end_s=seconds) as progress:
        return analyze(folder / "video.mp4", folder / "rules.yaml", folder / "analysis", progress=progress)


def _table() -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table(header_style="bold")
    for heading in ("Scene", "Line", "Direction"):
        table.add_column(heading)
    for heading in ("Truth", "Counted"):
        table.add_column(heading, justify="right")
    return table


def _compare(table: Table, scene: str, truth: Truth, summary: Summary) -> None:
    for line, counts in truth.counts.items():
        for direction in ("forward", "backward"):
            table.add_row(scene, line, direction, str(counts[direction]), str(summary.rules[line].counts[direction]))
