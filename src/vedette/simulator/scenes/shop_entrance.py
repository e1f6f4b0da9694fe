"""`shop-entrance`: inside a shop, looking at its door; people come and go, look round, and queue at a counter."""

from __future__ import annotations

from typing import Final

import numpy as np

from vedette.model.detections import Bools, Floats
from vedette.simulator.backdrop import Backdrop, Light, Painter, everywhere, plain, rectangle
from vedette.simulator.paths import Path, Stop
from vedette.simulator.people import Person
from vedette.simulator.projection import Camera, View
from vedette.simulator.scene import Act, Actor, Lighting, LineMark, Scene, ZoneMark

WALL_M: Final = 8.2
_DOOR: Final = 1.2
_GLASS: Final = 4.7
_SIDE: Final = 5.6
_CEILING: Final = 4.2
_TABLE: Final = (np.array([-4.2, 4.2, 0.0]), np.array([-2.8, 5.1, 0.85]))
_COUNTER: Final = (np.array([4.15, 3.2, 0.0]), np.array([5.0, 6.6, 1.02]))
_QUEUE: Final = ((3.45, 3.9), (3.4, 4.75), (3.35, 5.6), (3.25, 6.45))
_SPOTS: Final = ((-2.1, 4.2), (-2.3, 5.3), (-4.4, 6.3), (-1.3, 5.2), (0.3, 4.2), (-2.5, 6.4), (1.6, 4.6))
_INWARD: Final = (-0.8, -0.25)
_OUTWARD: Final = (0.25, 0.8)
"""Where in the doorway people walk: everybody keeps to their right."""
_WARM_UP_S: Final = 70.0
_LEAST_GAP_S: Final = 0.9
_MEAN_STAY_S: Final = 34.0
_SERVICE_S: Final = (7.0, 16.0)


def _light(light: Light) -> Lighting:
    outside = {"day": (1.05, 1.05, 1.05), "dusk": (0.62, 0.5, 0.5), "night": (0.26, 0.19, 0.17)}[light]
    inside = {"day": (0.98, 1.0, 1.0), "dusk": (0.8, 0.9, 0.95), "night": (0.72, 0.83, 0.9)}[light]
    spill = {"day": 0.06, "dusk": 0.12, "night": 0.3}[light]

    def illumination(x: Floats, y: Floats) -> Floats:
        out = 1 / (1 + np.exp(-np.clip((y - WALL_M - 0.35) / 0.08, -40, 40)))
        near = np.exp(-((np.abs(x) / 2.5) ** 2) - ((y - WALL_M) / 1.8) ** 2)
        gains = out[..., None] * np.array(outside) + (1 - out[..., None]) * np.array(inside)
        return np.asarray(gains + (spill * near)[..., None] * np.array([0.9, 1.0, 1.05]))

    return Lighting(illumination, sun=(0.12, -0.18), shadow=0.42, noise={"day": 2.2, "dusk": 3.0, "night": 4.0}[light])


def _paint(view: View, light: Light) -> Backdrop:
    lighting = _light(light)
    painter = Painter(view, lighting.illumination, (200, 190, 180))
    _street(painter)
    _room(painter)
    _front(painter)
    _furniture(painter)
    image = painter.image()
    return Backdrop(image, (painter.screen(WALL_M, 1, image), painter.screen(4.65, 2, image)))


