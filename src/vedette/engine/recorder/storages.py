"""The storage folders of a recorder, and which of them can be written to."""

from __future__ import annotations

import random
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Final, Literal

import structlog

from vedette.engine.health import AlarmBook, HealthBook
from vedette.engine.logs import FallingRate
from vedette.engine.recorder.writers import DiskWriter
from vedette.engine.supervisor import Backoff, Waits
from vedette.model.errors import DatabaseError, StorageError, StorageFull
from vedette.model.ports import Clock
from vedette.model.recording import GapReason
from vedette.model.recording_ports import Files
from vedette.model.time import NS_PER_S

ShelfState = Literal["ok", "full", "lost"]
WAITS: Final = Waits(first_s=2.0, longest_s=300.0)
STUCK_S: Final = 10.0
"""A write that lasts longer: new files go elsewhere, where there is an elsewhere."""
PROBE: Final = PurePosixPath("vedette-probe")
"""Written to a folder that was lost before it is believed that it can be written to."""
WELL_S: Final = 60.0
"""A folder that was well this long after it came back: its next failure counts as the first."""
SLOW_S: Final = 60.0
"""How long after the last dropped GOP the alarm about a slow disk stays."""
_log = structlog.get_logger(__name__)


class Shelf:
    """One storage folder."""

    def __init__(self, files: Files, writer: DiskWriter, backoff: Backoff) -> None:
        self.files, self.writer, self.backoff = files, writer, backoff
        self.id = files.storage.id
        self.part = f"storage:{self.id}"
        self.state: ShelfState = "ok"
        self.text = ""
        self.free: int | None = None
        self.look_at_ns = self.back_ns = 0
        self.slow_until_ns: int | None = None

    @property
    def usable(self) -> bool:
        """Whether a file that is being written here may go on."""
        return self.state == "ok"


