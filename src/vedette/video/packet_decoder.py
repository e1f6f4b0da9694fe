"""Packets to pictures, without the container they came in."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from vedette.model.media import Codec, Image, Packet
from vedette.model.time import NS_PER_S, Instant

TIME_BASE: Final = Fraction(1, NS_PER_S)
_KEPT: Final = 64


class PacketDecoder:
    """Decodes the pictures of one codec. What is damaged is left out and counted in `damaged`."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.damaged = 0
        self._context = cast(VideoCodecContext, av.CodecContext.create(codec.name, "r"))
        if codec.extradata:
            self._context.extradata = codec.extradata
        self._context.thread_count = 1
        self._reformatter = VideoReformatter()
        self._instants: dict[int, Instant] = {}

    def pictures(self, packet: Packet | None) -> list[tuple[VideoFrame, Instant]]:
        """Pictures that `packet` completes, with their capture times, in presentation order. None ends the stream."""
        coded = None
        if packet is not None:
            coded = av.Packet(packet.data)
            coded.pts, coded.dts, coded.time_base = packet.at.stream_ns, packet.dts_ns, TIME_BASE
            self._instants[packet.at.stream_ns] = packet.at
            for old in list(self._instants)[:-_KEPT]:
                del self._instants[old]
        try:
            decoded = self._context.decode(coded)
        except av.FFmpegError:
            self.damaged += 1
            return []
        whole = [picture for picture in decoded if not picture.is_corrupt and picture.pts in self._instants]
        self.damaged += len(decoded) - len(whole)
        return [(picture, self._instants[picture.pts or 0]) for picture in whole]

    def image(self, picture: VideoFrame, width: int = 0, height: int = 0) -> Image:
        """`picture` as BGR, scaled to `width` x `height` pixels where they are given."""
        size = (width or picture.width, height or picture.height)
        return np.asarray(self._reformatter.reformat(picture, *size, "bgr24", threads=1).to_ndarray(), np.uint8)
