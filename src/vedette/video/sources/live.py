"""What live sources share: a reader that never waits for whoever takes the pictures, and capture by the wall clock."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Final, TypeAlias

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vedette.model.errors import SourceLost
from vedette.model.media import Frame, Packet, StreamInfo
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S
from vedette.video.decoding import Decoder, Stamper
from vedette.video.elementary import AnnexB
from vedette.video.timing import Arrival, CaptureTimes, PacketTimes, plausible

BACKLOG: Final = 512
"""Packets that wait at most. When it is full the reader waits too, and the network holds the camera back."""
BACKLOG_BYTES: Final = 32 * 2**20
BEHIND_S: Final = 2.0
"""A viewer that is further behind jumps to the newest keyframe that waits."""
GRACE_S: Final = 1.0

Compressed: TypeAlias = "av.Packet[VideoStream]"


class MachineClock:
    """The machine's clocks, for whoever builds a live source without handing in a clock."""

    def utc_ns(self) -> int:
        """Nanoseconds since 1970 by the wall clock."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that never steps."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)


class LiveStream:
    """An open live stream.

    A thread of its own takes packets off the network the moment they come, so that their arrival is known exactly and
    `close` wakes a blocked reader at once. FFmpeg's read itself cannot be interrupted from outside: when the camera is
    silent, that thread and its connection end when the read times out.

    container  open, with a read timeout of `stall_s` where its protocol knows one; owned from here on
    name       what to call it in messages; no secrets
    """

    def __init__(self, container: InputContainer, name: str, stall_s: float, clock: Clock | None = None) -> None:
        self._container = container
        self._name = name
        self._stall_s = stall_s
        self._clock = clock or MachineClock()
        self._stream = container.streams.video[0]
        self._decoder = Decoder(self._stream, delay=False)
        self._info = _info(self._stream, name)
        self._changed = threading.Condition()
        self._decoding = threading.Lock()
        self._waiting: deque[tuple[Compressed, Arrival]] = deque()
        self._bytes = 0
        self._lost = ""
        self._closed = False
        self._used = False
        self._dropped = 0
        self._thread: threading.Thread | None = None

    @property
    def info(self) -> StreamInfo:
        """What is known before the first frame."""
        return self._info

    @property
    def damaged(self) -> int:
        """Packets and pictures left out so far because they were damaged."""
        return self._decoder.damaged

    @property
    def dropped(self) -> int:
        """Packets left out so far because their pictures were asked for too slowly."""
        return self._dropped

    def packets(self) -> Iterator[Packet]:
        """Compressed packets in decoding order, none left out. Raises SourceLost where the stream breaks off."""
        self._start()
        base = self._stream.time_base or Fraction(0)
        stamper = Stamper(float(base), self._info.fps)
        times = PacketTimes(self._info.fps)
        annex_b = AnnexB(self._stream)
        number = 0
        while (item := self._take()) is not None:
            packet, arrival = item
            at, dts_ns = times.at(*stamper.stamps(packet), base, arrival)
            key = packet.is_keyframe
            if data := annex_b.data(packet):
                yield Packet(self._name, "main", data, at, dts_ns, key, annex_b.codec, number)
            number += 1

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        """Decoded frames whose stream time lies in [start_s, end_s). Raises SourceLost where the stream breaks off.

        When the frames are asked for more slowly than they come, all up to the newest keyframe are left out; `index`
        counts them.
        """
        self._start()
        times = CaptureTimes(self._info.fps)
        start_ns = round(start_s * NS_PER_S)
        end_ns = None if end_s is None else round(end_s * NS_PER_S)
        for number, (picture, arrival) in enumerate(self._pictures()):
            at = times.at(picture.pts, picture.time_base, arrival)
            if end_ns is not None and at.stream_ns >= end_ns:
                return
            if at.stream_ns >= start_ns:
                yield Frame(self._decoder.image(picture), at, number + self._dropped)

    def close(self) -> None:
        """End the stream; a blocked reader gets no more. May be called twice, and from another thread."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread is None:
            self._container.close()
        else:
            self._thread.join(GRACE_S)

    def _start(self) -> None:
        if self._used:
            raise RuntimeError("a stream is read once: open the source again")
        self._used = True
        if not self._closed:
            self._thread = threading.Thread(target=self._read, name=f"read {self._name}", daemon=True)
            self._thread.start()

    def _read(self) -> None:
        try:
            for packet in self._container.demux(self._stream):
                if packet.size and not self._put(packet):
                    break
            lost = "the camera ended it"
        except (av.error.ExitError, av.error.TimeoutError):
            lost = f"no picture came for {self._stall_s:g} s"
        except av.FFmpegError as error:
            lost = error.strerror or "it cannot be read"
        with self._changed:
            self._lost = lost
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed)
        with self._decoding:
            self._container.close()

    def _pictures(self) -> Iterator[tuple[VideoFrame, Arrival]]:
        """Pictures in presentation order with the arrival of the packet each came in."""
        arrivals: dict[int, Arrival] = {}
        while True:
            try:
                item = self._take(catch_up=True)
            except SourceLost:
                # What the decoder still holds back to put it in order was received and counts.
                for picture in self._decode(None):
                    if picture.pts in arrivals:
                        yield picture, arrivals[picture.pts]
                raise
            if item is None:
                return
            packet, arrival = item
            if packet.pts is not None:
                arrivals[packet.pts] = arrival
            for picture in self._decode(packet):
                pts = picture.pts
                yield picture, (arrival if pts is None else arrivals.get(pts, arrival))
                arrivals = {stamp: known for stamp, known in arrivals.items() if pts is None or stamp > pts}

    def _put(self, packet: Compressed) -> bool:
        arrival = Arrival(self._clock.monotonic_ns(), self._clock.utc_ns())
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or (len(self._waiting) < BACKLOG and self._bytes < BACKLOG_BYTES)
            )
            if self._closed:
                return False
            self._waiting.append((packet, arrival))
            self._bytes += packet.size
            self._changed.notify_all()
        return True

    def _take(self, *, catch_up: bool = False) -> tuple[Compressed, Arrival] | None:
        """The next packet; None after the close. Raises SourceLost."""
        with self._changed:
            # The reader's own timeout comes first; this one is for devices whose reads know none.
            came = self._changed.wait_for(self._news, self._stall_s + 2 * GRACE_S)
            if self._closed:
                return None
            if self._waiting:
                if catch_up:
                    self._jump()
                item = self._waiting.popleft()
                self._bytes -= item[0].size
                self._changed.notify_all()
                return item
            why = self._lost if came else f"no picture came for {self._stall_s:g} s"
        raise SourceLost(f"{self._name} broke off: {why}")

    def _news(self) -> bool:
        return bool(self._waiting or self._lost or self._closed)

    def _jump(self) -> None:
        """Leave out what waits before the newest keyframe when the viewer is too far behind."""
        oldest, newest = self._waiting[0][1], self._waiting[-1][1]
        if newest.monotonic_ns - oldest.monotonic_ns <= BEHIND_S * NS_PER_S:
            return
        keys = [number for number, (packet, _) in enumerate(self._waiting) if packet.is_keyframe]
        for _ in range(keys[-1] if keys else 0):
            self._bytes -= self._waiting.popleft()[0].size
            self._dropped += 1

    def _decode(self, packet: Compressed | None) -> list[VideoFrame]:
        with self._decoding:
            return [] if self._closed else self._decoder.pictures(packet)


def _info(stream: VideoStream, name: str) -> StreamInfo:
    context = stream.codec_context
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    return StreamInfo(
        name=name,
        width=context.width,
        height=context.height,
        fps=fps if plausible(fps) else 0.0,
        live=True,
        codec=context.name,
    )
