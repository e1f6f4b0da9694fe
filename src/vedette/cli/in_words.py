"""Rules in words: where they lie in the picture, and which way is forward."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, Final

import numpy as np

from vedette.model.geometry import Point, Polygon
from vedette.model.spec import Spec

_TOLD_ELSEWHERE: Final = ("id", "labels", "line", "zone", "names")
_WAYS: Final = (
    "left to right",
    "upper left to lower right",
    "top to bottom",
    "upper right to lower left",
    "right to left",
    "lower right to upper left",
    "bottom to top",
    "lower left to upper right",
)
_GRID: Final = 64


def count(number: int, what: str) -> str:
    """`1 camera`, `2 cameras`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def forward_way(line: Sequence[Point]) -> str:
    """Which way `forward` is for a line, as seen in the picture: `right to left`.

    Forward is from the left to the right of somebody who stands on the first point and looks towards the last; with y
    down, a look along (dx, dy) has its right at (-dy, dx). A closed line is judged by its first segment.
    """
    last = line[-1] if line[-1] != line[0] else next((point for point in line if point != line[0]), line[0])
    along_x, along_y = last[0] - line[0][0], last[1] - line[0][1]
    return _WAYS[round(math.atan2(along_x, -along_y) / (math.pi / 4)) % 8]


def direction(options: Any) -> str:  # noqa: ANN401 - each plug-in has its own type
    """Both directions of a rule with a line, with the names they were given; nothing for other rules."""
    line = getattr(options, "line", None)
    if not line:
        return ""
    forward = forward_way(line)
    backward = _WAYS[(_WAYS.index(forward) + 4) % 8]
    names = getattr(options, "names", {})
    return "\n".join(
        f"{side}{f' ({names[side]!r})' if names.get(side) else ''}: {way}"
        for side, way in (("forward", forward), ("backward", backward))
    )


def place(options: Any) -> str:  # noqa: ANN401
    """Where in the picture a rule works."""
    line, zone = getattr(options, "line", None), getattr(options, "zone", None)
    if line:
        way = " to ".join(f"({x:.2f}, {y:.2f})" for x, y in line)
        ends = [part_of_picture(line[0]), part_of_picture(line[-1])]
        return f"line {way}\n{f'in the {ends[0]}' if ends[0] == ends[1] else ' to '.join(ends)}"
    if zone:
        corners = np.asarray(zone, float)
        x, y = corners.mean(axis=0).tolist()
        return f"zone of {len(zone)} corners round the {part_of_picture((x, y))}\n{_share(zone)}"
    return "the whole picture"


def part_of_picture(point: Point) -> str:
    """`upper left`, `centre`, `bottom right`... of the picture."""
    x, y = point
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    down = "upper" if y < 1 / 3 else "lower" if y > 2 / 3 else ""
    if across and down:
        return f"{down} {across}"
    if across:
        return f"{across} middle"
    return f"{down} middle" if down else "centre"


def _share(zone: Sequence[Point]) -> str:
    steps = (np.arange(_GRID) + 0.5) / _GRID
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    share = float(Polygon(zone).contains(grid).mean())
    return f"about {share:.0%} of the picture" if share >= 0.005 else "less than 1% of the picture"


def settings(options: Any) -> str:  # noqa: ANN401
    """The settings that differ from their defaults."""
    chosen = []
    for entry in fields(options):
        value = getattr(options, entry.name)
        if entry.name not in _TOLD_ELSEWHERE and value != _default(entry):
            chosen.append(f"{entry.name} {_value(value)}")
    return ", ".join(chosen)


def detector(chosen: tuple[Spec, Any]) -> str:
    """The detector with the settings that differ from their defaults."""
    spec, options = chosen
    own = settings(options)
    return f"detector {spec.name}" + (f" with {own}" if own else "")


def _default(entry: Field[Any]) -> object:
    if entry.default is not MISSING:
        return entry.default
    return entry.default_factory() if entry.default_factory is not MISSING else MISSING


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return str(value)
