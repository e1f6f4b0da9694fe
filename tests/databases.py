"""Databases for tests: an SQLite file, and a real PostgreSQL on a socket in a temporary folder.

A test module that says `pytest_plugins = ["databases"]` has the fixture `database`, once for each kind, always empty.

PYTEST_DONT_REWRITE: a test module may import names from here before pytest takes it as a plug-in.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from vedette.clock import SimulatedClock
from vedette.store.database import Database, Role
from vedette.store.schema import metadata
from vedette.store.upgrading import revisions

_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")
_PATIENCE_S = 60.0
_numbers = count()

Opener = Callable[..., Database]
"""Opens the database of a test once more: `role=`, `busy_timeout_s=`, `clock=`."""


def _program(name: str) -> str | None:
    found = [str(path) for pattern in _FOLDERS for path in sorted(Path("/").glob(f"{pattern[1:]}/{name}"))]
    return found[-1] if found else shutil.which(name)


class PostgresServer:
    """A server of its own, for the user that runs the tests (for root: another, because it refuses root)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = [_program(name) for name in ("initdb", "postgres")]
        if None in programs:
            pytest.skip("PostgreSQL is not installed")
        self._initdb, self._postgres = (str(program) for program in programs)
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = next(entry for entry in pwd.getpwall() if entry.pw_name in ("postgres", "nobody"))
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        self._free: list[str] = []

    def start(self) -> None:
        """Make the cluster and start it; return when it answers."""
        data = self.folder / "data"
        made = [self._initdb, "-D", str(data), "-A", "trust", "-U", "vedette", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd="/", **self._as)
        self.resume()

    def resume(self) -> None:
        """Start it once it is made, also after a stop; return when it answers."""
        data = self.folder / "data"
        settings = {
            "listen_addresses": "", "unix_socket_directories": str(self.folder), "fsync": "off",
            "shared_buffers": "32MB", "full_page_writes": "off", "synchronous_commit": "off",
            "max_connections": "60", "jit": "off",
        }  # fmt: skip
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("wb") as log:
            command = [self._postgres, "-D", str(data), *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._as)
        until = time.monotonic() + _PATIENCE_S
        while not self._answers():
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text(errors="replace"))
            time.sleep(0.05)

    def stop(self) -> None:
        """End it, and wait until it has."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def url(self, name: str = "postgres") -> str:
        """Address of one of its databases."""
        return f"postgresql://vedette@/{name}?host={self.folder}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        """Statements outside of any transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def lend(self) -> str:
        """Name of an empty database, made anew or taken back before."""
        if self._free:
            return self._free.pop()
        name = f"test_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template_vedette")
        return name

    def take_back(self, name: str) -> None:
        """Empty a lent database: much faster than making one."""
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 - our own
        self.run(ended)
        self.run(
            "SET session_replication_role = replica",  # the triggers of the access log would refuse
            f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY",
            f"UPDATE alembic_version SET version_num = '{revisions()[-1]}'",  # noqa: S608 - our own
            database=name,
        )
        self._free.append(name)

    def _answers(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL with one database of Vedette, `template_vedette`, to copy."""
    folder = Path(tempfile.mkdtemp(prefix="vedette-pg-"))
    server = PostgresServer(folder)
    try:
        server.start()
        server.run("CREATE DATABASE template_vedette")
        Database.open(server.url("template_vedette"), clock=SimulatedClock()).close()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'vedette.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.lend()
    yield server.url(name)
    server.take_back(name)


@pytest.fixture
def clock() -> SimulatedClock:
    """The clock of `database`."""
    return SimulatedClock()


@pytest.fixture
def open_database(database_url: str, clock: SimulatedClock) -> Iterator[Opener]:
    """Opens the database of this test as often as is asked for, and closes them all."""
    opened: list[Database] = []

    def once_more(role: Role = "writer", busy_timeout_s: float = 5.0) -> Database:
        opened.append(Database.open(database_url, clock=clock, role=role, busy_timeout_s=busy_timeout_s))
        return opened[-1]

    yield once_more
    for database in opened:
        database.close()


@pytest.fixture
def database(open_database: Opener) -> Database:
    """An empty database, open for the recorder; the test runs with each kind."""
    return open_database(role="recorder")
