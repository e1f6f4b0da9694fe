"""Live pictures of every camera to any number of viewers, at the pace of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass, field
from threading import RLock
from typing import Final, Literal

from vedette.model.media import Codec, Packet
from vedette.model.time import Instant
from vedette.video.live.muxer import Init, Kind, Muxer, Unit, framed
from vedette.video.live.queue import UnitQueue
from vedette.video.live.transcode import TranscodeOptions, Transcoder

Shape = Literal["mp4", "units"]
"""Fragmented MP4 for Media Source Extensions, or bare access units with capture times for WebCodecs."""
_MIB: Final = 1 << 20
SUB: Final = "sub"


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Bounds of the live view.

    ring_bytes   packets kept of a stream since its last keyframe, for those who join; none of a longer GOP are
    queue_bytes  packets that may wait for one viewer
    behind_s     how far behind a viewer may be when a keyframe comes
    """

    ring_bytes: int = 16 * _MIB
    queue_bytes: int = 16 * _MIB
    behind_s: float = 2.0
    transcode: TranscodeOptions = field(default_factory=TranscodeOptions)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a viewer gets.

    stream      of the camera
    transcoded  made anew from it as H.264
    text        what to tell the viewer when that is not what was asked for; else nothing
    """

    stream: str
    transcoded: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One message to a viewer.

    kind  `init` comes first, and again whenever the codec changes
    data  as the viewer's shape has it
    mime  of an `init`; nothing when the codec has no name that a browser knows
    at    capture time; None for an `init`
    lost  pictures that were left out before it
    """

    kind: Kind
    data: bytes = field(repr=False)
    mime: str = ""
    at: Instant | None = None
    lost: int = 0


class Viewer:
    """One viewer of one stream. Take chunks with `next` or `async for`; close it in the end."""

    def __init__(self, offer: Offer, shape: Shape, queue: UnitQueue, leave: Callable[[], None]) -> None:
        self.offer = offer
        self._shape = shape
        self._queue = queue
        self._leave = leave
        self._init: Init | None = None
        self._held: Chunk | None = None

    @property
    def closed(self) -> bool:
        """Nothing will come any more."""
        return self._queue.closed

    def next(self, timeout_s: float | None = None) -> Chunk | None:
        """The next chunk; None when none came in time, or at the end (`closed`)."""
        if self._held is not None:
            return self._release()
        return self._chunk(self._queue.get(timeout_s))

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        while True:
            chunk = self._release() if self._held is not None else self._chunk(await self._queue.get_async())
            if chunk is None:
                return
            yield chunk

    def close(self) -> None:
        """Stop watching. May be called twice, from any thread."""
        self._queue.close()
        self._leave()

    def _release(self) -> Chunk | None:
        chunk, self._held = self._held, None
        return chunk

    def _chunk(self, found: tuple[Unit, int] | None) -> Chunk | None:
        if found is None:
            return None
        unit, lost = found
        at = unit.packet.at
        data = unit.mp4 if self._shape == "mp4" else framed(unit.kind, unit.bare, lost, at.utc_ns, unit.pts_ns)
        chunk = Chunk(unit.kind, data, "", at, lost)
        if unit.init is self._init:
            return chunk
        self._init, self._held = unit.init, chunk
        header = unit.init.header if self._shape == "mp4" else framed("init", unit.init.config)
        return Chunk("init", header, unit.init.mime)


class Channel:
    """One stream: its packets since the last keyframe, and who is watching."""

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._lock = RLock()
        self._muxer = Muxer()
        self._ring: list[Unit] = []
        self._ring_bytes = 0
        self._queues: list[UnitQueue] = []
        self._closed = False

    @property
    def codec(self) -> Codec | None:
        """Of its pictures; None before the first keyframe."""
        init = self._muxer.init
        return init.codec if init else None

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._queues)

    def feed(self, packet: Packet) -> None:
        """Pass a packet on. Never waits for a viewer."""
        with self._lock:
            unit = self._muxer.unit(packet)
            if unit is None:
                if self._muxer.waiting:
                    self._ring, self._ring_bytes = [], 0
                return
            self._keep(unit)
            for queue in self._queues:
                queue.put((unit,))

    def join(self) -> UnitQueue:
        """A queue with everything since the last keyframe in it, that gets what follows."""
        queue = UnitQueue(self._options.queue_bytes, self._options.behind_s)
        with self._lock:
            queue.put(self._ring)
            if self._closed:
                queue.close()
            else:
                self._queues.append(queue)
        return queue

    def leave(self, queue: UnitQueue) -> None:
        """Give a queue nothing more."""
        with self._lock:
            if queue in self._queues:
                self._queues.remove(queue)

    def close(self) -> None:
        """End every queue, and those of who joins later."""
        with self._lock:
            self._closed = True
            queues, self._queues = self._queues, []
        for queue in queues:
            queue.close()

    def _keep(self, unit: Unit) -> None:
        if unit.kind == "key":
            self._ring, self._ring_bytes = [], 0
        elif not self._ring:
            return
        self._ring.append(unit)
        self._ring_bytes += unit.size
        if self._ring_bytes > self._options.ring_bytes:
            self._ring, self._ring_bytes = [], 0


