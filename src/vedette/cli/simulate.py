"""`vedette simulate`: a drawn scene with its truth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vedette.model.errors import UsageError

if TYPE_CHECKING:
    from vedette.simulator.outputs import Truth

EXAMPLES = """\b
Scenes:
  shop-entrance
      inside a shop, looking at its door: people come and go, look round and queue
  fence-line
      a yard with a fence beside a road: traffic, people on the pavement, and some who come in

\b
Examples:
  vedette simulate shop-entrance -o shop
      a minute of it, with truth.json, truth.txt and rules.yaml beside the video
  vedette analyze shop/video.mp4 -c shop/rules.yaml -o out
      see how well it is counted
  vedette simulate fence-line -o fence --light night --seconds 20 --seed 3
      twenty seconds at night, with other people
"""


class LightChoice(StrEnum):
    """Times of day."""

    DAY = "day"
    DUSK = "dusk"
    NIGHT = "night"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EXAMPLES)(simulate)


def simulate(
    scene: Annotated[str, typer.Argument(help="Name of a scene, see below.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")],
    seed: Annotated[int, typer.Option(help="Who comes and what they do; the same seed gives the same video.")] = 1,
    seconds: Annotated[float, typer.Option(help="Length in seconds.")] = 60.0,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 12.0,
    size: Annotated[str, typer.Option(metavar="WxH", help="Size in pixels.")] = "1280x720",
    people: Annotated[
        int | None, typer.Option(help="How many people are in view on average; each scene has its own default.")
    ] = None,
    light: Annotated[LightChoice, typer.Option(help="Time of day.")] = LightChoice.DAY,
) -> None:
    """Draw a scene with its truth: video.mp4, truth.json, truth.txt (MOTChallenge) and rules.yaml."""
    from rich.console import Console  # noqa: PLC0415 - not needed for --help
    from rich.progress import Progress  # noqa: PLC0415

    from vedette.simulator.render import simulate as draw  # noqa: PLC0415
    from vedette.simulator.settings import parse_size  # noqa: PLC0415

    try:
        width, height = parse_size(size)
    except ValueError as error:
        raise UsageError(str(error)) from error
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Drawing", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        truth = draw(
            scene, out, seed=seed, seconds=seconds, fps=fps, size=(width, height), people=people, light=light.value,
            progress=progress,
        )  # fmt: skip
    _tell(truth, out, wanted_s=seconds)


def _tell(truth: Truth, out: Path, wanted_s: float) -> None:
    for line, counts in truth.counts.items():
        typer.echo(f"{line}: {counts['forward']} forward, {counts['backward']} backward")
    typer.echo(f"{truth.seconds:.1f} s in {out / 'video.mp4'}, truth in {out / 'truth.json'}")
    if truth.frames < round(wanted_s * truth.fps):
        typer.echo("Stopped early: the files hold what was drawn until then.", err=True)
        raise typer.Exit(130)
    typer.echo(f"Next: vedette analyze {out / 'video.mp4'} -c {out / 'rules.yaml'} -o {out / 'analysis'}")
