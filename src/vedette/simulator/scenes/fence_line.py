"""`fence-line`: from inside a fenced yard towards the road; some of the people on the pavement come in."""

from __future__ import annotations

from typing import Final

import numpy as np

from vedette.model.detections import Bools, Floats
from vedette.simulator.backdrop import Backdrop, Light, Painter, plain, rectangle
from vedette.simulator.paths import Path, Stop
from vedette.simulator.people import Person
from vedette.simulator.projection import Camera, View
from vedette.simulator.scene import Act, Actor, Lighting, LineMark, Scene, ZoneMark
from vedette.simulator.vehicles import BUS, CAR, TRUCK, VAN, Vehicle

FENCE_M: Final = 10.5
_GATE: Final = (1.2, 3.8)
_KERB: Final = 13.8
_ROAD_END: Final = 20.8
_LAMPS: Final = ((-6.5, 13.4), (5.5, 13.4))
_WARM_UP_S: Final = 30.0
_MEAN_STAY_S: Final = 19.0
_VEHICLE_EVERY_S: Final = 7.0


def _light(light: Light) -> Lighting:
    base = {"day": (1.0, 1.0, 1.02), "dusk": (0.62, 0.5, 0.5), "night": (0.26, 0.19, 0.17)}[light]
    strength = {"day": 0.0, "dusk": 0.25, "night": 0.72}[light]

    def illumination(x: Floats, y: Floats) -> Floats:
        pools = sum(np.exp(-(((x - lx) / 5.2) ** 2) - ((y - ly - 1.2) / 5.6) ** 2) for lx, ly in _LAMPS)
        pools = pools + 0.7 * np.exp(-(((x - 2.0) / 4.5) ** 2) - ((y - 8.0) / 3.0) ** 2)
        gains = np.array(base) + strength * np.minimum(pools, 1.15)[..., None] * np.array([0.72, 0.92, 1.0])
        return np.asarray(gains)

    return Lighting(
        illumination,
        sun=(0.75, 0.35) if light == "day" else (0.25, 0.3),
        shadow={"day": 0.5, "dusk": 0.28, "night": 0.4}[light],
        noise={"day": 2.2, "dusk": 3.2, "night": 5.0}[light],
        lamps=light != "day",
    )


def _paint(view: View, light: Light) -> Backdrop:
    painter = Painter(view, _light(light).illumination, (0, 0, 0))
    sky = {"day": ((226, 206, 186), (232, 226, 220)), "dusk": ((120, 84, 72), (110, 130, 190)),
           "night": ((34, 24, 20), (46, 36, 34))}[light]  # fmt: skip

    def heaven(x: Floats, z: Floats) -> Floats:
        high = np.clip(z / 40, 0, 1)[:, None]
        cloud = 9 * painter.grain(x, z * 2.5, 0.05, 1)[:, None] * (1 if light == "day" else 0.4)
        return np.asarray(np.array(sky[0]) * high + np.array(sky[1]) * (1 - high) + cloud)

    painter.surface("y", 90.0, rectangle(-400, 400, -1, 400), heaven, shaded=False)
    _far_side(painter, light)
    _road(painter)
    _yard(painter)
    _posts(painter, light)
    image = painter.image()
    return Backdrop(image, (painter.screen(13.4, 3, image), painter.screen(FENCE_M, 2, image)))