def _street(painter: Painter) -> None:
    def facade(x: Floats, z: Floats) -> Floats:
        house = np.floor((x + 40) / 7.3).astype(int)
        base = np.array([[152, 162, 176], [166, 172, 178], [146, 156, 168], [160, 166, 180]])[house % 4].astype(float)
        window = (np.mod(x, 2.4) > 0.8) & (np.mod(x, 2.4) < 1.9) & (np.mod(z, 3.0) > 0.9) & (np.mod(z, 3.0) < 2.4)
        shaded = base * (0.9 + 0.05 * painter.grain(x, z, 1.2, 3)[:, None])
        return np.where(window[:, None], np.array([150.0, 140, 130]), shaded)

    def paving(x: Floats, y: Floats) -> Floats:
        seam = (np.mod(x, 0.5) < 0.02) | (np.mod(y, 0.5) < 0.03)
        grey = 174 + 3 * painter.grain(x, y, 3.0, 4) - 10 * seam
        return np.asarray(grey[:, None] * np.array([0.98, 1.0, 1.01]))

    def asphalt(x: Floats, y: Floats) -> Floats:
        grey = 138 + 3 * painter.grain(x, y, 6.0, 5) + 3 * painter.grain(x, y, 0.5, 6)
        return np.asarray(grey[:, None] * np.array([1.02, 1.0, 0.99]))

    painter.surface("y", 19.0, everywhere, facade)
    painter.surface("z", 0.0, rectangle(-60, 60, WALL_M, 60), paving)
    painter.surface("z", 0.001, rectangle(-60, 60, 12.2, 17.6), asphalt)


def _room(painter: Painter) -> None:
    def tiles(x: Floats, y: Floats) -> Floats:
        column, row = np.floor(x / 0.6), np.floor(y / 0.6)
        each = np.mod(np.sin(column * 12.9 + row * 78.2) * 437.5, 1.0)
        seam = (np.mod(x, 0.6) < 0.014) | (np.mod(y, 0.6) < 0.018)
        gleam = 26 * np.exp(-((x / 1.6) ** 2) - ((y - 7.0) / 2.2) ** 2)
        grey = 150 + 8 * (each - 0.5) + 3 * painter.grain(x, y, 4.0, 7) + gleam - 13 * seam
        return np.asarray(grey[:, None] * np.array([0.9, 0.98, 1.03]))

    def shelf(y: Floats, z: Floats) -> Floats:
        board = np.mod(z, 0.5) < 0.05
        slot = np.floor(y / 0.17) + 31 * np.floor(z / 0.5)
        hue = np.mod(np.sin(slot * 3.7) * 91.7, 1.0), np.mod(np.sin(slot * 5.1) * 57.3, 1.0)
        goods = np.stack([70 + 90 * hue[0], 75 + 80 * hue[1], 80 + 95 * np.mod(hue[0] + hue[1], 1.0)], axis=-1)
        tall = np.mod(z, 0.5) < 0.2 + 0.24 * np.mod(np.sin(slot * 2.3) * 33.1, 1.0)
        behind = np.array([88.0, 96, 102])
        return np.where(board[:, None], np.array([170.0, 178, 182]), np.where(tall[:, None], goods, behind))

    def ceiling(x: Floats, y: Floats) -> Floats:
        grid = (np.mod(x, 1.2) < 0.03) | (np.mod(y, 1.2) < 0.04)
        panel = (np.mod(x + 0.6, 2.4) < 1.15) & (np.mod(y, 2.4) < 0.5)
        return np.where(panel[:, None], 246.0, (188 - 25 * grid)[:, None] * np.array([0.99, 1.0, 1.0]))

    indoors = rectangle(-_SIDE, _SIDE, -1, WALL_M)
    painter.surface("z", 0.0, indoors, tiles)
    painter.surface("z", _CEILING, indoors, ceiling, layer=1)
    for side in (-1.0, 1.0):
        painter.surface("x", side * _SIDE, rectangle(0, WALL_M, 0, _CEILING), plain(176, 186, 190), layer=1)
    painter.surface("x", -_SIDE + 0.45, rectangle(2.0, 7.4, 0.0, 2.1), shelf, layer=1)
    painter.surface("z", 0.002, rectangle(-1.1, 1.1, 6.9, 8.0), lambda x, y: _mat(painter, x, y))


def _mat(painter: Painter, x: Floats, y: Floats) -> Floats:
    ribs = np.mod(y, 0.08) < 0.03
    return np.asarray(np.repeat((104 - 8 * ribs + 4 * painter.grain(x, y, 9.0, 8))[:, None], 3, axis=1))


