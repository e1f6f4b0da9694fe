"""What truly happens in a scene: crossings of its lines and visits to its zones, in continuous time.

Both are judged from the actors' paths on a fine grid that knows no frame rate, so a scene at 3 and at 25 frames a
second has the same truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vedette.model.detections import Bools, Floats
from vedette.model.events import Direction
from vedette.model.geometry import Polygon, Polyline, square
from vedette.model.labels import expand
from vedette.simulator.projection import View
from vedette.simulator.scene import Actor, LineMark, Scene, ZoneMark
from vedette.simulator.sprites import extent

STEP_S: Final = 0.02
BAND: Final = 0.1
"""Of the object's height, as the rule has it: whoever turns round on the line has not crossed."""
_SAME_VISIT_S: Final = 0.5
_SHORTEST_VISIT_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Crossing:
    """Somebody crosses a line at `t_s` seconds; forward is from its left to its right, as seen in the picture."""

    line: str
    id: int
    label: str
    t_s: float
    direction: Direction


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody is in a zone; `leave_s` is None when still there at the end."""

    zone: str
    id: int
    label: str
    enter_s: float
    leave_s: float | None


def anchors(actor: Actor, view: View, t: Floats) -> tuple[Floats, Floats]:
    """Bottom centres (n, 2) in 0..1 of the picture of the actor's full box, and its height (n,) in picture heights."""
    xy, scale = view.project(actor.balls(t))
    box = extent(xy, actor.radii * scale)
    bottom = np.stack([(box[:, 0] + box[:, 2]) / 2, box[:, 3]], axis=-1)
    return bottom / [view.width, view.height], (box[:, 3] - box[:, 1]) / view.height


def crossings(scene: Scene, view: View, actors: Iterable[Actor], until_s: float) -> list[Crossing]:
    """Every crossing of the scene's lines before `until_s`, in order of time."""
    found = [
        Crossing(line.id, actor.id, actor.label, t_s, direction)
        for actor, times, points, heights in _followed(view, actors, until_s)
        for line in scene.lines
        if actor.label in expand(line.labels)
        for t_s, direction in _line_crossings(line, view, times, points, heights)
    ]
    return sorted(found, key=lambda crossing: (crossing.t_s, crossing.id, crossing.line))


def visits(scene: Scene, view: View, actors: Iterable[Actor], until_s: float) -> list[Visit]:
    """Every visit to the scene's zones that begins before `until_s`, in order of time."""
    found = [
        Visit(zone.id, actor.id, actor.label, enter_s, leave_s)
        for actor, times, points, _ in _followed(view, actors, until_s)
        for zone in scene.zones
        if actor.label in expand(zone.labels)
        for enter_s, leave_s in _zone_visits(zone, view, times, points, until_s)
    ]
    return sorted(found, key=lambda visit: (visit.enter_s, visit.id, visit.zone))


def _followed(view: View, actors: Iterable[Actor], until_s: float) -> Iterable[tuple[Actor, Floats, Floats, Floats]]:
    for actor in actors:
        first, last = max(0.0, actor.path.start_s), min(until_s, actor.path.end_s)
        # Whole steps of one common grid, so that cutting the scene shorter moves no happening that remains.
        steps = np.arange(np.ceil(first / STEP_S), np.floor(last / STEP_S) + 1)
        if len(steps) > 1:
            times = steps * STEP_S
            yield actor, times, *anchors(actor, view, times)


def _line_crossings(
    mark: LineMark, view: View, times: Floats, points: Floats, heights: Floats
) -> Iterable[tuple[float, Direction]]:
    line = Polyline(square(np.array(view.relative(mark.ground)), view.aspect))
    path = square(points, view.aspect)
    side = line.signed_distance(path)
    settled = np.nonzero(np.abs(side) > BAND * heights)[0]
    for before, after in zip(settled[:-1].tolist(), settled[1:].tolist(), strict=True):
        if (side[before] > 0) == (side[after] > 0):
            continue
        hits = [
            (float(times[i] + hit.fraction * (times[i + 1] - times[i])), hit.side)
            for i in range(before, after)
            for hit in line.crossings((path[i, 0], path[i, 1]), (path[i + 1, 0], path[i + 1, 1]))
        ]
        if len(hits) % 2 == 1 and _in_picture(points[before : after + 1]):
            # A swinging foot may pass to and fro; the middle passage is the net one.
            t_s, _ = hits[len(hits) // 2]
            yield t_s, "forward" if side[after] > 0 else "backward"


def _in_picture(points: Floats) -> bool:
    return bool(((points >= 0) & (points <= 1)).all())


def _zone_visits(
    mark: ZoneMark, view: View, times: Floats, points: Floats, until_s: float
) -> Iterable[tuple[float, float | None]]:
    inside = Polygon(view.relative(mark.ground)).contains(points)
    for first, last in _runs(inside):
        open_end = last == len(times) - 1 and times[last] + STEP_S > until_s
        if open_end or times[last] - times[first] >= _SHORTEST_VISIT_S:
            yield float(times[first]), None if open_end else float(times[last])


def _runs(inside: Bools) -> Sequence[tuple[int, int]]:
    """First and last index of each stretch inside, stretches with little between them taken together."""
    runs: list[tuple[int, int]] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and (first - runs[-1][1]) * STEP_S <= _SAME_VISIT_S:
            runs[-1] = (runs[-1][0], end - 1)
        else:
            runs.append((first, end - 1))
    return runs
