"""What can be asked of a scene, and the staging of one."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Final, get_args

from vedette.model.errors import UsageError
from vedette.simulator.backdrop import Light
from vedette.simulator.projection import View
from vedette.simulator.renderer import Renderer
from vedette.simulator.scene import Actor, Scene
from vedette.simulator.scenes import SCENES
from vedette.simulator.schedule import call

LIGHTS: Final[tuple[Light, ...]] = get_args(Light)
_SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})", re.IGNORECASE)
_LEAST_PX, _MOST_PX = 64, 7680


@dataclass(frozen=True, slots=True)
class Appearance:
    """Somebody who is to come at a stated time, and nobody else.

    start_s  when they begin to show: the middle of their box enters the picture
    act      what they do, one of the scene's `acts`
    lasts_s  for how long they show; only for an act that can be longer or shorter, as `glimpse`; None: the longest
    """

    start_s: float
    act: str
    lasts_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to draw a scene. Raises ValueError where that cannot be done.

    seed     who comes, what they wear and do; the same seed gives the same video
    seconds  length
    fps      frames per second
    size     width and height in pixels
    people   mean number of people in view; None for the scene's own
    light    time of day
    noise    deviation of the sensor noise in grey levels; None for what suits the light
    events   who comes when: nobody and nothing else is there then; None for the usual coming and going
    """

    seed: int = 1
    seconds: float = 60.0
    fps: float = 12.0
    size: tuple[int, int] = (1280, 720)
    people: int | None = None
    light: Light = "day"
    noise: float | None = None
    events: tuple[Appearance, ...] | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError("seed must not be negative")
        if not 0.0 < self.seconds <= 86_400.0:
            raise ValueError("seconds must lie between 0 and 86400")
        if not 0.1 <= self.fps <= 120.0:
            raise ValueError("fps must lie between 0.1 and 120")
        if not all(_LEAST_PX <= side <= _MOST_PX for side in self.size):
            raise ValueError(f"size must lie between {_LEAST_PX}x{_LEAST_PX} and {_MOST_PX}x{_MOST_PX}")
        if self.people is not None and not 0 <= self.people <= 200:
            raise ValueError("people must lie between 0 and 200")
        if self.light not in LIGHTS:
            raise ValueError(f"light must be one of {', '.join(LIGHTS)}")
        if self.noise is not None and not 0.0 <= self.noise <= 60.0:
            raise ValueError("noise must lie between 0 and 60")

    @property
    def frames(self) -> int:
        """Number of frames, at least one."""
        return max(1, round(self.seconds * self.fps))


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from text like `1280x720`. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"size must look like 1280x720, not '{text}'")
    return int(match[1]), int(match[2])


def find_scene(name: str) -> Scene:
    """The scene called `name`. Raises UsageError with the names there are."""
    if name in SCENES:
        return SCENES[name]
    near = difflib.get_close_matches(name.lower(), list(SCENES), n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise UsageError(f"unknown scene '{name}': known are {', '.join(SCENES)}{hint}")


@dataclass(frozen=True, slots=True)
class Stage:
    """A scene with its actors in place."""

    scene: Scene
    settings: Settings
    view: View
    actors: list[Actor]
    renderer: Renderer


def set_stage(scene: Scene, settings: Settings) -> Stage:
    """Paint the backdrop and call the actors. Raises ValueError for an event the scene cannot play."""
    view = View(scene.camera, *settings.size)
    people = scene.people if settings.people is None else settings.people
    if settings.events is None:
        actors = scene.cast(settings.seed, people, settings.seconds)
    else:
        wanted = [(event.start_s, event.act, event.lasts_s) for event in settings.events]
        actors = call(scene, view, settings.seed, wanted)
    renderer = Renderer(scene, view, actors, settings.light, settings.seed, noise=settings.noise)
    return Stage(scene, settings, view, actors, renderer)
