"""The lines and zones of the rules, drawn for people: colours, arrows and the user's own words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vedette.model.detections import Floats
from vedette.model.geometry import Point
from vedette.reports.drawing import Canvas, Layer, Pixels, printable
from vedette.reports.palette import PAPER, Colour, rule_colour
from vedette.reports.rule_view import RuleView


def to_pixels(points: Sequence[Point], width: int, height: int) -> Pixels:
    """(n, 2) `points` of 0..1 in pixels; far outside is cut to twice the picture, so that drawing cannot overflow."""
    place = np.clip(np.asarray(points, float), -1.0, 2.0) * np.array([width - 1, height - 1])
    return np.asarray(np.rint(place), np.int32)


def geometry_layer(rules: Sequence[RuleView], width: int, height: int, scale: float = 1.0) -> Layer:
    """Zones translucent, lines with an arrow that points forward and the names of both directions.

    `scale` enlarges strokes and words for pictures that are shown small.
    """
    canvas = Canvas(width, height)
    thick, px = max(2, round(scale * height / 270)), scale * text_px(height)
    for position, rule in enumerate(rules):
        colour = rule_colour(position, rule.severity)
        if len(rule.zone) >= 3:
            points = to_pixels(rule.zone, width, height)
            canvas.area(points, colour, 0.16)
            canvas.stroke(points, colour, thick, closed=True)
    for position, rule in enumerate(rules):
        if len(rule.line) >= 2:
            _paint_line(canvas, rule, rule_colour(position, rule.severity), thick, px)
    named: dict[tuple[Point, ...], list[str]] = {}
    for rule in rules:
        if len(rule.zone) >= 3:
            named.setdefault(tuple(rule.zone), []).append(printable(rule.id, 20))
    for zone, names in named.items():
        x, y = to_pixels(zone, width, height).mean(axis=0).tolist()
        canvas.label(printable(", ".join(names), 40), (x, y), px, PAPER)
    return canvas.layer()


def text_px(height: int) -> float:
    """How high text is set in a picture of `height` pixels, so that it can be read at 360 lines and at 1080."""
    return float(min(max(height / 42, 12.5), 44))


def _paint_line(canvas: Canvas, rule: RuleView, colour: Colour, thick: int, px: float) -> None:
    points = to_pixels(rule.line, canvas.width, canvas.height)
    canvas.stroke(points, colour, thick)
    middle, along = _quiet_place(points.astype(float))
    right = np.array([-along[1], along[0]])
    reach = px * 1.5
    head, tail = middle + right * reach, middle - right * reach * 0.6
    barb = px * 0.62
    left_barb, right_barb = head - right * barb + along * barb, head - right * barb - along * barb
    canvas.stroke(_whole(tail, head), colour, thick)
    canvas.stroke(_whole(left_barb, head, right_barb), colour, thick)
    for direction, side in (("forward", 1.0), ("backward", -1.0)):
        words = printable(rule.direction_name(direction))
        away = reach * (1.25 if side > 0 else 0.85) + px * (0.6 + abs(right[0]) * 0.29 * len(words))
        x, y = (middle + side * right * away).tolist()
        canvas.label(words, (x, y), px, PAPER)


def _whole(*points: Floats) -> Pixels:
    return np.asarray(np.rint(np.stack(points)), np.int32)


def _quiet_place(points: Floats) -> tuple[Floats, Floats]:
    """A point of the line away from the panel in the upper left corner, and the line's direction there."""
    steps = np.diff(points, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    total = lengths.sum()
    if total == 0.0:
        return points[0], np.array([1.0, 0.0])
    ends = np.cumsum(lengths)
    found = []
    for share in (0.8, 0.2):
        i = min(int(np.searchsorted(ends, share * total)), len(steps) - 1)
        i = int(np.flatnonzero(lengths > 0)[0]) if lengths[i] == 0.0 else i
        fraction = (share * total - (ends[i] - lengths[i])) / lengths[i]
        found.append((points[i] + steps[i] * fraction, steps[i] / lengths[i]))
    return max(found, key=lambda place: float(place[0].sum()))
