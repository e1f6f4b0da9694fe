"""How a stream is doing, in numbers."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.model.media import Packet
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S


class Meter:
    """Frame rate, bit rate and lag since the last reading. Written by the stream's thread, read by another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read_ns = clock.monotonic_ns()
        self._last_ns: int | None = None
        self._frames = self._bytes = 0
        self._read = (0, 0)
        self._lag_ns = 0
        self.packets = 0
        self.connections = 0

    def count(self, packet: Packet) -> None:
        """A packet came."""
        self._last_ns = self._clock.monotonic_ns()
        self._lag_ns = self._clock.utc_ns() - packet.at.utc_ns
        self._frames += packet.codec.medium == "video"
        self._bytes += len(packet.data)
        self.packets += 1

    def age_s(self) -> float | None:
        """Seconds since the last packet; None before the first."""
        last = self._last_ns
        return None if last is None else (self._clock.monotonic_ns() - last) / NS_PER_S

    def figures(self) -> Mapping[str, float]:
        """Rates since the last call."""
        now = self._clock.monotonic_ns()
        frames, size = self._frames, self._bytes
        seconds = (now - self._read_ns) / NS_PER_S
        rates = (0.0, 0.0)
        if seconds > 0.0:
            rates = ((frames - self._read[0]) / seconds, (size - self._read[1]) * 8 / seconds)
        self._read_ns, self._read = now, (frames, size)
        figures = {
            "fps": rates[0],
            "bits_per_s": rates[1],
            "lag_s": self._lag_ns / NS_PER_S,
            "reconnects": max(0, self.connections - 1),
            "packets": self.packets,
        }
        age = self.age_s()
        return figures if age is None else figures | {"last_packet_age_s": age}
