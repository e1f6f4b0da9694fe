"""Deleting what has had its time, and keeping room for what comes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import structlog

from vedette.engine.health import AlarmBook
from vedette.engine.logs import FallingRate
from vedette.engine.recorder.storages import Shelf, Storages
from vedette.model.errors import OperationError, StorageError, StorageGone
from vedette.model.ports import Clock
from vedette.model.recording import Doomed, Keep
from vedette.model.recording_ports import GarbageBook, Retention
from vedette.model.time import NS_PER_S

BATCH: Final = 200
"""Segments that are condemned at once: few enough that recording's own rows never wait long."""
HEADROOM: Final = 256 * 2**20
"""Bytes that are freed beyond what is needed, so that not every look finds the disk full again."""
SOON_SHARE: Final = 0.1
RESUME: Final = 64 * 2**20
"""Bytes beyond what is kept free that a full folder must have before it is written to again: several of the largest
fragments, so that it is not full again at once. On a small disk a fifth of it is enough."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes. `most` that recordings may take in a folder, `keep_free` that are left for others."""

    most: int | None = None
    keep_free: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperOptions:
    """Seconds. `look_s` between looks at the disks, `expire_s` between looks for what is too old.

    budget_s    deleting pauses after this long, so that the disks are looked at in time
    sweep_s     between looks for files that were condemned and are still there
    step_s      a wall clock that jumps ahead by more is not believed at once
    distrust_s  how long such a jump has to last before anything is deleted for its age
    """

    look_s: float = 3.0
    expire_s: float = 60.0
    budget_s: float = 2.0
    sweep_s: float = 600.0
    step_s: float = 900.0
    distrust_s: float = 3600.0


