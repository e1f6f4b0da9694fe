"""`vedette plan`: what a camera can detect, observe, recognise and identify, and how far."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from vedette.model.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from vedette.analytics.optics import Camera

RESOLUTIONS: Final = {
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4mp": (2560, 1440),
    "5mp": (2592, 1944),
    "4k": (3840, 2160),
    "8mp": (3840, 2160),
}
DETECTOR_SIDE_PX: Final = 416
"""Side of the picture that the default detector is given."""

PERSON_PX: Final = 32.0
"""Height in pixels from which the default detector finds a person. Measured with yolox-nano at a score of 0.3 on people
nobody stands in front of, vtest.avi and TUD-Campus scaled down, one picture at a time: 98 % at 30 px, 92 % at 24 px,
77 % at 18 px, 17 % at 12 px."""

HELP = """What a camera can detect, observe, recognise and identify, and how far.

Pixels per metre by IEC 62676-4, and whether the default detector will find a person there.

\b
Examples:
  vedette plan --resolution 1080p --hfov 90 --height 3
  vedette plan --resolution 4k --focal-mm 4 --sensor 1/2.8 --height 4 --tilt 20 -o plan.png
"""

_STEPS: Final = (1, 2, 3, 4, 5, 7, 10, 15, 20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
_ROWS: Final = 16


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("plan", help=HELP)(plan)


def plan(
    *,
    resolution: Annotated[str, typer.Option(help="Pixels: WIDTHxHEIGHT, or 720p, 1080p, 1440p, 5mp, 4k.")] = "1080p",
    hfov: Annotated[
        float | None, typer.Option(help="Horizontal angle of view in degrees; 90 when nothing is said.")
    ] = None,
    focal_mm: Annotated[float | None, typer.Option(help="Focal length in mm, instead of --hfov.")] = None,
    sensor: Annotated[
        str, typer.Option(help="Optical format in inches, with --focal-mm: 1/3, 1/2.8, 1/1.8...")
    ] = "1/2.8",
    height: Annotated[float, typer.Option(help="Mounting height in metres.")] = 3.0,
    tilt: Annotated[
        float | None, typer.Option(help="Degrees below the horizon; by default the horizon is the upper edge.")
    ] = None,
    target_height: Annotated[float, typer.Option(help="Height in metres of the person (the face is judged).")] = 1.7,
    person_px: Annotated[
        float, typer.Option(help="Person height in pixels from which the detector finds it (measured for yolox-nano).")
    ] = PERSON_PX,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write a picture of the plan (PNG).")] = None,
) -> None:
    """Show the plan as a table, and draw it when asked."""
    if not 0.1 <= target_height <= 100.0 or not 1.0 <= person_px <= 10_000.0:
        raise UsageError("--target-height must lie between 0.1 and 100 m, and --person-px between 1 and 10000")
    camera = _camera(resolution, _angle(hfov, focal_mm, sensor), height, tilt)
    _show(camera, target_height, person_px)
    if output is not None:
        from vedette.reports.plan_picture import draw_plan  # noqa: PLC0415 - matplotlib is slow to import

        draw_plan(output, camera, target_height)
        typer.echo(f"picture: {output}")


def _angle(hfov: float | None, focal_mm: float | None, sensor: str) -> float:
    from vedette.analytics.optics import SENSOR_WIDTH_MM, angle_of_lens  # noqa: PLC0415

    if hfov is not None and focal_mm is not None:
        raise UsageError("say either --hfov or --focal-mm (with --sensor), as the data sheet gives it, not both")
    if focal_mm is None:
        return 90.0 if hfov is None else hfov
    name = sensor.strip().rstrip('"').removesuffix("-inch").strip()
    if name not in SENSOR_WIDTH_MM:
        raise UsageError(f"unknown sensor format '{sensor}': known are {', '.join(SENSOR_WIDTH_MM)}")
    try:
        return angle_of_lens(focal_mm, SENSOR_WIDTH_MM[name])
    except ValueError as error:
        raise UsageError(str(error)) from error


def _camera(resolution: str, hfov: float, height: float, tilt: float | None) -> Camera:
    from vedette.analytics.optics import Camera, level_top  # noqa: PLC0415

    match = re.fullmatch(r"(\d{2,6})[x*](\d{2,6})", resolution.strip().lower())
    size = (int(match[1]), int(match[2])) if match else RESOLUTIONS.get(resolution.strip().lower())
    if size is None:
        raise UsageError(f"unknown resolution '{resolution}': say WIDTHxHEIGHT or one of {', '.join(RESOLUTIONS)}")
    try:
        camera = Camera(width=size[0], height=size[1], hfov_deg=hfov, mounted_m=height, tilt_deg=tilt or 0.0)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return camera if tilt is not None else level_top(camera)


def metres(value: float) -> str:
    """A distance, as exact as it means something."""
    if math.isinf(value):
        return "the horizon"
    return f"{value:.1f} m" if value < 10.0 else f"{value:.0f} m"


def _show(camera: Camera, person_m: float, person_px: float) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from vedette.analytics.optics import MM_PER_PX, bands  # noqa: PLC0415

    console = Console(highlight=False)
    console.print(
        f"{camera.width}x{camera.height}, {camera.hfov_deg:.0f}° across and {camera.vfov_deg:.0f}° down, "
        f"{camera.mounted_m:g} m up, tilted {camera.tilt_deg:.0f}° down"
    )
    ranges = Table("class (IEC 62676-4)", "mm per pixel", "pixels per metre", "a face at", title="How far")
    for band in bands(camera, person_m):
        reach = "nowhere" if band.empty else f"{metres(band.from_m)} to {metres(band.to_m)}"
        ranges.add_row(band.name, f"{MM_PER_PX[band.name]:g}", f"{band.px_per_m:g}", reach)
    console.print(ranges)
    console.print(_blind(camera, person_m))
    console.print(_distances(camera, person_m, person_px))
    console.print(
        f"Found means at least {person_px:g} px high: at once, in the whole picture scaled to the detector's "
        f"{DETECTOR_SIDE_PX} px, or in a closer crop round what moves."
    )


def _blind(camera: Camera, person_m: float) -> str:
    feet, face = camera.nearest(), camera.nearest(person_m)
    parts = [f"the ground nearer than {metres(feet)}"] if feet > 0.0 else []
    if face > 0.0:
        parts.append("every face" if math.isinf(face) else f"a face nearer than {metres(face)}")
    far = camera.farthest(person_m)
    if math.isfinite(far):
        parts.append(f"a face beyond {metres(far)}")
    return f"Not in view: {', '.join(parts) or 'nothing below the camera'}."


def _distances(camera: Camera, person_m: float, person_px: float) -> Table:
    from rich.table import Table  # noqa: PLC0415

    from vedette.analytics.optics import PX_PER_M, class_at  # noqa: PLC0415

    table = Table("distance", "pixels per metre", "class", "person", "default detector", title="At each distance")
    end = min(camera.reach(PX_PER_M["monitor"] / 2, person_m), camera.farthest(), 1000.0)
    shown: list[float] = [step for step in _STEPS if step <= end] or [round(max(end, 0.1), 1)]
    for distance in shown[-_ROWS:]:
        density, seen = camera.px_per_m(distance, person_m), camera.person_px(distance, person_m)
        table.add_row(
            f"{distance:g} m",
            f"{density:.0f}" if math.isfinite(density) else "",
            class_at(density) if camera.nearest(person_m) <= distance <= camera.farthest(person_m) else "",
            f"{seen:.0f} px high",
            _found(camera, distance, person_m, person_px),
        )
    return table


def _found(camera: Camera, distance: float, person_m: float, person_px: float) -> str:
    seen = camera.person_px(distance, person_m)
    if seen < person_px:
        return "no: too small"
    if not 0.0 <= camera.row(distance, person_m) <= camera.row(distance) <= 1.0:
        return "partly in view"
    scale = min(1.0, DETECTOR_SIDE_PX / max(camera.width, camera.height))
    return "yes, at once" if seen * scale >= person_px else "yes, in a crop"
