"""Live streams as the routes see them: who watches what, and what a browser can play of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from vedette.model.media import Codec, Packet
from vedette.server.problems import Problem
from vedette.video.live.hub import LiveHub, Shape, Viewer

FAMILIES: Final[Mapping[str, str]] = {"avc1": "h264", "hvc1": "hevc"}
"""What browsers call a codec (RFC 6381), and its name here."""
FIRST_S: Final = 8.0
_SECOND_S: Final = 1.0
_LOOK_S: Final = 0.05


def playable(can: str) -> frozenset[str]:
    """The codecs in `avc1,hvc1` by their names here. Raises Problem when there is none that is known."""
    words = (word.strip().lower().replace("hev1", "hvc1") for word in can.split(","))
    known = frozenset(FAMILIES[word] for word in words if word in FAMILIES)
    if not known:
        raise Problem(422, f"can: name what the browser can play, of {', '.join(FAMILIES)}")
    return known


class LiveStreams:
    """The hub, with a limit of viewers and a count of them. `feed` from any thread, all else from the server's loop."""

    def __init__(self, hub: LiveHub | None = None, most_viewers: int = 64) -> None:
        self._hub = hub or LiveHub()
        self._most = most_viewers
        self._watching: Counter[str] = Counter()

    def feed(self, packet: Packet) -> None:
        """Pass a packet on to who watches. Waits for nobody."""
        self._hub.feed(packet)

    def codec(self, camera: str, stream: str) -> Codec | None:
        """What a stream sends; None before its first keyframe."""
        return self._hub.streams(camera).get(stream)

    def viewers(self) -> Mapping[str, int]:
        """How many watch each camera."""
        return dict(+self._watching)

    def encoding(self) -> int:
        """How many streams are being transcoded."""
        return self._hub.encoding

    async def known(self, camera: str, stream: str, can: frozenset[str]) -> bool:
        """Wait until a stream has begun, and for others a little longer when it cannot be played."""
        looks = round(FIRST_S / _LOOK_S)
        for look in range(looks):
            codec = self.codec(camera, stream)
            if codec is not None and (codec.name in can or look * _LOOK_S >= _SECOND_S):
                return True
            if codec is not None and any(one.name in can for one in self._hub.streams(camera).values()):
                return True
            await asyncio.sleep(_LOOK_S)
        return bool(self._hub.streams(camera))

    @contextmanager
    def watching(self, camera: str) -> Iterator[None]:
        """Hold a place for a viewer. Raises Problem (503) when all are taken."""
        if self._watching.total() >= self._most:
            raise Problem(503, f"{self._most} live views are open, which is the limit; close one", {"Retry-After": "5"})
        self._watching[camera] += 1
        try:
            yield
        finally:
            self._watching[camera] -= 1

    @contextmanager
    def joined(self, camera: str, stream: str, shape: Shape, can: frozenset[str]) -> Iterator[Viewer]:
        """Watch a stream, or what stands in for it."""
        viewer = self._hub.join(camera, stream, shape, can)
        try:
            yield viewer
        finally:
            viewer.close()

    def close(self) -> None:
        """End every view."""
        self._hub.close()