def _front(painter: Painter) -> None:
    def solid(x: Floats, z: Floats) -> Bools:
        wide = np.abs(x)
        return np.asarray(
            ((z > 2.75) | (wide > _GLASS) | ((z < 0.32) & (wide > _DOOR))) & (wide < _SIDE) & (z < _CEILING) & (z > 0)
        )

    def frame(x: Floats, z: Floats) -> Bools:
        wide = np.abs(x)
        posts = np.zeros(len(x), bool)
        for post in (_DOOR + 0.04, 2.95, _GLASS):
            posts |= np.abs(wide - post) < 0.05
        rails = (np.abs(z - 2.28) < 0.05) | (np.abs(z - 2.75) < 0.05) | ((np.abs(z - 0.34) < 0.04) & (wide > _DOOR))
        return np.asarray((posts | rails) & (wide < _GLASS + 0.05) & (z < 2.8) & (z > 0))

    def wall(x: Floats, z: Floats) -> Floats:
        sign = (np.abs(x) < 0.42) & (np.abs(z - 3.02) < 0.13)
        arrow = (np.abs(x) < 0.3) & (np.abs(z - 3.02) < 0.03)
        grey = 186 + 2 * painter.grain(x, z, 2.0, 9)
        colour = grey[:, None] * np.array([0.96, 1.0, 1.02])
        colour = np.where(sign[:, None], np.array([80.0, 140, 45]), colour)
        band = np.abs(z - 3.55) < 0.07
        colour = np.where(band[:, None], np.array([120.0, 128, 70]), colour)
        return np.where(arrow[:, None], 235.0, colour)

    painter.surface("y", WALL_M - 0.001, solid, wall, layer=1)
    painter.surface("y", WALL_M - 0.02, frame, plain(122, 118, 114), layer=1)


def _furniture(painter: Painter) -> None:
    low, high = _TABLE
    painter.box(low, high, plain(105, 140, 170), layer=2)
    for column in range(4):
        for row in range(2):
            corner = np.array([low[0] + 0.1 + 0.33 * column, low[1] + 0.1 + 0.42 * row, high[2]])
            tint = 70 + 28 * ((3 * column + 5 * row) % 4)
            painter.box(corner, corner + np.array([0.24, 0.3, 0.16 + 0.05 * ((column + row) % 3)]),
                        plain(tint, 190 - 0.5 * tint, 210 - 0.4 * tint - 25 * row), layer=2)  # fmt: skip
    low, high = _COUNTER
    painter.box(low, high, plain(120, 135, 150), layer=1)
    till = np.array([4.4, 4.0, 1.02])
    painter.box(till, till + np.array([0.35, 0.4, 0.14]), plain(60, 60, 62), layer=1)
    painter.surface("y", 4.1, rectangle(4.42, 4.74, 1.16, 1.44), plain(40, 42, 45), layer=1)


def _visit(rng: np.random.Generator, start_s: float, floor: _Floor, queue: _Queue) -> Path:
    """Somebody comes in from the street, looks round, perhaps buys, and leaves."""
    pace = float(rng.normal(1.2, 0.12))
    lane, side = float(rng.uniform(9.4, 10.8)), float(rng.choice((-1.0, 1.0)))
    door = float(rng.uniform(*_INWARD))
    stops = [Stop(9.5 * side, lane, pace), Stop(door + 1.2 * side, 9.6, pace), Stop(door, 8.6, pace)]
    stops += [Stop(door, 6.7, pace)]
    for _ in range(int(rng.integers(1, 4))):
        stops += floor.browse(rng, start_s, stops, pace)
    if rng.random() < 0.45:
        stops += queue.join(rng, start_s, stops, pace)
        stops += [Stop(2.3, 4.3, pace), Stop(1.5, 5.6, pace)]
    exit_side, out = float(rng.choice((-1.0, 1.0))), float(rng.uniform(*_OUTWARD))
    stops += [*_round_table(stops[-1], (out, 6.7), pace), Stop(out, 6.7, pace), Stop(out, 8.7, pace)]
    stops += [Stop(out + 1.2 * exit_side, 9.7, pace), Stop(9.5 * exit_side, float(rng.uniform(9.6, 10.8)), pace)]
    return Path(start_s, stops)


