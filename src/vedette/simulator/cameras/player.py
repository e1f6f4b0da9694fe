"""When the frames of a clip are due, and who gets them."""

from __future__ import annotations

import asyncio
import heapq
from bisect import bisect_left
from collections.abc import Callable
from typing import Final, Protocol

from vedette.simulator.cameras.rtp import Cut, CutClip

_LEAST_WAIT_S: Final = 0.002
"""Frames due within this are sent together: waking up costs more than a frame."""


class Viewer(Protocol):
    """Somebody who is sent frames."""

    def send(self, cut: Cut, number: int, at_s: float, captured_s: float) -> None:
        """Take one frame: the `number`th since the camera was switched on, `at_s` seconds of media time."""
        ...

    def end(self) -> None:
        """There are no more."""
        ...


class Player:
    """A clip that is shown round and round, or once.

    clip      what is shown
    begin_s   when its frame `first` is due, by the loop's clock
    first     the frame it begins with
    epoch_s   where media time is 0, by the loop's clock
    number    of the first frame
    """

    def __init__(
        self, clip: CutClip, begin_s: float, *, first: int = 0, epoch_s: float, number: int = 0, loop: bool = True
    ) -> None:
        self.clip, self.loop = clip, loop
        self._count = len(clip.cuts)
        self._first = first % self._count
        self._lag_s = clip.clip.units[self._first].dts_s
        self._begin_s, self._epoch_s, self._number = begin_s, epoch_s, number
        self._dts = [unit.dts_s for unit in clip.clip.units]
        self._next = 0
        self.viewers: list[Viewer] = []
        self.waiting = False

    @property
    def due_s(self) -> float:
        """When the next frame is to be sent."""
        return self._begin_s + self._elapsed(self._next)

    @property
    def number(self) -> int:
        """Of the next frame."""
        return self._number + self._next

    @property
    def next_at_s(self) -> float:
        """Media time of the next frame."""
        cut = self.clip.cuts[(self._first + self._next) % self._count]
        return self.due_s + cut.unit.pts_s - cut.unit.dts_s - self._epoch_s

    def media_s(self, now_s: float) -> float:
        """Media time of a frame captured at `now_s`."""
        return now_s - self._epoch_s + self.clip.clip.reorder_s

    def seek(self, now_s: float) -> None:
        """Make the first frame due from `now_s` on the next one; a clip that is shown once waits."""
        if not self.loop:
            self._begin_s += max(0.0, now_s - self.due_s)
            return
        laps, rest = divmod(now_s - self._begin_s + self._lag_s, self.clip.clip.length_s)
        self._next = max(0, int(laps) * self._count + bisect_left(self._dts, rest - 1e-6) - self._first)

    def fire(self) -> bool:
        """Send the next frame; whether there is another one after it."""
        index, due_s = (self._first + self._next) % self._count, self.due_s
        if not self.loop and self._first + self._next >= self._count:
            for viewer in tuple(self.viewers):
                viewer.end()
            return False
        cut = self.clip.cuts[index]
        shown_s = due_s + cut.unit.pts_s - cut.unit.dts_s
        for viewer in tuple(self.viewers):
            viewer.send(cut, self.number, shown_s - self._epoch_s, shown_s - self.clip.clip.reorder_s)
        self._next += 1
        return True

    def _elapsed(self, count: int) -> float:
        laps, index = divmod(self._first + count, self._count)
        return laps * self.clip.clip.length_s + self._dts[index] - self._lag_s


class Ticker:
    """Fires every player's frames when they are due, with one timer for all."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: list[tuple[float, int, Player]] = []
        self._entries = 0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, player: Player, viewer: Viewer) -> None:
        """From now on `viewer` gets what `player` shows."""
        player.viewers.append(viewer)
        if not player.waiting:
            player.seek(self._loop.time())
            self._push(player)
            self._arm()

    @staticmethod
    def leave(player: Player, viewer: Viewer) -> None:
        """`viewer` gets nothing more. Does nothing when it got nothing."""
        if viewer in player.viewers:
            player.viewers.remove(viewer)

    def _push(self, player: Player) -> None:
        player.waiting = True
        self._entries += 1
        heapq.heappush(self._queue, (player.due_s, self._entries, player))

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queue:
            soonest = max(self._queue[0][0], self._loop.time() + _LEAST_WAIT_S)
            self._timer = self._loop.call_at(soonest, self._tick)

    def _tick(self) -> None:
        now_s = self._loop.time()
        while self._queue and self._queue[0][0] <= now_s:
            _, _, player = heapq.heappop(self._queue)
            player.waiting = False
            if player.viewers and player.fire():
                self._push(player)
        self._arm()


UtcOf = Callable[[float | None], int]
"""The wall clock, in nanoseconds since 1970, at a moment of the loop's clock; None: now."""
