"""Video as it crosses borders: compressed packets and decoded frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vedette.model.time import Instant

Image = NDArray[np.uint8]
"""A picture, shape (height, width, 3), blue-green-red, 0..255."""

Medium = Literal["video", "audio"]


@dataclass(frozen=True, slots=True)
class Codec:
    """What a decoder or a player must know before the first packet.

    name           FFmpeg's name: `h264`, `hevc`, `mjpeg`, `aac`, `pcm_mulaw`, `pcm_alaw`...
    extradata      parameter sets in Annex B form (H.264, H.265), the AudioSpecificConfig (AAC), or nothing
    width, height  pixels; 0 for sound
    rate, channels samples a second and channels; 0 for pictures
    """

    name: str
    extradata: bytes = field(default=b"", repr=False)
    width: int = 0
    height: int = 0
    rate: int = 0
    channels: int = 0

    @property
    def medium(self) -> Medium:
        """`video` or `audio`."""
        return "audio" if self.rate else "video"


@dataclass(frozen=True, slots=True)
class Packet:
    """One compressed access unit of one stream, in decoding order.

    camera, stream  where it came from; sound has the stream of the pictures it belongs to
    data    H.264 and H.265 in Annex B form, everything else as FFmpeg hands it over
    at      when it was captured; `at.stream_ns` is its presentation time
    dts_ns  when it has to be decoded, stream time; increases strictly within a run and medium (it may be negative)
    key     decoding can begin here
    codec   the same object from packet to packet while nothing changes
    number  counts the packets of the run from 0, so that whoever gets them over a lossy way sees what is missing
    run     the run it belongs to: one unbroken connection to a camera. 0 where nobody records
    """

    camera: str
    stream: str
    data: bytes = field(repr=False)
    at: Instant
    dts_ns: int
    key: bool
    codec: Codec
    number: int = 0
    run: int = 0


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
