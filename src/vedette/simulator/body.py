"""An articulated human figure as balls in space; body parts are the hulls of a few balls each.

The same balls give the drawing and the true box, so the two cannot disagree. Proportions follow the usual segment
lengths of anthropometry (Drillis and Contini 1966), as fractions of the stature.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi
from typing import Final, Protocol

import numpy as np

from vedette.model.detections import Floats
from vedette.simulator.looks import Colour, Look
from vedette.simulator.paths import Path

_HEEL: Final = 3
_LEG: Final = 6
"""Where the heel stands among the balls of a leg, and how many balls a leg has."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the figure: hulls of balls that are shaded as one, and a bias in metres that moves it nearer."""

    hulls: tuple[tuple[int, ...], ...]
    colour: Colour
    bias: float = 0.0
    plain: bool = False

    @property
    def balls(self) -> tuple[int, ...]:
        """Every ball of it."""
        return tuple(ball for hull in self.hulls for ball in hull)


@dataclass(frozen=True, slots=True)
class _Gait:
    """Where in the walking cycle the body is: angle, limb swing, sway to the side, lean ahead, and its breadth."""

    phase: Floats
    swing: Floats
    sway: Floats
    lean: Floats
    build: float


class _Add(Protocol):
    def __call__(
        self, name: str, radius: float, right: Floats | float, forward: Floats | float, up: Floats | float
    ) -> None: ...


class _AddPart(Protocol):
    def __call__(self, colour: Colour, *hulls: str, bias: float = 0.0, plain: bool = False) -> None: ...


