"""Packets of one stream into files, on whichever disk takes them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from vedette.engine.recorder.gaps import GapBook
from vedette.engine.recorder.ports import Cut, Format, Fragmenter
from vedette.engine.recorder.storages import Shelf, Storages
from vedette.engine.recorder.writers import OpenFile
from vedette.model.errors import StorageError, StorageFull
from vedette.model.media import Packet
from vedette.model.recording import GapReason, Run

_OVERLOAD: Final = "the disk does not keep up: footage is being left out"


@dataclass(frozen=True, slots=True)
class _Current:
    """The file that fragments go to."""

    file: OpenFile
    shelf: Shelf
    utc_ns: int


@dataclass(frozen=True, slots=True)
class _Lost:
    """A file that could not be written on."""

    shelf: Shelf
    error: StorageError
    utc_ns: int


class Filing:
    """What is recorded of one stream, from its packets to fragments that wait for a disk. Never waits itself.

    Belongs to the stream's thread. Where a disk refuses or fails, the rest of the GOP is left out, and recording goes
    on at the next keyframe in a new file, on that disk or another.

    trouble  why not everything is recorded; empty while it is
    dropped  how many times fragments were left out because a disk lagged
    """

    def __init__(self, format_: Format, storages: Storages, gaps: GapBook) -> None:
        self._format, self._storages, self._gaps = format_, storages, gaps
        self._run: Run | None = None
        self._fragmenter: Fragmenter | None = None
        self._current: _Current | None = None
        self._lock = threading.Lock()
        self._lost: deque[_Lost] = deque()
        self._at_key = True
        self._end_utc_ns = 0
        self.trouble = ""
        self.dropped = 0

    def begin(self, run: Run) -> None:
        """A new run begins."""
        self._run, self._fragmenter = run, self._format.fragmenter(run)
        self._at_key = True
        self._end_utc_ns = run.start_utc_ns

    def take(self, packet: Packet) -> None:
        """Record a packet, unless a keyframe has to come first."""
        begins = packet.key and packet.codec.medium == "video"
        self._learn()
        if begins and self._current is not None and not self._current.shelf.usable:
            self._finish()
        if self._at_key and not begins:
            return
        if not self._feed(packet) and begins:
            # The fragment that was refused ended with this keyframe; the next one can begin with it.
            self._feed(packet)

    def pause(self, reason: GapReason, text: str = "") -> None:
        """Nothing more is to be recorded for now: everything until here is written, and the file closed."""
        self._learn()
        self._finish()
        self._gaps.missing(reason, self._end_utc_ns, text)

    def end(self, reason: GapReason, text: str = "") -> None:
        """The run ended."""
        if self._run is not None:
            self.pause(reason, text)
        self._run = self._fragmenter = None

    def _feed(self, packet: Packet) -> bool:
        """Whether everything was taken that is complete with `packet`."""
        if self._fragmenter is None:
            return True
        self._at_key = False
        for cut in self._fragmenter.feed(packet):
            if not self._put(cut):
                self._discard()
                return False
        return True

    def _put(self, cut: Cut) -> bool:
        """Hand a fragment to its disk; False when a new file has to be begun."""
        if cut.opens:
            self._close()
            self._open(cut)
        current = self._current
        if current is None:
            return False
        if not current.shelf.writer.offer(current.file, cut):
            self._overload(current.shelf)
            return False
        if cut.opens:
            self._gaps.recording(cut.utc_ns)
            self.trouble = ""
        self._end_utc_ns = cut.end_utc_ns
        return True

    def _open(self, cut: Cut) -> None:
        run = self._run
        if run is None:
            return
        shelf = self._storages.choose(run.camera, run.stream)
        if shelf is None:
            reason, self.trouble = self._storages.why_none()
            self._gaps.missing(reason, self._end_utc_ns, self.trouble)
            return

        def lost(error: StorageError, utc_ns: int) -> None:
            with self._lock:
                self._lost.append(_Lost(shelf, error, utc_ns))

        self._current = _Current(OpenFile(run, lost), shelf, cut.utc_ns)

    def _overload(self, shelf: Shelf) -> None:
        self.dropped += 1
        self.trouble = _OVERLOAD
        self._storages.overloaded(shelf)
        self._gaps.missing("overload", self._end_utc_ns, _OVERLOAD)

    def _learn(self) -> None:
        """Hear from the disks what could not be written."""
        while self._lost:
            with self._lock:
                lost = self._lost.popleft()
            reason: GapReason = "storage_full" if isinstance(lost.error, StorageFull) else "storage_lost"
            self._gaps.missing(reason, lost.utc_ns, str(lost.error))
            current = self._current
            if current is None or current.shelf is lost.shelf:
                self.trouble = str(lost.error)
                self._discard()
            else:
                # Recording went on elsewhere before this was known.
                self._gaps.recording(current.utc_ns)

    def _finish(self) -> None:
        """Write what the fragmenter still holds, and close the file."""
        if self._fragmenter is not None and not self._at_key:
            for cut in self._fragmenter.finish():
                if not self._put(cut):
                    break
        self._at_key = True
        self._close()

    def _discard(self) -> None:
        """Leave out what the fragmenter still holds, close the file and wait for a keyframe."""
        if self._fragmenter is not None and not self._at_key:
            self._fragmenter.finish()
        self._at_key = True
        self._close()

    def _close(self) -> None:
        current, self._current = self._current, None
        if current is not None:
            current.shelf.writer.end(current.file)
