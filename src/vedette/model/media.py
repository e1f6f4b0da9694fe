"""Video as it crosses borders: compressed packets and decoded frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vedette.model.time import Instant

Image = NDArray[np.uint8]
"""A picture, shape (height, width, 3), blue-green-red, 0..255."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One compressed access unit of one stream.

    camera and stream name where it came from; `pts` and `dts` count ticks of `time_base_s` seconds.
    """

    camera: str
    stream: str
    data: bytes = field(repr=False)
    pts: int
    dts: int
    time_base_s: float
    key: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture.

    index  number of the frame in presentation order from 0, skipped frames counted
    at     when it was captured
    """

    image: Image = field(repr=False)
    at: Instant
    index: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.image.shape[0])


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source says about itself before the first frame.

    fps        nominal frames per second of the header; 0 when unknown
    frames     number of frames; None when unknown (live, or a container that does not say)
    duration_s seconds; None when unknown
    live       frames arrive by themselves and cannot be asked for faster
    """

    name: str
    width: int
    height: int
    fps: float
    frames: int | None = None
    duration_s: float | None = None
    live: bool = False
    codec: str = ""
