"""Rows on their way to the database. Recording never waits for it, and goes on without it."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

import structlog

from vedette.engine.health import AlarmBook, HealthBook
from vedette.engine.logs import FallingRate
from vedette.engine.supervisor import Backoff, Waits, keep_trying
from vedette.model.errors import DatabaseBusy, DatabaseError, OperationError
from vedette.model.health import Alarm
from vedette.model.recording import Gap, Run, Segment
from vedette.model.recording_ports import Ledger

WAITS: Final = Waits(first_s=0.2, longest_s=10.0)
PATIENCE: Final = 4
"""Failures of one row after which the others get their turn before it."""
_PART: Final = "database"
_FIRST: Final = "first"
_log = structlog.get_logger(__name__)

Write = Callable[[], None]


class Rows:
    """Writes rows in a thread of its own, in the order they came, again and again until the database takes them.

    Beyond `limit` new rows are left out and counted: files tell everything about themselves, and the next start
    writes what has no row. A row that supersedes one that waits takes its place.
    """

    def __init__(self, ledger: Ledger, health: HealthBook, chance: random.Random, limit: int) -> None:
        self._ledger, self._health, self._limit = ledger, health, limit
        self._backoff = Backoff(WAITS, chance)
        self._changed = threading.Condition()
        self._waiting: OrderedDict[Hashable, tuple[Write, Write | None]] = OrderedDict()
        self._writing: Hashable | None = None
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._rate = FallingRate()
        self._thread = threading.Thread(target=self._run, name="rows", daemon=True)
        self._alarms: AlarmBook | None = None
        self.dropped = 0

    def start(self, alarms: AlarmBook) -> None:
        """Begin to write; alarms of the database go to `alarms`."""
        self._alarms = alarms
        self._health.set(_PART, "ok")
        self._thread.start()

    def first(self, write: Write) -> None:
        """Before anything else, and before everything else: what could not be written down before the start."""
        self._put(_FIRST, write)

    def begin_run(self, run: Run) -> None:
        """A camera was connected."""
        self._put(("run", run.id), lambda: self._ledger.begin_run(run))

    def end_run(self, run: Run) -> None:
        """A run has its end."""
        self._put(("run end", run.id), lambda: self._ledger.end_run(run))

    def gap(self, gap: Gap) -> None:
        """A gap began or ended."""
        self._put(("gap", gap.id), lambda: self._ledger.put_gap(gap))

    def alarm(self, alarm: Alarm) -> None:
        """An alarm was raised or cleared."""
        key = ("alarm", alarm.kind, alarm.part, alarm.raised_utc_ns)
        self._put(key, lambda: self._ledger.raise_alarm(alarm))

    def commit(self, segment: Segment, done: Write) -> None:
        """A file is on the disk; `done` is called once its row is written."""
        self._put(("segment", segment.id), lambda: self._ledger.commit(segment), done)

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        with self._changed:
            return len(self._waiting)

    def stop(self, seconds: float) -> bool:
        """Write what waits, for `seconds` at most; whether everything was written."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        self._hurry.set()
        return self.waiting == 0

    def _put(self, key: Hashable, write: Write, done: Write | None = None) -> None:
        with self._changed:
            if key not in self._waiting and len(self._waiting) >= self._limit:
                self.dropped += 1
                return
            # A row that is being written at this moment may be gone when it comes back: the newer one goes to the end.
            if key == self._writing:
                self._waiting.pop(key, None)
                self._writing = None
            self._waiting[key] = write, done
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping.is_set())
                if not self._waiting:
                    return
            if not keep_trying(self._attempt, self._backoff, self._wait, self._failed):
                return

    def _attempt(self) -> bool:
        with self._changed:
            key, (write, done) = next(iter(self._waiting.items()))
            self._writing = key
        try:
            write()
        except OperationError:
            raise
        except Exception:  # noqa: BLE001 - border of a thread
            # The border of this thread: a row that breaks the adapter must not keep all others from being written.
            _log.exception("row left out", row=str(key))
            done = None
        with self._changed:
            if self._writing == key:
                self._waiting.pop(key, None)
            self._writing = None
        if done is not None:
            done()
        if self._backoff.failures:
            self._recovered()
        return True

    def _wait(self, seconds: float) -> bool:
        # Once the process is stopping there is no time for long waits: `stop` ends it all.
        return self._hurry.wait(min(seconds, 0.2) if self._stopping.is_set() else seconds)

    def _failed(self, error: OperationError | None, wait_s: float) -> None:
        busy = isinstance(error, DatabaseBusy) and self._backoff.failures < PATIENCE
        if self._backoff.failures % PATIENCE == 0:
            with self._changed:
                # Perhaps it is this row that the database does not take.
                first = next(iter(self._waiting))
                if first != _FIRST:
                    self._waiting.move_to_end(first)
        if busy or error is None:
            return
        waiting = self.waiting
        text = f"{error}; recording goes on, {waiting} rows wait"
        self._health.set(_PART, "failed", str(error), {"rows_waiting": waiting, "rows_dropped": self.dropped})
        # What failed once may have met a database that was replaced at that moment.
        if self._alarms is not None and self._backoff.failures > 1:
            self._alarms.set("database_broken", _PART, str(error))
        if times := self._rate.lets(type(error).__name__):
            _log.error("database does not take rows", why=text, times=times, again_in_s=round(wait_s, 1))

    def _recovered(self) -> None:
        self._backoff.well()
        self._rate.well(DatabaseError.__name__)
        self._rate.well(DatabaseBusy.__name__)
        if self._alarms is not None:
            self._alarms.clear("database_broken", _PART)
        self._health.set(_PART, "ok", figures={"rows_waiting": self.waiting, "rows_dropped": self.dropped})