class LiveHub:
    """Takes every packet once and hands it to whoever watches. All methods may be called from any thread."""

    def __init__(self, options: LiveOptions | None = None) -> None:
        self._options = options or LiveOptions()
        self._lock = RLock()
        self._channels: dict[tuple[str, str], Channel] = {}
        self._transcoders: dict[tuple[str, str], tuple[Transcoder, Channel]] = {}

    def feed(self, packet: Packet) -> None:
        """Pass a packet on. Never waits for a viewer or an encoder."""
        self._channel(packet.camera, packet.stream).feed(packet)

    def streams(self, camera: str) -> dict[str, Codec]:
        """Streams of a camera that have shown a keyframe, with their codecs."""
        with self._lock:
            found = [(stream, channel.codec) for (name, stream), channel in self._channels.items() if name == camera]
        return {stream: codec for stream, codec in found if codec is not None}

    def offer(self, camera: str, stream: str, accepts: Collection[str]) -> Offer:
        """What a viewer gets who can play the codecs `accepts` (`h264`, `hevc`...) and asks for `stream`.

        The stream itself where it can be played, or is not known yet; else the sub-stream; else a transcoded one.
        """
        known = self.streams(camera)
        codec = known.get(stream)
        if codec is None or codec.name in accepts:
            return Offer(stream)
        others = sorted((name for name in known if known[name].name in accepts), key=lambda name: name != SUB)
        if others:
            text = f"This browser cannot play {codec.name}: showing the {others[0]} stream instead."
            return Offer(others[0], text=text)
        text = f"This browser cannot play {codec.name}: the pictures are encoded anew as H.264."
        return Offer(stream, transcoded=True, text=text)

    def join(self, camera: str, stream: str, shape: Shape = "mp4", accepts: Collection[str] = ("h264",)) -> Viewer:
        """Begin to watch: everything since the last keyframe comes at once. `Viewer.offer` says what it is."""
        offer = self.offer(camera, stream, accepts)
        with self._lock:
            channel = self._channel(camera, offer.stream)
            if offer.transcoded:
                channel = self._transcoded(camera, offer.stream, channel)
            queue = channel.join()
        return Viewer(offer, shape, queue, lambda: self._leave(channel, queue))

    def forget(self, camera: str) -> None:
        """A camera was removed: its viewers are ended."""
        with self._lock:
            gone = [key for key in self._channels if key[0] == camera]
            channels = [self._channels.pop(key) for key in gone]
            ended = [self._transcoders.pop(key) for key in gone if key in self._transcoders]
        self._end(channels, ended)

    def close(self) -> None:
        """End every viewer and every encoder."""
        with self._lock:
            channels, ended = list(self._channels.values()), list(self._transcoders.values())
            self._channels.clear()
            self._transcoders.clear()
        self._end(channels, ended)

    @property
    def encoding(self) -> int:
        """Encoders that run now."""
        return len(self._transcoders)

    def _channel(self, camera: str, stream: str) -> Channel:
        found = self._channels.get((camera, stream))
        if found is None:
            with self._lock:
                found = self._channels.setdefault((camera, stream), Channel(self._options))
        return found

    def _transcoded(self, camera: str, stream: str, source: Channel) -> Channel:
        found = self._transcoders.get((camera, stream))
        if found is None or found[0].stopped:
            target, queue = Channel(self._options), source.join()
            transcoder = Transcoder(queue, target.feed, target.close, self._options.transcode)
            found = self._transcoders[camera, stream] = transcoder, target
            transcoder.start()
        return found[1]

    def _leave(self, channel: Channel, queue: UnitQueue) -> None:
        channel.leave(queue)
        with self._lock:
            idle = [key for key, (_, made) in self._transcoders.items() if made is channel and not channel.watched]
            ended = [self._transcoders.pop(key) for key in idle]
        self._end([], ended)

    def _end(self, channels: Collection[Channel], transcoders: Collection[tuple[Transcoder, Channel]]) -> None:
        for transcoder, made in transcoders:
            transcoder.stop()
            for channel in self._sources():
                channel.leave(transcoder.queue)
            made.close()
        for channel in channels:
            channel.close()

    def _sources(self) -> Iterator[Channel]:
        with self._lock:
            return iter(list(self._channels.values()))
