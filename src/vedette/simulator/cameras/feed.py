"""One medium on its way to one client: sequence numbers, stamps, reports, and what faults do to packets."""

from __future__ import annotations

import asyncio
import os
import secrets
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, TypeVar, cast

import numpy as np

from vedette.simulator.cameras.faults import (
    Burst,
    Fault,
    GarbagePackets,
    Loss,
    NoKeyframes,
    Slow,
    WrapSoon,
    WrongNtp,
)
from vedette.simulator.cameras.outlets import Bounds, Outlet, Valve
from vedette.simulator.cameras.player import Player, UtcOf
from vedette.simulator.cameras.rtp import Cut, goodbye, patched, sender_report
from vedette.simulator.cameras.stamps import Stamps

_HOUR_NS: Final = 3_600_000_000_000
_HEAD: Final = 16
_PACKETS_TO_WRAP: Final = 60
F = TypeVar("F")


class Conditions:
    """The faults that a camera has at the moment, at most one of each kind."""

    def __init__(self) -> None:
        self._faults: dict[type[Any], Fault] = {}

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, fault: Fault) -> None:
        """One more, or another one of its kind."""
        self._faults[type(fault)] = fault

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self._faults.clear()

    def get(self, kind: type[F]) -> F | None:
        """The fault of this kind, if the camera has it."""
        return cast("F | None", self._faults.get(kind))


@dataclass(slots=True)
class Tally:
    """What one client was sent, see `spec.Viewing`."""

    transport: str
    ended: bool = False
    dropped: int = 0
    number: array[int] = field(default_factory=lambda: array("q"))
    picture: array[int] = field(default_factory=lambda: array("q"))
    captured_utc_ns: array[int] = field(default_factory=lambda: array("q"))
    sent_utc_ns: array[int] = field(default_factory=lambda: array("q"))

    def to_plain(self) -> Mapping[str, Any]:
        """As plain JSON values."""
        columns = ("number", "picture", "captured_utc_ns", "sent_utc_ns")
        rows = {name: getattr(self, name).tolist() for name in columns}
        return {"transport": self.transport, "ended": self.ended, "dropped": self.dropped, **rows}


@dataclass(frozen=True, slots=True)
class Manner:
    """How a camera sends: its clock and what is wrong with it."""

    conditions: Conditions
    stamps: Stamps
    utc_of: UtcOf
    clock_offset_s: float
    report_s: float


class Feed:
    """One medium for one client. `quiet` holds everything back."""

    def __init__(self, manner: Manner, player: Player, outlet: Outlet, channel: int, tally: Tally | None) -> None:
        self.player, self.quiet, self.wants_key = player, False, False
        self.on_end = self.stop
        self._manner, self._outlet, self._channel, self._tally = manner, outlet, channel, tally
        self._valve = Valve(outlet)
        self._source = secrets.randbits(32)
        self._sequence, self._base = secrets.randbits(16), secrets.randbits(32)
        wrap = manner.conditions.get(WrapSoon)
        if wrap is not None:
            self._sequence = (1 << 16) - _PACKETS_TO_WRAP
            now_s = player.media_s(asyncio.get_running_loop().time())
            self._base = (1 << 32) - round((wrap.seconds + manner.stamps.of(now_s)) * player.clip.clock)
        self._packets = self._octets = 0
        self._report_due_s = 0.0
        self._chance = np.random.default_rng(1)

    @property
    def sequence(self) -> int:
        """Of the next packet."""
        return self._sequence

    def stamp(self, at_s: float) -> int:
        """The RTP time stamp of media time `at_s`."""
        return (self._base + round(self._manner.stamps.of(at_s) * self.player.clip.clock)) & 0xFFFFFFFF

    def send(self, cut: Cut, number: int, at_s: float, captured_s: float) -> None:
        """Send one frame, unless something is wrong."""
        if self.quiet or (self.wants_key and not cut.unit.key) or self._blocked(cut):
            return
        self.wants_key = False
        if captured_s >= self._report_due_s:
            self._report(captured_s)
        data = patched(cut, self._channel, self._sequence, self.stamp(at_s), self._source)
        self._sequence = (self._sequence + cut.packets) & 0xFFFF
        self._packets += cut.packets
        self._octets += cut.octets
        if not self._hand_over(data, cut.bounds):
            self._left_out()
        elif self._tally is not None:
            self._note(number, cut.unit.picture, captured_s)

    def end(self) -> None:
        """The clip is over."""
        self._outlet.report(goodbye(self._source))
        self.on_end()

    def stop(self) -> None:
        """Nothing more is sent."""
        self._valve.close()
        if self._tally is not None:
            self._tally.ended = True

    def _blocked(self, cut: Cut) -> bool:
        if self._outlet.full():
            self._left_out()
            return True
        conditions = self._manner.conditions
        return bool(conditions) and cut.unit.key and self._tally is not None and conditions.get(NoKeyframes) is not None

    def _left_out(self) -> None:
        self.wants_key = True
        if self._tally is not None:
            self._tally.dropped += 1

    def _hand_over(self, data: bytearray, bounds: Bounds) -> bool:
        conditions = self._manner.conditions
        if conditions:
            data, bounds = self._spoilt(data, bounds)
        burst, slow = conditions.get(Burst), conditions.get(Slow)
        return self._valve.frame(data, bounds, burst.hold_s if burst else None, slow.bytes_per_s if slow else None)

    def _spoilt(self, data: bytearray, bounds: Bounds) -> tuple[bytearray, Bounds]:
        garbage, loss = self._manner.conditions.get(GarbagePackets), self._manner.conditions.get(Loss)
        if garbage is not None and self._chance.random() < garbage.share:
            for start, end in pairwise(bounds):
                first = start + (_HEAD if garbage.headers else 4)
                data[first:end] = os.urandom(end - first)
        if loss is None:
            return data, bounds
        kept, rest = [0], bytearray()
        lost = self._chance.random(len(bounds) - 1) * 100 < loss.percent
        for start, end, gone in zip(bounds[:-1], bounds[1:], lost.tolist(), strict=True):
            if not gone:
                rest += data[start:end]
                kept.append(len(rest))
        return rest, tuple(kept)

    def _report(self, captured_s: float) -> None:
        manner = self._manner
        self._report_due_s = captured_s + manner.report_s
        wrong = manner.conditions.get(WrongNtp)
        hours = wrong.hours if wrong else 0.0
        told_ns = manner.utc_of(captured_s) + round(manner.clock_offset_s * 1e9) + round(hours * _HOUR_NS)
        stamp = self.stamp(self.player.media_s(captured_s))
        self._outlet.report(sender_report(self._source, told_ns, stamp, self._packets, self._octets))

    def _note(self, number: int, picture: int, captured_s: float) -> None:
        tally = cast("Tally", self._tally)
        tally.number.append(number)
        tally.picture.append(picture)
        tally.captured_utc_ns.append(self._manner.utc_of(captured_s))
        tally.sent_utc_ns.append(self._manner.utc_of(None))
