"""What databases raise, as what Vedette raises: mapped here, once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

from vedette.model.errors import DatabaseBusy, DatabaseError

_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SQLITE: Final = {
    sqlite3.SQLITE_FULL: "has no room left on its disk; free some",
    sqlite3.SQLITE_READONLY: "may only be read; look at its permissions and at how its disk is mounted",
    sqlite3.SQLITE_IOERR: "cannot be read or written; look after its disk",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; look at its folder and permissions",
    sqlite3.SQLITE_PERM: "cannot be opened; look at its permissions",
    sqlite3.SQLITE_AUTH: "cannot be opened; look at its permissions",
}
_BUSY_STATES: Final = {
    "55P03",  # lock_not_available
    "40P01",  # deadlock_detected
    "40001",  # serialization_failure
    "53300",  # too_many_connections
    "57P03",  # cannot_connect_now: it is starting or stopping
}


class DatabaseDamaged(DatabaseError):
    """The file is no sound database any more; `rescue` puts another in its place."""


@contextmanager
def mapped(name: str) -> Iterator[None]:
    """Raise DatabaseError for whatever goes wrong inside with the database called `name`."""
    try:
        yield
    except exc.TimeoutError as error:
        raise DatabaseBusy(f"the database {name} has no connection free; try again") from error
    except exc.DBAPIError as error:
        raise _of(error.orig or error, name) from error
    except (sqlite3.Error, exc.SQLAlchemyError, OverflowError) as error:
        raise _of(error, name) from error


def _of(error: BaseException, name: str) -> DatabaseError:
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error, name)
    state = getattr(error, "sqlstate", None)
    text = first_line(error)
    if state in _BUSY_STATES:
        return DatabaseBusy(f"the database {name} is busy ({text}); try again")
    if isinstance(error, _operational()) and (state is None or str(state).startswith(("08", "57P", "28", "3D"))):
        return DatabaseError(f"the database {name} does not answer: {text}")
    return DatabaseError(f"the database {name} refuses: {text}")


def _of_sqlite(error: sqlite3.Error, name: str) -> DatabaseError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return DatabaseBusy(f"the database {name} is locked by another program; try again")
    if code in _DAMAGED:
        return DatabaseDamaged(f"the database {name} is damaged ({first_line(error)}); restore its backup")
    return DatabaseError(f"the database {name} {_SQLITE.get(code, f'refuses: {first_line(error)}')}")


def _operational() -> tuple[type[BaseException], ...]:
    try:
        import psycopg  # noqa: PLC0415 - an extra
    except ImportError:
        return ()
    return (psycopg.OperationalError, psycopg.InterfaceError)


def first_line(error: BaseException) -> str:
    """What an error says, in one line of bearable length."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
