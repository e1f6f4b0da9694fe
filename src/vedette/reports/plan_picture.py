"""A camera's plan as a picture: what it covers from above and from the side, in bands of pixels per metre."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon

from vedette.analytics.optics import MM_PER_PX, PX_PER_M, Band, Camera, bands
from vedette.reports.disk import write_whole

_COLOURS: Final = {
    "monitor": "#dceaf4",
    "detect": "#a8d0e6",
    "observe": "#5fa8d3",
    "recognise": "#f2c14e",
    "identify": "#f08a4b",
    "inspect": "#c8553d",
}
_FARTHEST_M: Final = 300.0
_INK: Final = "#10141b"


def draw_plan(path: Path, camera: Camera, target_m: float) -> None:
    """Write the plan for targets of that height to `path` as PNG. Raises OutputError."""
    found = bands(camera, target_m)
    reach = shown_to(camera, target_m)
    figure = Figure(figsize=(11, 8), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    above, side = figure.subplots(2, 1, height_ratios=(3, 2), sharex=True)
    figure.suptitle(
        f"{camera.width}x{camera.height}, {camera.hfov_deg:.0f}° by {camera.vfov_deg:.0f}°, "
        f"{camera.mounted_m:g} m up, {camera.tilt_deg:.0f}° down; a target {target_m:g} m high"
    )
    _from_above(above, camera, found, reach, target_m)
    _from_the_side(side, camera, found, reach, target_m)
    legend = [
        Patch(color=_COLOURS[name], label=f"{name} ({PX_PER_M[name]:g} px/m, {MM_PER_PX[name]:g} mm/px)")
        for name in _COLOURS
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3, frameon=False)
    coded = io.BytesIO()
    figure.savefig(coded, format="png", dpi=110, metadata={"Software": "Vedette"})
    write_whole(path, coded.getvalue())


def shown_to(camera: Camera, target_m: float) -> float:
    """How far the picture reaches, in metres: to the end of the coarsest class, or of the view."""
    reach = min(camera.reach(PX_PER_M["monitor"], target_m), camera.farthest(target_m), _FARTHEST_M)
    return max(reach if math.isfinite(reach) else _FARTHEST_M, 1.0)


def _from_above(axes: Any, camera: Camera, found: list[Band], reach: float, target_m: float) -> None:  # noqa: ANN401
    for band in found:
        near, far = min(band.from_m, reach), min(band.to_m, reach)
        if far > near:
            left, right = camera.half_width_m(near, target_m), camera.half_width_m(far, target_m)
            corners = [(near, -left), (far, -right), (far, right), (near, left)]
            axes.add_patch(Polygon(corners, closed=True, facecolor=_COLOURS[band.name], edgecolor="none"))
            axes.annotate(
                f"{far:.1f} m" if far < 10 else f"{far:.0f} m",
                (far, -right),
                textcoords="offset points",
                xytext=(0, -11),
                ha="center",
                fontsize=8,
                color=_INK,
            )
    axes.plot(0, 0, marker=">", color=_INK, markersize=9)
    widest = max(camera.half_width_m(reach, target_m), 1.0) * 1.15
    axes.set(
        title="from above", ylabel="metres to either side", ylim=(-widest, widest), xlim=(-reach * 0.03, reach * 1.03)
    )
    axes.grid(alpha=0.25)


def _from_the_side(axes: Any, camera: Camera, found: list[Band], reach: float, target_m: float) -> None:  # noqa: ANN401
    top = max(camera.mounted_m, target_m) * 1.3
    axes.axhline(0.0, color=_INK, linewidth=1.0)
    for band in found:
        near, far = min(band.from_m, reach), min(band.to_m, reach)
        if far > near:
            axes.fill_between([near, far], 0.0, target_m, color=_COLOURS[band.name], linewidth=0.0)
    for edge in (camera.tilt_deg - camera.vfov_deg / 2.0, camera.tilt_deg + camera.vfov_deg / 2.0):
        axes.plot(*_ray(camera.mounted_m, edge, reach, top), color=_INK, linewidth=0.8, linestyle="--")
    blind = min(camera.nearest(), reach)
    if blind > 0.0:
        axes.fill_between([0.0, blind], -0.04 * top, 0.0, color="#888888", linewidth=0.0)
        axes.annotate(f"ground not in view up to {blind:.1f} m", (0.0, -0.05 * top), va="top", fontsize=8, color=_INK)
    axes.plot(0.0, camera.mounted_m, marker=">", color=_INK, markersize=9)
    axes.set(
        title="from the side (heights stretched)",
        xlabel="metres over the ground",
        ylabel="metres up",
        ylim=(-0.2 * top, top),
    )
    axes.grid(alpha=0.25)


def _ray(height: float, down_deg: float, reach: float, top: float) -> tuple[list[float], list[float]]:
    """The line from the lens at that angle below the horizon, as far as the ground, the picture's end or its top."""
    if down_deg >= 90.0:
        return [0.0, 0.0], [height, 0.0]
    slope = -math.tan(math.radians(down_deg))
    end = reach
    if slope < 0.0:
        end = min(end, height / -slope)
    elif slope > 0.0:
        end = min(end, (top - height) / slope)
    return [0.0, end], [height, height + slope * end]
