"""Packets on their way to one camera's loop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from vedette.model.media import Packet
from vedette.model.time import NS_PER_S

MOST_BYTES: Final = 48 * 2**20
MOST_S: Final = 5.0
"""A loop that is further behind than this jumps to the newest keyframe."""

Order = Callable[[], None]
Item: TypeAlias = "tuple[Packet, int] | Order"


class Inbox:
    """Holds packets with the time at which they came, and orders, in order. Putting in never waits.

    When more than `MOST_BYTES` or `MOST_S` of packets wait, all before the newest keyframe are left out: the newest
    win. Where there is no such keyframe, all are left out; the loop then sees by their numbers that some are missing.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Packet, int]] = deque()
        self._orders: deque[Order] = deque()
        self._bytes = 0
        self._closed = False

    def put(self, packet: Packet, heard_ns: int) -> None:
        """A packet came at `heard_ns` of the steady clock."""
        with self._changed:
            if self._closed:
                return
            self._waiting.append((packet, heard_ns))
            self._bytes += len(packet.data)
            late = heard_ns - self._waiting[0][1] > MOST_S * NS_PER_S
            if late or self._bytes > MOST_BYTES:
                self._jump()
            self._changed.notify()

    def order(self, order: Order) -> None:
        """Have the loop call `order` before it takes another packet."""
        with self._changed:
            self._orders.append(order)
            self._changed.notify()

    def take(self, timeout_s: float) -> Item | None:
        """The next order or packet; None after `timeout_s` without one, or when closed and empty of orders."""
        with self._changed:
            self._changed.wait_for(lambda: self._orders or self._waiting or self._closed, timeout_s)
            if self._orders:
                return self._orders.popleft()
            if self._waiting and not self._closed:
                item = self._waiting.popleft()
                self._bytes -= len(item[0].data)
                return item
            return None

    @property
    def closed(self) -> bool:
        """Whether nothing comes any more."""
        return self._closed

    def close(self) -> None:
        """Nothing is put in any more, and packets that wait are left out."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()

    def _jump(self) -> None:
        keys = [number for number, (packet, _) in enumerate(self._waiting) if packet.key and number]
        for _ in range(keys[-1] if keys else len(self._waiting)):
            self._bytes -= len(self._waiting.popleft()[0].data)
            self.dropped += 1
