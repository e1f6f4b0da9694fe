"""Times in which a stream was not recorded, written down with the reason."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from vedette.model.identity import new_id
from vedette.model.recording import Gap, GapReason


class GapBook:
    """The gaps of one stream; one is open at a time. May be used from any thread.

    put  writes a gap down and tells of it; must not raise
    """

    def __init__(self, camera: str, stream: str, put: Callable[[Gap], None]) -> None:
        self._camera, self._stream, self._put = camera, stream, put
        self._lock = threading.RLock()
        self._open: Gap | None = None

    @property
    def open(self) -> Gap | None:
        """The gap that lasts; None while the stream is recorded."""
        with self._lock:
            return self._open

    def write_again(self) -> None:
        """Write the gap that lasts down once more."""
        with self._lock:
            if self._open is not None:
                self._put(self._open)

    def recording(self, utc_ns: int) -> None:
        """Recording goes on with what was captured at `utc_ns`: the gap, if there is one, ended."""
        with self._lock:
            gap, self._open = self._open, None
            if gap is not None:
                self._put(replace(gap, end_utc_ns=max(gap.start_utc_ns, utc_ns)))

    def missing(self, reason: GapReason, since_utc_ns: int, text: str = "") -> None:
        """Nothing is recorded since `since_utc_ns`. Another reason than before ends one gap and begins the next."""
        with self._lock:
            if self._open is not None:
                if self._open.reason == reason:
                    return
                since_utc_ns = max(since_utc_ns, self._open.start_utc_ns)
                self.recording(since_utc_ns)
            self._open = Gap(new_id(since_utc_ns), self._camera, self._stream, since_utc_ns, None, reason, text)
            self._put(self._open)
