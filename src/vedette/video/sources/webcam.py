"""Cameras plugged into this machine, by Video4Linux."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import av

from vedette.model.errors import SourceError, UsageError
from vedette.model.ports import Clock
from vedette.model.spec import STRICT, Spec
from vedette.video.probe import shown
from vedette.video.sources.live import LiveStream

DEVICES: Final = Path("/dev")
_ADDRESS: Final = re.compile(
    r"(?:webcam:)?(?://)?(?P<number>[0-9]{1,3})|(?:webcam:)?(?://)?/dev/(?P<name>video[0-9]{1,3})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebcamOptions:
    """Settings of a webcam. What is left out, the camera chooses.

    width, height  size of the picture in pixels, both or none
    fps            frames per second
    encoding       how the camera sends pictures, as FFmpeg calls it (`mjpeg`, `yuyv422`, `h264`)
    stall_s        seconds without a picture after which the camera counts as lost
    """

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    encoding: str | None = None
    stall_s: float = 10.0

    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height: give both or none")
        for name, value, most in (
            ("width", self.width, 16384),
            ("height", self.height, 16384),
            ("fps", self.fps, 240),
            ("stall_s", self.stall_s, 300),
        ):
            if value is not None and not 0 < value <= most:
                raise ValueError(f"{name}: {value:g} is not between 0 and {most}")
        if self.encoding is not None and not re.fullmatch(r"[a-z0-9_]{1,20}", self.encoding):
            raise ValueError(f"encoding: '{self.encoding}' is not a name like mjpeg or yuyv422")

    def demuxer(self) -> dict[str, str]:
        """The settings in FFmpeg's words."""
        words: dict[str, str] = {}
        if self.width is not None:
            words["video_size"] = f"{self.width}x{self.height}"
        if self.fps is not None:
            words["framerate"] = f"{self.fps:g}"
        if self.encoding is not None:
            words["input_format"] = self.encoding
        return words


class WebcamSource:
    """A camera of this machine. Raises UsageError when `address` names none.

    devices  folder of the device files
    """

    def __init__(
        self,
        address: str,
        options: WebcamOptions,
        clock: Clock,
        devices: Path = DEVICES,
    ) -> None:
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise UsageError(f"{shown(address)} names no webcam: write webcam:0, or /dev/video0")
        self._path = devices / (match["name"] or f"video{int(match['number'])}")
        self._devices = devices
        self._options = options
        self._clock = clock

    def open(self) -> LiveStream:
        """Switch the camera on. Raises SourceError."""
        name = str(self._path)
        if not self._path.exists():
            raise SourceError(f"{name} does not exist: {self._present()}")
        try:
            container = av.open(name, format="v4l2", container_options=self._options.demuxer())
        except av.error.PermissionError:
            raise SourceError(f"{name} may not be used: add this user to the group 'video'") from None
        except av.FFmpegError as error:
            raise SourceError(f"{name} {self._why(error)}") from None
        if not container.streams.video:
            container.close()
            raise SourceError(f"{name} gives no picture: {self._present()}")
        return LiveStream(container, name, self._options.stall_s, self._clock)

    def _why(self, error: av.FFmpegError) -> str:
        if isinstance(error, av.error.BlockingIOError) or error.strerror == "Device or resource busy":
            return "is in use: close the other program that shows it"
        if self._options.demuxer():
            return f"cannot be opened ({error.strerror}): leave out size, fps and encoding, it may not offer these"
        return f"is no camera that can be read ({error.strerror}): {self._present()}"

    def _present(self) -> str:
        found = sorted(str(path) for path in self._devices.glob("video*"))
        return f"there is {', '.join(found)}" if found else "no camera is plugged in (there is no /dev/video*)"


def build(options: WebcamOptions, address: str, clock: Clock) -> WebcamSource:
    """The camera at `address`: `webcam:0` or `/dev/video0`. Raises UsageError."""
    return WebcamSource(address, options, clock)


SPEC = Spec("webcam", WebcamOptions, build, "a camera plugged into this machine (Video4Linux)")
