"""Addresses of databases, and connections as Vedette needs them."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import URL, Connection, Engine, NullPool, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from vedette.model.errors import DatabaseError

Role = Literal["recorder", "writer", "reader"]
"""What a program does with the database.

`recorder`  deletes files by what it has committed: a commit is on the disk when it returns
`writer`    a power cut may take back its last commits; the database stays whole
`reader`    cannot change anything
"""

WRITING: Final = "vedette_writing"
_CACHE_KIB: Final = 32 * 1024
_WAL_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is. `name` may be shown to anybody: it holds no password."""

    url: URL = field(repr=False)
    name: str
    path: Path | None

    @property
    def sqlite(self) -> bool:
        """It is a file."""
        return self.path is not None


def address(url: str) -> Address:
    """`url` understood: `sqlite:////folder/file` or `postgresql://user@host/name`. Raises DatabaseError."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise DatabaseError(
            "the address of the database is not understood; it reads sqlite:////folder/file.db or "
            "postgresql://user@host/name"
        ) from None
    if backend == "postgresql":
        return Address(parsed.set(drivername="postgresql+psycopg"), parsed.render_as_string(hide_password=True), None)
    if backend != "sqlite":
        raise DatabaseError(f"databases of kind '{backend[:40]}' are not known: sqlite and postgresql are")
    if not parsed.database or parsed.database == ":memory:":
        raise DatabaseError("a database in memory would be lost with the program; name a file: sqlite:////folder/file")
    path = Path(parsed.database).absolute()
    return Address(URL.create("sqlite+pysqlite", database=str(path)), str(path), path)


def engine(where: Address, role: Role, busy_timeout_s: float, *, upgrading: bool = False) -> Engine:
    """An engine whose transactions are explicit. Raises DatabaseError when the driver is missing."""
    if where.path is not None:
        return _sqlite(where.url, role, busy_timeout_s, upgrading=upgrading)
    milliseconds = max(1, round(busy_timeout_s * 1000))
    options = f"-c lock_timeout={milliseconds} -c timezone=UTC"
    if role == "reader" and not upgrading:
        options += " -c default_transaction_read_only=on"
    connect = {"options": options, "connect_timeout": max(2, round(busy_timeout_s)), "client_encoding": "utf8"}
    try:
        return create_engine(where.url, connect_args=connect, pool_pre_ping=True, **_pool(busy_timeout_s, upgrading))
    except ModuleNotFoundError as error:
        raise DatabaseError("PostgreSQL needs a driver: pip install 'vedette[postgresql]'") from error


def _pool(busy_timeout_s: float, upgrading: bool) -> dict[str, Any]:
    if upgrading:
        return {"poolclass": NullPool}
    return {"poolclass": QueuePool, "pool_size": 4, "max_overflow": 12, "pool_timeout": max(1.0, busy_timeout_s)}


def _sqlite(url: URL, role: Role, busy_timeout_s: float, *, upgrading: bool) -> Engine:
    connect = {"timeout": busy_timeout_s, "check_same_thread": False}
    made = create_engine(url, connect_args=connect, **_pool(busy_timeout_s, upgrading))
    pragmas = [
        "journal_mode = WAL",
        f"synchronous = {'FULL' if role == 'recorder' or upgrading else 'NORMAL'}",
        # Tables are made anew under their old name when columns change; rows that refer to them must not mind.
        f"foreign_keys = {'OFF' if upgrading else 'ON'}",
        f"cache_size = -{_CACHE_KIB}",
        f"journal_size_limit = {_WAL_BYTES}",
        "temp_store = MEMORY",
        "trusted_schema = OFF",
        *(["query_only = ON"] if role == "reader" and not upgrading else []),
    ]

    @event.listens_for(made, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # Python's own way begins transactions where it thinks fit; here they begin where the code says.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when another program wrote in between.
        writing = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return made


def make_file(path: Path) -> None:
    """An empty file that only its owner may read, unless there is one. Raises OSError."""
    # One that is there is left alone: closing it would take away the locks that this process holds on it elsewhere.
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