class Storages:
    """Chooses where files go, notices disks that fail and that come back. May be used from any thread.

    returned  called, from the thread that looks after disks, when a folder can be used again after it was lost, before
              anything is recorded to it: the place to repair what was left there. May raise StorageError, DatabaseError
    lost      called when a folder was lost, from any thread: the place to let go of it, so that it can be unmounted.
              Must not wait nor raise
    """

    def __init__(
        self,
        clock: Clock,
        health: HealthBook,
        alarms: AlarmBook,
        chance: random.Random,
        returned: Callable[[Files], None] = lambda _files: None,
        *,
        lost: Callable[[Files], None] = lambda _files: None,
    ) -> None:
        self._clock, self._health, self._alarms, self._chance = clock, health, alarms, chance
        self._returned, self._lost = returned, lost
        self._lock = threading.Lock()
        self._shelves: list[Shelf] = []
        self._rate = FallingRate()

    @property
    def shelves(self) -> Sequence[Shelf]:
        """All of them, in the order of the configuration."""
        return tuple(self._shelves)

    def add(self, files: Files, writer: DiskWriter) -> None:
        """Use one more folder."""
        self._shelves.append(Shelf(files, writer, Backoff(WAITS, self._chance)))

    def choose(self, camera: str, stream: str) -> Shelf | None:
        """Where the next file of a stream goes; None when no folder can be used.

        Every stream has a home, so that the load is spread; while it cannot be used the next one takes its place.
        """
        if not self._shelves:
            return None
        home = zlib.crc32(f"{camera}/{stream}".encode()) % len(self._shelves)
        order = [shelf for shelf in self._shelves[home:] + self._shelves[:home] if shelf.usable]
        quick = [shelf for shelf in order if shelf.writer.stuck_s() < STUCK_S]
        return next(iter(quick or order), None)

    def why_none(self) -> tuple[GapReason, str]:
        """Why no folder can be used."""
        text = "; ".join(shelf.text for shelf in self._shelves if shelf.text)
        full = any(shelf.state == "full" for shelf in self._shelves)
        return ("storage_full" if full else "storage_lost"), text or "there is no storage folder"

    def failed(self, storage: str, error: StorageError) -> None:
        """A folder did not take what was written. It is looked at before it is used again."""
        shelf = next(shelf for shelf in self._shelves if shelf.id == storage)
        if isinstance(error, StorageFull):
            self.full(shelf, str(error))
        else:
            self._lose(shelf, error)

    def full(self, shelf: Shelf, text: str) -> None:
        """There is no room left; `roomy` ends it."""
        with self._lock:
            if shelf.state == "lost":
                return
            shelf.state, shelf.text = "full", text
        self._alarms.set("storage_full", shelf.part, text)
        self._show(shelf)

    def roomy(self, shelf: Shelf) -> None:
        """There is room again."""
        with self._lock:
            if shelf.state == "full":
                shelf.state, shelf.text = "ok", ""
        if shelf.state == "ok":
            self._alarms.clear("storage_full", shelf.part)
            self._show(shelf)

    def overloaded(self, shelf: Shelf) -> None:
        """A folder lagged so far behind that a GOP was dropped."""
        shelf.slow_until_ns = self._clock.monotonic_ns() + round(SLOW_S * NS_PER_S)
        path = shelf.files.storage.path
        text = f"{path} is too slow: footage is being left out; record less there, or use a faster disk"
        self._alarms.set("storage_slow", shelf.part, text)

    def look(self) -> None:
        """Look after every folder: for the thread that looks after disks, every few seconds."""
        now = self._clock.monotonic_ns()
        for shelf in self._shelves:
            if shelf.slow_until_ns is None or now >= shelf.slow_until_ns:
                shelf.slow_until_ns = None
                self._alarms.clear("storage_slow", shelf.part)
            if now >= shelf.look_at_ns:
                self._look_at(shelf, now)
            self._show(shelf)

    def _look_at(self, shelf: Shelf, now: int) -> None:
        try:
            shelf.files.check()
            shelf.free = shelf.files.free_bytes()
            if shelf.state == "lost":
                _prove(shelf.files)
                self._repair(shelf)
        except StorageError as error:
            self._lose(shelf, error)
            return
        with self._lock:
            back = shelf.state == "lost"
            if back:
                shelf.state, shelf.text, shelf.back_ns = "ok", "", now
            elif now - shelf.back_ns > WELL_S * NS_PER_S:
                shelf.backoff.well()
                self._rate.well(shelf.id)
        self._alarms.clear("storage_lost", shelf.part)
        if back:
            _log.info("storage is back", path=shelf.files.storage.path)

    def _repair(self, shelf: Shelf) -> None:
        try:
            self._returned(shelf.files)
        except DatabaseError as error:
            # What was left there has no rows yet; that is no reason not to record there again.
            _log.error("storage not repaired before the next start", path=shelf.files.storage.path, why=str(error))

    def _lose(self, shelf: Shelf, error: StorageError) -> None:
        with self._lock:
            was_full = shelf.state == "full"
            shelf.state, shelf.text = "lost", str(error)
            # A disk that fails again and again although it looks well is given longer and longer rests.
            rest_s = shelf.backoff.failed()
            shelf.look_at_ns = self._clock.monotonic_ns() + round(rest_s * NS_PER_S)
        self._lost(shelf.files)
        if was_full:
            self._alarms.clear("storage_full", shelf.part)
        self._alarms.set("storage_lost", shelf.part, str(error))
        if times := self._rate.lets(shelf.id):
            _log.error("storage lost", path=shelf.files.storage.path, why=str(error), times=times)
        self._show(shelf)

    def _show(self, shelf: Shelf) -> None:
        figures = dict(shelf.writer.figures())
        if shelf.free is not None:
            figures["bytes_free"] = shelf.free
        self._health.set(shelf.part, *self._state(shelf), figures=figures)

    def _state(self, shelf: Shelf) -> tuple[Literal["ok", "degraded", "failed"], str]:
        if shelf.state != "ok":
            return "failed", shelf.text
        if shelf.slow_until_ns is not None or shelf.writer.stuck_s() >= STUCK_S:
            return "degraded", f"{shelf.files.storage.path} is too slow: footage may be left out"
        return "ok", ""


def _prove(files: Files) -> None:
    """Return when `files` takes data: many a failing disk looks well to whoever only asks. Raises StorageError."""
    try:
        files.unlink(PROBE)
        file = files.create(PROBE)
        try:
            file.write(bytes(4096))
            file.sync(whole=True)
        finally:
            file.close()
            files.unlink(PROBE)
    except StorageFull:
        # That it is full is found by those who make room.
        return
