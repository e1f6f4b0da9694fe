"""Evidence locks: what nothing deletes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from vedette.model.recording import Lock
from vedette.store import statements
from vedette.store.database import Database
from vedette.store.schema import locks


class SqlLocks:
    """Making and ending evidence locks. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, lock: Lock) -> None:
        """Lock a time of a camera, or change the lock with that id. What was condemned before it is not saved."""
        row = {name: getattr(lock, name) for name in locks.c.keys()}  # noqa: SIM118 - not a dictionary
        with self._database.writing() as connection:
            statements.put(connection, locks, row)

    def drop(self, number: int) -> Lock | None:
        """End a lock; the lock as it was, or None when there is none of that id."""
        with self._database.writing() as connection:
            row = connection.execute(select(locks).where(locks.c.id == number)).first()
            connection.execute(delete(locks).where(locks.c.id == number))
            return None if row is None else Lock(**row._mapping)

    def all(self, camera: str | None = None) -> Sequence[Lock]:
        """Locks of one camera or of all, oldest time first."""
        with self._database.reading() as connection:
            return read_locks(connection, camera)


def read_locks(connection: Connection, camera: str | None) -> list[Lock]:
    """Locks of one camera or of all, oldest time first."""
    query = select(locks).order_by(locks.c.start_utc_ns, locks.c.id)
    if camera is not None:
        query = query.where(locks.c.camera == camera)
    return [Lock(**row._mapping) for row in connection.execute(query)]
