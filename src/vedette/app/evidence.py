"""Evidence locks: footage that nothing deletes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from vedette.clock import SystemClock
from vedette.config import SystemConfig
from vedette.model.errors import UsageError
from vedette.model.identity import new_id
from vedette.model.recording import Lock
from vedette.store.database import Database
from vedette.store.locks import SqlLocks


def lock(config: SystemConfig, camera: str, span: tuple[int, int], name: str, by: str) -> Lock:
    """Keep the footage of `camera` in `span` (start and end, UTC ns) until the lock is ended.

    Raises ConfigError for an unknown camera, UsageError for a lock without a name, DatabaseError.
    """
    if not name.strip():
        raise UsageError("a lock needs a name that says what it is kept for: --name 'theft of 22 November'")
    known, now_utc_ns = config.camera(camera), SystemClock().utc_ns()
    made = Lock(new_id(now_utc_ns), known.id, *span, name.strip(), now_utc_ns, by)
    with closing(_database(config)) as database:
        SqlLocks(database).put(made)
    return made


def locks(config: SystemConfig) -> Sequence[Lock]:
    """Every lock, oldest time first. Raises DatabaseError."""
    with closing(_database(config)) as database:
        return SqlLocks(database).all()


def unlock(config: SystemConfig, number: int) -> Lock:
    """End a lock. Raises UsageError when there is none of that number, DatabaseError."""
    with closing(_database(config)) as database:
        ended = SqlLocks(database).drop(number)
    if ended is None:
        raise UsageError(f"there is no lock {number}: vedette lock list shows them")
    return ended


def _database(config: SystemConfig) -> Database:
    return Database.later(config.database, clock=SystemClock(), role="recorder")
