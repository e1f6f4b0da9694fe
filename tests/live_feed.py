"""Clips played as a bus would bring them: packets in real time, over and over, with stream time that goes on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vedette.clock import SystemClock
from vedette.model.media import Packet
from vedette.model.news import News
from vedette.model.time import NS_PER_S, Instant
from vedette.video.sources.file import FileSource


def clip_packets(path: Path, camera: str, stream: str = "main") -> list[Packet]:
    """The packets of a clip, as if a camera had sent them."""
    opened = FileSource(path).open()
    try:
        return [replace(packet, camera=camera, stream=stream, run=1) for packet in opened.packets()]
    finally:
        opened.close()


def endless(packets: Sequence[Packet], fps: float = 25.0) -> Iterator[Packet]:
    """`packets` over and over; stream time, numbers and decoding times go on."""
    length_ns = round(len(packets) * NS_PER_S / fps)
    for round_ in itertools.count():
        for number, packet in enumerate(packets):
            shift = round_ * length_ns
            yield replace(
                packet,
                at=packet.at.shifted(shift),
                dts_ns=packet.dts_ns + shift,
                number=round_ * len(packets) + number,
            )


class Feed:
    """A bus on which clips play. `sent` says when each packet of a camera went out, by the wall clock in seconds."""

    def __init__(self, *clips: Sequence[Packet], fps: float = 25.0, news: Sequence[News] = ()) -> None:
        self._sources = [endless(clip, fps) for clip in clips]
        self._fps = fps
        self._news = news
        self._clock = SystemClock()
        self.sent: dict[tuple[str, str], list[float]] = {}

    async def arrivals(self) -> AsyncIterator[Packet | News]:
        """One packet of each clip every frame interval."""
        for item in self._news:
            yield item
        start_ns = self._clock.monotonic_ns()
        for tick in itertools.count():
            late_s = (self._clock.monotonic_ns() - start_ns) / NS_PER_S - tick / self._fps
            await asyncio.sleep(max(0.0, -late_s))
            for source in self._sources:
                packet = next(source)
                now = self._clock.utc_ns()
                self.sent.setdefault((packet.camera, packet.stream), []).append(now / NS_PER_S)
                yield replace(packet, at=Instant(packet.at.stream_ns, now))
