"""How far apart the keyframes of a stream are."""

from __future__ import annotations

from collections import deque
from typing import Final

from vedette.model.media import Packet

_REMEMBERED: Final = 3


class Groups:
    """Watches keyframes come. Smart codecs stretch their groups of pictures while nothing happens."""

    def __init__(self) -> None:
        self._lengths: deque[int] = deque(maxlen=_REMEMBERED)
        self._key_ns: int | None = None
        self._now_ns = 0
        self.pixels = 0

    def take(self, packet: Packet) -> None:
        """Take in the next packet with a picture, in decoding order."""
        self._now_ns = packet.at.stream_ns
        self.pixels = packet.codec.width * packet.codec.height
        if not packet.key:
            return
        if self._key_ns is not None:
            self._lengths.append(self._now_ns - self._key_ns)
        self._key_ns = self._now_ns

    @property
    def longest_ns(self) -> int:
        """The longest time between keyframes of late, the present one as far as it has come."""
        going_on = 0 if self._key_ns is None else self._now_ns - self._key_ns
        return max(going_on, *self._lengths, 0)
