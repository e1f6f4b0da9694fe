"""Pictures to packets, as a camera would send them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final, cast

import av
import av.error
from av.video.codeccontext import VideoCodecContext

from vedette.model.errors import SourceError
from vedette.model.media import Codec, Image, Packet
from vedette.model.time import NS_PER_S, Instant
from vedette.video.mp4.parameter_sets import parameter_sets
from vedette.video.writer import TICKS_PER_S, configure, encoders, planes

_KEPT: Final = 64
"""Pictures that an encoder may hold back."""


class PictureEncoder:
    """H.264 in Annex B form, parameter sets with every keyframe, at capture times as they come.

    camera, stream  what the packets are said to be from
    width, height   pixels; pictures of another size are scaled
    fps             frames a second that are expected
    gop_s           seconds from keyframe to keyframe
    prompt          every picture's packet comes at once, at the price of one thread instead of two
    Raises SourceError where this FFmpeg cannot encode that.
    """

    def __init__(
        self,
        camera: str,
        stream: str,
        width: int,
        height: int,
        fps: float,
        *,
        gop_s: float = 2.0,
        prompt: bool = False,
    ) -> None:
        self._camera, self._stream = camera, stream
        self._size = (width, height)
        self._context = self._open(fps or 25.0, gop_s, prompt=prompt)
        self._codec = Codec("h264", b"", width + width % 2, height + height % 2)
        self._instants: dict[int, Instant] = {}
        self._last_pts: int | None = None
        self._number = 0

    def encode(self, image: Image, at: Instant, *, key: bool = False) -> Iterator[Packet]:
        """The packets that are ready once `image` has been taken in; `key` asks for a keyframe."""
        frame = av.VideoFrame.from_ndarray(planes(image, *self._size), format="yuv420p")
        pts = round(at.stream_ns * TICKS_PER_S / NS_PER_S)
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + 1)
        self._last_pts, frame.pts, frame.time_base = pts, pts, Fraction(1, TICKS_PER_S)
        if key:
            frame.pict_type = av.video.frame.PictureType.I
        self._instants[pts] = at
        for old in list(self._instants)[:-_KEPT]:
            del self._instants[old]
        yield from self._packets(frame)

    def flush(self) -> Iterator[Packet]:
        """What the encoder still held back."""
        yield from self._packets(None)

    def _open(self, fps: float, gop_s: float, *, prompt: bool) -> VideoCodecContext:
        own = {"g": str(max(1, round(fps * gop_s))), **({"threads": "1"} if prompt else {})}
        reason = "none is installed"
        for name, options in encoders():
            if name == "mpeg4":
                continue
            try:
                context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
                context.options = {**options, **own}
                configure(context, *self._size, Fraction(fps).limit_denominator(1001))
            except (av.error.FFmpegError, ValueError) as error:
                reason = str(error)
                continue
            return context
        raise SourceError(f"{self._camera} cannot be sent as H.264: this FFmpeg has no usable encoder ({reason})")

    def _packets(self, frame: av.VideoFrame | None) -> Iterator[Packet]:
        try:
            coded = self._context.encode(frame)
        except av.error.FFmpegError as error:
            raise SourceError(f"{self._camera} cannot be encoded: {error}") from error
        for packet in coded:
            pts = packet.pts or 0
            dts = pts if packet.dts is None else packet.dts
            at, data = self._instants.pop(pts, None) or Instant(0, 0), bytes(packet)
            if packet.is_keyframe and not self._codec.extradata:
                self._codec = replace(self._codec, extradata=parameter_sets(data, "h264"))
            yield Packet(
                camera=self._camera, stream=self._stream, data=data, at=at,
                dts_ns=at.stream_ns + round((dts - pts) * NS_PER_S / TICKS_PER_S), key=packet.is_keyframe,
                codec=self._codec, number=self._number,
            )  # fmt: skip
            self._number += 1
