"""What has been written becomes news and rows."""

from __future__ import annotations

import threading
from typing import Protocol

from vedette.engine.recorder.ports import Bus
from vedette.engine.recorder.rows import Rows
from vedette.model.errors import StorageError
from vedette.model.news import FragmentWritten, SegmentBegun, SegmentClosed
from vedette.model.recording import Fragment, Segment


class Failing(Protocol):
    """Who has to know of a disk that failed."""

    def failed(self, storage: str, error: StorageError) -> None:
        """A folder did not take what was written."""
        ...


class Tidings:
    """Hears the disks' threads, tells the other processes, and has rows written. Never waits."""

    def __init__(self, bus: Bus, rows: Rows, storages: Failing) -> None:
        self._bus, self._rows, self._storages = bus, rows, storages
        # Held while news go out: an announcement must not overtake the fragment that it does not know of yet.
        self._lock = threading.Lock()
        self._open: dict[int, Segment] = {}

    def begun(self, segment: Segment) -> None:
        """A file was created."""
        with self._lock:
            self._open[segment.id] = segment
            self._bus.news(SegmentBegun(segment))

    def written(self, segment: Segment, fragment: Fragment) -> None:
        """A fragment is on the disk."""
        with self._lock:
            self._open[segment.id] = segment
            self._bus.news(FragmentWritten(segment.id, segment.camera, segment.stream, fragment))

    def over(self, segment: Segment) -> None:
        """A file is not being written any more, whether it was finished or not."""
        with self._lock:
            self._open.pop(segment.id, None)

    def finished(self, segment: Segment) -> None:
        """A file is on the disk; it is told of once its row is written."""
        self._rows.commit(segment, lambda: self._bus.news(SegmentClosed(segment)))

    def failed(self, storage: str, error: StorageError) -> None:
        """A folder did not take what was written."""
        self._storages.failed(storage, error)

    def writing(self, storage: str) -> set[str]:
        """Paths of the files that are being written in a storage folder."""
        with self._lock:
            return {segment.path for segment in self._open.values() if segment.storage == storage}

    def announce(self) -> None:
        """Tell again of every file that is being written, for those who came later."""
        with self._lock:
            for segment in self._open.values():
                self._bus.news(SegmentBegun(segment))