def _far_side(painter: Painter, light: Light) -> None:
    def house(x: Floats, z: Floats) -> Floats:
        number = np.floor((x + 60) / 9.5).astype(int)
        wall = np.array([[96, 112, 150], [150, 160, 168], [118, 128, 142], [84, 98, 128]], float)[number % 4]
        brick = np.mod(z, 0.15) < 0.02
        u, v = np.mod(x + 60, 3.15), np.mod(z - 0.6, 2.9)
        window = (u > 1.0) & (u < 2.2) & (v > 0.55) & (v < 2.05) & (z > 0.8)
        frame = (u > 0.92) & (u < 2.28) & (v > 0.45) & (v < 2.13) & (z > 0.8) & ~window
        colour = wall * (1 + 0.05 * painter.grain(x, z, 1.5, 2)[:, None]) - 10 * brick[:, None]
        colour = np.where(frame[:, None], np.array([205.0, 208, 210]), colour)
        return np.asarray(np.where(window[:, None], np.array([104.0, 92, 80]) + 10 * v[:, None], colour))

    def glow(x: Floats, z: Floats) -> Bools:
        u, v = np.mod(x + 60, 3.15), np.mod(z - 0.6, 2.9)
        cell = np.floor((x + 60) / 3.15) * 7 + np.floor((z - 0.6) / 2.9) * 13
        on = np.mod(np.sin(cell) * 43.7, 1.0) > 0.62
        return np.asarray((u > 1.0) & (u < 2.2) & (v > 0.55) & (v < 2.05) & (z > 0.8) & (z < 6.4) & on)

    def hedge(x: Floats, z: Floats) -> Bools:
        return np.asarray((z > -0.1) & (z < 0.75 + 0.06 * painter.grain(x, 0 * x, 1.5, 4)))

    def leaves(x: Floats, z: Floats) -> Floats:
        tone = 1 + 0.22 * painter.grain(x, z, 5.0, 5) + 0.12 * painter.grain(x, z, 1.0, 6)
        return np.asarray(tone[:, None] * np.array([44.0, 92, 66]))

    painter.surface("y", 25.0, rectangle(-80, 80, -1, 6.8), house)
    if light != "day":
        painter.surface("y", 24.99, glow, plain(90, 170, 215), shaded=False)
    painter.surface("y", 23.2, hedge, leaves)


def _road(painter: Painter) -> None:
    def paving(x: Floats, y: Floats) -> Floats:
        seam = (np.mod(x, 0.6) < 0.025) | (np.mod(y, 0.4) < 0.03)
        return np.asarray((150 + 7 * painter.grain(x, y, 3.0, 7) - 24 * seam)[:, None] * np.array([0.97, 1.0, 1.02]))

    def asphalt(x: Floats, y: Floats) -> Floats:
        worn = 5 * np.cos((y - _KERB) * 2 * np.pi / 1.75)
        grey = 88 + 4 * painter.grain(x, y, 16.0, 8) + 3 * painter.grain(x, y, 0.4, 9) + worn
        middle = (np.abs(y - 17.3) < 0.07) & (np.mod(x, 4.5) < 2.6)
        return np.asarray(np.where(middle[:, None], 205.0, grey[:, None] * np.array([1.03, 1.0, 0.98])))

    painter.surface("z", 0.0, rectangle(-90, 90, FENCE_M, 90), paving)
    painter.surface("z", -0.1, rectangle(-90, 90, _KERB + 0.3, _ROAD_END), asphalt)
    painter.surface("z", 0.001, rectangle(-90, 90, _KERB + 0.12, _ROAD_END + 0.1), asphalt)
    painter.surface("z", 0.002, rectangle(-90, 90, _KERB, _KERB + 0.14), plain(176, 178, 180))
    painter.surface("z", 0.002, rectangle(-90, 90, _ROAD_END, _ROAD_END + 0.16), plain(170, 172, 174))


def _yard(painter: Painter) -> None:
    def grass(x: Floats, y: Floats) -> Floats:
        tone = 1 + 0.09 * painter.grain(x, y, 22.0, 10) + 0.07 * painter.grain(x, y, 0.6, 11)
        return np.asarray(tone[:, None] * np.array([62.0, 116, 92]))

    def gravel(x: Floats, y: Floats) -> Floats:
        tone = 1 + 0.07 * painter.grain(x, y, 26.0, 12) + 0.04 * painter.grain(x, y, 0.8, 13)
        return np.asarray(tone[:, None] * np.array([132.0, 146, 156]))

    def drive(x: Floats, y: Floats) -> Bools:
        edge = 0.07 * np.sin(1.7 * y + 0.8 * np.sin(2.3 * y))
        return np.asarray((x > _GATE[0] - 0.1 + edge) & (x < _GATE[1] + 0.1 + edge) & (y < FENCE_M + 0.3) & (y > 0))

    painter.surface("z", 0.0, rectangle(-90, 90, 0.5, FENCE_M), grass)
    painter.surface("z", 0.003, drive, gravel)


