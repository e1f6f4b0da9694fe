"""Looking after the database of a running recorder: copies of it, and another file in the place of a damaged one."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from vedette.engine.logs import FallingRate
from vedette.engine.recorder.recorder import Recorder
from vedette.model.errors import DatabaseError, OperationError
from vedette.model.ports import Clock
from vedette.model.recording import Lock
from vedette.model.time import NS_PER_S
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger
from vedette.store.locks import SqlLocks
from vedette.store.mending import mend
from vedette.store.recordings import SqlRecordings
from vedette.store.rescue import backup_path
from vedette.video.recording.recovery import end_stale

_PART: Final = "database"
_STOP_S: Final = 10.0
_ROOM: Final = 2.0
"""A copy is made only where so many times its size are free: recordings may lie on the same disk."""
_SOON_S: Final = 600.0
"""A database that is damaged again so soon was replaced by a copy that was no better."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CareOptions:
    """Seconds. `look_s` between looks at the file, `backup_s` between copies, `first_s` from the start to the first."""

    look_s: float = 1.0
    backup_s: float = 86_400.0
    first_s: float = 10.0


class DatabaseCare:
    """Keeps a database usable without a person. `look` and `run` belong to one thread; PostgreSQL is left alone.

    A copy is made once a day and when evidence is locked. A damaged file is kept aside and its last good copy put in
    its place, or an empty one where there is none. Then, and wherever else another file is found than before, `refill`
    writes down anew what can be known without the old one.

    refill  may raise OperationError, and is called again then
    told    hears one line about a damaged file before it is replaced
    well    hears that all is written down again
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        refill: Callable[[], None],
        told: Callable[[str], None],
        well: Callable[[], None],
        options: CareOptions | None = None,
    ) -> None:
        self._database, self._clock, self._options = database, clock, options or CareOptions()
        self._refill, self._told, self._well = refill, told, well
        # What the recorder itself writes down where the database did not answer at the start needs no refilling.
        self._known = max(1, database.generation)
        self._rate = FallingRate()
        self._mended_ns: int | None = None
        self._first_ns = self._copy_at_ns = clock.monotonic_ns() + round(self._options.first_s * NS_PER_S)
        self._locks: tuple[Lock, ...] = ()

    def run(self, stopping: threading.Event) -> None:
        """Look again and again until `stopping` is set."""
        while not stopping.wait(self._options.look_s):
            self.look()

    def look(self) -> None:
        """Replace a damaged file, refill another one, make the copy of the day."""
        if self._database.path is None:
            return
        try:
            self._mend()
            if self._database.generation > self._known:
                generation = self._database.generation
                self._refill()
                self._known = generation
                self._well()
            self._copy(self._database.path)
        except OperationError as error:
            if times := self._rate.lets(type(error).__name__):
                _log.warning("database not looked after", why=str(error), times=times)
        except Exception:  # noqa: BLE001 - border of a thread
            # The border of this thread: the database has to be looked after whatever went wrong this time.
            _log.exception("care for the database stumbled")

    def _mend(self) -> None:
        now = self._clock.monotonic_ns()
        again = self._mended_ns is not None and now - self._mended_ns < _SOON_S * NS_PER_S
        done = mend(self._database, self._told, again=again)
        if done is not None:
            self._mended_ns = now
            _log.error("database replaced", kept=str(done.kept), by=str(done.restored or "a new one"))

    def _copy(self, path: Path) -> None:
        now = self._clock.monotonic_ns()
        # Locks are what only the database knows and nothing may lose: a file that is restored must have all of them.
        locks = tuple(SqlLocks(self._database).all())
        changed, due = locks != self._locks, now >= self._copy_at_ns
        if now < self._first_ns or not (changed or due):
            return
        self._locks = locks
        copy, size = backup_path(path), path.stat().st_size
        if copy.is_file() and not changed:
            age_s = self._clock.utc_ns() / NS_PER_S - copy.stat().st_mtime
            # One from the future is of a time when the clock was wrong.
            if 0.0 <= age_s < self._options.backup_s:
                self._copy_at_ns = now + round((self._options.backup_s - age_s) * NS_PER_S)
                return
        self._copy_at_ns = now + round(min(3600.0, self._options.backup_s) * NS_PER_S)
        if shutil.disk_usage(path.parent).free < _ROOM * size:
            raise DatabaseError(f"there is no room for a copy of {path}: free some on its disk")
        self._database.backup(copy)
        self._copy_at_ns = now + round(self._options.backup_s * NS_PER_S)
        _log.info("database copied", to=str(copy))


@contextmanager
def cared_for(
    database: Database, clock: Clock, recorder: Recorder, note: Callable[[], None], told: Sequence[str]
) -> Iterator[None]:
    """Look after the database of `recorder` meanwhile, in a thread of its own.

    note  writes down what the configuration says; may raise DatabaseError
    told  what was put right before the start
    """

    def refill() -> None:
        note()
        recorder.write_again()
        end_stale(SqlLedger(database), SqlRecordings(database), recorder.standing, clock.utc_ns(), recorder.node)

    def tell(line: str) -> None:
        recorder.alarms.set("database_broken", _PART, line)

    def well() -> None:
        recorder.alarms.clear("database_broken", _PART)

    for line in told:
        tell(line)
    if database.generation:
        well()
    care, stopping = DatabaseCare(database, clock, refill=refill, told=tell, well=well), threading.Event()
    thread = threading.Thread(target=care.run, args=(stopping,), name="database", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(_STOP_S)