class Figure:
    """One person: balls over time and the parts they span."""

    def __init__(self, look: Look, path: Path) -> None:
        self.look = look
        self.path = path
        self._names: list[str] = []
        self._radii: list[float] = []
        self._at(np.array([path.start_s]))
        self._index = {name: i for i, name in enumerate(self._names)}
        parts = self._parts()
        # Balls that no part uses (the bag of somebody without one) must not widen the box.
        self._used = sorted({ball for part in parts for ball in part.balls})
        place = {ball: i for i, ball in enumerate(self._used)}
        self.parts = tuple(
            replace(part, hulls=tuple(tuple(place[ball] for ball in hull) for hull in part.hulls)) for part in parts
        )
        self.radii = np.array(self._radii)[self._used] * look.stature_m

    def balls(self, t: Floats) -> Floats:
        """(n, balls, 3) centres in world metres at times (n,)."""
        local = self._at(t)[:, self._used] * self.look.stature_m
        heading = self.path.heading(t)[:, None]
        ground = self.path.position(t)
        right, forward = local[..., 0], local[..., 1]
        x = ground[:, 0:1] + right * np.cos(heading) + forward * np.sin(heading)
        y = ground[:, 1:2] - right * np.sin(heading) + forward * np.cos(heading)
        return np.stack([x, y, local[..., 2]], axis=-1)

    def _at(self, t: Floats) -> Floats:
        """(n, balls, 3) right, forward, up in statures."""
        self._names, self._radii = [], []
        rows: list[Floats] = []
        build = self.look.build
        phase = 2 * pi * (self.path.steps(t) / self.look.stature_m + self.look.phase)
        swing = self.path.swing(t)
        still = 1 - np.minimum(swing, 1)
        sway = 0.008 * still * np.sin(2 * pi * (0.21 + 0.1 * self.look.phase) * t + 9 * self.look.phase)

        def add(name: str, radius: float, right: Floats | float, forward: Floats | float, up: Floats | float) -> None:
            self._names.append(name)
            self._radii.append(radius)
            rows.append(np.stack(np.broadcast_arrays(right + 0 * t, forward + 0 * t, up + 0 * t), axis=-1))

        self._legs(add, phase, swing, build)
        lift = np.minimum(*(rows[i][:, 2] - self._radii[i] for i in (_HEEL, _HEEL + _LEG)))
        lift = np.minimum(lift, np.minimum(*(rows[i][:, 2] - self._radii[i] for i in (_HEEL + 1, _HEEL + 1 + _LEG))))
        gait = _Gait(phase, swing, sway, 0.02 * swing, build)
        self._trunk(add, gait)
        self._arms(add, gait)
        self._head(add, gait, still * 0.5 * np.sin(2 * pi * 0.13 * t + 7 * self.look.phase))
        body = np.stack(rows, axis=1)
        body[..., 2] -= lift[:, None]
        return body

    def _legs(self, add: _Add, phase: Floats, swing: Floats, build: float) -> None:
        for side, shift in ((-1.0, 0.0), (1.0, pi)):
            turn = phase + shift
            thigh = swing * 0.44 * np.sin(turn) + 0.03 * swing
            knee = swing * (0.1 + 0.85 * np.maximum(0, np.cos(turn - 0.25)) ** 2) + 0.03
            hip_x = side * 0.052 * build
            knee_y, knee_z = 0.245 * np.sin(thigh), 0.53 - 0.245 * np.cos(thigh)
            shin = thigh - knee
            ankle_y, ankle_z = knee_y + 0.235 * np.sin(shin), knee_z - 0.235 * np.cos(shin)
            foot = np.clip(shin * 0.7, -0.7, 0.45)
            add(f"hip{side:+.0f}", 0.058 * build, hip_x, 0, 0.515)
            add(f"knee{side:+.0f}", 0.036 * build, hip_x * 0.9, knee_y, knee_z)
            add(f"ankle{side:+.0f}", 0.024, hip_x * 0.85, ankle_y, ankle_z)
            add(f"heel{side:+.0f}", 0.02, hip_x * 0.85, ankle_y - 0.012, ankle_z - 0.025)
            toe_y, toe_z = 0.095 * np.cos(foot), 0.095 * np.sin(foot)
            add(f"toe{side:+.0f}", 0.017, hip_x * 1.1, ankle_y + toe_y, ankle_z - 0.028 + toe_z)
            add(f"calf{side:+.0f}", 0.031 * build, hip_x * 0.88, knee_y * 0.65 + ankle_y * 0.35 - 0.006,
                knee_z * 0.65 + ankle_z * 0.35)  # fmt: skip

    def _trunk(self, add: _Add, gait: _Gait) -> None:
        phase, swing, sway, lean, build = gait.phase, gait.swing, gait.sway, gait.lean, gait.build
        twist = 0.016 * swing * np.sin(phase)
        for side in (-1.0, 1.0):
            add(f"pelvis{side:+.0f}", 0.062 * build, side * 0.045 * build, -0.008, 0.54)
            add(f"waist{side:+.0f}", 0.056 * build, side * 0.036 * build + sway * 0.5, 0.3 * lean, 0.62)
            add(f"chest{side:+.0f}", 0.062 * build, side * 0.058 * build + sway, 0.8 * lean - side * twist, 0.73)
            add(f"shoulder{side:+.0f}", 0.042, side * 0.092 * build + sway, lean - side * twist, 0.805)
        add("collar", 0.038, sway, lean, 0.835)
        add("neck", 0.032, sway, lean + 0.006, 0.865)
        for side in (-1.0, 1.0):
            add(f"hem{side:+.0f}", 0.066 * build, side * 0.055 * build, 0.01 * np.sin(phase) * side * swing, 0.42)
            spread = 0.05 * swing * np.sin(phase + (0 if side < 0 else pi))
            add(f"skirt{side:+.0f}", 0.058 * build, side * 0.055 * build, spread, 0.32)
            add(f"pack{side:+.0f}", 0.05, side * 0.05 + sway, -0.115, 0.76)
            add(f"packlow{side:+.0f}", 0.055, side * 0.05 + sway, -0.12, 0.64)

    def _arms(self, add: _Add, gait: _Gait) -> None:
        phase, swing, sway, lean, build = gait.phase, gait.swing, gait.sway, gait.lean, gait.build
        for side, shift in ((-1.0, pi), (1.0, 0.0)):
            upper = swing * 0.42 * np.sin(phase + shift) - 0.03
            bend = 0.16 + 0.3 * swing + 0.25 * swing * np.maximum(0, np.sin(phase + shift))
            x = side * 0.112 * build + sway
            elbow_y, elbow_z = lean + 0.175 * np.sin(upper), 0.8 - 0.175 * np.cos(upper)
            lower = upper + bend
            hand_y, hand_z = elbow_y + 0.15 * np.sin(lower), elbow_z - 0.15 * np.cos(lower)
            add(f"arm{side:+.0f}", 0.035 * build, x, lean, 0.795)
            add(f"elbow{side:+.0f}", 0.027 * build, x + side * 0.018, elbow_y, elbow_z)
            add(f"wrist{side:+.0f}", 0.02, x + side * 0.016, hand_y, hand_z)
            fist_y, fist_z = hand_y + 0.035 * np.sin(lower), hand_z - 0.035 * np.cos(lower)
            add(f"fist{side:+.0f}", 0.021, x + side * 0.012, fist_y, fist_z)
        for end, up in ((-1.0, 0.05), (1.0, 0.17)):
            for forth in (-0.055, 0.055):
                add(f"bag{end:+.0f}{forth:+.3f}", 0.014, x + 0.012, fist_y + forth, fist_z - 0.22 + up)

    def _head(self, add: _Add, gait: _Gait, look: Floats) -> None:
        sway, lean = gait.sway, 1.6 * gait.lean
        ahead_x, ahead_y = np.sin(look), np.cos(look)

        def place(name: str, radius: float, out: float, side: float, up: float) -> None:
            add(name, radius, sway + out * ahead_x + side * ahead_y, lean + out * ahead_y - side * ahead_x, up)

        place("skull", 0.058, 0.004, 0.0, 0.938)
        place("jaw", 0.040, 0.018, 0.0, 0.9)
        place("nose", 0.009, 0.066, 0.0, 0.922)
        place("eye-", 0.007, 0.055, -0.022, 0.937)
        place("eye+", 0.007, 0.055, 0.022, 0.937)
        place("hair", 0.058, -0.018, 0.0, 0.948)
        place("crown", 0.046, -0.002, 0.0, 0.963)
        place("fringe", 0.018, 0.034, 0.0, 0.983)
        place("nape", 0.045, -0.026, 0.0, 0.905)
        place("locks-", 0.036, -0.026, -0.035, 0.85)
        place("locks+", 0.036, -0.026, 0.035, 0.85)
        place("peak", 0.012, 0.085, 0.0, 0.965)

    def _parts(self) -> tuple[Part, ...]:
        look = self.look
        parts: list[Part] = []

        def part(colour: Colour, *hulls: str, bias: float = 0.0, plain: bool = False) -> None:
            named = tuple(tuple(self._index[name] for name in hull.split()) for hull in hulls)
            parts.append(Part(named, colour, bias, plain))

        for s in ("-1", "+1"):
            leg = (f"hip{s} knee{s}", f"knee{s} calf{s}", f"calf{s} ankle{s}")
            if look.legs == "trousers":
                part(look.bottom, *leg)
            else:
                part(look.skin, *leg[1:])
                part(look.bottom, leg[0], bias=0.01)
            part(look.shoes, f"heel{s} toe{s}")
            arm = (f"arm{s} elbow{s}", f"elbow{s} wrist{s}")
            if look.jacket == "shirt":
                part(look.skin, arm[1])
                part(look.top, arm[0], bias=0.01)
            else:
                part(look.top, *arm)
            part(look.skin, f"wrist{s} fist{s}")
        part(look.bottom, "pelvis-1 pelvis+1 waist-1 waist+1", bias=0.01)
        self._trunk_parts(part)
        self._head_parts(part)
        if look.bag == "backpack":
            part(look.bag_colour, "pack-1 pack+1 packlow-1 packlow+1")
        if look.bag == "shopping":
            part(look.bag_colour, "bag-1-0.055 bag-1+0.055 bag+1-0.055 bag+1+0.055")
        return tuple(parts)

    def _trunk_parts(self, part: _AddPart) -> None:
        look = self.look
        trunk = ["waist-1 waist+1 chest-1 chest+1", "chest-1 chest+1 shoulder-1 shoulder+1 collar"]
        if look.jacket == "coat":
            trunk.append("waist-1 waist+1 hem-1 hem+1")
        elif look.jacket == "sleeves":
            trunk.append("waist-1 waist+1 pelvis-1 pelvis+1")
        part(look.top, *trunk, bias=0.04)
        if look.legs == "skirt":
            part(look.bottom, "pelvis-1 pelvis+1 skirt-1 skirt+1", bias=0.03)

    def _head_parts(self, part: _AddPart) -> None:
        look = self.look
        part(look.skin, "collar neck", "neck jaw", bias=0.02)
        part(look.skin, "skull jaw")
        part(_darker(look.skin, 0.88), "nose", plain=True)
        part(_darker(look.skin, 0.4), "eye-", plain=True)
        part(_darker(look.skin, 0.4), "eye+", plain=True)
        crown = look.bag_colour if look.hair_style == "cap" else look.hair
        if look.hair_style == "long":
            part(look.hair, "hair locks- locks+", bias=-0.01)
        if look.hair_style != "bald":
            part(look.hair, "hair nape", bias=0.015)
            part(crown, "hair crown", bias=0.015)
            part(crown, "crown fringe", bias=0.09)
        if look.hair_style == "cap":
            part(crown, "fringe peak", bias=0.02)


def _darker(colour: Colour, by: float) -> Colour:
    return colour[0] * by, colour[1] * by, colour[2] * by
