"""Drawn pictures to packets, as a camera would send them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import cast

import av
import av.error
from av.video.codeccontext import VideoCodecContext

from vedette.model.errors import SourceError
from vedette.model.media import Codec, Image, Packet, StreamInfo
from vedette.model.time import NS_PER_S, Instant
from vedette.simulator.cameras.nal import parameter_sets
from vedette.video.writer import TICKS_PER_S, configure, encoders, planes


class PacketEncoder:
    """H.264 in Annex B form, parameter sets with every keyframe. Raises SourceError where that cannot be encoded.

    utc_ns  when the first picture was captured
    gop_s   seconds from keyframe to keyframe
    prompt  every picture's packet comes at once, at the price of one thread instead of two
    """

    def __init__(self, info: StreamInfo, utc_ns: int = 0, gop_s: float = 2.0, *, prompt: bool = False) -> None:
        self._info = info
        self._threads = {"threads": "1"} if prompt else {}
        self._gop = max(1, round(info.fps * gop_s))
        self._utc_ns = utc_ns
        self._context = self._open()
        self._codec = Codec("h264", b"", info.width + info.width % 2, info.height + info.height % 2)
        self._number = 0

    def encode(self, image: Image, at_s: float) -> Iterator[Packet]:
        """The packets that are ready once `image` has been taken in."""
        frame = av.VideoFrame.from_ndarray(planes(image, self._info.width, self._info.height), format="yuv420p")
        frame.pts = round(at_s * TICKS_PER_S)
        frame.time_base = Fraction(1, TICKS_PER_S)
        yield from self._packets(frame)

    def flush(self) -> Iterator[Packet]:
        """What the encoder still held back."""
        yield from self._packets(None)

    def _open(self) -> VideoCodecContext:
        reason = "none is installed"
        for name, options in encoders():
            if name == "mpeg4":
                continue
            try:
                context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
                context.options = {**options, **self._threads, "g": str(self._gop)}
                configure(
                    context, self._info.width, self._info.height, Fraction(self._info.fps).limit_denominator(1001)
                )
            except (av.error.FFmpegError, ValueError) as error:
                reason = str(error)
                continue
            return context
        raise SourceError(f"{self._info.name} cannot be sent as H.264: this FFmpeg has no usable encoder ({reason})")

    def _packets(self, frame: av.VideoFrame | None) -> Iterator[Packet]:
        try:
            coded = self._context.encode(frame)
        except av.error.FFmpegError as error:
            raise SourceError(f"{self._info.name} cannot be encoded: {error}") from error
        for packet in coded:
            pts = packet.pts or 0
            dts = pts if packet.dts is None else packet.dts
            at_ns, dts_ns = (round(ticks * NS_PER_S / TICKS_PER_S) for ticks in (pts, dts))
            data = bytes(packet)
            if packet.is_keyframe and not self._codec.extradata:
                self._codec = replace(self._codec, extradata=parameter_sets("h264", data))
            yield Packet(
                camera=self._info.name, stream="main", data=data, at=Instant(at_ns, self._utc_ns + at_ns),
                dts_ns=dts_ns, key=packet.is_keyframe, codec=self._codec, number=self._number,
            )  # fmt: skip
            self._number += 1