def _round_table(start: Stop, end: tuple[float, float], pace: float) -> list[Stop]:
    """A way point that keeps a straight leg out of the table, where one is needed."""
    (left, near, _), (right, far, _) = _TABLE[0].tolist(), _TABLE[1].tolist()
    for share in np.linspace(0, 1, 25).tolist():
        x, y = start.x + share * (end[0] - start.x), start.y + share * (end[1] - start.y)
        if left - 0.35 < x < right + 0.35 and near - 0.35 < y < far + 0.35:
            high = start.y + end[1] > near + far
            wide = start.x + end[0] > left + right
            return [Stop(right + 0.6 if wide else left - 0.6, far + 0.6 if high else near - 0.6, pace)]
    return []


class _Floor:
    """The places where people stand and look at things, one person each."""

    def __init__(self) -> None:
        self._taken: list[tuple[int, float, float]] = []

    def browse(self, rng: np.random.Generator, start_s: float, stops: list[Stop], pace: float) -> list[Stop]:
        """Way points to a free place and a while there; nothing when none is free."""
        arrival = Path(start_s, [*stops, Stop(*_SPOTS[0], pace)]).end_s
        stay, face = float(rng.uniform(4.0, 12.0)), float(rng.uniform(-180, 180))
        until = arrival + stay
        busy = {spot for spot, since, end in self._taken if since < until + 3.0 and end > arrival - 3.0}
        choice, dx, dy = int(rng.integers(len(_SPOTS))), float(rng.normal(0, 0.12)), float(rng.normal(0, 0.12))
        free = [spot for spot in range(len(_SPOTS)) if spot not in busy]
        if not free:
            return []
        spot = free[choice % len(free)]
        self._taken.append((spot, arrival, until))
        x, y = _SPOTS[spot][0] + dx, _SPOTS[spot][1] + dy
        return [*_round_table(stops[-1], (x, y), pace), Stop(x, y, pace, stay, face)]


class _Queue:
    """The line at the counter: who comes first is served first, and everybody moves up."""

    def __init__(self) -> None:
        self._leaving: list[float] = []

    def join(self, rng: np.random.Generator, start_s: float, stops: list[Stop], pace: float) -> list[Stop]:
        """Way points from joining to being served; nothing when the line is full."""
        arrival = Path(start_s, [*stops, Stop(2.4, 6.6, pace)]).end_s
        ahead = sorted(left for left in self._leaving if left > arrival)
        if len(ahead) >= len(_QUEUE):
            return []
        way = [Stop(2.4, 6.6, pace)]
        now = arrival
        for place in range(len(ahead), -1, -1):
            x, y = _QUEUE[place]
            walk = 1.4 if place == len(ahead) else 1.0
            until = ahead[len(ahead) - place] + 0.6 if place > 0 else now + walk + float(rng.uniform(*_SERVICE_S))
            way.append(Stop(x, y, 0.9, max(until - now - walk, 0.4), 100.0 if place == 0 else 175.0))
            now = max(until, now + walk + 0.4)
        self._leaving = [*ahead, now]
        return way


def _through(rng: np.random.Generator, start_s: float) -> Path:
    """In and on into the back of the shop under the camera, or the other way."""
    pace, inward, side = float(rng.normal(1.25, 0.12)), bool(rng.random() < 0.5), float(rng.choice((-1.0, 1.0)))
    door = float(rng.uniform(*(_INWARD if inward else _OUTWARD)))
    street = [Stop(9.5 * side, float(rng.uniform(9.4, 10.8)), pace), Stop(door + 1.2 * side, 9.6, pace)]
    way = [*street, Stop(door, 8.6, pace), Stop(door, 6.7, pace), Stop(float(rng.uniform(-0.6, 1.8)), 1.0, pace)]
    return Path(start_s, way if inward else way[::-1])