class Keeper:
    """Looks after the storage folders. `tick` belongs to one thread; `apply` may be called from any."""

    def __init__(
        self,
        storages: Storages,
        garbage: GarbageBook,
        retention: Retention,
        alarms: AlarmBook,
        *,
        clock: Clock,
        options: KeeperOptions | None = None,
    ) -> None:
        self._storages, self._garbage, self._retention = storages, garbage, retention
        self._alarms, self._clock, self._options = alarms, clock, options or KeeperOptions()
        self._keep: Sequence[Keep] = ()
        self._limits: Mapping[str, Limits] = {}
        self._rate = FallingRate()
        now = clock.monotonic_ns()
        self._expire_at = self._sweep_at = self._trust_at = now
        self._seen = (now, clock.utc_ns())
        self._swept: set[str] = set()
        self.deleted = 0

    def apply(self, keep: Sequence[Keep], limits: Mapping[str, Limits]) -> None:
        """Keep this much of every stream, and let every storage folder (by id) take this much."""
        self._keep, self._limits = tuple(keep), dict(limits)

    def run(self, stopping: threading.Event) -> None:
        """Look again and again until `stopping` is set."""
        while not stopping.is_set():
            self.tick()
            stopping.wait(self._options.look_s)

    def tick(self) -> None:
        """Look at every disk, delete what is due."""
        try:
            self._storages.look()
            self._watch_clock()
            until_ns = self._clock.monotonic_ns() + round(self._options.budget_s * NS_PER_S)
            for shelf in self._storages.shelves:
                if shelf.state != "lost":
                    self._make_room(shelf, until_ns)
            self._expire(until_ns)
            self._sweep()
        except OperationError as error:
            if times := self._rate.lets(type(error).__name__):
                _log.error("nothing deleted", why=str(error), times=times)
        except Exception:  # noqa: BLE001 - border of a thread
            # The border of this thread: disks have to be looked at again whatever went wrong this time.
            _log.exception("keeper stumbled")

    def _watch_clock(self) -> None:
        options, (mono_ns, utc_ns) = self._options, self._seen
        self._seen = now, utc = self._clock.monotonic_ns(), self._clock.utc_ns()
        ahead_s = ((utc - utc_ns) - (now - mono_ns)) / NS_PER_S
        if ahead_s > options.step_s:
            self._trust_at = now + round(options.distrust_s * NS_PER_S)
            _log.warning("clock jumped ahead: nothing is deleted for its age for now", by_s=round(ahead_s))
        elif ahead_s < -options.step_s:
            self._trust_at = now

    def _make_room(self, shelf: Shelf, until_ns: int) -> None:
        limits = self._limits.get(shelf.id, Limits())
        used, locked = self._retention.used(shelf.id)
        need = self._need(shelf, limits, used)
        if need > 0:
            freed, nothing_left = self._free(shelf, need + min(HEADROOM, used // 20), until_ns)
            used -= freed
            shelf.free = shelf.files.free_bytes()
            need = self._need(shelf, limits, used)
            if need > 0 and nothing_left:
                what = "of locked footage: release locks" if locked else "of other things: make room there"
                self._storages.full(shelf, f"{shelf.files.storage.path} is full {what} or add a disk")
                return
        if need <= 0:
            self._storages.roomy(shelf)
        self._warn(shelf, limits, used, locked)

    def _free(self, shelf: Shelf, wanted: int, until_ns: int) -> tuple[int, bool]:
        """Delete the oldest; the bytes of it, and whether nothing is left that could be deleted."""
        freed = 0
        while freed < wanted and self._clock.monotonic_ns() < until_ns:
            doomed = self._retention.oldest(shelf.id, wanted - freed, BATCH)
            if not doomed:
                return freed, True
            self._delete(doomed)
            freed += sum(each.size for each in doomed)
        return freed, False

    def _need(self, shelf: Shelf, limits: Limits, used: int) -> int:
        """Bytes that have to go."""
        over = 0 if limits.most is None else used - limits.most
        if shelf.free is None:
            return max(over, 0)
        more = min(RESUME, (shelf.free + used) // 5) if shelf.state == "full" else 0
        return max(over, limits.keep_free + more - shelf.free)

    def _warn(self, shelf: Shelf, limits: Limits, used: int, locked: int) -> None:
        """Raise the alarm while there is still time: when hardly anything is left that could be deleted."""
        if shelf.free is None:
            return
        unused = max(0, shelf.free - limits.keep_free)
        if limits.most is not None:
            unused = min(unused, max(0, limits.most - used))
        room, whole = unused + max(0, used - locked), unused + used
        # Not cleared before there is a little more, so that it does not come and go.
        share = SOON_SHARE * (1.2 if ("storage_soon_full", shelf.part) in self._alarms.now() else 1.0)
        if whole > 0 and room < share * whole:
            left = f"{room / 1e9:.1f} GB"
            path = shelf.files.storage.path
            text = f"{path} has {left} left that are not locked; then recording stops: release locks or add a disk"
            self._alarms.set("storage_soon_full", shelf.part, text)
        else:
            self._alarms.clear("storage_soon_full", shelf.part)

    def _expire(self, until_ns: int) -> None:
        # The time that was judged: a clock may be set at any moment.
        now, utc_ns = self._seen
        if not self._keep or now < max(self._expire_at, self._trust_at):
            return
        while self._clock.monotonic_ns() < until_ns:
            doomed = self._retention.expired(self._keep, utc_ns, BATCH)
            if doomed:
                self._delete(doomed)
            if len(doomed) < BATCH:
                self._expire_at = now + round(self._options.expire_s * NS_PER_S)
                return

    def _delete(self, doomed: Sequence[Doomed]) -> None:
        """Rows to garbage, files away, names on the disk, garbage dropped: a crash between leaves garbage only."""
        self._garbage.condemn([each.id for each in doomed])
        self.deleted += len(doomed)
        for storage in dict.fromkeys(each.storage for each in doomed):
            self._remove(storage, [(each.id, each.path) for each in doomed if each.storage == storage])

    def _remove(self, storage: str, condemned: Sequence[tuple[int, str]]) -> None:
        shelf = next((shelf for shelf in self._storages.shelves if shelf.id == storage), None)
        if shelf is None or shelf.state == "lost":
            self._swept.discard(storage)
            return
        gone: list[tuple[int, PurePosixPath]] = []
        for number, path in condemned:
            try:
                shelf.files.unlink(PurePosixPath(path))
            except StorageGone:
                self._swept.discard(storage)
                raise
            except StorageError as error:
                # It stays garbage: the next sweep tries again, and the others go meanwhile.
                if times := self._rate.lets(path):
                    _log.error("file cannot be deleted", path=path, why=str(error), times=times)
            else:
                gone.append((number, PurePosixPath(path)))
        for folder in {path.parent for _, path in gone}:
            shelf.files.sync_folder(folder)
        self._garbage.forget([number for number, _ in gone])

    def _sweep(self) -> None:
        """Remove what was condemned and is still there: after a start, after a disk came back, and now and then."""
        now = self._clock.monotonic_ns()
        if now >= self._sweep_at:
            self._sweep_at = now + round(self._options.sweep_s * NS_PER_S)
            self._swept.clear()
        for shelf in self._storages.shelves:
            if shelf.state == "lost":
                self._swept.discard(shelf.id)
            elif shelf.id not in self._swept:
                self._swept.add(shelf.id)
                condemned = list(self._garbage.garbage(shelf.id))
                for start in range(0, len(condemned), BATCH):
                    self._remove(shelf.id, condemned[start : start + BATCH])
