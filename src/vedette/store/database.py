"""One database: opened, upgraded, and asked in transactions that are either for reading or for writing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from vedette.model.errors import DatabaseBusy, DatabaseError
from vedette.model.ports import Clock
from vedette.store.connecting import WRITING, Address, Role, address, engine, make_file
from vedette.store.failures import DatabaseDamaged, mapped
from vedette.store.file_lock import file_lock
from vedette.store.form import is_current
from vedette.store.rescue import backup, problems_of, rescue

__all__ = ["Database", "DatabaseDamaged", "Role", "rescue"]

BUSY_TIMEOUT_S: Final = 5.0


class Database:
    """Connections to one database. All methods may be called from any thread.

    generation  how many different files it has led to so far: 1 once it was opened, more when it was replaced meanwhile
    damaged     what was asked of the present file failed because it is damaged, or has vanished
    """

    def __init__(self, where: Address, role: Role, clock: Clock, busy_timeout_s: float) -> None:
        self._where, self._role = where, role
        self._engine = engine(where, role, busy_timeout_s)
        self._busy_timeout_s = busy_timeout_s
        self._preparing = threading.Lock()
        self._ready = False
        self._file: tuple[int, int] | None = None
        self.generation = 0
        self.damaged = False
        # SQLite has one writer at a time; threads that wait here are served sooner than those that poll its file.
        self._turn = threading.Lock()
        self.clock = clock

    @classmethod
    def open(cls, url: str, *, clock: Clock, role: Role = "writer", busy_timeout_s: float = BUSY_TIMEOUT_S) -> Database:
        """Connect to `url`; make the database, or upgrade it, where needed.

        busy_timeout_s  how long a statement waits for other programs before DatabaseBusy is raised

        Raises DatabaseError (also for one that a newer program wrote), DatabaseBusy, DatabaseDamaged.
        """
        database = cls.later(url, clock=clock, role=role, busy_timeout_s=busy_timeout_s)
        with database._judged():
            database._prepare()
        return database

    @classmethod
    def later(
        cls, url: str, *, clock: Clock, role: Role = "writer", busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> Database:
        """The same, connected to when it is first needed. Raises DatabaseError where `url` is not understood."""
        return cls(address(url), role, clock, busy_timeout_s)

    @property
    def name(self) -> str:
        """Path or address, without a password."""
        return self._where.name

    @property
    def path(self) -> Path | None:
        """The file; None for PostgreSQL."""
        return self._where.path

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database. Raises DatabaseError."""
        with self._judged(), self._connected() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is committed at the end, or rolled back when something is raised. Raises DatabaseError."""
        with self._judged(), self._my_turn(), self._connected() as connection:
            connection.execution_options(**{WRITING: True})
            with connection.begin():
                yield connection

    def _connected(self) -> Connection:
        """A connection to the file that is there now: one that was rescued by somebody is another file than before."""
        here = _identity(self.path)
        if self._ready and here is None and self.path is not None:
            # Whoever made a new one would hide that all is lost: that is for those to decide who can fill it again.
            raise DatabaseDamaged(f"the database {self.name} has vanished; restore its backup")
        if not self._ready or self._file != here:
            self._prepare()
        return self._engine.connect()

    def _prepare(self) -> None:
        with self._preparing:
            if self._ready and self._file == _identity(self.path):
                return
            self._engine.dispose()
            _prepare(self._where, self._role, self.clock, self._busy_timeout_s)
            self._file, self._ready = _identity(self.path), True
            self.generation += 1
            self.damaged = False

    @contextmanager
    def _judged(self) -> Iterator[None]:
        """Map what is raised, and remember that the file is damaged."""
        try:
            with mapped(self.name):
                yield
        except DatabaseDamaged:
            self.damaged = True
            raise

    def reopen(self) -> None:
        """Let go of every connection and connect anew, to a new file where there is none. Raises DatabaseError."""
        self._engine.dispose()
        with self._preparing:
            self._ready = False
        with self._judged():
            self._prepare()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._where.sqlite:
            yield
            return
        if not self._turn.acquire(timeout=self._busy_timeout_s):
            raise DatabaseBusy(f"the database {self.name} is locked by another thread; try again")
        try:
            yield
        finally:
            self._turn.release()

    def integrity(self, *, quick: bool = True) -> list[str]:
        """What is wrong with the database file, one line each; nothing while it is sound.

        quick  leave out comparing every index with its table, which takes minutes for a large file

        PostgreSQL keeps its own house: there it is only asked whether it answers.
        """
        with self._judged(), self._connected() as connection:
            return problems_of(connection, quick=quick)

    def backup(self, path: Path) -> None:
        """Put a copy of the present state at `path`, replacing what was there once the copy is complete and sound.

        Others go on reading and writing meanwhile. Raises DatabaseError.
        """
        if self.path is None:
            raise DatabaseError("PostgreSQL is backed up by its own tools: see pg_dump")
        with self._judged():
            backup(self.path, path, self._busy_timeout_s)

    def close(self) -> None:
        """Free every connection."""
        self._engine.dispose()


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _prepare(where: Address, role: Role, clock: Clock, busy_timeout_s: float) -> None:
    if where.path is None:
        _upgrade(where, role, busy_timeout_s)
        return
    try:
        where.path.parent.mkdir(parents=True, exist_ok=True)
        # Turning on the write-ahead log does not wait for others by itself; nor does a file that is being rescued.
        with file_lock(where.path, clock, max(30.0, busy_timeout_s)):
            make_file(where.path)
            _upgrade(where, role, busy_timeout_s)
    except OSError as error:
        raise DatabaseError(f"the database {where.name} cannot be opened: {error.strerror or error}") from error


def _upgrade(where: Address, role: Role, busy_timeout_s: float) -> None:
    made = engine(where, role, busy_timeout_s, upgrading=True)
    try:
        if not is_current(made):
            from vedette.store.upgrading import upgrade  # noqa: PLC0415 - loads Alembic

            upgrade(made, where.name)
    finally:
        made.dispose()
