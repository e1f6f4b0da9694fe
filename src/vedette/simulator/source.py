"""`sim:` addresses: a drawn scene as a source of video, without a file in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from vedette.model.errors import ConfigError, SourceError, UsageError
from vedette.model.media import Frame, Packet, StreamInfo
from vedette.model.spec import STRICT, Spec
from vedette.model.time import NS_PER_S, Instant
from vedette.simulator.backdrop import Light
from vedette.simulator.live import LiveSimStream
from vedette.simulator.scene import Scene
from vedette.simulator.settings import Settings, Stage, find_scene, parse_size, set_stage
from vedette.video.encoding import PictureEncoder

EPOCH_UTC_NS: Final = 1_767_225_600 * NS_PER_S
"""2026-01-01T00:00:00Z, when every simulated scene begins."""
_NUMBERS: Final = {"seed": int, "seconds": float, "fps": float, "people": int, "noise": float, "gop_s": float}
_TEXTS: Final = ("size", "light")
_YES_NO: Final = {"true": True, "false": False}
_LONGEST_GOP_S: Final = 60.0
_EXAMPLE: Final = "sim:shop-entrance?seed=1&seconds=60&fps=10&size=1280x720&people=8&light=day"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimOptions:
    """Settings of a simulated scene; what the address says goes before what stands here.

    seed     who comes and what they do; the same seed gives the same video
    seconds  length
    fps      frames a second
    size     WIDTHxHEIGHT in pixels
    people   how many are in view on average; each scene has its own default
    light    `day`, `dusk` or `night`
    noise    standard deviation of the sensor's noise in grey levels; by default what suits the light
    live     a camera rather than a film: at the pace of the clock, without end, and captured now
    gop_s    seconds from keyframe to keyframe
    """

    seed: int = 1
    seconds: float = 60.0
    fps: float = 12.0
    size: str = "1280x720"
    people: int | None = None
    light: Light = "day"
    noise: float | None = None
    live: bool = False
    gop_s: float = 2.0

    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        self.settings()
        if not 0.0 < self.gop_s <= _LONGEST_GOP_S:
            raise ValueError(f"gop_s must lie between 0 and {_LONGEST_GOP_S:g}")

    def settings(self) -> Settings:
        """The same, ready to use. Raises ValueError."""
        return Settings(
            seed=self.seed, seconds=self.seconds, fps=self.fps, size=parse_size(self.size), people=self.people,
            light=self.light, noise=self.noise,
        )  # fmt: skip


class SimSource:
    """A scene that is drawn while it is read, or live in a process of its own.

    truth  where a live scene writes what truly happens, as JSON lines
    """

    def __init__(
        self,
        scene: Scene,
        settings: Settings,
        *,
        live: bool = False,
        gop_s: float = 2.0,
        truth: Path | None = None,
    ) -> None:
        self._scene, self._settings = scene, settings
        self._live, self._gop_s, self._truth = live, gop_s, truth

    def open(self) -> SimStream | LiveSimStream:
        """Paint the backdrop and call the actors. Raises SourceError."""
        if self._live:
            return LiveSimStream(self._scene, self._settings, self._gop_s, self._truth)
        try:
            return SimStream(set_stage(self._scene, self._settings), self._gop_s)
        except ValueError as error:
            raise SourceError(f"sim:{self._scene.name}: {error}") from error


class SimStream:
    """An open scene. Frames are drawn when asked for, so it is no live source."""

    def __init__(self, stage: Stage, gop_s: float = 2.0) -> None:
        self.stage = stage
        self._gop_s = gop_s
        self._used = False
        settings = stage.settings
        self._info = StreamInfo(
            name=f"sim:{stage.scene.name}", width=stage.view.width, height=stage.view.height, fps=settings.fps,
            frames=settings.frames, duration_s=settings.frames / settings.fps, codec="h264",
        )  # fmt: skip

    @property
    def info(self) -> StreamInfo:
        """What is known before the first frame."""
        return self._info

    def packets(self) -> Iterator[Packet]:
        """The scene as H.264, encoded on the fly. Raises SourceError when read a second time."""
        info = self._info
        encoder = PictureEncoder(info.name, "main", info.width, info.height, info.fps, gop_s=self._gop_s)
        for frame in self.frames():
            yield from encoder.encode(frame.image, frame.at)
        yield from encoder.flush()

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        """Pictures whose time lies in [start_s, end_s); only those are drawn. Raises SourceError when read twice."""
        if self._used:
            raise SourceError(f"{self._info.name} is being read already: open it again")
        self._used = True
        fps, count = self._info.fps, self.stage.settings.frames
        for index in range(count):
            if index / fps >= start_s:
                break
        else:
            return
        if end_s is not None:
            count = min(count, next((i for i in range(index, count) if i / fps >= end_s), count))
        for number, drawn in enumerate(self.stage.renderer.frames(fps, count, first=index), start=index):
            at_ns = round(number * NS_PER_S / fps)
            yield Frame(drawn.image, Instant(at_ns, EPOCH_UTC_NS + at_ns), number)
            if not self._used:
                return

    def close(self) -> None:
        """Stop drawing."""
        self._used = False


def build(options: SimOptions, address: str) -> SimSource:
    """The scene that `address` names, like `sim:fence-line?seed=3&light=night`.

    Raises ConfigError for a parameter that is unknown or out of range, SourceError for an unknown scene.
    """
    parts = urlsplit(address)
    name = unquote(parts.netloc or parts.path).strip("/")
    try:
        scene = find_scene(name)
    except UsageError as error:
        raise SourceError(f"{error}; write it like {_EXAMPLE}") from error
    try:
        chosen = replace(options, **_parameters(parts.query))
        return SimSource(scene, chosen.settings(), live=chosen.live, gop_s=chosen.gop_s)
    except ValueError as error:
        raise ConfigError(f"sim:{scene.name}: {error}; write it like {_EXAMPLE}") from error


def _parameters(query: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key in values:
            raise ValueError(f"{key} is given twice")
        if key in _NUMBERS:
            try:
                values[key] = _NUMBERS[key](text)
            except ValueError:
                raise ValueError(f"{key} must be a number, not '{text}'") from None
        elif key in _TEXTS:
            values[key] = text
        elif key == "live":
            if text not in _YES_NO:
                raise ValueError(f"live must be true or false, not '{text}'")
            values[key] = _YES_NO[text]
        else:
            known = ", ".join([*_NUMBERS, *_TEXTS, "live"])
            raise ValueError(f"unknown parameter '{key}': known are {known}")
    return values


SPEC: Final = Spec(
    name="sim", options=SimOptions, build=build, summary="a drawn scene with exact truth, for trying things out"
)
