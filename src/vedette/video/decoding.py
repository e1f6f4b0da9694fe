"""Compressed pictures to upright BGR arrays, with damage left out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import Final, Protocol, TypeAlias

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from vedette.model.media import Image

THREADS: Final = min(4, os.cpu_count() or 1)
"""Decoding threads. Each holds pictures of its own, so their number bounds the memory."""


REORDER: Final = 16
"""Pictures that a codec may hold back to put them in order; a packet is decoded at most so long before it is shown."""


class Stamped(Protocol):
    """What numbering asks of a packet."""

    @property
    def pts(self) -> int | None: ...  # noqa: D102
    @property
    def dts(self) -> int | None: ...  # noqa: D102


class Decoder:
    """Decodes one stream. A packet or picture that is damaged is left out and counted in `damaged`.

    delay  allow pictures to come out some packets late, which lets several threads work; not for live streams
    """

    def __init__(self, stream: VideoStream, *, delay: bool) -> None:
        self.damaged = 0
        self._stream = stream
        self._context = stream.codec_context
        stream.thread_type = "AUTO" if delay else "SLICE"
        self._context.thread_count = THREADS if delay else 1
        self._reformatter = VideoReformatter()
        self._size: tuple[int, int] | None = None

    def pictures(self, packet: av.Packet[VideoStream] | None) -> list[VideoFrame]:
        """Pictures that `packet` completes, in presentation order. None, or one without data and stamp, ends it."""
        if packet is not None and packet.size == 0 and packet.dts is not None:
            return []
        try:
            decoded = self._context.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return []
        whole = [picture for picture in decoded if not picture.is_corrupt]
        self.damaged += len(decoded) - len(whole)
        return whole

    def image(self, picture: VideoFrame) -> Image:
        """`picture` as BGR in the size of the first one, turned the way the recording phone or camera was held."""
        if self._size is None:
            self._size = picture.width, picture.height
        width, height = self._size
        bgr = self._reformatter.reformat(picture, width, height, "bgr24", threads=1).to_ndarray()
        turns = quarter_turns(picture)
        return np.ascontiguousarray(np.rot90(bgr, turns) if turns else bgr, dtype=np.uint8)


def decodable(stream: VideoStream) -> bool:
    """Whether there is a decoder. Without one PyAV gives a stream no context, though its types promise one."""
    return bool(stream.codec_context)


def quarter_turns(picture: VideoFrame) -> int:
    """Quarter turns to the left (0..3) that put `picture` upright, from its display matrix."""
    return round(picture.rotation / 90) % 4


class Stamper:
    """Whole numbers for stamps that packets lack. Decoding stamps that are made up keep order and the nominal rate.

    step  ticks between two pictures at the nominal rate
    """

    def __init__(self, time_base_s: float, fps: float) -> None:
        self.step = max(1, round(1 / (time_base_s * (fps or 25.0)))) if time_base_s else 1
        self._last: int | None = None

    def given(self, pts: int | None, dts: int | None) -> tuple[int, int]:
        """`(pts, dts)` of the next packet in decoding order, for what it says itself."""
        if dts is None:
            dts = self._guess(pts)
        self._last = dts
        return (dts if pts is None else pts), dts

    def _guess(self, pts: int | None) -> int:
        if self._last is None:
            return 0 if pts is None else pts - REORDER * self.step
        guess = self._last + self.step
        return guess if pts is None or guess <= pts else max(self._last + 1, pts)


Stamps: TypeAlias = tuple[int | None, int | None]
"""`(pts, dts)` as a packet says them."""


def backfilled(stamps: Sequence[Stamps], step: int) -> list[Stamps]:
    """Stamps of the first packets of a stream, with those that are missing counted back from the last, by `step`.

    Without a decoding stamp in the last there is nothing to count back from, and they stay as they are. FFmpeg counts
    RTP from the first picture, and says so of all but the first: its stamp is 0, whether the next is before or after.
    """
    if not stamps or stamps[-1][1] is None:
        return list(stamps)
    dts, pts = stamps[-1][1], stamps[-1][0]
    filled: list[Stamps] = []
    for own_pts, own_dts in reversed(stamps):
        dts = dts if own_dts is None else own_dts
        pts = pts if own_pts is None else own_pts
        filled.append((pts, dts))
        dts -= step
        pts = None if pts is None else max(pts - step, dts)
    if stamps[0][0] is None and len(filled) > 1:
        after, first_dts = filled[-2][0], filled[-1][1]
        if after and first_dts is not None and abs(after) <= REORDER * step and first_dts <= 0:
            filled[-1] = 0, first_dts
    return filled[::-1]


class Numbering:
    """Numbers frames from 0 in presentation order and counts those that were sent to the decoder and never came out.

    one_per_packet  every packet of this stream makes one picture. Where that is not so (fields that come in packets of
                    their own, packets without a picture), only what comes out is counted
    """

    def __init__(self, time_base: Fraction | None, *, one_per_packet: bool) -> None:
        self._back = round(5 / time_base) if time_base else 0
        self._watch = one_per_packet
        self._run = 0
        self._high: int | None = None
        self._waiting: list[tuple[int, int]] = []
        self._known: set[int] = set()
        self._next = 0
        self._any = False
        self._last: int | None = None

    def start_at(self, index: int) -> None:
        """The frame that comes out next has number `index`, whatever was lost before it."""
        self._next = index
        self._any = False

    def sent(self, packet: Stamped) -> None:
        """Take note of a packet that goes to the decoder."""
        pts = packet.pts
        if not self._watch or pts is None:
            return
        if self._high is not None and pts < self._high - self._back:
            self._run, self._high = self._run + 1, pts
        self._high = pts if self._high is None else max(self._high, pts)
        heappush(self._waiting, (self._run, pts))
        self._known.add(pts)
        if len(self._waiting) > 4096:
            self._watch = False
            self._waiting.clear()
            self._known.clear()

    def came(self, pts: int | None) -> int | None:
        """Number of the picture that came out with `pts`; None for one that was given up before and comes out late."""
        lost = 0
        if self._watch and pts in self._known:
            while self._waiting:
                waited = heappop(self._waiting)[1]
                self._known.discard(waited)
                if waited == pts:
                    break
                lost += 1
        elif self._watch and pts is not None and self._last is not None and pts < self._last:
            return None
        self._last = pts
        index = self._next + (lost if self._any else 0)
        self._next = index + 1
        self._any = True
        return index
