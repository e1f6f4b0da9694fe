"""Which packets of a stream are recorded: always, round events, by schedule, or never."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from vedette.analytics.schedule import armed
from vedette.engine.recorder.options import RecordSettings
from vedette.model.media import Packet
from vedette.model.recording import GapReason
from vedette.model.time import NS_PER_S

LATE_S: Final = 15.0
"""How much later than it happened an event may become known without losing anything of its pre-roll."""
_MOST_ASKED: Final = 1000
"""Events that are remembered while no packets come."""


@dataclass(slots=True)
class _Gop:
    start_ns: int
    packets: list[Packet] = field(default_factory=list)
    size: int = 0


class PreRoll:
    """The newest packets of a stream, always beginning at a keyframe.

    seconds    how far back it reaches, rounded up to a keyframe
    max_bytes  beyond it the oldest GOPs go; a single GOP that is larger is not kept at all
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._span_ns = round(seconds * NS_PER_S)
        self._max_bytes = max_bytes
        self._gops: deque[_Gop] = deque()
        self.size = 0

    def add(self, packet: Packet) -> None:
        """Take in the newest packet."""
        if _begins(packet):
            self._gops.append(_Gop(packet.at.stream_ns))
        if not self._gops:
            return
        newest = self._gops[-1]
        newest.packets.append(packet)
        newest.size += len(packet.data)
        self.size += len(packet.data)
        oldest_ns = packet.at.stream_ns - self._span_ns
        while len(self._gops) > 1 and self._gops[1].start_ns <= oldest_ns:
            self._drop()
        while self.size > self._max_bytes:
            self._drop()

    def take(self, start_ns: int) -> Sequence[Packet]:
        """Empty it: everything from the last keyframe at or before `start_ns` (stream time) on, or all there is."""
        while len(self._gops) > 1 and self._gops[1].start_ns <= start_ns:
            self._drop()
        found = [packet for gop in self._gops for packet in gop.packets]
        self.clear()
        return found

    def clear(self) -> None:
        """Forget everything."""
        self._gops.clear()
        self.size = 0

    def _drop(self) -> None:
        self.size -= self._gops.popleft().size


class Gate:
    """Lets through what is to be recorded. Recording begins and ends at keyframes.

    `take` belongs to the stream's thread; `trigger` and `change` may be called from any.

    seen_key  a keyframe has come since the run began
    """

    def __init__(self, settings: RecordSettings, preroll_bytes: int) -> None:
        self._bytes = preroll_bytes
        self._lock = threading.Lock()
        self._asked: deque[int] = deque(maxlen=_MOST_ASKED)
        self._new: RecordSettings | None = None
        self._open = False
        self._until_ns = -1
        self.seen_key = False
        self._use(settings)

    @property
    def why(self) -> GapReason | None:
        """Why the owner wants nothing recorded now; None while something is."""
        if self._open or self._settings.mode == "continuous":
            return None
        reasons: dict[str, GapReason] = {"off": "off", "schedule": "schedule", "event": "no_event"}
        return reasons[self._settings.mode]

    def reason(self, trouble: GapReason) -> GapReason:
        """Why nothing is recorded when there is `trouble` as well: what the owner wished comes first.

        Except for events: nobody knows what happened meanwhile.
        """
        why = self.why
        return trouble if why is None or why == "no_event" else why

    def trigger(self, utc_ns: int) -> None:
        """An event happened at `utc_ns`."""
        with self._lock:
            self._asked.append(utc_ns)

    def change(self, settings: RecordSettings) -> None:
        """Use other settings from the next packet on."""
        with self._lock:
            self._new = settings

    def begin(self) -> None:
        """A new run begins: its stream time has nothing to do with the one before."""
        with self._lock:
            self._asked.clear()
        self._roll.clear()
        self._open = self.seen_key = False
        self._until_ns = -1

    def take(self, packet: Packet) -> Sequence[Packet]:
        """What is to be recorded now that `packet` came: nothing, it, or what was kept for an event with it."""
        with self._lock:
            new, self._new = self._new, None
            asked = tuple(self._asked)
            self._asked.clear()
        if new is not None:
            self._use(new)
        self.seen_key = self.seen_key or _begins(packet)
        if self._settings.mode == "event":
            return self._round_events(packet, asked)
        if _begins(packet):
            self._open = self._wanted(packet)
        return (packet,) if self._open else ()

    def _use(self, settings: RecordSettings) -> None:
        self._settings = settings
        self._roll = PreRoll(settings.pre_s + LATE_S, self._bytes)
        if settings.mode == "off":
            self._open = False

    def _wanted(self, packet: Packet) -> bool:
        settings = self._settings
        if settings.mode == "schedule":
            return armed(settings.periods, packet.at.utc_ns, settings.zone)
        return settings.mode == "continuous"

    def _round_events(self, packet: Packet, asked: Sequence[int]) -> Sequence[Packet]:
        now_ns = packet.at.stream_ns
        if self._open and _begins(packet) and now_ns > self._until_ns and not asked:
            self._open = False
        before: Sequence[Packet] = ()
        if not self._open:
            self._roll.add(packet)
        if asked:
            # Only the wall clock is common to all streams; from here on stream time counts, which no clock step moves.
            ages = [min(max(0, packet.at.utc_ns - utc_ns), round(LATE_S * NS_PER_S)) for utc_ns in asked]
            self._until_ns = max(self._until_ns, now_ns - min(ages) + round(self._settings.post_s * NS_PER_S))
            if not self._open:
                before = self._roll.take(now_ns - max(ages) - round(self._settings.pre_s * NS_PER_S))
                self._open = bool(before)
                return before
        return (packet,) if self._open else ()


def _begins(packet: Packet) -> bool:
    return packet.key and packet.codec.medium == "video"
