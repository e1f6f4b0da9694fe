"""What waits for one viewer: bounded, and never older than it has to be."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from threading import Condition

from vedette.model.time import NS_PER_S
from vedette.video.live.muxer import Unit


class UnitQueue:
    """Units between a feeder that never waits and a viewer that may be slow.

    size      bytes; when more wait, everything before the newest keyframe among them goes, and when that is not
              enough everything, and the viewer waits for the next keyframe
    behind_s  when a keyframe comes and the oldest unit is at least so much older, the viewer goes on with the keyframe
    """

    def __init__(self, size: int, behind_s: float = 2.0) -> None:
        self._most = size
        self._behind_ns = round(behind_s * NS_PER_S)
        self._units: deque[Unit] = deque()
        self._bytes = 0
        self._lost = 0
        self._waiting = True
        self._changed = Condition()
        self._closed = False
        self._listener: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    @property
    def closed(self) -> bool:
        """Nothing will come any more."""
        return self._closed

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the viewer."""
        return self._bytes

    def put(self, units: Iterable[Unit]) -> None:
        """Add `units`; never waits."""
        with self._changed:
            if self._closed:
                return
            for unit in units:
                self._add(unit)
            self._wake()

    def get(self, timeout_s: float | None = 0.0) -> tuple[Unit, int] | None:
        """The next unit, and how many pictures were left out before it; None when none came in time, or at the end.

        timeout_s  None waits until there is one or the queue is closed
        """
        with self._changed:
            if not self._units and not self._closed and (timeout_s is None or timeout_s > 0):
                self._changed.wait_for(lambda: bool(self._units) or self._closed, timeout_s)
            if not self._units:
                return None
            unit, lost = self._units.popleft(), self._lost
            self._bytes -= unit.size
            self._lost = 0
            return unit, lost

    async def get_async(self) -> tuple[Unit, int] | None:
        """The next unit as `get` gives it; None at the end. One coroutine at a time."""
        while True:
            found = self.get()
            if found is not None:
                return found
            with self._changed:
                if self._closed:
                    return None
                if self._units:
                    continue
                event = asyncio.Event()
                self._listener = asyncio.get_running_loop(), event
            await event.wait()

    def close(self) -> None:
        """End it; what waits can still be taken. May be called twice."""
        with self._changed:
            self._closed = True
            self._wake()

    def _wake(self) -> None:
        self._changed.notify_all()
        listener, self._listener = self._listener, None
        if listener is not None and not listener[0].is_closed():
            listener[0].call_soon_threadsafe(listener[1].set)

    def _add(self, unit: Unit) -> None:
        if unit.kind == "key":
            if self._units and unit.dts_ns - self._units[0].dts_ns >= self._behind_ns:
                self._forget(len(self._units))
            self._waiting = False
        if self._waiting:
            self._lost += unit.kind != "audio"
            return
        self._units.append(unit)
        self._bytes += unit.size
        if self._bytes > self._most:
            self._shed()

    def _shed(self) -> None:
        newest = max((i for i, unit in enumerate(self._units) if unit.kind == "key"), default=0)
        self._forget(newest)
        if self._bytes > self._most:
            self._forget(len(self._units))
            self._waiting = True

    def _forget(self, count: int) -> None:
        for _ in range(count):
            unit = self._units.popleft()
            self._bytes -= unit.size
            self._lost += unit.kind != "audio"
