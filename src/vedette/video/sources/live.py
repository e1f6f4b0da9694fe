"""What live sources share: a reader that never waits for whoever takes the pictures, and capture by the wall clock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Final, Protocol, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vedette.model.errors import SourceLost
from vedette.model.media import Frame, Packet, StreamInfo
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S
from vedette.video.decoding import Decoder
from vedette.video.sources.packing import Compressed, Packer
from vedette.video.timing import Arrival, CaptureTimes, plausible

BACKLOG: Final = 512
"""Packets that wait at most. When it is full the reader waits too, and the network holds the camera back."""
BACKLOG_BYTES: Final = 32 * 2**20
BEHIND_S: Final = 2.0
"""A viewer that is further behind jumps to the newest keyframe that waits."""
GRACE_S: Final = 1.0
WAITED_NS: Final = 5_000_000
"""A read that took longer than this waited for the camera."""

Arrived: TypeAlias = tuple[Compressed, Arrival]


class Unplug(Protocol):
    """A way to end a read that waits for the network."""

    def pull(self) -> None:
        """Wake whoever reads; from any thread."""
        ...

    def release(self) -> None:
        """The container is closed."""
        ...


class LiveStream:
    """An open live stream.

    Frames are taken off the network by a thread of their own, so that their arrival is known exactly however slow the
    viewer is. Packets are read by whoever asks for them, where a read is sure to end after `stall_s`; that is leanest,
    and whoever records is never slow.

    container  open; owned from here on
    name       what to call it in messages; no secrets
    plug       wakes a read that waits, where there is a way to do that
    timed      reads of `container` end by themselves after `stall_s`; devices' do not
    sound      hand over sound as well, where there is any
    """

    def __init__(
        self,
        container: InputContainer,
        name: str,
        stall_s: float,
        clock: Clock,
        *,
        plug: Unplug | None = None,
        timed: bool = False,
        sound: bool = False,
    ) -> None:
        self._container = container
        self._name = name
        self._stall_s = stall_s
        self._clock = clock
        self._plug = plug
        self._timed = timed
        self._stream = container.streams.video[0]
        self._sound = _sound(container) if sound else None
        self._decoder = Decoder(self._stream, delay=False)
        self._info = _info(self._stream, name)
        self._changed = threading.Condition()
        self._reading = threading.Lock()
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
        """Compressed packets in decoding order, none left out. Raises SourceLost where the stream breaks off.

        Sound that came before the first picture is not among them. A codec that changes is a new object from the
        keyframe on; packets before the first keyframe come as they are, with `key` false.
        """
        packer = Packer(self._name, self._stream, self._sound, self._info.fps)
        try:
            for packet, arrival, waited in self._read_here() if self._timed else self._read_there():
                yield from packer.take(packet, arrival, waited=waited)
                if packer.foreign:
                    break
            else:
                return
        except SourceLost:
            yield from packer.flush()
            raise
        raise SourceLost(f"{self._name} broke off: what it sends now is no {self._info.codec} any more")

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
        if self._plug is not None:
            self._plug.pull()
        if self._thread is not None:
            self._thread.join(GRACE_S)
        # A reader that still waits closes the container itself, as soon as it wakes.
        elif self._reading.acquire(timeout=GRACE_S):
            self._free()
            self._reading.release()

    def _free(self) -> None:
        self._container.close()
        if self._plug is not None:
            self._plug.release()

    def _claim(self) -> None:
        if self._used:
            raise RuntimeError("a stream is read once: open the source again")
        self._used = True

    def _read_here(self) -> Iterator[tuple[Compressed, Arrival, bool]]:
        """Packets read by the thread that asks for them, and whether they were waited for."""
        self._claim()
        demux = self._container.demux(self._wanted)
        seen_ns = self._clock.monotonic_ns()
        while True:
            with self._reading:
                asked_ns = self._clock.monotonic_ns()
                packet, lost = (None, "") if self._closed else _next(demux, self._stall_s)
                if self._closed:
                    self._free()
                    return
            arrival = Arrival(self._clock.monotonic_ns(), self._clock.utc_ns())
            if packet is not None and packet.stream is self._stream:
                seen_ns = arrival.monotonic_ns
            elif not lost and arrival.monotonic_ns - seen_ns > self._stall_s * NS_PER_S:
                lost = _silence(self._stall_s)
            if lost:
                raise SourceLost(f"{self._name} broke off: {lost}")
            if packet is not None and packet.size:
                yield packet, arrival, arrival.monotonic_ns - asked_ns > WAITED_NS

    def _read_there(self) -> Iterator[tuple[Compressed, Arrival, bool]]:
        """Packets read by a thread of their own, because a read may take for ever."""
        self._start()
        while (item := self._take()) is not None:
            yield *item, True

    @property
    def _wanted(self) -> list[Stream]:
        return [self._stream] if self._sound is None else [self._stream, self._sound]

    def _start(self) -> None:
        self._claim()
        if not self._closed:
            self._thread = threading.Thread(target=self._read, name=f"read {self._name}", daemon=True)
            self._thread.start()

    def _read(self) -> None:
        demux = self._container.demux(self._stream)
        lost = ""
        while not lost:
            packet, lost = _next(demux, self._stall_s)
            if packet is not None and packet.size and not self._put(packet):
                break
        with self._changed:
            self._lost = lost
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed)
        with self._decoding:
            self._free()

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
            why = self._lost if came else _silence(self._stall_s)
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


def _next(demux: Iterator[Compressed], stall_s: float) -> tuple[Compressed | None, str]:
    """The next packet, or why there is none."""
    try:
        packet = next(demux, None)
    except (av.error.ExitError, TimeoutError):
        return None, _silence(stall_s)
    except (av.FFmpegError, OSError) as error:
        return None, f"what it sends cannot be read ({error.strerror or error})"
    return packet, "" if packet is not None else "the camera ended it"


def _silence(stall_s: float) -> str:
    return f"no picture came for {stall_s:g} s"


def _sound(container: InputContainer) -> AudioStream | None:
    found = [stream for stream in container.streams.audio if stream.codec_context and stream.codec_context.sample_rate]
    return found[0] if found else None


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
