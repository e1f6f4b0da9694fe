"""H.264 made on demand from what a browser cannot play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Thread
from typing import Final

import av

from vedette.model.errors import VedetteError
from vedette.model.media import Codec, Packet
from vedette.model.time import NS_PER_S
from vedette.video.encoding import PictureEncoder
from vedette.video.live.queue import UnitQueue
from vedette.video.packet_decoder import PacketDecoder

_KEY_NS: Final = 2 * NS_PER_S
_FPS: Final = 25.0
"""What encoders plan their bits with; pictures keep their own times."""


@dataclass(frozen=True, slots=True)
class TranscodeOptions:
    """How large transcoded pictures may be; larger ones are scaled, since encoding is dear."""

    max_height: int = 720


class Transcoder:
    """Decodes what comes out of a queue and feeds it on as H.264, in a thread of its own, until it is stopped.

    It falls behind like any slow viewer does: pictures are left out, nobody waits for it. Several viewers share one.

    feed   takes the packets it makes; `run` and camera as in what came in, sound passes as it is
    ended  called once when it stops by itself, because the pictures cannot be decoded or encoded here
    """

    def __init__(
        self, queue: UnitQueue, feed: Callable[[Packet], None], ended: Callable[[], None], options: TranscodeOptions
    ) -> None:
        self.queue = queue
        self.trouble = ""
        self._feed = feed
        self._ended = ended
        self._options = options
        self._decoder: PacketDecoder | None = None
        self._encoder: PictureEncoder | None = None
        self._size = (0, 0)
        self._key_ns: int | None = None
        self._number = 0
        self._thread = Thread(target=self._work, name="transcoder", daemon=True)

    @property
    def stopped(self) -> bool:
        """It makes nothing any more."""
        return self.queue.closed

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon. May be called twice."""
        self.queue.close()

    def join(self, timeout_s: float) -> None:
        """Wait until its thread has ended."""
        self._thread.join(timeout_s)

    def _work(self) -> None:
        try:
            while (found := self.queue.get(None)) is not None and not self.queue.closed:
                unit, lost = found
                self._take(unit.packet, unit.init.codec, lost)
        except (av.FFmpegError, VedetteError, ValueError) as error:
            self.trouble = str(error)
            self.queue.close()
            self._ended()

    def _take(self, packet: Packet, codec: Codec, lost: int) -> None:
        if packet.codec.medium == "audio":
            self._pass(packet)
            return
        if self._decoder is None or self._decoder.codec != codec or lost:
            self._decoder = PacketDecoder(codec)
        for picture, at in self._decoder.pictures(packet):
            size = self._fitted(picture.width, picture.height)
            if self._encoder is None or size != self._size:
                self._encoder = PictureEncoder(packet.camera, packet.stream, *size, _FPS)
                self._size, self._key_ns = size, None
            key = self._key_ns is None or at.stream_ns - self._key_ns >= _KEY_NS or at.stream_ns < self._key_ns
            self._key_ns = at.stream_ns if key else self._key_ns
            for made in self._encoder.encode(self._decoder.image(picture, *size), at, key=key):
                self._pass(replace(made, run=packet.run))

    def _pass(self, packet: Packet) -> None:
        self._feed(replace(packet, number=self._number))
        self._number += 1

    def _fitted(self, width: int, height: int) -> tuple[int, int]:
        scale = min(1.0, self._options.max_height / height)
        return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
