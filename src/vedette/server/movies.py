"""Planned spans, kept while a player asks for range after range of them, so that its file does not grow under it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S
from vedette.video.playback.movie import Movie

KEPT_S: Final = 120
_MOVIES: Final = 16
_PARTS: Final = 200_000


class Key(NamedTuple):
    """What was asked for, word by word."""

    camera: str
    stream: str
    start: str | None
    end: str | None


class Movies:
    """The films of the last two minutes. May be used from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, tuple[int, Movie]] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Movie], *, anew: bool) -> Movie:
        """The film of `key`: as it was asked for last, or made now (`anew`: in any case)."""
        now = self._clock.monotonic_ns()
        with self._lock:
            found = None if anew else self._known.get(key)
        made = found[1] if found is not None and now - found[0] < KEPT_S * NS_PER_S else make()
        with self._lock:
            self._known[key] = now, made
            self._known.move_to_end(key)
            self._shrink(now)
        return made

    def _shrink(self, now: int) -> None:
        for key in [key for key, (used, _) in self._known.items() if now - used >= KEPT_S * NS_PER_S]:
            del self._known[key]
        while len(self._known) > 1 and (len(self._known) > _MOVIES or self._parts() > _PARTS):
            self._known.popitem(last=False)

    def _parts(self) -> int:
        return sum(len(movie.span.parts) for _, movie in self._known.values())
