"""heat_map.png: where people and things were, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from vedette.model.detections import Floats
from vedette.model.errors import OutputError
from vedette.model.media import Image
from vedette.model.step import Step
from vedette.reports.disk import write_whole
from vedette.reports.drawing import text_size
from vedette.reports.palette import INK, PAPER, bgr

COLUMNS: Final = 64
_LONGEST_STEP_S: Final = 1.0
_PX_PER_SCALE: Final = 28.0


@dataclass(frozen=True, slots=True)
class Heat:
    """A grid over the picture.

    cells  (rows, columns), the upper left cell first
    unit   what a cell's figure means, for the legend
    short  the unit's sign, behind the figures
    """

    cells: Floats
    unit: str = "time with somebody or something here, per cell"
    short: str = " s"


class PresenceGrid:
    """Adds up, per cell, the seconds that confirmed subjects were seen there. Constant memory."""

    def __init__(self, anchor: str = "bottom") -> None:
        self._anchor = anchor
        self._cells: Floats = np.zeros((0, 0))
        self._last_ns: int | None = None

    def take(self, step: Step) -> None:
        """Add the time since the step before to the cells that subjects are seen in now.

        A gap of more than a second between two pictures counts as one second.
        """
        now_ns = step.frame.at.stream_ns
        dt = 0.0 if self._last_ns is None else min((now_ns - self._last_ns) / 1e9, _LONGEST_STEP_S)
        self._last_ns = now_ns
        if not self._cells.size:
            rows = round(COLUMNS * step.frame.height / step.frame.width)
            self._cells = np.zeros((min(max(rows, 8), 4 * COLUMNS), COLUMNS))
        subjects = step.now.subjects
        here = subjects.confirmed & subjects.seen & ~subjects.gone
        if dt <= 0.0 or not here.any():
            return
        rows, columns = self._cells.shape
        place = np.clip(subjects.anchor(self._anchor)[here], 0.0, 1.0 - 1e-9) * np.array([columns, rows])
        x, y = place.astype(np.int64).T
        np.add.at(self._cells, (y, x), dt)

    def heat(self) -> Heat:
        """The grid so far."""
        return Heat(self._cells if self._cells.size else np.zeros((8, COLUMNS)))


_UNITS: Final = {
    "presence": ("time with somebody or something here, per cell", " s"),
    "dwell": ("average length of a stay, per cell", " s"),
    "visits": ("different visitors, per cell", ""),
}


def heat_of_rule(values: Mapping[str, object]) -> Heat | None:
    """The grid among the figures of a `heat_map` rule: `rows` of numbers, upper first, and `by`. None without."""
    found = values.get("rows")
    if not isinstance(found, list | tuple | np.ndarray):
        return None
    try:
        cells = np.asarray(found, float)
    except (TypeError, ValueError):
        return None
    if cells.ndim != 2 or not cells.size or not np.isfinite(cells).all():
        return None
    unit, short = _UNITS.get(str(values.get("by", "presence")), _UNITS["presence"])
    return Heat(cells, unit, short)


_LEAST_WIDTH: Final = 160


def draw_heat_map(heat: Heat, reference: Image) -> Image:
    """`heat` in colour over a dimmed, grey `reference`, with the scale below. Colours: inferno, by square root.

    A `reference` too narrow for the scale is enlarged.
    """
    larger = max(1.0, _LEAST_WIDTH / reference.shape[1])
    reference = np.asarray(cv2.resize(reference, None, fx=larger, fy=larger), np.uint8) if larger > 1.0 else reference
    height, width = reference.shape[:2]
    smooth = cv2.GaussianBlur(heat.cells.astype(np.float32), (0, 0), max(0.8, heat.cells.shape[1] / 80))
    positive = smooth[smooth > 0]
    top = max(float(np.percentile(positive, 99.5)) if positive.size else 0.0, 1e-6)
    share = np.sqrt(np.clip(smooth / top, 0.0, 1.0))
    share = np.clip(cv2.resize(share, (width, height), interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
    colour = cv2.applyColorMap(np.rint(share * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    grey = cv2.cvtColor(reference, cv2.COLOR_BGR2GRAY)
    ground = cv2.merge([np.asarray(cv2.convertScaleAbs(grey, alpha=0.45), np.uint8)] * 3)
    cover = cv2.merge([np.clip(share * 1.6, 0.0, 0.88).astype(np.float32)] * 3)
    picture = np.rint(ground * (1.0 - cover) + colour * cover).astype(np.uint8)
    return np.asarray(np.vstack([picture, _legend(width, height, top if positive.size else 0.0, heat)]), np.uint8)


def _legend(width: int, height: int, top: float, heat: Heat) -> Image:
    px = min(max(height / 30, 12.0), 32.0)
    pad = round(px)
    bar_h = max(6, round(px * 0.7))
    legend: Image = np.full((round(px * 4.2), width, 3), bgr(INK), np.uint8)
    _write(legend, heat.unit, pad, round(px * 1.25), px)
    ramp = np.linspace(0, 255, width - 2 * pad).astype(np.uint8)[None].repeat(bar_h, axis=0)
    y = round(px * 1.75)
    legend[y : y + bar_h, pad : width - pad] = cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)
    for share in (0.0, 0.1, 0.25, 0.5, 1.0):
        figure = top * share
        text = f"{figure:.2g}" if figure < 10 else f"{figure:.0f}"
        text = ("0" if figure == 0.0 else text) + heat.short
        room = text_size(text, px * 0.9)[0]
        at = pad + round(np.sqrt(share) * (width - 2 * pad))
        left = min(max(at - room // 2, pad), width - pad - room)
        _write(legend, text, left, y + bar_h + round(px * 1.15), px * 0.9)
    return legend


def _write(image: Image, text: str, left: int, baseline: int, px: float) -> None:
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, text, (left, baseline), font, px / _PX_PER_SCALE, bgr(PAPER), 1, cv2.LINE_AA)


def write_png(path: Path, image: Image) -> None:
    """Write `image` whole or not at all. Raises OutputError."""
    fine, coded = cv2.imencode(".png", image)
    if not fine:
        raise OutputError(f"cannot write {path}: the picture of {image.shape[1]}x{image.shape[0]} cannot be encoded")
    write_whole(path, coded.tobytes())
