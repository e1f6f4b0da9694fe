"""Coordinates in pixels of a stated picture size to fractions of the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from vedette.model.geometry import Point
from vedette.model.spec import STRICT

SURELY_PIXELS = 2.0
"""A coordinate beyond this is no fraction of a picture; a zone may well reach somewhat over its edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What coordinates are given in.

    units  `fraction`, 0..1 of the picture, or `px`
    frame  [width, height] of the picture that pixels are meant in
    """

    __pydantic_config__: ClassVar = STRICT

    units: Literal["fraction", "px"] = "fraction"
    frame: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.frame is not None and min(self.frame) < 1:
            raise ValueError(f"frame must be [width, height] in pixels, not {list(self.frame)}")
        if self.units == "px" and self.frame is None:
            raise ValueError("units: px needs the size of the picture it is meant in: frame: [width, height]")


def point_keys(options: type[Any]) -> tuple[str, ...]:
    """The options that hold lists of points (`line`, `zone`), told by their type."""
    return tuple(key for key, hint in get_type_hints(options).items() if any(_is_points(part) for part in _parts(hint)))


def _parts(hint: object) -> Iterator[object]:
    yield hint
    if get_origin(hint) is not tuple:
        yield from get_args(hint)


def _is_points(hint: object) -> bool:
    return get_origin(hint) is tuple and get_args(hint) == (Point, ...)


def in_fractions(values: Mapping[str, object], keys: tuple[str, ...], units: Units) -> dict[str, object]:
    """`values` with the points under `keys` as fractions of the picture. What is no point is left as it is."""
    result = dict(values)
    if units.units == "px" and units.frame is not None:
        width, height = units.frame
        for key in keys:
            points = result.get(key)
            if isinstance(points, list | tuple):
                result[key] = [_scaled(point, width, height) for point in points]
    return result


def _scaled(point: object, width: int, height: int) -> object:
    if isinstance(point, list | tuple) and len(point) == 2 and all(_is_number(value) for value in point):
        return [point[0] / width, point[1] / height]
    return point


def look_like_pixels(points: object) -> bool:
    """Whether a list of points holds coordinates that can be no fractions of a picture."""
    if not isinstance(points, list | tuple):
        return False
    pairs = [point for point in points if isinstance(point, list | tuple)]
    return any(_is_number(value) and abs(value) > SURELY_PIXELS for point in pairs for value in point)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