def _passing(rng: np.random.Generator, start_s: float) -> Path:
    """Along the pavement, perhaps with a look through the door; never in."""
    pace, lane, side = float(rng.normal(1.35, 0.15)), float(rng.uniform(9.3, 11.4)), float(rng.choice((-1.0, 1.0)))
    way = [Stop(-9.5 * side, lane, pace)]
    if rng.random() < 0.25:
        way.append(Stop(float(rng.uniform(-0.5, 0.5)), 9.3, pace, float(rng.uniform(1.5, 4.0)), 180.0))
    return Path(start_s, [*way, Stop(9.5 * side, lane, pace)])


def _cast(seed: int, people: int, until_s: float) -> list[Actor]:
    actors: list[Actor] = []
    rng, floor, queue = np.random.default_rng([seed, 11]), _Floor(), _Queue()
    start = -_WARM_UP_S
    while people > 0:
        start += _LEAST_GAP_S + float(rng.exponential(max(0.1, _MEAN_STAY_S / people - _LEAST_GAP_S)))
        if start >= until_s:
            break
        own = np.random.default_rng([seed, 12, len(actors) + 1])
        chance = own.random()
        if chance < 0.55:
            path = _visit(own, start, floor, queue)
        else:
            path = _through(own, start) if chance < 0.8 else _passing(own, start)
        actors.append(Person(len(actors) + 1, path, own))
    return actors


def _in_or_out(rng: np.random.Generator, *, inward: bool) -> Path:
    side, door = float(rng.choice((-1.0, 1.0))), float(rng.uniform(*(_INWARD if inward else _OUTWARD)))
    way = [Stop(9.5 * side, 10.0), Stop(door + 1.2 * side, 9.6), Stop(door, 8.6), Stop(door, 6.7), Stop(door, 1.0)]
    return Path(0.0, way if inward else way[::-1])


def _glimpse(reach: float) -> Path:
    """From under the camera into the picture and back at once."""
    return Path(0.0, [Stop(0.8, 0.6, 1.6), Stop(0.8, 1.6 + 4.0 * reach, 1.6), Stop(0.8, 0.6, 1.6)])


_ACTS: Final = {
    "enter": Act(lambda number, rng, _: Person(number, _in_or_out(rng, inward=True), rng)),
    "leave": Act(lambda number, rng, _: Person(number, _in_or_out(rng, inward=False), rng)),
    "pass": Act(lambda number, rng, _: Person(number, _passing(rng, 0.0), rng)),
    "glimpse": Act(lambda number, rng, reach: Person(number, _glimpse(reach), rng), reaches=True),
}


def _rules(scene: Scene, view: View) -> list[dict[str, object]]:
    door, zone = scene.lines[0], scene.zones[0]
    queue = [list(p) for p in view.relative(zone.ground)]
    return [
        {"id": door.id, "type": "line_crossing", "line": [list(p) for p in view.relative(door.ground)],
         "labels": ["person"], "names": {"forward": door.forward, "backward": door.backward}},
        {"id": zone.id, "type": "region", "zone": queue, "labels": ["person"]},
        {"id": "waiting", "type": "loitering", "zone": queue, "labels": ["person"], "dwell_s": 10},
        {"id": "queue-time", "type": "dwell", "zone": queue, "labels": ["person"]},
        {"id": "heat", "type": "heat_map", "labels": ["person"]},
    ]  # fmt: skip


SCENE: Final = Scene(
    name="shop-entrance",
    summary="inside a shop, looking at its door: people come and go, look round and queue",
    camera=Camera(height_m=3.7, tilt_deg=25.0, focal=0.97),
    people=5,
    lines=(LineMark("door", ((-1.5, 7.35), (1.5, 7.35)), ("person",), "in", "out"),),
    zones=(ZoneMark("queue", ((2.9, 3.3), (4.0, 3.3), (3.95, 6.95), (2.75, 6.95)), ("person",)),),
    light=_light,
    paint=_paint,
    cast=_cast,
    acts=_ACTS,
    rules=_rules,
)
