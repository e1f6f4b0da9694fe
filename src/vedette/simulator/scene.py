"""What a scene is: a backdrop, a camera, a cast of actors, and the lines and zones that are judged in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vedette.model.detections import Floats
from vedette.simulator.backdrop import Backdrop, Illumination, Light
from vedette.simulator.paths import Path
from vedette.simulator.projection import Camera, View
from vedette.simulator.sprites import Sprite


class Actor(Protocol):
    """Somebody or something that moves: balls in space over time, and how to draw them."""

    @property
    def id(self) -> int:
        """Positive, unique in its scene, the same in every run with the same seed."""
        ...

    @property
    def label(self) -> str:
        """Its class, a word of COCO."""
        ...

    @property
    def path(self) -> Path:
        """Where it goes."""
        ...

    @property
    def radii(self) -> Floats:
        """(balls,) metres."""
        ...

    @property
    def hulls(self) -> Sequence[tuple[int, ...]]:
        """Which balls span its convex pieces, for the shadow."""
        ...

    def later(self, seconds: float, number: int) -> Actor:
        """The same so many seconds later and under another number."""
        ...

    def balls(self, t: Floats) -> Floats:
        """(n, balls, 3) centres in world metres at times (n,) seconds."""
        ...

    def draw(self, xy: Floats, scale: Floats) -> Sprite:
        """Pixels from projected balls: (balls, 2) and pixels per metre (balls,)."""
        ...

    def lamps(self, balls: Floats, heading: float) -> Sequence[tuple[int, float, tuple[float, float, float]]]:
        """Lights that shine towards the camera at night: ball, radius in metres, colour."""
        ...


@dataclass(frozen=True, slots=True)
class LineMark:
    """A named line on the ground, and what its two directions are called."""

    id: str
    ground: tuple[tuple[float, float], ...]
    labels: tuple[str, ...]
    forward: str
    backward: str


@dataclass(frozen=True, slots=True)
class ZoneMark:
    """A named zone on the ground, and the rules that are worth having over it."""

    id: str
    ground: tuple[tuple[float, float], ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lighting:
    """The light of a scene at one time of day.

    illumination  gains over the ground
    sun           metres that a shadow shifts in x and y per metre of height
    shadow        how dark shadows are, 0..1
    noise         deviation of the sensor noise in grey levels
    lamps         vehicles have their lights on
    """

    illumination: Illumination
    sun: tuple[float, float]
    shadow: float
    noise: float
    lamps: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody can be asked to do in a scene.

    make    an actor by number, chance and `reach` in 0..1: how far the actor goes into the picture
    reaches `reach` makes a difference, so how long the actor shows can be chosen
    """

    make: Callable[[int, np.random.Generator, float], Actor]
    reaches: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene that can be drawn for ever.

    people   default for the mean number of people in view
    light    the lighting of a time of day
    paint    the empty scene
    cast     actors by seed and mean number of people, all whose life begins before a time in seconds;
             a longer time adds actors and changes none
    acts     what can be asked for at stated times, by name
    rules    rules worth trying, as in a rules file, from lines and zones in 0..1 of the picture
    """

    name: str
    summary: str
    camera: Camera
    people: int
    lines: tuple[LineMark, ...]
    zones: tuple[ZoneMark, ...]
    light: Callable[[Light], Lighting]
    paint: Callable[[View, Light], Backdrop]
    cast: Callable[[int, int, float], list[Actor]]
    acts: Mapping[str, Act]
    rules: Callable[[Scene, View], list[dict[str, object]]]