def _posts(painter: Painter, light: Light) -> None:
    def fence(x: Floats, z: Floats) -> Bools:
        closed = (x < _GATE[0]) | (x > _GATE[1])
        post = np.abs(np.mod(x - _GATE[0] + 1.25, 2.5) - 1.25) < 0.045
        rail = (np.abs(z - 1.18) < 0.022) | (np.abs(z - 0.12) < 0.018)
        mesh = (np.mod(x, 0.16) < 0.011) | (np.mod(z, 0.2) < 0.009)
        return np.asarray(closed & (z > 0) & (((z < 1.25) & post) | ((z < 1.2) & (rail | mesh))))

    def gate(x: Floats, z: Floats) -> Bools:
        near = np.minimum(np.abs(x - _GATE[0]), np.abs(x - _GATE[1]))
        return np.asarray((near < 0.08) & (z > 0) & (z < 1.5))

    def lamp(x: Floats, z: Floats) -> Bools:
        near = np.min([np.abs(x - lx) for lx, _ in _LAMPS], axis=0)
        return np.asarray((near < 0.06) & (z > 0) & (z < 9.0))

    painter.surface("y", 13.4, lamp, plain(92, 94, 92), layer=3)
    painter.surface("y", FENCE_M, fence, plain(86, 98, 84), layer=2)
    painter.surface("y", FENCE_M - 0.01, gate, plain(70, 78, 74), layer=2)
    if light != "day":
        for lx, _ in _LAMPS:
            painter.surface("y", 13.39, rectangle(lx - 0.3, lx + 0.3, 6.4, 6.6), plain(200, 235, 255), shaded=False)


def _walker(rng: np.random.Generator, start_s: float) -> Path:
    """Along the near or the far pavement."""
    side = float(rng.choice((-1.0, 1.0)))
    far = rng.random() < 0.25
    lane = float(rng.uniform(21.4, 22.6)) if far else float(rng.uniform(11.7, 13.2))
    pace = float(rng.normal(1.35, 0.15)) if rng.random() < 0.85 else float(rng.normal(2.6, 0.2))
    edge = 19.0 if far else 12.5
    way = [Stop(-edge * side, lane, pace)]
    if not far and rng.random() < 0.2:
        way.append(Stop(float(rng.uniform(-5, 5)), lane, pace, float(rng.uniform(3, 8)), float(rng.uniform(90, 270))))
    return Path(start_s, [*way, Stop(edge * side, lane + float(rng.normal(0, 0.2)), pace)])


def _intruder(rng: np.random.Generator, start_s: float) -> Path:
    """In through the open gate, about the yard, and away: on under the camera, or out again."""
    side, pace = float(rng.choice((-1.0, 1.0))), float(rng.normal(1.2, 0.12))
    lane, gate = float(rng.uniform(11.8, 12.8)), float(rng.uniform(1.8, 3.2))
    way = [Stop(-12.5 * side, lane, pace), Stop(gate - 1.0 * side, lane, pace), Stop(gate, 11.5, pace)]
    inside = [Stop(gate + float(rng.uniform(-0.3, 0.3)), 9.3, pace)]
    for _ in range(int(rng.integers(1, 3))):
        x, y = float(rng.uniform(-4.0, 4.5)), float(rng.uniform(7.8, 9.3))
        inside.append(Stop(x, y, pace, float(rng.uniform(1.0, 5.0)), float(rng.uniform(-180, 180))))
    way += inside
    if rng.random() < 0.5:
        out = float(rng.uniform(1.8, 3.2))
        way += [Stop(out, 9.3, pace), Stop(out, 11.6, 1.3 * pace), Stop(out + side, lane, pace)]
        way.append(Stop(12.5 * side, lane, pace))
    else:
        way.append(Stop(float(rng.uniform(-5, 5)), 3.0, pace))
    return Path(start_s, way)


