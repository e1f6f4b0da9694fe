"""Packets of a live camera to small pictures, one packet at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, cast

import av
import numpy as np
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from vedette.model.errors import SourceError
from vedette.model.media import Codec, Frame, Packet
from vedette.model.time import Instant

_KNOWN: Final = 64
"""Packets whose capture time is remembered: no codec holds back more pictures to put them in order."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture that nobody has asked the pixels of yet."""

    at: Instant
    index: int
    _decoded: VideoFrame = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return self._decoded.width * self._decoded.height * 3 // 2


class PacketDecoder:
    """Decodes the packets of one codec. What is damaged is left out and counted in `damaged`.

    hardware  FFmpeg's name of a device (`vaapi`, `cuda`, `videotoolbox`); what that cannot decode, the processor does
    rough     leave out the filter that hides the edges of blocks. For keyframes that are looked at alone and made
              smaller: nothing follows from them, and a fifth of the work is saved

    Raises SourceError when there is no decoder, or no such device.
    """

    def __init__(self, codec: Codec, hardware: str | None = None, *, rough: bool = False) -> None:
        self.damaged = 0
        self._context = _opened(codec, hardware, {"skip_loop_filter": "all"} if rough else {})
        self._times: dict[int, tuple[Instant, int]] = {}
        self._sent = 0

    def decode(self, packet: Packet, index: int) -> list[Picture]:
        """Pictures that `packet` completes, in presentation order. `index` is the number of its own."""
        return self._pictures(self._wrapped(packet, index))

    def alone(self, packet: Packet, index: int) -> Picture | None:
        """The picture of a keyframe at once, without what comes after it. Decoding then begins anew at a keyframe."""
        self.restart()
        found = [*self._pictures(self._wrapped(packet, index)), *self._pictures(None)]
        self.restart()
        return found[-1] if found else None

    def restart(self) -> None:
        """Forget everything that was decoded: the next packet is a keyframe."""
        self._context.flush_buffers()
        self._times.clear()

    def _wrapped(self, packet: Packet, index: int) -> av.Packet[VideoStream]:
        wrapped = av.Packet(packet.data)
        wrapped.pts = wrapped.dts = self._sent
        self._times[self._sent] = (packet.at, index)
        self._times.pop(self._sent - _KNOWN, None)
        self._sent += 1
        return cast("av.Packet[VideoStream]", wrapped)

    def _pictures(self, wrapped: av.Packet[VideoStream] | None) -> list[Picture]:
        try:
            decoded = self._context.decode(wrapped)
        except av.EOFError:
            return []
        except av.FFmpegError:
            self.damaged += 1
            return []
        whole = [picture for picture in decoded if not picture.is_corrupt]
        self.damaged += len(decoded) - len(whole)
        return list(self._placed(whole))

    def _placed(self, decoded: list[VideoFrame]) -> Iterator[Picture]:
        for picture in decoded:
            known = self._times.pop(-1 if picture.pts is None else picture.pts, None)
            if known is not None:
                yield Picture(*known, picture)


class Shrinker:
    """Makes pictures into frames whose longer side is at most `longest_px` pixels. Never enlarges."""

    def __init__(self, longest_px: int) -> None:
        self._longest_px = longest_px
        self._reformatter = VideoReformatter()

    def frame(self, picture: Picture) -> Frame:
        """`picture` in BGR."""
        decoded = picture._decoded
        scale = min(1.0, self._longest_px / max(decoded.width, decoded.height))
        width, height = (max(2, 2 * round(side * scale / 2)) for side in (decoded.width, decoded.height))
        if scale == 1.0:
            width, height = decoded.width, decoded.height
        small = self._reformatter.reformat(decoded, width, height, "bgr24", interpolation=Interpolation.AREA, threads=1)
        return Frame(np.ascontiguousarray(small.to_ndarray(), np.uint8), picture.at, picture.index)


def _opened(codec: Codec, hardware: str | None, options: dict[str, str]) -> VideoCodecContext:
    try:
        device = _device(hardware)
        context = _for_pictures(av.CodecContext.create(codec.name, "r", hwaccel=device))
        if codec.extradata:
            context.extradata = codec.extradata
        context.thread_count = 1
        context.options = options
        context.open(strict=False)
    except (av.FFmpegError, ValueError, RuntimeError, NotImplementedError) as error:
        raise SourceError(f"{codec.name} cannot be decoded: {error}; choose another codec in the camera") from error
    return context


def _for_pictures(context: object) -> VideoCodecContext:
    if isinstance(context, VideoCodecContext):
        return context
    raise ValueError("it is not for pictures")


def _device(hardware: str | None) -> HWAccel | None:
    if hardware is None:
        return None
    known = hwdevices_available()
    if hardware not in known:
        raise SourceError(f"there is no decoding device '{hardware}' here: known are {', '.join(known) or 'none'}")
    return HWAccel(hardware, allow_software_fallback=True)