def _traffic(seed: int, first: int, until_s: float) -> list[Actor]:
    """Both lanes, on the right; nobody overtakes, so a lane has one pace with little between them."""
    vehicles: list[Actor] = []
    for lane, (y, ahead) in enumerate(((15.6, 1.0), (19.0, -1.0))):
        rng = np.random.default_rng([seed, 21, lane])
        start, count = -_WARM_UP_S, 0
        while True:
            start += 3.2 + float(rng.exponential(2 * _VEHICLE_EVERY_S - 3.2))
            if start >= until_s:
                break
            kind = (CAR, VAN, TRUCK, BUS)[int(rng.choice(4, p=(0.74, 0.08, 0.08, 0.1)))]
            speed = float(rng.normal(9.0, 0.35))
            path = Path(start, [Stop(-30 * ahead, y, speed), Stop(30 * ahead, y, speed)])
            vehicles.append(Vehicle(first + 2 * count + lane, kind, path, rng))
            count += 1
    return vehicles


def _cast(seed: int, people: int, until_s: float) -> list[Actor]:
    actors: list[Actor] = []
    rng = np.random.default_rng([seed, 22])
    start = -_WARM_UP_S
    while people > 0:
        start += float(rng.exponential(_MEAN_STAY_S / people))
        if start >= until_s:
            break
        own = np.random.default_rng([seed, 23, len(actors) + 1])
        path = _intruder(own, start) if own.random() < 0.3 else _walker(own, start)
        actors.append(Person(len(actors) + 1, path, own))
    return actors + _traffic(seed, 100_001, until_s)


def _glimpse(reach: float) -> Path:
    """From the side into the yard and back at once."""
    return Path(0.0, [Stop(-10.0, 9.0, 2.2), Stop(-7.6 + 6.0 * reach, 9.0, 2.2), Stop(-10.0, 9.0, 2.2)])


def _drive(number: int, rng: np.random.Generator) -> Vehicle:
    return Vehicle(number, CAR, Path(0.0, [Stop(-30.0, 15.6, 9.0), Stop(30.0, 15.6, 9.0)]), rng)


_ACTS: Final = {
    "intrude": Act(lambda number, rng, _: Person(number, _intruder(rng, 0.0), rng)),
    "walk": Act(lambda number, rng, _: Person(number, _walker(rng, 0.0), rng)),
    "glimpse": Act(lambda number, rng, reach: Person(number, _glimpse(reach), rng), reaches=True),
    "drive": Act(lambda number, rng, _: _drive(number, rng)),
}


def _rules(scene: Scene, view: View) -> list[dict[str, object]]:
    yard = [list(p) for p in view.relative(scene.zones[0].ground)]
    lines: list[dict[str, object]] = [
        {"id": mark.id, "type": "line_crossing", "line": [list(p) for p in view.relative(mark.ground)],
         "labels": list(mark.labels), "names": {"forward": mark.forward, "backward": mark.backward}}
        for mark in scene.lines
    ]  # fmt: skip
    return [
        *lines,
        {"id": "yard", "type": "intrusion", "zone": yard, "labels": ["person"]},
        {"id": "heat", "type": "heat_map", "labels": ["person"]},
    ]


SCENE: Final = Scene(
    name="fence-line",
    summary="a yard with a fence beside a road: traffic, people on the pavement, and some who come in",
    camera=Camera(height_m=5.2, tilt_deg=16.5, focal=1.36),
    people=4,
    lines=(
        LineMark("fence", ((-7.1, FENCE_M), (7.1, FENCE_M)), ("person",), "in", "out"),
        LineMark("road", ((0.0, 21.2), (0.0, 12.8)), ("vehicle",), "west", "east"),
    ),
    zones=(ZoneMark("yard", ((-6.8, 10.1), (6.8, 10.1), (5.3, 7.6), (-5.3, 7.6)), ("person",)),),
    light=_light,
    paint=_paint,
    cast=_cast,
    acts=_ACTS,
    rules=_rules,
)
